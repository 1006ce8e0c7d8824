//! What is remembered of hosts, to be taken up again by another run.
//!
//! [`State::save`] gives it as plain lists, numbers and texts, the same for the same events; where they are written
//! is not known here. [`State::restore`] builds the memory anew with them. What is read may have been written by
//! anyone: it goes through the same bounds as what events tell, and what makes no sense is left out.
//!
//! | is kept | is not |
//! |---|---|
//! | processes, also ended ones, with images, threads and facts | events that wait for others |
//! | what DNS answered; queries of the last second | names behind handles: Windows gives their numbers to others |
//! | accounts; facts of files; scripts of which parts are missing | counts of what had to be forgotten |
//! | flows of the hour and the day; connections; beats | which file a record was in |
//! | how far the time of each host has come | which events are told what: rules say so anew |
//!
//! The lists that [`Saved`] consists of are told by the modules whose memory they are, in files of that name.

use std::sync::Arc;

use etwatch_event::{Shape, Timestamp};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::accounts::{Accounts, SavedAccounts};
use crate::datagrams::{Datagrams, SavedDatagrams};
use crate::derived::{Derived, SavedDerived};
use crate::fields::Outline;
use crate::file_facts::{FileFacts, SavedFileFacts};
use crate::host::Host;
use crate::hosts::Hosts;
use crate::limits::{HostLimits, Limits};
use crate::names::{ObjectNames, SavedNames};
use crate::processes::{ProcessTable, SavedProcesses};
use crate::scripts::{SavedScripts, Scripts};
use crate::state::{Settings, State};
use crate::threads::{SavedThreads, Threads};

/// What is remembered of all hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The one unseen for longest first.
    hosts: Vec<SavedHost>,
    /// How many hosts there were so far.
    count: u32,
}

impl Saved {
    /// How many hosts something is remembered of.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.hosts.iter().filter(|host| host.released.is_known()).count()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedHost {
    name: Box<str>,
    number: u32,
    #[serde(with = "time")]
    released: Timestamp,
    has_guids: bool,
    processes: SavedProcesses,
    names: SavedNames,
    threads: SavedThreads,
    datagrams: SavedDatagrams,
    file_facts: SavedFileFacts,
    accounts: SavedAccounts,
    scripts: SavedScripts,
    derived: Option<SavedDerived>,
}

impl State {
    /// What another run needs to go on. Takes time with all that is remembered.
    ///
    /// Events that still wait are not in it: [`State::pause`] has them leave before.
    #[must_use]
    pub fn save(&self) -> Saved {
        let hosts = self.hosts().by_use().map(|(name, host)| SavedHost::of(name, host)).collect();
        Saved { hosts, count: self.hosts().count() }
    }

    /// A memory that goes on with what was saved. What events are to tell, and what is to be made of them, has to
    /// be said anew.
    #[must_use]
    pub fn restore(settings: Settings, outline: Arc<Outline>, saved: Saved) -> Self {
        let Saved { hosts, count } = saved;
        let limits = Limits::of(settings.memory);
        let hosts = hosts.into_iter().map(|saved| saved.host(&limits.of_host));
        Self::with_hosts(settings, outline, Hosts::restored(limits, hosts, count))
    }
}

impl SavedHost {
    fn of(name: &str, host: &Host) -> Self {
        Self {
            name: name.into(),
            number: host.number,
            released: host.released,
            has_guids: host.has_guids,
            processes: host.processes.saved(),
            names: host.names.saved(),
            threads: host.threads.saved(),
            datagrams: host.datagrams.saved(),
            file_facts: host.file_facts.saved(),
            accounts: host.accounts.saved(),
            scripts: host.scripts.saved(),
            derived: host.derived.as_deref().map(Derived::saved),
        }
    }
    fn host(self, limits: &HostLimits) -> (Box<str>, Host) {
        let mut host = Host::new(&self.name, self.number, limits);
        (host.released, host.has_guids) = (self.released, self.has_guids);
        host.processes = ProcessTable::restored(&self.name, limits.processes, self.processes);
        host.names = ObjectNames::restored(limits.names, &self.names);
        host.threads = Threads::restored(limits.threads, &self.threads);
        host.datagrams = Datagrams::restored(limits.datagrams, &self.datagrams);
        host.file_facts = FileFacts::restored(limits.file_facts, self.file_facts);
        host.accounts = Accounts::restored(limits.accounts, self.accounts);
        host.scripts = Scripts::restored(limits.scripts, self.scripts);
        host.derived =
            self.derived.map(|derived| Box::new(Derived::restored(limits.derived, derived)));
        (self.name, host)
    }
}

/// Texts that are written once and referred to by number.
#[derive(Default)]
pub(crate) struct TextNumbers<'t> {
    numbers: HashMap<&'t str, u32>,
    texts: Vec<Box<str>>,
}

impl<'t> TextNumbers<'t> {
    /// The number of a text.
    pub(crate) fn number(&mut self, text: &'t str) -> u32 {
        let next = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(text).or_insert_with(|| {
            self.texts.push(text.into());
            next
        })
    }
    /// The texts by number.
    pub(crate) fn into_texts(self) -> Vec<Box<str>> {
        self.texts
    }
}

/// Forms of records, by the number under which they are written.
const SHAPES: [Shape; 7] = [
    Shape::Unknown,
    Shape::Evtx,
    Shape::Etw,
    Shape::EventXml,
    Shape::Winlogbeat,
    Shape::Nxlog,
    Shape::Flat,
];

/// The number of a form.
pub(crate) fn shape_number(shape: Shape) -> u8 {
    let place = SHAPES.iter().position(|own| *own == shape);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

/// The form with a number.
pub(crate) fn shape_of(number: u8) -> Shape {
    SHAPES.get(usize::from(number)).copied().unwrap_or_default()
}

/// Times in units of 100 ns.
pub(crate) mod time {
    use etwatch_event::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        time.filetime().serialize(to)
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        u64::deserialize(from).map(Timestamp::from_filetime)
    }
}
