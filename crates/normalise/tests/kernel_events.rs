//! What the kernel says, taken two ways: as a typed event of the decoder, and under Sigma's names.
//!
//! The records are those of the decoder's tests, cut out of real recordings, and made by hand for layouts that
//! no public recording has. Both ways know nothing of each other, so where they agree, names of fields, the
//! sides of a connection and who acted are right.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure in a test is a finding")]

#[path = "../../decode/tests/kernel_events/sample.rs"]
#[allow(dead_code, clippy::panic, reason = "the decoder's tests use all of it")]
mod sample;

use std::collections::BTreeMap;
use std::sync::Arc;

use etwatch_decode::kernel::{
    FileEvent, ImageEvent, NetworkEvent, NetworkOperation, ProcessEvent, RegistryEvent, ThreadEvent,
};
use etwatch_decode::{Decoder, KernelEvent, SchemaStore, Tables};
use etwatch_event::{Activity, Event, RecordBatch, Vocabulary};
use etwatch_normalise::{Table, Taxonomy, normalise};

use sample::Sample;

const CUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../decode/tests/kernel_events/cut.jsonl");
const SYNTHETIC: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../decode/tests/kernel_events/synthetic.jsonl");

/// An event, compared with what is known of it.
struct Told<'a> {
    title: &'a str,
    event: Event<'a>,
}

impl Told<'_> {
    fn text(&self, field: &str) -> Option<String> {
        let mut scratch = String::new();
        self.event.get_named(field).first()?.text(&mut scratch).map(str::to_owned)
    }
    fn is(&self, field: &str, known: Option<impl ToString>) {
        let known = known.map(|known| known.to_string());
        assert_eq!(self.text(field), known, "{}: {field}", self.title);
    }
    fn hex(&self, field: &str, known: Option<u64>) {
        self.is(field, known.map(|number| format!("{number:#x}")));
    }

    fn process(&self, known: &ProcessEvent<'_>) {
        self.is("ProcessId", Some(known.process_id));
        self.is("ParentProcessId", known.parent_id);
        self.is("CommandLine", known.command_line);
        self.is("TerminalSessionId", known.session_id);
        self.is("Execution_ProcessID", known.context.process_id);
    }
    fn thread(&self, known: &ThreadEvent<'_>) {
        self.is("TargetProcessId", Some(known.process_id));
        self.is("NewThreadId", Some(known.thread_id));
        if self.activity() == Activity::ThreadStart {
            self.is("SourceProcessId", known.context.process_id);
            let start = known.win32_start_address.map(|address| format!("0x{address:016X}"));
            self.is("StartAddress", start);
        }
    }
    fn image(&self, known: &ImageEvent<'_>) {
        // Version 0 has no process of its own.
        if self.text("BaseAddress").is_none() {
            self.is("ProcessId", known.process_id);
        }
        self.hex("ImageBase", Some(known.image_base));
        if self.activity() != Activity::ImageUnload {
            let name = known.file_name.unwrap();
            let told = self.text("ImageLoaded").unwrap();
            assert!(told.ends_with(name.rsplit('\\').next().unwrap()), "{}: {told}", self.title);
        }
    }
    fn network(&self, known: &NetworkEvent) {
        self.is("ProcessId", known.process_id);
        let (local, remote) = (known.local(), known.remote());
        let by_other_side = match known.operation {
            NetworkOperation::Accept => true,
            NetworkOperation::Receive => self.text("Protocol").as_deref() == Some("udp"),
            _ => false,
        };
        let (source, destination) = if by_other_side { (remote, local) } else { (local, remote) };
        self.is("SourceIp", source.0);
        self.is("SourcePort", source.1);
        self.is("DestinationIp", destination.0);
        self.is("DestinationPort", destination.1);
    }
    fn file(&self, known: &FileEvent<'_>) {
        let named = matches!(self.activity(), Activity::FileName | Activity::FileNameEnd);
        self.hex(
            "FileKey",
            if named { known.file_key.or(known.file_object) } else { known.file_key },
        );
        if !named {
            self.hex("FileObject", known.file_object);
        }
    }
    fn registry(&self, known: &RegistryEvent<'_>) {
        if let Some(value) = known.value_name {
            self.is("ValueName", Some(value));
        }
        if self.activity() != Activity::KeyOpen {
            self.hex("KeyObject", known.key);
        }
    }
    fn activity(&self) -> Activity {
        self.event.layout().role().activity
    }
}

/// Normalises each sample; how many events of each activity were compared.
fn compare(file: &str) -> BTreeMap<String, usize> {
    let store = SchemaStore::new(Arc::new(Tables::embedded()), 0);
    let mut vocabulary = Vocabulary::default();
    let taxonomy = Taxonomy::compile(&Table::built_in().unwrap(), &mut vocabulary).unwrap();
    let (taxonomy, vocabulary) = (Arc::new(taxonomy), Arc::new(vocabulary));
    let mut compared = BTreeMap::new();
    for sample in Sample::read(file) {
        let mut records = RecordBatch::default();
        Decoder::default().decode(&sample.record(), &store, &mut records);
        let known = KernelEvent::of(&sample.header, &records.get(0).unwrap());
        let events = normalise(&records, &taxonomy, &vocabulary);
        let title = sample.title();
        let told = Told { title: &title, event: events.get(0).unwrap() };
        if told.activity() == Activity::Other {
            continue;
        }
        match &known {
            KernelEvent::Process(known) => told.process(known),
            KernelEvent::Thread(known) => told.thread(known),
            KernelEvent::Image(known) => told.image(known),
            KernelEvent::Network(known) => told.network(known),
            KernelEvent::File(known) => told.file(known),
            KernelEvent::Registry(known) => told.registry(known),
            other => panic!("{title}: {other:?}"),
        }
        *compared.entry(format!("{:?}", told.activity())).or_default() += 1;
    }
    compared
}

#[test]
fn events_of_real_recordings_say_the_same_under_both_names() {
    let compared = compare(CUT);
    for activity in
        ["ProcessStart", "ProcessEnd", "ThreadStart", "ImageLoad", "Send", "Receive", "FileName"]
    {
        assert!(compared.get(activity).is_some_and(|count| *count > 0), "{activity} {compared:?}");
    }
}

#[test]
fn events_made_by_hand_say_the_same_under_both_names() {
    let compared = compare(SYNTHETIC);
    for activity in ["ProcessRundown", "Connection", "FileOpen", "FileRename", "KeyOpen", "KeyName"]
    {
        assert!(compared.get(activity).is_some_and(|count| *count > 0), "{activity} {compared:?}");
    }
}
