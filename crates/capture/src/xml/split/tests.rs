//! Events are found whatever surrounds them, in whatever steps their bytes arrive.

use super::*;

const TAG_OF_EVENT: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>";

/// Bytes of `<E>a</Event>`.
const EVENT_A: usize = TAG_OF_EVENT.len() + 9;

/// What is found when the bytes come `step` at a time: an event's text, or what else and where.
fn parts(text: &str, step: usize) -> Vec<String> {
    let mut splitter = Splitter::default();
    let (mut found, mut end) = (Vec::new(), 0);
    while end < text.len() {
        end = (end + step).min(text.len());
        let bytes = &text.as_bytes()[..end];
        let at_end = end == text.len();
        while let Some(part) = splitter.next(bytes, at_end) {
            found.push(part);
        }
        if at_end {
            found.extend(splitter.last());
        }
    }
    let shown = |part| match part {
        Part::Event(range) => text.get(range).unwrap().replace(TAG_OF_EVENT, "<E>"),
        Part::CutOff(at) => format!("cut off {at}"),
        Part::Stray(at) => format!("stray {at}"),
    };
    found.into_iter().map(shown).collect()
}

fn check(text: &str, expected: &[&str]) {
    let text = text.replace("<E>", TAG_OF_EVENT);
    for step in 1..=text.len() {
        assert_eq!(parts(&text, step), expected, "{step}: {text}");
    }
}

#[test]
fn events_stand_alone_or_in_any_element() {
    check("<E>a</Event>\r\n<E>b</Event>", &["<E>a</Event>", "<E>b</Event>"]);
    let head = "\u{feff}<?xml version='1.0'?><!-- <x> --><Events><E>a</Event></Events>\n";
    check(head, &["<E>a</Event>"]);
    check("<Eventing/><Event>a</Event ><Event/>", &["<Event>a</Event >", "<Event/>"]);
}

#[test]
fn an_element_of_the_same_name_is_part_of_the_event() {
    check("<E><Event>a</Event><Event/>b</Event>", &["<E><Event>a</Event><Event/>b</Event>"]);
    check("<E><![CDATA[</Event>]]></Event>", &["<E><![CDATA[</Event>]]></Event>"]);
    check("<E><!--</Event>--></Event>", &["<E><!--</Event>--></Event>"]);
}

#[test]
fn an_event_that_lost_its_end_ends_where_the_next_one_begins() {
    check("<E>a<E>b</Event>", &["cut off 0", "<E>b</Event>"]);
    check("<E><![CDATA[<E>b</Event>", &["cut off 0", "<E>b</Event>"]);
    check("<E>a</Event><E><x", &["<E>a</Event>", &format!("cut off {EVENT_A}")]);
}

#[test]
fn text_outside_events_is_told_once_a_stretch() {
    check(
        "x<E>a</Event>y<z>y</z>y<E>b</Event>\n",
        &["stray 0", "<E>a</Event>", &format!("stray {}", 1 + EVENT_A), "<E>b</Event>"],
    );
    check("</Event></Event><E>a</Event>", &["stray 0", "<E>a</Event>"]);
}

#[test]
fn what_is_passed_over_ends_where_it_ends() {
    let mut splitter = Splitter::default();
    let text = format!("{TAG_OF_EVENT}aaaa");
    assert_eq!(splitter.next(text.as_bytes(), false), None);
    assert_eq!(splitter.open_event(), Some(0));
    splitter.pass();
    assert_eq!(splitter.needed(), text.len() - 2);
    splitter.shift(text.len() - 2);
    let text = format!("aa</Event>{TAG_OF_EVENT}b</Event>");
    let found = splitter.next(text.as_bytes(), true);
    assert_eq!(found, Some(Part::Event(10..text.len())));
}

#[test]
fn only_xml_with_events_shows_some() {
    let shows = |text: &str| shows_event(text.replace("<E>", TAG_OF_EVENT).as_bytes());
    assert!(shows("\u{feff} <?xml version='1.0'?><Events><E>"));
    assert!(!shows("<configuration/>"));
    assert!(!shows("{\"a\": \"<E>\"}"));
}
