//! What is said of conditions is true: one that can never hold holds of no event, one that always holds of
//! each, one that can't without a field holds of no event that lacks it. Rules are drawn; each is tried on every
//! event that a few values of two fields make.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

use std::sync::Arc;

use etwatch_event::{
    EventBatch, FieldId, LayoutId, LogSource, LogSourceSet, LogSourceSetId, RawValue, Value,
    Vocabulary,
};
use etwatch_rules::lint::known_fields::KnownFields;
use etwatch_rules::lint::reach::{InputEvents, Presence, Reach, Reaches};
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::{Evaluator, Rule, RuleIndex, RuleSet};
use proptest::prelude::*;

/// What a field may hold; an event has one value of `EventID` or none.
const VALUES: &[&[Value<'_>]] = &[
    &[Value::Null],
    &[Value::Text("")],
    &[Value::Text("ab")],
    &[Value::Text("ABC")],
    &[Value::Text("xabcx")],
    &[Value::Text("1")],
    &[Value::Text("0x1")],
    &[Value::Unsigned(1)],
    &[Value::Unsigned(2)],
    &[Value::Float(1.0)],
    &[Value::Boolean(true)],
    &[Value::Structure],
    &[Value::Text("ab"), Value::Text("c")],
    &[Value::Null, Value::Text("abc")],
    &[Value::Unsigned(1), Value::Unsigned(2)],
];

const ITEMS: &[&str] = &[
    "F: ab",
    "F: abc",
    "F|contains: ab",
    "F|contains|cased: AB",
    "F|startswith: xa",
    "F|startswith: ab",
    "F|endswith: c",
    "F: '*ab*x'",
    "F: 'a?c'",
    "F: '*'",
    "F: ''",
    "F: null",
    "F|exists: true",
    "F|exists: false",
    "F: 1",
    "F: 0x1",
    "F: [1, ab]",
    "F|all: [1, 2]",
    "F|contains|all: [a, c]",
    "F|neq: ab",
    "F|gt: 1",
    "F|re: '^a'",
    "F: true",
    "F|fieldref: EventID",
    "EventID: 1",
    "EventID: 2",
    "EventID: [1, 2]",
    "EventID|gt: 1",
    "EventID: null",
];

fn conditions() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(str::to_owned);
    name.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(x, y)| format!("({x} and {y})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(x, y)| format!("({x} or {y})")),
            1 => inner.prop_map(|x| format!("not {x}")),
        ]
    })
}

/// Whether a rule holds of an event, and what event that is.
struct Outcome {
    holds: bool,
    /// Whether its fields have one value each.
    single: bool,
    id: Option<u64>,
    has_field: bool,
}

/// What a rule says of each event.
fn outcomes(rule: &Rule, vocabulary: &Arc<Vocabulary>) -> Vec<Outcome> {
    let field = vocabulary.fields.id("F");
    let ids = [None, Some(1), Some(2), Some(3)];
    let values: Vec<Option<&[Value<'_>]>> =
        [None, Some(&[][..])].into_iter().chain(VALUES.iter().map(|value| Some(*value))).collect();
    let mut found = Vec::new();
    let mut evaluator = Evaluator::default();
    for id in ids {
        for values in &values {
            let mut events = EventBatch::new(Arc::clone(vocabulary));
            let mut event = events.begin(LayoutId::HEADER, LogSourceSetId::NONE);
            if let Some(id) = id {
                event.push_raw(FieldId::EVENT_ID, RawValue::One(Value::Unsigned(id)));
            }
            if let (Some(field), Some(values)) = (field, values) {
                if values.is_empty() {
                    event.push_raw(field, RawValue::Empty);
                }
                values.iter().for_each(|value| event.push_raw(field, RawValue::One(*value)));
            }
            event.finish();
            evaluator.begin();
            let holds = evaluator.is_true(rule, &events.get(0).unwrap());
            let single = values.is_none_or(|values| values.len() < 2);
            found.push(Outcome { holds, single, id, has_field: values.is_some() });
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_said_of_conditions_is_true(
        items in prop::collection::vec(prop::sample::subsequence(ITEMS, 1..3), 3),
        condition in conditions(),
    ) {
        let text = rule_text(&items, &condition);
        let mut known = KnownFields::default();
        let source = LogSource::new(None, Some("linux"), None);
        known.add(LogSourceSet::new(vec![source]), vec!["F".to_owned()], true);
        let options = LoadOptions { examine: Some(known), ..LoadOptions::default() };
        let mut vocabulary = Vocabulary::default();
        let loaded = load_text("r.yml", &text, &options, &mut vocabulary.fields);
        prop_assert_eq!(loaded.rules.len(), 1, "{} {:?}", text, loaded.diagnostics);
        let outcomes = outcomes(&loaded.rules[0], &Arc::new(vocabulary));
        for one in &loaded.diagnostics {
            match one.message.as_str() {
                "the condition can never hold" => {
                    prop_assert!(outcomes.iter().all(|one| !one.holds), "{}{:?}", text, one.hint);
                }
                "the condition can only hold of a field with several values" => {
                    let of_one = outcomes.iter().any(|one| one.holds && one.single);
                    prop_assert!(!of_one, "{}{:?}", text, one.hint);
                }
                message if one.code == "SIG035" => {
                    prop_assert!(outcomes.iter().all(|one| one.holds), "{}{}", text, message);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_rule_that_can_not_fire_without_a_field_holds_of_no_event_that_lacks_it(
        items in prop::collection::vec(prop::sample::subsequence(ITEMS, 1..3), 3),
        condition in conditions(),
    ) {
        let text = rule_text(&items, &condition);
        let mut vocabulary = Vocabulary::default();
        let loaded = load_text("r.yml", &text, &LoadOptions::default(), &mut vocabulary.fields);
        let rules = RuleSet::new(loaded.rules, &vocabulary);
        let index = RuleIndex::from_index(0).unwrap();
        let vocabulary = Arc::new(vocabulary);
        let outcomes = outcomes(rules.get(index).unwrap(), &vocabulary);
        for ids in [vec![], vec![1], vec![1, 2]] {
            let events = [without_field(&ids)];
            let reach = Reaches::new(&rules, &vocabulary.fields, &events).of(index);
            let mut about = outcomes.iter().filter(|one| {
                !one.has_field && (ids.is_empty() || one.id.is_some_and(|id| ids.contains(&id)))
            });
            if matches!(reach, Reach::Never(..)) {
                prop_assert!(about.all(|one| !one.holds), "{:?} {}", ids, text);
            }
        }
    }
}

fn rule_text(items: &[Vec<&str>], condition: &str) -> String {
    let mut text = "title: t\nlogsource: {product: windows}\ndetection:\n".to_owned();
    for (name, items) in ["a", "b", "c"].iter().zip(items) {
        let entries: String = items.iter().map(|item| format!("        - {{{item}}}\n")).collect();
        text.push_str(&format!("    {name}:\n{entries}"));
    }
    text.push_str(&format!("    condition: {condition}\n"));
    text
}

/// Events with these ids that never have `F`, but have `G`.
fn without_field(ids: &[u64]) -> InputEvents {
    let source = LogSource::new(Some("c"), Some("windows"), None);
    let fields = [
        ("F".to_owned(), Presence::Absent("nobody tells it".into())),
        ("G".to_owned(), Presence::Present),
    ];
    InputEvents {
        sources: vec![LogSourceSet::new(vec![source])],
        providers: Vec::new(),
        ids: ids.to_vec(),
        withheld: None,
        is_complete: true,
        fields: fields.into(),
        constants: Default::default(),
    }
}

#[test]
fn what_a_rule_needs_follows_from_its_condition() {
    let never = |fields: &[&str]| {
        let fields = fields.iter().map(|name| (*name).to_owned()).collect();
        Reach::Never(fields, "nobody tells it".into())
    };
    let none = Reach::Never(Vec::new(), "no such event is known".into());
    for (a, condition, expected) in [
        ("F: x", "a", never(&["F"])),
        ("F: x", "a or b", Reach::Partly),
        ("F: x", "b and not a", Reach::Partly),
        ("F: null", "a", Reach::Partly),
        ("F|exists: false", "a and b", Reach::Partly),
        ("F|exists: true", "a", never(&["F"])),
        ("F|fieldref: G", "a", never(&["F"])),
        ("G|fieldref: F", "a", never(&["F"])),
        ("G: x", "a and b", Reach::Whole),
        ("Unheard: x", "a", Reach::Whole),
        ("EventID: 1", "a and b", Reach::Whole),
        ("EventID: 2", "a and b", none),
        ("EventID: 2", "not a", Reach::Whole),
    ] {
        let text = format!(
            "title: t\nlogsource: {{product: windows}}\n\
             detection: {{a: {{{a}}}, b: {{G|contains: yy}}, condition: {condition}}}\n"
        );
        let mut vocabulary = Vocabulary::default();
        let loaded = load_text("r.yml", &text, &LoadOptions::default(), &mut vocabulary.fields);
        assert_eq!(loaded.rules.len(), 1, "{text}");
        let rules = RuleSet::new(loaded.rules, &vocabulary);
        let events = [without_field(&[1])];
        let reaches = Reaches::new(&rules, &vocabulary.fields, &events);
        assert_eq!(reaches.of(RuleIndex::from_index(0).unwrap()), expected, "{a} {condition}");
    }
}
