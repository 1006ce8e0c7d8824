//! What SIDs are called.
//!
//! The kernel says who by a SID, rules by a name. The accounts of services are called the same everywhere and are
//! named before; what other SIDs are called a logon tells (Security 4624), which has both.
//!
//! ```text
//! logon of S-1-5-21-1-2-3-1001, CORP\anna
//! start of a process by S-1-5-21-1-2-3-1001      User: CORP\anna
//! ```
//!
//! In a recorded log, a SID in a field stays one: it was recorded. ETW has no names, so there a SID in a field that is
//! for a name becomes the name, or else the SID's text.

use etwatch_event::batch::EventBuilder;
use etwatch_event::{Event, Value};
use lru::LruCache;

use crate::bytes::{of_listed, of_listed_entry};
use crate::fields::field_numbers;
use crate::fill::{Attribute, Party};
use crate::limits::Room;

/// Accounts that are remembered, and bytes of their SIDs and names, unless less is asked for; the one that signed on
/// longest ago goes first.
pub(crate) const MOST: Room = Room { entries: 16_384, bytes: 4 << 20 };
/// Bytes of memory for each account that may be remembered, beside its texts.
pub(crate) const ACCOUNT_BYTES: usize = of_listed_entry(ACCOUNT);

const ACCOUNT: usize = 2 * size_of::<Box<str>>();
/// Bytes of a SID and of a name; Windows' longest are 184 and 15 + 1 + 256 letters.
const LONGEST: usize = 1_024;
/// How each SID begins.
const SID: &str = "S-1-";

field_numbers! {
    /// Numbers of the fields of a logon.
    pub(crate) struct AccountFields;
    fields:
    sid = "TargetUserSid",
    name = "TargetUserName",
    domain = "TargetDomainName",
}

/// SIDs with their names.
pub(crate) type SavedAccounts = Vec<(Box<str>, Box<str>)>;

/// The accounts of a host.
#[derive(Debug)]
pub(crate) struct Accounts {
    room: Room,
    /// Of all texts.
    bytes: usize,
    names: LruCache<Box<str>, Box<str>>,
    scratch: String,
    /// Accounts that were forgotten for want of room.
    pub(crate) evicted: u64,
}

impl Accounts {
    /// None is known yet.
    pub(crate) fn new(room: Room) -> Self {
        let (names, scratch) = (LruCache::unbounded(), String::new());
        Self { room, bytes: 0, names, scratch, evicted: 0 }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_listed(self.names.len(), ACCOUNT) + self.bytes
    }
    /// An account signed on.
    pub(crate) fn learn(&mut self, event: &Event<'_>, fields: &AccountFields) {
        let said = |field| event.text(field).filter(|text| !matches!(*text, "" | "-"));
        let mut made = String::new();
        let sid = event.get(fields.sid).first();
        let sid = sid.as_ref().and_then(|sid| sid.text(&mut made));
        let sid = sid.filter(|sid| sid.starts_with(SID) && sid.len() <= LONGEST);
        let (Some(sid), Some(name)) = (sid, said(fields.name)) else { return };
        self.scratch.clear();
        if let Some(domain) = said(fields.domain) {
            self.scratch.push_str(domain);
            self.scratch.push('\\');
        }
        self.scratch.push_str(name);
        if self.scratch.len() > LONGEST {
            self.scratch = String::new();
            return;
        }
        if self.names.get(sid).is_some_and(|it| **it == *self.scratch) {
            return;
        }
        let name = self.scratch.as_str().into();
        self.call(sid.into(), name);
    }
    fn call(&mut self, sid: Box<str>, name: Box<str>) {
        if sid.len() > LONGEST || name.len() > LONGEST {
            return;
        }
        self.bytes += sid.len() + name.len();
        if let Some((sid, before)) = self.names.push(sid, name) {
            self.bytes -= sid.len() + before.len();
        }
        while (self.names.len() > self.room.entries || self.bytes > self.room.bytes)
            && let Some((sid, name)) = self.names.pop_lru()
        {
            self.bytes -= sid.len() + name.len();
            self.evicted += 1;
        }
    }

    /// What is to be kept for another run: SIDs and names, the one that signed on longest ago first.
    pub(crate) fn saved(&self) -> SavedAccounts {
        self.names.iter().rev().map(|(sid, name)| (sid.clone(), name.clone())).collect()
    }
    /// Accounts that go on with what was kept.
    pub(crate) fn restored(room: Room, saved: SavedAccounts) -> Self {
        let mut accounts = Self::new(room);
        saved.into_iter().for_each(|(sid, name)| accounts.call(sid, name));
        accounts
    }

    /// What a user is called: if it is a SID whose name is known, the name.
    pub(crate) fn name<'a>(&'a self, user: &'a str) -> &'a str {
        if !user.starts_with(SID) {
            return user;
        }
        self.names.peek(user).map_or(user, |name| name)
    }

    /// Names the users that an event of ETW has as SIDs.
    pub(crate) fn name_recorded(
        &self,
        event: &Event<'_>,
        party: &Party,
        filled: &mut EventBuilder<'_>,
    ) {
        let of_users = |attribute| matches!(attribute, Attribute::User | Attribute::ParentUser);
        for fill in party.fills.iter().filter(|fill| of_users(fill.attribute)) {
            // A SID's text is written even without a name, so that what counts as recorded is the same in both cases.
            if let Some(sid @ Value::Sid(_)) = event.in_slot(fill.slot).first() {
                let mut made = String::new();
                if let Some(sid) = sid.text(&mut made) {
                    filled.set_slot(fill.slot, Value::Text(self.name(sid)));
                }
            }
        }
    }
}
