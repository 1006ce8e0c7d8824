//! One table: etwatch beside rsigma, the same rules and events, in the same run.
//!
//! `cargo run --release --manifest-path benches/versus/Cargo.toml -- CORPUS [SECTION…]`, where CORPUS holds
//! `sigma/` (rules) and `evtx/` (recordings). Sections: `load`, `match`, `hits`, `growth`, `program`,
//! `correlations` (which needs nothing of the corpus); all without any. Whatever is compared runs in turn, pass by
//! pass; the best pass counts.

mod cold;
mod correlations;
mod growth;
mod measure;
mod ours;
mod program;
mod theirs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use measure::{Counting, allocations, best_in_turn, cpu_seconds, resident_kib};
use ours::Ours;
use theirs::Theirs;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PASSES: usize = 7;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let corpus = PathBuf::from(arguments.next().expect("the folder of the corpus"));
    let sections: Vec<String> = arguments.collect();
    let wanted = |name: &str| sections.is_empty() || sections.iter().any(|one| one == name);

    if wanted("correlations") {
        correlations::table();
    }
    if sections == ["correlations"] {
        return;
    }
    let (ours, theirs) = load(&corpus, wanted("load"));
    let mixed = ours.events(&corpus.join("evtx"), false);
    let mixed_cold = ours.events(&corpus.join("evtx"), true);
    let is_process = |event: &etwatch_event::Event<'_>| {
        event.log_sources().iter().any(|one| one.category.as_deref() == Some("process_creation"))
    };
    let processes = ours::select(&mixed, is_process);
    let processes_cold = ours::select(&mixed_cold, is_process);
    if wanted("match") {
        println!("\nmatch, events/s, best of {PASSES} passes in turn");
        println!("{:44} {:>12} {:>12} {:>7}", "", "etwatch", "rsigma", "ratio");
        for (name, events) in [
            ("warm, mixed", &mixed),
            ("cold, mixed", &mixed_cold),
            ("warm, process creation", &processes),
            ("cold, process creation", &processes_cold),
        ] {
            compare(&ours, &theirs, name, events);
        }
        steady_state(&ours, &mixed_cold);
    }
    if sections.iter().any(|one| one == "profile") {
        // For a profiler: matching alone, long enough to be seen.
        for _ in 0..600 {
            ours.run(&processes_cold, 1);
        }
        ours.describe(&processes_cold);
        ours.describe(&mixed_cold);
        ours.in_vain(&processes_cold);
        println!();
        ours.in_vain(&mixed_cold);
    }
    if wanted("hits") {
        hits(&ours, &theirs, &mixed);
    }
    if wanted("growth") {
        growth::table(&corpus.join("sigma"), &corpus.join("evtx"));
    }
    if wanted("program") {
        program::table(&corpus);
    }
}

/// Loads both, etwatch first; prints what that took.
fn load(corpus: &Path, print: bool) -> (Ours, Theirs) {
    let rules = corpus.join("sigma");
    let mut ours_cpu = f64::MAX;
    let mut theirs_cpu = f64::MAX;
    let base = resident_kib();
    let start = cpu_seconds();
    let ours = Ours::load(&rules);
    ours_cpu = ours_cpu.min(cpu_seconds() - start);
    let ours_kib = resident_kib() - base;
    let start = cpu_seconds();
    let plans = if print { ours.build_plans() } else { 0 };
    let plans_cpu = cpu_seconds() - start;
    let plans_kib = resident_kib() - base;
    let before = resident_kib();
    let start = cpu_seconds();
    let theirs = Theirs::load(&rules);
    theirs_cpu = theirs_cpu.min(cpu_seconds() - start);
    let theirs_kib = resident_kib() - before;
    if print {
        // The first load also warms the file cache; the better of three counts.
        for _ in 0..2 {
            let start = cpu_seconds();
            drop(Ours::load(&rules));
            ours_cpu = ours_cpu.min(cpu_seconds() - start);
            let start = cpu_seconds();
            drop(Theirs::load(&rules));
            theirs_cpu = theirs_cpu.min(cpu_seconds() - start);
        }
        println!("load, CPU seconds, best of 3; resident memory it adds");
        println!("etwatch  {:5} rules  {ours_cpu:.3} s  {:6.1} MiB", ours.rules(), mib(ours_kib));
        println!("  and all {plans} plans at once  {plans_cpu:.3} s  {:6.1} MiB in all", mib(plans_kib));
        println!("rsigma   {:5} rules  {theirs_cpu:.3} s  {:6.1} MiB", theirs.rules(), mib(theirs_kib));
        println!("ratio of load: {:.2} of its CPU", ours_cpu / theirs_cpu);
    }
    (ours, theirs)
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn compare(ours: &Ours, theirs: &Theirs, name: &str, events: &[etwatch_event::EventBatch]) {
    let count: usize = events.iter().map(etwatch_event::EventBatch::len).sum();
    let their_events = theirs::events(events);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let cores = if threads == 1 { "one core" } else { "two cores" };
        let [mine, other] = best_in_turn(
            PASSES,
            [&mut || pool.install(|| ours.run(events, threads)), &mut || {
                pool.install(|| theirs.run(&their_events, threads))
            }],
        );
        let rate = |seconds: f64| count as f64 / seconds;
        println!(
            "{:44} {:>12.0} {:>12.0} {:>6.1}×",
            format!("{cores}, {name}, {count} events"),
            rate(mine),
            rate(other),
            other / mine
        );
        println!("  ratio to rsigma, {cores}, {name}: {:.1}×", other / mine);
        if threads == 2 {
            let [alone, both] = best_in_turn(
                PASSES,
                [&mut || ours.run(events, 1), &mut || pool.install(|| ours.run(events, 2))],
            );
            println!("  two workers over one, {name}: {:.2}×", alone / both);
        }
    }
    let [floor] = best_in_turn(PASSES, [&mut || ours::floor(events)]);
    let [mine] = best_in_turn(PASSES, [&mut || ours.run(events, 1)]);
    println!(
        "  floor (fold and one scan): {:.0} ns an event; etwatch: {:.0} ns",
        floor * 1e9 / count as f64,
        mine * 1e9 / count as f64
    );
}

/// What is allocated for events that match nothing, once everything is warm.
fn steady_state(ours: &Ours, events: &[etwatch_event::EventBatch]) {
    let quiet = ours::select(events, |event| !ours.matches_any(event));
    let count: usize = quiet.iter().map(etwatch_event::EventBatch::len).sum();
    ours.run(&quiet, 1);
    let before = allocations();
    let found = ours.run_warm(&quiet);
    let made = allocations() - before;
    println!("allocations for {count} events that match nothing ({found} matches): {made}");
}

/// How often each rule matches, there and here.
fn hits(ours: &Ours, theirs: &Theirs, events: &[etwatch_event::EventBatch]) {
    let mine = ours.hits(events);
    let other = theirs.hits(&theirs::events(events));
    let mut rules: BTreeMap<&String, (usize, usize)> = BTreeMap::new();
    for (rule, count) in &mine {
        rules.entry(rule).or_default().0 = *count;
    }
    for (rule, count) in &other {
        rules.entry(rule).or_default().1 = *count;
    }
    let sum = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
    println!("\nhits: etwatch {} of {} rules, rsigma {} of {}", sum(&mine), mine.len(), sum(&other), other.len());
    for (rule, (mine, other)) in rules.iter().filter(|(_, (mine, other))| mine != other) {
        println!("  etwatch {mine:4}  rsigma {other:4}  {rule}");
    }
}
