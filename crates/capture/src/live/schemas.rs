//! Schemas on their way into the stream.
//!
//! A feed looks at the key of each record (provider, id, version; class, opcode, version). The first time that a key
//! comes which nobody can read, a copy of the record goes to a thread that asks Windows ([`Describe`]), and the
//! batch waits for the answer, until a deadline. The answer is a [`TraceSchema`] as logs carry them, and travels
//! with the next batch that is handed out. So asking never holds up the callback, and happens once for each key.
//!
//! All sessions of a run share one [`Schemas`]; each feed takes all schemas, in the order in which they came.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etwatch_event::{ExtendedItem, Guid, RawForm, RawHeader, RawRecord};

use crate::etl::{TraceSchema, TraceSchemaKind};

use super::buffer::RecordBuffer;

/// Questions that wait for the thread.
const QUESTIONS: usize = 1_024;
/// Keys that are remembered; what comes beyond is not asked for.
const MOST_KEYS: usize = 65_536;
/// Bytes of schemas that are kept.
const MOST_SCHEMA_BYTES: usize = 64 << 20;

/// Says how a record is laid out: TDH on Windows, a table elsewhere.
pub trait Describe: Send {
    /// The `TRACE_EVENT_INFO` of a record; `None` if there is none.
    ///
    /// # Errors
    /// [`DescribeError`] if it could not be found out.
    fn describe(&self, record: &RawRecord<'_>) -> Result<Option<Vec<u8>>, DescribeError>;
}

/// Why a layout could not be found out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no schema from Windows: {what} (code {code})")]
pub struct DescribeError {
    /// What was asked of Windows.
    pub what: &'static str,
    /// What it answered, a `WIN32_ERROR`.
    pub code: u32,
}

/// What a schema is asked for by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SchemaKey {
    guid: Guid,
    id: u16,
    version: u8,
    classic: bool,
}

impl SchemaKey {
    /// The key of a record; `None` if it needs no schema or there can't be one: it describes itself, or its text lies in
    /// the symbols of a program.
    #[must_use]
    pub fn of(record: &RawRecord<'_>) -> Option<Self> {
        let RawHeader { form, provider: guid, id, version, opcode, channel, .. } = record.header;
        let (id, classic) = match form {
            RawForm::Message => return None,
            RawForm::Classic | RawForm::Kernel => (opcode.into(), true),
            RawForm::Event if channel == SELF_DESCRIBING => return None,
            RawForm::Event if record.item(ExtendedItem::SCHEMA).is_some() => return None,
            RawForm::Event => (id, false),
        };
        Some(Self { guid, id, version, classic })
    }
}

/// The channel of events that describe themselves.
const SELF_DESCRIBING: u8 = 11;

/// Whether a schema has to be asked for a record with this header; others explain themselves or are known.
pub type Needs = Box<dyn Fn(&RawHeader) -> bool + Send + Sync>;

/// The schemas of a run; a copy is the same.
#[derive(Clone, Debug)]
pub struct Schemas {
    board: Arc<Board>,
    asking: Option<Arc<Asking>>,
}

/// What is known so far.
#[derive(Debug, Default)]
struct Board {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    schemas: Vec<TraceSchema>,
    bytes: usize,
    refused: u64,
    asked: u64,
    failed: u64,
    /// Whether nobody need wait for it, since it is answered, not needed or given up.
    keys: HashMap<SchemaKey, bool>,
}

struct Asking {
    needs: Needs,
    questions: SyncSender<(SchemaKey, RecordBuffer)>,
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.debug_struct("Asking").finish_non_exhaustive()
    }
}

/// Keys of late that nobody need wait for, so that the board is asked seldom.
#[derive(Debug)]
pub(super) struct RecentKeys(Box<[Option<SchemaKey>; 256]>);

impl Default for RecentKeys {
    fn default() -> Self {
        Self(Box::new([None; 256]))
    }
}

impl RecentKeys {
    fn place(key: SchemaKey) -> usize {
        let first = key.guid.0.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let mixed = (first ^ u32::from(key.id)).wrapping_mul(0x9e37_79b1) ^ u32::from(key.version);
        (mixed >> 24) as usize
    }
    fn has(&self, key: SchemaKey) -> bool {
        self.0.get(Self::place(key)).is_some_and(|place| *place == Some(key))
    }
    fn insert(&mut self, key: SchemaKey) {
        if let Some(place) = self.0.get_mut(Self::place(key)) {
            *place = Some(key);
        }
    }
}

/// What is counted of schemas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchemaCounts {
    /// Schemas that were told.
    pub told: u64,
    /// Keys that were asked for.
    pub asked: u64,
    /// Keys of which Windows did not know a schema, or failed to say.
    pub failed: u64,
    /// Schemas that were not kept since there are too many.
    pub refused: u64,
}

impl Default for Schemas {
    fn default() -> Self {
        Self::told()
    }
}

impl Schemas {
    /// Schemas that are told alone: nobody is asked.
    #[must_use]
    pub fn told() -> Self {
        Self { board: Arc::default(), asking: None }
    }

    /// Starts the thread that asks. It ends once no copy of this is left.
    ///
    /// # Errors
    /// If the operating system refuses the thread.
    pub fn asking(describe: Box<dyn Describe>, needs: Needs) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<(SchemaKey, RecordBuffer)>(QUESTIONS);
        let board = Arc::<Board>::default();
        let answers = Arc::clone(&board);
        std::thread::Builder::new().name("etwatch-schemas".into()).spawn(move || {
            for (key, buffer) in asked {
                let describe = || buffer.records().next().map(|record| describe.describe(&record));
                let describe = std::panic::AssertUnwindSafe(describe);
                let answer = std::panic::catch_unwind(describe).ok().flatten();
                answers.answer(key, answer.and_then(Result::ok).flatten());
            }
        })?;
        Ok(Self { board, asking: Some(Arc::new(Asking { needs, questions })) })
    }

    /// Adds a schema that somebody has.
    pub fn tell(&self, schema: TraceSchema) {
        self.board.known().add(schema);
        self.board.changed.notify_all();
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> SchemaCounts {
        let known = self.board.known();
        let Known { refused, asked, failed, .. } = *known;
        SchemaCounts { told: known.schemas.len() as u64, asked, failed, refused }
    }

    /// The key of a record that has to wait for its schema; if nobody has asked for it yet, asks.
    pub(super) fn open_key(
        &self,
        record: &RawRecord<'_>,
        recent: &mut RecentKeys,
    ) -> Option<SchemaKey> {
        self.asking.as_ref()?;
        let key = SchemaKey::of(record)?;
        if recent.has(key) {
            return None;
        }
        let is_settled = self.is_settled(key, record);
        if is_settled {
            recent.insert(key);
        }
        (!is_settled).then_some(key)
    }

    /// Whether records of this key need not wait; if nobody has asked yet, asks.
    fn is_settled(&self, key: SchemaKey, record: &RawRecord<'_>) -> bool {
        let Some(asking) = &self.asking else { return true };
        let mut known = self.board.known();
        if let Some(is_answered) = known.keys.get(&key) {
            return *is_answered;
        }
        if known.keys.len() >= MOST_KEYS {
            return true;
        }
        let is_needed = (asking.needs)(&record.header);
        if is_needed {
            // If the thread has too much to do, the next record of the kind tries again.
            if asking.questions.try_send((key, RecordBuffer::of(record))).is_err() {
                return false;
            }
            known.asked += 1;
        }
        known.keys.insert(key, !is_needed);
        !is_needed
    }

    /// Waits until all of these keys are answered, at most so long; removes those that are.
    pub(super) fn wait(&self, keys: &mut Vec<SchemaKey>, most: Duration) {
        let is_open = |known: &Known, key: &SchemaKey| known.keys.get(key) == Some(&false);
        let known = self.board.known();
        let waits = |known: &mut Known| keys.iter().any(|key| is_open(known, key));
        let waited = self.board.changed.wait_timeout_while(known, most, waits);
        let (known, _) = waited.unwrap_or_else(PoisonError::into_inner);
        keys.retain(|key| is_open(&known, key));
    }

    /// Nobody waits for these any longer; their answers are told when they come.
    pub(super) fn give_up(&self, keys: &[SchemaKey]) {
        let mut known = self.board.known();
        for key in keys {
            known.keys.insert(*key, true);
        }
    }

    /// The schemas behind the first `seen` ones, which it then counts.
    pub(super) fn since(&self, seen: &mut usize) -> Vec<TraceSchema> {
        let known = self.board.known();
        let new = known.schemas.get(*seen..).unwrap_or_default().to_vec();
        *seen = known.schemas.len();
        new
    }
}

impl Board {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn answer(&self, key: SchemaKey, info: Option<Vec<u8>>) {
        let mut known = self.known();
        known.keys.insert(key, true);
        match info {
            Some(bytes) => {
                let (kind, bytes) = (TraceSchemaKind::EventInfo, bytes.into());
                known.add(TraceSchema { kind, provider: Guid::default(), process_id: None, bytes });
            }
            None => known.failed += 1,
        }
        drop(known);
        self.changed.notify_all();
    }
}

impl Known {
    fn add(&mut self, schema: TraceSchema) {
        let bytes = self.bytes.saturating_add(schema.bytes.len());
        if self.schemas.len() >= MOST_KEYS || bytes > MOST_SCHEMA_BYTES {
            self.refused += 1;
            return;
        }
        self.bytes = bytes;
        self.schemas.push(schema);
    }
}
