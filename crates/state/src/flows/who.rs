//! Who had a contact, as it is told when the process may long be forgotten.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use etwatch_event::Guid;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::bytes::{of_entry, of_shared_text, of_table};
use crate::limits::Room;
use crate::processes::{Process, ProcessId};

/// Processes of an hour that are kept apart from flows, and bytes of all processes that somebody knows, unless less is
/// asked for; when there are more, all are looked up anew.
pub(crate) const MOST: Room = Room { entries: 16_384, bytes: 16 << 20 };
/// Bytes of memory for each process that is kept apart, beside what is known of it.
pub(crate) const PROCESS_BYTES: usize = of_entry(size_of::<(WhoKey, Arc<Who>)>());
/// Bytes of an image's path that are kept.
const IMAGE_BYTES: usize = 1_024;
/// The same of an account's name.
const USER_BYTES: usize = 256;

/// What processes are told apart by. One that its host does not know is told apart by what its event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct WhoKey {
    pub(crate) process: Option<ProcessId>,
    pub(crate) pid: Option<u32>,
}

/// Counts the bytes of all processes that somebody still knows: connections, flows and the table of the hour share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicUsize>);

impl Meter {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// What one of them weighs, for as long as it is there. It says nothing of who it is.
#[derive(Debug)]
struct Weight {
    meter: Meter,
    bytes: usize,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.meter.0.fetch_sub(self.bytes, Relaxed);
    }
}

/// A process.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) pid: Option<u32>,
    pub(crate) guid: Option<Guid>,
    pub(crate) image: Option<Box<str>>,
    /// The image in small letters; empty if it is not known.
    pub(crate) folded: Arc<str>,
    pub(crate) user: Option<Box<str>>,
    _weight: Weight,
}

/// The beginning of a text, at most `bytes` of it.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

impl Who {
    /// Long texts are cut.
    pub(crate) fn new(
        meter: &Meter,
        pid: Option<u32>,
        guid: Option<Guid>,
        image: Option<Box<str>>,
        user: Option<Box<str>>,
    ) -> Self {
        let image = image.map(|image| shortened(image, IMAGE_BYTES));
        let folded: Arc<str> = image.as_deref().map(str::to_lowercase).unwrap_or_default().into();
        let user = user.map(|user| shortened(user, USER_BYTES));
        let texts = [&image, &user].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        let own = size_of::<Self>() + 2 * size_of::<usize>();
        let bytes = own + texts + of_shared_text(&folded);
        meter.0.fetch_add(bytes, Relaxed);
        let weight = Weight { meter: meter.clone(), bytes };
        Self { pid, guid, image, folded, user, _weight: weight }
    }
    /// What tells two of them apart.
    pub(crate) fn told(&self) -> (Option<u32>, Option<Guid>, Option<&str>, Option<&str>) {
        (self.pid, self.guid, self.image.as_deref(), self.user.as_deref())
    }
    fn of(meter: &Meter, key: &WhoKey, process: Option<Process<'_>>, has_guids: bool) -> Self {
        let named = process.filter(|process| process.guid_is_recorded() || !has_guids);
        let image = process.and_then(|process| process.image());
        let user = process.and_then(|process| process.user());
        let guid = named.map(|process| process.guid());
        Self::new(meter, key.pid, guid, image.map(Into::into), user.map(Into::into))
    }
}

fn shortened(text: Box<str>, bytes: usize) -> Box<str> {
    if text.len() <= bytes { text } else { cut(&text, bytes).into() }
}

/// The processes of an hour.
#[derive(Debug)]
pub(crate) struct People {
    most: usize,
    known: HashMap<WhoKey, Arc<Who>>,
    /// The most that there were at once.
    largest: usize,
    meter: Meter,
}

impl People {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, known: HashMap::new(), largest: 0, meter: Meter::default() }
    }
    /// Counts the bytes of all processes that somebody knows.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }
    /// Bytes of memory, all processes among them that somebody knows.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_table(self.largest, size_of::<(WhoKey, Arc<Who>)>()) + self.meter.bytes()
    }
    /// A process; it is looked at again for as long as its image is not known.
    pub(crate) fn get(
        &mut self,
        key: WhoKey,
        process: Option<Process<'_>>,
        has_guids: bool,
    ) -> Arc<Who> {
        if let Some(who) = self.known.get(&key)
            && (who.image.is_some() || process.is_none_or(|process| process.image().is_none()))
        {
            return Arc::clone(who);
        }
        if self.known.len() >= self.most {
            self.clear();
        }
        let who = Arc::new(Who::of(&self.meter, &key, process, has_guids));
        self.known.insert(key, Arc::clone(&who));
        self.largest = self.largest.max(self.known.len());
        who
    }
    /// All, by key.
    pub(crate) fn in_order(&self) -> Vec<(WhoKey, &Who)> {
        let mut all: Vec<_> = self.known.iter().map(|(key, who)| (*key, &**who)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
    /// What an earlier run had looked up.
    pub(crate) fn restore(&mut self, all: impl Iterator<Item = (WhoKey, Arc<Who>)>) {
        self.known = all.take(self.most).collect();
        self.largest = self.known.len();
    }
    /// What was looked up may have changed.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.known.shrink_to(0);
        self.largest = 0;
    }
}
