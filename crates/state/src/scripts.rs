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

use etwatch_event::{Event, FieldId, FieldTable, Shape};
use lru::LruCache;

use crate::fields::id;

/// Scripts of which parts are awaited; the one that got none for longest goes first.
const MOST: usize = 1_024;
/// Bytes of one script; a longer one is not put together.
const SCRIPT_BYTES: usize = 4 << 20;
/// Bytes of all parts that wait.
const BYTES: usize = 16 << 20;
/// What a part takes beside its text, about.
const PART_BYTES: usize = 64;
/// Bytes of an id; Windows' is a GUID.
const ID_BYTES: usize = 64;

/// Numbers of the fields of a part.
#[derive(Clone, Debug)]
pub(crate) struct ScriptFields {
    id: FieldId,
    /// The text.
    pub(crate) text: FieldId,
    /// Which part it is, from 1 on.
    pub(crate) number: FieldId,
    total: FieldId,
}

impl ScriptFields {
    /// Gives the fields their numbers.
    pub(crate) fn intern(table: &mut FieldTable) -> Self {
        Self {
            id: table.intern("ScriptBlockId"),
            text: table.intern("ScriptBlockText"),
            number: table.intern("MessageNumber"),
            total: table.intern("MessageTotal"),
        }
    }
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

/// The scripts of a host. Where both an event log and ETW tell of one, each tells it for itself.
#[derive(Debug)]
pub(crate) struct Scripts {
    waiting: LruCache<(Shape, Box<str>), Script>,
    bytes: usize,
    /// Scripts that were too long, or went for want of room.
    pub(crate) evicted: u64,
}

impl Default for Scripts {
    fn default() -> Self {
        Self { waiting: LruCache::unbounded(), bytes: 0, evicted: 0 }
    }
}

impl Scripts {
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

    fn make_room(&mut self) {
        while (self.waiting.len() > MOST || self.bytes > BYTES)
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
