//! Scripts that came in parts.
//!
//! PowerShell writes a long script as several events with one `ScriptBlockId`, `MessageNumber` of `MessageTotal` each.
//! A string that lies across the border of two is in neither, so the whole is put together as an event of its own:
//!
//! ```text
//! 9:00.000  1 of 3   evaluated
//! 9:00.001  2 of 3   evaluated
//! 9:00.002  3 of 3   evaluated, then the whole script with the time and the other fields of this part
//! ```
//!
//! Parts may come in any order; the whole leaves behind the one that completes it. Where a part is missing, there is no
//! whole.

use std::collections::BTreeMap;

use etwatch_event::{Event, Shape};
use lru::LruCache;
use serde::{Deserialize, Serialize};

use crate::bytes::{of_listed, of_listed_entry};
use crate::fields::{field_numbers, id};
use crate::limits::Room;
use crate::saved::{shape_number, shape_of};

/// Scripts of which parts are awaited, and bytes of all parts, unless less is asked for; the one that got none for longest
/// goes first.
pub(crate) const MOST: Room = Room { entries: 1_024, bytes: 16 << 20 };
/// Bytes of memory for each script that may wait, beside its parts.
pub(crate) const SCRIPT: usize = of_listed_entry(WAITING);
/// Bytes of one script; a longer one is not put together.
const SCRIPT_BYTES: usize = 4 << 20;
/// What a part takes beside its text, about.
const PART_BYTES: usize = 64;
/// Bytes of an id; Windows' is a GUID.
const ID_BYTES: usize = 64;
/// What a script takes beside its parts: its id, and room for the first parts.
const WAITING: usize = size_of::<((Shape, Box<str>), Script)>() + ID_BYTES + 256;

field_numbers! {
    /// Numbers of the fields of a part, whose numbers are from 1 on.
    pub(crate) struct ScriptFields;
    pub(crate) fields:
    id = "ScriptBlockId",
    text = "ScriptBlockText",
    number = "MessageNumber",
    total = "MessageTotal",
}

/// The parts of a script that came.
#[derive(Debug, Default)]
struct Script {
    total: u32,
    /// None once they are too long together.
    parts: BTreeMap<u32, Box<str>>,
    bytes: usize,
    is_too_long: bool,
}

/// Scripts of which parts are awaited.
pub(crate) type SavedScripts = Vec<SavedScript>;

/// The parts of a script that came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedScript {
    shape: u8,
    id: Box<str>,
    total: u32,
    parts: Vec<(u32, Box<str>)>,
    is_too_long: bool,
}

/// The scripts of a host. Where both an event log and ETW tell of one, each tells it for itself.
#[derive(Debug)]
pub(crate) struct Scripts {
    room: Room,
    waiting: LruCache<(Shape, Box<str>), Script>,
    bytes: usize,
    /// Scripts that were too long, or went for want of room.
    pub(crate) evicted: u64,
}

impl Scripts {
    /// None waits yet.
    pub(crate) fn new(room: Room) -> Self {
        Self { room, waiting: LruCache::unbounded(), bytes: 0, evicted: 0 }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_listed(self.waiting.len(), WAITING) + self.bytes
    }
    /// Scripts of which a part is missing so far.
    pub(crate) fn missing(&self) -> u64 {
        self.waiting.iter().map(|(_, script)| u64::from(!script.is_too_long)).sum()
    }

    /// Takes a part; returns the whole script if this one completes it.
    pub(crate) fn take(&mut self, event: &Event<'_>, fields: &ScriptFields) -> Option<String> {
        let (number, total) = (id(event, fields.number)?, id(event, fields.total)?);
        let text = event.text(fields.text)?;
        if total < 2 || !(1..=total).contains(&number) {
            return None;
        }
        let mut made = String::new();
        let name = event.get(fields.id).first();
        let name = name.as_ref().and_then(|name| name.text(&mut made))?;
        if name.len() > ID_BYTES {
            return None;
        }
        let key = (event.origin().shape, Box::from(name));
        let mut script = self.waiting.pop(&key).unwrap_or_default();
        self.bytes -= script.bytes;
        if script.total != total {
            script = Script { total, ..Script::default() };
        }
        self.evicted += u64::from(script.add(number, text));
        if script.is_whole() {
            return Some(script.parts.into_values().collect());
        }
        self.bytes += script.bytes;
        self.waiting.put(key, script);
        self.make_room();
        None
    }

    /// What is to be kept for another run, the one that got no part for longest first.
    pub(crate) fn saved(&self) -> SavedScripts {
        let script = |((shape, id), script): (&(Shape, Box<str>), &Script)| SavedScript {
            shape: shape_number(*shape),
            id: id.clone(),
            total: script.total,
            parts: script.parts.iter().map(|(number, text)| (*number, text.clone())).collect(),
            is_too_long: script.is_too_long,
        };
        self.waiting.iter().rev().map(script).collect()
    }
    /// Scripts that go on with what was kept.
    pub(crate) fn restored(room: Room, saved: SavedScripts) -> Self {
        let mut scripts = Self::new(room);
        for SavedScript { shape, id, total, parts, is_too_long } in saved {
            let mut script = Script { total, ..Script::default() };
            for (number, text) in parts.iter().filter(|(number, _)| (1..=total).contains(number)) {
                script.add(*number, text);
            }
            let key = (shape_of(shape), id);
            if !script.is_whole() && key.1.len() <= ID_BYTES && !scripts.waiting.contains(&key) {
                script.is_too_long |= is_too_long;
                scripts.bytes += script.bytes;
                scripts.waiting.put(key, script);
                scripts.make_room();
            }
        }
        scripts
    }

    fn make_room(&mut self) {
        while (self.waiting.len() > self.room.entries || self.bytes > self.room.bytes)
            && let Some((_, script)) = self.waiting.pop_lru()
        {
            self.bytes -= script.bytes;
            self.evicted += u64::from(!script.is_too_long);
        }
    }
}

impl Script {
    /// Adds a part; whether the script is too long with it.
    fn add(&mut self, number: u32, text: &str) -> bool {
        if self.is_too_long {
            return false;
        }
        let before = self.parts.insert(number, text.into());
        let before = before.map_or(0, |before| before.len() + PART_BYTES);
        self.bytes = self.bytes + text.len() + PART_BYTES - before;
        if self.bytes > SCRIPT_BYTES {
            *self = Self { total: self.total, is_too_long: true, ..Self::default() };
        }
        self.is_too_long
    }
    fn is_whole(&self) -> bool {
        self.parts.len() == self.total as usize
    }
}

#[cfg(test)]
mod tests;
