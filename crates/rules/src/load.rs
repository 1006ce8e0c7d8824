//! Files and folders to rules.
//!
//! ```text
//! files ──text──▶ document: each for itself ──▶ assembly: names, filters, correlations ──▶ Loaded
//! ```
//!
//! Every document is a rule, a filter, a correlation, a template or refused, whatever else is in its
//! file; a syntax error ends its file, what came before it stays. Filters are joined to rules, and
//! correlations find what they refer to, when all are known. Files are taken in byte order of their
//! paths, so that the same folder gives the same rules in the same order everywhere.

pub(crate) mod assembly;
pub(crate) mod document;
pub(crate) mod files;
pub(crate) mod names;

use std::path::PathBuf;

use etwatch_event::FieldTable;

use crate::diagnostic::Diagnostic;
use crate::lint::known_fields::KnownFields;
use crate::lint::unsearchable::Place;
use crate::sigma::correlation::Correlation;
use crate::sigma::filter::Filter;
use crate::sigma::rule::Rule;
use crate::sigma::value::Placeholders;
use assembly::Assembly;

/// Messages about one document. Each is shown with its place, which takes as long as its line is, and a
/// long list can have one a value.
pub const MESSAGE_LIMIT: usize = 100;

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
    /// The correlations, in the same order.
    pub correlations: Vec<Correlation>,
    /// Documents that only change the rules behind them (`action: global`, `reset`).
    pub templates: usize,
    /// What is wrong or worth a word, in the same order.
    pub diagnostics: Vec<Diagnostic>,
    /// Documents that were found.
    pub documents: usize,
    /// Documents that yielded nothing.
    pub refused: usize,
    /// Earlier versions that stand in for documents that were refused; see
    /// [`Library`](crate::reload::Library).
    pub kept: usize,
    /// Files and folders that could not be read.
    pub unreadable: Vec<(PathBuf, std::io::Error)>,
    /// Rule files that were read.
    pub files: usize,
    /// Where the conditions of the rules are, if they were examined.
    pub places: Vec<Place>,
}

impl Loaded {
    /// Whether every document is told of: as a rule, a filter, a correlation, a template, or as
    /// refused.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let told = self.rules.len() + self.filters.len() + self.correlations.len();
        self.documents + self.kept == told + self.templates + self.refused
    }

    /// A file that can't be read: nobody knows how many documents it holds, so it counts as one.
    pub(crate) fn unreadable(&mut self, path: PathBuf, error: std::io::Error) {
        self.documents += 1;
        self.refused += 1;
        self.unreadable.push((path, error));
    }
}

/// Loads the rules of files and folders; the fields they name are numbered in `fields`.
#[must_use]
pub fn load(paths: &[PathBuf], options: &LoadOptions, fields: &mut FieldTable) -> Loaded {
    let mut assembly = Assembly::default();
    for path in paths {
        for file in files::rule_files(path, &mut assembly.loaded.unreadable) {
            match files::read(&file) {
                Ok(content) => {
                    add(&mut assembly, files::shown_name(&file), content, options, fields);
                }
                Err(error) => assembly.loaded.unreadable(file, error),
            }
        }
    }
    assembly.finish().loaded
}

/// Loads the rules of one text, as if it were a file of that name.
#[must_use]
pub fn load_text(name: &str, text: &str, options: &LoadOptions, fields: &mut FieldTable) -> Loaded {
    let mut assembly = Assembly::default();
    let content = files::Content::Text(text.to_owned());
    add(&mut assembly, name.to_owned(), content, options, fields);
    assembly.finish().loaded
}

fn add(
    assembly: &mut Assembly,
    name: String,
    content: files::Content,
    options: &LoadOptions,
    fields: &mut FieldTable,
) {
    assembly.loaded.files += 1;
    for document in document::read(name, content, options, fields).documents {
        assembly.add(document);
    }
}
