//! Documents of all files to what is loaded: what a document can't know by itself.
//!
//! Ids and names stand for one document; rules without an id are told apart by their number; filters are
//! joined to rules, and correlations find what they refer to, when all documents are known.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::diagnostic::{Diagnostic, Problem, Severity, SourceFile};
use crate::lint::unsearchable::Place;
use crate::load::Loaded;
use crate::load::document::{Content, Document};
use crate::load::names::{Holder, Idle, Names, Reserved};
use crate::sigma::correlation::{self, Unresolved};
use crate::sigma::rule::Rule;

/// Puts documents together, in the order of files.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    /// Counts, and what is known without looking at all documents.
    pub(crate) loaded: Loaded,
    names: Names,
    /// How many rules without an id have a title.
    titles: HashMap<String, u32>,
    /// Number and file of each filter.
    filters: Vec<(usize, Arc<SourceFile>)>,
    /// Each correlation with its number and file.
    correlations: Vec<(Unresolved, usize, Arc<SourceFile>)>,
    /// What is to be said, by the number of the document.
    diagnostics: Vec<(usize, Diagnostic)>,
    refused: HashMap<usize, Problem>,
    /// Documents so far.
    count: usize,
}

/// What documents came to.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) loaded: Loaded,
    /// The documents that were refused, by their number, and why.
    pub(crate) refused: HashMap<usize, Problem>,
}

impl Assembly {
    /// An empty one; what is reserved may be held by documents of its file alone.
    pub(crate) fn new(reserved: Reserved) -> Self {
        Self { names: Names::new(reserved), ..Self::default() }
    }

    /// Adds a document; the result is its number.
    pub(crate) fn add(&mut self, document: Document) -> usize {
        self.loaded.documents += 1;
        self.take(document)
    }

    /// Adds an earlier version that stands in for a document that was refused, and says so; the result
    /// is its number.
    pub(crate) fn add_kept(&mut self, document: Document, told: Diagnostic) -> usize {
        self.loaded.kept += 1;
        self.diagnostics.push((self.count, told));
        // Its warnings were told when it was new.
        self.take(Document { warnings: Vec::new(), ..document })
    }

    fn take(&mut self, mut document: Document) -> usize {
        let number = self.count;
        self.count += 1;
        let file = Arc::clone(&document.file);
        for problem in std::mem::take(&mut document.warnings) {
            self.diagnostics.push((number, problem.of(&file)));
        }
        if let Err(problem) = self.place(document, number) {
            self.refuse(number, problem, &file);
        }
        number
    }

    fn refuse(&mut self, number: usize, problem: Problem, file: &Arc<SourceFile>) {
        self.loaded.refused += 1;
        self.refused.insert(number, problem.clone());
        self.diagnostics.push((number, problem.of(file)));
    }

    fn place(&mut self, document: Document, number: usize) -> Result<(), Problem> {
        let holder = match &document.content {
            Content::Rule(_) => Holder::Rule(self.loaded.rules.len()),
            Content::Filter(_) => Holder::Filter,
            Content::Correlation(_) => Holder::Correlation(self.correlations.len()),
            Content::Template => {
                self.loaded.templates += 1;
                return Ok(());
            }
            Content::Refused(problem) => {
                let left_out = problem.severity < Severity::Error;
                let why = if left_out { Idle::LeftOut } else { Idle::Refused };
                self.names.pass_over(&document.called, why);
                return Err(problem.clone());
            }
        };
        if let Err(problem) = self.names.take(&document, holder) {
            self.names.pass_over(&document.called, Idle::Refused);
            return Err(problem);
        }
        match document.content {
            Content::Rule(rule) => {
                let place = document.condition.map(|span| Place { file: document.file, span });
                self.loaded.places.extend(place);
                self.rule(*rule);
            }
            Content::Filter(filter) => {
                self.loaded.filters.push(*filter);
                self.filters.push((number, document.file));
            }
            Content::Correlation(unresolved) => {
                self.correlations.push((*unresolved, number, document.file));
            }
            Content::Template | Content::Refused(_) => {}
        }
        Ok(())
    }

    fn rule(&mut self, mut rule: Rule) {
        if rule.attributes.id.is_none() {
            let same = self.titles.entry(rule.attributes.title.clone()).or_default();
            *same += 1;
            rule.namesake = *same - 1;
        }
        self.loaded.rules.push(rule);
    }

    /// All documents are known.
    pub(crate) fn finish(mut self) -> Assembled {
        for (filter, (number, file)) in self.loaded.filters.iter().zip(&self.filters) {
            let problems = filter.apply(&mut self.loaded.rules);
            let told = problems.into_iter().map(|problem| (*number, problem.of(file)));
            self.diagnostics.extend(told);
        }
        self.resolve_correlations();
        self.diagnostics.sort_by_key(|(number, _)| *number);
        let diagnostics = self.diagnostics.into_iter().map(|(_, diagnostic)| diagnostic);
        self.loaded.diagnostics.extend(diagnostics);
        Assembled { loaded: self.loaded, refused: self.refused }
    }

    fn resolve_correlations(&mut self) {
        let (unresolved, places): (Vec<_>, Vec<_>) = std::mem::take(&mut self.correlations)
            .into_iter()
            .map(|(correlation, number, file)| (correlation, (number, file)))
            .unzip();
        let find = |reference: &str| self.names.find(reference);
        let resolved = correlation::resolve(&unresolved, &find, &self.loaded.rules);
        for (correlation, (number, file)) in resolved.into_iter().zip(places) {
            match correlation {
                Ok(correlation) => self.loaded.correlations.push(correlation),
                Err(problem) => self.refuse(number, problem, &file),
            }
        }
    }
}
