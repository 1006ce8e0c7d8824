//! Paths of registry keys by key object.
//!
//! Opening a key tells its path in two parts: a base, by name or by the key object of an open key, and a name
//! relative to it; a name that begins with a root is a path by itself. What is done later tells the key object
//! alone. Paths are kept whole and in Sysmon's spelling ([`etwatch_event::registry`]), so that nothing hangs on a
//! base that is closed, and no chain of bases can be circular.
//!
//! ```text
//! open  key 5   base 0   \REGISTRY\MACHINE\SOFTWARE      5 → HKLM\SOFTWARE
//! open  key 6   base 5   Microsoft\Windows\…\Run         6 → HKLM\SOFTWARE\Microsoft\Windows\…\Run
//! set   key 6   value Updater                            HKLM\SOFTWARE\Microsoft\Windows\…\Run\Updater
//! ```
//!
//! Four opens in ten fail and have no key object, or that of nothing: they teach nothing. Addresses are used
//! again, so that an open whose path can't be told makes the address unknown.

use std::time::Duration;

use etwatch_event::registry::{is_absolute, registry_path};

use super::fields::Said;
use super::found::Found;
use super::remembered::{Remembered, TableLimits};
use super::{KindCounts, Tally};

/// The current set of system settings, which no event tells; nearly everywhere it is the first.
const CONTROL_SET: u16 = 1;
/// Bytes that are kept to write paths in.
const SCRATCH: usize = 4_096;
/// What stands for the value of a key that has no name.
const DEFAULT_VALUE: &str = "(Default)";

/// The paths.
#[derive(Debug)]
pub(super) struct Keys {
    paths: Remembered<u64>,
    tally: Tally,
    /// The path of the event at hand, and what it is made from.
    path: String,
    parts: String,
}

impl Keys {
    pub(super) fn new(limits: TableLimits, grace: Duration) -> Self {
        Self {
            paths: Remembered::new(limits, grace),
            tally: Tally::default(),
            path: String::new(),
            parts: String::new(),
        }
    }
    pub(super) fn counts(&self) -> KindCounts {
        self.tally.counts(&[&self.paths])
    }
    pub(super) fn heap_bytes(&self) -> usize {
        self.paths.heap_bytes() + self.path.capacity() + self.parts.capacity()
    }

    /// Gives the memory back that a path took which is longer than any of Windows.
    pub(super) fn give_back(&mut self) {
        for text in [&mut self.path, &mut self.parts] {
            if text.capacity() > SCRATCH {
                text.clear();
                text.shrink_to(SCRATCH);
            }
        }
    }

    /// A key was opened or created, or could not be.
    pub(super) fn opened(&mut self, said: &Said<'_>, found: &mut Found) {
        let fields = said.fields;
        let told = said.text(fields.target_object).filter(|path| is_absolute(path));
        let is_known = if let Some(path) = told {
            write_path(path, "", &mut self.parts, &mut self.path);
            true
        } else {
            let is_known = self.opened_path(said);
            if is_known {
                found.set_target_object(&self.path, None);
            }
            self.tally.count(is_known);
            is_known
        };
        let key = said.handle(fields.key_object).filter(|_| said.is_success(fields.status));
        match key {
            Some(key) if is_known => self.paths.learn(key, &self.path, said.time()),
            Some(key) => self.paths.forget(&key),
            None => {}
        }
    }
    /// The path of a key is told and nothing else.
    pub(super) fn named(&mut self, said: &Said<'_>) {
        let Some(key) = said.handle(said.fields.key_object) else { return };
        match said.text(said.fields.key_name).filter(|path| is_absolute(path)) {
            Some(path) => {
                write_path(path, "", &mut self.parts, &mut self.path);
                self.paths.learn(key, &self.path, said.time());
            }
            None => self.paths.refused += 1,
        }
    }
    /// A key object is gone.
    pub(super) fn closed(&mut self, said: &Said<'_>) {
        if let Some(key) = said.handle(said.fields.key_object)
            && said.is_success(said.fields.status)
        {
            self.paths.close(&key, said.time());
        }
    }
    /// Something was done to a key.
    pub(super) fn used(&mut self, said: &Said<'_>, found: &mut Found) {
        if let Some(is_known) = self.used_path(said) {
            if is_known {
                found.set_target_object(&self.path, None);
            }
            self.tally.count(is_known);
        }
    }
    /// Something was done to a value of a key.
    pub(super) fn value_used(&mut self, said: &Said<'_>, found: &mut Found) {
        if let Some(is_known) = self.used_path(said) {
            if is_known {
                let value = said.text(said.fields.value_name).unwrap_or(DEFAULT_VALUE);
                found.set_target_object(&self.path, Some(value));
            }
            self.tally.count(is_known);
        }
    }

    /// Sets `path` to that of the key an event is about; false if it is unknown, nothing if the event tells it.
    fn used_path(&mut self, said: &Said<'_>) -> Option<bool> {
        let fields = said.fields;
        let is_told = said.text(fields.target_object).is_some_and(is_absolute);
        let key = said.handle(fields.key_object);
        let name = said.text(fields.key_name).unwrap_or_default();
        if is_absolute(name) {
            write_path(name, "", &mut self.parts, &mut self.path);
            if let Some(key) = key {
                self.paths.learn(key, &self.path, said.time());
            }
            return (!is_told).then_some(true);
        }
        if is_told {
            return None;
        }
        let known = key.and_then(|key| self.paths.get(&key, said.time()));
        if let Some(path) = known {
            write_path(self.paths.text(path), name, &mut self.parts, &mut self.path);
        }
        Some(known.is_some())
    }
    /// Sets `path` to that of the key an event opens; false if it is unknown.
    fn opened_path(&mut self, said: &Said<'_>) -> bool {
        let fields = said.fields;
        let relative = said.text(fields.relative_name).unwrap_or_default();
        let (base, relative) = if is_absolute(relative) {
            (relative, "")
        } else if let Some(base) = said.text(fields.base_name).filter(|base| is_absolute(base)) {
            (base, relative)
        } else {
            let base = said.handle(fields.base_object);
            let base = base.and_then(|base| self.paths.get(&base, said.time()));
            let Some(base) = base else { return false };
            (self.paths.text(base), relative)
        };
        write_path(base, relative, &mut self.parts, &mut self.path);
        true
    }
}

/// Writes the path of what lies below `base`, in Sysmon's spelling, to `path`; `parts` is scratch.
fn write_path(base: &str, relative: &str, parts: &mut String, path: &mut String) {
    let relative = relative.trim_matches('\\');
    parts.clear();
    parts.push_str(base.trim_end_matches('\\'));
    if !relative.is_empty() {
        parts.push('\\');
        parts.push_str(relative);
    }
    path.clear();
    if !registry_path(parts, CONTROL_SET, path) {
        path.push_str(parts);
    }
}
