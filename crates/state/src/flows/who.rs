//! Who had a contact, as it is told when the process may long be forgotten.

use std::sync::Arc;

use etwatch_event::Guid;
use hashbrown::HashMap;

use crate::processes::{Process, ProcessId};

/// Processes of an hour that are kept apart from flows; when there are more, all are looked up anew.
const MOST: usize = 16_384;
/// Bytes of an image's path that are kept.
const IMAGE_BYTES: usize = 1_024;
/// The same of an account's name.
const USER_BYTES: usize = 256;

/// What processes are told apart by. One that its host does not know is told apart by what its event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WhoKey {
    pub(crate) process: Option<ProcessId>,
    pub(crate) pid: Option<u32>,
}

/// A process.
#[derive(Debug, Default, PartialEq, Eq)]
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
    fn of(key: &WhoKey, process: Option<Process<'_>>, has_guids: bool) -> Self {
        let image = process.and_then(|process| process.image());
        let image = image.map(|image| cut(image, IMAGE_BYTES).into());
        let folded = image.as_deref().map(str::to_lowercase).unwrap_or_default().into();
        let named = process.filter(|process| process.guid_is_recorded() || !has_guids);
        Self {
            pid: key.pid,
            guid: named.map(|process| process.guid()),
            folded,
            user: process
                .and_then(|process| process.user())
                .map(|user| cut(user, USER_BYTES).into()),
            image,
        }
    }
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
    /// What was looked up may have changed.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.known.shrink_to(MOST / 16);
    }
}
