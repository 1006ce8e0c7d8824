//! An event's turn: it teaches its host, is told what the host knows, and leaves.
//!
//! ```text
//! learn    end of a process, images, threads, names behind handles
//! decide   bookkeeping? the other half of something? which log sources?
//! fill     parents, images, users of its processes; names behind its handles; where a thread starts;
//!          facts of the file that it is about
//! ```
//!
//! A record that only tells the engine something goes no further, one of a recorded log always does. What it is told
//! is the story of `tell`.

mod tell;

use etwatch_event::{Activity, Attribution, Event, EventBatch, FieldId, Ledger, Shape};

use crate::derived::Derivation;
use crate::derived::learn::Known;
use crate::facts::Telling;
use crate::fields::Outline;
use crate::fill::Plan;
use crate::host::{Host, is_answer};
use crate::names::Found;
use crate::processes::ProcessId;
use crate::state::{Settings, Wanted};

/// The ledger's word for a query that a process has made just before.
const SAME_QUERY: &str = "DNS query repeated within a second";

/// What is needed besides the host.
pub(crate) struct Release<'s> {
    pub(crate) outline: &'s Outline,
    pub(crate) settings: Settings,
    pub(crate) wanted: &'s Wanted,
    pub(crate) found: &'s mut Found,
    /// Which events are made here.
    pub(crate) derivation: &'s Derivation,
}

/// What an event taught.
#[derive(Clone, Debug, Default)]
struct Learned {
    /// Whether it has the alternative of its log sources.
    is_alternative: bool,
    /// Its processes, where their ids alone tell which they are.
    actor: Option<ProcessId>,
    target: Option<ProcessId>,
    /// The script of which it is the part that was missing.
    script: Option<String>,
}

impl Release<'_> {
    /// The turn of `event` has come, or it is late, and then changes nothing. Without a plan it means nothing
    /// for its host.
    pub(crate) fn turn(
        &mut self,
        host: &mut Host,
        event: &Event<'_>,
        plan: Option<&Plan>,
        is_late: bool,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) {
        let first = out.len();
        let mut lineage = [0; 4];
        let (derivation, fields) = (self.derivation, &self.outline.derived);
        if !is_late
            && let Some(derived) = &mut host.derived
            && derived.is_due(event.time())
        {
            derived.close(event.time(), false, derivation, fields, out, ledger);
        }
        let own = out.len();
        match plan {
            Some(plan) => {
                let learned = self.remember(host, event, plan, is_late, out, ledger);
                if self.wanted.lineages && out.len() > own {
                    lineage = self.lineage(host, event, plan, &learned);
                }
            }
            None => {
                ledger.evaluated += 1;
                out.push_copy(event);
            }
        }
        let end = out.len();
        if let Some(derived) = &mut host.derived {
            derived.left(derivation, fields, out, ledger);
        }
        for index in first..out.len() {
            // What is derived is of no process's making now.
            let lineage = if (own..end).contains(&index) { lineage } else { [0; 4] };
            out.attribute(index, Attribution { host: host.number, is_late, lineage });
        }
    }

    fn lineage(&self, host: &Host, event: &Event<'_>, plan: &Plan, learned: &Learned) -> [u32; 4] {
        let actor = match learned.actor {
            Some(seen) => host.processes.get(seen),
            None => host.process(event, &plan.actor, self.outline),
        };
        actor.map_or([0; 4], |actor| actor.lineage())
    }

    /// The event is told the facts of its processes as they were before it; then its own are counted.
    fn remember(
        &mut self,
        host: &mut Host,
        event: &Event<'_>,
        plan: &Plan,
        is_late: bool,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) -> Learned {
        self.found.clear();
        if is_late {
            let learned = Learned::default();
            self.pass(host, event, plan, &learned, out, ledger);
            return learned;
        }
        let place = out.len();
        let learned = self.learn(host, event, plan);
        host.processes.facts.follow(self.wanted.facts.kept(), event.time());
        self.pass(host, event, plan, &learned, out, ledger);
        if !self.wanted.facts.is_empty() {
            let left = out.get(place);
            let (event, outline) = (left.as_ref().unwrap_or(event), self.outline);
            let Learned { actor, target, .. } = learned;
            Telling { event, plan, outline, actor, target }.count(host);
        }
        learned
    }

    fn pass(
        &mut self,
        host: &mut Host,
        event: &Event<'_>,
        plan: &Plan,
        learned: &Learned,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) {
        let is_etw = event.origin().shape == Shape::Etw;
        if only_tells(event, plan.role.activity) {
            ledger.bookkeeping += 1;
            ledger.count_of(provider(event), |counts| counts.bookkeeping += 1);
            return;
        }
        if is_etw && self.found.is_duplicate_query {
            *ledger.filtered.entry(SAME_QUERY).or_default() += 1;
            return;
        }
        ledger.evaluated += 1;
        if !is_etw && !self.settings.enrich {
            out.push_copy(event);
            return;
        }
        self.write(host, event, plan, learned, None, out);
        if let Some(script) = &learned.script {
            ledger.derived += 1;
            ledger.count_of(provider(event), |counts| counts.derived += 1);
            self.write(host, event, plan, learned, Some(script), out);
        }
    }

    fn learn(&mut self, host: &mut Host, event: &Event<'_>, plan: &Plan) -> Learned {
        let Self { outline, found, .. } = self;
        host.learn(event, plan, outline);
        let pid = host.pid(event, &plan.actor, outline);
        let actor = pid.and_then(|pid| host.sight(event, &plan.actor, pid, outline));
        let target = host.pid(event, &plan.target, outline);
        let target = target.and_then(|pid| host.sight(event, &plan.target, pid, outline));
        let activity = plan.role.activity;
        if activity != Activity::Other {
            host.names.take(event, activity, pid, &outline.names, found);
        }
        let may_derive = self.settings.enrich || event.origin().shape == Shape::Etw;
        let script = match activity {
            Activity::ScriptPart if may_derive => host.scripts.take(event, &outline.scripts),
            _ => None,
        };
        let is_alternative = match activity {
            Activity::ThreadStart => host.is_remote_thread(event, plan, outline),
            Activity::Connection if plan.role.alternative.is_some() => {
                host.is_first_datagram(event, outline)
            }
            _ => false,
        };
        if !self.derivation.is_idle() {
            let is_first = is_alternative && activity == Activity::Connection;
            let known = Known { actor, is_first, name: found.destination_hostname() };
            host.learn_contact(event, plan, outline, &known, self.derivation);
        }
        Learned { is_alternative, actor, target, script }
    }
}

/// Whether a record tells the engine something and is no event: of ETW, and what the host was asked. What an event log
/// has is an event.
fn only_tells(event: &Event<'_>, activity: Activity) -> bool {
    match activity {
        Activity::FileFacts => is_answer(event),
        other => other.is_bookkeeping() && event.origin().shape == Shape::Etw,
    }
}

/// The provider of an event, for the ledger.
pub(crate) fn provider<'a>(event: &Event<'a>) -> &'a str {
    event.text(FieldId::PROVIDER_NAME).unwrap_or("unknown")
}
