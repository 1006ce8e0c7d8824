//! Rules that are loaded again while they are in use.
//!
//! A library keeps the documents of each file. To load again, it reads all files and parses those whose
//! text is another one; what needs all documents (names, filters, correlations) is worked out anew.
//! A document that became bad must not leave a gap in what is watched for: its last good version stays
//! in use until it is put right or deleted, and a warning says so.
//!
//! ```text
//! file            now             in use
//! unchanged       –               as before, not parsed again
//! changed         good            the new version
//! changed         bad             the last good version, SIG043
//! broken half-way –               what could be read, and the last good version of the rest, SIG043
//! unreadable      –               as before, SIG043
//! deleted         –               nothing
//! ```
//!
//! Whether a document is bad can depend on others: it may take an id that another one has, or refer to a
//! rule that is gone. So the documents are put together with their latest versions first; those that are
//! refused go back to their last good ones, and all are put together again, until nothing changes. An id
//! or name stays with the file that has it in use, so that no other file can push it out.

mod slot;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etwatch_event::FieldTable;
use hashbrown::{HashMap, HashSet};

use crate::diagnostic::SourceFile;
use crate::load::assembly::{Assembled, Assembly};
use crate::load::document::{self, Document};
use crate::load::files::{self, Content};
use crate::load::names::Reserved;
use crate::load::{LoadOptions, Loaded};
use slot::Slot;

/// What loading again changed. Rules, filters and correlations are told by their id, else their name,
/// else their title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that are new or whose text changed.
    pub files_read: usize,
    /// Files that say what they said before.
    pub files_unchanged: usize,
    /// Files that are gone.
    pub files_removed: usize,
    /// What is new.
    pub added: Vec<String>,
    /// What says something else than before.
    pub changed: Vec<String>,
    /// What is no longer in use.
    pub removed: Vec<String>,
    /// What became bad, so that the last good version is in use.
    pub kept: Vec<String>,
}

impl Changes {
    /// Whether what is in use stays as it was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What loading again led to.
#[derive(Debug, Default)]
pub struct Reload {
    /// All that is in use now, and all that is to be said of it.
    pub loaded: Loaded,
    /// How it differs from before.
    pub changes: Changes,
}

/// A file and its documents.
#[derive(Debug)]
struct LibraryFile {
    path: PathBuf,
    /// Its text; `None` if it has none that could be read.
    source: Option<Arc<SourceFile>>,
    slots: Vec<Slot>,
}

/// What could not be read, and why.
enum Unreadable {
    File(PathBuf, std::io::Error),
    /// A folder, or what is listed in one and is neither folder nor file.
    Other(PathBuf, std::io::Error),
}

impl Unreadable {
    fn path(&self) -> &Path {
        match self {
            Self::File(path, _) | Self::Other(path, _) => path,
        }
    }
}

/// Tells files apart that come several times, since their folder was named several times.
#[derive(Default)]
struct Occurrences(HashMap<PathBuf, usize>);

impl Occurrences {
    fn key(&mut self, path: &Path) -> (PathBuf, usize) {
        let count = self.0.entry(path.to_owned()).or_default();
        *count += 1;
        (path.to_owned(), *count)
    }
}

/// What a document is told by, and what else tells it from others.
type Identity = (String, String, u32);

/// The rules of files and folders, to be loaded again and again.
#[derive(Debug)]
pub struct Library {
    paths: Vec<PathBuf>,
    options: LoadOptions,
    files: Vec<LibraryFile>,
    /// What is in use, by what it is told by; and a number that changes with what it says.
    in_use: BTreeMap<Identity, u64>,
    /// The ids and names in use, and their files.
    held: Reserved,
}

impl Library {
    /// A library of what lies under `paths`; nothing is read yet.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>, options: LoadOptions) -> Self {
        let (files, in_use, held) = (Vec::new(), BTreeMap::new(), Reserved::new());
        Self { paths, options, files, in_use, held }
    }

    /// Loads what has changed; the first time, everything.
    ///
    /// `fields` numbers the fields that rules name. It must be the table of the time before, or one that
    /// grew from it: rules that did not change keep their numbers.
    pub fn reload(&mut self, fields: &mut FieldTable) -> Reload {
        let mut changes = Changes::default();
        let unreadable = self.read(fields, &mut changes);
        let mut loaded = self.assemble();
        for unreadable in unreadable {
            match unreadable {
                Unreadable::File(path, error) => loaded.unreadable(path, error),
                Unreadable::Other(path, error) => loaded.unreadable.push((path, error)),
            }
        }
        loaded.files = changes.files_read + changes.files_unchanged;
        self.tell_changes(&mut changes);
        Reload { loaded, changes }
    }

    /// Reads all files, and their documents where the text is another one.
    fn read(&mut self, fields: &mut FieldTable, changes: &mut Changes) -> Vec<Unreadable> {
        let mut occurrences = Occurrences::default();
        let before = std::mem::take(&mut self.files).into_iter();
        let mut before: BTreeMap<_, _> =
            before.map(|file| (occurrences.key(&file.path), file)).collect();
        let mut occurrences = Occurrences::default();
        let mut unreadable = Vec::new();
        for path in &self.paths {
            let mut others = Vec::new();
            for path in files::rule_files(path, &mut others) {
                let before = before.remove(&occurrences.key(&path));
                let file = match files::read(&path) {
                    Ok(content) => read_file(path, content, before, &self.options, fields, changes),
                    Err(error) => {
                        unreadable.push(Unreadable::File(path.clone(), error));
                        out_of_reach(path, before)
                    }
                };
                self.files.push(file);
            }
            let others = others.into_iter().map(|(path, error)| Unreadable::Other(path, error));
            unreadable.extend(others);
        }
        for ((path, _), file) in before {
            // What can't be seen is not known to be deleted.
            if unreadable.iter().any(|place| path.starts_with(place.path())) {
                self.files.push(out_of_reach(path, Some(file)));
            } else {
                changes.files_removed += 1;
            }
        }
        unreadable
    }

    /// Puts the documents together with the latest version of each that is good there.
    fn assemble(&mut self) -> Loaded {
        self.slots_mut().for_each(Slot::begin);
        let reserved = self.reserved();
        loop {
            let mut assembly = Assembly::new(reserved.clone());
            let tried: Vec<_> = self.slots().map(|slot| slot.add(&mut assembly)).collect();
            let Assembled { loaded, refused } = assembly.finish();
            let mut again = false;
            for (slot, number) in self.slots_mut().zip(tried) {
                if let Some(problem) = number.and_then(|number| refused.get(&number)) {
                    again |= slot.refuse(problem);
                }
            }
            if !again {
                self.slots_mut().for_each(Slot::settle);
                return loaded;
            }
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.files.iter().flat_map(|file| &file.slots)
    }

    fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.files.iter_mut().flat_map(|file| &mut file.slots)
    }

    /// The ids and names that were in use and that their files still have.
    fn reserved(&self) -> Reserved {
        let offered = self.slots().flat_map(Slot::versions).flat_map(|document| {
            document.called.handles().map(|(_, text, _)| (text, document.file.name.as_str()))
        });
        let offered: HashSet<(&str, &str)> = offered.collect();
        let held = self.held.iter();
        held.filter(|(text, file)| offered.contains(&(text.as_str(), file.as_str())))
            .map(|(text, file)| (text.clone(), file.clone()))
            .collect()
    }

    /// Compares what is in use with what was.
    fn tell_changes(&mut self, changes: &mut Changes) {
        let (mut in_use, mut held) = (BTreeMap::new(), Reserved::new());
        for slot in self.slots() {
            let Some(document) = slot.in_use() else { continue };
            let identity = identity(document);
            if slot.is_kept() {
                changes.kept.push(identity.0.clone());
            }
            in_use.insert(identity, document.digest);
            for (_, text, _) in document.called.handles() {
                held.insert(text.to_owned(), document.file.name.clone());
            }
        }
        for (identity, digest) in &in_use {
            match self.in_use.get(identity) {
                None => changes.added.push(identity.0.clone()),
                Some(before) if before != digest => changes.changed.push(identity.0.clone()),
                Some(_) => {}
            }
        }
        let gone = self.in_use.keys().filter(|identity| !in_use.contains_key(*identity));
        changes.removed.extend(gone.map(|(text, ..)| text.clone()));
        (self.in_use, self.held) = (in_use, held);
    }
}

fn identity(document: &Document) -> Identity {
    let called = &document.called;
    match (called.handles().next(), &called.title) {
        (Some((_, text, _)), _) => (text.to_owned(), String::new(), 0),
        (None, title) => {
            let title = title.clone().unwrap_or_default();
            (title, document.file.name.clone(), called.namesake)
        }
    }
}

fn read_file(
    path: PathBuf,
    content: Content,
    before: Option<LibraryFile>,
    options: &LoadOptions,
    fields: &mut FieldTable,
    changes: &mut Changes,
) -> LibraryFile {
    let is_same = |file: &LibraryFile| match (&content, &file.source) {
        (Content::Text(text), Some(source)) => source.text == *text,
        _ => false,
    };
    let before = match before {
        Some(file) if is_same(&file) => {
            changes.files_unchanged += 1;
            return file;
        }
        before => before,
    };
    changes.files_read += 1;
    let is_text = matches!(content, Content::Text(_));
    let read = document::read(files::shown_name(&path), content, options, fields);
    let first = read.documents.first().map(|document| Arc::clone(&document.file));
    let source = first.filter(|_| is_text);
    let slots = slot::replaced(before.map_or_else(Vec::new, |file| file.slots), read);
    LibraryFile { path, source, slots }
}

/// A file that can't be read: what was in use stays.
fn out_of_reach(path: PathBuf, before: Option<LibraryFile>) -> LibraryFile {
    let slots = before.map_or_else(Vec::new, |file| slot::unreadable(file.slots));
    LibraryFile { path, source: None, slots }
}
