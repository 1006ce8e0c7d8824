//! Our own tables of layouts, for recordings that do not say what their payloads hold.
//!
//! `crates/decode/schemas` has a file for each provider or group of classes; they are part of the program.
//! At the start the files are only looked through for the GUIDs they speak of; what stands below a GUID is
//! parsed when its first event comes. A file is read line by line, `#` begins a remark:
//!
//! ```text
//! provider Microsoft-Windows-Kernel-Process 22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716 [channel=…]
//! also NAME GUID                      the same events under another GUID
//! provider NAME GUID more             further events of a provider that another file tells of, or the
//!                                     same ones, told better
//! class SystemTraceProvider-Thread 3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c task=Thread
//!
//! map ProcessFlags bit                or `value`; then a number and a name a line
//!   0x1 PackageId
//!
//! event 1 v0 ProcessStart task=ProcessStart opcode=Start builds=7600-9600
//!   ProcessID UInt32/ProcessId        a name, an in-type, an out-type
//!   Flags UInt32 map=ProcessFlags
//!   Count UInt16
//!   Names UnicodeString count=Count   a number, a field that stands before, `prefixed`, `rest`
//!   Hash Binary length=16             likewise
//!   Comment UnicodeString optional    the payload may end before it
//!   Values struct count=Count         its members stand deeper
//!     Address Pointer
//! event 2,3 v3,v4 End,DCStart         several at once, with one name for all or one for each
//! ```
//!
//! Events of a provider are told apart by id, those of a class (MOF) by opcode. An event may occur several
//! times with one id and version: as Windows changed a layout without a new version (`builds`), or because
//! sources differ. [`Tables::candidates`] gives those of a record in the order in which they should be
//! tried; the first that consumes the payload exactly is right. A version that is newer than all known ones
//! gets the newest, and says so.

mod error;
mod files;
mod layouts;
mod line;
mod parse;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use etwatch_event::{Guid, RawForm, RawHeader};

use crate::key::Key;
use crate::schema::Schema;
use crate::store::{self, SchemaTables};

pub use error::{TableError, TableProblem};
pub use layouts::Candidates;

use layouts::EventLayouts;
use line::Line;
use parse::Owner;

/// What a layout is looked up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableKey {
    /// How the record was written.
    pub form: RawForm,
    /// The provider, or the class.
    pub guid: Guid,
    /// The id of the event; counts for providers.
    pub id: u16,
    /// The opcode; counts for classes.
    pub opcode: u8,
    /// The version of the layout.
    pub version: u8,
    /// The build of the Windows that wrote it, if it is known.
    pub build: Option<u32>,
}

impl TableKey {
    /// The key of a record with this header, written by this build of Windows.
    #[must_use]
    pub fn of(header: &RawHeader, build: Option<u32>) -> Self {
        let RawHeader { form, provider: guid, id, opcode, version, .. } = *header;
        Self { form, guid, id, opcode, version, build }
    }
}

/// What a GUID stands for, and where that is told.
#[derive(Debug)]
struct Section<'t> {
    owner: Owner<'t>,
    file: &'static str,
    first_line: u32,
    text: &'t str,
    parsed: OnceLock<Result<EventLayouts, TableError>>,
}

/// A layout of the tables.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    /// Whether it is that of a classic event, and `number` its opcode.
    pub classic: bool,
    /// The id of the event.
    pub number: u16,
    /// The version of the layout.
    pub version: u8,
    /// The layout.
    pub schema: &'t Arc<Schema>,
}

/// Tables by GUID, of texts that live for `'t`.
#[derive(Debug, Default)]
pub struct Tables<'t> {
    sections: Vec<Section<'t>>,
    /// The sections of a GUID: those that say `more` first, then the one that does not.
    by_guid: HashMap<Guid, Vec<usize>>,
    /// Why files are missing.
    refused: Vec<TableError>,
}

/// A line that names a provider or class.
#[derive(Debug)]
struct Opener<'t> {
    at: usize,
    number: u32,
    also: bool,
    line: Line<'t>,
}

impl Tables<'static> {
    /// The tables that are part of the program.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Tables<'static>> =
            LazyLock::new(|| Tables::of_files(files::FILES));
        &EMBEDDED
    }
}

impl<'t> Tables<'t> {
    /// Tables from files, by name and text. Their GUIDs are found now, what stands below them is parsed on
    /// first use; [`Tables::check`] tells what is wrong with them.
    #[must_use]
    pub fn of_files(files: &[(&'static str, &'t str)]) -> Self {
        let mut tables = Self::default();
        for (file, text) in files {
            let refused = tables.add(file, text).err();
            tables.refused.extend(refused);
        }
        tables
    }

    /// Adds the sections of a file.
    fn add(&mut self, file: &'static str, text: &'t str) -> Result<(), TableError> {
        let (mut at, mut openers) = (0, Vec::new());
        for (number, line) in (1_u32..).zip(text.split_inclusive('\n')) {
            if ["provider ", "class ", "also "].iter().any(|word| line.starts_with(word)) {
                let also = line.starts_with("also ");
                openers.push(Opener { at, number, also, line: Line::parse(file, number, line)? });
            }
            at += line.len();
        }
        let mut shared: Option<(&Opener<'t>, Owner<'t>)> = None;
        for (index, opener) in openers.iter().enumerate() {
            let mut owner = Owner::parse(&opener.line)?;
            // An `also` shares what stands below the provider before it.
            let first = match shared {
                Some((first, before)) if opener.also => {
                    owner = Owner { name: owner.name, guid: owner.guid, ..before };
                    first
                }
                _ => {
                    shared = Some((opener, owner));
                    opener
                }
            };
            let end = openers.iter().skip(index + 1).find(|next| !next.also);
            let text = text.get(first.at..end.map_or(at, |end| end.at)).unwrap_or_default();
            let known = self.by_guid.entry(owner.guid).or_default();
            let whole = |index: &usize| self.sections.get(*index).is_some_and(Section::is_whole);
            if !owner.more && known.iter().any(whole) {
                return Err(opener.line.error(TableProblem::Twice(owner.guid.to_string())));
            }
            let place = if owner.more { 0 } else { known.len() };
            known.insert(place, self.sections.len());
            let (first_line, parsed) = (first.number, OnceLock::new());
            self.sections.push(Section { owner, file, first_line, text, parsed });
        }
        Ok(())
    }

    /// The layouts that the record of `key` may have, the likeliest first; none if nothing is known of it.
    #[must_use]
    pub fn candidates(&self, key: &TableKey) -> Candidates<'_> {
        let found = self.of_guid(&key.guid).map(|section| section.candidates(key));
        // The section with the nearest version; of those alike the first.
        found.fold(
            Candidates::default(),
            |best, next| if next.is_nearer(&best) { next } else { best },
        )
    }

    fn of_guid(&self, guid: &Guid) -> impl Iterator<Item = &Section<'t>> {
        let indices = self.by_guid.get(guid).into_iter().flatten();
        indices.filter_map(|index| self.sections.get(*index))
    }

    /// The likeliest of [`Tables::candidates`].
    #[must_use]
    pub fn find(&self, key: &TableKey) -> Option<Arc<Schema>> {
        self.candidates(key).iter().next().cloned()
    }

    /// The name of the provider or class with this GUID.
    #[must_use]
    pub fn provider_name(&self, guid: &Guid) -> Option<&str> {
        self.of_guid(guid).next().map(|section| section.owner.name)
    }

    /// Parses what has not been needed so far.
    ///
    /// # Errors
    /// The first line that is not of the form.
    pub fn check(&self) -> Result<(), TableError> {
        let unparsed = self.sections.iter().filter_map(|section| section.parse().as_ref().err());
        self.refused.iter().chain(unparsed).next().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// All layouts with the number (id or opcode) and version of their event, in the order of the files.
    pub fn schemas(&self) -> impl Iterator<Item = (u16, u8, &Arc<Schema>)> {
        self.entries().map(|Entry { number, version, schema, .. }| (number, version, schema))
    }

    /// The same, and whether they are those of classic events.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.sections.iter().flat_map(|section| {
            let layouts = section.parse().as_ref().ok();
            let classic = section.owner.classic;
            let entry = move |(number, version, schema)| Entry { classic, number, version, schema };
            layouts.into_iter().flat_map(EventLayouts::iter).map(entry)
        })
    }
}

impl Section<'_> {
    fn is_whole(&self) -> bool {
        !self.owner.more
    }
    fn candidates(&self, key: &TableKey) -> Candidates<'_> {
        let number = match (self.owner.classic, key.form) {
            (_, RawForm::Message) | (false, RawForm::Classic | RawForm::Kernel) => None,
            (false, RawForm::Event) => Some(key.id),
            (true, _) => Some(u16::from(key.opcode)),
        };
        match (self.parse(), number) {
            (Ok(layouts), Some(number)) => layouts.candidates(number, key.version, key.build),
            _ => Candidates::default(),
        }
    }
    fn parse(&self) -> &Result<EventLayouts, TableError> {
        self.parsed
            .get_or_init(|| parse::events(&self.owner, self.file, self.first_line, self.text))
    }
}

impl SchemaTables for Tables<'_> {
    fn candidates(&self, key: &Key) -> store::Candidates {
        let form = if key.classic { RawForm::Kernel } else { RawForm::Event };
        let build = (key.build > 0).then_some(key.build);
        let Key { guid, id, version, .. } = *key;
        let opcode = u8::try_from(id).unwrap_or_default();
        let found = Self::candidates(self, &TableKey { form, guid, id, opcode, version, build });
        store::Candidates { schemas: found.iter().cloned().collect(), newer: found.newer() }
    }
}

#[cfg(test)]
mod tests;
