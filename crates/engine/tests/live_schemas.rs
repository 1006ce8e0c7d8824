//! The table of live sources against the facts of manifests beside the project: GUIDs, ids, keywords, levels, fields,
//! first builds; and against each mistake that is known of other tools and of the manifests themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use etwatch_decode::Schema;
use etwatch_decode::table::Tables;
use etwatch_engine::live_plan::LiveTable;
use etwatch_engine::live_plan::table::ProviderRow;
use etwatch_event::Guid;
use etwatch_event::field::HEADER_FIELDS;
use etwatch_normalise::Table;
use serde_json::Value;

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let place = std::env::var_os("ETWATCH_CORPUS").map_or(beside, PathBuf::from);
    if place.join("schemas").is_dir() {
        return Some(place.join("schemas"));
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "no corpus at {}", place.display());
    eprintln!("SKIPPED: no corpus at {}; set ETWATCH_CORPUS", place.display());
    None
}

/// What the manifests of all builds say of an event.
#[derive(Debug)]
struct Known {
    guid: Guid,
    masks: BTreeSet<u64>,
    levels: BTreeSet<u64>,
    first_build: u64,
    /// By field, in small letters: the first build whose layout has it.
    fields: BTreeMap<String, u64>,
}

/// By provider and id.
type Events = BTreeMap<(String, u64), Known>;

/// What `0x…` says.
fn number(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

fn first(builds: &Value) -> u64 {
    builds.as_array().unwrap().iter().filter_map(Value::as_u64).min().unwrap_or(u64::MAX)
}

fn events(folder: &Path) -> Events {
    let mut events = Events::new();
    for line in std::fs::read_to_string(folder.join("schemas.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(guid) = line["guid"].as_str().and_then(Guid::parse) else { continue };
        let key = (line["provider"].as_str().unwrap().to_owned(), line["id"].as_u64().unwrap());
        let known = events.entry(key).or_insert_with(|| Known {
            guid,
            masks: BTreeSet::new(),
            levels: BTreeSet::new(),
            first_build: u64::MAX,
            fields: BTreeMap::new(),
        });
        // Some dumps know the names of keywords alone.
        known.masks.extend(line["keywords"]["mask"].as_str().map(number));
        known.levels.extend(line["level"]["value"].as_u64());
        known.first_build = known.first_build.min(first(&line["builds"]));
        let layouts = line["layouts"].as_array().map_or(vec![&line], |all| all.iter().collect());
        for layout in layouts {
            for field in layout["fields"].as_array().unwrap() {
                let name = field["name"].as_str().unwrap().to_lowercase();
                let build = known.fields.entry(name).or_insert(u64::MAX);
                *build = (*build).min(first(&layout["builds"]));
            }
        }
    }
    events
}

fn table() -> LiveTable {
    LiveTable::built_in().unwrap()
}

fn row<'t>(table: &'t LiveTable, name: &str) -> &'t ProviderRow {
    table.providers.iter().find(|row| row.name == name).unwrap()
}

/// The keyword with which the table asks for an id.
fn keyword(table: &LiveTable, name: &str, id: u16) -> Option<u64> {
    row(table, name).rows_of(|own| own == id).next().map(|events| events.keyword)
}

/// The layouts of an id of a provider that are part of the program.
fn layouts(provider: &str, id: u16) -> impl Iterator<Item = &'static Schema> {
    let of = move |schema: &&Schema| &*schema.provider == provider;
    let entries = Tables::embedded().entries();
    let entries = entries.filter(move |entry| !entry.classic && entry.number == id);
    entries.map(|entry| &**entry.schema).filter(of).collect::<Vec<_>>().into_iter()
}

#[test]
fn guids_ids_keywords_levels_and_builds_are_those_of_the_manifests() {
    let Some(folder) = corpus() else { return };
    let events = events(&folder);
    let mut checked = 0;
    for row in table().providers.iter().filter(|row| !row.is_class()) {
        for asked in &row.events {
            for id in &asked.ids {
                let known = events.get(&(row.name.clone(), u64::from(*id)));
                let known = known.unwrap_or_else(|| panic!("{} has no event {id}", row.name));
                let what = format!("{} {id}: {known:?}", row.name);
                assert_eq!(known.guid, row.guid.0, "{what}");
                assert_eq!(known.first_build, u64::from(asked.build), "{what}");
                let brings = |mask: &u64| asked.keyword == 0 || mask & asked.keyword != 0;
                assert!(known.masks.iter().all(brings), "{what}");
                let is_told = |level: &u64| *level <= u64::from(row.level);
                assert!(known.levels.iter().all(is_told), "{what}");
                checked += 1;
            }
        }
        for (field, build) in &row.later {
            let of_row = events.iter().filter(|((name, _), _)| *name == row.name);
            let told = of_row.filter_map(|(_, known)| known.fields.get(&field.to_lowercase()));
            assert_eq!(told.min(), Some(&u64::from(*build)), "{} {field}", row.name);
        }
    }
    assert!(checked > 100, "only {checked} ids");
}

/// Of each event that is asked for: what the taxonomy makes other fields of is a field of its payload.
#[test]
fn the_fields_that_the_taxonomy_looks_at_are_in_the_payloads() {
    let Some(folder) = corpus() else { return };
    let (events, table) = (events(&folder), table());
    let mut checked = 0;
    for log in Table::built_in().unwrap().logs {
        let Some(row) = table.providers.iter().find(|row| log.provider.contains(&row.name)) else {
            continue;
        };
        for event in &log.events {
            let ids = event.id.all().iter().filter_map(|id| u16::try_from(*id).ok());
            let asked = ids.filter(|id| row.rows_of(|own| own == *id).next().is_some());
            let told: Vec<_> =
                asked.map(|id| &events[&(row.name.clone(), u64::from(id))]).collect();
            if told.is_empty() {
                continue;
            }
            let parts = event.extract.values().flatten().map(|part| &part.from);
            for field in event.rename.keys().chain(event.when.keys()).chain(parts) {
                let has = |known: &&Known| known.fields.contains_key(&field.to_lowercase());
                let is_there = HEADER_FIELDS.contains(&field.as_str()) || told.iter().any(has);
                assert!(is_there, "{} {:?} {field}", row.name, event.id);
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "only {checked} fields");
}

#[test]
fn classes_and_channels_are_those_that_are_decoded_and_normalised() {
    let table = table();
    for row in table.providers.iter().filter(|row| row.is_class()) {
        assert_eq!(Tables::embedded().provider_name(&row.guid.0), Some(row.name.as_str()));
    }
    let logs = Table::built_in().unwrap().logs;
    for channel in &table.channels {
        assert!(logs.iter().any(|log| log.channel.contains(&channel.path)), "{}", channel.path);
    }
    for log in logs.iter().filter(|log| !log.channel.is_empty()) {
        let is_known = |path: &String| {
            table.channels.iter().any(|row| row.path == *path)
                || table.closed.iter().any(|row| row.channels.contains(path))
        };
        assert!(log.channel.iter().any(is_known), "{:?}", log.channel);
    }
    for derived in &table.derived {
        let mut rows = logs.iter().flat_map(|log| &log.events);
        assert!(rows.any(|row| row.category.contains(&derived.category)), "{}", derived.category);
    }
}

const FILE: &str = "Microsoft-Windows-Kernel-File";
const REGISTRY: &str = "Microsoft-Windows-Kernel-Registry";
const PROCESS: &str = "Microsoft-Windows-Kernel-Process";
const NETWORK: &str = "Microsoft-Windows-Kernel-Network";
const AUDIT: &str = "Microsoft-Windows-Kernel-Audit-API-Calls";
const TRACING: &str = "Microsoft-Windows-Kernel-EventTracing";
const DNS: &str = "Microsoft-Windows-DNS-Client";

/// A mistake that is made elsewhere, words of its description, and whether it is avoided here.
type Mistake = (&'static str, &'static str, fn(&LiveTable, &Events) -> bool);

/// In the order of the list beside the project.
const MISTAKES: &[Mistake] = &[
    ("a wrong GUID of Kernel-File", "Kernel-File GUID", |table, _| {
        row(table, FILE).guid.0.to_string() == "{edd08927-9cc4-4e65-b970-c2560fb5c289}"
    }),
    ("writes taken for deletions", "Kernel-File mask 0xEB0", |table, _| {
        let of = |id| keyword(table, FILE, id);
        [26, 27, 30, 16].map(of) == [Some(0x400), Some(0x800), Some(0x1000), None]
    }),
    ("queries taken for values that are set", "Kernel-Registry mask 0xF000", |table, _| {
        let of = |id| keyword(table, REGISTRY, id);
        [5, 6, 3, 4, 7].map(of) == [Some(0x100), Some(0x200), Some(0x4000), None, None]
    }),
    ("image loads by the opcode of the class", "selected by opcode 10", |table, _| {
        let logs = Table::built_in().unwrap().logs;
        let of_process = logs.iter().filter(|log| log.provider.iter().any(|name| name == PROCESS));
        let rows = of_process.flat_map(|log| &log.events);
        let loads = rows.filter(|row| row.activity.as_deref() == Some("image load"));
        let ids: BTreeSet<u32> = loads.flat_map(|row| row.id.all().to_vec()).collect();
        let of_class = keyword(table, "SystemTraceProvider-Image", 10);
        ids == BTreeSet::from([5]) && of_class.is_some()
    }),
    ("a wrong keyword of threads", "CONTEXT_SWITCH=0x20", |table, events| {
        let masks = row(table, PROCESS).events.iter().map(|events| events.keyword);
        let threads = &events[&(PROCESS.to_owned(), 3)].masks;
        *threads == BTreeSet::from([0x20]) && masks.fold(0, |all, mask| all | mask) == 0x10
    }),
    ("IPv6 taken for UDP", "Kernel-Network 0x10 = TCP", |table, _| {
        let of = |id| keyword(table, NETWORK, id);
        [12, 15, 10, 42].map(of) == [Some(0x10); 4] && [28, 31, 26, 58].map(of) == [Some(0x20); 4]
    }),
    ("operations by the opcode of the header", "selected by header opcode", |table, _| {
        // Opcodes are asked for of classes alone, and routing goes by ids as well.
        let is_by_id = |name| !row(table, name).is_class();
        is_by_id(FILE) && is_by_id(REGISTRY)
    }),
    ("layouts without binary fields", "drops every fixed-length binary field", |_, _| {
        [26, 27, 28, 29, 31, 58, 59].into_iter().all(|id| {
            let has = |schema: &Schema, name: &str| {
                schema.own_fields().iter().any(|field| &*field.name == name)
            };
            let mut all = layouts(NETWORK, id).peekable();
            all.peek().is_some() && all.all(|it| has(it, "daddr") && has(it, "saddr"))
        })
    }),
    ("a connid of four bytes", "Kernel-Network connid UInt32", |_, _| {
        let mut all = layouts(NETWORK, 12).peekable();
        all.peek().is_some()
            && all.all(|schema| {
                let connid = schema.own_fields().iter().find(|field| &*field.name == "connid");
                format!("{:?}", connid.unwrap().kind).contains("Pointer")
            })
    }),
    ("the misspelt id of a thread put right", "TargetThreatId", |_, events| {
        let told = events[&(AUDIT.to_owned(), 6)].fields.contains_key("targetthreatid");
        let mut ours = layouts(AUDIT, 6);
        told && ours.all(|it| it.own_fields().iter().any(|it| &*it.name == "TargetThreatId"))
    }),
    ("the base of 32-bit images believed", "DefaultBase for 32-bit images", |_, _| {
        let rows = Table::built_in().unwrap().logs.into_iter().flat_map(|log| log.events);
        let mut looked_at = rows.flat_map(|row| {
            let names = row.when.into_keys().chain(row.rename.into_keys());
            names.collect::<Vec<_>>()
        });
        looked_at.all(|name| name != "DefaultBase")
    }),
    ("masks compared for equality with headers", "missing from masks", |table, events| {
        // A header has the bit of its channel as well: the mask still brings it, and doesn't name that bit.
        let asked = row(table, PROCESS).events.iter().map(|events| events.keyword);
        let mask = asked.fold(0, |all, mask| all | mask);
        let told = events[&(PROCESS.to_owned(), 1)].masks.iter().next().unwrap();
        let header = told | 1 << 63;
        header & mask != 0 && header != mask && mask >> 48 == 0
    }),
    ("events of Audit-API by names", "names of tasks/opcodes of Audit-API", |table, _| {
        let of = |id| keyword(table, AUDIT, id);
        [2, 4, 5, 6].map(of) == [Some(0); 4]
    }),
    ("a keyword of DNS-Client that moved", "keyword_200000000000", |table, _| {
        let of = |id| keyword(table, DNS, id);
        [3006, 3008, 3018, 3020].map(of) == [Some(0); 4]
    }),
    ("masks of Threat-Intelligence of 17134", "Threat-Intelligence masks", |table, _| {
        table.providers.iter().all(|row| !row.name.ends_with("Threat-Intelligence"))
    }),
    ("opcodes 32 to 46 of Kernel-Registry", "Kernel-Registry opcodes 32..46", |table, _| {
        let mut ids = row(table, REGISTRY).events.iter().flat_map(|events| &events.ids);
        ids.all(|id| (1..=15).contains(id))
    }),
    ("session events at level 4", "session events enabled at level 4", |table, _| {
        row(table, TRACING).level == 5
    }),
];

#[test]
fn no_known_mistake_is_made() {
    let Some(folder) = corpus() else { return };
    let (events, table) = (events(&folder), table());
    let keywords = std::fs::read_to_string(folder.join("keywords.json")).unwrap();
    let keywords: Value = serde_json::from_str(&keywords).unwrap();
    let listed = keywords["_knownMistakes"].as_array().unwrap();
    assert_eq!(listed.len(), MISTAKES.len(), "each of the list has its case");
    for (listed, (name, words, is_avoided)) in listed.iter().zip(MISTAKES) {
        let what = listed["what"].as_str().unwrap();
        assert!(what.contains(words), "the case `{name}` is not about `{what}`");
        assert!(is_avoided(&table, &events), "{name}: {listed:#}");
    }
}

#[test]
fn flags_of_classes_are_those_of_the_kernel_logger() {
    let Some(folder) = corpus() else { return };
    let keywords = std::fs::read_to_string(folder.join("keywords.json")).unwrap();
    let keywords: Value = serde_json::from_str(&keywords).unwrap();
    let flags = &keywords["_classicKernelFlags"]["flags"];
    let table = table();
    for (class, flag) in [("Process", "PROCESS"), ("Thread", "THREAD"), ("Image", "IMAGE_LOAD")] {
        let row = row(&table, &format!("SystemTraceProvider-{class}"));
        assert_eq!(u64::from(row.flags), number(flags[flag].as_str().unwrap()), "{class}");
    }
}
