//! Files and folders to rules.
//!
//! Every document is a rule, a filter, a template or refused, whatever else is in its file; a syntax
//! error ends its file, what came before it stays. Filters are joined to rules when all are known. Files
//! are taken in byte order of their paths, so that the same folder gives the same rules in the same order
//! everywhere.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etwatch_event::FieldTable;
use hashbrown::{HashMap, HashSet};

use crate::diagnostic::{Diagnostic, Problem, Severity, SourceFile};
use crate::lint;
use crate::lint::known_fields::KnownFields;
use crate::lint::unsearchable::Place;
use crate::sigma::attributes::Surroundings;
use crate::sigma::collection::{Collection, Step};
use crate::sigma::filter::{self, Filter};
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
    /// Look closer at each rule ([`crate::lint`]), with the fields that log sources are known to have.
    pub examine: Option<KnownFields>,
}

/// What loading led to.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The rules, in the order of files and documents, with the filters that are for them.
    pub rules: Vec<Rule>,
    /// The global filters.
    pub filters: Vec<Filter>,
    /// Documents that only change the rules behind them (`action: global`, `reset`).
    pub templates: usize,
    /// What is wrong or worth a word, in the same order.
    pub diagnostics: Vec<Diagnostic>,
    /// Documents that were found.
    pub documents: usize,
    /// Documents that yielded nothing.
    pub refused: usize,
    /// Files and folders that could not be read.
    pub unreadable: Vec<(PathBuf, std::io::Error)>,
    /// Rule files that were read.
    pub files: usize,
    /// Where the conditions of the rules are, if they were examined.
    pub places: Vec<Place>,
}

impl Loaded {
    /// Whether every document is told of: as a rule, a filter, a template, or as refused.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.documents == self.rules.len() + self.filters.len() + self.templates + self.refused
    }
}

/// Loads the rules of files and folders; the fields they name are numbered in `fields`.
#[must_use]
pub fn load(paths: &[PathBuf], options: &LoadOptions, fields: &mut FieldTable) -> Loaded {
    let mut loader = Loader::new(options, fields);
    for path in paths {
        for file in rule_files(path, &mut loader.loaded.unreadable) {
            loader.file(&file);
        }
    }
    loader.finish()
}

/// Loads the rules of one text, as if it were a file of that name.
#[must_use]
pub fn load_text(name: &str, text: &str, options: &LoadOptions, fields: &mut FieldTable) -> Loaded {
    let mut loader = Loader::new(options, fields);
    loader.text(name.to_owned(), text.to_owned());
    loader.finish()
}

/// By its name: YAML, but not the tests of a rule.
fn is_rule_file(path: &Path) -> bool {
    let ending = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let stem = path.file_stem().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
    ending.is_some_and(|ending| ending == "yml" || ending == "yaml")
        && !stem.to_string_lossy().ends_with(".test")
}

/// The bytes of a file, which may be no rule file at all: one byte over the limit tells enough.
fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = yaml::FILE_LIMIT as u64 + 1;
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The rule files under `path`, in byte order; a file named by the user is taken as it is.
fn rule_files(path: &Path, unreadable: &mut Vec<(PathBuf, std::io::Error)>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut folders = vec![path.to_owned()];
    // Links are followed: rule repositories are often linked into one folder.
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
            continue;
        }
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match entries {
            Err(error) => unreadable.push((folder, error)),
            Ok(entries) => {
                for path in entries.into_iter().map(|entry| entry.path()) {
                    // Neither pipes nor devices, which could be waited for without end.
                    match std::fs::metadata(&path) {
                        Ok(data) if data.is_dir() => folders.push(path),
                        Ok(data) if data.is_file() && is_rule_file(&path) => files.push(path),
                        Err(error) if is_rule_file(&path) => unreadable.push((path, error)),
                        _ => {}
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
    /// How many rules without an id have a title.
    titles: HashMap<String, u32>,
    /// The file of each filter.
    filter_files: Vec<Arc<SourceFile>>,
}

impl<'a> Loader<'a> {
    fn new(options: &'a LoadOptions, fields: &'a mut FieldTable) -> Self {
        let (loaded, ids) = (Loaded::default(), HashMap::new());
        Self { options, fields, loaded, ids, titles: HashMap::new(), filter_files: Vec::new() }
    }

    fn finish(mut self) -> Loaded {
        for (filter, file) in self.loaded.filters.iter().zip(&self.filter_files) {
            let problems = filter.apply(&mut self.loaded.rules);
            let of_file = problems.into_iter().map(|problem| problem.of(file));
            self.loaded.diagnostics.extend(of_file);
        }
        self.loaded
    }

    fn file(&mut self, path: &Path) {
        let name = path.to_string_lossy().into_owned();
        let name = if cfg!(windows) { name.replace('\\', "/") } else { name };
        let bytes = match read_limited(path) {
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
                let file = Arc::new(SourceFile::new(name, String::new()));
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
        let file = Arc::new(SourceFile::new(name, text));
        let empty = read.documents.is_empty() && read.broken.is_none();
        let mut collection = Collection::default();
        for document in read.documents {
            self.loaded.documents += 1;
            match document {
                Ok(node) => self.document(&node, &mut collection, &file),
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
            let problem = problem.hint("write the rule, or delete the file");
            self.refuse(problem.of(&file));
        }
    }

    fn document(&mut self, node: &Node, collection: &mut Collection, file: &Arc<SourceFile>) {
        let mut warnings = Vec::new();
        let taken = self.take(node, collection, file, &mut warnings);
        let of_file = warnings.into_iter().map(|problem| problem.of(file));
        self.loaded.diagnostics.extend(of_file);
        if let Err(problem) = taken {
            self.refuse(problem.of(file));
        }
    }

    /// Takes a document as what its keys say it is.
    fn take(
        &mut self,
        node: &Node,
        collection: &mut Collection,
        file: &Arc<SourceFile>,
        warnings: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let line = file.place(node.span.start).0;
        if let Some(value) = node.get("correlation") {
            let what = "correlation rules are not evaluated by this version";
            let problem = Problem::error("SIG041", value.span.start..value.span.start + 1, what);
            return Err(problem.hint("the rules that it refers to are evaluated as they stand"));
        }
        let placeholders = &self.options.placeholders;
        if node.get("filter").is_some() {
            let mut around = Surroundings { fields: self.fields, placeholders, warnings };
            let filter = filter::parse(node, &mut around)?;
            self.check_status(node, filter.status)?;
            self.check_unique(node, filter.id.as_deref(), filter.name.as_deref(), file, line)?;
            if let Some(known) = &self.options.examine {
                lint::filter(node, &filter.log_source, known, warnings);
            }
            self.loaded.filters.push(filter);
            self.filter_files.push(Arc::clone(file));
            return Ok(());
        }
        let node = match collection.take(node, warnings)? {
            Step::Template => {
                self.loaded.templates += 1;
                return Ok(());
            }
            Step::Rule(node) => node,
        };
        let mut around = Surroundings { fields: self.fields, placeholders, warnings };
        let mut rule = rule::parse(&node, &mut around)?;
        rule.file.clone_from(&file.name);
        rule.line = line;
        self.check_status(&node, rule.status)?;
        self.check_unique(&node, rule.id.as_deref(), rule.name.as_deref(), file, line)?;
        if rule.id.is_none() {
            let same = self.titles.entry(rule.title.clone()).or_default();
            *same += 1;
            rule.namesake = *same - 1;
        }
        if let Some(known) = &self.options.examine {
            lint::rule(&node, &rule, known, self.fields, warnings);
            let spans = node.get("detection").map(lint::condition_spans).unwrap_or_default();
            let span = spans.into_iter().next().unwrap_or_default();
            self.loaded.places.push(Place { file: Arc::clone(file), span });
        }
        self.loaded.rules.push(rule);
        Ok(())
    }

    /// Old rules are left out unless asked for.
    fn check_status(&self, node: &Node, status: Option<Status>) -> Result<(), Problem> {
        let old = matches!(status, Some(Status::Deprecated | Status::Unsupported));
        if !old || self.options.include_deprecated {
            return Ok(());
        }
        let span = node.get("status").map_or(0..0, |status| status.span.clone());
        let status = status.map_or("", Status::name);
        let problem =
            Problem::warning("SIG042", span, format!("left out: its status is `{status}`"))
                .hint("--include-deprecated loads it");
        Err(Problem { severity: Severity::Note, ..problem })
    }

    /// An id or name stands for one document.
    fn check_unique(
        &mut self,
        node: &Node,
        id: Option<&str>,
        name: Option<&str>,
        file: &SourceFile,
        line: usize,
    ) -> Result<(), Problem> {
        let id = id.map(|id| ("id", id.to_lowercase()));
        let name = name.map(|name| ("name", name.to_owned()));
        let given = || id.iter().chain(&name).cloned();
        for (key, text) in given() {
            let Some(first) = self.ids.get(&text) else { continue };
            let span = node.get(key).map_or(0..0, |value| value.span.clone());
            let problem = Problem::error("SIG040", span, format!("{key} `{text}` is taken"));
            return Err(problem.hint(format!("the first one is at {first}")));
        }
        let place = format!("{}:{line}", file.name);
        self.ids.extend(given().map(|(_, text)| (text, place.clone())));
        Ok(())
    }
}
