//! What the host has said of files.
//!
//! Of hashes, version information and signatures no event tells; the host is asked, and its answer is a record of
//! the stream (`file facts`). It names a path, the content that the path led to, and what is known of that content.
//! An answer counts from when it *comes*, not from its turn, so that an event that waits is told what was asked
//! because of it. A path may lead to several contents one after the other; an event is told of the first that the
//! path led to at the event's time or later, else of the last before:
//!
//! ```text
//! 9:00.000  C:\a.exe starts          told of content 1
//! 9:00.010  answer: content 1
//! 9:00.040  C:\a.exe starts again    told of content 2
//! 9:00.055  answer: content 2        it was replaced in between
//! ```
//!
//! In a live run all events wait, so the answers come in time. A recording of one says how long (`Hold`, event 4 of
//! provider `etwatch`), and in its replay those that lack what a rule asks for wait as long.
//!
//! Answers about one content are put together. An answer that the host could not tell hides what was known before;
//! one that came too late for its asker says nothing.
//!
//! | module | holds |
//! |---|---|
//! | `fact` | the facts, and sets of them |
//! | `answer` | what one record says |
//! | `plan` | which events are given which facts, and what they lack |

mod answer;
mod fact;
mod plan;

use etwatch_event::{Event, Timestamp};
use lru::LruCache;
use serde::{Deserialize, Serialize};

use crate::bytes::{of_listed, of_listed_entry};
use crate::fields::number;
use crate::limits::Room;
pub(crate) use answer::AnswerFields;
use answer::{Answer, Content};
use fact::FileFact;
pub(crate) use plan::{FactPlan, given};
pub use plan::{FileQuestion, NeededFacts};

/// Paths that are remembered, and bytes of what is known of them, unless less is asked for; the one that was not asked
/// about for longest goes first.
pub(crate) const MOST: Room = Room { entries: 16_384, bytes: 24 << 20 };
/// Bytes of memory for each path that may be remembered, beside the path and what it leads to.
pub(crate) const PATH_BYTES: usize = of_listed_entry(PATH);

const PATH: usize = size_of::<(Box<str>, Vec<Told>)>();
/// Contents that are remembered of one path.
const CONTENTS: usize = 4;
/// Units of 100 ns in a millisecond, and for how long events wait at most: 10 s.
const MILLISECOND: u64 = 10_000;
const MOST_HOLD: u64 = 10_000 * MILLISECOND;
/// Bytes of the texts of one answer, path included; one with more is not taken in.
const ANSWER_BYTES: usize = 64 << 10;

/// What a path led to for some time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// When the host said so last.
    #[serde(with = "crate::saved::time")]
    last: Timestamp,
    /// `None` if the host could not tell.
    content: Option<Box<Content>>,
}

/// Paths with what they led to, the one that was not asked about for longest first.
pub(crate) type SavedFileFacts = Vec<(Box<str>, Vec<Told>)>;

/// What is known of the files of a host.
#[derive(Debug)]
pub(crate) struct FileFacts {
    room: Room,
    /// By path in small letters; the contents in the order in which the path led to them.
    paths: LruCache<Box<str>, Vec<Told>>,
    lower: String,
    /// Of paths and what they lead to.
    bytes: usize,
    /// How long an event waits for answers, in units of 100 ns.
    pub(crate) hold: u64,
    /// Paths that were forgotten for want of room.
    pub(crate) evicted: u64,
    /// Answers that were not taken in: too long, or not of the form of one.
    pub(crate) refused: u64,
}

impl FileFacts {
    /// Nothing is known yet.
    pub(crate) fn new(room: Room) -> Self {
        let (lower, paths) = (String::new(), LruCache::unbounded());
        Self { room, paths, lower, bytes: 0, hold: 0, evicted: 0, refused: 0 }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_listed(self.paths.len(), PATH) + self.bytes
    }
    /// Takes an answer, or how long events wait for answers. Allocates for an answer: there is one for each start
    /// and load at most.
    pub(crate) fn take(&mut self, event: &Event<'_>, fields: &AnswerFields) {
        if let Some(hold) = number(event, fields.hold) {
            self.hold = hold.saturating_mul(MILLISECOND).min(MOST_HOLD);
            return;
        }
        let path = event.text(fields.path).filter(|path| path.len() <= ANSWER_BYTES);
        let answer = Answer::of(event, fields);
        let (Some(path), Some(answer)) = (path, answer) else {
            self.refused += 1;
            return;
        };
        let content = match answer {
            Answer::Unknown => return,
            Answer::Failed => None,
            Answer::Content(content) if path.len() + content.bytes() > ANSWER_BYTES => {
                self.refused += 1;
                return;
            }
            Answer::Content(content) => Some(content),
        };
        lower_into(path, &mut self.lower);
        let told = Told { last: event.time(), content };
        match self.paths.get_mut(&*self.lower) {
            Some(contents) => {
                self.bytes -= bytes_of(contents);
                add(contents, told);
                self.bytes += bytes_of(contents);
            }
            None => {
                let contents = vec![told];
                self.bytes += self.lower.len() + bytes_of(&contents);
                self.paths.put(self.lower.as_str().into(), contents);
            }
        }
        self.make_room();
    }

    /// What is known of the file that a path led to at a time.
    fn of(&mut self, path: &str, time: Timestamp) -> Option<&Content> {
        if self.paths.is_empty() {
            return None;
        }
        lower_into(path, &mut self.lower);
        let contents = self.paths.get(&*self.lower)?;
        let own = contents.iter().find(|told| time.is_known() && told.last >= time);
        own.or(contents.last())?.content.as_deref()
    }

    /// What is to be kept for another run.
    pub(crate) fn saved(&self) -> SavedFileFacts {
        self.paths.iter().rev().map(|(path, told)| (path.clone(), told.clone())).collect()
    }
    /// Facts that go on with what was kept.
    pub(crate) fn restored(room: Room, saved: SavedFileFacts) -> Self {
        let mut facts = Self::new(room);
        for (path, mut contents) in saved {
            contents.truncate(CONTENTS);
            contents.shrink_to_fit();
            let longest = contents
                .iter()
                .filter_map(|told| told.content.as_deref())
                .map(Content::bytes)
                .max();
            if path.len() + longest.unwrap_or(0) <= ANSWER_BYTES && !facts.paths.contains(&path) {
                facts.bytes += path.len() + bytes_of(&contents);
                facts.paths.put(path, contents);
                facts.make_room();
            }
        }
        facts
    }

    fn make_room(&mut self) {
        while (self.paths.len() > self.room.entries || self.bytes > self.room.bytes)
            && let Some((path, contents)) = self.paths.pop_lru()
        {
            self.bytes -= path.len() + bytes_of(&contents);
            self.evicted += 1;
        }
    }
}

/// Adds what a path led to now to what it led to before.
fn add(contents: &mut Vec<Told>, new: Told) {
    if let Some(before) = contents.last_mut() {
        match (&mut before.content, &new.content) {
            (None, None) => {
                before.last = new.last;
                return;
            }
            (Some(known), Some(content)) if known.identity == content.identity => {
                before.last = new.last;
                if let Some(content) = new.content {
                    known.complete(*content);
                }
                return;
            }
            _ => {}
        }
    }
    if contents.len() == CONTENTS {
        contents.remove(0);
    }
    contents.push(new);
}

/// Bytes of what a path leads to.
fn bytes_of(contents: &Vec<Told>) -> usize {
    let all = contents.iter().filter_map(|told| told.content.as_deref());
    let all: usize = all.map(|content| size_of::<Content>() + content.bytes()).sum();
    contents.capacity() * size_of::<Told>() + all
}

/// Windows compares paths without case; letters beyond ASCII are compared as they are, since answers repeat the
/// path that they were asked about.
fn lower_into(path: &str, lower: &mut String) {
    lower.clear();
    lower.push_str(path);
    lower.make_ascii_lowercase();
}

#[cfg(test)]
mod tests;
