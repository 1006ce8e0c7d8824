//! Names behind the handles of one host: files, registry keys, and addresses that DNS has answered.
//!
//! A kernel event mostly says *what* by a number: a file object, a key object, an address. What the number
//! stands for another event has said before, when the file or key was opened or the name was looked up. Here
//! that is remembered, in the order of event time, and given to the events that lack it. Names are kept as the
//! events tell them, paths being converted before; paths of keys are put together here and therefore converted
//! here.
//!
//! ```text
//! event ──activity──▶ files    file object, file key → path           (names/files.rs)
//!                     keys     key object → path                      (names/keys.rs)
//!                     answers  process and address → host name        (names/answers.rs)
//!                     queries  process, name and type → told when     (names/queries.rs)
//! ```
//!
//! Each is a table with a bound (`names/remembered.rs`): what is evicted is counted, and what is not found is
//! counted as unresolved, not guessed. Only events change it, so a replay finds the same names.

mod answers;
mod fields;
mod files;
mod found;
mod keys;
mod order;
mod queries;
mod remembered;
mod saved;

use std::hash::Hash;
use std::time::Duration;

use etwatch_event::{Activity, Event};

use crate::filled::FilledFrom;
use answers::Answers;
use fields::Said;
use files::Files;
use keys::Keys;
use queries::Queries;
use remembered::Remembered;

pub use fields::NameFields;
pub(crate) use fields::address_of;
pub use found::Found;
pub use remembered::TableLimits;
pub(crate) use saved::SavedNames;

/// How much is remembered of a host, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// File objects, and file keys once more.
    pub files: TableLimits,
    /// Key objects.
    pub keys: TableLimits,
    /// Addresses, once for each process that was answered and once for all.
    pub answers: TableLimits,
    /// Queries of the last second.
    pub queries: TableLimits,
    /// A closed handle is found for this time, since a write may be told after the closing. A buffer of ETW is
    /// delivered after a second at most unless a session asks for more.
    pub close_grace: Duration,
    /// An answer of DNS is believed for this time.
    pub answer_life: Duration,
}

impl Limits {
    /// 65,536 entries with 16 MiB of text each for file objects, file keys and registry keys, 16,384 answers,
    /// 4,096 queries; two seconds after closing, ten minutes after an answer.
    pub(crate) const BUILT_IN: Self = {
        // The longest path of Windows has 32,767 UTF-16 units; a host name in DNS has 253 letters.
        let paths = TableLimits { entries: 65_536, text_bytes: 16 << 20, name_bytes: 32 << 10 };
        Self {
            files: paths,
            keys: paths,
            answers: TableLimits { entries: 16_384, text_bytes: 2 << 20, name_bytes: 1_024 },
            queries: TableLimits { entries: 4_096, text_bytes: 512 << 10, name_bytes: 1_024 },
            close_grace: Duration::from_secs(2),
            answer_life: Duration::from_mins(10),
        }
    };
}

impl Default for Limits {
    /// Those that are built in.
    fn default() -> Self {
        Self::BUILT_IN
    }
}

impl Limits {
    /// Bytes of memory that names within these limits take at most.
    pub(crate) const fn bytes(&self) -> usize {
        let handles = remembered::entry_bytes::<u64>();
        2 * self.files.bytes(handles)
            + self.keys.bytes(handles)
            + self.answers.bytes(remembered::entry_bytes::<answers::Answer>())
            + self.queries.bytes(remembered::entry_bytes::<queries::Query>())
    }
    /// With so many of each entry and byte of text as `scaled` makes of it.
    pub(crate) fn scaled(self, scaled: impl Fn(usize) -> usize) -> Self {
        let table = |table: TableLimits| TableLimits {
            entries: scaled(table.entries),
            text_bytes: scaled(table.text_bytes),
            ..table
        };
        Self {
            files: table(self.files),
            keys: table(self.keys),
            answers: table(self.answers),
            queries: table(self.queries),
            ..self
        }
    }
}

/// What came of one kind of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Entries that are remembered now.
    pub known: usize,
    /// Entries that had to go for want of room.
    pub evicted: u64,
    /// Names that were not remembered: too long, too many in one answer, or no path of a key.
    pub refused: u64,
    /// Events that lacked a name and were given it; of queries, the duplicates.
    pub resolved: u64,
    /// Events that lacked a name that nobody had told.
    pub unresolved: u64,
}

/// What came of all names, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// File objects and file keys.
    pub files: KindCounts,
    /// Key objects.
    pub keys: KindCounts,
    /// Addresses.
    pub answers: KindCounts,
    /// Queries.
    pub queries: KindCounts,
}

/// How often a name was found.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    resolved: u64,
    unresolved: u64,
}

impl Tally {
    fn count(&mut self, is_found: bool) {
        if is_found {
            self.resolved += 1;
        } else {
            self.unresolved += 1;
        }
    }
    fn counts<K: Copy + Eq + Hash>(self, tables: &[&Remembered<K>]) -> KindCounts {
        KindCounts {
            known: tables.iter().map(|names| names.len()).sum(),
            evicted: tables.iter().map(|names| names.evicted).sum(),
            refused: tables.iter().map(|names| names.refused).sum(),
            resolved: self.resolved,
            unresolved: self.unresolved,
        }
    }
}

/// A field that is found here, the fields by one of which it is found, and what it is found in.
pub(crate) type Given = (&'static str, &'static [&'static str], FilledFrom);

/// The fields that [`ObjectNames::take`] finds for events of an activity which lack them.
pub(crate) fn given(activity: Activity) -> &'static [Given] {
    use FilledFrom::{Dns, Handle};
    match activity {
        Activity::FileClose | Activity::FileUse => {
            &[("TargetFilename", &["FileObject", "FileKey"], Handle)]
        }
        Activity::FileRename => &[("SourceFilename", &["FileObject", "FileKey"], Handle)],
        Activity::KeyOpen => &[("TargetObject", &["BaseObject"], Handle)],
        Activity::KeyUse | Activity::ValueUse => &[("TargetObject", &["KeyObject"], Handle)],
        Activity::Connection => &[("DestinationHostname", &["DestinationIp"], Dns)],
        _ => &[],
    }
}

/// The names of one host.
#[derive(Debug)]
pub struct ObjectNames {
    files: Files,
    keys: Keys,
    answers: Answers,
    queries: Queries,
}

impl ObjectNames {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            files: Files::new(limits.files, limits.close_grace),
            keys: Keys::new(limits.keys, limits.close_grace),
            answers: Answers::new(limits.answers, limits.answer_life),
            queries: Queries::new(limits.queries),
        }
    }

    /// Learns what an event says about handles, and finds the names that it lacks.
    ///
    /// Called once for each event of the host, in the order of time; `pid` is the process that did it. `found`
    /// is emptied first. Events of other activities pass by. Takes time with the length of the event's names.
    pub fn take(
        &mut self,
        event: &Event<'_>,
        activity: Activity,
        pid: Option<u32>,
        fields: &NameFields,
        found: &mut Found,
    ) {
        found.clear();
        let said = Said { event, fields };
        match activity {
            Activity::FileOpen => self.files.opened(&said),
            Activity::FileName => self.files.named(&said),
            Activity::FileNameEnd => self.files.unnamed(&said),
            Activity::FileClose => self.files.closed(&said, found),
            Activity::FileUse => self.files.used(&said, found),
            Activity::FileRename => self.files.renamed(&said, found),
            Activity::KeyOpen => self.keys.opened(&said, found),
            Activity::KeyName => self.keys.named(&said),
            Activity::KeyClose => self.keys.closed(&said),
            Activity::KeyUse => self.keys.used(&said, found),
            Activity::ValueUse => self.keys.value_used(&said, found),
            Activity::Connection => self.answers.connected(&said, pid, found),
            Activity::DnsQuery => {
                found.is_duplicate_query = self.queries.is_duplicate(&said, pid);
                self.answers.answered(&said, pid);
            }
            _ => {}
        }
        self.keys.give_back();
    }

    /// What came of the names so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            files: self.files.counts(),
            keys: self.keys.counts(),
            answers: self.answers.counts(),
            queries: self.queries.counts(),
        }
    }
    /// Bytes of memory that are held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.files.heap_bytes()
            + self.keys.heap_bytes()
            + self.answers.heap_bytes()
            + self.queries.heap_bytes()
    }
}
