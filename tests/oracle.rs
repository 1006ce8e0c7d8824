//! The compiled rules against the plain evaluator: the same matches on every event.
//!
//! On the shipped recordings, on the corpus, and on generated rules and events. The generator takes
//! detections of real rules (the corpus' where it is there), joins them by random conditions, and makes
//! events of the literals those rules look for, in other case, with other text around them, several values
//! a field, or none; so that most rules hold for some event.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use etwatch_capture::{Limits, find, open};
use etwatch_engine::Engine;
use etwatch_event::{
    Event, EventBatch, FieldId, LayoutId, LogSource, LogSourceSet, RecordBatch, Value, Vocabulary,
};
use etwatch_normalise::normalise;
use etwatch_rules::load::load_text;
use etwatch_rules::sigma::condition::Condition;
use etwatch_rules::sigma::detection::{Detection, Target};
use etwatch_rules::sigma::rule::{NamedDetection, Rule};
use etwatch_rules::sigma::text::{Part, TextTest};
use etwatch_rules::sigma::value::Test;
use etwatch_rules::{Evaluator, LoadOptions, Matcher, RuleSet};
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};
use support::{corpus, engine, root};

/// Both evaluators, kept between events.
#[derive(Default)]
struct Both {
    matcher: Matcher,
    evaluator: Evaluator,
    matches: usize,
}

impl Both {
    fn compare(&mut self, rules: &RuleSet, event: &Event<'_>) {
        let (mut compiled, mut plain) = (Vec::new(), Vec::new());
        rules.matches(event, 0, &mut self.matcher, &mut compiled);
        rules.matches_plainly(event, 0, &mut self.evaluator, &mut plain);
        if compiled != plain {
            let only = |some: &[etwatch_rules::Match], others: &[etwatch_rules::Match]| {
                let titles = some.iter().filter(|found| !others.contains(found));
                titles
                    .map(|found| rules.get(found.rule).unwrap().attributes.title.clone())
                    .collect::<Vec<_>>()
            };
            let fields: Vec<_> = event
                .fields()
                .map(|(name, values)| format!("{name}: {:?}", values.iter().collect::<Vec<_>>()))
                .collect();
            panic!(
                "compiled alone: {:?}\nplain alone: {:?}\nevent: {}",
                only(&compiled, &plain),
                only(&plain, &compiled),
                fields.join("\n")
            );
        }
        self.matches += plain.len();
    }
}

fn compare_recordings(engine: &Engine, folder: &Path) -> (usize, usize) {
    let (mut both, mut events) = (Both::default(), 0);
    for location in find(&[folder.to_owned()]).inputs {
        let mut source = open(&location, Limits::default()).unwrap();
        while let Some(piece) = source.next_piece().unwrap() {
            let mut records = RecordBatch::default();
            piece.decode(&mut records);
            for event in normalise(&records, &engine.taxonomy, &engine.vocabulary).iter() {
                both.compare(&engine.rules, &event);
                events += 1;
            }
        }
    }
    (events, both.matches)
}

#[test]
fn both_agree_on_the_shipped_recordings() {
    root();
    let (engine, _) = engine(&[Path::new("rules")]);
    let (events, matches) = compare_recordings(&engine, Path::new("fixtures"));
    assert!(events >= 1_050, "{events}");
    assert!(matches >= 80, "{matches}");
}

#[test]
fn both_agree_on_the_corpus() {
    let Some(corpus) = corpus() else { return };
    let (engine, _) = engine(&[&corpus.join("sigma")]);
    let (events, matches) = compare_recordings(&engine, &corpus.join("evtx"));
    assert_eq!((events, matches), (8_255, 1_556));
}

/// A small generator of numbers, the same in every run (`xorshift64*`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
    fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.roll(items.len())]
    }
}

fn condition(dice: &mut Dice, detections: usize, depth: usize) -> Condition {
    let some = |dice: &mut Dice| {
        (0..2 + dice.roll(2)).map(|_| condition(dice, detections, depth + 1)).collect()
    };
    match if depth > 2 { 0 } else { dice.roll(6) } {
        0..3 => Condition::Detection(dice.roll(detections)),
        3 => Condition::Not(Box::new(condition(dice, detections, depth + 1))),
        4 => Condition::And(some(dice)),
        _ => Condition::Or(some(dice)),
    }
}

/// The fields a detection looks at, each with a text that may satisfy it.
fn wishes(detection: &Detection, out: &mut Vec<(FieldId, String)>) {
    match detection {
        Detection::All(parts) | Detection::Any(parts) => {
            parts.iter().for_each(|part| wishes(part, out));
        }
        Detection::Item(item) => {
            for value in &item.values {
                for test in &value.tests {
                    let field = match item.target {
                        Target::Field(field) => field,
                        Target::Keywords => FieldId::COMPUTER,
                    };
                    out.push((field, wish(test, &value.written)));
                }
            }
        }
    }
}

fn wish(test: &Test, written: &str) -> String {
    match test {
        Test::Text(text) => match &text.test {
            TextTest::Exact(text)
            | TextTest::Prefix(text)
            | TextTest::Suffix(text)
            | TextTest::Substring(text) => text.clone(),
            TextTest::Wild(pattern) => {
                let part = |part: &Part| match part {
                    Part::Literal(text) => text.clone(),
                    Part::One => "ß".to_owned(),
                    Part::Any => " any \n".to_owned(),
                    Part::Dash => "\u{2013}".to_owned(),
                };
                pattern.parts().iter().map(part).collect()
            }
        },
        Test::Regex(regex) => {
            let mut text = String::new();
            shortest(&regex_syntax::parse(regex.as_str()).unwrap(), &mut text);
            text
        }
        _ => written.to_owned(),
    }
}

/// A shortest text that a regular expression matches, if its anchors and word boundaries let it.
fn shortest(part: &Hir, text: &mut String) {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).unwrap()),
        HirKind::Class(Class::Unicode(class)) => {
            text.extend(class.iter().map(ClassUnicodeRange::start).next());
        }
        HirKind::Class(Class::Bytes(class)) => {
            text.extend(class.iter().map(|range| char::from(range.start())).next());
        }
        HirKind::Repetition(inner) => (0..inner.min).for_each(|_| shortest(&inner.sub, text)),
        HirKind::Capture(inner) => shortest(&inner.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| shortest(part, text)),
        HirKind::Alternation(parts) => parts.iter().take(1).for_each(|part| shortest(part, text)),
    }
}

/// What rules rarely write and an index may get wrong.
const ODD: &str = r#"
title: Odd
logsource: {category: process_creation}
detection:
    zero: {Image|endswith: "\0exe"}
    zeros: {CommandLine|startswith: ["ab\0", "a"]}
    ends: {Image|endswith: [exe, xe, "\0"]}
    numbers: ['4624', 'true', '4d', '0x', 'nul']
    digits: {Image|re: '^[0-9a-f]{8}$'}
    few: {CommandLine|contains: ['-e', 'é', 'ſ', '%', ' -p']}
    repeated: {Image|contains: [aaaa, aaa, aa, a, aaaab, baaaa, aabaa]}
    empty: {Image: ['', '?'], CommandLine: 'x*y*x'}
    condition: 1 of *
"#;

/// A value made of a wish: as it is, in other case, with text around it, or cut.
fn value(dice: &mut Dice, wish: &str) -> String {
    match dice.roll(10) {
        0..3 => wish.to_owned(),
        3 => wish.to_uppercase(),
        4 => format!("é{wish}"),
        5 => format!("{wish} Ünd \u{212a}"),
        6 => format!("C:\\Windows\\{wish}"),
        7 => format!("x{wish}{wish}y"),
        8 => wish.chars().skip(1).chain("\0".chars().take(dice.roll(2))).collect(),
        _ => wish.replace('k', "\u{212a}").replace('s', "\u{17f}"),
    }
}

fn push_values(
    dice: &mut Dice,
    event: &mut etwatch_event::batch::EventBuilder<'_>,
    id: FieldId,
    wish: &str,
) {
    for _ in 0..=dice.roll(3) / 2 {
        let text = value(dice, wish);
        match (dice.roll(12), text.parse::<u64>()) {
            (0, _) => event.push(id, Value::Null),
            (1, _) => event.push(id, Value::Unsigned(dice.roll(5_000) as u64)),
            (2, _) => event.push(id, Value::Boolean(dice.roll(2) == 0)),
            (3..9, Ok(number)) => event.push(id, Value::Unsigned(number)),
            _ => event.push(id, Value::Text(&text)),
        }
    }
}

#[test]
fn both_agree_on_generated_rules_and_events() {
    let folder = corpus().map_or_else(|| root().join("rules"), |corpus| corpus.join("sigma"));
    let (loaded, _) = engine(&[&folder]);
    let fields = &loaded.vocabulary.fields;
    let pool: Vec<&NamedDetection> =
        loaded.rules.rules().iter().flat_map(|rule| &rule.detections).collect();
    let pool: Vec<_> = pool.into_iter().filter(|named| named.detection.size() < 60).collect();
    let odd = load_text("odd.yml", ODD, &LoadOptions::default(), &mut fields.clone());
    let odd = &odd.rules.first().expect("it loads").detections;
    let template = loaded.rules.rules()[0].clone();
    let source = LogSource::new(Some("process_creation"), Some("windows"), None);
    let mut dice = Dice(0x00e7_3a7c_5eed_0001);
    let mut both = Both::default();
    for round in 0..60 {
        let rules: Vec<Rule> = (0..40)
            .map(|number| {
                let count = 1 + dice.roll(4);
                let mut one = || match dice.roll(6) {
                    0 => dice.pick(odd).clone(),
                    _ => (*dice.pick(&pool)).clone(),
                };
                let detections: Vec<NamedDetection> = (0..count).map(|_| one()).collect();
                let conditions = vec![condition(&mut dice, count, 0)];
                let mut rule = template.clone();
                rule.attributes.title = format!("round {round}, rule {number}");
                Rule { log_source: source.clone(), detections, conditions, ..rule }
            })
            .collect();
        let mut wanted = Vec::new();
        rules.iter().flat_map(|rule| &rule.detections).for_each(|named| {
            wishes(&named.detection, &mut wanted);
        });
        let mut vocabulary = Vocabulary::default();
        vocabulary.fields = fields.clone();
        let set = vocabulary.add_set(LogSourceSet::new(vec![source.clone()]));
        let vocabulary = Arc::new(vocabulary);
        let rules = RuleSet::new(rules, &vocabulary);
        let mut events = EventBatch::new(Arc::clone(&vocabulary));
        for _ in 0..150 {
            let mut event = events.begin(LayoutId::default(), set);
            for _ in 0..2 + dice.roll(10) {
                let (field, wish) = dice.pick(&wanted).clone();
                push_values(&mut dice, &mut event, field, &wish);
            }
            event.finish();
        }
        for event in events.iter() {
            both.compare(&rules, &event);
        }
    }
    // Enough of them hold: comparing empty with empty would prove nothing.
    assert!(both.matches > 10_000, "{}", both.matches);
}
