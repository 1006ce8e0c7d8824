//! Our own form of tests: `NAME.test.yaml` beside the rule `NAME.yml`.
//!
//! ```yaml
//! rule: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11    # only if the file beside holds several rules
//! cases:
//!   - match: reg.exe saves SAM                  # the case's name
//!     events:
//!       - {EventID: 1, Provider_Name: Microsoft-Windows-Sysmon, Image: 'C:\Windows\System32\reg.exe'}
//!   - no-match: an office day
//!     fixture: ../../fixtures/benign/office-day.jsonl
//!   - match: the whole story
//!     fixture: ../../fixtures/credential-access/registry-hive-save.jsonl
//!     count: 3
//! ```

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use etwatch_capture::source::Location;
use etwatch_rules::diagnostic::Problem;
use etwatch_rules::yaml::{Kind, Node, Scalar};

use crate::rule_tests::find::rule_beside;
use crate::rule_tests::inline::json_line;
use crate::rule_tests::read::{Source, items, mapping, not_there, start, word, wrong};
use crate::rule_tests::{Expected, Meant, Test, shown};

/// Events, and the lines of the file on which they stand.
type Events = (Location, Vec<usize>);

/// Reads the cases of a file.
///
/// # Errors
/// The first [`Problem`] of each case.
pub(crate) fn parse(source: &Source<'_>, node: &Node) -> Result<Vec<Test>, Vec<Problem>> {
    let (rule, cases) = head(source, node).map_err(|problem| vec![problem])?;
    let mut names = BTreeMap::new();
    let (mut tests, mut problems) = (Vec::new(), Vec::new());
    for node in cases {
        match case(source, node, &rule, &mut names) {
            Ok(test) => tests.push(test),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(tests) } else { Err(problems) }
}

/// What the file says before its cases.
fn head<'n>(source: &Source<'_>, node: &'n Node) -> Result<(Meant, &'n [Node]), Problem> {
    mapping(node, "a file of tests", &["rule", "cases"])?;
    let Some(cases) = node.get("cases") else {
        return Err(wrong(start(node), "a file of tests needs `cases`"));
    };
    Ok((rule(source, node.get("rule"))?, items(cases, "`cases`")?))
}

fn rule(source: &Source<'_>, node: Option<&Node>) -> Result<Meant, Problem> {
    let named = node.map(|node| word(node, "`rule`").map(|name| (node, name))).transpose()?;
    if let Some((node, name)) = named
        && is_yaml(name)
    {
        let path = source.folder().join(name);
        if !path.is_file() {
            let message = format!("there is no rule file `{}`", shown(&path));
            let problem = not_there(node.span.clone(), message);
            return Err(problem.hint("the name is taken relative to the folder of this file"));
        }
        return Ok(Meant::InFile(path, None));
    }
    let name = named.map(|(_, name)| name.to_owned());
    match (rule_beside(source.path), name) {
        (Some(path), name) => Ok(Meant::InFile(path, name)),
        (None, Some(name)) => Ok(Meant::Called(name)),
        (None, None) => {
            let beside = shown(&source.path.with_extension("").with_extension("yml"));
            let problem = not_there(0..1, format!("there is no rule `{beside}` beside this file"));
            Err(problem
                .hint("name both alike, or say which rule is meant: `rule: FILE.yml`, or its id"))
        }
    }
}

fn is_yaml(name: &str) -> bool {
    let ending = Path::new(name).extension().map(OsStr::to_ascii_lowercase);
    ending.is_some_and(|ending| ending == "yml" || ending == "yaml")
}

fn case(
    source: &Source<'_>,
    node: &Node,
    rule: &Meant,
    names: &mut BTreeMap<String, usize>,
) -> Result<Test, Problem> {
    mapping(node, "a case", &["match", "no-match", "events", "fixture", "count"])?;
    let (name, matches) = match (node.get("match"), node.get("no-match")) {
        (Some(name), None) => (name, true),
        (None, Some(name)) => (name, false),
        (found, _) => {
            let what = if found.is_some() { "not both" } else { "and has neither" };
            let message = format!("a case needs `match` or `no-match`, {what}");
            return Err(wrong(start(node), message).hint("its value is the name of the case"));
        }
    };
    let case = word(name, "the name of a case")?.to_owned();
    if let Some(first) = names.insert(case.clone(), source.line(name)) {
        let problem = wrong(name.span.clone(), format!("two cases are called `{case}`"));
        return Err(problem.hint(format!("the first one is on line {first}")));
    }
    let expected = expected(node.get("count"), matches)?;
    let (events, lines) = match (node.get("events"), node.get("fixture")) {
        (Some(events), None) => inline(source, events)?,
        (None, Some(file)) => (fixture(source, file)?, Vec::new()),
        (found, _) => {
            let what = if found.is_some() { "not both" } else { "and has neither" };
            let problem = wrong(start(node), format!("a case needs `events` or `fixture`, {what}"));
            return Err(problem.hint("`events` is a list of events, `fixture` names a recording"));
        }
    };
    let (file, rule) = (source.file.name.clone(), rule.clone());
    Ok(Test { file, case, rule, events, lines, expected })
}

fn expected(count: Option<&Node>, matches: bool) -> Result<Expected, Problem> {
    let Some(node) = count else {
        return Ok(if matches { Expected::Match } else { Expected::Exactly(0) });
    };
    if !matches {
        return Err(wrong(node.span.clone(), "`count` says nothing about a `no-match`")
            .hint("leave it out, or write `match` if some events do match"));
    }
    let count = match node.kind {
        Kind::Scalar(_, Scalar::Integer(count)) => u64::try_from(count).ok(),
        _ => None,
    };
    count.filter(|count| *count > 0).map(Expected::Exactly).ok_or_else(|| {
        wrong(start(node), "`count` must be a number from 1 on")
            .hint("for no match at all write `no-match` in place of `match`")
    })
}

/// The events as the JSON lines of a recording that has the name of the file.
fn inline(source: &Source<'_>, node: &Node) -> Result<Events, Problem> {
    let mut text = String::new();
    let mut lines = Vec::new();
    for event in items(node, "`events`")? {
        text.push_str(&json_line(event)?);
        text.push('\n');
        lines.push(source.line(event));
    }
    Ok((Location::Text { name: source.file.name.clone(), text: text.into() }, lines))
}

fn fixture(source: &Source<'_>, node: &Node) -> Result<Location, Problem> {
    let name = word(node, "`fixture`")?;
    let path: PathBuf = source.folder().join(name);
    if !path.is_file() {
        let message = format!("there is no recording `{}`", shown(&path));
        let problem = not_there(node.span.clone(), message);
        return Err(problem.hint("the name is taken relative to the folder of this file"));
    }
    Ok(Location::File(path))
}
