//! Each row for events of ETW, with a record and what becomes of it.
//!
//! The cases lie in `rows.yaml`. Each is done twice, with a record that has its own names and with one that
//! shares them with others, which take two ways through the normaliser.

#![expect(clippy::unwrap_used, reason = "a failure in a test is a finding")]

use std::collections::BTreeMap;
use std::sync::Arc;

use etwatch_event::{
    Activity, EventBatch, FieldNames, LogSource, RecordBatch, Shape, Sid, Timestamp, Value,
    Vocabulary,
};
use etwatch_normalise::table::OneOrMany;
use etwatch_normalise::{Context, Normaliser, Table, Taxonomy, Volumes};
use serde::Deserialize;

/// The beginning of the names of classes.
const CLASS: &str = "SystemTraceProvider-";
/// Providers of ETW whose rows mean something for Sigma or for the memory of a host.
const PROVIDERS: [&str; 8] = [
    "Microsoft-Windows-Kernel-Process",
    "Microsoft-Windows-Kernel-File",
    "Microsoft-Windows-Kernel-Network",
    "Microsoft-Windows-Kernel-Registry",
    "Microsoft-Windows-Kernel-Audit-API-Calls",
    "Microsoft-Windows-DNS-Client",
    "Microsoft-Windows-PowerShell",
    "Microsoft-Antimalware-Scan-Interface",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The name of the row.
    row: String,
    /// A provider, or a class.
    provider: String,
    #[serde(default)]
    channel: String,
    /// The event id, of a class the opcode.
    id: u32,
    /// Fields: numbers, or text, or what [`made`] reads.
    given: BTreeMap<String, serde_yaml::Value>,
    /// The log sources.
    sources: Vec<String>,
    /// Those that it may have instead.
    #[serde(default)]
    may_be: Vec<String>,
    #[serde(default)]
    activity: Option<String>,
    /// The values of fields as text; none for a field that is absent.
    gives: BTreeMap<String, Vec<String>>,
}

/// A value whose bytes are kept.
enum Made {
    Number(u64),
    Hex(u64),
    Text(String),
    Bytes(Vec<u8>),
    Sid(Vec<u8>),
    Ip(std::net::IpAddr),
    Time(Timestamp),
}

fn made(value: &serde_yaml::Value) -> Made {
    if let Some(number) = value.as_u64() {
        return Made::Number(number);
    }
    let text = value.as_str().unwrap();
    let bytes = |hex: &str| -> Vec<u8> {
        hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    };
    match text.split_once('=') {
        Some(("hex", hex)) => Made::Hex(u64::from_str_radix(hex, 16).unwrap()),
        Some(("bytes", hex)) => Made::Bytes(bytes(hex)),
        Some(("sid", hex)) => Made::Sid(bytes(hex)),
        Some(("utf16", text)) => {
            Made::Bytes(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
        }
        Some(("ip", text)) => Made::Ip(text.parse().unwrap()),
        Some(("time", text)) => Made::Time(Timestamp::parse(text).unwrap()),
        _ => Made::Text(text.to_owned()),
    }
}

impl Made {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Unsigned(*number),
            Self::Hex(number) => Value::Hex(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Sid(bytes) => Value::Sid(Sid(bytes)),
            Self::Ip(address) => Value::Ip(*address),
            Self::Time(time) => Value::Time(*time),
        }
    }
}

impl Case {
    fn all() -> Vec<Self> {
        serde_yaml::from_str(include_str!("rows.yaml")).unwrap()
    }
    fn is_of_class(&self) -> bool {
        self.provider.starts_with(CLASS)
    }
    fn title(&self) -> String {
        format!("{} {}: {}", self.provider, self.id, self.row)
    }

    fn records(&self, sharing: bool) -> RecordBatch {
        let (id, opcode) = if self.is_of_class() { (0, self.id) } else { (self.id, 0) };
        let mut fields = vec![("EventID".to_owned(), Made::Number(id.into()))];
        fields.push(("Provider_Name".to_owned(), Made::Text(self.provider.clone())));
        let channel = (!self.channel.is_empty()).then(|| Made::Text(self.channel.clone()));
        fields.extend(channel.map(|channel| ("Channel".to_owned(), channel)));
        fields.push(("Opcode".to_owned(), Made::Number(opcode.into())));
        fields.extend(self.given.iter().map(|(name, value)| (name.clone(), made(value))));
        let names: Arc<FieldNames> = Arc::new(fields.iter().map(|(name, _)| &**name).collect());
        let mut batch = RecordBatch::default();
        let mut record = batch.begin();
        if sharing {
            record.share_names(&names);
        }
        for (index, (name, value)) in fields.iter().enumerate() {
            if sharing {
                record.push_next(value.value());
            } else {
                record.push(name, value.value());
            }
            match &**name {
                "Provider_Name" => record.set_provider(index),
                "Channel" => record.set_channel(index),
                _ => {}
            }
        }
        record.set_event_id(id);
        record.set_shape(Shape::Etw);
        record.finish();
        batch
    }

    fn check(&self, events: &EventBatch) {
        let title = self.title();
        let event = events.get(0).unwrap();
        let shown = |sources: &[LogSource]| -> Vec<String> {
            sources.iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown(event.log_sources()), self.sources, "{title}");
        let role = event.layout().role();
        let may_be = role.alternative.map(|set| shown(event.vocabulary().log_sources(set)));
        assert_eq!(may_be.unwrap_or_default(), self.may_be, "{title}");
        let activity = self.activity.as_deref().map(|word| Activity::parse(word).unwrap());
        assert_eq!(role.activity, activity.unwrap_or_default(), "{title}");
        let mut scratch = String::new();
        for (name, expected) in &self.gives {
            let values = event.get_named(name);
            let texts: Vec<_> = values
                .iter()
                .map(|value| value.text(&mut scratch).unwrap_or("null").to_owned())
                .collect();
            assert_eq!(&texts, expected, "{title}: {name}");
            assert_eq!(values.is_present(), !expected.is_empty(), "{title}: {name}");
        }
    }
}

/// A host of which volume 3 is C.
fn context() -> Context {
    Context::new(Volumes::new([("\\Device\\HarddiskVolume3\\", "C:\\")]), "C:\\Windows")
}

#[test]
fn records_become_the_events_that_rules_expect() {
    let mut vocabulary = Vocabulary::default();
    let taxonomy = Taxonomy::compile(&Table::built_in().unwrap(), &mut vocabulary).unwrap();
    let (taxonomy, vocabulary) = (Arc::new(taxonomy), Arc::new(vocabulary));
    let mut normaliser = Normaliser::new(Arc::clone(&taxonomy), Arc::clone(&vocabulary));
    for case in Case::all() {
        for sharing in [false, true, true] {
            let mut events = EventBatch::new(Arc::clone(&vocabulary));
            normaliser.add(&case.records(sharing), 0, &context(), &mut events);
            case.check(&events);
        }
    }
}

#[test]
fn each_row_that_means_something_has_a_case() {
    let cases = Case::all();
    let mut without = Vec::new();
    for log in &Table::built_in().unwrap().logs {
        let of_etw = |name: &String| PROVIDERS.contains(&&**name);
        if log.class.is_empty() && !log.provider.iter().any(of_etw) {
            continue;
        }
        for row in &log.events {
            let means_something =
                !row.category.is_empty() || !row.may_be.is_empty() || row.activity.is_some();
            let is_its_case = |case: &Case| {
                let mut names = log.provider.iter().chain(&log.class);
                let is_of_log = names.any(|name| *name == case.provider);
                is_of_log && case.row == row.name && row.id.all().contains(&case.id)
            };
            if means_something && !cases.iter().any(is_its_case) {
                without.push(format!("{:?} {:?} {}", log.provider, row.id.all(), row.name));
            }
        }
    }
    assert_eq!(without, Vec::<String>::new());
}

/// What rows of an activity have to give to who remembers, of providers that say it at all.
const NEEDED: [(Activity, &[&str]); 20] = [
    (Activity::ProcessStart, &["ProcessId", "ParentProcessId"]),
    (Activity::ProcessRundown, &["ProcessId", "ParentProcessId", "TerminalSessionId"]),
    (Activity::ProcessEnd, &["ProcessId"]),
    (Activity::ThreadStart, &["SourceProcessId", "TargetProcessId", "NewThreadId", "StartAddress"]),
    (Activity::ThreadRundown, &["TargetProcessId", "NewThreadId"]),
    (Activity::ImageLoad, &["ProcessId", "ImageLoaded"]),
    (Activity::ImageRundown, &["ProcessId", "ImageBase", "ImageSize", "ImageLoaded"]),
    (Activity::ImageUnload, &["ProcessId", "ImageBase"]),
    (Activity::ProcessAccess, &["SourceProcessId", "GrantedAccess"]),
    (Activity::FileOpen, &["ProcessId", "FileObject", "TargetFilename"]),
    (Activity::FileName, &["FileKey", "FileName"]),
    (Activity::FileNameEnd, &["FileKey"]),
    (Activity::FileClose, &["FileObject", "FileKey"]),
    (Activity::FileUse, &["ProcessId", "TargetFilename"]),
    (Activity::FileRename, &["ProcessId", "FileObject", "TargetFilename", "SourceFilename"]),
    (Activity::KeyOpen, &["ProcessId", "BaseObject", "RelativeName", "Status", "TargetObject"]),
    (Activity::KeyName, &["KeyObject", "KeyName"]),
    (Activity::KeyClose, &["KeyObject"]),
    (
        Activity::Connection,
        &[
            "ProcessId",
            "Protocol",
            "Initiated",
            "SourceIp",
            "SourcePort",
            "DestinationIp",
            "DestinationPort",
            "DestinationHostname",
        ],
    ),
    (Activity::DnsQuery, &["ProcessId", "QueryName", "QueryStatus", "QueryResults"]),
];

#[test]
fn rows_give_what_their_activity_needs() {
    let table = Table::built_in().unwrap();
    let mut checked = 0;
    for log in &table.logs {
        for row in &log.events {
            let Some(word) = &row.activity else { continue };
            let activity = Activity::parse(word).unwrap_or_else(|| panic!("{word}"));
            let renamed = row.rename.values().flat_map(OneOrMany::all);
            let written = |name: &str| {
                let mut names = row.fields.iter().chain(&log.fields).chain(renamed.clone());
                names.any(|field| field == name)
                    || row.compose.contains_key(name)
                    || row.constants.contains_key(name)
            };
            let needed = NEEDED.iter().find(|(of, _)| *of == activity);
            for name in needed.map(|(_, names)| *names).unwrap_or_default() {
                assert!(
                    written(name),
                    "{:?} {:?} {}: {name}",
                    log.provider,
                    row.id.all(),
                    row.name
                );
                checked += 1;
            }
            for name in row.actor.iter().chain(&row.target) {
                let of_header = name.starts_with("Execution_");
                assert!(of_header || written(name), "{:?} {}: {name}", log.provider, row.name);
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn an_id_of_sysmon_stands_behind_the_event_s_own() {
    let table = Table::built_in().unwrap();
    for log in &table.logs {
        for row in log.events.iter().filter(|row| !row.sysmon.is_empty()) {
            assert!(!row.category.is_empty() || !row.may_be.is_empty(), "{}", row.name);
            assert_ne!(log.service.as_deref(), Some("sysmon"), "{}", row.name);
        }
    }
}
