//! What a builder leaves behind.

use std::sync::Arc;

use super::*;

#[test]
fn an_unfinished_record_leaves_no_trace() {
    let mut batch = RecordBatch::default();
    let mut builder = batch.begin();
    builder.push("Image", Value::Text("a.exe"));
    builder.set_number(7);
    builder.finish();
    let mut damaged = batch.begin();
    damaged.push("Image", Value::Text("half a rec"));
    drop(damaged);
    let mut builder = batch.begin();
    builder.push("Event.EventData.Image", Value::Text("b.exe"));
    builder.push_empty("List");
    builder.cut_name(0, "Event.EventData.".len(), usize::MAX);
    builder.finish();

    let seen: Vec<_> = batch.iter().map(|record| record.fields().collect::<Vec<_>>()).collect();
    let text = |text| RawValue::One(Value::Text(text));
    assert_eq!(
        seen,
        [vec![("Image", text("a.exe"))], vec![("Image", text("b.exe")), ("List", RawValue::Empty)]]
    );
    assert_eq!(batch.get(0).unwrap().number(), 7);
}

#[test]
fn names_that_are_shared_are_those_of_the_example() {
    let mut batch = RecordBatch::default();
    let mut example = batch.begin();
    example.push("Image", Value::Text("a.exe"));
    example.push_empty("List");
    example.finish();
    let names = Arc::new(FieldNames::of(&batch.get(0).unwrap()));
    assert_eq!(names.iter().collect::<Vec<_>>(), ["Image", "List"]);
    let mut record = batch.begin();
    record.share_names(&names);
    record.push_next(Value::Text("b.exe"));
    record.push_next(Value::Null);
    record.empty_last();
    assert_eq!(record.field(0), Some(("Image", RawValue::One(Value::Text("b.exe")))));
    record.push_next(Value::Text("there is no third name"));
    record.finish();
    let mut last = batch.begin();
    last.push("User", Value::Unsigned(1));
    last.finish();

    let seen: Vec<_> = batch.iter().map(|record| record.fields().collect::<Vec<_>>()).collect();
    let text = |text| RawValue::One(Value::Text(text));
    assert_eq!(seen[0], [("Image", text("a.exe")), ("List", RawValue::Empty)]);
    assert_eq!(seen[1], [("Image", text("b.exe")), ("List", RawValue::Empty)]);
    assert_eq!(seen[2], [("User", RawValue::One(Value::Unsigned(1)))]);
    assert!(batch.get(1).unwrap().shared_names().is_some_and(|shared| Arc::ptr_eq(shared, &names)));
    assert!(batch.get(2).unwrap().shared_names().is_none());
}

#[test]
fn a_value_that_is_pushed_again_has_the_name_before_it() {
    let names = Arc::new(["Id", "List"].into_iter().collect::<FieldNames>());
    let mut batch = RecordBatch::default();
    let mut record = batch.begin();
    record.share_names(&names);
    record.push_again(Value::Null);
    assert!(record.is_empty());
    record.push_named(0, Value::Unsigned(1));
    record.push_named(1, Value::Unsigned(2));
    record.push_again(Value::Unsigned(3));
    record.finish();
    let mut next = batch.begin();
    next.push_again(Value::Null);
    assert!(next.is_empty(), "a field of another record");
    next.finish();
    let record = batch.get(0).unwrap();
    let number = |name, number| (name, RawValue::One(Value::Unsigned(number)));
    let expected = [number("Id", 1), number("List", 2), number("List", 3)];
    assert_eq!(record.fields().collect::<Vec<_>>(), expected);
    assert!(record.shared_names().is_none());
}
