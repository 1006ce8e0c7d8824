//! The layouts of a provider's manifest, in the form of the tables in `crates/decode/schemas`.
//!
//! ```sh
//! cargo run -p etwatch-decode --example manifest_table -- ClrEtwAll.man Microsoft-Windows-DotNETRuntimePrivate
//! ```
//!
//! Names, numbers, types and lengths are taken, no text. What the format of tables has no word for (an out-type
//! that changes nothing) is left out.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program's only output is what it prints"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use etwatch_decode::Schema;
use etwatch_decode::manifest::parse_manifest;
use etwatch_decode::schema::{Amount, Field, FieldKind, OutType, ValueMap};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, provider] = arguments.as_slice() else {
        eprintln!("usage: manifest_table MANIFEST PROVIDER");
        return ExitCode::from(2);
    };
    let schemas = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| parse_manifest(&text).map_err(|error| error.to_string()));
    match schemas {
        Ok(schemas) => {
            let mut own: Vec<_> = schemas
                .into_iter()
                .filter(|(_, _, schema)| *schema.provider == **provider)
                .collect();
            own.sort_by_key(|(id, version, _)| (*id, *version));
            print!("{}", table(&own));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn table(schemas: &[(u16, u8, Schema)]) -> String {
    let mut out = String::new();
    if let Some((_, _, first)) = schemas.first() {
        let guid = first.guid.to_string();
        let guid = guid.trim_matches(['{', '}']);
        out += &format!("provider {} {guid}\n", word(&first.provider));
    }
    let maps: BTreeMap<&str, &ValueMap> = schemas
        .iter()
        .flat_map(|(_, _, schema)| &schema.fields)
        .filter_map(|field| match &field.kind {
            FieldKind::Value(_, _, Some(map)) => Some((&*map.name, &**map)),
            _ => None,
        })
        .collect();
    for (name, map) in maps {
        out += &format!("\nmap {} {}\n", word(name), if map.bits { "bit" } else { "value" });
        for (value, name) in &map.entries {
            out += &format!("  {value:#x} {}\n", word(name));
        }
    }
    for (id, version, schema) in schemas {
        out += &format!("\nevent {id} v{version}");
        if !schema.name.is_empty() {
            // The version stands there already.
            let name = schema.name.trim_end_matches(&format!("_V{version}"));
            out += &format!(" {}", word(name));
        }
        for (attribute, text) in [("task", &schema.task), ("opcode", &schema.opcode)] {
            if !text.is_empty() {
                out += &format!(" {attribute}={}", word(text));
            }
        }
        out += "\n";
        for field in schema.fields.iter().take(schema.top) {
            out += &line(field, schema, "  ");
        }
    }
    out
}

fn line(field: &Field, schema: &Schema, indent: &str) -> String {
    let mut out = format!("{indent}{} ", word(&field.name));
    match &field.kind {
        FieldKind::Value(in_type, out_type, map) => {
            out += &format!("{in_type:?}");
            let name = OUT_TYPES.iter().find(|(known, _)| known == out_type);
            if let Some((_, name)) = name {
                out += &format!("/{name}");
            }
            if let Some(map) = map {
                out += &format!(" map={}", word(&map.name));
            }
        }
        FieldKind::Structure { .. } => out += "struct",
    }
    for (attribute, amount) in [("count", field.count), ("length", field.length)] {
        match amount {
            Amount::Implied => {}
            Amount::Fixed(number) => out += &format!(" {attribute}={number}"),
            Amount::Prefixed => out += &format!(" {attribute}=prefixed"),
            Amount::Rest => out += &format!(" {attribute}=rest"),
            Amount::Field(index) => {
                let counted = schema.fields.get(usize::from(index));
                out += &format!(" {attribute}={}", word(counted.map_or("", |field| &field.name)));
            }
        }
    }
    out += "\n";
    if let FieldKind::Structure { first, members } = field.kind {
        let members = schema.fields.iter().skip(first.into()).take(members.into());
        let deeper = format!("{indent}  ");
        out.extend(members.map(|member| line(member, schema, &deeper)));
    }
    out
}

/// A word of the format: in quotes if it is empty or has what means something to the format.
fn word(text: &str) -> String {
    if text.is_empty() || text.contains(|letter: char| " \t=#\"".contains(letter)) {
        format!("\"{}\"", text.replace('"', "'"))
    } else {
        text.to_owned()
    }
}

/// The out-types that mean something here, by the names that tables give them.
const OUT_TYPES: &[(OutType, &str)] = &[
    (OutType::HEX_INT_16, "HexInt16"),
    (OutType::HEX_INT_32, "HexInt32"),
    (OutType::HEX_INT_64, "HexInt64"),
    (OutType::PROCESS_ID, "ProcessId"),
    (OutType::THREAD_ID, "ThreadId"),
    (OutType::PORT, "Port"),
    (OutType::IPV4, "IPv4"),
    (OutType::IPV6, "IPv6"),
    (OutType::SOCKET_ADDRESS, "SocketAddress"),
    (OutType::XML, "Xml"),
    (OutType::WIN32_ERROR, "Win32Error"),
    (OutType::NT_STATUS, "NtStatus"),
    (OutType::HRESULT, "HResult"),
];
