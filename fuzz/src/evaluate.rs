//! Rules and events that the bytes choose: what is compiled matches what the plain evaluator matches.
//!
//! Some rules over a few fields and letters are written as YAML and loaded; what is refused is left out.
//! Then come events, whose values are made of what the rules look for: as it is, in other case, with
//! text around it; several values a field, or none, numbers, null. Both evaluators see each event twice,
//! since they keep their buffers.

mod generate;

use std::sync::Arc;

use etwatch_event::{Event, EventBatch, LogSource, LogSourceSet, Vocabulary};
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::{Evaluator, Matcher, RuleSet};

use super::choices::Choices;

/// Makes rules and events, and compares.
pub fn check(bytes: &[u8]) {
    matches(bytes);
}

/// The same; how often a rule was true of an event.
pub fn matches(bytes: &[u8]) -> usize {
    let mut generator = generate::Generator::new(Choices::new(bytes));
    let text = generator.rules();
    let mut vocabulary = Vocabulary::default();
    let loaded = load_text("r.yml", &text, &LoadOptions::default(), &mut vocabulary.fields);
    assert!(loaded.is_balanced());
    let fields: Vec<_> =
        generate::FIELDS.iter().map(|name| vocabulary.fields.intern(name)).collect();
    let layouts = [
        etwatch_event::LayoutId::HEADER,
        vocabulary.add_layout(&fields[..fields.len() / 2]),
        vocabulary.add_layout(&fields),
    ];
    let sets = generate::EVENT_SOURCES.map(|sources| {
        let source =
            |(category, service): &(_, _)| LogSource::new(*category, Some("windows"), *service);
        vocabulary.add_set(LogSourceSet::new(sources.iter().map(source).collect()))
    });
    let vocabulary = Arc::new(vocabulary);
    let rules = RuleSet::new(loaded.rules, &vocabulary);
    let mut events = EventBatch::new(vocabulary);
    for _ in 0..generate::EVENTS {
        let layout = *generator.choices.pick(&layouts);
        let set = *generator.choices.pick(&sets);
        generator.event(events.begin(layout, set), &fields);
    }
    let (mut matcher, mut evaluator) = (Matcher::default(), Evaluator::default());
    let twice = events.iter().chain(events.iter());
    twice.map(|event| compare(&rules, &event, &mut matcher, &mut evaluator, &text)).sum()
}

fn compare(
    rules: &RuleSet,
    event: &Event<'_>,
    matcher: &mut Matcher,
    evaluator: &mut Evaluator,
    text: &str,
) -> usize {
    let (mut compiled, mut plain) = (Vec::new(), Vec::new());
    rules.matches(event, 0, matcher, &mut compiled);
    rules.matches_plainly(event, 0, evaluator, &mut plain);
    let fields = || {
        let one = |(name, values): (&str, etwatch_event::FieldValues<'_>)| {
            format!("{name}: {:?}\n", values.iter().collect::<Vec<_>>())
        };
        event.fields().map(one).collect::<String>()
    };
    let numbers = |matches: &[etwatch_rules::Match]| {
        matches.iter().map(|one| one.rule.index()).collect::<Vec<_>>()
    };
    assert_eq!(
        numbers(&compiled),
        numbers(&plain),
        "compiled, then plain, disagree\n{text}\nevent:\n{}of {:?}",
        fields(),
        event.log_sources()
    );
    plain.len()
}
