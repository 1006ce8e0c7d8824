//! Facts are what a plain model says that looks at the whole list of events each time anew.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

#[path = "facts/scene.rs"]
mod scene;

use std::collections::BTreeSet;

use etwatch_event::Value::{Text, Unsigned};
use etwatch_event::{Activity, Shape, Value};
use etwatch_state::facts::{Fact, Holder, TABLE};
use proptest::prelude::*;

use scene::{Scene, at};

const PIDS: [u64; 3] = [8, 12, 16];
const IMAGES: [&str; 4] = [
    "C:\\Windows\\System32\\ntdll.dll",
    "C:\\Users\\eva\\x.dll",
    "c:\\users\\EVA\\X.dll",
    "C:\\Windows\\System32\\lsass.exe",
];
/// A minute: how long a process is found after its end.
const GRACE: u64 = 60_000;

#[derive(Clone, Copy, Debug)]
enum Act {
    Start { parent: usize },
    End,
    Load { image: usize, signed: Option<bool> },
    Thread { target: usize, is_unbacked: bool },
    Access { target: usize, image: usize, rights: u64 },
    File { name: usize, is_written: bool },
    Transfer { id: u64, size: u64 },
    Connect { is_begun: bool, is_datagram: bool, end: u64, size: u64 },
}

/// A process: which of those with its pid, and what its start told.
#[derive(Clone, Copy, Debug)]
struct Process {
    start: Option<u64>,
    end: Option<u64>,
    parent: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Happened {
    millis: u64,
    act: Act,
    /// Numbers of processes.
    actor: usize,
    target: Option<usize>,
}

/// All that happened in order.
#[derive(Default)]
struct Model {
    processes: Vec<Process>,
    newest: [Option<usize>; PIDS.len()],
    all: Vec<Happened>,
}

impl Model {
    fn begin(&mut self, pid: usize, start: Option<u64>, parent: Option<usize>) -> usize {
        self.processes.push(Process { start, end: None, parent });
        self.newest[pid] = Some(self.processes.len() - 1);
        self.processes.len() - 1
    }
    fn at(&mut self, pid: usize, millis: u64) -> usize {
        let is_there =
            |number: &usize| self.processes[*number].end.is_none_or(|end| millis - end <= GRACE);
        match self.newest[pid].filter(is_there) {
            Some(number) => number,
            None => self.begin(pid, None, None),
        }
    }
    /// What happens next; `all` has it only after it was compared.
    fn next(&mut self, millis: u64, pid: usize, act: Act) -> Happened {
        if let Act::Start { parent } = act {
            if let Some(before) = self.newest[pid] {
                self.processes[before].end.get_or_insert(millis);
            }
            let actor = self.begin(pid, Some(millis), None);
            if parent != pid {
                self.processes[actor].parent = Some(self.at(parent, millis));
            }
        }
        if let (Act::End, Some(number)) = (act, self.newest[pid]) {
            self.processes[number].end.get_or_insert(millis);
        }
        let actor = self.at(pid, millis);
        let target = match act {
            Act::Thread { target, .. } | Act::Access { target, .. } => {
                Some(self.at(target, millis))
            }
            _ => None,
        };
        Happened { millis, act, actor, target }
    }

    fn of(&self, process: usize) -> impl Iterator<Item = Act> {
        self.all.iter().filter(move |one| one.actor == process).map(|one| one.act)
    }
    fn images(&self, process: usize, is_it: impl Fn(usize, Option<bool>) -> bool) -> String {
        let paths: BTreeSet<_> = self
            .of(process)
            .filter_map(|act| match act {
                Act::Load { image, signed } if is_it(image, signed) => {
                    Some(IMAGES[image].to_lowercase())
                }
                _ => None,
            })
            .collect();
        paths.len().to_string()
    }
    fn bytes(&self, process: usize, is_out: bool) -> String {
        let bytes = self.of(process).map(|act| match act {
            Act::Transfer { id, size } if [10, 26].contains(&id) == is_out => size,
            Act::Connect { is_begun, is_datagram: true, size, .. } if is_begun == is_out => size,
            _ => 0,
        });
        bytes.sum::<u64>().to_string()
    }
    fn threads(&self, process: usize, is_it: impl Fn(bool) -> bool) -> String {
        let received = self.all.iter().filter(|one| match one.act {
            Act::Thread { is_unbacked, .. } => one.target == Some(process) && is_it(is_unbacked),
            _ => false,
        });
        received.count().to_string()
    }

    fn value(&self, fact: Fact, process: usize, now: u64) -> String {
        match fact {
            Fact::Age => match self.processes[process].start {
                Some(start) => ((now - start) / 1_000).to_string(),
                None => String::new(),
            },
            Fact::UnsignedImages => self.images(process, |_, signed| signed == Some(false)),
            Fact::UserWritableImages => self.images(process, |image, _| matches!(image, 1 | 2)),
            Fact::ImageNames => {
                let mut names: Vec<&str> = Vec::new();
                for act in self.of(process) {
                    let Act::Load { image, .. } = act else { continue };
                    let name = IMAGES[image].rsplit('\\').next().unwrap();
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                names.join("|")
            }
            Fact::RemoteThreads => self.threads(process, |_| true),
            Fact::UnbackedThreads => self.threads(process, |is_unbacked| is_unbacked),
            Fact::SensitiveHandles => {
                let opened = self.all.iter().filter(|one| match one.act {
                    Act::Access { image: 3, rights, .. } => {
                        one.actor == process && one.target != Some(process) && rights == 0x10
                    }
                    _ => false,
                });
                opened.count().to_string()
            }
            Fact::FilesWritten => {
                let mut written: Vec<usize> = self
                    .of(process)
                    .filter_map(|act| match act {
                        Act::File { name, is_written: true } => Some(name),
                        _ => None,
                    })
                    .collect();
                written.dedup();
                written.len().to_string()
            }
            Fact::Children => {
                let starts = self.all.iter().filter(|one| matches!(one.act, Act::Start { .. }));
                let own = starts.filter(|one| self.processes[one.actor].parent == Some(process));
                own.count().to_string()
            }
            Fact::BytesOut => self.bytes(process, true),
            Fact::BytesIn => self.bytes(process, false),
            Fact::Endpoints => {
                let ends = self.of(process).filter_map(|act| match act {
                    Act::Connect { is_begun: true, end, .. } => Some(end),
                    _ => None,
                });
                ends.collect::<BTreeSet<_>>().len().to_string()
            }
            // Only ETW tells who created a process.
            Fact::CreatorDiffers => String::new(),
        }
    }
    fn since(&self, fact: Fact, process: usize, first: u64) -> String {
        match (fact, self.processes[process].start) {
            (Fact::CreatorDiffers, _) | (Fact::Age, None) => String::new(),
            (_, Some(start)) => at(start),
            (_, None) => at(first),
        }
    }
}

fn tell(scene: &mut Scene, millis: u64, pid: usize, act: Act) {
    let own = ("ProcessId", Unsigned(PIDS[pid]));
    let pair = |target: usize| {
        [("SourceProcessId", Unsigned(PIDS[pid])), ("TargetProcessId", Unsigned(PIDS[target]))]
    };
    match act {
        Act::Start { parent } if parent == pid => {
            scene.comes(millis, Activity::ProcessStart, &[own]);
        }
        Act::Start { parent } => {
            let parent = ("ParentProcessId", Unsigned(PIDS[parent]));
            scene.comes(millis, Activity::ProcessStart, &[own, parent]);
        }
        Act::End => scene.comes(millis, Activity::ProcessEnd, &[own]),
        Act::Load { image, signed } => {
            let mut fields = vec![own, ("ImageLoaded", Text(IMAGES[image]))];
            fields.extend(signed.map(|signed| ("Signed", Value::Boolean(signed))));
            scene.comes(millis, Activity::ImageLoad, &fields);
        }
        Act::Thread { target, is_unbacked } => {
            let module = if is_unbacked { "-" } else { IMAGES[0] };
            let more = [("StartAddress", Text("0x7000")), ("StartModule", Text(module))];
            let fields = [&pair(target)[..], &more].concat();
            scene.comes_as("create_remote_thread", millis, Activity::ThreadStart, &fields);
        }
        Act::Access { target, image, rights } => {
            let more =
                [("TargetImage", Text(IMAGES[image])), ("GrantedAccess", Value::Hex(rights))];
            let fields = [&pair(target)[..], &more].concat();
            scene.comes(millis, Activity::ProcessAccess, &fields);
        }
        Act::File { name, is_written } => {
            let category = if is_written { "file_event" } else { "other" };
            let fields = [own, ("TargetFilename", Text(["C:\\a", "C:\\b"][name]))];
            scene.comes_as(category, millis, Activity::FileUse, &fields);
        }
        Act::Transfer { id, size } => {
            let fields = [own, ("EventID", Unsigned(id)), ("size", Unsigned(size))];
            scene.comes(millis, Activity::Transfer, &fields);
        }
        Act::Connect { is_begun, is_datagram, end, size } => {
            let fields = [
                own,
                ("Protocol", Text(if is_datagram { "udp" } else { "tcp" })),
                ("Initiated", Text(if is_begun { "true" } else { "false" })),
                ("DestinationIp", Text(["192.0.2.1", "2001:db8::1"][usize::from(end > 1)])),
                ("DestinationPort", Unsigned(end % 2)),
                ("size", Unsigned(size)),
            ];
            scene.comes(millis, Activity::Connection, &fields);
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    let pid = 0..PIDS.len();
    let image = 0..IMAGES.len();
    prop_oneof![
        pid.clone().prop_map(|parent| Act::Start { parent }),
        Just(Act::End),
        (image.clone(), any::<Option<bool>>())
            .prop_map(|(image, signed)| Act::Load { image, signed }),
        (pid.clone(), any::<bool>())
            .prop_map(|(target, is_unbacked)| Act::Thread { target, is_unbacked }),
        (pid, image, prop_oneof![Just(0x10), Just(0x1000)])
            .prop_map(|(target, image, rights)| Act::Access { target, image, rights }),
        (0..2_usize, any::<bool>()).prop_map(|(name, is_written)| Act::File { name, is_written }),
        (prop_oneof![Just(10), Just(26), Just(11), Just(27)], 0..1_000_u64)
            .prop_map(|(id, size)| Act::Transfer { id, size }),
        (any::<bool>(), any::<bool>(), 0..4_u64, 0..1_000_u64).prop_map(
            |(is_begun, is_datagram, end, size)| Act::Connect { is_begun, is_datagram, end, size }
        ),
    ]
}

/// How long after the one before an event comes, in seconds; a late one, how much it is older.
fn step() -> impl Strategy<Value = (bool, u64)> {
    prop_oneof![
        6 => (Just(false), 1..4_u64),
        1 => (Just(false), Just(100_u64)),
        1 => (Just(true), 1..20_u64),
    ]
}

proptest! {
    #[test]
    fn facts_are_those_of_all_events_before(
        events in prop::collection::vec((step(), 0..PIDS.len(), act()), 1..60)
    ) {
        let names: Vec<_> = TABLE
            .iter()
            .flat_map(|row| Holder::ALL.map(|holder| (row, holder, row.field(holder), row.since_field(holder))))
            .collect();
        let named: Vec<_> =
            names.iter().flat_map(|(_, _, name, since)| [name.as_str(), since.as_str()]).collect();
        let mut scene = Scene::new(&named, &[]);
        scene.shape = Shape::Evtx;
        let (mut model, mut now, mut first) = (Model::default(), 1_000_000, None);
        for ((is_late, seconds), pid, act) in events {
            if is_late {
                // It changes nothing, as what follows shows.
                if first.is_some() {
                    tell(&mut scene, now - seconds * 1_000, pid, act);
                }
                continue;
            }
            now += seconds * 1_000;
            let first = *first.get_or_insert(now);
            tell(&mut scene, now, pid, act);
            let happened = model.next(now, pid, act);
            for (row, holder, name, since) in &names {
                let process = match holder {
                    Holder::Actor => Some(happened.actor),
                    Holder::Parent => model.processes[happened.actor].parent,
                    Holder::Target => happened.target,
                };
                let expected = process.map_or_else(
                    || (String::new(), String::new()),
                    |process| {
                        let value = model.value(row.fact, process, happened.millis);
                        (value, model.since(row.fact, process, first))
                    },
                );
                prop_assert_eq!((scene.told(name), scene.told(since)), expected, "{} {:?}", name, happened);
            }
            model.all.push(happened);
        }
        prop_assert!(scene.ledger.is_balanced());
    }
}
