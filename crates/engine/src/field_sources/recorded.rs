//! What a row of the taxonomy makes of the fields of a payload: the steps of normalisation, over names.

use std::collections::{BTreeMap, BTreeSet};

use etwatch_event::field::HEADER_FIELDS;
use etwatch_normalise::table::EventRow;

use super::Way;
use super::row::renames;

/// The fields that an event of `row` has, and how, if its payload has the fields `told`.
pub(super) fn recorded(row: &EventRow, told: &BTreeSet<String>) -> BTreeMap<String, Way> {
    let mut ways = plain(told);
    let before = ways.clone();
    for (from, to) in renames(row) {
        let way = before.get(from).cloned();
        let is_header = HEADER_FIELDS.contains(&from);
        let header = || is_header.then(|| Way::Header { name: from.to_owned() });
        if let Some(way) = way.or_else(header) {
            ways.insert(to.to_owned(), way);
        }
    }
    for (to, templates) in &row.compose {
        let complete = templates
            .iter()
            .find(|template| names_in(template).all(|name| ways.contains_key(name)));
        if let Some(template) = complete {
            let template = template.clone();
            ways.insert(to.clone(), Way::Composed { template });
        }
    }
    for (to, parts) in &row.extract {
        if let Some(part) = parts.iter().find(|part| ways.contains_key(&part.from)) {
            ways.insert(to.clone(), Way::Extracted { name: part.from.clone() });
        }
    }
    for (name, how) in &row.convert {
        if let Some(way) = ways.remove(name) {
            ways.insert(name.clone(), way.converted(*how));
        }
    }
    for name in &row.remove {
        ways.remove(name);
    }
    for (name, value) in &row.constants {
        ways.entry(name.clone()).or_insert_with(|| Way::Constant { value: value.clone() });
    }
    ways
}

/// The fields of a payload as they are.
pub(super) fn plain(told: &BTreeSet<String>) -> BTreeMap<String, Way> {
    let payload = |name: &String| Way::Payload { name: name.clone(), conversion: None };
    told.iter().map(|name| (name.clone(), payload(name))).collect()
}

/// The names in the braces of a template.
fn names_in(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_the_way_that_events_go() {
        let row: EventRow = serde_yaml::from_str(
            "{id: 1, name: x, rename: {ProcessID: ProcessId, Execution_ThreadID: T, Gone: G},
              compose: {Path: ['{Key}\\{Value}', '{Key}\\(Default)']},
              convert: {ProcessId: process_id}, remove: [Key],
              constants: {Kind: set, ProcessID: x}}",
        )
        .unwrap();
        let told = ["ProcessID", "Key"].map(str::to_owned).into();
        let ways = recorded(&row, &told);
        let payload = |conversion: Option<&str>| Way::Payload {
            name: "ProcessID".into(),
            conversion: conversion.map(str::to_owned),
        };
        let expected = [
            ("Kind", Way::Constant { value: "set".into() }),
            ("Path", Way::Composed { template: "{Key}\\(Default)".into() }),
            ("ProcessID", payload(None)),
            ("ProcessId", payload(Some("process id"))),
            ("T", Way::Header { name: "Execution_ThreadID".into() }),
        ];
        let expected = expected.map(|(name, way)| (name.to_owned(), way)).into();
        assert_eq!(ways, expected);
    }
}
