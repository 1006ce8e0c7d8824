//! Matches in, alerts of correlations out.
//!
//! ```text
//! match ──▶ uses of its rule ──▶ group by the values of its fields ──▶ window ──▶ alert?
//!                                                                        ▲           │
//!                                                  correlations above ───┴───────────┘
//! ```
//!
//! It is called on one thread with the matches of events in their order. Time is that of events, for each
//! host its own. A window that is decided when it closes has a deadline; the next event of its host that is
//! past it, or the end of the input, decides it, before anything of that event is taken. Late events take no
//! part.

mod room;
mod shares;
mod told;

use std::collections::VecDeque;
use std::sync::Arc;

use etwatch_event::{Event, Timestamp};
use etwatch_rules::RuleIndex;
use etwatch_rules::sigma::value::Number;

use crate::evidence::Evidence;
use crate::groups::{Group, GroupKey, KeyRef};
use crate::hosts::{Deadline, Hosts};
use crate::key::{Carried, Fields, Keys, Spelling};
use crate::loss::Loss;
use crate::memory::Memory;
use crate::plan::{Plan, Planned, Use};
use crate::window::{Method, Window};
use shares::{Shares, can_begin};
use told::{Told, add, together, told_once};

/// How much may be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Groups of one correlation.
    pub groups: usize,
    /// Bytes of memory of all groups together, what the allocator adds among them.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { groups: 131_072, bytes: 28 << 20 }
    }
}

/// What happened to matches of rules that correlations refer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Contributions that were taken.
    pub contributions: u64,
    /// Matches that lack a field that a correlation groups by, or measures.
    pub missing: u64,
    /// Matches whose field is no number where numbers are measured.
    pub not_numeric: u64,
    /// Matches with more combinations of values than are taken.
    pub overflowed: u64,
    /// Matches of late events.
    pub late: u64,
    /// Values that a window could not keep for want of room.
    pub not_kept: u64,
    /// Groups that had to go for want of room.
    pub evicted: u64,
}

/// An alert of a correlation.
#[derive(Clone, Debug)]
pub struct CorrelationMatch {
    /// What the correlation is part of.
    pub plan: Arc<Plan>,
    /// Its index there.
    pub correlation: usize,
    /// The host, as its events name it.
    pub host: Box<str>,
    /// The fields, or aliases, that it groups by, and their values.
    pub group: Vec<(Box<str>, Box<str>)>,
    /// What the window came to.
    pub measure: Number,
    /// Contributions since the window was empty, or since the alert before.
    pub count: u64,
    /// The first contribution of the window.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    /// The last contributions, or all of a chain, in order: what was said of each when it was taken, several
    /// with commas between them where alerts of correlations contributed.
    pub events: Vec<Arc<str>>,
    /// What was lost in the window's time.
    pub loss: Loss,
}

impl CorrelationMatch {
    /// The correlation.
    #[must_use]
    pub fn planned(&self) -> Option<&Planned> {
        self.plan.correlations().get(self.correlation)
    }
}

/// Something that contributes to one correlation.
struct Given<'g> {
    host: u32,
    time: u64,
    lineage: [u32; 4],
    fields: &'g dyn Fields,
    /// The rules that matched, ascending, and for each what `evidence` has of it at an index.
    matched: &'g [(Use, usize)],
    evidence: &'g dyn Fn(usize) -> Option<&'g Evidence>,
}

/// An alert on its way to a correlation above.
struct Risen {
    used: Use,
    host: u32,
    time: u64,
    lineage: [u32; 4],
    below: usize,
    carried: Carried,
    evidence: Evidence,
}

/// The memory of all correlations.
#[derive(Debug)]
pub struct Correlator {
    pub(crate) plan: Arc<Plan>,
    pub(crate) memory: Memory,
    pub(crate) hosts: Hosts,
    limits: Limits,
    counts: Counts,
    pub(crate) arrival: u64,
    pub(crate) sequence: u64,
    keys: Keys,
    shares: Shares,
    uses: Vec<(Use, usize)>,
    /// The folded form of a group, and of a value that is counted.
    folded: String,
    value: String,
}

impl Correlator {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>, limits: Limits) -> Self {
        Self {
            memory: Memory::new(plan.correlations().len()),
            plan,
            hosts: Hosts::default(),
            limits,
            counts: Counts::default(),
            arrival: 0,
            sequence: 0,
            keys: Keys::default(),
            shares: Shares::default(),
            uses: Vec::new(),
            folded: String::new(),
            value: String::new(),
        }
    }

    /// The plan that it goes by.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let evicted = self.memory.iter().map(|groups| groups.evicted).sum::<u64>();
        Counts { evicted: self.counts.evicted + evicted, ..self.counts }
    }
    /// Groups and bytes of each correlation, in the order of the plan.
    pub fn memory(&self) -> impl Iterator<Item = (usize, usize)> {
        self.memory.iter().map(|groups| (groups.len(), groups.bytes()))
    }
    /// Whether some window waits for time to pass, so that [`Correlator::advance`] has to be called for each
    /// event.
    #[must_use]
    pub fn has_deadlines(&self) -> bool {
        self.hosts.has_deadlines()
    }

    /// An event comes: windows of its host that are over by then are decided.
    pub fn advance(&mut self, event: &Event<'_>, out: &mut Vec<CorrelationMatch>) {
        let attribution = event.attribution();
        if attribution.is_late || !event.time().is_known() {
            return;
        }
        if let Some(host) = self.hosts.recognise(event) {
            self.close(host, event.time().filetime(), out);
        }
    }

    /// Time has passed on a host, known by its number in events, though no event of it says so.
    pub fn pass(&mut self, host: u32, time: Timestamp, out: &mut Vec<CorrelationMatch>) {
        if let Some(host) = self.hosts.known(host) {
            self.close(host, time.filetime(), out);
        }
    }

    /// There are no more events: all windows are decided.
    pub fn finish(&mut self, out: &mut Vec<CorrelationMatch>) {
        while self.has_deadlines() {
            for host in 0..self.hosts.len() {
                self.close(host, u64::MAX, out);
            }
        }
    }

    /// Something was lost, some time from `first` to `last`: of one host, known by its number in events, or
    /// of any.
    pub fn lose(&mut self, host: Option<u32>, first: Timestamp, last: Timestamp, loss: Loss) {
        self.hosts.lose(host, (first.filetime(), last.filetime()), loss);
    }

    /// Takes the rules that are true of an event and that some correlation refers to, each with what is to be
    /// told of it: one JSON object.
    pub fn take(
        &mut self,
        event: &Event<'_>,
        found: &[(RuleIndex, Evidence)],
        out: &mut Vec<CorrelationMatch>,
    ) {
        let attribution = event.attribution();
        if attribution.is_late {
            self.counts.late += found.len() as u64;
            return;
        }
        let host = self.hosts.of(event);
        let time =
            if event.time().is_known() { event.time().filetime() } else { self.hosts.now(host) };
        self.close(host, time, out);
        self.arrival += 1;
        let plan = Arc::clone(&self.plan);
        let mut uses = std::mem::take(&mut self.uses);
        uses.clear();
        for (index, (rule, _)) in found.iter().enumerate() {
            uses.extend(plan.uses(*rule).iter().map(|used| (*used, index)));
        }
        uses.sort_unstable_by_key(|(used, index)| (used.correlation, used.position, *index));
        let evidence = |index: usize| found.get(index).map(|(_, evidence)| evidence);
        let mut risen = VecDeque::new();
        for matched in uses.chunk_by(|(one, _), (other, _)| one.correlation == other.correlation) {
            let Some((Use { correlation, .. }, _)) = matched.first() else { continue };
            let lineage = attribution.lineage;
            let given = Given { host, time, lineage, fields: event, matched, evidence: &evidence };
            self.contribute(*correlation, &given, &mut risen, out);
        }
        self.uses = uses;
        self.rise(risen, out);
    }

    /// Alerts go up until none is left.
    fn rise(&mut self, mut risen: VecDeque<Risen>, out: &mut Vec<CorrelationMatch>) {
        let plan = Arc::clone(&self.plan);
        while let Some(Risen { used, host, time, lineage, below, carried, evidence }) =
            risen.pop_front()
        {
            let wanted = plan.correlations().get(below).map_or(&[][..], |one| &one.carried);
            let fields = carried.named(wanted);
            let matched = [(used, 0)];
            let evidence = |_| Some(&evidence);
            let given = Given {
                host,
                time,
                lineage,
                fields: &fields,
                matched: &matched,
                evidence: &evidence,
            };
            self.contribute(used.correlation, &given, &mut risen, out);
        }
    }

    fn contribute(
        &mut self,
        index: usize,
        given: &Given<'_>,
        risen: &mut VecDeque<Risen>,
        out: &mut Vec<CorrelationMatch>,
    ) {
        let plan = Arc::clone(&self.plan);
        let Some(planned) = plan.correlations().get(index) else { return };
        self.share(planned, given);
        let mut shares = std::mem::take(&mut self.shares);
        for share in shares.used() {
            self.counts.contributions += 1;
            let key = KeyRef { host: given.host, folded: &share.folded };
            let arrival = self.arrival;
            let take = |group: &mut Group| add(group, planned, given, share, arrival);
            let mut taken = self.memory.change(index, |groups| groups.change(key, take)).flatten();
            if taken.is_none() && can_begin(planned, share) {
                self.begin(index, planned, given, share);
                taken = self.memory.change(index, |groups| groups.change(key, take)).flatten();
            }
            let Some((alert, is_full)) = taken else { continue };
            self.counts.not_kept += u64::from(is_full);
            if self.memory.bytes() >= self.limits.bytes {
                self.keep_within();
            }
            if let Some(alert) = alert {
                self.tell(index, planned, given.host, alert, risen, out);
            }
        }
        self.shares = shares;
    }

    /// A group begins.
    fn begin(&mut self, index: usize, planned: &Planned, given: &Given<'_>, share: &shares::Share) {
        self.make_room(index);
        self.sequence += 1;
        let sequence = self.sequence;
        let key = GroupKey { host: given.host, folded: share.folded.as_str().into() };
        if matches!(planned.method, Method::Closing(_)) {
            let at = given.time.saturating_add(planned.timespan);
            let deadline =
                Deadline { at, correlation: index, sequence, folded: key.folded.clone() };
            self.hosts.wait(given.host, deadline);
        }
        let spelling = Spelling::of(&share.spelt, &share.folded);
        let window = Window::new(planned.measuring(), given.time);
        let group = Group::new(sequence, spelling, given.lineage, given.time, window);
        self.memory.change(index, |groups| groups.insert(key, group));
    }

    /// Decides the windows of a host that are over at a time.
    fn close(&mut self, host: u32, time: u64, out: &mut Vec<CorrelationMatch>) {
        let plan = Arc::clone(&self.plan);
        while let Some(deadline) = self.hosts.next(host, time) {
            let Deadline { correlation: index, sequence, folded, .. } = deadline;
            let key = KeyRef { host, folded: &folded };
            let group = self.memory.change(index, |groups| groups.remove(key, sequence));
            let (Some(group), Some(planned)) = (group.flatten(), plan.correlations().get(index))
            else {
                continue;
            };
            let Window::Closing(window) = &group.window else { continue };
            let measuring = planned.measuring();
            let Some(measure) = window.decide(measuring.kind, measuring.condition, group.count)
            else {
                continue;
            };
            let alert = Told::of(&group, &folded, planned, measure);
            let mut risen = VecDeque::new();
            self.arrival += 1;
            self.tell(index, planned, host, alert, &mut risen, out);
            self.rise(risen, out);
        }
        self.hosts.pass(host, time);
    }

    /// An alert: to whoever listens, and to the correlations above.
    fn tell(
        &mut self,
        index: usize,
        planned: &Planned,
        host: u32,
        alert: Told,
        risen: &mut VecDeque<Risen>,
        out: &mut Vec<CorrelationMatch>,
    ) {
        let Told { shown, lineage, carried, measure, count, first, last, steps } = alert;
        if !planned.above.is_empty() {
            let evidence = together(&steps);
            for used in &planned.above {
                risen.push_back(Risen {
                    used: *used,
                    host,
                    time: last,
                    lineage,
                    below: index,
                    carried: carried.clone(),
                    evidence: evidence.clone(),
                });
            }
        }
        let names = planned.correlation.group_by.iter().map(|field| field.name.as_str().into());
        out.push(CorrelationMatch {
            plan: Arc::clone(&self.plan),
            correlation: index,
            host: self.hosts.name(host).into(),
            group: names.zip(shown).collect(),
            measure,
            count,
            first: Timestamp::from_filetime(first),
            last: Timestamp::from_filetime(last),
            events: told_once(&steps),
            loss: self.hosts.lost(host, last.saturating_sub(planned.timespan), last),
        });
    }
}
