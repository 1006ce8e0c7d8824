//! A document and the version of it that is in use.
//!
//! A new version takes the place of the one before it if it is good. It is the same document if it has
//! its id, else its name, else its title (the first, second … of that title in the file). One that is too
//! broken to say any of these stands for what was in its position.

use crate::diagnostic::{Diagnostic, Problem};
use crate::load::assembly::Assembly;
use crate::load::document::{Called, Content, Document, FileDocuments};

/// Which version is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Latest,
    Good,
    Neither,
}

/// A document of a file; at least one version is there.
#[derive(Debug)]
pub(super) struct Slot {
    /// As it stands in the file; `None` if that can't be read so far.
    latest: Option<Document>,
    /// The last version that was good, if that is another one.
    good: Option<Document>,
    in_use: Version,
    /// What is wrong with the latest version beside others.
    problem: Option<Problem>,
    /// What the file was cut by, if that is why there is no latest version.
    cut: Option<Diagnostic>,
}

impl Slot {
    fn of(latest: Document) -> Self {
        let (good, problem, cut) = (None, None, None);
        Self { latest: Some(latest), good, in_use: Version::Latest, problem, cut }
    }

    fn lost(good: Document, cut: Option<Diagnostic>) -> Self {
        Self { latest: None, good: Some(good), in_use: Version::Good, problem: None, cut }
    }

    /// The version that is in use, if it is a rule, a filter or a correlation.
    pub(super) fn in_use(&self) -> Option<&Document> {
        let document = match self.in_use {
            Version::Latest => &self.latest,
            Version::Good => &self.good,
            Version::Neither => &None,
        };
        document.as_ref().filter(|document| document.is_of_use())
    }

    /// All versions that may come to use.
    pub(super) fn versions(&self) -> impl Iterator<Item = &Document> {
        self.latest.iter().chain(&self.good).filter(|document| document.is_of_use())
    }

    /// Whether an earlier version is in use.
    pub(super) fn is_kept(&self) -> bool {
        self.in_use == Version::Good
    }

    /// The version to go back to, should the next one be bad.
    fn last_good(self) -> Option<Document> {
        let document = match self.in_use {
            Version::Latest => self.latest,
            Version::Good | Version::Neither => self.good,
        };
        document.filter(Document::is_of_use)
    }

    /// Tries the latest version first.
    pub(super) fn begin(&mut self) {
        self.problem = None;
        if self.latest.as_ref().is_some_and(is_left_out) {
            self.good = None;
        }
        let refused = self.latest.as_ref().is_none_or(Document::is_refused);
        self.in_use = if refused && self.good.is_some() { Version::Good } else { Version::Latest };
    }

    /// Adds what is to be used, and what is wrong with the latest version otherwise; returns the number
    /// of the version that is tried.
    pub(super) fn add(&self, assembly: &mut Assembly) -> Option<usize> {
        let mut tried = None;
        if let Some(latest) = &self.latest {
            let mut latest = latest.clone();
            if let Some(problem) = &self.problem {
                latest.content = Content::Refused(problem.clone());
            }
            tried = Some(assembly.add(latest));
        }
        match &self.good {
            Some(good) if self.is_kept() => Some(assembly.add_kept(good.clone(), self.kept(good))),
            _ => tried,
        }
    }

    /// The version that was tried is refused: goes back to the one before it. Returns whether that
    /// changes anything.
    pub(super) fn refuse(&mut self, problem: &Problem) -> bool {
        match self.in_use {
            Version::Latest => {
                self.problem = Some(problem.clone());
                let there_is = self.good.is_some();
                self.in_use = if there_is { Version::Good } else { Version::Neither };
                there_is
            }
            Version::Good => {
                self.in_use = Version::Neither;
                true
            }
            Version::Neither => false,
        }
    }

    /// The latest version is in use: nothing else is needed any more.
    pub(super) fn settle(&mut self) {
        if self.in_use == Version::Latest
            && self.latest.as_ref().is_some_and(|one| !one.is_refused())
        {
            self.good = None;
        }
    }

    /// Says that `good` is still in use, at the place that is to be put right.
    fn kept(&self, good: &Document) -> Diagnostic {
        let title = good.called.title.as_deref().unwrap_or_default();
        let message = format!("the last good version of `{title}` stays in use");
        let problem = |span| {
            Problem::warning("SIG043", span, message.clone())
                .hint("put the document right, or delete it to take it out of use")
        };
        match (&self.latest, &self.cut) {
            (Some(latest), _) => {
                let span = match (&self.problem, &latest.content) {
                    (Some(problem), _) | (None, Content::Refused(problem)) => problem.span.clone(),
                    _ => latest.start..latest.start + 1,
                };
                problem(span).of(&latest.file)
            }
            (None, Some(cut)) => problem(cut.span.clone()).of(&cut.file),
            (None, None) => problem(good.start..good.start + 1).of(&good.file),
        }
    }
}

/// The slots of a file that can't be read: what was in use stays.
pub(super) fn unreadable(before: Vec<Slot>) -> Vec<Slot> {
    before.into_iter().filter_map(Slot::last_good).map(|good| Slot::lost(good, None)).collect()
}

/// The slots of a file that was read again, each with the version before it.
pub(super) fn replaced(before: Vec<Slot>, read: FileDocuments) -> Vec<Slot> {
    let mut before: Vec<Option<Document>> = before.into_iter().map(Slot::last_good).collect();
    let mut slots: Vec<Slot> = read.documents.into_iter().map(Slot::of).collect();
    for same in [same_id, same_name, same_title] {
        for slot in slots.iter_mut().filter(|slot| slot.good.is_none()) {
            let Some(latest) = &slot.latest else { continue };
            let is_it = |document: &&mut Option<Document>| {
                document.as_ref().is_some_and(|one| same(&one.called, &latest.called))
            };
            slot.good = before.iter_mut().find(is_it).and_then(Option::take);
        }
    }
    for (slot, before) in slots.iter_mut().zip(&mut before) {
        if slot.good.is_none() && slot.latest.as_ref().is_some_and(says_nothing) {
            slot.good = before.take();
        }
    }
    if read.is_cut {
        let cut = slots.iter().rev().find_map(|slot| match slot.latest.as_ref() {
            Some(Document { content: Content::Refused(problem), file, .. }) => {
                Some(problem.clone().of(file))
            }
            _ => None,
        });
        slots.extend(before.into_iter().flatten().map(|good| Slot::lost(good, cut.clone())));
    }
    slots
}

/// Whether a document is not to be used, and says so itself.
fn is_left_out(document: &Document) -> bool {
    matches!(document.content, Content::Refused(_)) && !document.is_refused()
}

/// Whether a document was refused before it could say what it is called.
fn says_nothing(document: &Document) -> bool {
    let called = &document.called;
    document.is_refused() && called.title.is_none() && called.handles().next().is_none()
}

fn text(handle: Option<&(String, std::ops::Range<usize>)>) -> Option<&str> {
    handle.map(|(text, _)| text.as_str())
}

fn same_id(one: &Called, other: &Called) -> bool {
    one.id.is_some() && text(one.id.as_ref()) == text(other.id.as_ref())
}

fn same_name(one: &Called, other: &Called) -> bool {
    one.name.is_some() && text(one.name.as_ref()) == text(other.name.as_ref())
}

fn same_title(one: &Called, other: &Called) -> bool {
    one.title.is_some() && (&one.title, one.namesake) == (&other.title, other.namesake)
}
