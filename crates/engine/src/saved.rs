//! State that outlives a run: windows of days must survive a restart, and so must what is known of hosts.
//!
//! A file holds what [`etwatch_state`] remembers of hosts and the windows of correlations, both as of the same event.
//!
//! ```text
//! "etwatch state" 0x0A | version, u32 | length of the rest, u64 | SHA-256 of it | content (postcard)
//! ```
//!
//! Numbers are little endian. A file is written beside the one before it and takes its place at once, so what
//! is there is whole, whenever the power goes. One that is damaged all the same, or of another version, is set
//! aside under another name and the run begins afresh: what was remembered is lost, the host is watched on. What is
//! read may have been written by anyone; it is bounded, and nothing in it is believed beyond its form.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etwatch_correlate::Saved;
use etwatch_event::clock::{Clock, SystemClock};
use etwatch_host::replace::replace;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::options::StateFile;

/// What a file begins with.
const MAGIC: &[u8; 14] = b"etwatch state\n";
/// Changes when what is written changes.
const VERSION: u32 = 2;
/// Bytes of the head: magic, version, length, SHA-256.
const HEAD: usize = MAGIC.len() + 4 + 8 + 32;
/// Bytes that are read and written; a host that has all its tables full takes a quarter of it.
const MOST_BYTES: u64 = 1 << 30;

/// What a run leaves for the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedState {
    /// The windows of correlations.
    pub correlations: Saved,
    /// What is remembered of hosts.
    pub hosts: etwatch_state::saved::Saved,
}

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The file can't be read or written.
    #[error("cannot {what} the state in {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: String,
        /// What was refused.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("the state in {path} {what}; it was set aside as {aside}, everything begins anew")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: &'static str,
        /// Where it is now.
        aside: String,
    },
    /// There is more than a file may hold; what was written before is still there.
    #[error("the state takes {bytes} bytes, which is too much for {path}")]
    TooLarge {
        /// The file.
        path: String,
        /// How much it is.
        bytes: usize,
    },
}

/// What was found of earlier runs.
#[derive(Debug)]
pub enum Found {
    /// There is no file.
    Nothing,
    /// What an earlier run left.
    State(Box<SavedState>),
    /// There is a file, but it can't be used.
    Problem(SavedError),
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> SavedError {
    SavedError::Io { what, path: path.display().to_string(), source }
}

/// Reads what an earlier run left. A file that can't be used is renamed, by `.damaged` behind its name.
#[must_use]
pub fn load(path: &Path) -> Found {
    let mut bytes = Vec::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Problem(failed("read", path, error)),
    };
    if let Err(error) = file.take(MOST_BYTES).read_to_end(&mut bytes) {
        return Found::Problem(failed("read", path, error));
    }
    match read(&bytes) {
        Ok(state) => Found::State(Box::new(state)),
        Err(what) => Found::Problem(set_aside(path, what)),
    }
}

fn set_aside(path: &Path, what: &'static str) -> SavedError {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    let aside = PathBuf::from(aside);
    match fs::rename(path, &aside) {
        Ok(()) => {
            let (path, aside) = (path.display().to_string(), aside.display().to_string());
            SavedError::Damaged { path, what, aside }
        }
        Err(error) => failed("set aside", path, error),
    }
}

/// Reads the bytes of a file.
///
/// # Errors
/// What is wrong with them.
pub fn read(bytes: &[u8]) -> Result<SavedState, &'static str> {
    let (head, content) = bytes.split_first_chunk::<HEAD>().ok_or("is cut off")?;
    let (magic, rest) = head.split_first_chunk::<14>().ok_or("is cut off")?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or("is cut off")?;
    let (length, digest) = rest.split_first_chunk::<8>().ok_or("is cut off")?;
    if magic != MAGIC {
        return Err("is no file of state");
    }
    match u32::from_le_bytes(*version).cmp(&VERSION) {
        Ordering::Less => return Err("is of an older version"),
        Ordering::Greater => return Err("is of a newer version"),
        Ordering::Equal => {}
    }
    if u64::from_le_bytes(*length) != content.len() as u64 {
        return Err("is cut off");
    }
    if Sha256::digest(content).as_slice() != digest {
        return Err("is damaged");
    }
    parse(content)
}

/// Reads the content of a file, behind its head.
///
/// # Errors
/// That it does not have the form of state.
pub fn parse(content: &[u8]) -> Result<SavedState, &'static str> {
    match postcard::take_from_bytes(content) {
        Ok((state, [])) => Ok(state),
        _ => Err("does not have the form of state"),
    }
}

/// The bytes of a file with this state.
#[must_use]
pub fn written(state: &SavedState) -> Vec<u8> {
    // It consists of numbers, texts and lists, which always have a form.
    let mut bytes = postcard::to_extend(state, vec![0; HEAD]).unwrap_or_default();
    if let Some((head, content)) = bytes.split_first_chunk_mut::<HEAD>() {
        let (version, length) = (VERSION.to_le_bytes(), (content.len() as u64).to_le_bytes());
        let digest = Sha256::digest(content);
        let parts = MAGIC.iter().chain(&version).chain(&length).chain(digest.as_slice());
        head.iter_mut().zip(parts).for_each(|(place, byte)| *place = *byte);
    }
    bytes
}

/// Puts state in place of what was at `path`.
///
/// # Errors
/// [`SavedError::Io`], [`SavedError::TooLarge`]; then what was there is still there.
pub fn store(path: &Path, state: &SavedState) -> Result<(), SavedError> {
    let content = written(state);
    if content.len() as u64 > MOST_BYTES {
        let path = path.display().to_string();
        return Err(SavedError::TooLarge { path, bytes: content.len() });
    }
    replace(path, &content).map_err(|error| failed("write", path, error))
}

/// Writes state at intervals.
#[derive(Debug)]
pub struct Saver {
    file: StateFile,
    clock: SystemClock,
    last: Duration,
}

impl Saver {
    /// The first interval begins now.
    #[must_use]
    pub fn start(file: StateFile) -> Self {
        Self { file, clock: SystemClock::start(), last: Duration::ZERO }
    }
    /// Whether an interval is over.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.clock.elapsed().saturating_sub(self.last) >= self.file.interval
    }
    /// Writes state; the next interval begins.
    ///
    /// # Errors
    /// As [`store`].
    pub fn save(&mut self, state: &SavedState) -> Result<(), SavedError> {
        let result = store(&self.file.path, state);
        self.last = self.clock.elapsed();
        result
    }
}
