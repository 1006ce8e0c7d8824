//! From an act to recordings: a text in the shape of `evtx_dump`, and a real `.etl` file.
//!
//! A log of ETW begins with what already runs, as sessions are told it: each process once by the class of the
//! kernel logger, which has the command line, and once by Kernel-Process, which has the path; and the modules.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use etwatch_capture::etl::{Metadata, TraceHeader, Writer};
use etwatch_decode::table::{TableKey, Tables};
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord, Timestamp};
use serde_json::json;
use serde_yaml::Value;

use crate::act::{Act, Host, Logged, Module, Process, Traced};
use crate::payload;

/// Between the beginning of a recording and the act, and between two records, in 100 ns.
const BEFORE: u64 = 100_000_000;
const STEP: u64 = 10_000;
/// Since when the host runs when recording begins: three hours.
const SINCE_BOOT: u64 = 3 * 3_600 * 10_000_000;

/// An event of a log, as `evtx_dump` writes it.
pub(crate) fn logged(host: &Host, log: &str, event: &Logged) -> String {
    let log = &host.logs[log];
    let time = at(host, BEFORE).to_string();
    let mut system = json!({
        "Provider": {"#attributes": {"Name": log.provider}},
        "EventID": event.id,
        "Channel": log.channel,
        "Computer": host.computer,
        "TimeCreated": {"#attributes": {"SystemTime": time}},
    });
    if let Some(pid) = event.pid {
        system["Execution"] = json!({"#attributes": {"ProcessID": pid}});
    }
    json!({"Event": {"System": system, "EventData": event.fields}}).to_string()
}

/// The same as a flat object, as many tools write it.
pub(crate) fn flat(host: &Host, log: &str, event: &Logged) -> String {
    let log = &host.logs[log];
    let mut object = json!({
        "Provider_Name": log.provider,
        "EventID": event.id,
        "Channel": log.channel,
        "Computer": host.computer,
        "TimeCreated": at(host, BEFORE).to_string(),
    });
    if let Some(pid) = event.pid {
        object["Execution_ProcessID"] = pid.into();
    }
    for (name, value) in &event.fields {
        object[name] = serde_json::to_value(value).unwrap();
    }
    object.to_string()
}

/// The log of ETW, in this folder.
pub(crate) fn traced(host: &Host, act: &Act, folder: &Path) -> PathBuf {
    let path = folder.join("trace.etl");
    write(host, act.etw.iter().map(|record| (at(host, BEFORE), record)), &path);
    path
}

/// A log of ETW: what runs, then these records, each at its time or right behind the one before.
pub(crate) fn write<'a>(
    host: &Host,
    records: impl Iterator<Item = (Timestamp, &'a Traced)>,
    path: &Path,
) {
    let start = at(host, 0);
    let header = TraceHeader {
        build: host.build,
        start,
        boot: Timestamp::from_filetime(start.filetime() - SINCE_BOOT),
        logger_name: "etwatch".to_owned(),
        ..TraceHeader::default()
    };
    let mut trace = Trace {
        host,
        time: start,
        writer: Writer::create(File::create(path).unwrap(), &header).unwrap(),
    };
    let volume = format!("{}\0C:\0", host.volume);
    let volume: Vec<u8> = volume.encode_utf16().flat_map(u16::to_le_bytes).collect();
    trace.writer.describe(Metadata::Volume, &volume, trace.time).unwrap();
    for process in &host.processes {
        trace.running(process);
    }
    for module in &host.modules {
        trace.loaded(module);
    }
    for (time, record) in records {
        trace.time = trace.time.max(time);
        trace.write(record);
    }
    let written = trace.writer.finish().unwrap();
    assert_eq!(written.refused, 0);
}

fn at(host: &Host, later: u64) -> Timestamp {
    let start = Timestamp::parse(&host.time).unwrap();
    Timestamp::from_filetime(start.filetime() + later)
}

struct Trace<'a> {
    host: &'a Host,
    time: Timestamp,
    writer: Writer<File>,
}

impl Trace<'_> {
    fn running(&mut self, process: &Process) {
        let Process { id, parent, image, command, user, label } = process;
        let name = image.rsplit('\\').next().unwrap();
        // The class has room for 15 letters.
        let name: String = name.chars().take(15).collect();
        self.rundown(
            "Process 3 v4",
            &json!({
                "ProcessId": id, "ParentId": parent, "SessionId": 1, "UserSID": user,
                "ImageFileName": name, "CommandLine": command,
            }),
        );
        self.rundown(
            "Kernel-Process 15 v1",
            &json!({
                "ProcessID": id, "ParentProcessID": parent, "SessionID": 1, "MandatoryLabel": label,
                "ImageName": self.kernel_path(image),
            }),
        );
    }

    fn loaded(&mut self, module: &Module) {
        let Module { process, base, size, image } = module;
        self.rundown(
            "Image 3 v3",
            &json!({
                "ImageBase": base, "ImageSize": size, "ProcessId": process,
                "FileName": self.kernel_path(image),
            }),
        );
    }

    fn kernel_path(&self, path: &str) -> String {
        path.replace("C:", &self.host.volume)
    }

    fn rundown(&mut self, event: &str, fields: &serde_json::Value) {
        let fields: BTreeMap<String, Value> = serde_json::from_value(fields.clone()).unwrap();
        self.write(&Traced { event: event.to_owned(), pid: Some(4), tid: 8, fields });
    }

    fn write(&mut self, record: &Traced) {
        let header = self.header(record);
        let schema = Tables::embedded().find(&TableKey::of(&header, Some(self.host.build)));
        let schema = schema.unwrap_or_else(|| panic!("no layout of {}", record.event));
        let payload = payload::encode(&schema, &record.fields, self.time);
        self.writer.write(&RawRecord { header, extended: &[], payload: &payload }).unwrap();
        self.time = Timestamp::from_filetime(self.time.filetime() + STEP);
    }

    fn header(&self, record: &Traced) -> RawHeader {
        let Host { classes, providers, .. } = self.host;
        let mut words = record.event.rsplitn(3, ' ');
        let mut next = || words.next().unwrap_or_else(|| panic!("{}", record.event));
        let version = next().strip_prefix('v').unwrap().parse().unwrap();
        let number: u16 = next().parse().unwrap();
        let name = next();
        let common = RawHeader {
            time: self.time,
            version,
            process_id: record.pid,
            thread_id: record.pid.map(|_| record.tid),
            pointer_size: 8,
            ..RawHeader::default()
        };
        let guid = |text: &String| Guid::parse(text).unwrap();
        match (classes.get(name), providers.get(name)) {
            (Some(class), _) => RawHeader {
                form: RawForm::Kernel,
                provider: guid(class),
                opcode: u8::try_from(number).unwrap(),
                ..common
            },
            (_, Some(provider)) => {
                RawHeader { form: RawForm::Event, provider: guid(provider), id: number, ..common }
            }
            (None, None) => panic!("no GUID of {name}"),
        }
    }
}
