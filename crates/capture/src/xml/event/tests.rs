//! What Windows renders, and what no Windows renders.

use etwatch_event::{RawValue, RecordBatch, Value};
use proptest::prelude::*;

use super::*;

/// The fields of an event whose parts beside the header are these, the header left out.
fn fields_of(parts: &str) -> Vec<(String, String)> {
    let text = format!("<Event><System><EventID>1</EventID></System>{parts}</Event>");
    fields(&text).unwrap().split_off(1)
}

fn fields(text: &str) -> Result<Vec<(String, String)>, XmlError> {
    let mut batch = RecordBatch::default();
    let read = XmlParser::new(Limits::default()).parse(text, batch.begin());
    assert_eq!(batch.len(), usize::from(read.is_ok()));
    read?;
    let show = |value| match value {
        RawValue::One(Value::Text(text)) => format!("{text:?}"),
        RawValue::One(value) => value.text(&mut String::new()).unwrap_or("-").to_owned(),
        RawValue::Empty => "[]".to_owned(),
    };
    let record = batch.get(0).unwrap();
    Ok(record.fields().map(|(name, value)| (name.to_owned(), show(value))).collect())
}

fn check(parts: &str, expected: &[(&str, &str)]) {
    let found = fields_of(parts);
    let found: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(found, expected, "{parts}");
}

/// A record of the service control manager as `wevtutil` prints it.
const SERVICE: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
    <Provider Name='Service Control Manager' Guid='{555908d1-a6d7-4695-8e1e-26931d2012f4}' \
    EventSourceName='Service Control Manager'/><EventID Qualifiers='16384'>7045</EventID><Version>0</Version>\
    <Level>4</Level><Task>0</Task><Opcode>0</Opcode><Keywords>0x8080000000000000</Keywords>\
    <TimeCreated SystemTime='2026-03-02T09:06:21.634120000Z'/><EventRecordID>4711</EventRecordID><Correlation/>\
    <Execution ProcessID='640' ThreadID='8'/><Channel>System</Channel><Computer>WS-1</Computer>\
    <Security UserID='S-1-5-18'/></System><EventData><Data Name='ServiceName'>a &amp; b</Data>\
    <Data Name='StartType'>demand start</Data><Data Name='AccountName'></Data></EventData></Event>";

#[test]
fn the_header_is_typed_as_the_schema_of_events_says() {
    let found = fields(SERVICE).unwrap();
    for (name, value) in [
        ("Provider_Name", "\"Service Control Manager\""),
        ("EventID_Qualifiers", "16384"),
        ("EventID", "7045"),
        ("Level", "4"),
        ("Keywords", "\"0x8080000000000000\""),
        ("TimeCreated_SystemTime", "\"2026-03-02T09:06:21.6341200Z\""),
        ("EventRecordID", "4711"),
        ("Execution_ProcessID", "640"),
        ("Security_UserID", "\"S-1-5-18\""),
        ("ServiceName", "\"a & b\""),
        ("AccountName", "\"\""),
    ] {
        assert!(found.contains(&(name.to_owned(), value.to_owned())), "{name} {found:?}");
    }
    assert!(!found.iter().any(|(name, _)| name.contains("Correlation")), "{found:?}");
    let mut batch = RecordBatch::default();
    XmlParser::new(Limits::default()).parse(SERVICE, batch.begin()).unwrap();
    let record = batch.get(0).unwrap();
    assert_eq!((record.event_id(), record.number()), (Some(7_045), 4_711));
    assert_eq!((record.provider(), record.channel()), ("Service Control Manager", "System"));
    assert_eq!(record.time().to_string(), "2026-03-02T09:06:21.6341200Z");
}

#[test]
fn the_payload_has_the_names_of_the_event_log() {
    let data = |inner: &str| format!("<EventData>{inner}</EventData>");
    let named = "<Data Name='A'>1</Data><Data Name='B'>01</Data><Data Name='A'>-3</Data>";
    check(&data(named), &[("A", "1"), ("B", "\"01\""), ("A_1", "-3")]);
    let run = "<Data Name='A'>x</Data><Data Name='A'/>";
    check(&data(run), &[("A", "\"x\""), ("A", "\"\"")]);
    // Insertion strings stay text.
    let strings = "<Data>4</Data><Data>b</Data><Binary>00FF</Binary>";
    check(&data(strings), &[("Data", "\"4\""), ("Data", "\"b\""), ("Binary", "\"00FF\"")]);
    check(&data("<Data>4</Data>"), &[("Data", "\"4\"")]);
    check("<EventData>\r\n  </EventData>", &[]);
    let user = "<UserData>\n <Op xmlns='urn:x'>\n <Id>7</Id>\n <Name> a </Name> </Op></UserData>";
    check(user, &[("Id", "7"), ("Name", "\" a \"")]);
}

#[test]
fn text_is_what_the_log_says() {
    let data = |inner: &str| format!("<EventData><Data Name='A'>{inner}</Data></EventData>");
    for (inner, expected) in [
        ("a\r\nb\t", "a\r\nb\t"),
        ("&lt;&gt;&quot;&apos;&amp;&#65;&#x42;", "<>\"'&AB"),
        ("x<![CDATA[<&amp;>]]>y", "x<&amp;>y"),
        ("x<!-- no -->y", "xy"),
        // Nothing is lost of what is no reference.
        ("a & b &nbsp; &#0; &#xD800;", "a & b &nbsp; &#0; &#xD800;"),
        ("\u{1}\u{1f}", "\u{1}\u{1f}"),
        ("18446744073709551616", "18446744073709551616"),
        ("-0", "-0"),
        (" 1", " 1"),
    ] {
        check(&data(inner), &[("A", &format!("{expected:?}"))]);
    }
    check(&data("18446744073709551615"), &[("A", "18446744073709551615")]);
    check(&data("-9223372036854775808"), &[("A", "-9223372036854775808")]);
    let quotes = "<EventData><Data Name='a\"&lt;\\'>x</Data></EventData>";
    check(quotes, &[("a\"<\\", "\"x\"")]);
}

#[test]
fn what_is_no_event_is_refused_with_its_reason() {
    let deep = format!("<Event><System/>{}", "<a>".repeat(100));
    let many = format!("<Event><System/>{}</Event>", "<a/>".repeat(5_000));
    let long = format!("<Event><System/><{}/></Event>", "a".repeat(1_000));
    for (text, reason) in [
        ("<Event/>", "XML is no event"),
        ("<Other><System/></Other>", "XML is no event"),
        ("", "XML cut off"),
        ("<Event><System>", "XML cut off"),
        ("<Event><System/></Evnt>", "XML syntax"),
        ("<Event><System/></Event><Event/>", "XML syntax"),
        ("<Event><System/></Event>x", "XML syntax"),
        (&deep, "XML nesting limit"),
        (&many, "XML value limit"),
        (&long, "XML path limit"),
    ] {
        assert_eq!(fields(text).unwrap_err().reason, reason, "{text:.60}");
    }
    // What a document type defines is not known.
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>";
    let found = fields(&format!("{bomb}<Event><System><Channel>&b;</Channel></System></Event>"));
    assert_eq!(found.unwrap(), [("Channel".to_owned(), "\"&b;\"".to_owned())]);
}

fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

proptest! {
    /// Any names and texts come back, whatever was read before.
    #[test]
    fn names_and_texts_come_back(
        payload in prop::collection::btree_map("[A-Za-z \"\\\\]{1,8}", "\\PC{0,20}|[ -~]{0,20}", 0..8),
    ) {
        let data = |(name, text): (&String, &String)| {
            format!("<Data Name='{}'>{}</Data>", escape(name), escape(text))
        };
        let inner: String = payload.iter().map(data).collect();
        let found = fields_of(&format!("<EventData>{inner}</EventData>"));
        let found: Vec<(String, String)> = found
            .into_iter()
            .map(|(name, value)| (name, value.parse::<i128>().map_or(value, |n| format!("\"{n}\""))))
            .collect();
        let expected: Vec<_> =
            payload.iter().map(|(name, text)| (name.clone(), format!("{text:?}"))).collect();
        prop_assert_eq!(found, expected);
    }

    /// Whatever stands in a text: it is read or refused, and a parser that has read it is none the worse.
    #[test]
    fn any_text_is_read_or_refused(
        parts in prop::collection::vec(
            prop_oneof![
                Just("<Event><System>".to_owned()), Just("</System></Event>".to_owned()),
                Just("<EventData>".to_owned()), Just("</EventData>".to_owned()),
                Just("<Data Name='A'>".to_owned()), Just("</Data>".to_owned()),
                Just("<Data/>".to_owned()), Just("<![CDATA[".to_owned()), Just("]]>".to_owned()),
                "[<>&;/='\"a-c -]{0,6}", "\\PC{0,6}",
            ],
            0..12,
        ),
    ) {
        let text = parts.concat();
        let mut batch = RecordBatch::default();
        let mut parser = XmlParser::new(Limits::default());
        let read = parser.parse(&text, batch.begin());
        prop_assert_eq!(batch.len(), usize::from(read.is_ok()));
        parser.parse(SERVICE, batch.begin()).unwrap();
        let last = batch.get(batch.len() - 1).unwrap();
        prop_assert_eq!(last.fields().count(), fields(SERVICE).unwrap().len());
    }
}
