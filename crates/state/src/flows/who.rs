//! Who had a contact, as it is told when the process may long be forgotten.

use std::sync::Arc;

use etwatch_event::Guid;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::processes::{Process, ProcessId};

/// Processes of an hour that are kept apart from flows; when there are more, all are looked up anew.
const MOST: usize = 16_384;
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

/// A process.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    pub(crate) pid: Option<u32>,
    pub(crate) guid: Option<Guid>,
    pub(crate) image: Option<Box<str>>,
    /// The image in small letters; empty if it is not known.
    pub(crate) folded: Arc<str>,
    pub(crate) user: Option<Box<str>>,
}

/// The beginning of a text, at most `bytes` of it.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

impl Who {
    /// Long texts are cut.
    pub(crate) fn new(
        pid: Option<u32>,
        guid: Option<Guid>,
        image: Option<Box<str>>,
        user: Option<Box<str>>,
    ) -> Self {
        let image = image.map(|image| shortened(image, IMAGE_BYTES));
        let folded = image.as_deref().map(str::to_lowercase).unwrap_or_default().into();
        Self { pid, guid, image, folded, user: user.map(|user| shortened(user, USER_BYTES)) }
    }
    fn of(key: &WhoKey, process: Option<Process<'_>>, has_guids: bool) -> Self {
        let named = process.filter(|process| process.guid_is_recorded() || !has_guids);
        let image = process.and_then(|process| process.image());
        let user = process.and_then(|process| process.user());
        let guid = named.map(|process| process.guid());
        Self::new(key.pid, guid, image.map(Into::into), user.map(Into::into))
    }
}

fn shortened(text: Box<str>, bytes: usize) -> Box<str> {
    if text.len() <= bytes { text } else { cut(&text, bytes).into() }
}

/// The processes of an hour.
#[derive(Debug, Default)]
pub(crate) struct People {
    known: HashMap<WhoKey, Arc<Who>>,
}

impl People {
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
        if self.known.len() >= MOST {
            self.clear();
        }
        let who = Arc::new(Who::of(&key, process, has_guids));
        self.known.insert(key, Arc::clone(&who));
        who
    }
    /// All, by key.
    pub(crate) fn in_order(&self) -> Vec<(WhoKey, &Who)> {
        let mut all: Vec<_> = self.known.iter().map(|(key, who)| (*key, &**who)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
    /// What an earlier run had looked up.
    pub(crate) fn restored(all: impl Iterator<Item = (WhoKey, Arc<Who>)>) -> Self {
        Self { known: all.take(MOST).collect() }
    }
    /// What was looked up may have changed.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.known.shrink_to(MOST / 16);
    }
}
