//! On which kinds of input a rule can fire at all, as far as the fields decide that it needs.
//!
//! An input has certain kinds of events, each with certain fields (`docs/fields.md`). For each kind that the
//! rule's log source fits, what is certain is put in place of the rule's tests, and what is left tells:
//!
//! ```text
//! (Image or OriginalFileName) and Hashes, on a recording where only Image is told
//!   OriginalFileName, Hashes: false        Image and false   → never
//! Image and not Hashes                     Image             → in part: Hashes excludes nothing
//! ```
//!
//! A test of an absent field is false but for `null` and `exists: false`, which are true of it; so a negated
//! test holds. Provider and event id are those of the kind. Of everything else nothing is assumed, and a kind
//! of events that is not wholly known has every field: who is told "never" can rely on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{FieldId, FieldTable, LogSource, LogSourceSet, Value};
use hashbrown::{HashMap, HashSet};

use crate::compile::atom::{Atom, AtomId};
use crate::compile::expression::Expression;
use crate::diagnostic::{Diagnostic, Problem, Severity};
use crate::evaluate::holds_for;
use crate::lint::unsearchable::Place;
use crate::rule_set::{RuleIndex, RuleSet};
use crate::sigma::detection::Target;
use crate::sigma::value::Test;

/// Fields that a message names.
const SHOWN: usize = 4;

/// Whether events have a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Some may have it.
    Present,
    /// None has it, for this reason.
    Absent(Arc<str>),
}

/// Events of one kind on an input.
#[derive(Clone, Debug)]
pub struct InputEvents {
    /// The log sources that they may have.
    pub sources: Vec<LogSourceSet>,
    /// The providers that write them, of which one does; none if any may.
    pub providers: Vec<String>,
    /// The values that their `EventID` may have; none if it may have any.
    pub ids: Vec<u64>,
    /// Why there are none of them on this input.
    pub withheld: Option<Arc<str>>,
    /// Whether they have no other fields than `fields`, and the header's.
    pub is_complete: bool,
    /// Their fields.
    pub fields: HashMap<String, Presence>,
    /// Fields that have the same value in all of them.
    pub constants: BTreeMap<String, String>,
}

/// Whether a rule can fire on an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing is known of its log source anywhere.
    Unknown,
    /// With all of its fields, as far as they are known.
    Whole,
    /// Without some of its fields: with less to find it by, or less to exclude.
    Partly,
    /// Never: it needs these fields, none if there are no such events; and why they are not there.
    Never(Vec<String>, Arc<str>),
}

/// How a rule fares with one kind of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindReach {
    /// The place of the kind among the events of the input.
    pub kind: usize,
    /// Whether it can fire.
    pub reach: Reach,
    /// The fields that it tests and these events do not have.
    pub absent: Vec<String>,
}

/// What rules can reach on one kind of input.
#[derive(Debug)]
pub struct Reaches<'a> {
    rules: &'a RuleSet,
    fields: &'a FieldTable,
    events: &'a [InputEvents],
    /// The kinds of events that a log source fits, by their places.
    fitting: HashMap<LogSource, Vec<usize>>,
}

impl<'a> Reaches<'a> {
    /// For these rules, whose fields are numbered in `fields`, and the events of an input.
    #[must_use]
    pub fn new(rules: &'a RuleSet, fields: &'a FieldTable, events: &'a [InputEvents]) -> Self {
        let mut fitting = HashMap::new();
        for rule in rules.rules() {
            fitting.entry(rule.log_source.clone()).or_insert_with_key(|source: &LogSource| {
                let fits = |kind: &InputEvents| kind.sources.iter().any(|set| set.fits(source));
                let numbered = events.iter().enumerate();
                numbered.filter(|(_, kind)| fits(kind)).map(|(index, _)| index).collect()
            });
        }
        Self { rules, fields, events, fitting }
    }

    /// Whether a rule can fire.
    #[must_use]
    pub fn of(&self, index: RuleIndex) -> Reach {
        let rule = self.rules.get(index).zip(self.rules.expression(index));
        let Some((rule, whole)) = rule else { return Reach::Unknown };
        let kinds: Vec<_> = self.fitting(&rule.log_source).map(|(_, kind)| kind).collect();
        if kinds.is_empty() || self.events.is_empty() {
            return Reach::Unknown;
        }
        let known = known(&kinds);
        let mut best = None;
        for kind in kinds {
            let look = Look { reaches: self, kind, known: &known, with_constants: false };
            let reach = look.reach(whole);
            let rank = |reach: &Option<Reach>| match reach {
                None => 0,
                Some(Reach::Never(missing, _)) if missing.is_empty() => 1,
                Some(Reach::Never(missing, _)) => usize::MAX - 2 - missing.len(),
                Some(Reach::Partly) => usize::MAX - 1,
                Some(Reach::Unknown | Reach::Whole) => usize::MAX,
            };
            if rank(&reach) > rank(&best) {
                best = reach;
            }
        }
        best.unwrap_or_else(|| Reach::Never(Vec::new(), "no such event is known".into()))
    }

    /// How a rule fares with each kind of events of its log source; those that provider, event id or a constant
    /// field exclude are left out.
    #[must_use]
    pub fn each(&self, index: RuleIndex) -> Vec<KindReach> {
        let rule = self.rules.get(index).zip(self.rules.expression(index));
        let Some((rule, whole)) = rule else { return Vec::new() };
        let kinds: Vec<_> = self.fitting(&rule.log_source).map(|(_, kind)| kind).collect();
        let known = known(&kinds);
        let of_kind = |(place, kind)| {
            let look = Look { reaches: self, kind, known: &known, with_constants: true };
            let reach = look.reach(whole)?;
            let absent = look.absent_fields(whole).into_iter().map(|(name, _)| name.to_owned());
            Some(KindReach { kind: place, reach, absent: absent.collect() })
        };
        self.fitting(&rule.log_source).filter_map(of_kind).collect()
    }

    fn fitting(&self, source: &LogSource) -> impl Iterator<Item = (usize, &'a InputEvents)> {
        let places = self.fitting.get(source).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| Some((*place, self.events.get(*place)?)))
    }
}

/// The fields that some kind has. A name that none knows may be anything: telling so is another code's business.
fn known<'a>(kinds: &[&'a InputEvents]) -> HashSet<&'a str> {
    kinds.iter().flat_map(|kind| kind.fields.keys()).map(String::as_str).collect()
}

/// A look at events of one kind.
struct Look<'a> {
    reaches: &'a Reaches<'a>,
    kind: &'a InputEvents,
    known: &'a HashSet<&'a str>,
    /// Whether fields that always have the same value decide as well.
    with_constants: bool,
}

impl Look<'_> {
    /// Whether an expression can hold of these events; `None` if provider or event id say that it is not
    /// about them.
    fn reach(&self, whole: &Expression) -> Option<Reach> {
        let about = whole.given(&|atom| self.atom(atom).and_then(|atom| self.of_header(atom)));
        if about == Expression::Decided(false) {
            return None;
        }
        if let Some(why) = &self.kind.withheld {
            return Some(Reach::Never(Vec::new(), Arc::clone(why)));
        }
        let without = |spared: Option<&str>| {
            about.given(&|atom| {
                let (atom, (field, _)) =
                    self.atom(atom).and_then(|atom| Some((atom, self.absent(atom)?)))?;
                (Some(field) != spared).then(|| holds_of_nothing(&atom.test))
            })
        };
        let left = without(None);
        if left != Expression::Decided(false) {
            let absent = self.absent_fields(&about);
            return Some(if absent.is_empty() { Reach::Whole } else { Reach::Partly });
        }
        let absent = self.absent_fields(&about);
        // Those without any of which it can't hold; else all of them, as each is too little.
        let mut needed: Vec<_> = absent
            .iter()
            .filter(|(field, _)| without(Some(field)) != Expression::Decided(false))
            .collect();
        if needed.is_empty() {
            needed = absent.iter().collect();
        }
        let why = needed.first().map_or_else(|| Arc::from(""), |(_, why)| Arc::clone(why));
        Some(Reach::Never(needed.iter().map(|(field, _)| (*field).to_owned()).collect(), why))
    }

    fn atom(&self, id: AtomId) -> Option<&Atom> {
        self.reaches.rules.atoms().get(id)
    }

    /// What provider and event id decide, and constants.
    fn of_header(&self, atom: &Atom) -> Option<bool> {
        let InputEvents { providers, ids, constants, .. } = self.kind;
        let (mut holding, mut all) = (0, 0);
        let mut count = |value: Value<'_>| {
            all += 1;
            holding += usize::from(holds_for(&atom.test, &value));
        };
        match atom.target {
            Target::Field(FieldId::EVENT_ID) => {
                ids.iter().for_each(|id| count(Value::Unsigned(*id)));
            }
            Target::Field(FieldId::PROVIDER_NAME) => {
                providers.iter().for_each(|name| count(Value::Text(name)));
            }
            Target::Field(field) if self.with_constants => {
                let constant = constants.get(self.reaches.fields.name(field));
                constant.into_iter().for_each(|value| count(Value::Text(value)));
            }
            _ => {}
        }
        match (holding, all) {
            (_, 0) => None,
            (0, _) => Some(false),
            (_, 1) => Some(true),
            _ => None,
        }
    }

    /// The field of an atom that these events do not have, and why.
    fn absent(&self, atom: &Atom) -> Option<(&str, Arc<str>)> {
        let Target::Field(target) = atom.target else { return None };
        let own = self.missing(target);
        match &atom.test {
            Test::FieldReference { field, .. } => own.or_else(|| self.missing(*field)),
            _ => own,
        }
    }

    fn missing(&self, field: FieldId) -> Option<(&str, Arc<str>)> {
        let name = self.reaches.fields.name(field);
        let same = name.replace('_', "");
        if HEADER_FIELDS.contains(&name) {
            return None;
        }
        let fields = &self.kind.fields;
        match fields.get(name).or_else(|| fields.get(&same)) {
            Some(Presence::Present) => None,
            Some(Presence::Absent(why)) => Some((name, Arc::clone(why))),
            None => {
                let is_known = self.known.contains(name) || self.known.contains(same.as_str());
                (is_known && self.kind.is_complete).then(|| (name, "other events tell it".into()))
            }
        }
    }

    /// The fields of an expression that are absent, each once, and why.
    fn absent_fields(&self, expression: &Expression) -> Vec<(&str, Arc<str>)> {
        let mut found: Vec<(&str, Arc<str>)> = Vec::new();
        expression.atoms(&mut |atom| {
            let absent = self.atom(atom).and_then(|atom| self.absent(atom));
            found.extend(absent.filter(|(field, _)| found.iter().all(|(other, _)| other != field)));
        });
        found
    }
}

/// Whether a test holds of a field that is not there.
fn holds_of_nothing(test: &Test) -> bool {
    matches!(test, Test::Null | Test::Exists(false))
}

/// A note for each rule that can never fire on an input, which is called `input`; `places` are those of the
/// rules in their order.
#[must_use]
pub fn notes(reaches: &Reaches<'_>, places: &[Place], input: &str) -> Vec<Diagnostic> {
    let rules = reaches.rules.rules().iter();
    let mut notes = Vec::new();
    for ((index, rule), place) in rules.enumerate().zip(places) {
        let reach = RuleIndex::from_index(index).map(|index| reaches.of(index));
        if let Some(Reach::Never(missing, why)) = reach {
            let note = note(&missing, &why, &rule.log_source, input, place.span.clone());
            notes.push(note.of(&place.file));
        }
    }
    notes
}

fn note(
    missing: &[String],
    why: &str,
    source: &LogSource,
    input: &str,
    span: Range<usize>,
) -> Problem {
    let shown: Vec<_> = missing.iter().take(SHOWN).map(|field| format!("`{field}`")).collect();
    let more = if missing.len() > SHOWN { " and others" } else { "" };
    let what = match shown.len() {
        0 => format!("there are no such events of {source}"),
        1 => format!("it needs {}, which is not there", shown.join("")),
        _ => format!("it needs {}{more}, which are not there", shown.join(", ")),
    };
    let message = format!("the rule can't fire on {input}: {what}");
    let problem = Problem::warning("SIG036", span, message).hint(why.to_owned());
    Problem { severity: Severity::Note, ..problem }
}
