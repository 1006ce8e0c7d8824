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

use crate::fields::field_numbers;
use crate::fill::{Attribute, Party};

/// Accounts that are remembered; the one that signed on longest ago goes first.
const MOST: usize = 16_384;
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
    names: LruCache<Box<str>, Box<str>>,
    scratch: String,
    /// Accounts that were forgotten for want of room.
    pub(crate) evicted: u64,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { names: LruCache::unbounded(), scratch: String::new(), evicted: 0 }
    }
}

impl Accounts {
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
        if self.scratch.len() > LONGEST
            || self.names.get(sid).is_some_and(|it| **it == *self.scratch)
        {
            return;
        }
        let name = self.scratch.as_str().into();
        self.call(sid.into(), name);
    }
    fn call(&mut self, sid: Box<str>, name: Box<str>) {
        if sid.len() > LONGEST || name.len() > LONGEST {
            return;
        }
        self.names.put(sid, name);
        if self.names.len() > MOST {
            self.evicted += u64::from(self.names.pop_lru().is_some());
        }
    }

    /// What is to be kept for another run: SIDs and names, the one that signed on longest ago first.
    pub(crate) fn saved(&self) -> SavedAccounts {
        self.names.iter().rev().map(|(sid, name)| (sid.clone(), name.clone())).collect()
    }
    /// Accounts that go on with what was kept.
    pub(crate) fn restored(saved: SavedAccounts) -> Self {
        let mut accounts = Self::default();
        saved.into_iter().for_each(|(sid, name)| accounts.call(sid, name));
        accounts.evicted = 0;
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
