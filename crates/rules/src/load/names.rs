//! Ids and names, each of which stands for one document: the first that has it.
//!
//! Ids compare without case, names with it. When rules are loaded again, a document keeps what it had
//! before, so that a new one with the same id can't push it out.

use hashbrown::HashMap;

use crate::diagnostic::{Problem, nearest};
use crate::load::document::{Called, Document};
use crate::sigma::attributes::is_uuid;
use crate::sigma::correlation::Found;

/// What an id or name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder {
    /// The rule at this index.
    Rule(usize),
    /// The correlation with this number.
    Correlation(usize),
    Filter,
}

/// Why a document with an id or name can't be referred to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Idle {
    Refused,
    LeftOut,
}

/// Ids and names, by file, that documents had when rules were loaded before.
pub(crate) type Reserved = HashMap<String, String>;

/// Ids (in lower case) and names, and what they stand for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    held: HashMap<String, (Holder, String)>,
    idle: HashMap<String, Idle>,
    /// The names in order, for "did you mean".
    listed: Vec<String>,
    reserved: Reserved,
}

impl Names {
    /// Nothing is held yet; what is reserved may be held by documents of its file alone.
    pub(crate) fn new(reserved: Reserved) -> Self {
        Self { reserved, ..Self::default() }
    }

    /// Gives a document its id and name.
    ///
    /// # Errors
    /// `SIG040` if another one has them.
    pub(crate) fn take(&mut self, document: &Document, holder: Holder) -> Result<(), Problem> {
        let file = &document.file.name;
        for (key, text, span) in document.called.handles() {
            let first = self.held.get(text).map(|(_, place)| place.as_str());
            let elsewhere = self.reserved.get(text).filter(|of_file| *of_file != file);
            if let Some(first) = first.or(elsewhere.map(String::as_str)) {
                let problem =
                    Problem::error("SIG040", span.clone(), format!("{key} `{text}` is taken"));
                return Err(problem.hint(format!("the first one is at {first}")));
            }
        }
        let place = format!("{file}:{}", document.file.place(document.start).0);
        for (_, text, _) in document.called.handles() {
            self.held.insert(text.to_owned(), (holder, place.clone()));
        }
        self.listed.extend(document.called.name.iter().map(|(name, _)| name.clone()));
        Ok(())
    }

    /// Takes note of a document that can't be referred to.
    pub(crate) fn pass_over(&mut self, called: &Called, why: Idle) {
        for (_, text, _) in called.handles() {
            self.idle.insert(text.to_owned(), why);
        }
    }

    /// What a reference means: an id in either case, or a name.
    pub(crate) fn find(&self, reference: &str) -> Found<'_> {
        let id = is_uuid(reference).then(|| reference.to_lowercase());
        let spellings = || std::iter::once(reference).chain(id.as_deref());
        if let Some((holder, _)) = spellings().find_map(|text| self.held.get(text)) {
            return match holder {
                Holder::Rule(index) => Found::Rule(*index),
                Holder::Correlation(number) => Found::Correlation(*number),
                Holder::Filter => Found::Unusable("is a filter"),
            };
        }
        match spellings().find_map(|text| self.idle.get(text)) {
            Some(Idle::Refused) => Found::Unusable("is refused"),
            Some(Idle::LeftOut) => Found::Unusable("is left out for its status"),
            None => Found::Unknown(nearest(reference, self.listed.iter().map(String::as_str))),
        }
    }
}
