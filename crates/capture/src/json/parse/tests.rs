//! A record that is recalled is what the full parser makes of it.

use etwatch_event::{RecordBatch, Shape};
use proptest::prelude::*;

use crate::json::RecordParser;
use crate::limits::Limits;

/// All that can be seen of the records that `parser` reads from `text`, or its error.
fn seen(parser: &mut RecordParser, text: &str, shape: Option<Shape>) -> String {
    let mut batch = RecordBatch::default();
    let read = parser.parse(text.as_bytes(), shape, batch.begin());
    let Some(record) = batch.get(0) else { return format!("{read:?}") };
    let fields: Vec<_> = record.fields().collect();
    let header = (record.time(), record.number(), record.shape(), record.event_id());
    format!("{header:?} {} {} {fields:?}", record.provider(), record.channel())
}

fn fresh(text: &str, shape: Option<Shape>) -> String {
    seen(&mut RecordParser::new(Limits::default()), text, shape)
}

fn is_recalled(parser: &mut RecordParser, text: &str) -> bool {
    parser.recall.read(text.as_bytes(), RecordBatch::default().begin()).is_ok()
}

#[test]
fn records_of_a_known_form_are_recalled_and_others_are_not() {
    let mut parser = RecordParser::new(Limits::default());
    let first = r#"{"EventID":1,"Image":"a","Level":-4,"List":[1,"x",{}],"No":null,"Yes":true}"#;
    assert!(!is_recalled(&mut parser, first));
    seen(&mut parser, first, None);
    for (same, text) in [
        (true, first.to_owned()),
        (true, first.replace("\"a\"", r#""C:\\a \"b\" \u00fc \n""#)),
        (true, first.replace("-4", "-9223372036854775808")),
        (true, first.replace(":1,", ":18446744073709551615,")),
        (false, first.replace(":1,", ":18446744073709551616,")),
        (false, first.replace(":1,", ":1.0,")),
        (false, first.replace(":1,", ":1e2,")),
        (false, first.replace(":1,", ":01,")),
        (false, first.replace("-4", "4")),
        (false, first.replace("-4", "-0")),
        (false, first.replace("-4", "\"4\"")),
        (false, first.replace("\"a\"", r#""\ud83d\ude00""#)),
        (false, first.replace("\"a\"", r#""\ud83d""#)),
        (false, first.replace("\"a\"", "\"tab\t\"")),
        (false, first.replace("\"a\"", "null")),
        (false, first.replace("[1,\"x\",{}]", "[1,\"x\",{},2]")),
        (false, first.replace("Image", "image")),
        (false, first.replace("true", "false")),
        (false, format!("{first} ")),
        (false, format!("{first}{first}")),
        (false, first.trim_end_matches('}').to_owned()),
    ] {
        assert_eq!(is_recalled(&mut parser, &text), same, "{text}");
        assert_eq!(seen(&mut parser, &text, None), fresh(&text, None), "{text}");
    }
}

#[test]
fn a_value_that_names_another_one_makes_no_form() {
    let mut parser = RecordParser::new(Limits::default());
    let record = |name: &str| {
        format!(
            r##"{{"Event":{{"System":{{"EventID":1}},"EventData":{{"Data":[
            {{"@Name":"{name}","#text":"x"}}]}}}}}}"##
        )
    };
    for name in ["Image", "User"] {
        assert_eq!(seen(&mut parser, &record(name), None), fresh(&record(name), None));
        assert!(!is_recalled(&mut parser, &record(name)));
    }
}

#[test]
fn records_no_two_of_which_are_alike_are_soon_not_learned_from() {
    let mut parser = RecordParser::new(Limits::default());
    let known = r#"{"EventID":1}"#;
    seen(&mut parser, known, None);
    let learned = (0..1_000).filter(|number| {
        let text = format!(r#"{{"EventID":1,"Field{number}":"x"}}"#);
        seen(&mut parser, &text, None);
        is_recalled(&mut parser, &text)
    });
    // Those learned at first, and those that asking for them again paid for.
    assert_eq!(learned.count(), 145);
    // What is recalled pays for learning again.
    assert!((0..100).all(|_| is_recalled(&mut parser, known)));
    let text = r#"{"EventID":1,"Other":"x"}"#;
    seen(&mut parser, text, None);
    assert!(is_recalled(&mut parser, text));
}

/// Values with which headers, payloads and their names clash.
fn value(depth: u32) -> BoxedStrategy<String> {
    let plain = prop_oneof![
        3 => "[a-z\\\\\"/ü\u{1}\n]{0,6}".prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => Just(r#""\ud83d\ude00""#.to_owned()),
        1 => Just("\"2026-03-02 09:14:03.120\"".to_owned()),
        2 => any::<u32>().prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => Just("1.5".to_owned()),
        1 => Just("null".to_owned()),
        1 => any::<bool>().prop_map(|yes| yes.to_string()),
    ];
    if depth == 0 {
        return plain.boxed();
    }
    let list = prop::collection::vec(value(depth - 1), 0..3);
    let list = list.prop_map(|values| format!("[{}]", values.join(",")));
    prop_oneof![4 => plain, 1 => list, 2 => object(depth - 1)].boxed()
}

fn object(depth: u32) -> BoxedStrategy<String> {
    const NAMES: &[&str] = &[
        "Event",
        "System",
        "EventData",
        "UserData",
        "Data",
        "#text",
        "@Name",
        "#attributes",
        "EventID",
        "Channel",
        "Computer",
        "Provider_Name",
        "Provider",
        "Name",
        "UtcTime",
        "@timestamp",
        "winlog",
        "event_data",
        "event_id",
        "channel",
        "SourceName",
        "Hostname",
        "winlog.channel",
        "Image",
        "",
    ];
    let member = (prop::sample::select(NAMES), value(depth));
    prop::collection::vec(member, 0..5)
        .prop_map(|members| {
            let text = |(name, value): &(&str, String)| format!("\"{name}\":{value}");
            format!("{{{}}}", members.iter().map(text).collect::<Vec<_>>().join(","))
        })
        .boxed()
}

/// The same record with other values of the same kinds.
fn varied(text: &str, number: u32) -> String {
    text.replace("\"a", &format!("\"b{number}\\\\")).replace("09:14", "10:15").replace('7', "123")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_recalled_is_what_is_parsed(
        records in prop::collection::vec(object(3), 1..4),
        number: u32,
        evtx: bool,
    ) {
        let shape = evtx.then_some(Shape::Evtx);
        let mut parser = RecordParser::new(Limits::default());
        for record in &records {
            let cut: String = record.chars().take(record.len() / 2).collect();
            for text in [record, record, &varied(record, number), &cut] {
                prop_assert_eq!(seen(&mut parser, text, shape), fresh(text, shape));
            }
        }
    }
}
