//! Against a simple model: the same names are found and as many are evicted, whatever is told in whatever order.
//!
//! The model says what the documents say about handles, on lists that are searched from the first to the last.

use std::time::Duration;

use etwatch_event::Activity;
use etwatch_event::Value::{Hex, Text, Unsigned};
use etwatch_state::names::{Limits, TableLimits};
use proptest::prelude::*;

use crate::host::{Field, Host};

const GRACE: u64 = 50;

/// A handle's name, and when it was told or closed.
type Entry = (u64, String, u64);

/// What a bounded table is: open entries by last use, closed ones by closing.
struct Model {
    capacity: usize,
    open: Vec<Entry>,
    closed: Vec<(Entry, u64)>,
    evicted: u64,
}

impl Model {
    fn new(capacity: usize) -> Self {
        Self { capacity, open: Vec::new(), closed: Vec::new(), evicted: 0 }
    }
    fn forget(&mut self, key: u64) {
        self.open.retain(|entry| entry.0 != key);
        self.closed.retain(|(entry, _)| entry.0 != key);
    }
    fn sweep(&mut self, now: u64) {
        while self.closed.first().is_some_and(|(_, at)| now.saturating_sub(*at) > GRACE) {
            self.closed.remove(0);
        }
    }
    fn get(&mut self, key: u64, now: u64) -> Option<(String, u64)> {
        if let Some(place) = self.open.iter().position(|entry| entry.0 == key) {
            let entry = self.open.remove(place);
            self.open.push(entry.clone());
            return Some((entry.1, entry.2));
        }
        let (entry, at) = self.closed.iter().find(|(entry, _)| entry.0 == key)?.clone();
        if now.saturating_sub(at) > GRACE {
            self.forget(key);
            return None;
        }
        Some((entry.1, entry.2))
    }
    fn learn(&mut self, key: u64, name: &str, told: u64) {
        self.sweep(told);
        let before = self.open.len() + self.closed.len();
        self.forget(key);
        if before == self.open.len() + self.closed.len() && before == self.capacity {
            if self.closed.is_empty() {
                self.open.remove(0);
            } else {
                self.closed.remove(0);
            }
            self.evicted += 1;
        }
        self.open.push((key, name.to_owned(), told));
    }
    fn close(&mut self, key: u64, now: u64) {
        self.sweep(now);
        if let Some(place) = self.open.iter().position(|entry| entry.0 == key) {
            let entry = self.open.remove(place);
            self.closed.push((entry, now));
        }
    }
    fn len(&self) -> usize {
        self.open.len() + self.closed.len()
    }
}

/// Something that happens; numbers are small, so that handles are used again and again.
#[derive(Clone, Debug)]
struct Happening {
    what: u8,
    object: u64,
    key: u64,
    name: String,
    millis: u64,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let name = prop_oneof![Just(String::new()), "[a-c]{1,2}", "[a-c]{200}"];
    // Time mostly goes on, by less or more than the grace period, and sometimes jumps back.
    let passed = prop_oneof![6 => 0..20_i64, 2 => 20..120_i64, 1 => -100..0_i64];
    let one = (0..6_u8, 0..6_u64, 0..5_u64, name, passed);
    proptest::collection::vec(one, 1..120).prop_map(|all| {
        let mut now = 1_000_i64;
        let at = |(what, object, key, name, passed): (u8, u64, u64, String, i64)| {
            now = (now + passed).max(0);
            Happening { what, object, key, name, millis: now.unsigned_abs() }
        };
        all.into_iter().map(at).collect()
    })
}

fn host(entries: usize) -> Host {
    let table = TableLimits { entries, text_bytes: 1 << 20, name_bytes: 1 << 10 };
    let close_grace = Duration::from_millis(GRACE);
    Host::new(Limits { files: table, keys: table, close_grace, ..Limits::default() })
}

/// The name that the documents give a file, and its key afterwards.
fn file_name(objects: &mut Model, keys: &mut Model, it: &Happening) -> Option<String> {
    let some = |handle: u64| Some(handle).filter(|handle| *handle != 0);
    let of_object = some(it.object).and_then(|object| objects.get(object, it.millis));
    let of_key = some(it.key).and_then(|key| keys.get(key, it.millis));
    match (of_object, of_key) {
        (Some((_, told)), Some((name, later))) if told < later => Some(name),
        (Some((name, told)), of_key) => {
            if it.key != 0 && of_key.is_none_or(|(other, _)| other != name) {
                keys.learn(it.key, &name, told);
            }
            Some(name)
        }
        (None, Some((name, _))) => Some(name),
        (None, None) => Some(keys.get(some(it.object)?, it.millis)?.0),
    }
}

/// What the documents give an event of a file: its name, or its old one if it is renamed.
fn file_model(objects: &mut Model, keys: &mut Model, it: &Happening) -> Option<String> {
    let told = Some(&it.name).filter(|name| !name.is_empty());
    let set = |objects: &mut Model, keys: &mut Model| {
        for (table, handle) in [(objects, it.object), (keys, it.key)] {
            match told {
                _ if handle == 0 => {}
                Some(name) => table.learn(handle, name, it.millis),
                None => table.forget(handle),
            }
        }
    };
    match it.what {
        0 => set(objects, keys),
        1 if told.is_some() => set(objects, keys),
        1 => return file_name(objects, keys, it),
        2 => {
            let old = file_name(objects, keys, it).filter(|old| Some(old) != told);
            set(objects, keys);
            return old;
        }
        3 => {
            let name = if told.is_some() { None } else { file_name(objects, keys, it) };
            if told.is_some() {
                set(objects, keys);
            }
            if it.object != 0 {
                objects.close(it.object, it.millis);
            }
            return name;
        }
        _ => {
            let key = if it.key == 0 { it.object } else { it.key };
            match told {
                _ if key == 0 => {}
                Some(name) if it.what == 4 => keys.learn(key, name, it.millis),
                None if it.what == 4 => {}
                _ => keys.close(key, it.millis),
            }
        }
    }
    None
}

/// What the documents give an event of a registry key. Key 0 is no key, name "" the root.
fn key_model(paths: &mut Model, it: &Happening) -> Option<String> {
    let below = |path: &str| match it.name.as_str() {
        "" => path.to_owned(),
        name => format!("{path}\\{name}"),
    };
    match it.what {
        0 | 1 => {
            // Opens by a whole path, and relative ones.
            let path = if it.what == 0 {
                Some(below("HKLM"))
            } else {
                let base = Some(it.key).filter(|key| *key != 0);
                base.and_then(|base| paths.get(base, it.millis)).map(|(path, _)| below(&path))
            };
            match &path {
                _ if it.object == 0 => {}
                Some(path) => paths.learn(it.object, path, it.millis),
                None => paths.forget(it.object),
            }
            path
        }
        2 => {
            if it.object != 0 {
                paths.close(it.object, it.millis);
            }
            None
        }
        _ => {
            let path = if it.object == 0 { None } else { paths.get(it.object, it.millis) };
            path.map(|(path, _)| below(&path))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn files_are_named_as_in_the_model(entries in 1..8_usize, all in happenings()) {
        let (mut objects, mut keys) = (Model::new(entries), Model::new(entries));
        let mut host = host(entries);
        for it in &all {
            use Activity::{FileClose, FileName, FileNameEnd, FileOpen, FileRename, FileUse};
            let activities = [FileOpen, FileUse, FileRename, FileClose, FileName, FileNameEnd];
            let name = if it.what >= 4 { "FileName" } else { "TargetFilename" };
            let said: [Field<'_>; 3] =
                [("FileObject", Hex(it.object)), ("FileKey", Hex(it.key)), (name, Text(&it.name))];
            let found = host.tell(it.millis, activities[usize::from(it.what)], 1, &said);
            let found = found.target_filename().or(found.source_filename()).map(str::to_owned);
            prop_assert_eq!(found, file_model(&mut objects, &mut keys, it), "{:?}", it);
            let counts = host.names.counts().files;
            prop_assert_eq!(counts.known, objects.len() + keys.len());
            prop_assert_eq!(counts.evicted, objects.evicted + keys.evicted);
        }
    }

    #[test]
    fn keys_are_named_as_in_the_model(entries in 1..8_usize, all in happenings()) {
        let mut paths = Model::new(entries);
        let mut host = host(entries);
        for it in &all {
            use Activity::{KeyClose, KeyOpen, KeyUse};
            let activities = [KeyOpen, KeyOpen, KeyClose, KeyUse, KeyUse, KeyUse];
            // A path that has grown beyond the limit is none, which the model does not know of.
            let it = Happening { name: it.name.chars().take(2).collect(), ..it.clone() };
            let base = if it.what == 0 { "\\REGISTRY\\MACHINE" } else { "" };
            let name = if it.what >= 3 { "KeyName" } else { "RelativeName" };
            let said: [Field<'_>; 5] = [
                ("KeyObject", Hex(it.object)),
                ("BaseObject", Hex(it.key)),
                ("BaseName", Text(base)),
                (name, Text(&it.name)),
                ("Status", Unsigned(0)),
            ];
            let found = host.tell(it.millis, activities[usize::from(it.what)], 1, &said);
            let found = found.target_object().map(str::to_owned);
            prop_assert_eq!(found, key_model(&mut paths, &it), "{:?}", it);
            let counts = host.names.counts().keys;
            prop_assert_eq!((counts.known, counts.evicted), (paths.len(), paths.evicted));
        }
    }
}
