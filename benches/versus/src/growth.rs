//! From 100 to 30,000 rules: the corpus multiplied, each copy with fresh literals of the same shape.

use std::path::Path;
use std::sync::Arc;

use etwatch_engine::Engine;
use etwatch_event::Vocabulary;
use etwatch_rules::Rule;
use etwatch_rules::load::{LoadOptions, load};
use etwatch_rules::sigma::detection::Detection;
use etwatch_rules::sigma::text::{Part, Pattern, TextTest};
use etwatch_rules::sigma::value::Test;

use crate::measure::best_in_turn;
use crate::ours::Ours;

pub fn table(rules: &Path, recordings: &Path) {
    let mut vocabulary = Vocabulary::default();
    let rules = load(&[rules.to_owned()], &LoadOptions::default(), &mut vocabulary.fields).rules;
    println!("\ngrowth, one core, cold, mixed");
    println!("{:>8} {:>12} {:>10} {:>10}", "rules", "events/s", "of 3,000", "plans MiB");
    let mut at_3000 = None;
    for count in [100, 300, 1_000, 3_000, 10_000, 30_000] {
        let many = multiply(&rules, count);
        let engine = Engine::new(many, Vec::new(), vocabulary.clone(), None).expect("the tables load");
        let ours = Ours { engine };
        let events = ours.events(recordings, true);
        let number: usize = events.iter().map(etwatch_event::EventBatch::len).sum();
        let before = crate::measure::resident_kib();
        ours.run(&events, 1);
        let kib = crate::measure::resident_kib().saturating_sub(before);
        let [seconds] = best_in_turn(5, [&mut || ours.run(&events, 1)]);
        let rate = number as f64 / seconds;
        if count == 3_000 {
            at_3000 = Some(rate);
        }
        let share = at_3000.map_or(String::new(), |base| format!("{:.0} %", 100.0 * rate / base));
        println!("{count:>8} {rate:>12.0} {share:>10} {:>10.1}", kib as f64 / 1024.0);
    }
    let _ = Arc::new(());
}

/// As many rules: every n-th of the corpus, or copies of it in which each literal is another one.
fn multiply(rules: &[Rule], count: usize) -> Vec<Rule> {
    if count <= rules.len() {
        let step = rules.len() / count;
        return rules.iter().step_by(step.max(1)).take(count).cloned().collect();
    }
    let mut many = rules.to_vec();
    let mut copy = 1;
    while many.len() < count {
        for rule in rules.iter().take(count - many.len()) {
            let mut rule = rule.clone();
            for named in &mut rule.detections {
                change(&mut named.detection, copy);
            }
            many.push(rule);
        }
        copy += 1;
    }
    many
}

fn change(detection: &mut Detection, copy: usize) {
    match detection {
        Detection::All(parts) | Detection::Any(parts) => {
            parts.iter_mut().for_each(|part| change(part, copy));
        }
        Detection::Item(item) => {
            for test in item.values.iter_mut().flat_map(|value| &mut value.tests) {
                if let Test::Text(text) = test {
                    match &mut text.test {
                        TextTest::Exact(text)
                        | TextTest::Prefix(text)
                        | TextTest::Suffix(text)
                        | TextTest::Substring(text) => *text = fresh(text, copy),
                        TextTest::Wild(pattern) => {
                            let mut new = Pattern::default();
                            for part in pattern.parts() {
                                new.push(match part {
                                    Part::Literal(text) => Part::Literal(fresh(text, copy)),
                                    other => other.clone(),
                                });
                            }
                            *pattern = new;
                        }
                    }
                }
            }
        }
    }
}

/// The text with two of its letters changed.
fn fresh(text: &str, copy: usize) -> String {
    let letters = text.chars().filter(char::is_ascii_lowercase).count();
    if letters == 0 {
        return text.to_owned();
    }
    let hash = text.bytes().fold(copy * 7919, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let chosen = [hash % letters, (hash / letters) % letters];
    let mut at = 0;
    text.chars()
        .map(|letter| {
            if !letter.is_ascii_lowercase() {
                return letter;
            }
            at += 1;
            if !chosen.contains(&(at - 1)) {
                return letter;
            }
            let shift = 1 + (hash / 64 + at) % 25;
            char::from(b'a' + ((letter as u8 - b'a') as usize + shift) as u8 % 26)
        })
        .collect()
}
