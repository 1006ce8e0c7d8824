//! An act in all its forms: its fields side by side, and the rules that fire on some forms and not on others.
//!
//! The first form is what the others are held against: a field that it has and another lacks, or has
//! otherwise, needs a reason, whether a rule asks for it or not. What another form has beyond needs one only
//! if a rule fires for it.

use std::collections::BTreeSet;

use etwatch_capture::source::Location;
use etwatch_engine::{Engine, Workers};
use etwatch_event::LogSource;
use etwatch_event::field::HEADER_FIELDS;
use etwatch_rules::RuleIndex;

use crate::act::{Act, Host};
use crate::differences::{Reasons, because_of};
use crate::recorded;
use crate::replayed::{Replayed, replayed};

/// Fields of the header of ETW's records that have no fixed number.
const OF_RECORDS: &[&str] = &["Execution_ProcessorID"];

/// A form of an act, replayed.
pub(crate) struct Form {
    /// `etw`, or the name of a log.
    pub(crate) name: String,
    /// For people, such as `Sysmon 1`.
    pub(crate) title: String,
    pub(crate) of: LogSource,
    pub(crate) replayed: Replayed,
}

/// A field in all forms of an act.
pub(crate) struct Row {
    pub(crate) field: String,
    /// For each form its values, and the line that says why they are not those of the first.
    pub(crate) cells: Vec<(Option<Vec<String>>, Option<usize>)>,
}

/// A rule that fires on some forms alone.
pub(crate) struct Split {
    pub(crate) rule: RuleIndex,
    pub(crate) on: Vec<String>,
    /// The forms on which it does not fire, with the fields and the lines that say why.
    pub(crate) off: Vec<(String, Vec<(String, usize)>)>,
}

/// An act in all its forms.
pub(crate) struct Compared {
    pub(crate) act: String,
    pub(crate) of: String,
    pub(crate) forms: Vec<Form>,
    pub(crate) rows: Vec<Row>,
    /// Rules that fire on all forms.
    pub(crate) everywhere: BTreeSet<RuleIndex>,
    pub(crate) splits: Vec<Split>,
    /// Differences that no line explains.
    pub(crate) unexplained: Vec<String>,
}

/// Replays an act in all its forms and compares them.
pub(crate) fn compare(
    engine: &Engine,
    workers: &Workers,
    host: &Host,
    act: &Act,
    reasons: &mut Reasons,
) -> Compared {
    let forms = forms(engine, workers, host, act);
    assert!(forms.len() > 1, "{}: an act in one form says nothing", act.act);
    let mut compared = Compared {
        act: act.act.clone(),
        of: act.of.name().to_owned(),
        forms,
        rows: Vec::new(),
        everywhere: BTreeSet::new(),
        splits: Vec::new(),
        unexplained: Vec::new(),
    };
    compared.hold_fields(reasons);
    compared.hold_rules(engine, reasons);
    compared
}

pub(crate) fn forms(engine: &Engine, workers: &Workers, host: &Host, act: &Act) -> Vec<Form> {
    let mut forms = Vec::new();
    for (log, event) in &act.logs {
        let of = event.of.as_ref().unwrap_or(&act.of).log_source();
        let title = format!("{} {}", host.logs[log].title, event.id);
        let [replayed, flat] = [recorded::logged, recorded::flat].map(|write| {
            let text = write(host, log, event).into();
            let recording = Location::Text { name: "act.json".to_owned(), text };
            replayed(engine, workers, recording, &of, &format!("{}, {title}", act.act))
        });
        assert_eq!(replayed.fired, flat.fired, "{}, {title}: as a flat object", act.act);
        forms.push(Form { name: log.clone(), title, of, replayed });
    }
    if !act.etw.is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let recording = Location::File(recorded::traced(host, act, folder.path()));
        let of = act.of.log_source();
        let replayed = replayed(engine, workers, recording, &of, &format!("{}, ETW", act.act));
        let last = act.etw.last().unwrap();
        let title = format!("ETW {}", last.event.rsplit_once(' ').unwrap().0);
        forms.push(Form { name: "etw".to_owned(), title, of, replayed });
    }
    // Sysmon's form is what most rules were written for.
    let of = act.of.log_source();
    forms.sort_by_key(|form| (form.of != of, form.name != "sysmon"));
    forms
}

impl Compared {
    fn hold_fields(&mut self, reasons: &mut Reasons) {
        let [first, others @ ..] = &*self.forms else { return };
        let event = first.replayed.event();
        let names = event.fields().map(|(name, _)| name);
        let known = event.layout().fields().iter().map(|id| event.vocabulary().fields.name(*id));
        let mut seen = BTreeSet::new();
        for name in names.chain(known) {
            let is_header = HEADER_FIELDS.contains(&name) || OF_RECORDS.contains(&name);
            let anywhere = self.forms.iter().any(|form| form.replayed.values(name).is_some());
            if is_header || !anywhere || !seen.insert(name) {
                continue;
            }
            let expected = first.replayed.values(name);
            let mut cells = vec![(expected.clone(), None)];
            for form in others {
                let values = form.replayed.values(name);
                let mut line = None;
                let needs_reason = expected.is_some() && form.of == first.of;
                if needs_reason && !form.replayed.agrees(&first.replayed, name) {
                    line = reasons.find(&self.of, [&form.name, &first.name], name);
                    if line.is_none() {
                        self.unexplained.push(format!(
                            "{}: {name} is {values:?} in {}, {expected:?} in {}",
                            self.act, form.title, first.title
                        ));
                    }
                }
                cells.push((values, line));
            }
            self.rows.push(Row { field: name.to_owned(), cells });
        }
    }

    fn hold_rules(&mut self, engine: &Engine, reasons: &mut Reasons) {
        let all: BTreeSet<_> =
            self.forms.iter().flat_map(|form| form.replayed.fired.iter().copied()).collect();
        for rule in all {
            let fires = |form: &&Form| form.replayed.fired.contains(&rule);
            let (on, off): (Vec<_>, Vec<_>) = self.forms.iter().partition(fires);
            if off.is_empty() {
                self.everywhere.insert(rule);
                continue;
            }
            let mut because = Vec::new();
            for form in off {
                let fields = because_of(engine, rule, &on[0].replayed, &form.replayed);
                let mut lines = Vec::new();
                for field in &fields {
                    match reasons.find(&self.of, [&form.name, &on[0].name], field) {
                        Some(line) => lines.push((field.clone(), line)),
                        None => lines.clear(),
                    }
                }
                if lines.is_empty() {
                    let title = &engine.rules.get(rule).unwrap().attributes.title;
                    self.unexplained.push(format!(
                        "{}: `{title}` fires on {} and not on {}, because of {fields:?}",
                        self.act, on[0].title, form.title
                    ));
                }
                because.push((form.title.clone(), lines));
            }
            let on = on.iter().map(|form| form.title.clone()).collect();
            self.splits.push(Split { rule, on, off: because });
        }
    }
}
