//! One act, written down by Sysmon, by Windows' own logs and by ETW: the same rules fire, or a reason is known.
//!
//! | module | about |
//! |---|---|
//! | `act` | the data: acts in all their forms, and the host they happen on |
//! | `payload` | fields to the bytes of an ETW event |
//! | `recorded` | an act to recordings |
//! | `replayed` | a recording to the event it holds and the rules that fire |
//! | `compared` | the forms of an act side by side |
//! | `differences` | which fields keep a rule from firing, and the table of reasons |
//! | `page` | `docs/parity.md` |
//! | `stories` | the `.etl` files in `fixtures/` |
//! | `values` | how numbers, hex text and `-` compare, whoever wrote them |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod act;
mod compared;
mod differences;
mod page;
mod payload;
mod recorded;
mod replayed;
mod stories;
#[path = "../support/mod.rs"]
mod support;
mod values;

use std::path::Path;

use compared::Compared;
use differences::Reasons;
use etwatch_engine::{Engine, Workers};
use support::{corpus, engine, golden, root};

fn compare_all(engine: &Engine, reasons: &mut Reasons) -> Vec<Compared> {
    let workers = Workers::start(engine.clone(), 1).unwrap();
    let host = act::host();
    let acts = act::acts();
    acts.iter().map(|act| compared::compare(engine, &workers, &host, act, reasons)).collect()
}

fn unexplained(all: &[Compared]) -> Vec<&String> {
    all.iter().flat_map(|compared| &compared.unexplained).collect()
}

/// With our own rules; needs nothing that is not part of the project.
#[test]
fn the_same_act_has_the_same_fields_whoever_wrote_it_down() {
    root();
    let (engine, _) = engine(&[Path::new("rules")]);
    let all = compare_all(&engine, &mut Reasons::read());
    assert!(unexplained(&all).is_empty(), "{:#?}", unexplained(&all));
}

/// With SigmaHQ's rules as well, which are what most reasons are about.
#[test]
fn the_same_rules_fire_whoever_wrote_it_down() {
    let Some(corpus) = corpus() else { return };
    let (engine, _) = engine(&[&corpus.join("sigma"), Path::new("rules")]);
    let mut reasons = Reasons::read();
    let all = compare_all(&engine, &mut reasons);
    assert!(unexplained(&all).is_empty(), "{:#?}", unexplained(&all));
    let unused = reasons.unused();
    assert!(unused.is_empty(), "reasons for no difference: {unused:#?}");
    for compared in &all {
        let fired = compared.everywhere.len() + compared.splits.len();
        assert!(fired > 0, "{}: no rule fires, so nothing is compared", compared.act);
    }
    golden(&root().join("docs/parity.md"), &page::page(&engine, &all, &reasons));
    let everywhere: usize = all.iter().map(|compared| compared.everywhere.len()).sum();
    let splits: usize = all.iter().map(|compared| compared.splits.len()).sum();
    println!("{} acts: {everywhere} rules fire on all forms, {splits} on some", all.len());
}
