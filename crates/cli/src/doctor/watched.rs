//! Sessions that run while a doctor acts, and what comes of them, as records and as events.
//!
//! ```text
//! session ─▶ feed ─▶ decode ─────────────────────▶ Seen, Stage::Decoded    ─┐
//!       └──▶ feed ─▶ run_live without rules ─▶ Seen, Stage::Normalised ─────┴─▶ bounded queue ─▶ the doctor
//! ```
//!
//! Both ways are those of live capture itself, so what is seen here is what rules would meet. The queue is taken
//! from between acts; what finds it full is counted as dropped by us.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use etwatch_capture::etl::Trace;
use etwatch_capture::etw::{EtwApi, ManagerSettings, Note};
use etwatch_capture::live::{Counters, Feed, Next, SessionSettings};
use etwatch_engine::etw::{SchemaStores, SliceDecoder};
use etwatch_engine::run::SessionFeed;
use etwatch_engine::{LiveEngine, LiveOptions, Observer, Progress, run, run_live};
use etwatch_event::{Clock, EventBatch, RecordBatch};
use etwatch_rules::load::LoadOptions;

use crate::doctor::seen::Seen;
use crate::doctor::surroundings::{Losses, Refused, Started};
use crate::event_view::EventView;
use crate::host_sessions::{HostSessionError, HostSessions};

/// Records and events that wait to be taken.
const QUEUED: usize = 100_000;
/// How long a thread waits for its feed at a time.
const WAIT: Duration = Duration::from_millis(100);
/// How long an event is held back so that older ones can overtake it: the longest flush time and a margin.
const HOLD: Duration = Duration::from_millis(1_500);

/// Sessions that run.
pub(super) struct Watched {
    sessions: HostSessions,
    seen: Receiver<Seen>,
    /// What found the queue full.
    missed: Arc<AtomicU64>,
    counters: Vec<Arc<Counters>>,
    threads: Vec<JoinHandle<()>>,
}

/// Where what is seen goes.
#[derive(Clone)]
struct Outlet {
    queue: SyncSender<Seen>,
    missed: Arc<AtomicU64>,
}

impl Outlet {
    fn put(&self, view: &EventView<'_>) {
        if self.queue.try_send(Seen::of(view)).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What sessions were started, and what became of each that was wanted.
pub(super) type Results = Vec<Result<Started, Refused>>;

impl Watched {
    /// Starts these sessions and reads what they deliver.
    ///
    /// # Errors
    /// Nothing at all could be started.
    pub(super) fn start(
        api: &Arc<dyn EtwApi>,
        settings: ManagerSettings,
        trace: Trace,
        wanted: &[SessionSettings],
    ) -> Result<(Self, Results), Refused> {
        let mut sessions =
            HostSessions::new(api, settings, trace, wanted).map_err(|error| refused(&error))?;
        let (queue, seen) = sync_channel(QUEUED);
        let missed = Arc::<AtomicU64>::default();
        let outlet = Outlet { queue, missed: Arc::clone(&missed) };
        let (mut results, mut feeds, mut counters) = (Vec::new(), Vec::new(), Vec::new());
        let mut threads = Vec::new();
        for settings in wanted {
            let (report, feed) = match sessions.start(settings) {
                Ok(started) => started,
                Err(error) => {
                    results.push(Err(refused(&error)));
                    continue;
                }
            };
            results.push(Ok(started(&report.notes)));
            counters.push(Arc::clone(feed.counters()));
            let (another, outlet) = (feed.another(), outlet.clone());
            threads.push(thread::spawn(move || decode(another, &outlet)));
            // The session is stopped first, and with it its feeds.
            let feed = SessionFeed::new(settings.name.clone(), feed, Box::new(|| ()));
            feeds.push(Box::new(feed) as Box<dyn run::Feed>);
        }
        threads.push(thread::spawn(move || normalise(feeds, outlet)));
        Ok((Self { sessions, seen, missed, counters, threads }, results))
    }

    /// Waits at most so long for something, and hands on all that is there.
    pub(super) fn events(&self, wait: Duration, each: &mut dyn FnMut(Seen)) {
        match self.seen.recv_timeout(wait) {
            Ok(first) => each(first),
            Err(RecvTimeoutError::Timeout) => return,
            // All threads have ended, so nothing more comes; whoever waits shall still have waited.
            Err(RecvTimeoutError::Disconnected) => return thread::sleep(wait),
        }
        // No more than fit at once, so that a machine that never rests does not hold us up for ever.
        self.seen.try_iter().take(QUEUED).for_each(each);
    }

    /// What was lost so far.
    pub(super) fn losses(&mut self, clock: &dyn Clock) -> Losses {
        let manager = self.sessions.manager();
        let _ = manager.step(clock.elapsed());
        let mut losses = Losses::default();
        for one in manager.losses() {
            losses.events += one.events;
            losses.buffers += one.real_time_buffers + one.log_buffers;
        }
        let dropped = self.counters.iter().flat_map(|counters| counters.dropped());
        losses.dropped =
            dropped.map(|(_, count)| count).sum::<u64>() + self.missed.load(Ordering::Relaxed);
        losses
    }

    /// Stops all sessions and waits for the threads.
    pub(super) fn stop(self) {
        let Self { mut sessions, seen, threads, .. } = self;
        sessions.manager().stop();
        // Nobody takes any more, so nobody may wait for room.
        drop((sessions, seen));
        for thread in threads {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn refused(error: &HostSessionError) -> Refused {
    Refused { what: error.to_string(), remedy: error.remedy().to_owned() }
}

/// What a session's notes say: some are about one provider, others about the session.
fn started(notes: &[Note]) -> Started {
    let mut started = Started::default();
    for note in notes {
        match note {
            Note::ProviderRefused(error) | Note::FilterRefused(error) => {
                let refused = Refused { what: note.to_string(), remedy: error.remedy().to_owned() };
                started.refused.push((error.subject.clone(), refused));
            }
            Note::Granted { .. } | Note::Waited { .. } => {
                started.differences.push(note.to_string());
            }
            // What is filtered here all the same, or is told by what then does not come.
            _ => (),
        }
    }
    started
}

/// Decodes what a session delivers, until it ends.
fn decode(mut feed: Feed, outlet: &Outlet) {
    let stores = SchemaStores::default();
    let mut decoder = SliceDecoder::default();
    let mut records = RecordBatch::default();
    loop {
        match feed.next_batch(WAIT) {
            Next::Batch(mut batch) => {
                stores.learn(&mut batch);
                decoder.decode_live(&batch, &stores, &mut records, &mut |_, _| {});
                records.iter().for_each(|record| outlet.put(&EventView::Record(record, None)));
            }
            Next::Quiet => (),
            Next::Ended => return,
        }
    }
}

/// Hands events through an engine without rules, until all feeds have ended.
fn normalise(feeds: Vec<Box<dyn run::Feed>>, mut outlet: Outlet) {
    let Ok((engine, _)) = LiveEngine::load(Vec::new(), LoadOptions::default(), None) else {
        return;
    };
    engine.change(etwatch_engine::Engine::with_all_fields);
    let options = LiveOptions {
        workers: 1,
        hold: HOLD,
        heartbeat: None,
        gap: None,
        ..LiveOptions::default()
    };
    // What it led to shows in what was seen.
    let _ = run_live(&engine, feeds, &mut [], options, &run::StopFlag::default(), &mut outlet);
}

impl Observer for Outlet {
    fn progress(&mut self, _: Progress) {}
    fn events(&mut self, events: &EventBatch, _: &[String]) -> ControlFlow<()> {
        events.iter().for_each(|event| self.put(&EventView::Event(event)));
        ControlFlow::Continue(())
    }
}
