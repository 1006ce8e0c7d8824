//! Asks the host about files while events wait.
//!
//! Of hashes, version information and signatures no event of Windows tells. When an event comes that is about a file
//! and lacks what a loaded rule asks for, a question goes to a pool of threads; nobody waits for it. What the pool
//! answers comes back as records, by a feed like any other, so it is recorded with the rest:
//!
//! ```text
//! event comes ─▶ line ─▶ held back for the hold ──────────────────▶ told what is known by then
//!                 └─ asks ─▶ pool ─▶ host ─▶ answer ─▶ feed ─▶ line ┘
//! ```
//!
//! The time of an answer is when it came, and not before the event that asked. One that comes when the turn of its
//! event is as good as over says `late`, so that a replay, which goes by times alone, tells the event what it was told
//! live. The feed says now and then how long events wait, and a replay has them wait as long.
//!
//! Only full paths are asked about; those on shares only if that is wished, since a look-up there can take for ever and
//! shows another machine our credentials. Devices are not asked about at all.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use etwatch_capture::etl::Trace;
use etwatch_capture::live::{BufferSize, LiveBatch};
use etwatch_capture::{Piece, SourceError};
use etwatch_event::{Clock, Timestamp};
use etwatch_host::raw_record::{MOST_PATH, RawAnswer};
use etwatch_host::{Answer, FactsPool, FileQuestions, Host, NoFacts, PoolSettings};
use etwatch_state::FileQuestion;
use serde::Serialize;

use crate::run::feed::{Feed, Next};

/// The number of the feed among sessions: that of its files in a ring.
const SESSION: u32 = 900;
/// How often the feed says how long events wait: recordings lose their oldest files.
const SAY_HOLD: Duration = Duration::from_secs(60);
/// How long before the turn of an event its answer has to be there.
const MARGIN: Duration = Duration::from_millis(100);
/// How long after the end of the run was ordered questions may still come.
const LAST_QUESTIONS: Duration = Duration::from_millis(300);
/// How long the feed waits for an answer at most: what is late is told when somebody looks.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// Answers and bytes of a batch; a larger answer has one of its own.
const BATCH: BufferSize = BufferSize { bytes: 32 << 10, records: 64 };

/// Which files are asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilePlaces {
    /// Those on drives of this machine.
    #[default]
    Local,
    /// Those on shares of other machines as well.
    Shares,
}

/// Where questions about files went: `asked = answered + late + refused + failed` once none is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileCounts {
    /// Events because of which the host was to be asked.
    pub asked: u64,
    /// Those that were answered in time.
    pub answered: u64,
    /// Of all that the pool answered, those whose facts were known from before.
    pub from_cache: u64,
    /// Those whose answer did not come before their turn.
    pub late: u64,
    /// Those that were refused, since too many were open.
    pub refused: u64,
    /// Those that the host could not answer.
    pub failed: u64,
    /// Beside them: events with a path that is not asked about, of a share or a device, or no full path.
    pub not_asked: u64,
}

/// Asks the host about files; see the module.
pub struct FileLookUps {
    pool: FactsPool,
    clock: Arc<dyn Clock>,
    hold: Duration,
    places: FilePlaces,
    /// When it began.
    began: Timestamp,
    /// Questions whose answers were not collected.
    open: AtomicU64,
    /// Questions that were not put, since the turn of their event was over.
    overdue: AtomicU64,
    /// Answers that came when the turn of their event was over.
    too_late: AtomicU64,
    not_asked: AtomicU64,
}

impl std::fmt::Debug for FileLookUps {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.debug_struct("FileLookUps").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl FileLookUps {
    /// Asks `host` from now on; `hold` is how long events of the run are held back.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        host: Arc<dyn Host>,
        clock: Arc<dyn Clock>,
        hold: Duration,
        places: FilePlaces,
    ) -> std::io::Result<Self> {
        let began = clock.now();
        let settings = PoolSettings { deadline: hold.mul_f64(2.0 / 3.0), ..Default::default() };
        let pool = FactsPool::start(host, Arc::clone(&clock), &settings)?;
        let none = AtomicU64::default;
        let (open, overdue, too_late, not_asked) = (none(), none(), none(), none());
        Ok(Self { pool, clock, hold, places, began, open, overdue, too_late, not_asked })
    }

    /// Asks because of an event that happened at `time`. Never waits.
    pub fn ask(&self, question: &FileQuestion<'_>, time: Timestamp) {
        if !time.is_known() || !self.may_ask(question.path) {
            self.not_asked.fetch_add(1, Relaxed);
            return;
        }
        if self.is_over(time, self.clock.now()) {
            self.overdue.fetch_add(1, Relaxed);
            return;
        }
        self.open.fetch_add(1, Relaxed);
        let wanted = wanted(question);
        if self.pool.ask(question.path, wanted, time.filetime()).is_err() {
            // The pool has counted it.
            self.open.fetch_sub(1, Relaxed);
        }
    }

    /// Where questions went so far.
    #[must_use]
    pub fn counts(&self) -> FileCounts {
        let pool = self.pool.counts();
        let (overdue, too_late) = (self.overdue.load(Relaxed), self.too_late.load(Relaxed));
        FileCounts {
            asked: pool.asked + overdue,
            answered: pool.answered.saturating_sub(too_late),
            from_cache: pool.from_cache,
            late: pool.late + overdue + too_late,
            refused: pool.refused,
            failed: pool.failed(),
            not_asked: self.not_asked.load(Relaxed),
        }
    }

    /// The feed of the answers, of the host that `trace` tells of.
    #[must_use]
    pub fn feed(self: &Arc<Self>, trace: Trace) -> AnswerFeed {
        AnswerFeed {
            look_ups: Arc::clone(self),
            trace: Arc::new(trace),
            answers: Vec::new(),
            left: None,
            next_hold: Duration::ZERO,
            stopped: None,
        }
    }

    fn may_ask(&self, path: &str) -> bool {
        let is_asked = match path.as_bytes() {
            [drive, b':', b'\\', ..] => drive.is_ascii_alphabetic(),
            [b'\\', b'\\', b'?' | b'.' | b'\\', ..] => false,
            [b'\\', b'\\', _, ..] => self.places == FilePlaces::Shares,
            _ => false,
        };
        is_asked && path.len() <= MOST_PATH && !path.contains('\0')
    }

    /// Whether an answer would come too late for an event of a time.
    fn is_over(&self, time: Timestamp, now: Timestamp) -> bool {
        now.since(time) > self.hold.saturating_sub(MARGIN)
    }

    /// An answer as a record.
    fn record(&self, mut answer: Answer) -> RawAnswer {
        self.open.fetch_sub(1, Relaxed);
        let (asked, now) = (Timestamp::from_filetime(answer.token), self.clock.now());
        if self.is_over(asked, now) {
            self.too_late.fetch_add(u64::from(answer.outcome.is_ok()), Relaxed);
            answer.outcome = Err(NoFacts::Late);
        }
        RawAnswer::of(&answer, not_before(asked, now))
    }
}

/// The time of an answer. The clock shows milliseconds, events have more.
fn not_before(asked: Timestamp, now: Timestamp) -> Timestamp {
    const MILLISECOND: u64 = 10_000;
    asked.max(Timestamp::from_filetime(now.filetime().saturating_add(MILLISECOND)))
}

/// What the host is asked, by the fields that an event lacks.
fn wanted(question: &FileQuestion<'_>) -> FileQuestions {
    let of = |field| match field {
        "Hashes" => FileQuestions::HASHES,
        "md5" => FileQuestions::MD5,
        "sha1" => FileQuestions::SHA1,
        "sha256" => FileQuestions::SHA256,
        "Imphash" => FileQuestions::IMPHASH,
        "Signed" | "Signature" | "SignatureStatus" => FileQuestions::SIGNATURE,
        // The rest are texts of the version resource.
        _ => FileQuestions::VERSION,
    };
    question.fields().fold(FileQuestions::NONE, |all, field| all | of(field))
}

/// The answers, as they come.
pub struct AnswerFeed {
    look_ups: Arc<FileLookUps>,
    trace: Arc<Trace>,
    /// Those that are not handed on yet, the last one first.
    answers: Vec<Answer>,
    /// One for which there was no room in the last batch.
    left: Option<RawAnswer>,
    /// When it is said again how long events wait.
    next_hold: Duration,
    /// When it was told to end.
    stopped: Option<Duration>,
}

impl AnswerFeed {
    /// Nothing comes any more: the run was told to end, its last events were asked about, and all is answered.
    fn has_ended(&self, now: Duration) -> bool {
        let FileLookUps { open, hold, pool, .. } = &*self.look_ups;
        let is_idle = open.load(Relaxed) == 0;
        let was_asked = pool.counts().asked > 0;
        self.stopped.is_some_and(|stopped| {
            let since = now.saturating_sub(stopped);
            let may_come = was_asked && since < LAST_QUESTIONS;
            (is_idle && !may_come) || since > *hold
        })
    }

    fn piece(&mut self, now: Duration) -> Option<Piece> {
        let mut batch = LiveBatch::of_size(SESSION, Arc::clone(&self.trace), BATCH);
        if now >= self.next_hold {
            let clock = self.look_ups.clock.now();
            let is_first = self.next_hold.is_zero();
            let time = if is_first { self.look_ups.began } else { clock };
            self.next_hold = now + SAY_HOLD;
            batch.push(&RawAnswer::hold(self.look_ups.hold, time).record());
        }
        while batch.len() < BATCH.records
            && let Some(record) = self.next_record()
        {
            if !batch.push(&record.record()) {
                self.left = Some(record);
                break;
            }
        }
        (!batch.is_empty()).then_some(Piece::Live(batch))
    }

    fn next_record(&mut self) -> Option<RawAnswer> {
        self.left.take().or_else(|| Some(self.look_ups.record(self.answers.pop()?)))
    }
}

impl Feed for AnswerFeed {
    fn name(&self) -> String {
        "answers about files".to_owned()
    }
    fn host(&self) -> Option<String> {
        self.trace.host()
    }
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        if self.answers.is_empty() && self.left.is_none() && !self.next_hold.is_zero() {
            self.look_ups.pool.wait(wait.min(LONGEST_WAIT), &mut self.answers);
            self.answers.reverse();
        }
        let now = self.look_ups.clock.elapsed();
        if let Some(piece) = self.piece(now) {
            return Ok(Next::Piece(piece));
        }
        Ok(if self.has_ended(now) { Next::Ended } else { Next::Quiet })
    }
    fn stop(&mut self) {
        self.stopped = Some(self.look_ups.clock.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use etwatch_host::{FakeClock, FakeHost};

    use super::*;

    #[test]
    fn only_full_paths_are_asked_about_and_shares_if_that_is_wished() {
        let may_ask = |places, path| {
            let clock: Arc<FakeClock> = Arc::default();
            let (host, hold) = (Arc::new(FakeHost::default()), Duration::from_secs(1));
            FileLookUps::start(host, clock, hold, places).unwrap().may_ask(path)
        };
        let (local, shares) = (FilePlaces::Local, FilePlaces::Shares);
        let long = format!(r"C:\{}", "x".repeat(MOST_PATH));
        for path in [
            "",
            "a.dll",
            r"\Device\HarddiskVolume3\a.dll",
            r"\\?\C:\a.dll",
            r"\\.\pipe\a",
            r"C:a.dll",
            "C:\\a\0.dll",
            &long,
        ] {
            assert!(!may_ask(local, path) && !may_ask(shares, path), "{path}");
        }
        assert!(may_ask(local, r"c:\a.dll") && may_ask(shares, r"c:\a.dll"));
        let share = r"\\server\share\a.dll";
        assert!(!may_ask(local, share) && may_ask(shares, share));
    }

    #[test]
    fn an_answer_is_not_older_than_its_question() {
        let at = Timestamp::from_filetime;
        assert_eq!(not_before(at(50_009), at(40_000)), at(50_009));
        assert_eq!(not_before(at(40_001), at(40_000)), at(50_000));
    }
}
