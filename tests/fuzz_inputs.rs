//! What fuzzing found, and what it starts from, through the same checks without a fuzzer.
//!
//! `fuzz/regressions/TARGET/` has an input for each finding, named after it; `fuzz/seeds/TARGET/` the
//! inputs that a campaign begins with. `fuzz/README.md` tells more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "a failure in a test is a finding"
)]

#[path = "../fuzz/src/lib.rs"]
mod checks;

use std::path::{Path, PathBuf};

use checks::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The names of what lies in a folder, sorted; none if it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs the inputs of each target in a folder; returns how many each has.
fn run(folder: &str) -> Vec<usize> {
    let folder = fuzz().join(folder);
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for name in names(&folder) {
        assert!(known.contains(&name.as_str()), "no target is called {name}");
    }
    let inputs = |(target, check): &(&str, fn(&[u8]))| {
        let inputs = names(&folder.join(target));
        for input in &inputs {
            // Shown if it fails.
            eprintln!("{target}/{input}");
            check(&std::fs::read(folder.join(target).join(input)).unwrap());
        }
        inputs.len()
    };
    TARGETS.iter().map(inputs).collect()
}

#[test]
fn what_fuzzing_found_stays_fixed() {
    assert!(run("regressions").iter().sum::<usize>() > 0);
}

#[test]
fn each_target_has_seeds_that_pass() {
    let counts = run("seeds");
    assert!(counts.iter().all(|count| *count >= 3), "{counts:?}");
}

/// `ETWATCH_BLESS=1` writes the seeds of state anew; what they hold is of use as long as the plan is the same.
#[test]
fn state_is_read_as_it_was_written() {
    for (name, count) in [("empty", 0), ("begun", 2), ("full", 60)] {
        let bytes = checks::read_state::state_after(count);
        checks::read_state::check(&bytes);
        if std::env::var_os("ETWATCH_BLESS").is_some() {
            let folder = fuzz().join("seeds/read_state");
            std::fs::create_dir_all(&folder).unwrap();
            // What stands behind the head can be changed without being refused at once.
            std::fs::write(folder.join(format!("{name}-content")), &bytes[58..]).unwrap();
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

/// Comparing nothing with nothing would prove nothing.
#[test]
fn rules_of_seeds_match() {
    let folder = fuzz().join("seeds/evaluate");
    let matches =
        |seed: String| checks::evaluate::matches(&std::fs::read(folder.join(seed)).unwrap());
    let matches: Vec<usize> = names(&folder).into_iter().map(matches).collect();
    assert!(matches.iter().filter(|count| **count > 0).count() >= 3, "{matches:?}");
}

/// The seeds are event logs by their bytes, not only by their signature.
#[test]
fn seeds_of_event_logs_hold_records() {
    for (seed, records, text) in [
        ("template-used-twice", 2, "C:\\\\a.exe"),
        ("each-type-of-value", 1, "S-1-5-18"),
        ("fragment-as-value", 1, "Inner"),
        ("without-template", 1, "EventID"),
        ("two-chunks-third-missing", 2, "C:\\\\a.exe"),
        ("damaged-record", 0, ""),
    ] {
        let bytes = std::fs::read(fuzz().join("seeds/read_evtx").join(seed)).unwrap();
        let outcome = checks::read_evtx::outcome(&bytes).unwrap();
        assert_eq!(outcome.records.len(), records, "{seed} {outcome:?}");
        assert!(
            records == 0 || outcome.records.iter().any(|one| one.contains(text)),
            "{outcome:?}"
        );
    }
}

#[test]
fn seeds_of_events_in_xml_hold_some() {
    let count = |bytes: &[u8]| {
        checks::read_event_xml::outcome(bytes).map_or(0, |outcome| outcome.records.len())
    };
    for (seed, events) in counts("read_event_xml", count) {
        let least = match seed.as_str() {
            "in-events-narrow" => 1,
            "one-a-line" => 2,
            // Over several blocks.
            _ => 300,
        };
        assert!(events >= least, "{seed}: {events}");
    }
}

/// What a count of the seeds of a target came to.
fn counts(target: &str, count: fn(&[u8]) -> usize) -> Vec<(String, usize)> {
    let folder = fuzz().join("seeds").join(target);
    let of = |seed: String| {
        let counted = count(&std::fs::read(folder.join(&seed)).unwrap());
        (seed, counted)
    };
    names(&folder).into_iter().map(of).collect()
}

/// The header of a log is a record too.
#[test]
fn seeds_of_logs_hold_records() {
    let count =
        |bytes: &[u8]| checks::read_etl::outcome(bytes).map_or(0, |outcome| outcome.records.len());
    for (seed, records) in counts("read_etl", count) {
        let least = match seed.as_str() {
            "file" => 8,
            "each-form" => 13,
            "packed" | "old-32-bits" => 12,
            // Those that are damaged or cut off.
            _ => 2,
        };
        assert!(records >= least, "{seed}: {records}");
    }
}

#[test]
fn seeds_of_schemas_tell_some() {
    for (seed, schemas) in counts("parse_schema", checks::parse_schema::schemas) {
        let told = match seed.as_str() {
            "manifest" => 2,
            // Two versions, two events, under two GUIDs, and a class with two.
            "table" => 10,
            _ => 1,
        };
        assert_eq!(schemas, told, "{seed}");
    }
}

#[test]
fn seeds_of_payloads_have_values() {
    for (seed, values) in counts("decode_payload", checks::decode_payload::values) {
        assert_eq!(values == 0, seed == "message", "{seed}");
    }
}

#[test]
fn seeds_of_images_tell_some() {
    for (seed, facts) in counts("read_pe", checks::read_pe::facts) {
        let told = match seed.as_str() {
            // The hash of imports, two texts, three functions.
            "parts-64-bits" | "damaged" => 6,
            // The hash of imports and a function.
            _ => 2,
        };
        assert_eq!(facts, told, "{seed}");
    }
}

#[test]
fn each_check_is_a_fuzz_target() {
    let mut known: Vec<String> = TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    known.sort();
    assert_eq!(names(&fuzz().join("fuzz_targets")), known);
}
