//! Names of files by file object and by file key.
//!
//! A *file object* is one opening of a file and lives until it is closed; a *file key* is the file itself,
//! however often it is open. Opening tells the name of the object, name events that of the key (older ones have
//! it in the field for objects), deleting and renaming tell both. Most other events have both numbers and no
//! name, which is how a key learns the name of an object. Where both have a name and the names differ, the one
//! told later is true: the key of a closed file was used again, or the file was renamed through another object.
//!
//! ```text
//! open   object 7           C:\a      7 → C:\a
//! write  object 7   key 3             name of 7; 3 → C:\a
//! rename object 7   key 3   C:\b      source C:\a; 7, 3 → C:\b
//! write  object 8   key 3             8 was opened before recording began: name of 3
//! ```
//!
//! When a folder is renamed, the names of open files below it stay as they were told.

use std::time::Duration;

use etwatch_event::Timestamp;

use super::fields::Said;
use super::found::Found;
use super::remembered::{Remembered, TableLimits};
use super::{KindCounts, Tally};

/// The names.
#[derive(Debug)]
pub(super) struct Files {
    objects: Remembered<u64>,
    keys: Remembered<u64>,
    tally: Tally,
}

/// The handles of an event.
#[derive(Clone, Copy, Debug)]
struct Handles {
    object: Option<u64>,
    key: Option<u64>,
}

impl Handles {
    fn of(said: &Said<'_>) -> Self {
        let (object, key) = (said.fields.file_object, said.fields.file_key);
        Self { object: said.handle(object), key: said.handle(key) }
    }
}

impl Files {
    pub(super) fn new(limits: TableLimits, grace: Duration) -> Self {
        Self {
            objects: Remembered::new(limits, grace),
            keys: Remembered::new(limits, grace),
            tally: Tally::default(),
        }
    }
    pub(super) fn counts(&self) -> KindCounts {
        self.tally.counts(&[&self.objects, &self.keys])
    }
    pub(super) fn heap_bytes(&self) -> usize {
        self.objects.heap_bytes() + self.keys.heap_bytes()
    }

    /// A file object was made: its number may have been another's before.
    pub(super) fn opened(&mut self, said: &Said<'_>) {
        let name = said.text(said.fields.target_filename);
        self.set(Handles::of(said), name, said.time());
        if name.is_none() {
            self.tally.unresolved += 1;
        }
    }
    /// A name is told and nothing else.
    pub(super) fn named(&mut self, said: &Said<'_>) {
        let name = said.text(said.fields.file_name).or(said.text(said.fields.target_filename));
        if let (Some(name), Some(key)) = (name, named_key(said)) {
            self.keys.learn(key, name, said.time());
        }
    }
    /// A name is no longer true.
    pub(super) fn unnamed(&mut self, said: &Said<'_>) {
        if let Some(key) = named_key(said) {
            self.keys.close(&key, said.time());
        }
    }
    /// Something was done to a file: the event tells the name or is given it.
    pub(super) fn used(&mut self, said: &Said<'_>, found: &mut Found) {
        let handles = Handles::of(said);
        if let Some(name) = said.text(said.fields.target_filename) {
            self.set(handles, Some(name), said.time());
            return;
        }
        let name = self.name(handles, said.time());
        if let Some(name) = name {
            found.set_target_filename(name);
        }
        let is_found = name.is_some();
        self.tally.count(is_found);
    }
    /// A file object is gone.
    pub(super) fn closed(&mut self, said: &Said<'_>, found: &mut Found) {
        self.used(said, found);
        if let Some(object) = Handles::of(said).object {
            self.objects.close(&object, said.time());
        }
    }
    /// A file has another name. A rename that tells the name which is known already tells no old one.
    pub(super) fn renamed(&mut self, said: &Said<'_>, found: &mut Found) {
        let handles = Handles::of(said);
        let new = said.text(said.fields.target_filename);
        if said.text(said.fields.source_filename).is_none() {
            let old = self.name(handles, said.time()).filter(|old| Some(*old) != new);
            if let Some(old) = old {
                found.set_source_filename(old);
            }
            let is_found = old.is_some();
            self.tally.count(is_found);
        }
        self.set(handles, new, said.time());
    }

    /// The handles have this name, or none that is known.
    fn set(&mut self, handles: Handles, name: Option<&str>, now: Timestamp) {
        for (table, handle) in [(&mut self.objects, handles.object), (&mut self.keys, handles.key)]
        {
            match (handle, name) {
                (Some(handle), Some(name)) => table.learn(handle, name, now),
                (Some(handle), None) => table.forget(&handle),
                (None, _) => {}
            }
        }
    }
    /// The name behind the handles of an event; its key has it afterwards.
    fn name(&mut self, handles: Handles, now: Timestamp) -> Option<&str> {
        let Self { objects, keys, .. } = self;
        let of_object = handles.object.and_then(|object| objects.get(&object, now));
        let of_key = handles.key.and_then(|key| keys.get(&key, now));
        match (of_object, of_key) {
            (Some(object), Some(key)) if object.told < key.told => Some(keys.text(key)),
            (Some(object), of_key) => {
                let name = objects.text(object);
                let knows = of_key.is_some_and(|key| keys.text(key) == name);
                if let Some(key) = handles.key.filter(|_| !knows) {
                    keys.learn(key, name, object.told);
                }
                Some(name)
            }
            (None, Some(key)) => Some(keys.text(key)),
            (None, None) => {
                let key = handles.object.and_then(|object| keys.get(&object, now))?;
                Some(keys.text(key))
            }
        }
    }
}

/// The key that a name event is about. Older ones have it in the field for objects.
fn named_key(said: &Said<'_>) -> Option<u64> {
    let Handles { object, key } = Handles::of(said);
    key.or(object)
}
