//! Scenes of a host: what comes in, and what leaves, in which order and with what.

#![expect(clippy::unwrap_used, reason = "a failure in a test is a finding")]

use std::sync::Arc;

use etwatch_event::{
    Activity, EventBatch, LayoutId, Ledger, LogSource, LogSourceSet, LogSourceSetId, Origin, Role,
    Shape, Timestamp, Value, Vocabulary,
};
use etwatch_state::{Ancestors, Outline, Settings, State, Wanted};

const FIELDS: &[&str] = &[
    "ProcessId",
    "ParentProcessId",
    "Image",
    "CommandLine",
    "User",
    "ParentImage",
    "CreateTime",
    "ProcessGuid",
    "ParentProcessGuid",
    "ImageFileName",
    "Unavailable",
    "CreatorImage",
    "CreatorProcessId",
    "SourceProcessId",
    "SourceImage",
    "TargetProcessId",
    "TargetImage",
    "NewThreadId",
    "StartAddress",
    "StartModule",
    "StartUnbacked",
    "ImageBase",
    "ImageSize",
    "ImageLoaded",
    "FileObject",
    "TargetFilename",
    "IssuingThreadId",
    "AncestorProcessGuid",
    "Protocol",
    "SourceIp",
    "SourcePort",
    "DestinationIp",
    "DestinationPort",
];

/// A host that is recorded from ETW, at times in milliseconds.
struct Scene {
    vocabulary: Arc<Vocabulary>,
    layouts: Vec<(Activity, LayoutId)>,
    shape: Shape,
    state: State,
    ledger: Ledger,
    out: EventBatch,
}

impl Scene {
    fn new(settings: Settings) -> Self {
        let mut vocabulary = Vocabulary::default();
        let ids: Vec<_> = FIELDS.iter().map(|name| vocabulary.fields.intern(name)).collect();
        let source = LogSource::new(Some("create_remote_thread"), Some("windows"), None);
        let alternative = Some(vocabulary.add_set(LogSourceSet::new(vec![source])));
        let number = |name: &str| ids.get(FIELDS.iter().position(|own| *own == name)?).copied();
        let layouts = Activity::ALL.iter().map(|(activity, _)| {
            let (actor, target) = match activity {
                Activity::ThreadStart | Activity::ProcessAccess => {
                    (number("SourceProcessId"), number("TargetProcessId"))
                }
                Activity::ThreadRundown => (None, None),
                _ => (number("ProcessId"), None),
            };
            let role = Role { activity: *activity, actor, target, alternative };
            (*activity, vocabulary.add_layout_of(&ids, role))
        });
        let layouts = layouts.collect();
        let outline = Arc::new(Outline::new(&mut vocabulary));
        let vocabulary = Arc::new(vocabulary);
        let out = EventBatch::new(Arc::clone(&vocabulary));
        let (state, ledger) = (State::new(settings, outline), Ledger::default());
        Self { vocabulary, layouts, shape: Shape::Etw, state, ledger, out }
    }

    fn comes(&mut self, time: u64, activity: Activity, fields: &[(&str, Value<'_>)]) {
        let mut batch = EventBatch::new(Arc::clone(&self.vocabulary));
        let (_, layout) = self.layouts.iter().find(|(own, _)| *own == activity).unwrap();
        let mut event = batch.begin(*layout, LogSourceSetId::NONE);
        event.set_time(Timestamp::from_filetime(time * 10_000));
        event.set_origin(Origin { shape: self.shape, ..Origin::default() });
        for (name, value) in fields {
            event.push(self.vocabulary.fields.id(name).unwrap(), *value);
        }
        event.finish();
        self.ledger.read += 1;
        self.state.take(&batch.get(0).unwrap(), &mut self.out, &mut self.ledger);
    }

    /// The last event that left, at which time, and what these fields of it say.
    fn last(&self, names: &[&str]) -> (u64, Vec<String>) {
        self.left(self.out.len() - 1, names)
    }

    fn left(&self, index: usize, names: &[&str]) -> (u64, Vec<String>) {
        let event = self.out.get(index).unwrap();
        let mut scratch = String::new();
        let texts = names.iter().map(|name| {
            let values = event.get_named(name);
            let texts = values.iter().map(|value| value.text(&mut scratch).unwrap().to_owned());
            texts.collect::<Vec<_>>().join("|")
        });
        (event.time().filetime() / 10_000, texts.collect())
    }

    fn is_balanced(&mut self) -> bool {
        self.state.finish(&mut self.out, &mut self.ledger);
        self.ledger.is_balanced() && self.ledger.evaluated == self.out.len() as u64
    }
}

const SHELL: &str = "C:\\Windows\\System32\\cmd.exe";

fn classic(pid: u64, parent: u64, command: &str) -> [(&str, Value<'_>); 4] {
    [
        ("ProcessId", Value::Unsigned(pid)),
        ("ParentProcessId", Value::Unsigned(parent)),
        ("ImageFileName", Value::Text("cmd.exe")),
        ("CommandLine", Value::Text(command)),
    ]
}

fn manifest(pid: u64, parent: u64, time: u64, image: &str) -> [(&str, Value<'_>); 4] {
    [
        ("ProcessId", Value::Unsigned(pid)),
        ("ParentProcessId", Value::Unsigned(parent)),
        ("CreateTime", Value::Time(Timestamp::from_filetime(time * 10_000))),
        ("Image", Value::Text(image)),
    ]
}

const NAMES: &[&str] = &["Image", "CommandLine", "Unavailable"];

#[test]
fn two_halves_of_a_start_become_one_event_and_nobody_overtakes_it() {
    let mut scene = Scene::new(Settings::default());
    scene.comes(1_000, Activity::ProcessStart, &classic(672, 500, "cmd /c whoami"));
    scene.comes(1_001, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.out.len(), 0);
    scene.comes(1_002, Activity::ProcessStart, &manifest(672, 500, 1_000, SHELL));
    let start = (1_000, vec![SHELL.to_owned(), "cmd /c whoami".to_owned(), String::new()]);
    assert_eq!((scene.out.len(), scene.left(0, NAMES)), (2, start));
    assert_eq!(scene.left(1, NAMES).1, [SHELL, "cmd /c whoami", ""]);
    assert!(scene.is_balanced());
    assert_eq!((scene.ledger.joined, scene.ledger.by_provider["unknown"].joined), (1, 1));
}

#[test]
fn a_start_whose_other_half_does_not_come_leaves_flagged() {
    let mut scene = Scene::new(Settings::default());
    scene.comes(1_000, Activity::ProcessStart, &manifest(672, 500, 1_000, SHELL));
    scene.comes(1_049, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.out.len(), 0);
    scene.comes(1_050, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    let start = (1_000, vec![SHELL.to_owned(), String::new(), "CommandLine".to_owned()]);
    assert_eq!((scene.out.len(), scene.left(0, NAMES)), (3, start));
    // What comes after all is an event of its own, so that its command line is seen.
    scene.comes(1_050, Activity::ProcessStart, &classic(672, 500, "cmd /c whoami"));
    assert!(scene.is_balanced());
    assert_eq!(scene.last(NAMES).1, [SHELL, "cmd /c whoami", ""]);
}

#[test]
fn the_first_image_completes_a_classic_start() {
    let mut scene = Scene::new(Settings::default());
    scene.comes(1_000, Activity::ProcessStart, &classic(672, 500, "cmd /c whoami"));
    let load = [
        ("ProcessId", Value::Unsigned(672)),
        ("ImageBase", Value::Hex(0x7ff6_0000_0000)),
        ("ImageSize", Value::Hex(0x1_0000)),
        ("ImageLoaded", Value::Text(SHELL)),
    ];
    scene.comes(1_003, Activity::ImageLoad, &load);
    assert_eq!(scene.left(0, NAMES).1, [SHELL, "cmd /c whoami", ""]);
    assert!(scene.is_balanced() && scene.out.len() == 2);
}

#[test]
fn a_process_is_told_its_parent_and_an_event_its_process() {
    let mut scene = Scene::new(Settings::default());
    let field = scene.vocabulary.fields.id("AncestorProcessGuid").unwrap();
    // Events of a scene are of the first set.
    let told = |told: bool| Some(Ancestors { field, of: [told].into() });
    scene.state.tell(Wanted { ancestors: told(true), ..Wanted::default() });
    let guid = Value::Text("{00000000-0000-0000-0000-000000000500}");
    scene.shape = Shape::Evtx;
    let parent = [
        ("ProcessId", Value::Unsigned(500)),
        ("ProcessGuid", guid),
        ("Image", Value::Text("C:\\Windows\\explorer.exe")),
        ("CommandLine", Value::Text("-")),
        ("User", Value::Text("CORP\\anna")),
    ];
    scene.comes(900, Activity::ProcessStart, &parent);
    let child = [
        ("ProcessId", Value::Text("0x2a0")),
        ("ParentProcessId", Value::Text("0x1f4")),
        ("Image", Value::Text(SHELL)),
        ("CommandLine", Value::Text("cmd")),
    ];
    scene.comes(1_000, Activity::ProcessStart, &child);
    let names = ["ParentImage", "ParentProcessGuid", "AncestorProcessGuid"];
    let guid = "{00000000-0000-0000-0000-000000000500}";
    assert_eq!(scene.last(&names).1, ["C:\\Windows\\explorer.exe", guid, guid]);
    scene.comes(1_500, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.last(&["Image", "ParentImage"]).1, [SHELL, "C:\\Windows\\explorer.exe"]);
    assert_eq!(scene.last(&["AncestorProcessGuid"]).1, [guid]);
    scene.state.tell(Wanted { ancestors: told(false), ..Wanted::default() });
    scene.comes(1_550, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.last(&["Image", "AncestorProcessGuid"]).1, [SHELL, ""]);
    // A value that was recorded stays as it is.
    let own = [("ProcessId", Value::Unsigned(672)), ("Image", Value::Text("-"))];
    scene.comes(1_600, Activity::FileOpen, &own);
    assert_eq!(scene.last(&["Image"]).1, ["-"]);
    assert!(scene.is_balanced());
}

#[test]
fn recorded_events_stay_as_they_are_if_so_wanted() {
    let mut scene = Scene::new(Settings { enrich: false, ..Settings::default() });
    scene.shape = Shape::Evtx;
    scene.comes(1_000, Activity::ProcessStart, &manifest(672, 500, 1_000, SHELL));
    scene.comes(1_500, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.last(&["Image"]).1, [""]);
    scene.shape = Shape::Etw;
    scene.comes(1_600, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.last(&["Image"]).1, [SHELL]);
}

fn thread(
    source: u64,
    target: u64,
    number: u64,
    address: u64,
) -> [(&'static str, Value<'static>); 4] {
    [
        ("SourceProcessId", Value::Unsigned(source)),
        ("TargetProcessId", Value::Unsigned(target)),
        ("NewThreadId", Value::Unsigned(number)),
        ("StartAddress", Value::Hex(address)),
    ]
}

#[test]
fn a_thread_in_another_process_is_remote_unless_it_is_its_first() {
    let mut scene = Scene::new(Settings::default());
    let whole = |pid, image| {
        let [pid, parent, time, image] = manifest(pid, 4, 900, image);
        [pid, parent, time, image, ("CommandLine", Value::Text("x"))]
    };
    scene.comes(900, Activity::ProcessStart, &whole(500, "C:\\evil.exe"));
    scene.comes(901, Activity::ProcessStart, &whole(672, SHELL));
    scene.comes(902, Activity::ThreadStart, &thread(500, 672, 1, 0x1000));
    let load = [
        ("ProcessId", Value::Unsigned(672)),
        ("ImageBase", Value::Hex(0x1000)),
        ("ImageSize", Value::Hex(0x1000)),
        ("ImageLoaded", Value::Text(SHELL)),
    ];
    scene.comes(903, Activity::ImageLoad, &load);
    scene.comes(904, Activity::ThreadStart, &thread(672, 672, 2, 0x1800));
    scene.comes(905, Activity::ThreadStart, &thread(500, 672, 3, 0x1800));
    scene.comes(906, Activity::ThreadStart, &thread(500, 672, 4, 0x9000));
    scene.comes(907, Activity::ThreadStart, &thread(4, 672, 5, 0x9000));
    scene.comes(908, Activity::ThreadStart, &thread(500, 4, 6, 0x9000));
    let names = ["SourceImage", "TargetImage", "StartModule", "StartUnbacked"];
    assert_eq!(scene.left(5, &names).1, ["C:\\evil.exe", SHELL, SHELL, "false"]);
    assert_eq!(scene.left(6, &names).1, ["C:\\evil.exe", SHELL, "", "true"]);
    let is_remote = scene.out.iter().map(|event| event.log_sources().len());
    assert_eq!(is_remote.collect::<Vec<_>>(), [0, 0, 0, 0, 0, 1, 1, 0, 0]);
}

#[test]
fn of_a_process_that_ran_before_any_thread_of_another_is_remote() {
    let mut scene = Scene::new(Settings::default());
    scene.comes(900, Activity::ProcessRundown, &manifest(500, 4, 800, "C:\\evil.exe"));
    scene.comes(900, Activity::ProcessRundown, &manifest(672, 4, 800, SHELL));
    scene.comes(901, Activity::ThreadStart, &thread(500, 672, 1, 0x1000));
    assert_eq!(scene.last(&["SourceImage", "TargetImage"]).1, ["C:\\evil.exe", SHELL]);
    assert_eq!(scene.out.get(0).unwrap().log_sources().len(), 1);
    assert!(scene.is_balanced());
}

#[test]
fn the_first_datagram_between_two_ends_is_a_connection() {
    let mut scene = Scene::new(Settings::default());
    let ip = |last| Value::Ip(std::net::IpAddr::from([10, 0, 0, last]));
    let between = |near, far| {
        let ports =
            [("SourcePort", Value::Unsigned(50_000)), ("DestinationPort", Value::Unsigned(53))];
        let ends = [("SourceIp", ip(near)), ("DestinationIp", ip(far))];
        let protocol = ("Protocol", Value::Text("udp"));
        [[("ProcessId", Value::Unsigned(672)), protocol], ports, ends].concat()
    };
    for (time, far) in [(1_000, 5), (1_001, 5), (1_002, 6)] {
        scene.comes(time, Activity::Connection, &between(17, far));
    }
    let is_connection = scene.out.iter().map(|event| event.log_sources().len());
    assert_eq!(is_connection.collect::<Vec<_>>(), [1, 0, 1]);
    assert!(scene.is_balanced());
}

#[test]
fn the_parent_that_was_claimed_and_the_creator_are_told_apart() {
    let mut scene = Scene::new(Settings::default());
    let whole = |pid, parent, image, creator| {
        let [pid, parent, time, image] = manifest(pid, parent, 900, image);
        let creator = ("Execution_ProcessID", Value::Unsigned(creator));
        [pid, parent, time, image, ("CommandLine", Value::Text("x")), creator]
    };
    scene.comes(900, Activity::ProcessStart, &whole(500, 4, "C:\\evil.exe", 4));
    scene.comes(901, Activity::ProcessStart, &whole(600, 4, "C:\\Windows\\explorer.exe", 4));
    scene.comes(902, Activity::ProcessStart, &whole(672, 600, SHELL, 500));
    let names = ["ParentImage", "CreatorImage", "CreatorProcessId"];
    assert_eq!(scene.last(&names).1, ["C:\\Windows\\explorer.exe", "C:\\evil.exe", "500"]);
    assert_eq!(scene.left(1, &names[1..]).1, ["", ""]);
}

#[test]
fn what_is_late_is_told_what_is_known_and_changes_nothing() {
    let mut scene = Scene::new(Settings::default());
    scene.shape = Shape::Evtx;
    scene.comes(1_000, Activity::ProcessStart, &manifest(672, 500, 1_000, SHELL));
    scene.comes(2_000, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    scene.comes(1_500, Activity::ProcessEnd, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.last(&["Image"]).1, [SHELL]);
    scene.comes(200_000, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.last(&["Image"]).1, [SHELL], "its end came late, so it still lives");
    assert_eq!(scene.ledger.late, 1);
    assert!(scene.is_balanced());
}

#[test]
fn names_behind_handles_are_given_and_rundowns_are_bookkeeping() {
    let mut scene = Scene::new(Settings::default());
    let name = Value::Text("C:\\secret.txt");
    let rundown = [("ProcessId", Value::Unsigned(672)), ("Image", Value::Text(SHELL))];
    scene.comes(1, Activity::ProcessRundown, &rundown);
    assert_eq!(scene.out.len(), 0);
    let object = ("FileObject", Value::Hex(0xffff_8000_0000_1234));
    let pid = ("ProcessId", Value::Unsigned(672));
    scene.comes(2, Activity::FileOpen, &[object, pid, ("TargetFilename", name)]);
    scene.comes(3, Activity::FileUse, &[object, pid]);
    assert_eq!(scene.last(&["TargetFilename", "Image"]).1, ["C:\\secret.txt", SHELL]);
    // The cache manager writes for a thread of the process.
    let thread = [("TargetProcessId", Value::Unsigned(672)), ("NewThreadId", Value::Unsigned(9))];
    scene.comes(4, Activity::ThreadRundown, &thread);
    let lazy = [object, ("ProcessId", Value::Unsigned(4)), ("IssuingThreadId", Value::Unsigned(9))];
    scene.comes(5, Activity::FileUse, &lazy);
    assert_eq!(scene.last(&["ProcessId", "Image"]).1, ["672", SHELL]);
    assert!(scene.is_balanced());
    assert_eq!(scene.ledger.bookkeeping, 2);
}

#[test]
fn with_a_hold_what_came_out_of_order_leaves_in_order() {
    let mut scene = Scene::new(Settings { hold: 1_000_000, ..Settings::default() });
    for time in [1_000, 1_030, 1_010, 1_200] {
        scene.comes(time, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    }
    assert_eq!(scene.out.len(), 3);
    assert!(scene.is_balanced());
    let times: Vec<_> = scene.out.iter().map(|event| event.time().filetime() / 10_000).collect();
    assert_eq!((times, scene.ledger.late), (vec![1_000, 1_010, 1_030, 1_200], 0));
}

#[test]
fn starts_without_end_that_lack_a_half_take_no_time_without_end() {
    let mut scene = Scene::new(Settings::default());
    for pid in 8..20_008 {
        scene.comes(1_000, Activity::ProcessStart, &manifest(pid, 4, 1_000, SHELL));
    }
    scene.comes(1_051, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert_eq!(scene.out.len(), 20_001);
    assert!(scene.is_balanced());
    assert_eq!(scene.ledger.forgotten["halves to wait for"], 20_000 - 1_024);
}

#[test]
fn json_may_come_out_of_order_by_some_seconds_and_says_whose_it_is() {
    let mut scene = Scene::new(Settings::default());
    scene.state.tell(Wanted { lineages: true, ..Wanted::default() });
    scene.shape = Shape::Flat;
    for (time, pid, parent) in [(5_000, 672, 500), (1_000, 500, 4), (9_999, 700, 672)] {
        scene.comes(time, Activity::ProcessStart, &manifest(pid, parent, time, SHELL));
    }
    scene.comes(4_999, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    assert!(scene.is_balanced());
    let left: Vec<_> = scene.out.iter().map(|event| (event.time(), event.attribution())).collect();
    let lineages = left.iter().map(|(_, own)| own.lineage.map(|number| number != 0));
    let lengths: Vec<_> =
        lineages.map(|known| known.iter().filter(|known| **known).count()).collect();
    assert_eq!(lengths, [2, 3, 3, 4]);
    assert!(left.is_sorted_by_key(|(time, _)| *time));
    let late: Vec<_> = left.iter().map(|(_, own)| own.is_late).collect();
    assert_eq!((late, scene.ledger.late), (vec![false; 4], 0));
}

#[test]
fn what_leaves_at_once_is_bounded() {
    let mut scene = Scene::new(Settings { batch: 10, ..Settings::default() });
    scene.shape = Shape::Flat;
    for time in 0..95 {
        scene.comes(1_000 + time, Activity::FileOpen, &[("ProcessId", Value::Unsigned(672))]);
    }
    assert!(scene.out.is_empty());
    let mut lengths = Vec::new();
    loop {
        let more = scene.state.finish(&mut scene.out, &mut scene.ledger);
        lengths.push(scene.out.len());
        scene.out.clear();
        if !more {
            break;
        }
    }
    assert_eq!(lengths, [10, 10, 10, 10, 10, 10, 10, 10, 10, 5]);
}
