//! What is documented of each code: the sections of `docs/diagnostics.md`, which is part of the program.
//!
//! A section has a heading `## SIG012 an unknown modifier`. In it a paragraph that begins with a severity
//! ("Error. …", "Warning for …") tells when the code is given with that severity, and the YAML examples
//! behind it cause it so.
//!
//! ```
//! use etwatch_rules::explain::section;
//! let section = section("sig012").unwrap();
//! assert_eq!((section.code, section.title), ("SIG012", "an unknown modifier"));
//! assert!(section.severities().contains(&etwatch_rules::Severity::Error));
//! ```

use crate::diagnostic::Severity;

const DOCUMENT: &str = include_str!("../../../docs/diagnostics.md");
const HEADING: &str = "## ";

/// What is documented of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// The code, such as `SIG012`.
    pub code: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// The rest of the section, in Markdown.
    pub markdown: &'static str,
}

/// All sections, in the order of the document.
pub fn sections() -> impl Iterator<Item = Section> {
    let parts = DOCUMENT.split("\n## ").skip(1);
    parts.filter_map(|part| {
        let (heading, markdown) = part.split_once('\n')?;
        let (code, title) = heading.split_once(' ')?;
        let is_code = code.starts_with("SIG");
        is_code.then_some(Section { code, title, markdown: markdown.trim() })
    })
}

/// The section of a code, in either case.
#[must_use]
pub fn section(code: &str) -> Option<Section> {
    sections().find(|section| section.code.eq_ignore_ascii_case(code))
}

impl Section {
    /// The section as a person reads it on a terminal: with its heading, links without their targets.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{HEADING}{} {}\n\n", self.code, self.title);
        let mut in_code = false;
        for line in self.markdown.lines() {
            in_code ^= line.starts_with("```");
            text.push_str(&if in_code { line.to_owned() } else { without_links(line) });
            text.push('\n');
        }
        text
    }

    /// The severities that the section speaks of, as they come.
    #[must_use]
    pub fn severities(&self) -> Vec<Severity> {
        let mut found = Vec::new();
        let paragraphs = self.markdown.split("\n\n");
        for severity in paragraphs.filter_map(severity_of) {
            if !found.contains(&severity) {
                found.push(severity);
            }
        }
        found
    }

    /// The YAML examples, each with the severity of the paragraph before it.
    #[must_use]
    pub fn examples(&self) -> Vec<(Severity, &'static str)> {
        let mut found = Vec::new();
        let mut severity = None;
        let mut rest = self.markdown;
        while let Some((before, after)) = rest.split_once("```yaml\n") {
            let Some((example, behind)) = after.split_once("```") else { break };
            severity = before.split("\n\n").filter_map(severity_of).last().or(severity);
            found.extend(severity.map(|severity| (severity, example)));
            rest = behind;
        }
        found
    }
}

/// The severity that a paragraph begins with.
fn severity_of(paragraph: &str) -> Option<Severity> {
    let word = paragraph.trim_start().split([' ', '.', ',', '\n']).next();
    match word {
        Some("Error") => Some(Severity::Error),
        Some("Warning") => Some(Severity::Warning),
        Some("Note") => Some(Severity::Note),
        _ => None,
    }
}

/// `[text](target)` becomes `text`.
fn without_links(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, target)) = rest.split_once("](") {
        let Some((opening, text)) = before.rsplit_once('[') else { break };
        let Some((_, behind)) = target.split_once(')') else { break };
        out.push_str(opening);
        out.push_str(text);
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lose_their_targets_and_code_stays() {
        for (line, text) in [
            (
                "Give them in [`etwatch.toml`](configuration.md), so.",
                "Give them in `etwatch.toml`, so.",
            ),
            ("[a](b) [c](d)", "a c"),
            ("`a[1](b`", "`a[1](b`"),
            ("no link", "no link"),
        ] {
            assert_eq!(without_links(line), text);
        }
        let text = section("SIG003").unwrap().text();
        assert!(text.contains("fields: [[["), "{text}");
    }

    #[test]
    fn examples_have_the_severity_of_the_paragraph_before_them() {
        let section = section("SIG012").unwrap();
        let severities: Vec<_> = section.examples().iter().map(|example| example.0).collect();
        assert_eq!(severities, [Severity::Error, Severity::Warning]);
        assert_eq!(section.severities(), severities);
    }
}
