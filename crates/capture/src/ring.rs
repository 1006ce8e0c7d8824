//! A ring of recordings: what live sessions deliver, kept in files for some time.
//!
//! ```text
//! etwatch-20261122T063001.2500000Z-0.etl     closed: full
//! etwatch-20261122T064510.0021000Z-0.etl     closed
//! etwatch-20261122T070130.7710000Z-0.etl     being written         0: the number of the session
//! ```
//!
//! Each session has a file of its own, since what two of them deliver is not in one order; its name begins with the
//! time of its first record, so that names are in the order of time. A file is closed when it is full or old enough;
//! then the oldest ones go, until those that are left take no more room and are no older than asked for. Each file
//! tells all by itself: it begins with the schemas that its session has told so far, and the volumes of the host.
//!
//! Files that were there before, of earlier runs, belong to the ring; others are left alone. A disk that takes no
//! more costs the recording, which is told by the counts, and nothing else.

mod file;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etwatch_event::{RawRecord, Timestamp};

use crate::etl::{TraceSchema, WriteError};
use crate::live::LiveBatch;
use file::OpenFile;

/// How names begin and end.
const PREFIX: &str = "etwatch-";
const ENDING: &str = ".etl";
/// Into how many files the room of the ring is shared out, at least.
const FILES: u32 = 8;
/// Bytes of the largest file.
const MOST_FILE_BYTES: u64 = 256 << 20;
/// For how long nothing more is tried after the disk took no more, in time of events.
const PAUSE: Duration = Duration::from_secs(60);
/// Bytes of schemas of a session that are repeated in each file.
const MOST_SCHEMA_BYTES: usize = 32 << 20;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Bytes of all files; at least a few of the smallest ones (1 MiB each) are kept.
    pub bytes: u64,
    /// Age of the oldest record, by the time of the latest one; `None` if age does not matter.
    pub age: Option<Duration>,
}

/// What was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Records that are, or were, in files.
    pub records: u64,
    /// Records that the format can't hold, or that the disk did not take.
    pub refused: u64,
    /// Files that were begun.
    pub files: u64,
    /// Files that had to go.
    pub removed: u64,
}

/// A session and its file.
#[derive(Debug, Default)]
struct Session {
    file: Option<OpenFile>,
    /// What it has told so far.
    schemas: Vec<TraceSchema>,
    schema_bytes: usize,
    /// When the disk took no more.
    refused: Option<Timestamp>,
}

/// Keeps what sessions deliver; see the module.
#[derive(Debug)]
pub struct Ring {
    folder: PathBuf,
    limits: RingLimits,
    sessions: BTreeMap<u32, Session>,
    /// Files that are closed, by their names, with their bytes.
    closed: BTreeMap<String, u64>,
    latest: Timestamp,
    recorded: Recorded,
    error: Option<String>,
}

impl Ring {
    /// A ring in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder can't be made or read.
    pub fn open(folder: &Path, limits: RingLimits) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut closed = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && time_of(&name).is_some()
            {
                closed.insert(name, entry.metadata()?.len());
            }
        }
        let (sessions, latest) = (BTreeMap::new(), Timestamp::UNKNOWN);
        let (recorded, error) = (Recorded::default(), None);
        Ok(Self { folder: folder.into(), limits, sessions, closed, latest, recorded, error })
    }

    /// What was recorded so far.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        self.recorded
    }
    /// What went wrong since this was asked last.
    pub fn take_error(&mut self) -> Option<String> {
        self.error.take()
    }

    /// Writes the records of a batch, before anybody decodes them.
    pub fn record(&mut self, batch: &LiveBatch) {
        self.learn(batch);
        for record in batch.records() {
            self.latest = self.latest.max(record.header.time);
            match self.write(batch, &record) {
                Ok(()) => self.recorded.records += 1,
                Err(error) => {
                    self.recorded.refused += 1;
                    if matches!(error, WriteError::Io(_)) {
                        self.give_up(batch.session(), &error);
                    }
                }
            }
        }
    }

    /// Completes all files.
    pub fn close(&mut self) {
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.close_file(session);
        }
    }

    /// For how long a file is written at most.
    fn share_of_age(&self) -> Option<Duration> {
        self.limits.age.map(|age| age / FILES)
    }

    fn learn(&mut self, batch: &LiveBatch) {
        let session = self.sessions.entry(batch.session()).or_default();
        for schema in batch.schemas() {
            if session.schema_bytes + schema.bytes.len() <= MOST_SCHEMA_BYTES {
                session.schema_bytes += schema.bytes.len();
                session.schemas.push(schema.clone());
            }
            if let Some(file) = &mut session.file {
                file.describe(schema, self.latest);
            }
        }
    }

    fn write(&mut self, batch: &LiveBatch, record: &RawRecord<'_>) -> Result<(), WriteError> {
        let number = batch.session();
        let limit = (self.limits.bytes / u64::from(FILES)).clamp(1 << 20, MOST_FILE_BYTES);
        let (time, share) = (record.header.time, self.share_of_age());
        let session = self.sessions.entry(number).or_default();
        let is_done = |file: &OpenFile| {
            file.bytes() >= limit || share.is_some_and(|share| time.since(file.first) >= share)
        };
        if session.file.as_ref().is_some_and(is_done) {
            self.close_file(number);
        }
        let session = self.sessions.entry(number).or_default();
        if session.refused.is_some_and(|since| time.since(since) < PAUSE) {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        if session.file.is_none() {
            let name = name_of(time, number);
            let path = self.folder.join(&name);
            let file = OpenFile::begin(name, &path, batch.trace(), &session.schemas, time)?;
            session.file = Some(file);
            self.recorded.files += 1;
            self.make_room();
        }
        let session = self.sessions.entry(number).or_default();
        match &mut session.file {
            Some(file) => file.write(record),
            None => Ok(()),
        }
    }

    /// The disk takes no more for a session.
    fn give_up(&mut self, number: u32, error: &WriteError) {
        let latest = self.latest;
        let session = self.sessions.entry(number).or_default();
        let is_new = session.refused.is_none_or(|since| latest.since(since) >= PAUSE);
        if is_new {
            session.refused = Some(latest);
            self.error = Some(format!("{}: {error}", self.folder.display()));
            self.close_file(number);
        }
    }

    fn close_file(&mut self, number: u32) {
        let file = self.sessions.get_mut(&number).and_then(|session| session.file.take());
        let Some(file) = file else { return };
        let (name, outcome) = file.finish();
        let bytes = fs::metadata(self.folder.join(&name)).map_or(0, |data| data.len());
        if let Err(error) = outcome {
            self.error = Some(format!("{name}: {error}"));
        }
        self.closed.insert(name, bytes);
        self.make_room();
    }

    /// Removes the oldest files until the rest is within the limits.
    fn make_room(&mut self) {
        loop {
            let open = self.sessions.values().filter_map(|session| session.file.as_ref());
            let bytes = self.closed.values().sum::<u64>() + open.map(OpenFile::bytes).sum::<u64>();
            let Some((name, _)) = self.closed.first_key_value() else { return };
            let (latest, share) = (self.latest, self.share_of_age());
            // A file is as old as its last record, which came within a share of the age after the first.
            let is_old = |age: Duration| {
                let first = time_of(name).unwrap_or(latest);
                latest.since(first) > age + share.unwrap_or_default()
            };
            if bytes <= self.limits.bytes && !self.limits.age.is_some_and(is_old) {
                return;
            }
            let name = name.clone();
            if let Err(error) = fs::remove_file(self.folder.join(&name))
                && error.kind() != io::ErrorKind::NotFound
            {
                self.error = Some(format!("{name}: {error}"));
            }
            self.closed.remove(&name);
            self.recorded.removed += 1;
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.close();
    }
}

/// The name of the file whose first record has this time.
fn name_of(time: Timestamp, session: u32) -> String {
    let time: String = time.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{PREFIX}{time}-{session}{ENDING}")
}

/// The time that a name tells, if it is that of a file of the ring.
fn time_of(name: &str) -> Option<Timestamp> {
    let (time, session) = name.strip_prefix(PREFIX)?.strip_suffix(ENDING)?.split_once('-')?;
    session.parse::<u32>().ok()?;
    let part = |from: usize, to: usize| time.get(from..to);
    let (date, rest) = (part(0, 8)?, time.get(9..)?);
    let date = [date.get(0..4)?, date.get(4..6)?, date.get(6..8)?].join("-");
    let hour = [rest.get(0..2)?, rest.get(2..4)?, rest.get(4..)?].join(":");
    Timestamp::parse(&format!("{date}T{hour}"))
}

#[cfg(test)]
mod tests;
