//! SigmaHQ's form of tests: `info.yml` beside recordings, as its `regression_data` has it.
//!
//! ```yaml
//! rule_metadata:
//!     - id: 9b4e7c2a-3f6d-4a8b-b5e9-1c7d3f2e6a4b
//! regression_tests_info:
//!     - name: Positive Detection Test
//!       type: evtx
//!       match_count: 1                       # may be missing: at least one
//!       path: regression_data/rules/…/9b4e7c2a-3f6d-4a8b-b5e9-1c7d3f2e6a4b.evtx
//! ```
//!
//! A recording is looked for beside the `info.yml`, since the path is that of the repository it came from.
//! If the same recording lies there in another form too (`.json` beside `.evtx`), that is one more test.
//! Keys that say nothing about the test are left alone: the form is another project's.

use std::path::{Path, PathBuf};

use etwatch_capture::source::Location;
use etwatch_rules::diagnostic::Problem;
use etwatch_rules::yaml::{Kind, Node, Scalar};

use crate::rule_tests::read::{Source, items, not_there, start, word, wrong};
use crate::rule_tests::{Expected, Meant, Test, shown};

/// The forms that a recording may lie in.
const FORMS: [&str; 4] = ["evtx", "json", "jsonl", "ndjson"];

/// Reads the tests of an `info.yml`.
///
/// # Errors
/// The first [`Problem`] of it.
pub(crate) fn parse(source: &Source<'_>, node: &Node) -> Result<Vec<Test>, Vec<Problem>> {
    tests(source, node).map_err(|problem| vec![problem])
}

fn tests(source: &Source<'_>, node: &Node) -> Result<Vec<Test>, Problem> {
    let mut rules = Vec::new();
    for rule in items(needed(node, "rule_metadata")?, "`rule_metadata`")? {
        rules.push(word(needed(rule, "id")?, "`id`")?);
    }
    let mut tests = Vec::new();
    for test in items(needed(node, "regression_tests_info")?, "`regression_tests_info`")? {
        let name = test.get("name").map_or(Ok("test"), |name| word(name, "`name`"))?;
        let expected = test.get("match_count").map_or(Ok(Expected::Match), count)?;
        for (path, form) in recordings(source, needed(test, "path")?)? {
            for rule in &rules {
                let case = match rules.len() {
                    1 => format!("{name} ({form})"),
                    _ => format!("{name} of {rule} ({form})"),
                };
                tests.push(Test {
                    file: source.file.name.clone(),
                    case,
                    rule: Meant::Called((*rule).to_owned()),
                    events: Location::File(path.clone()),
                    lines: Vec::new(),
                    expected,
                });
            }
        }
    }
    Ok(tests)
}

fn needed<'n>(node: &'n Node, key: &str) -> Result<&'n Node, Problem> {
    node.get(key).ok_or_else(|| {
        wrong(start(node), format!("`{key}` is missing"))
            .hint("SigmaHQ's `regression_data` shows the form of an info.yml")
    })
}

fn count(node: &Node) -> Result<Expected, Problem> {
    let count = match node.kind {
        Kind::Scalar(_, Scalar::Integer(count)) => u64::try_from(count).ok(),
        _ => None,
    };
    let wrong = || wrong(start(node), "`match_count` must be a number");
    count.map(Expected::Exactly).ok_or_else(wrong)
}

/// The recording that `path` names, and the same in other forms, each with its form.
fn recordings(source: &Source<'_>, node: &Node) -> Result<Vec<(PathBuf, String)>, Problem> {
    let name = word(node, "`path`")?;
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let named = source.folder().join(name);
    if !named.is_file() {
        let message = format!("there is no recording `{}`", shown(&named));
        let problem = not_there(node.span.clone(), message);
        return Err(problem.hint("it is looked for in the folder of this file"));
    }
    let form_of = |path: &Path| path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let others = FORMS.into_iter().map(|form| named.with_extension(form));
    let others: Vec<_> = others.filter(|path| *path != named && path.is_file()).collect();
    let all = std::iter::once(named).chain(others);
    Ok(all.map(|path| (path.clone(), form_of(&path))).collect())
}
