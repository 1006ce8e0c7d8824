//! Delivers a recording as a session of Windows would: on one thread, record by record, to whoever receives.
//!
//! Once through, records keep their recorded times. Each further time all of them are moved on by the length of the
//! recording and a second, so that time goes on; times in payloads stay what they were.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use etwatch_event::time::TICKS_PER_SECOND;
use etwatch_event::{Clock, RawHeader, RawRecord, Timestamp};

use crate::live::{Counters, Receive, RecordBuffer, guarded};

use super::faults::{Fate, Faults, Plan};
use super::recording::Recording;

/// The clock is looked at once in so many records.
const PACED: u64 = 32;
/// The longest sleep, after which it is asked whether to stop.
const NAP: Duration = Duration::from_millis(20);
/// Sleeping for less than this takes longer than it should.
const SHORT: Duration = Duration::from_micros(200);

/// How fast records are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// As they were recorded.
    #[default]
    AsRecorded,
    /// So many times as fast.
    Times(NonZeroU32),
    /// So many in a second, whatever their times are.
    PerSecond(NonZeroU32),
    /// As fast as they are taken.
    Fastest,
}

/// A session that is simulated.
#[derive(Clone, Debug)]
pub struct Session {
    recording: Arc<Recording>,
    speed: Speed,
    times: u32,
    faults: Faults,
}

/// What was delivered, and what went wrong as it was planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records that were handed over, doubled ones twice.
    pub records: u64,
    /// Records that were lost before, and told so.
    pub lost: u64,
    /// Records that came twice.
    pub doubled: u64,
    /// Records that came later than they should.
    pub moved: u64,
    /// Bursts.
    pub bursts: u64,
    /// How long it took.
    pub time: Duration,
}

impl Session {
    /// A session that delivers this recording once, as fast as it was recorded.
    #[must_use]
    pub fn new(recording: Arc<Recording>) -> Self {
        Self { recording, speed: Speed::default(), times: 1, faults: Faults::default() }
    }
    /// How fast.
    #[must_use]
    pub fn speed(self, speed: Speed) -> Self {
        Self { speed, ..self }
    }
    /// How often; `u32::MAX` ends by being stopped alone.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
    /// What goes wrong.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Starts a thread that delivers to `receive` until all is delivered or it is stopped; then `receive` is dropped,
    /// and so its feeds end. `counters`: those of `receive`, which losses are told to.
    ///
    /// # Errors
    /// If the operating system refuses the thread.
    pub fn start(
        self,
        mut receive: impl Receive + 'static,
        counters: Arc<Counters>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Running> {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("etwatch-simulated".into())
            .spawn(move || self.run(&mut receive, &counters, &*clock, &stopped))?;
        Ok(Running { stop, thread })
    }

    /// Delivers on this thread.
    pub fn run(
        &self,
        receive: &mut dyn Receive,
        counters: &Counters,
        clock: &dyn Clock,
        stop: &AtomicBool,
    ) -> Delivered {
        let begin = clock.elapsed();
        let mut delivery = Delivery {
            pace: Pace { speed: self.speed, begin, clock, stop, passed: 0, burst: 0 },
            receive,
            counters,
            plan: Plan::new(self.faults),
            moved: Vec::new(),
            done: Delivered::default(),
        };
        let (first, last) = self.recording.times().unwrap_or_default();
        let length = last.filetime().saturating_sub(first.filetime());
        let length = length.saturating_add(TICKS_PER_SECOND);
        for round in 0..u64::from(self.times) {
            let shift = length.saturating_mul(round);
            for record in self.recording.records() {
                let header = shifted(record.header, shift);
                let since = header.time.filetime().saturating_sub(first.filetime());
                if !delivery.pace.wait(since) {
                    return delivery.end(clock.elapsed().saturating_sub(begin));
                }
                delivery.deliver(&RawRecord { header, ..record });
            }
        }
        delivery.end(clock.elapsed().saturating_sub(begin))
    }
}

/// The header of a record, so many ticks of 100 ns later.
fn shifted(header: RawHeader, shift: u64) -> RawHeader {
    if !header.time.is_known() {
        return header;
    }
    let time = Timestamp::from_filetime(header.time.filetime().saturating_add(shift));
    RawHeader { time, ..header }
}

/// When the next record is due.
struct Pace<'p> {
    speed: Speed,
    begin: Duration,
    clock: &'p dyn Clock,
    stop: &'p AtomicBool,
    passed: u64,
    /// Records of a burst that are still to come.
    burst: u32,
}

impl Pace<'_> {
    /// Waits until the next record is due, which happened `since` ticks of 100 ns after the first one; `false` if
    /// the session is to stop.
    fn wait(&mut self, since: u64) -> bool {
        let number = self.passed;
        self.passed += 1;
        if self.burst > 0 {
            self.burst -= 1;
            return true;
        }
        let due = match self.speed {
            Speed::AsRecorded => ticks(since),
            Speed::Times(times) => ticks(since / u64::from(times.get())),
            Speed::PerSecond(rate) => {
                let rate = u64::from(rate.get());
                Duration::from_secs(number / rate)
                    + Duration::from_nanos(number % rate * 1_000_000_000 / rate)
            }
            Speed::Fastest => Duration::ZERO,
        };
        let is_looked_at = matches!(self.speed, Speed::AsRecorded | Speed::Times(_))
            || number.is_multiple_of(PACED);
        if !is_looked_at {
            return true;
        }
        while !self.stop.load(Relaxed) {
            let now = self.clock.elapsed().saturating_sub(self.begin);
            match due.checked_sub(now) {
                Some(early) if early > SHORT => std::thread::sleep(early.min(NAP)),
                _ => return true,
            }
        }
        false
    }
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs(count / TICKS_PER_SECOND)
        + Duration::from_nanos(count % TICKS_PER_SECOND * 100)
}

/// A delivery under way.
struct Delivery<'d> {
    pace: Pace<'d>,
    receive: &'d mut dyn Receive,
    counters: &'d Counters,
    plan: Plan,
    /// Records that come later, each with how many are to come before it.
    moved: Vec<(u32, RecordBuffer)>,
    done: Delivered,
}

impl Delivery<'_> {
    fn deliver(&mut self, record: &RawRecord<'_>) {
        match self.plan.next() {
            Fate::Delivered => self.hand_over(record),
            Fate::Lost => {
                self.counters.lose(1, 0);
                self.done.lost += 1;
            }
            Fate::Doubled => {
                self.done.doubled += 1;
                self.hand_over(record);
                self.hand_over(record);
            }
            Fate::Moved(by) => {
                self.done.moved += 1;
                self.moved.push((by, RecordBuffer::of(record)));
                return;
            }
            Fate::Burst(records) => {
                self.done.bursts += 1;
                self.pace.burst = records;
                self.hand_over(record);
            }
        }
        if !self.moved.is_empty() {
            self.hand_over_moved();
        }
    }

    fn hand_over_moved(&mut self) {
        let due = self.moved.extract_if(.., |(left, _)| {
            *left -= 1;
            *left == 0
        });
        let due: Vec<_> = due.collect();
        for (_, buffer) in due {
            buffer.records().for_each(|record| self.hand_over(&record));
        }
    }

    /// As the callback of a session does it.
    fn hand_over(&mut self, record: &RawRecord<'_>) {
        self.done.records += 1;
        let receive = &mut *self.receive;
        guarded(self.counters, || {
            if receive.wants(&record.header) {
                receive.take(record);
            }
        });
    }

    fn end(mut self, time: Duration) -> Delivered {
        for (_, buffer) in std::mem::take(&mut self.moved) {
            buffer.records().for_each(|record| self.hand_over(&record));
        }
        Delivered { time, ..self.done }
    }
}

/// A session under way.
#[derive(Debug)]
pub struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Delivered>,
}

impl Running {
    /// Asks it to end; returns at once.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }
    /// Waits until it has ended. `None` if its thread failed.
    #[must_use]
    pub fn wait(self) -> Option<Delivered> {
        self.thread.join().ok()
    }
}
