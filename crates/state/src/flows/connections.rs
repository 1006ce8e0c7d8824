//! Connections that are open: who began them, and when something was last sent.
//!
//! Only the beginning of a connection tells who began it and under which name the other end was looked up; what
//! passes over it tells the two ends alone. A connection whose beginning was not seen has neither.

use std::sync::Arc;
use std::time::Duration;

use etwatch_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::contact::{Contact, End, Protocol};
use super::period::Place;
use super::who::{Who, WhoKey};
use crate::bytes::of_shared_text;
use crate::fair::{Fair, Kept, entry_bytes};
use crate::limits::Room;

/// Connections of a host that are followed, and bytes of the names of their ends, unless less is asked for.
pub(crate) const MOST: Room = Room { entries: 16_384, bytes: 4 << 20 };
/// Bytes of memory for each connection that may be followed.
pub(crate) const CONNECTION_BYTES: usize = entry_bytes::<(WhoKey, Ends), Connection>();
/// A connection over which nothing passed for so long is forgotten.
const SILENCE: Duration = Duration::from_secs(24 * 3_600);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Ends {
    protocol: Protocol,
    local: Option<End>,
    remote: End,
}

impl Ends {
    pub(crate) fn of(contact: &Contact) -> Self {
        Self { protocol: contact.protocol, local: contact.local, remote: contact.remote }
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) who: Arc<Who>,
    /// Whether this host began; `None` if that was not seen.
    pub(crate) initiated: Option<bool>,
    /// The name of the other end, in small letters.
    pub(crate) name: Option<Arc<str>>,
    /// Whether it is known to be good.
    pub(crate) is_good: bool,
    /// When something was last sent.
    pub(crate) sent: Timestamp,
    /// When it was last heard of.
    pub(crate) seen: Timestamp,
    /// Contacts over it.
    pub(crate) contacts: u64,
    /// The lineage of the process that it was opened by.
    pub(crate) lineage: [u32; 4],
    /// The place of its flow.
    pub(crate) flow: Option<Place>,
}

impl Kept for Connection {
    fn progress(&self) -> u64 {
        self.contacts
    }
    fn used(&self) -> Timestamp {
        self.seen
    }
}

/// All connections of a host.
#[derive(Debug)]
pub(crate) struct Connections {
    open: Fair<(WhoKey, Ends), Connection>,
}

impl Connections {
    pub(crate) fn new(room: Room) -> Self {
        Self { open: Fair::new(room) }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.open.heap_bytes()
    }
    /// An eighth of the connections is forgotten; false if there is none.
    pub(crate) fn make_room(&mut self) -> bool {
        self.open.make_room()
    }
    pub(crate) fn get_mut(&mut self, who: WhoKey, ends: Ends) -> Option<&mut Connection> {
        self.open.get_mut(&(who, ends))
    }
    pub(crate) fn open(&mut self, who: WhoKey, ends: Ends, connection: Connection) {
        let bytes = connection.name.as_deref().map_or(0, of_shared_text);
        self.open.put((who, ends), connection.lineage, connection, bytes);
    }
    pub(crate) fn close(&mut self, who: WhoKey, ends: Ends) {
        self.open.remove(&(who, ends));
    }
    /// All, in the order in which they were opened.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&(WhoKey, Ends), &Connection)> {
        self.open.in_order().into_iter().map(|(key, _, connection)| (key, connection))
    }
    /// Connections that go on with what an earlier run had open.
    pub(crate) fn restored(
        room: Room,
        all: impl Iterator<Item = (WhoKey, Ends, Connection)>,
    ) -> Self {
        let mut connections = Self::new(room);
        all.for_each(|(who, ends, connection)| connections.open(who, ends, connection));
        connections
    }
    /// Forgets those that were silent for too long.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.open.sweep(|connection| now.since(connection.seen) > SILENCE);
    }
    /// Connections that were forgotten for want of room.
    pub(crate) fn evicted(&self) -> u64 {
        self.open.evicted
    }
}
