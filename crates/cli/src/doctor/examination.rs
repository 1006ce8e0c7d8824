//! The order in which things are asked and done.
//!
//! Sessions are started first and stopped last, whatever happens between. Events are taken after each act, so that
//! no buffer of ours overflows; after the last one the doctor waits until every canary was seen, or until the
//! deadline. Then, if rates are asked for, it sits still and counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use etwatch_capture::live::{ChannelSettings, SessionSettings};
use etwatch_event::Timestamp;
use etwatch_host::{HostError, Rights};

use crate::doctor::act::{Act, Done, NotDone, SHORT_LIVED, short_lived_mark};
use crate::doctor::canary::CANARIES;
use crate::doctor::check::Needs;
use crate::doctor::seen::{Seen, Sightings};
use crate::doctor::surroundings::{Losses, Refused, Room, Started, Surroundings};

/// How long is waited for events at a time.
const STEP: Duration = Duration::from_millis(100);

/// Records by provider and id.
pub(crate) type Counts = BTreeMap<(String, Option<u32>), u64>;

/// What is to be examined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examination {
    /// Marks all that is done: letters, digits and `-`, and in no other run the same.
    pub(crate) token: String,
    /// The sessions that live capture would start.
    pub(crate) sessions: Vec<SessionSettings>,
    /// The channels that it would read.
    pub(crate) channels: Vec<ChannelSettings>,
    /// Folders that are written to, each with what for.
    pub(crate) folders: Vec<(&'static str, PathBuf)>,
    /// Whether there is a webhook, and whether it is to be sent to.
    pub(crate) webhook: Webhook,
    /// How long is waited for the events of the last act.
    pub(crate) deadline: Duration,
    /// How long is sat still to count; not at all if it is zero.
    pub(crate) idle: Duration,
}

/// What is known of the webhook before it is sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Webhook {
    /// None is configured.
    #[default]
    None,
    /// There is one, but nothing is to be sent.
    Silent,
    /// It gets a test message.
    Send,
}

/// What was seen. Nothing in it asks anybody any more; what was not needed was not looked at.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    pub(crate) token: String,
    pub(crate) build: Option<Result<u32, HostError>>,
    pub(crate) rights: Option<Result<Rights, HostError>>,
    pub(crate) processes: Option<Result<usize, HostError>>,
    pub(crate) script_block_logging: Option<Result<Option<u32>, HostError>>,
    pub(crate) rooms: Vec<(&'static str, PathBuf, Room)>,
    pub(crate) webhook: Webhook,
    pub(crate) webhook_answer: Option<Result<String, String>>,
    /// Each channel that was wanted, and whether it is switched on.
    pub(crate) channels: Vec<(ChannelSettings, Result<bool, Refused>)>,
    /// Each session that was wanted, and whether it runs.
    pub(crate) sessions: Vec<(SessionSettings, Result<Started, Refused>)>,
    /// What could not be stopped.
    pub(crate) not_stopped: Vec<String>,
    pub(crate) acts: BTreeMap<Act, Acted>,
    pub(crate) sightings: Sightings,
    pub(crate) losses: Option<Result<Losses, String>>,
    /// By both clocks, in the order in which they were read.
    pub(crate) readings: Vec<(Timestamp, Duration)>,
    /// Records by provider and id while nothing was done, and for how long.
    pub(crate) idle: Option<(Counts, Duration)>,
}

/// An act, and when it was done.
#[derive(Clone, Debug)]
pub(crate) struct Acted {
    pub(crate) result: Result<Done, NotDone>,
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
}

impl Observations {
    /// What came of an act, if it was done.
    pub(crate) fn done(&self, act: Act) -> Option<&Done> {
        self.acts.get(&act)?.result.as_ref().ok()
    }
    /// Whether some session runs.
    pub(crate) fn is_watched(&self) -> bool {
        self.sessions.iter().any(|(_, result)| result.is_ok())
    }
    /// Whether all that can be waited for has been seen.
    fn has_all(&self) -> bool {
        let canaries = CANARIES.iter().all(|canary| {
            let Some(done) = self.done(canary.act) else { return true };
            let mut events = self.sightings.events(canary.log_source);
            events.any(|seen| canary.is_in(seen, &self.token, done))
        });
        let short_lived = self.done(Act::ShortLived).is_none()
            || (0..SHORT_LIVED).all(|number| {
                let mark = short_lived_mark(&self.token, number);
                let mut events = self.sightings.events("process_creation");
                events.any(|seen| seen.text("CommandLine").is_some_and(|text| text.contains(&mark)))
            });
        canaries && short_lived
    }
}

impl Examination {
    /// Asks and does what is needed; `tell` hears what is being done.
    pub(crate) fn run(
        &self,
        needs: Needs,
        surroundings: &mut dyn Surroundings,
        tell: &mut dyn FnMut(&str),
    ) -> Observations {
        let mut observations = Observations {
            token: self.token.clone(),
            webhook: self.webhook,
            ..Observations::default()
        };
        let out = &mut observations;
        read_clocks(surroundings, out);
        self.ask(needs, surroundings, out);
        if needs.sessions {
            tell("starting sessions");
            let results = surroundings.start(&self.sessions);
            out.sessions = self.sessions.iter().cloned().zip(results).collect();
            if out.is_watched() {
                self.watch(surroundings, out, tell);
                out.losses = Some(surroundings.losses());
            }
            out.not_stopped = surroundings.stop();
        }
        read_clocks(surroundings, out);
        observations
    }

    fn ask(&self, needs: Needs, surroundings: &mut dyn Surroundings, out: &mut Observations) {
        if needs.host {
            out.build = Some(surroundings.windows_build());
            out.rights = Some(surroundings.rights());
            out.script_block_logging = Some(surroundings.script_block_logging());
        }
        if needs.channels {
            let results = surroundings.channels(&self.channels);
            out.channels = self.channels.iter().cloned().zip(results).collect();
        }
        if needs.folders {
            let room = |(purpose, folder): &(&'static str, PathBuf)| {
                (*purpose, folder.clone(), surroundings.room(folder))
            };
            out.rooms = self.folders.iter().map(room).collect();
        }
        if needs.webhook && self.webhook == Webhook::Send {
            out.webhook_answer = Some(surroundings.send_to_webhook());
        }
    }

    fn watch(
        &self,
        surroundings: &mut dyn Surroundings,
        out: &mut Observations,
        tell: &mut dyn FnMut(&str),
    ) {
        let mut pids = BTreeSet::from([std::process::id()]);
        // Counting opens all processes, which is an act too: what is audited of it tells which rights are.
        out.processes = Some(surroundings.process_count());
        for act in Act::ALL {
            tell(act.words());
            let began = surroundings.now();
            let result = surroundings.act(act, &self.token);
            let ended = surroundings.now();
            pids.extend(result.iter().flat_map(|done| done.pids.iter().copied()));
            out.acts.insert(act, Acted { result, began, ended });
            self.take(surroundings, Duration::ZERO, &pids, out);
            read_clocks(surroundings, out);
        }
        tell("waiting for their events");
        let start = surroundings.elapsed();
        while !out.has_all() {
            let over = surroundings.elapsed().saturating_sub(start);
            let Some(left) = self.deadline.checked_sub(over).filter(|left| !left.is_zero()) else {
                break;
            };
            self.take(surroundings, left.min(STEP), &pids, out);
        }
        if !self.idle.is_zero() {
            tell("counting while nothing is done");
            self.sit_still(surroundings, &pids, out);
        }
    }

    fn sit_still(
        &self,
        surroundings: &mut dyn Surroundings,
        pids: &BTreeSet<u32>,
        out: &mut Observations,
    ) {
        let counts = |out: &Observations| -> Counts {
            let counts = out.sightings.counts();
            counts.map(|(provider, id, count)| ((provider.to_owned(), id), count)).collect()
        };
        let before = counts(out);
        let start = surroundings.elapsed();
        loop {
            let over = surroundings.elapsed().saturating_sub(start);
            let Some(left) = self.idle.checked_sub(over).filter(|left| !left.is_zero()) else {
                break;
            };
            self.take(surroundings, left.min(STEP), pids, out);
        }
        let mut came = counts(out);
        for (kind, count) in &mut came {
            *count -= before.get(kind).copied().unwrap_or(0).min(*count);
        }
        came.retain(|_, count| *count > 0);
        out.idle = Some((came, surroundings.elapsed().saturating_sub(start)));
    }

    fn take(
        &self,
        surroundings: &mut dyn Surroundings,
        wait: Duration,
        pids: &BTreeSet<u32>,
        out: &mut Observations,
    ) {
        let sightings = &mut out.sightings;
        let mut each = |seen: Seen| sightings.take(seen, &self.token, pids);
        surroundings.events(wait, &mut each);
    }
}

fn read_clocks(surroundings: &dyn Surroundings, out: &mut Observations) {
    out.readings.push((surroundings.now(), surroundings.elapsed()));
}
