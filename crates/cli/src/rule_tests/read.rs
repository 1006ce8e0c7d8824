//! YAML read strictly: each slip with its place and its cure.
//!
//! | code | |
//! |---|---|
//! | `TST001` | a value is missing, doubled or of the wrong kind |
//! | `TST002` | an unknown key |
//! | `TST003` | a file that is named is not there |
//!
//! What is no YAML at all is told by the reader of rules, under its own codes.

use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use etwatch_rules::diagnostic::{Problem, nearest};
use etwatch_rules::yaml::{self, Kind, Node};
use etwatch_rules::{Diagnostic, SourceFile};

use crate::rule_tests::{Test, shown};

/// Makes tests of the document of a file.
pub(crate) type Parse = fn(&Source<'_>, &Node) -> Result<Vec<Test>, Vec<Problem>>;

/// The file that a document is from.
pub(crate) struct Source<'a> {
    /// Where it lies.
    pub(crate) path: &'a Path,
    /// Its name and text.
    pub(crate) file: Arc<SourceFile>,
}

impl Source<'_> {
    /// The folder it lies in.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
    /// The line on which a node begins.
    pub(crate) fn line(&self, node: &Node) -> usize {
        self.file.place(node.span.start).0
    }
}

/// Reads a file of one document.
pub(crate) fn file(path: &Path, parse: Parse) -> Result<Vec<Test>, Vec<Diagnostic>> {
    let text = match text(path) {
        Ok(text) => text,
        Err(what) => {
            let file = Arc::new(SourceFile::new(shown(path), String::new()));
            return Err(vec![Problem::error("TST003", 0..0, what).of(&file)]);
        }
    };
    let file = Arc::new(SourceFile::new(shown(path), text));
    let source = Source { path, file: Arc::clone(&file) };
    let tests = document(&file.text).map_err(|problem| vec![problem]);
    let tests = tests.and_then(|node| parse(&source, &node));
    tests.map_err(|problems| problems.into_iter().map(|problem| problem.of(&file)).collect())
}

fn text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let limit = yaml::FILE_LIMIT as u64 + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| format!("the file can't be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "the file's encoding is not UTF-8".to_owned())
}

fn document(text: &str) -> Result<Node, Problem> {
    let read = yaml::documents(text);
    if let Some(problem) = read.broken {
        return Err(Problem { hint: None, ..problem });
    }
    let mut documents = read.documents.into_iter();
    match (documents.next(), documents.next()) {
        (Some(node), None) => node,
        (None, _) => Err(wrong(0..0, "the file has nothing in it")),
        (_, Some(second)) => {
            let at = second.map_or(0..0, |node| node.span.start..node.span.start + 1);
            Err(wrong(at, "a second document").hint("write one file a rule"))
        }
    }
}

/// A value is missing, doubled or of the wrong kind.
pub(crate) fn wrong(at: Range<usize>, message: impl Into<String>) -> Problem {
    Problem::error("TST001", at, message)
}

/// A file that is not there.
pub(crate) fn not_there(at: Range<usize>, message: impl Into<String>) -> Problem {
    Problem::error("TST003", at, message)
}

/// The first byte of a node, where a problem is with all of it.
pub(crate) fn start(node: &Node) -> Range<usize> {
    node.span.start..node.span.start + 1
}

/// Checks that a node is a mapping with none but these keys.
pub(crate) fn mapping(node: &Node, what: &str, known: &[&str]) -> Result<(), Problem> {
    let Kind::Map(entries) = &node.kind else {
        let all = known.join("`, `");
        let problem = wrong(start(node), format!("{what} must be a mapping"));
        return Err(problem.hint(format!("its keys are `{all}`")));
    };
    for (key, _) in entries {
        let name = key.text().unwrap_or_default();
        if known.contains(&name) {
            continue;
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are `{}`", known.join("`, `")),
        };
        let message = format!("unknown key `{name}` in {what}");
        return Err(Problem::error("TST002", key.span.clone(), message).hint(hint));
    }
    Ok(())
}

/// The items of a list that must not be empty.
pub(crate) fn items<'n>(node: &'n Node, what: &str) -> Result<&'n [Node], Problem> {
    match &node.kind {
        Kind::List(items) if !items.is_empty() => Ok(items),
        Kind::List(_) => Err(wrong(node.span.clone(), format!("{what} must not be empty"))),
        _ => Err(wrong(start(node), format!("{what} must be a list"))
            .hint("begin each item with `- ` on a line of its own")),
    }
}

/// The text of a scalar that says something, without what stands around it.
pub(crate) fn word<'n>(node: &'n Node, what: &str) -> Result<&'n str, Problem> {
    let text = node.text().filter(|_| !node.is_null()).map(str::trim);
    let text = text.filter(|text| !text.is_empty());
    text.ok_or_else(|| wrong(start(node), format!("{what} must be text")))
}
