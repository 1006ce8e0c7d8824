//! The thread of a run: takes what feeds have, has it decoded, hands it on in the order of its arrival.
//!
//! It never waits where it could do something: workers wake it when they are done, so that alerts leave when they
//! are there and not when the next event comes. Every 50 ms, as long as something waits, time passes: events
//! whose turn has come leave, and what makes no full batch is matched all the same. On an idle host it looks
//! once a second.

use std::collections::VecDeque;
use std::time::Duration;

use etwatch_alert::Sink;
use etwatch_alert::telemetry::{Heartbeat, Telemetry};
use etwatch_capture::source::DAMAGE_LISTED;
use etwatch_capture::{Damage, Piece, SourceError};
use etwatch_event::Timestamp;
use etwatch_state::Settings;

use crate::delivery::Delivery;
use crate::engine::EngineError;
use crate::live::LiveEngine;
use crate::options::Observer;
use crate::ordered::Ordered;
use crate::pending::Pending;
use crate::report::Report;
use crate::run::feed::Feed;
use crate::run::gather::{Inbox, Message, StopFlag};
use crate::run::options::LiveOptions;
use crate::run::pulse::Pulse;
use crate::work::{DecodedPiece, Workers};

/// How often time passes while something waits.
const TICK: Duration = Duration::from_millis(50);
/// The same while nothing does.
const IDLE: Duration = Duration::from_secs(1);

/// What the run knows of a feed.
pub(crate) struct FeedState {
    name: String,
    host: Option<String>,
    /// The time of its last event, for those that tell none.
    last: Timestamp,
    damage: Vec<Damage>,
    error: Option<Box<SourceError>>,
    is_open: bool,
}

impl FeedState {
    pub(crate) fn new(feed: &dyn Feed) -> Self {
        let (name, host, last) = (feed.name(), feed.host(), Timestamp::UNKNOWN);
        Self { name, host, last, damage: Vec::new(), error: None, is_open: true }
    }
}

/// A run.
pub(crate) struct Line<'a> {
    ordered: Ordered<'a>,
    inbox: Inbox,
    feeds: Vec<FeedState>,
    /// Pieces that are being decoded, in the order of their arrival, with the numbers of their feeds.
    decoding: VecDeque<(u32, Pending<DecodedPiece>)>,
    options: LiveOptions,
    pulse: Pulse,
    /// When time passed last.
    passed: Duration,
    /// When was told last how it goes.
    told: Duration,
}

impl<'a> Line<'a> {
    /// Starts the workers.
    pub(crate) fn start(
        engine: &'a LiveEngine,
        inbox: Inbox,
        feeds: Vec<FeedState>,
        sinks: &'a mut [Box<dyn Sink>],
        options: LiveOptions,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, EngineError> {
        let workers = Workers::start(engine.current(), options.workers)?.waking(inbox.waker());
        let files = feeds.iter().map(|feed| feed.name.clone()).collect();
        let delivery = Delivery::new(workers.engine(), options.memory, files, sinks, observer);
        let hold = u64::try_from(options.hold.as_nanos() / 100).unwrap_or(u64::MAX);
        let settings = Settings {
            enrich: options.enrich,
            batch: options.batch,
            hold,
            // What comes late through forwarders is read from files.
            json_hold: 0,
            memory: options.memory.of_hosts(),
            ..Settings::default()
        };
        let mut ordered =
            Ordered::new(&workers, Some(engine), settings, options.state.as_ref(), delivery);
        for (number, feed) in (0..).zip(&feeds) {
            if let Some(host) = &feed.host {
                ordered.state.name_input(number, host);
            }
        }
        let now = options.clock.elapsed();
        let pulse = Pulse::new(now, options.heartbeat, options.gap);
        let decoding = VecDeque::new();
        Ok(Self { ordered, inbox, feeds, decoding, options, pulse, passed: now, told: now })
    }

    /// Runs until all feeds have ended. If they did since `stop` is set, time goes on without this run: what
    /// waits for it to pass is left undecided.
    pub(crate) fn run(mut self, stop: &StopFlag) -> Result<Report, EngineError> {
        while !self.decoding.is_empty() || self.feeds.iter().any(|feed| feed.is_open) {
            self.pass()?;
            if self.decoding.len() > 2 * self.ordered.workers.count() {
                self.take_oldest()?;
            } else if let Some(message) = self.inbox.next(self.patience()) {
                self.receive(message)?;
            }
            self.take_done()?;
        }
        self.ordered.end(!stop.is_set())?;
        self.tell(true)?;
        self.finish()
    }

    /// How long there is nothing to do unless somebody calls.
    fn patience(&self) -> Duration {
        let interval = if self.ordered.is_waiting() { TICK } else { IDLE };
        let since = self.options.clock.elapsed().saturating_sub(self.passed);
        interval.saturating_sub(since)
    }

    fn receive(&mut self, message: Message) -> Result<(), EngineError> {
        match message {
            Message::Piece(feed, piece) => self.decode(feed, piece),
            Message::Ended(feed, error) => {
                if let Some(feed) = self.feeds.get_mut(feed as usize) {
                    (feed.is_open, feed.error) = (false, error);
                }
            }
            Message::Tampering(what) => self.say(&Telemetry::Tampering(what))?,
            Message::Feed(feed) => self.add(feed)?,
            Message::Done => {}
        }
        Ok(())
    }

    /// Takes one more feed; its number is that of its thread, which begins now.
    fn add(&mut self, feed: Box<dyn Feed>) -> Result<(), EngineError> {
        let state = FeedState::new(feed.as_ref());
        let number = u32::try_from(self.feeds.len()).unwrap_or(u32::MAX);
        if let Some(host) = &state.host {
            self.ordered.state.name_input(number, host);
        }
        self.ordered.delivery.add_file(state.name.clone());
        self.feeds.push(state);
        self.inbox.add(feed)
    }

    fn decode(&mut self, feed: u32, piece: Piece) {
        let pending = self.ordered.workers.decode(piece, feed);
        self.decoding.push_back((feed, pending));
    }

    /// Takes what workers are done with: decoded pieces, then matched batches.
    fn take_done(&mut self) -> Result<(), EngineError> {
        while let Some((feed, pending)) = self.decoding.front() {
            let feed = *feed;
            let Some(piece) = pending.try_take()? else { break };
            self.decoding.pop_front();
            self.take(feed, piece)?;
        }
        self.ordered.take_done()
    }

    fn take_oldest(&mut self) -> Result<(), EngineError> {
        let Some((feed, pending)) = self.decoding.pop_front() else { return Ok(()) };
        self.take(feed, pending.wait()?)
    }

    /// Hands the events of a piece on.
    fn take(&mut self, number: u32, piece: DecodedPiece) -> Result<(), EngineError> {
        self.ordered.set_clock(self.event_clock());
        let DecodedPiece { mut events, decoded } = piece;
        let Some(feed) = self.feeds.get_mut(number as usize) else { return Ok(()) };
        self.ordered.report().ledger.add(&decoded.ledger);
        let room = DAMAGE_LISTED.saturating_sub(feed.damage.len());
        feed.damage.extend(decoded.damage.into_iter().take(room));
        let next = events.get(0).map(|event| event.time()).filter(|time| time.is_known());
        self.ordered.note_gap(next.or(feed.last.is_known().then_some(feed.last)));
        for row in 0..events.len() {
            let Some(event) = events.get(row) else { break };
            if event.time().is_known() {
                feed.last = event.time();
            } else {
                events.set_time(row, feed.last);
            }
            if let Some(event) = events.get(row) {
                if let Some(files) = &self.options.files
                    && let Some(question) = self.ordered.state.question(&event)
                {
                    files.ask(&question, event.time());
                }
                self.ordered.take(&event);
                self.ordered.hand_on_if_full()?;
            }
        }
        self.ordered.workers.give_back(events);
        Ok(())
    }

    /// What the clock shows, in time of events.
    fn event_clock(&self) -> Duration {
        let clock = self.options.clock.elapsed().as_secs_f64();
        Duration::try_from_secs_f64(clock * self.options.pace).unwrap_or(Duration::MAX)
    }

    /// Time has passed, if it has.
    fn pass(&mut self) -> Result<(), EngineError> {
        let clock = self.options.clock.elapsed();
        let interval = if self.ordered.is_waiting() { TICK } else { IDLE };
        if clock.saturating_sub(self.passed) >= interval {
            self.passed = clock;
            self.ordered.set_clock(self.event_clock());
            self.ordered.pass()?;
            self.ordered.take_done()?;
            self.ordered.delivery.send_on()?;
        }
        if clock.saturating_sub(self.told) >= IDLE {
            self.told = clock;
            self.tell(false)?;
            let Delivery { observer, report, progress, .. } = &mut self.ordered.delivery;
            observer.second(report, *progress);
        }
        Ok(())
    }

    /// Tells what is due of the run itself; `all`: the run ends.
    fn tell(&mut self, all: bool) -> Result<(), EngineError> {
        let clock = self.options.clock.elapsed();
        let report = &self.ordered.delivery.report;
        for gap in self.pulse.gaps(clock, &report.ledger, all) {
            self.say(&Telemetry::TelemetryGap(gap))?;
        }
        let Delivery { report, progress, .. } = &self.ordered.delivery;
        let sources = self.feeds.iter().filter(|feed| feed.is_open).count();
        let Some((uptime_seconds, period_seconds)) = self.pulse.beat(clock) else { return Ok(()) };
        let heartbeat = Heartbeat {
            uptime_seconds,
            period_seconds,
            sources,
            rules: report.rules.loaded,
            correlations: report.rules.correlations,
            alerts: progress.alerts,
            ledger: (&report.ledger).into(),
        };
        self.say(&Telemetry::Heartbeat(heartbeat))
    }

    fn say(&mut self, what: &Telemetry) -> Result<(), EngineError> {
        let now = self.options.clock.now();
        self.ordered.delivery.tell(what, now, self.options.host.as_deref())
    }

    fn finish(self) -> Result<Report, EngineError> {
        let mut report = self.ordered.finish()?;
        report.files = self.options.files.as_ref().map(|files| files.counts());
        report.inputs.1 = self.feeds.len();
        for feed in self.feeds {
            report.inputs.0 += usize::from(feed.error.is_none());
            report.damage.extend(feed.damage.into_iter().map(|one| (feed.name.clone(), one)));
            report.unreadable.extend(feed.error.map(|error| error.to_string()));
        }
        Ok(report)
    }
}
