//! Which processes are wanted, by id or by the name of their image.
//!
//! A header has the id of a process alone. So whoever is handed the starts of processes (and what a session tells at
//! its beginning of those that run already) notes in one table, for each id, which of the names that some filter
//! asks for its image has; the filters of all sessions look there. The table is numbers that are read and
//! written without a lock. An id that is used again is noted anew.
//!
//! Of a process whose start nobody was told, no name is known: a filter that wants certain images alone leaves it
//! out, one that leaves certain images out lets it pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use etwatch_event::RawRecord;

use super::process_start::{ImageName, ProcessStart};
use super::settings::{ProcessSelector, SessionSettings};

/// Different names that filters of one run may ask for.
pub const MOST_NAMES: usize = 64;

/// Ids of processes, a quarter each since they are multiples of 4. Windows counts up from 4 and uses ids again, so
/// larger ones are not seen outside of hundreds of thousands of processes; they are as processes that nobody
/// was told of.
const PLACES: usize = 1 << 16;

/// Filters ask for more names than can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filters name {0} different images; at most {MOST_NAMES} can be told apart")]
pub struct TooManyImages(pub usize);

/// Which of the names that filters ask for each process has.
#[derive(Debug)]
pub struct ProcessImages {
    /// In small letters.
    names: Vec<String>,
    /// By process, the names that it has, as bits.
    processes: Box<[AtomicU64]>,
}

impl ProcessImages {
    /// A table for the filters of these sessions; `None` if none of them names an image.
    ///
    /// # Errors
    /// [`TooManyImages`].
    pub fn of(sessions: &[SessionSettings]) -> Result<Option<Arc<Self>>, TooManyImages> {
        let selectors =
            sessions.iter().flat_map(|of| of.only_processes.iter().chain(&of.not_processes));
        let mut names: Vec<_> = selectors.filter_map(image).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > MOST_NAMES {
            return Err(TooManyImages(names.len()));
        }
        let processes = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Ok((!names.is_empty()).then(|| Arc::new(Self { names, processes })))
    }

    /// Notes the process that a record says has started, or runs; others change nothing.
    pub fn learn(&self, record: &RawRecord<'_>) {
        let Some(start) = ProcessStart::of(record) else { return };
        let Some(place) = self.place(start.process_id) else { return };
        let bit = |(number, name): (u32, &String)| u64::from(start.image.is(name)) << number;
        place.store((0..).zip(&self.names).map(bit).fold(0, |all, bit| all | bit), Relaxed);
    }

    fn place(&self, process_id: u32) -> Option<&AtomicU64> {
        self.processes.get(process_id as usize / 4)
    }
    /// The names that a process has, as bits.
    fn names_of(&self, process_id: u32) -> u64 {
        self.place(process_id).map_or(0, |names| names.load(Relaxed))
    }
    /// The names that some selectors ask for, as bits.
    fn bits(&self, selectors: &[ProcessSelector]) -> u64 {
        let asked: Vec<_> = selectors.iter().filter_map(image).collect();
        let bit = |(number, name): (u32, &String)| u64::from(asked.contains(name)) << number;
        (0..).zip(&self.names).map(bit).fold(0, |all, bit| all | bit)
    }
}

fn image(selector: &ProcessSelector) -> Option<String> {
    match selector {
        ProcessSelector::Image(name) => Some(name.to_lowercase()),
        ProcessSelector::Id(_) => None,
    }
}

/// Which processes a session wants.
#[derive(Clone, Debug, Default)]
pub struct ProcessFilter {
    only: Selected,
    not: Selected,
    images: Option<Arc<ProcessImages>>,
}

/// Selectors of one kind.
#[derive(Clone, Debug, Default)]
struct Selected {
    /// Whether there is any.
    is_asked: bool,
    ids: Vec<u32>,
    /// Bits of names.
    names: u64,
}

impl Selected {
    fn new(selectors: &[ProcessSelector], images: Option<&ProcessImages>) -> Self {
        let id = |selector: &ProcessSelector| match selector {
            ProcessSelector::Id(id) => Some(*id),
            ProcessSelector::Image(_) => None,
        };
        let mut ids: Vec<_> = selectors.iter().filter_map(id).collect();
        ids.sort_unstable();
        let names = images.map_or(0, |images| images.bits(selectors));
        Self { is_asked: !selectors.is_empty(), ids, names }
    }
    fn has(&self, process_id: u32, names: u64) -> bool {
        self.names & names != 0 || self.ids.binary_search(&process_id).is_ok()
    }
}

impl ProcessFilter {
    /// What these settings ask for. `images`: the table made for all sessions of the run.
    #[must_use]
    pub fn new(settings: &SessionSettings, images: Option<Arc<ProcessImages>>) -> Self {
        let only = Selected::new(&settings.only_processes, images.as_deref());
        let not = Selected::new(&settings.not_processes, images.as_deref());
        Self { only, not, images }
    }
    /// Whether records of this process are wanted. Those of no process are, unless certain ones are wanted alone.
    #[must_use]
    pub fn wants(&self, process_id: Option<u32>) -> bool {
        if !self.only.is_asked && !self.not.is_asked {
            return true;
        }
        let Some(process_id) = process_id else { return !self.only.is_asked };
        let names = self.images.as_ref().map_or(0, |images| images.names_of(process_id));
        let is_wanted = !self.only.is_asked || self.only.has(process_id, names);
        is_wanted && !(self.not.is_asked && self.not.has(process_id, names))
    }
}

/// The name of an image without its folder, compared without case.
impl ImageName<'_> {
    /// Whether it is this name, which is in small letters. A name that Windows cut off is, if it begins so.
    fn is(&self, name: &str) -> bool {
        match self {
            Self::Wide(units) => {
                let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
                same(
                    char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')),
                    name,
                    false,
                )
            }
            Self::Short(bytes) => {
                let is_cut = bytes.len() >= CUT;
                same(bytes.iter().map(|byte| char::from(*byte)), name, is_cut)
            }
        }
    }
}

/// Letters of a name of the kernel; longer ones are cut off.
const CUT: usize = 14;

/// Whether the letters behind the last `\` are `name`, or begin it if they are cut off.
fn same(letters: impl Iterator<Item = char> + Clone, name: &str, is_cut: bool) -> bool {
    let folder = letters.clone().enumerate().filter(|(_, letter)| *letter == '\\').last();
    let file = letters.skip(folder.map_or(0, |(at, _)| at + 1)).flat_map(char::to_lowercase);
    let mut rest = name.chars();
    let begins = file.into_iter().all(|letter| rest.next() == Some(letter));
    begins && (is_cut || rest.next().is_none())
}

#[cfg(test)]
mod tests;
