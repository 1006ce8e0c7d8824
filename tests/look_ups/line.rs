//! Records, and the way from them to matches.

use std::sync::{Arc, OnceLock};

use etwatch_engine::Engine;
use etwatch_event::{EventBatch, Ledger, RecordBatch, Shape, Timestamp, Value};
use etwatch_host::{Answer, FileFacts, FileIdentity, FileQuestions, NoFacts, VersionInformation};
use etwatch_normalise::{Context, Normaliser};
use etwatch_rules::Matcher;
use etwatch_state::{Settings, State};

use crate::support::engine_of;

pub(crate) const RULES: &str = r"
title: company
logsource: {category: image_load, product: windows}
detection: {s: {Company: Evil}, condition: s}
---
title: hash
logsource: {category: image_load, product: windows}
detection: {s: {Hashes|contains: 'MD5=0202'}, condition: s}
---
title: start
logsource: {category: process_creation, product: windows}
detection: {s: {OriginalFileName: mimikatz.exe, md5|startswith: '02'}, condition: s}
---
title: script
logsource: {category: ps_script, product: windows}
detection: {s: {ScriptBlockText|contains: Invoke-Mimikatz}, condition: s}
";

pub(crate) const MILLISECOND: u64 = 10_000;
pub(crate) const KERNEL: &str = "Microsoft-Windows-Kernel-Process";
pub(crate) const CLASS: &str = "SystemTraceProvider-Process";
pub(crate) const POWERSHELL: &str = "Microsoft-Windows-PowerShell";
pub(crate) const PATH: &str = r"C:\Temp\a.dll";

pub(crate) fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_filetime(milliseconds * MILLISECOND)
}

pub(crate) type Fields<'f> = &'f [(&'f str, Value<'f>)];

/// Adds a record; of a class of the kernel `id` is the opcode.
pub(crate) fn push(
    batch: &mut RecordBatch,
    shape: Shape,
    provider: &str,
    id: u32,
    time: u64,
    fields: Fields<'_>,
) {
    let (id, opcode) = if provider == CLASS { (0, id) } else { (id, 0) };
    let number = batch.len() as u64 + 1;
    let mut record = batch.begin();
    record.set_time(at(time));
    record.set_number(number);
    record.set_shape(shape);
    record.push("Provider_Name", Value::Text(provider));
    record.set_provider(0);
    record.push("EventID", Value::Unsigned(id.into()));
    record.set_event_id(id);
    record.push("Opcode", Value::Unsigned(opcode.into()));
    for (name, value) in fields {
        record.push(name, *value);
    }
    record.finish();
}

/// The load of an image.
pub(crate) fn load(batch: &mut RecordBatch, time: u64, path: &str) {
    let fields = [
        ("ProcessID", Value::Unsigned(672)),
        ("ImageBase", Value::Hex(0x7ff6_0000_0000)),
        ("ImageName", Value::Text(path)),
    ];
    push(batch, Shape::Etw, KERNEL, 5, time, &fields);
}

/// A content of a file: who made it, and its MD5.
pub(crate) fn facts(company: &str, content: u8) -> FileFacts {
    let version = VersionInformation {
        company: Some(company.to_owned()),
        original_file_name: Some("mimikatz.exe".to_owned()),
        ..VersionInformation::default()
    };
    FileFacts {
        identity: FileIdentity { volume: 1, file: 7, size: 9, changed: at(content.into()) },
        answered: FileQuestions::MD5 | FileQuestions::VERSION,
        md5: Some([content; 16]),
        version: Some(Box::new(version)),
        ..FileFacts::default()
    }
}

pub(crate) fn answer(
    batch: &mut RecordBatch,
    time: u64,
    path: &str,
    outcome: Result<FileFacts, NoFacts>,
) {
    let answer = Answer { token: 0, path: path.into(), outcome: outcome.map(Arc::new) };
    answer.record(at(time), batch.len() as u64 + 1, batch);
}

/// An event that left: its time in milliseconds, what some fields of it say, which rules are true of it.
pub(crate) type Seen = (u64, Vec<String>, Vec<String>);

/// The way from records to matches.
pub(crate) struct Line {
    engine: Engine,
    normaliser: Normaliser,
    pub(crate) state: State,
    events: EventBatch,
    out: EventBatch,
    ledger: Ledger,
}

impl Line {
    pub(crate) fn new(settings: Settings) -> Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        let engine = ENGINE.get_or_init(|| engine_of(RULES)).clone();
        let mut state = State::new(settings, Arc::clone(&engine.outline));
        state.tell(engine.wanted());
        let batch = || EventBatch::new(Arc::clone(&engine.vocabulary));
        let (events, out) = (batch(), batch());
        let (normaliser, ledger) = (engine.normaliser(), Ledger::default());
        Self { engine, normaliser, state, events, out, ledger }
    }
    pub(crate) fn take(&mut self, records: &RecordBatch) {
        self.events.clear();
        self.normaliser.add(records, 0, &Context::default(), &mut self.events);
        for event in self.events.iter() {
            self.ledger.read += 1;
            self.state.take(&event, &mut self.out, &mut self.ledger);
        }
    }
    /// Nothing more comes.
    pub(crate) fn seen(&mut self, fields: &[&str]) -> Vec<Seen> {
        self.state.finish(&mut self.out, &mut self.ledger);
        assert!(self.ledger.is_balanced(), "{:?}", self.ledger);
        assert_eq!(self.ledger.events(), self.out.len() as u64);
        let (mut matcher, mut scratch) = (Matcher::default(), String::new());
        let rules = &self.engine.rules;
        let seen = self.out.iter().map(|event| {
            let mut matches = Vec::new();
            rules.matches(&event, 0, &mut matcher, &mut matches);
            let titles =
                matches.iter().map(|it| rules.get(it.rule).unwrap().attributes.title.clone());
            let texts = fields.iter().map(|name| {
                let values = event.get_named(name);
                let texts = values.iter().map(|value| value.text(&mut scratch).unwrap().to_owned());
                texts.collect::<Vec<_>>().join("|")
            });
            (event.time().filetime() / MILLISECOND, texts.collect(), titles.collect())
        });
        seen.collect()
    }
}

/// What becomes of these records.
pub(crate) fn run(
    settings: Settings,
    records: &RecordBatch,
    fields: &[&str],
) -> (Vec<Seen>, Ledger) {
    let mut line = Line::new(settings);
    line.take(records);
    (line.seen(fields), line.ledger)
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
