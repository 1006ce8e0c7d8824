//! Rows keep their values through building, copying and reuse of the batch.

use super::*;
use crate::field::FieldId;
use crate::logsource::LogSource;
use crate::logsource::LogSourceSet;
use crate::record::RawValue;
use crate::value::Value;

/// The slot behind those of the header.
const HEADER_SLOTS: usize = crate::field::HEADER_FIELDS.len();

fn vocabulary() -> (Arc<Vocabulary>, LayoutId, LogSourceSetId, FieldId, FieldId) {
    let mut vocabulary = Vocabulary::default();
    let image = vocabulary.fields.intern("Image");
    let other = vocabulary.fields.intern("NamedByARuleOnly");
    let layout = vocabulary.add_layout(&[image]);
    let set = |category| LogSource::new(Some(category), Some("windows"), Some("sysmon"));
    let sources =
        vocabulary.add_set(LogSourceSet::new(vec![set("registry_set"), set("registry_event")]));
    (Arc::new(vocabulary), layout, sources, image, other)
}

fn fill(batch: &mut EventBatch, layout: LayoutId, sources: LogSourceSetId, ids: [FieldId; 2]) {
    let mut event = batch.begin(layout, sources);
    event.push(ids[0], Value::Text("C:\\a.exe"));
    event.push(ids[1], Value::Unsigned(7));
    event.push(ids[0], Value::Text("second"));
    event.push(ids[1], Value::Ip([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into()));
    event.push(ids[0], Value::Text("third"));
    event.push_named("Unheard.Of", Value::Bytes(&[1, 2]));
    event.push_named("Unheard.Of", Value::Null);
    event.push_raw(FieldId::LEVEL, RawValue::Empty);
    event.set_time(Timestamp::from_filetime(5));
    event.finish();
}

fn check(event: &Event<'_>, ids: [FieldId; 2]) {
    let texts: Vec<_> = event.get(ids[0]).iter().collect();
    assert_eq!(texts, ["C:\\a.exe", "second", "third"].map(Value::Text));
    assert_eq!(event.get(ids[1]).iter().count(), 2);
    assert_eq!(event.get_named("NamedByARuleOnly").first(), Some(Value::Unsigned(7)));
    let unheard: Vec<_> = event.get_named("Unheard.Of").iter().collect();
    assert_eq!(unheard, [Value::Bytes(&[1, 2]), Value::Null]);
    let level = event.get(FieldId::LEVEL);
    assert!(level.is_present() && level.first().is_none());
    assert!(!event.get(FieldId::CHANNEL).is_present());
    let names: Vec<_> = event.fields().map(|(name, _)| name).collect();
    assert_eq!(names, ["Level", "Image", "NamedByARuleOnly", "Unheard.Of"]);
    assert_eq!(event.log_sources().len(), 2);
    assert_eq!(event.time(), Timestamp::from_filetime(5));
}

#[test]
fn an_event_reads_back_what_was_written_and_so_does_its_copy() {
    let (vocabulary, layout, sources, image, other) = vocabulary();
    let mut batch = EventBatch::new(Arc::clone(&vocabulary));
    for _ in 0..3 {
        fill(&mut batch, layout, sources, [image, other]);
        drop(batch.begin(layout, sources)); // begun, not finished: no trace
    }
    let mut copy = EventBatch::new(vocabulary);
    fill(&mut copy, layout, sources, [image, other]);
    for event in batch.iter() {
        check(&event, [image, other]);
        copy.push_copy(&event);
    }
    assert_eq!(copy.len(), 4);
    for first in 0..=4 {
        let tail = copy.tail(first);
        assert_eq!(tail.len(), 4 - first);
        assert!(tail.heap_bytes() <= copy.heap_bytes());
        tail.iter().for_each(|event| check(&event, [image, other]));
    }
    copy.iter().for_each(|event| check(&event, [image, other]));
}

#[test]
fn sharing_and_setting_change_one_field_alone() {
    let (vocabulary, layout, sources, image, other) = vocabulary();
    let mut batch = EventBatch::new(vocabulary);
    let mut event = batch.begin(layout, sources);
    event.push(image, Value::Text("old"));
    event.share(image, other);
    event.set(image, Value::Text("new"));
    assert_eq!(event.values(other).first(), Some(Value::Text("old")));
    event.share(FieldId::CHANNEL, image); // absent: nothing to share
    event.finish();
    let event = batch.get(0).unwrap();
    assert_eq!(event.text(image), Some("new"));
    assert_eq!(event.text(other), Some("old"));
}

/// Rules that are loaded again may name fields that had no number when an event was written.
#[test]
fn a_copy_gets_the_numbers_of_a_vocabulary_that_has_grown() {
    let (vocabulary, layout, sources, image, other) = vocabulary();
    let mut before = EventBatch::new(Arc::clone(&vocabulary));
    fill(&mut before, layout, sources, [image, other]);
    let mut grown = Vocabulary::clone(&vocabulary);
    let unheard = grown.fields.intern("Unheard.Of");
    let mut after = EventBatch::new(Arc::new(grown));
    let event = before.get(0).unwrap();
    assert!(!event.get(unheard).is_present());
    after.push_copy(&event);
    let copy = after.get(0).unwrap();
    check(&copy, [image, other]);
    assert_eq!(copy.get(unheard).first(), Some(Value::Bytes(&[1, 2])));
    let names =
        |event: &Event<'_>| event.fields().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&copy), names(&event));
}

#[test]
fn a_row_with_many_fields_of_its_own_finds_each_of_them_again() {
    let (vocabulary, layout, sources, _, other) = vocabulary();
    let mut batch = EventBatch::new(vocabulary);
    for fields in [0, 5, 31, 32, 33, 500, 3] {
        let mut event = batch.begin(layout, sources);
        for round in 0..3 {
            event.push(other, Value::Unsigned(round));
            for number in 0..fields {
                event.push_named(&format!("Field{number}"), Value::Unsigned(number + round));
            }
        }
        event.finish();
    }
    for (event, fields) in batch.iter().zip([0, 5, 31, 32, 33, 500, 3]) {
        assert_eq!(event.get(other).iter().count(), 3);
        assert_eq!(event.fields().count() as u64, fields + 1);
        for number in 0..fields {
            let values: Vec<_> = event.get_named(&format!("Field{number}")).iter().collect();
            assert_eq!(values, [number, number + 1, number + 2].map(Value::Unsigned));
        }
    }
}

#[test]
fn values_of_every_kind_are_copied_from_a_record_once() {
    let (vocabulary, layout, sources, image, _) = vocabulary();
    let sid = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    let values = [
        Value::Text("a"),
        Value::Bytes(&[1, 2]),
        Value::Guid(crate::Guid([3; 16])),
        Value::Sid(crate::Sid(&sid)),
        Value::Ip([9_u8; 16].into()),
        Value::Ip([4_u8; 4].into()),
        Value::Signed(-1),
        Value::Null,
    ];
    let mut records = crate::RecordBatch::default();
    let mut record = records.begin();
    values.iter().for_each(|value| record.push("Image", *value));
    record.finish();
    let record = records.get(0).unwrap();
    let mut batch = EventBatch::new(vocabulary);
    for index in 0..values.len() {
        let mut event = batch.begin(layout, sources);
        event.push_named("Before", Value::Text("so that places differ"));
        event.push_named("Before", Value::Bytes(&[7]));
        assert!(event.copy_first(HEADER_SLOTS, &record, index));
        assert!(!event.copy_first(HEADER_SLOTS, &record, index), "there is a value already");
        assert!(!event.copy_first(0, &record, values.len()), "there is no such field");
        assert!(!event.copy_first(HEADER_SLOTS + 1, &record, 0), "there is no such slot");
        event.finish();
    }
    for (event, value) in batch.iter().zip(values) {
        assert_eq!(event.get(image).iter().collect::<Vec<_>>(), [value]);
    }
}

#[test]
fn a_copy_can_be_changed_while_the_one_it_was_made_of_stays() {
    let (vocabulary, layout, sources, image, other) = vocabulary();
    let mut batch = EventBatch::new(Arc::clone(&vocabulary));
    fill(&mut batch, layout, sources, [image, other]);
    fill(&mut batch, layout, sources, [image, other]);
    let mut copy = EventBatch::new(vocabulary);
    let mut changed = copy.begin_copy(&batch.get(1).unwrap());
    changed.set(image, Value::Text("C:\\b.exe"));
    changed.push(other, Value::Unsigned(9));
    changed.push_named("Unheard.Of", Value::Unsigned(3));
    changed.set_sources(LogSourceSetId::NONE);
    changed.finish();
    drop(copy.begin_copy(&batch.get(0).unwrap())); // begun, not finished: no trace
    copy.push_copy(&batch.get(0).unwrap());
    let event = copy.get(0).unwrap();
    assert_eq!(event.text(image), Some("C:\\b.exe"));
    assert_eq!(event.get(other).iter().last(), Some(Value::Unsigned(9)));
    let unheard: Vec<_> = event.get_named("Unheard.Of").iter().collect();
    assert_eq!(unheard, [Value::Bytes(&[1, 2]), Value::Null, Value::Unsigned(3)]);
    assert!(event.log_sources().is_empty());
    check(&copy.get(1).unwrap(), [image, other]);
    check(&batch.get(1).unwrap(), [image, other]);
}

#[test]
fn several_values_at_once_are_as_if_they_had_come_one_by_one() {
    let (vocabulary, layout, sources, image, other) = vocabulary();
    let mut batch = EventBatch::new(vocabulary);
    let letters = ["a", "b", "c", "d", "e"].map(Value::Text);
    for count in 0..=letters.len() {
        let mut event = batch.begin(layout, sources);
        event.push(image, Value::Text("before"));
        event.push(image, Value::Text("before too"));
        event.push(other, Value::Text("beside"));
        event.set_all(image, letters.iter().copied().take(count));
        event.push(other, Value::Text("beside too"));
        event.push(image, Value::Text("after"));
        event.finish();
    }
    for (count, event) in batch.iter().enumerate() {
        let expected = letters.iter().copied().take(count).chain([Value::Text("after")]);
        assert!(event.get(image).iter().eq(expected), "{count}");
        let beside = ["beside", "beside too"].map(Value::Text);
        assert_eq!(event.get(other).iter().collect::<Vec<_>>(), beside, "{count}");
    }
}
