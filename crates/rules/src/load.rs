//! Files and folders to rules.
//!
//! Every document counts as loaded or refused, whatever else is in its file; a syntax error ends its
//! file, what came before it stays. Files are taken in byte order of their paths, so that the same
//! folder gives the same rules in the same order everywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etwatch_event::FieldTable;
use hashbrown::HashMap;

use crate::diagnostic::{Diagnostic, Problem, Severity, SourceFile};
use crate::sigma::rule::{self, Rule, Status};
use crate::sigma::value::Placeholders;
use crate::yaml::{self, Node};

/// What is asked of loading.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Values of placeholders for `expand`.
    pub placeholders: Placeholders,
    /// Load rules with status `deprecated` and `unsupported` too.
    pub include_deprecated: bool,
}

/// What loading led to.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The rules, in the order of files and documents.
    pub rules: Vec<Rule>,
    /// What is wrong or worth a word, in the same order.
    pub diagnostics: Vec<Diagnostic>,
    /// Documents that were found.
    pub documents: usize,
    /// Documents that yielded no rule.
    pub refused: usize,
    /// Files and folders that could not be read.
    pub unreadable: Vec<(PathBuf, std::io::Error)>,
    /// Rule files that were read.
    pub files: usize,
}

/// Loads the rules of files and folders; the fields they name are numbered in `fields`.
#[must_use]
pub fn load(paths: &[PathBuf], options: &LoadOptions, fields: &mut FieldTable) -> Loaded {
    let mut loader = Loader { options, fields, loaded: Loaded::default(), ids: HashMap::new() };
    for path in paths {
        for file in rule_files(path, &mut loader.loaded.unreadable) {
            loader.file(&file);
        }
    }
    loader.loaded
}

/// Loads the rules of one text, as if it were a file of that name.
#[must_use]
pub fn load_text(name: &str, text: &str, options: &LoadOptions, fields: &mut FieldTable) -> Loaded {
    let mut loader = Loader { options, fields, loaded: Loaded::default(), ids: HashMap::new() };
    loader.text(name.to_owned(), text.to_owned());
    loader.loaded
}

/// The rule files under `path`, in byte order; a file named by the user is taken as it is.
fn rule_files(path: &Path, unreadable: &mut Vec<(PathBuf, std::io::Error)>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut folders = vec![path.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match entries {
            Err(error) => unreadable.push((folder, error)),
            Ok(entries) => {
                for entry in entries {
                    let path = entry.path();
                    let ending = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
                    if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                        folders.push(path);
                    } else if ending.is_some_and(|ending| ending == "yml" || ending == "yaml") {
                        files.push(path);
                    }
                }
            }
        }
    }
    files.sort();
    files
}

struct Loader<'a> {
    options: &'a LoadOptions,
    fields: &'a mut FieldTable,
    loaded: Loaded,
    /// Ids and names seen, and where.
    ids: HashMap<String, String>,
}

impl Loader<'_> {
    fn file(&mut self, path: &Path) {
        let name = path.to_string_lossy().into_owned();
        let name = if cfg!(windows) { name.replace('\\', "/") } else { name };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                // Nobody knows how many documents it holds: it counts as one.
                self.loaded.documents += 1;
                self.loaded.refused += 1;
                return self.loaded.unreadable.push((path.to_owned(), error));
            }
        };
        let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        match String::from_utf8(bytes) {
            Ok(text) => self.text(name, text),
            Err(_) => {
                let file = Arc::new(SourceFile { name, text: String::new() });
                let encoding = if utf16 { "UTF-16" } else { "not UTF-8" };
                let message = format!("the file's encoding is {encoding}");
                let problem = Problem::error("SIG005", 0..0, message).hint("save it as UTF-8");
                self.loaded.files += 1;
                self.loaded.documents += 1;
                self.refuse(problem.of(&file));
            }
        }
    }

    fn refuse(&mut self, diagnostic: Diagnostic) {
        self.loaded.refused += 1;
        self.loaded.diagnostics.push(diagnostic);
    }

    fn text(&mut self, name: String, text: String) {
        self.loaded.files += 1;
        let read = yaml::documents(&text);
        let file = Arc::new(SourceFile { name, text });
        let empty = read.documents.is_empty() && read.broken.is_none();
        for document in read.documents {
            self.loaded.documents += 1;
            match document {
                Ok(node) => self.document(&node, &file),
                Err(problem) => self.refuse(problem.of(&file)),
            }
        }
        if let Some(problem) = read.broken {
            self.loaded.documents += 1;
            self.refuse(problem.of(&file));
        }
        if empty {
            self.loaded.documents += 1;
            let problem = Problem::error("SIG006", 0..0, "the file has no rule in it");
            self.refuse(problem.of(&file));
        }
    }

    fn document(&mut self, node: &Node, file: &Arc<SourceFile>) {
        for (key, what) in [
            ("correlation", "correlation rules are not evaluated by this version"),
            ("filter", "global filters are not applied by this version"),
            ("action", "rule collections (`action`) are not supported by this version"),
        ] {
            if let Some(value) = node.get(key) {
                let problem =
                    Problem::error("SIG041", value.span.start..value.span.start + 1, what);
                return self.refuse(problem.of(file));
            }
        }
        let mut warnings = Vec::new();
        let read = rule::parse(node, self.fields, &self.options.placeholders, &mut warnings);
        let of_file = warnings.into_iter().map(|problem| problem.of(file));
        self.loaded.diagnostics.extend(of_file);
        match read {
            Err(problem) => self.refuse(problem.of(file)),
            Ok(mut rule) => {
                rule.file.clone_from(&file.name);
                rule.line = file.place(node.span.start).0;
                if let Some(problem) = self.unwanted(&rule, node) {
                    return self.refuse(problem.of(file));
                }
                self.loaded.rules.push(rule);
            }
        }
    }

    /// Why a sound rule is left out: its status, or an id that is taken.
    fn unwanted(&mut self, rule: &Rule, node: &Node) -> Option<Problem> {
        let old = matches!(rule.status, Some(Status::Deprecated | Status::Unsupported));
        if old && !self.options.include_deprecated {
            let span = node.get("status").map_or(0..0, |status| status.span.clone());
            let status = rule.status.map_or("", Status::name);
            let problem =
                Problem::warning("SIG042", span, format!("left out: its status is `{status}`"));
            return Some(Problem { severity: Severity::Note, ..problem });
        }
        let place = format!("{}:{}", rule.file, rule.line);
        for (key, text) in [("id", &rule.id), ("name", &rule.name)] {
            let Some(text) = text else { continue };
            if let Some(first) = self.ids.insert(text.to_lowercase(), place.clone()) {
                self.ids.insert(text.to_lowercase(), first.clone());
                let span = node.get(key).map_or(0..0, |value| value.span.clone());
                let problem = Problem::error("SIG040", span, format!("{key} `{text}` is taken"));
                return Some(problem.hint(format!("the first one is at {first}")));
            }
        }
        None
    }
}
