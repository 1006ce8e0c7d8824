//! What `check` found as a SARIF 2.1.0 document, which code scanning services read.
//!
//! A document has one run. Its driver lists every code with its documentation, a result refers to it by
//! number. Places are file, line and column in characters; the files are named relative to the working
//! folder, in which CI has the repository. A result's fingerprint is made of the code, the message and
//! the offending text, and counted where these come again in a file; so it stays when lines move.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use etwatch_rules::explain::{Section, sections};
use etwatch_rules::{Diagnostic, Severity};
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Where the program is described; empty as long as the package does not say.
const HOMEPAGE: &str = env!("CARGO_PKG_REPOSITORY");
/// The name by which code scanning services compare runs.
const FINGERPRINT: &str = "primaryLocationLineHash";

/// The document.
pub(super) fn document(found: &[&Diagnostic], unreadable: &[(PathBuf, io::Error)]) -> Value {
    let sections: Vec<_> = sections().collect();
    let mut seen = HashMap::new();
    let results: Vec<_> = found.iter().map(|one| result(one, &sections, &mut seen)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver(&sections) },
            "invocations": [{
                "executionSuccessful": unreadable.is_empty(),
                "toolExecutionNotifications": unreadable.iter().map(notification).collect::<Vec<_>>(),
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn driver(sections: &[Section]) -> Value {
    let mut driver = json!({
        "name": "etwatch",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": sections.iter().map(rule).collect::<Vec<_>>(),
    });
    if let (false, Value::Object(members)) = (HOMEPAGE.is_empty(), &mut driver) {
        members.insert("informationUri".to_owned(), HOMEPAGE.into());
    }
    driver
}

/// What is known of a code.
fn rule(section: &Section) -> Value {
    let level = section.severities().into_iter().max().unwrap_or(Severity::Note);
    json!({
        "id": section.code,
        "name": name(section.title),
        "shortDescription": { "text": sentence(section.title) },
        "help": { "text": section.text(), "markdown": section.markdown },
        "defaultConfiguration": { "level": level.to_string() },
    })
}

/// `an unknown modifier` as `AnUnknownModifier`, as names of rules are written.
fn name(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_alphanumeric());
    words.map(capitalised).collect()
}

fn sentence(title: &str) -> String {
    capitalised(title) + "."
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn result<'a>(
    found: &'a Diagnostic,
    sections: &[Section],
    seen: &mut HashMap<(&'a str, u64), u32>,
) -> Value {
    let (line, column) = found.place();
    let (end_line, end_column) = found.end_place();
    let file = found.file.name.as_str();
    let digest = digest(found);
    let number = seen.entry((file, digest)).and_modify(|number| *number += 1).or_insert(1);
    let mut result = json!({
        "ruleId": found.code,
        "level": found.severity.to_string(),
        "message": { "text": message(found) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(file) },
            "region": {
                "startLine": line,
                "startColumn": column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        }}],
        "partialFingerprints": { FINGERPRINT: format!("{digest:016x}:{number}") },
    });
    if let (Some(index), Value::Object(members)) =
        (sections.iter().position(|section| section.code == found.code), &mut result)
    {
        members.insert("ruleIndex".to_owned(), index.into());
    }
    result
}

/// The message with its advice as sentences.
fn message(found: &Diagnostic) -> String {
    let mut text = sentence(&found.message);
    if let Some(hint) = &found.hint {
        text.push(' ');
        text.push_str(&capitalised(hint));
        if !text.ends_with(['.', '?', '!']) {
            text.push('.');
        }
    }
    text
}

/// FNV-1a of what stays the same when lines move.
fn digest(found: &Diagnostic) -> u64 {
    let parts = [found.code, found.message.as_str(), found.offending()];
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn notification((path, error): &(PathBuf, io::Error)) -> Value {
    json!({
        "level": "error",
        "message": { "text": sentence(&error.to_string()) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&path.to_string_lossy()) },
        }}],
    })
}

/// A file's name as a URI reference: relative to the working folder if it lies in it.
fn uri(name: &str) -> String {
    let name = if cfg!(windows) { name.replace('\\', "/") } else { name.to_owned() };
    let here = std::env::current_dir().unwrap_or_default().to_string_lossy().replace('\\', "/");
    let within = name.strip_prefix(&here).and_then(|rest| rest.strip_prefix('/'));
    let name = within.unwrap_or(&name);
    let name = name.strip_prefix("./").unwrap_or(name);
    let is_absolute = name.starts_with('/') || name.get(1..3) == Some(":/");
    let root = match name {
        _ if !is_absolute => "",
        _ if name.starts_with('/') => "file://",
        _ => "file:///",
    };
    format!("{root}{}", percent_encoded(name))
}

/// All but what RFC 3986 lets stand in a path.
fn percent_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_uris() {
        let here = std::env::current_dir().unwrap();
        for (name, expected) in [
            ("rules/a b.yml", "rules/a%20b.yml"),
            ("./rules/ä#1%.yml", "rules/%C3%A4%231%25.yml"),
            ("../other/x.yml", "../other/x.yml"),
            ("C:/rules/x.yml", "file:///C%3A/rules/x.yml"),
            ("/etc/x.yml", "file:///etc/x.yml"),
            (here.join("r/x.yml").to_str().unwrap(), "r/x.yml"),
        ] {
            assert_eq!(uri(name), expected);
        }
    }

    #[test]
    fn names_of_rules_are_in_one_word() {
        assert_eq!(name("this is no YAML"), "ThisIsNoYAML");
        assert_eq!(sentence("an unknown modifier"), "An unknown modifier.");
    }
}
