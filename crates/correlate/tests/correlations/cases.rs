//! Correlations over sequences of matches, as `cases.yaml` has them.

use crate::support::{Play, text};
use serde_yaml::Value;

/// What is played, and what is expected of it.
fn check(case: &Value) -> Result<(), String> {
    let mut play = Play::of(&case["correlation"], &case["inner"]);
    for event in case["events"].as_sequence().unwrap() {
        play.event(event);
    }
    play.finish();
    let expected: Vec<_> = case["alerts"].as_sequence().unwrap().iter().map(text).collect();
    if play.alerts != expected {
        return Err(format!("{:?}, expected {expected:?}", play.alerts));
    }
    let counts = play.correlator.counts();
    let found = [
        ("missing", counts.missing),
        ("not_numeric", counts.not_numeric),
        ("late", counts.late),
        ("overflowed", counts.overflowed),
    ];
    for (name, found) in found {
        let expected = case["counts"][name].as_u64().unwrap_or(0);
        if found != expected {
            return Err(format!("{name}: {found}, expected {expected}"));
        }
    }
    Ok(())
}

#[test]
fn each_sequence_gives_the_alerts_that_the_table_says() {
    let cases: Value = serde_yaml::from_str(include_str!("cases.yaml")).unwrap();
    let cases = cases.as_sequence().unwrap();
    let failed: Vec<_> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", text(&case["name"]), check(case).err()?)))
        .collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
