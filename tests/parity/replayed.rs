//! A form of an act, replayed: the event that it became and the rules that fired on it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use etwatch_alert::Sink;
use etwatch_capture::source::Location;
use etwatch_engine::{Engine, Observer, Options, Progress, Workers, replay_on};
use etwatch_event::{Event, EventBatch, LogSource, Value};
use etwatch_rules::{Rule, RuleIndex};

use crate::support::Collected;

/// What became of a form.
pub(crate) struct Replayed {
    /// One event.
    events: EventBatch,
    /// The rules that fired on it, by their numbers.
    pub(crate) fired: BTreeSet<RuleIndex>,
}

impl Replayed {
    pub(crate) fn event(&self) -> Event<'_> {
        self.events.get(0).unwrap()
    }
    /// The values of a field as people read them; `None` if it is absent.
    pub(crate) fn values(&self, name: &str) -> Option<Vec<String>> {
        let values = self.event().get_named(name);
        values.is_present().then(|| values.iter().map(|value| text(&value)).collect())
    }
    /// Whether both have the same values: numbers by value, text without case.
    pub(crate) fn agrees(&self, other: &Self, name: &str) -> bool {
        let of = |replayed: &Self| -> Option<BTreeSet<String>> {
            let values = replayed.event().get_named(name);
            values.is_present().then(|| values.iter().map(|value| comparable(&value)).collect())
        };
        of(self) == of(other)
    }
}

fn text(value: &Value<'_>) -> String {
    value.text(&mut String::new()).unwrap_or_default().to_owned()
}

/// Text that two values share if they are the same number or address, or the same text but for case.
fn comparable(value: &Value<'_>) -> String {
    let text = text(value).to_lowercase();
    if let Ok(address) = text.parse::<IpAddr>() {
        return address.to_string();
    }
    let hex = text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    hex.map_or(text, |number| number.to_string())
}

/// Keeps the events of one log source.
struct Keep {
    of: LogSource,
    kept: EventBatch,
}

impl Observer for Keep {
    fn progress(&mut self, _: Progress) {}
    fn events(&mut self, events: &EventBatch, _: &[String]) -> ControlFlow<()> {
        for event in events.iter() {
            if event.log_sources().iter().any(|source| self.of.covers(source)) {
                self.kept.push_copy(&event);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Replays a recording, in which exactly one event is of the log source.
pub(crate) fn replayed(
    engine: &Engine,
    workers: &Workers,
    recording: Location,
    of: &LogSource,
    title: &str,
) -> Replayed {
    let collected = Collected::default();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
    let kept = EventBatch::new(Arc::clone(&engine.vocabulary));
    let mut keep = Keep { of: of.clone(), kept };
    let report = replay_on(workers, vec![recording], &mut sinks, Options::default(), &mut keep);
    let report = report.unwrap();
    assert!(report.ledger.is_balanced(), "{title}: {:?}", report.ledger);
    assert_eq!((report.ledger.lost(), report.ledger.late), (0, 0), "{title}");
    assert!(report.ledger.unexplained.is_empty(), "{title}: {:?}", report.ledger.unexplained);
    assert_eq!(keep.kept.len(), 1, "{title}: {of} in {:?}", report.events);
    let origin = keep.kept.get(0).unwrap().origin();
    let alerts = collected.alerts();
    let of_event = alerts.iter().filter(|alert| alert.event.source.record == origin.record);
    let fired = of_event.map(|alert| {
        let is = |rule: &Rule| {
            rule.attributes.id == alert.rule.id && rule.attributes.title == alert.rule.title
        };
        let place = engine.rules.rules().iter().position(is).unwrap();
        RuleIndex::from_index(place).unwrap()
    });
    Replayed { fired: fired.collect(), events: keep.kept }
}
