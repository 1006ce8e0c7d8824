//! Any bytes as what describes events: a schema, or a refusal, within bounds.
//!
//! The first byte says what the others are: `TRACE_EVENT_INFO`, `EVENT_MAP_INFO`, the metadata of a
//! TraceLogging event, a manifest, a table. What [`encode`] writes of a schema is read as the same schema, but for
//! what Windows' form has no place for; it refuses only what that form can't say.

use std::sync::Arc;

use etwatch_decode::encode::{EncodeError, EventDescriptor, event_map_info, trace_event_info};
use etwatch_decode::manifest::{ManifestChunks, parse_manifest};
use etwatch_decode::schema::{Amount, Field, FieldKind, InType, SchemaSource, ValueMap};
use etwatch_decode::{Key, Schema, Tables, check, trace_event_info as event_info, trace_logging};
use etwatch_event::Guid;

use super::choices::{Choices, text};

/// Parses the bytes, and what is written of the schemas.
pub fn check(bytes: &[u8]) {
    schemas(bytes);
}

/// How many schemas or maps the bytes told.
pub fn schemas(bytes: &[u8]) -> usize {
    let mut choices = Choices::new(bytes);
    match choices.below(5) {
        0 => event_info(choices.rest()),
        1 => map_info(choices.rest()),
        2 => trace_logging(&mut choices),
        3 => manifest(&mut choices),
        _ => table(text(choices.rest())),
    }
}

fn event_info(bytes: &[u8]) -> usize {
    let Ok((key, schema)) = event_info::parse(bytes) else { return 0 };
    check_bounds(&schema);
    assert_eq!(written(key, &schema), Ok((key, schema)), "written and read again");
    1
}

fn map_info(bytes: &[u8]) -> usize {
    let Ok(map) = ValueMap::parse(bytes) else { return 0 };
    assert!(map.entries.len() <= bytes.len() / 8);
    let written = event_map_info(&map).expect("what was read can be written");
    assert_eq!(ValueMap::parse(&written), Ok(map), "written and read again");
    1
}

fn trace_logging(choices: &mut Choices<'_>) -> usize {
    let traits = choices.bytes(40);
    let parsed = trace_logging::parse(Guid([1; 16]), choices.rest(), traits);
    let Ok(schema) = parsed else { return 0 };
    check_written(Key { guid: schema.guid, ..Key::default() }, &schema);
    1
}

fn manifest(choices: &mut Choices<'_>) -> usize {
    let how = choices.byte();
    let text = text(choices.rest());
    assert_eq!(of_chunks(text, how).as_deref(), Some(text));
    let Ok(schemas) = parse_manifest(text) else { return 0 };
    let count = schemas.len();
    for (id, version, schema) in schemas {
        assert!(schema.fields.len() <= check::MOST_FIELDS);
        check_written(Key { guid: schema.guid, id, version, ..Key::default() }, &schema);
    }
    count
}

/// The text of a manifest by way of chunks that come in an order of their own.
fn of_chunks(text: &str, how: u8) -> Option<String> {
    let parts: Vec<_> = text.as_bytes().chunks(1 + text.len() / 5).collect();
    let total = u16::try_from(parts.len().max(1)).expect("there are few");
    let mut payloads: Vec<_> = (0..total)
        .map(|number| {
            let part = parts.get(usize::from(number)).copied().unwrap_or_default();
            [&[1, 0, 0, 0x5b][..], &total.to_le_bytes(), &number.to_le_bytes(), part].concat()
        })
        .collect();
    let first = usize::from(how) % payloads.len();
    payloads.rotate_left(first);
    let mut chunks = ManifestChunks::default();
    let add = |payload: &Vec<u8>| chunks.add(Guid([2; 16]), Some(7), payload);
    let added: Vec<_> = payloads.iter().map(add).collect();
    let (last, others) = added.split_last()?;
    assert!(others.iter().all(|other| *other == Ok(None)), "{others:?}");
    last.clone().ok().flatten()
}

fn table(text: &str) -> usize {
    let tables = Tables::of_files(&[("fuzzed.txt", text)]);
    if let Err(error) = tables.check() {
        assert!(error.line > 0, "{error}");
    }
    let mut count = 0;
    for entry in tables.entries() {
        let (id, version, classic) = (entry.number, entry.version, entry.classic);
        let key = Key { guid: entry.schema.guid, id, version, classic, build: 0 };
        check_written(key, entry.schema);
        count += 1;
    }
    count
}

/// What keeps a recording with many schemas from taking all memory.
fn check_bounds(schema: &Schema) {
    let paths = schema.paths().expect("it was checked");
    assert!(paths.len() <= check::MOST_FIELDS);
    assert!(paths.iter().all(|path| path.len() <= check::MOST_NAME));
    let bytes = paths.iter().chain([&schema.provider, &schema.name]).map(|name| name.len());
    assert!(bytes.sum::<usize>() <= schema.weight());
}

/// Writes a schema as Windows tells it and compares what is read of that.
fn check_written(key: Key, schema: &Schema) {
    if schema.paths().is_err() {
        return;
    }
    check_bounds(schema);
    match written(key, schema) {
        Ok((read_key, read)) => {
            assert_eq!(read, as_windows_tells(schema, key.classic));
            // An opcode has 8 bits.
            let id = if key.classic { key.id & 0xff } else { key.id };
            assert_eq!(read_key, Key { id, ..key });
        }
        Err(_) if can_be_told(schema) => panic!("{schema:?} can be told"),
        Err(_) => {}
    }
}

fn written(key: Key, schema: &Schema) -> Result<(Key, Schema), EncodeError> {
    let Key { id, version, classic, .. } = key;
    let [opcode, _] = id.to_le_bytes();
    let event = EventDescriptor { id, version, opcode, classic, ..EventDescriptor::default() };
    let bytes = trace_event_info(schema, &event)?;
    Ok(event_info::parse(&bytes).expect("what was written can be read"))
}

/// Whether Windows' form has a place for all of a schema.
fn can_be_told(schema: &Schema) -> bool {
    let is_name = |name: &str| !name.contains('\0') && name.len() <= check::MOST_NAME;
    let own = [&schema.provider, &schema.name, &schema.task, &schema.opcode, &schema.channel];
    own.into_iter().all(|name| is_name(name))
        && schema.fields.iter().all(|field| {
            let plain = |amount| !matches!(amount, Amount::Prefixed | Amount::Rest);
            let map = match &field.kind {
                FieldKind::Value(_, _, Some(map)) => &map.name,
                _ => "",
            };
            is_name(&field.name)
                && is_name(map)
                && !field.optional
                && plain(field.count)
                && field.length == Amount::Implied
        })
}

/// What is left of a schema in Windows' form.
pub fn as_windows_tells(schema: &Schema, classic: bool) -> Schema {
    let name = if classic { "" } else { &*schema.name };
    let trimmed = |name: &str| name.trim_end().into();
    Schema {
        provider: trimmed(&schema.provider),
        guid: schema.guid,
        name: trimmed(name),
        task: trimmed(&schema.task),
        opcode: trimmed(&schema.opcode),
        channel: trimmed(&schema.channel),
        fields: schema.fields.iter().map(field_as_told).collect(),
        top: schema.top,
        source: SchemaSource::Recording,
    }
}

fn field_as_told(field: &Field) -> Field {
    use InType as I;
    let mut told = Field { name: field.name.trim_end().into(), ..field.clone() };
    let FieldKind::Value(kind, _, map) = &mut told.kind else { return told };
    // Maps are told elsewhere; a field has the name of its map.
    if let Some(known) = map {
        let name = known.name.trim_end();
        let named = || Arc::new(ValueMap { name: name.into(), ..ValueMap::default() });
        *map = (!name.is_empty()).then(named);
    }
    // Lengths that are no news are not told; some types have their length in their name.
    (*kind, told.length) = match (*kind, field.length) {
        (I::Boolean, Amount::Fixed(4)) => (I::Boolean, Amount::Implied),
        (I::UnicodeString | I::AnsiString | I::Binary | I::Boolean, Amount::Fixed(length)) => {
            (*kind, Amount::Fixed(length))
        }
        (_, Amount::Fixed(_)) => (*kind, Amount::Implied),
        (I::AnsiString, Amount::Prefixed) => (I::ManifestCountedAnsiString, Amount::Implied),
        (I::Binary, Amount::Prefixed) => (I::ManifestCountedBinary, Amount::Implied),
        (I::UnicodeString, Amount::Rest) => (I::NonNullTerminatedString, Amount::Implied),
        (I::AnsiString, Amount::Rest) => (I::NonNullTerminatedAnsiString, Amount::Implied),
        (kind, length) => (kind, length),
    };
    told
}
