//! What must hold of the module `store`, by examples.

use super::*;
use crate::schema::{Field, InType, OutType};

fn schema(names: &[&str]) -> Schema {
    let field = |name: &&str| Field {
        name: (*name).into(),
        kind: FieldKind::Value(InType::UInt8, OutType::NONE, None),
        ..Field::default()
    };
    Schema::of_fields(names.iter().map(field).collect())
}
fn key(id: u16) -> Key {
    Key { guid: Guid([1; 16]), id, version: 2, classic: false, build: 19_041 }
}

/// One layout of three names for id 7, whatever the version.
struct Seven;

impl SchemaTables for Seven {
    fn candidates(&self, key: &Key) -> Candidates {
        let known = (key.id == 7).then(|| Arc::new(schema(&["a", "b", "c"])));
        Candidates { schemas: known.into_iter().collect(), newer: key.version > 1 }
    }
}

/// The names of each layout, and whether it is newer.
fn found(store: &SchemaStore, key: &Key) -> Vec<(usize, bool)> {
    let layouts = store.layouts(key);
    layouts.iter().map(|layout| (layout.prepared.schema().fields.len(), layout.newer)).collect()
}

#[test]
fn the_recording_comes_before_the_tables() {
    let store = SchemaStore::new(Arc::new(Seven), 19_041);
    assert_eq!(found(&store, &key(7)), [(3, true)]);
    assert_eq!(found(&store, &key(8)), []);
    let older = Key { version: 1, ..key(7) };
    assert_eq!([key(7), older, key(8)].map(|key| store.knows(&key)), [false, true, false]);
    store.insert(key(7), schema(&["a"])).unwrap();
    store.insert(key(8), schema(&["a", "b"])).unwrap();
    assert_eq!(found(&store, &key(7)), [(1, false), (3, true)]);
    assert_eq!(found(&store, &key(8)), [(2, false)]);
    store.insert(key(8), schema(&["a"])).unwrap();
    assert_eq!(found(&store, &key(8)), [(1, false)], "the last one holds");
    assert_eq!(Seven.find(&key(7)).map(|schema| schema.top), Some(3));
    assert_eq!(NoTables.find(&key(7)), None);
}

#[test]
fn an_answer_is_kept_until_a_schema_arrives() {
    let store = SchemaStore::new(Arc::new(Seven), 0);
    let first = store.layouts(&key(7));
    assert!(Arc::ptr_eq(&first, &store.layouts(&key(7))));
    let before = store.generation();
    store.insert(key(9), schema(&["a"])).unwrap();
    assert!(store.generation() > before);
    assert!(!Arc::ptr_eq(&first, &store.layouts(&key(7))));
    let before = store.generation();
    store.insert(key(9), schema(&["a"])).unwrap();
    assert_eq!(store.generation(), before, "the same schema once more changes nothing");
}

#[test]
fn maps_name_values_whether_they_come_before_or_after() {
    let guid = Guid([1; 16]);
    let map = |entries: Vec<(u32, Box<str>)>| ValueMap { name: "M".into(), bits: false, entries };
    for map_first in [false, true] {
        let store = SchemaStore::new(Arc::new(NoTables), 0);
        let mut with_map = schema(&["a"]);
        with_map.guid = guid;
        let empty = Some(Arc::new(map(Vec::new())));
        with_map.fields[0].kind = FieldKind::Value(InType::UInt8, OutType::NONE, empty);
        let names = || map(vec![(3, "three".into())]);
        if map_first {
            store.insert_map(guid, names()).unwrap();
        }
        store.insert(key(1), with_map).unwrap();
        assert_eq!(store.layouts(&key(1)).len(), 1);
        if !map_first {
            store.insert_map(guid, names()).unwrap();
        }
        let layouts = store.layouts(&key(1));
        let mut out = String::new();
        assert!(layouts[0].prepared.schema().value_name(0, 3, &mut out), "{map_first}");
        assert_eq!(out, "three");
        assert!(!layouts[0].prepared.schema().value_name(0, 4, &mut out));
    }
}

#[test]
fn memory_of_a_recording_is_bounded() {
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    let wide = schema(&vec!["name of a field"; 1_024]);
    let weight = wide.weight();
    let mut added = 0;
    let error = loop {
        let mut wide = wide.clone();
        wide.name = format!("{added}").into();
        let number = u16::try_from(added).unwrap();
        match store.insert(key(number), wide) {
            Ok(()) => added += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, SchemaError::TooManySchemas);
    assert_eq!(added, MOST_RECORDED / weight);
    assert_eq!(store.recorded(), added);
}

#[test]
fn what_can_not_be_walked_is_refused() {
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    let wrong = Schema { top: 2, ..schema(&["a"]) };
    assert_eq!(store.insert(key(1), wrong), Err(SchemaError::TooManyFields(2)));
    assert!(store.insert_event_info(&[0; 20]).is_err());
    assert!(store.insert_map_info(&[0; 20]).is_err());
    assert_eq!(store.recorded(), 0);
}
