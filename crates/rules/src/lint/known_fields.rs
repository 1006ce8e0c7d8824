//! Fields that no event of the rule's log source has: the item is then false of each, its negation true.
//!
//! Who makes events (the taxonomy's tables) tells which fields each kind of them has, and whether these
//! are all. A rule's log source stands for the kinds that it fits:
//!
//! - A category of which each kind is completely known has no other fields: any other name is told.
//! - Elsewhere (a channel to which many providers write, events whose data has no fixed names) a name is
//!   told only if it is a slip of a known one: `Commandline`, `ProcessId` for `Execution_ProcessID`, or one
//!   letter beside a long name.
//! - The header's fields and `Message` are everywhere. A name with dots is a path into nested values, of
//!   which nothing is known. Of a log source that no kind fits nothing is known either.
//! - Windows' `Feature Name` may be written `FeatureName` or `Feature_Name`: normalisation gives it both.

use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{LogSource, LogSourceSet};
use hashbrown::HashSet;

use crate::diagnostic::{Problem, nearest};
use crate::yaml::{Kind, Node};

/// The message of an event in words, which recordings may have beside its data.
const MESSAGE: &str = "Message";
/// From this length on one wrong letter is more likely than another name.
const LONG_NAME: usize = 8;
/// The field with all hashes of a file, such as `MD5=…,SHA256=…`.
const HASHES: &str = "Hashes";
/// Unknown names of a rule that are looked at: each is compared with all known ones.
const UNKNOWN: usize = 200;
/// Names that a hint lists at most.
const LISTED: usize = 16;

/// The fields of one kind of events.
#[derive(Clone, Debug)]
struct KnownKind {
    sources: LogSourceSet,
    names: Vec<String>,
    /// Further names that its host adds: too many to list.
    given: Vec<String>,
    complete: bool,
}

/// The fields that log sources are known to have.
#[derive(Clone, Debug, Default)]
pub struct KnownFields {
    kinds: Vec<KnownKind>,
}

impl KnownFields {
    /// Adds a kind of events: its log sources and the names of its fields, and whether it has no others.
    pub fn add(&mut self, sources: LogSourceSet, names: Vec<String>, complete: bool) {
        self.kinds.push(KnownKind { sources, names, given: Vec::new(), complete });
    }
    /// Gives further names to the kind that was added last. They are known, but in hints that list the fields
    /// of a log source they are left out.
    pub fn give(&mut self, names: Vec<String>) {
        if let Some(kind) = self.kinds.last_mut() {
            kind.given = names;
        }
    }
    /// The further names of the kinds that a rule's log source fits, each once.
    fn given(&self, log_source: &LogSource) -> Vec<&str> {
        let mut seen = HashSet::new();
        let kinds = self.kinds.iter().filter(|kind| kind.sources.fits(log_source));
        let names = kinds.flat_map(|kind| &kind.given).map(String::as_str);
        names.filter(|name| seen.insert(*name)).collect()
    }

    /// The names of the kinds that a rule's log source fits, in their order; whether these are all names
    /// there can be. `None` if no kind fits.
    fn of(&self, log_source: &LogSource) -> Option<(Vec<&str>, bool)> {
        let mut complete = log_source.category.is_some() && log_source.product.is_some();
        let (mut names, mut seen) = (Vec::new(), HashSet::new());
        for kind in self.kinds.iter().filter(|kind| kind.sources.fits(log_source)) {
            complete &= kind.complete;
            let new = kind.names.iter().map(String::as_str).filter(|name| seen.insert(*name));
            names.extend(new);
        }
        (!names.is_empty()).then_some((names, complete))
    }
}

/// Warns of the fields in `detections`, a mapping by name, that events of `log_source` do not have; once of
/// each.
pub(super) fn check(
    detections: &Node,
    log_source: &LogSource,
    known: &KnownFields,
    problems: &mut Vec<Problem>,
) {
    let Some((names, complete)) = known.of(log_source) else { return };
    let Kind::Map(entries) = &detections.kind else { return };
    let mut used = Vec::new();
    for (_, detection) in entries {
        collect(detection, &mut used);
    }
    let mut seen = HashSet::new();
    let all: HashSet<&str> = names.iter().chain(HEADER_FIELDS).copied().collect();
    let given = known.given(log_source);
    for (name, at) in used {
        let without_blanks = name.replace('_', "");
        let is_known =
            all.contains(name) || all.contains(without_blanks.as_str()) || name == MESSAGE;
        if is_known
            || given.contains(&name)
            || name.is_empty()
            || name.contains('.')
            || !seen.insert(name)
        {
            continue;
        }
        if seen.len() > UNKNOWN {
            break;
        }
        let slip = names.iter().chain(&given).find(|known| is_slip(name, known));
        if !complete && slip.is_none() {
            continue;
        }
        let message = format!("events of {log_source} have no field `{name}`");
        let problem =
            Problem::warning("SIG024", at.span.clone(), message).label("not a field here");
        let near = slip.copied().or_else(|| nearest(name, names.iter().copied()));
        problems.push(problem.hint(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if is_hash(name) && names.contains(&HASHES) => {
                format!("write `{HASHES}|contains: '{}=…'`", name.to_uppercase())
            }
            None => format!("their fields: {}", listed(&names)),
        }));
    }
}

/// The fields that a detection names, and where.
fn collect<'a>(node: &'a Node, used: &mut Vec<(&'a str, &'a Node)>) {
    match &node.kind {
        Kind::Scalar(..) => {}
        Kind::List(items) => items.iter().for_each(|item| collect(item, used)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                let Some((field, modifiers)) = key.text().map(split) else { continue };
                used.push((field, key));
                if modifiers.split('|').any(|modifier| modifier == "fieldref") {
                    let values = match &value.kind {
                        Kind::List(items) => items.as_slice(),
                        _ => std::slice::from_ref(value),
                    };
                    used.extend(values.iter().filter_map(|value| Some((value.text()?, value))));
                }
            }
        }
    }
}

/// A key's field and modifiers.
fn split(key: &str) -> (&str, &str) {
    key.split_once('|').unwrap_or((key, ""))
}

/// Whether `name` is most likely `known`, written wrong.
fn is_slip(name: &str, known: &str) -> bool {
    let bare = |text: &str| text.replace(['_', '-', ' '], "").to_lowercase();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let without_element = known.strip_prefix("Execution_").unwrap_or(known);
    bare(name) == bare(known)
        || bare(name) == bare(without_element)
        || name.len() >= LONG_NAME
            && digits(name) == digits(known)
            && strsim::damerau_levenshtein(name, known) == 1
}

/// Whether a field is named after a hash: Sysmon has all of them in one field.
fn is_hash(name: &str) -> bool {
    ["md5", "sha1", "sha256", "imphash"].contains(&name.to_lowercase().as_str())
}

/// Names for a hint, not too many.
fn listed(names: &[&str]) -> String {
    let shown = names.iter().filter(|name| !HEADER_FIELDS.contains(name));
    let shown: Vec<_> = shown.copied().collect();
    let rest = shown.len().saturating_sub(LISTED);
    let text = shown.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    if rest == 0 { text } else { format!("{text} and {rest} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_names() {
        for (name, known, slip) in [
            ("Commandline", "CommandLine", true),
            ("TargetUsername", "TargetUserName", true),
            ("target_username", "TargetUserName", true),
            ("ProcessId", "Execution_ProcessID", true),
            ("CommandLin", "CommandLine", true),
            ("CommandLine2", "CommandLine1", false),
            ("TargetUser", "TargetUserName", false),
            ("Users", "User", false),
        ] {
            assert_eq!(is_slip(name, known), slip, "{name} {known}");
        }
    }
}
