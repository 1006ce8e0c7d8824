//! What tells an event, and what does not.

use etwatch_event::RecordBatch;

use crate::json::RecordParser;
use crate::limits::Limits;

/// Channel, provider, event id, number, and the first event id and host among the fields.
fn header(text: &str) -> (String, String, Option<u32>, u64, String) {
    let mut batch = RecordBatch::default();
    let mut parser = RecordParser::new(Limits::default());
    parser.parse(text.as_bytes(), None, batch.begin()).unwrap();
    let record = batch.get(0).unwrap();
    let first = |wanted: &str| {
        let found = record.fields().find(|(name, _)| *name == wanted);
        found.map_or_else(String::new, |(_, value)| format!("{value:?}"))
    };
    let (channel, provider) = (record.channel().to_owned(), record.provider().to_owned());
    let fields = first("EventID") + &first("Computer");
    (channel, provider, record.event_id(), record.number(), fields)
}

#[test]
fn the_header_tells_what_an_event_is_and_the_payload_does_not() {
    let system = r#""System":{"Provider_attributes":{"Name":"P"},"EventID":"104","EventRecordID":7,
        "Channel":"System","Computer":"h"}"#;
    let payload = r#"{"EventID":4688,"Channel":"Security","Provider_Name":"Q","Computer":"x",
        "EventRecordID":9}"#;
    let winlog = r#""channel":"System","provider_name":"P","event_id":"104","record_id":7,
        "computer_name":"h""#;
    let text = |inner: &str| format!("One(Text({inner:?}))");
    let expected = ("System".into(), "P".into(), Some(104), 7, text("104") + &text("h"));
    for record in [
        format!(r#"{{"Event":{{{system},"EventData":{payload}}}}}"#),
        format!(r#"{{"Event":{{"EventData":{payload},{system}}}}}"#),
        format!(r#"{{"Event":{{{system},"UserData":{{"LogFileCleared":{payload}}}}}}}"#),
        format!(r#"{{"winlog":{{{winlog},"event_data":{payload}}}}}"#),
        format!(r#"{{"winlog":{{"event_data":{payload},{winlog}}}}}"#),
    ] {
        assert_eq!(header(&record), expected, "{record}");
    }
}

#[test]
fn of_a_repeated_key_the_first_counts() {
    let text = r#"{"EventID":1,"Channel":"A","Provider_Name":"P","Channel":"B","EventID":2,
        "Provider_Name":"Q"}"#;
    let (channel, provider, id, _, fields) = header(text);
    assert_eq!((channel.as_str(), provider.as_str(), id), ("A", "P", Some(1)));
    assert_eq!(fields, "One(Unsigned(1))");
}
