//! A Windows that is made up: healthy, but for its troubles.
//!
//! It tells of each act what `windows.txt` has, through the same decoding and normalising as recordings, so that
//! names of fields and log sources are those that rules meet. Time stands still but for what is waited.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use etwatch_capture::live::{
    Buffers, ChannelSettings, ProviderSettings, SessionKind, SessionSettings,
};
use etwatch_capture::source::Location;
use etwatch_engine::{Engine, Observer, Options, Progress, replay};
use etwatch_event::{EventBatch, Guid, Timestamp, Vocabulary};
use etwatch_host::{HostError, Privilege, Rights};

use crate::doctor::act::{Act, Done, NotDone, SHORT_LIVED, short_lived_mark};
use crate::doctor::judge::questions::THREAT_INTELLIGENCE;
use crate::doctor::seen::Seen;
use crate::doctor::surroundings::{Losses, Refused, Room, Started, Surroundings};
use crate::event_view::EventView;
use crate::records::{Keep, each_record};

/// The port of the connection, and that of the refused one.
pub(super) const PORTS: [u16; 2] = [49_700, 49_701];
/// The command line of the child.
const COMMAND_LINE: &str = r#"TOKEN "two words" a\"b "" größe 𝄞"#;
/// The child.
const CHILD: u32 = 4_242;
/// When it begins.
const START: &str = "2026-03-02T09:00:00Z";

/// What can be told otherwise.
pub(super) struct Simulated {
    pub(super) build: Result<u32, HostError>,
    pub(super) rights: Result<Rights, HostError>,
    pub(super) policy: Result<Option<u32>, HostError>,
    pub(super) processes: usize,
    pub(super) room: Room,
    pub(super) webhook: Result<String, String>,
    /// What asking for each channel leads to.
    pub(super) channel: Result<bool, Refused>,
    /// What starting each session leads to.
    pub(super) start: Result<Started, Refused>,
    pub(super) not_stopped: Vec<String>,
    pub(super) losses: Result<Losses, String>,
    /// Acts that are not done, and why.
    pub(super) not_done: BTreeMap<Act, NotDone>,
    /// Changes each record that is told; none is told if it says so.
    pub(super) change: fn(&mut String) -> bool,
    /// How far the time of events is off, in seconds.
    pub(super) events_late: u64,
    /// How far somebody sets the clock with each act, in seconds.
    pub(super) clock_set: u64,
    pub(super) clock_start: Timestamp,
    /// Records that come while nothing is done, each time that is waited.
    pub(super) idle: String,
    told: BTreeMap<String, Vec<String>>,
    waiting: Vec<String>,
    elapsed: Cell<Duration>,
    set: Cell<Duration>,
}

impl Simulated {
    /// A healthy Windows 11.
    pub(super) fn healthy() -> Self {
        let privileges = ["SeSystemProfilePrivilege", "SeSecurityPrivilege", "SeDebugPrivilege"]
            .map(|name| Privilege { name: name.to_owned(), enabled: false });
        let refused = Refused { what: "access denied".to_owned(), remedy: "nobody may".to_owned() };
        let started = Started {
            refused: vec![(THREAT_INTELLIGENCE.to_owned(), refused)],
            ..Started::default()
        };
        Self {
            build: Ok(26_100),
            rights: Ok(Rights { elevated: true, privileges: privileges.to_vec() }),
            policy: Ok(None),
            processes: 2,
            room: Room { free: Ok(50 << 30), writable: Ok(()) },
            webhook: Ok("webhook h took a test message".to_owned()),
            channel: Ok(true),
            start: Ok(started),
            not_stopped: Vec::new(),
            losses: Ok(Losses::default()),
            not_done: BTreeMap::new(),
            change: |_| true,
            events_late: 0,
            clock_set: 0,
            clock_start: Timestamp::parse(START).unwrap(),
            idle: String::new(),
            told: sections(include_str!("windows.txt")),
            waiting: Vec::new(),
            elapsed: Cell::default(),
            set: Cell::default(),
        }
    }

    fn tell(&mut self, act: Act, token: &str, command_line: &str) {
        let time = self.now().filetime() + self.events_late * 10_000_000;
        let [port, refused] = PORTS.map(|port| port.to_string());
        let (own, child) = (std::process::id().to_string(), CHILD.to_string());
        for line in self.told.get(&format!("{act:?}")).unwrap() {
            let mut line = line
                .replace("@time@", &Timestamp::from_filetime(time).to_string())
                .replace("@token@", token)
                .replace("@own@", &own)
                .replace("@child@", &child)
                .replace("@port@", &port)
                .replace("@refused@", &refused)
                .replace("@command@", &serde_json::to_string(command_line).unwrap());
            if (self.change)(&mut line) {
                self.waiting.push(line);
            }
        }
    }
}

/// The lines below each heading.
fn sections(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            sections.entry(heading.to_owned()).or_default();
            name = Some(heading);
        } else if let Some(name) = name.filter(|_| !line.is_empty()) {
            sections.entry(name.to_owned()).or_default().push(line.to_owned());
        }
    }
    sections
}

impl Surroundings for Simulated {
    fn windows_build(&self) -> Result<u32, HostError> {
        self.build
    }
    fn rights(&self) -> Result<Rights, HostError> {
        self.rights.clone()
    }
    fn now(&self) -> Timestamp {
        let ticks = (self.elapsed.get() + self.set.get()).as_nanos() / 100;
        Timestamp::from_filetime(self.clock_start.filetime() + u64::try_from(ticks).unwrap())
    }
    fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }
    fn room(&self, _folder: &Path) -> Room {
        self.room.clone()
    }
    fn process_count(&self) -> Result<usize, HostError> {
        Ok(self.processes)
    }
    fn script_block_logging(&self) -> Result<Option<u32>, HostError> {
        self.policy
    }
    fn send_to_webhook(&mut self) -> Result<String, String> {
        self.webhook.clone()
    }
    fn start(&mut self, sessions: &[SessionSettings]) -> Vec<Result<Started, Refused>> {
        sessions.iter().map(|_| self.start.clone()).collect()
    }
    fn channels(&mut self, wanted: &[ChannelSettings]) -> Vec<Result<bool, Refused>> {
        wanted.iter().map(|_| self.channel.clone()).collect()
    }
    fn act(&mut self, act: Act, token: &str) -> Result<Done, NotDone> {
        if let Some(why) = self.not_done.get(&act) {
            return Err(why.clone());
        }
        self.elapsed.set(self.elapsed.get() + Duration::from_millis(10));
        self.set.set(self.set.get() + Duration::from_secs(self.clock_set));
        let command_line = COMMAND_LINE.replace("TOKEN", token);
        match act {
            Act::ShortLived => {
                (0..SHORT_LIVED)
                    .for_each(|number| self.tell(act, token, &short_lived_mark(token, number)));
            }
            _ => self.tell(act, token, &format!("etwatch.exe {command_line}")),
        }
        self.elapsed.set(self.elapsed.get() + Duration::from_millis(10));
        let [port, refused] = PORTS;
        Ok(Done {
            pids: vec![CHILD],
            port: Some(if act == Act::RefusedConnection { refused } else { port }),
            command_line: (act == Act::Child).then_some(command_line),
        })
    }
    fn events(&mut self, wait: Duration, each: &mut dyn FnMut(Seen)) {
        self.elapsed.set(self.elapsed.get() + wait);
        let mut text = self.waiting.drain(..).map(|line| line + "\n").collect::<String>();
        if !wait.is_zero() {
            text.push_str(&self.idle);
        }
        if text.is_empty() {
            return;
        }
        let inputs = vec![Location::Text { name: "simulated".to_owned(), text: text.into() }];
        let report = each_record(&inputs, Keep::Fields, &mut |read| {
            each(Seen::of(&EventView::Record(read.record, read.schema)));
            ControlFlow::Continue(())
        });
        assert!(report.unreadable.is_empty() && report.damage.is_empty(), "{:?}", report.damage);
        let options = Options { workers: 1, ..Options::default() };
        replay(&engine(), inputs, &mut [], options, &mut Watching(each)).unwrap();
    }
    fn losses(&mut self) -> Result<Losses, String> {
        self.losses.clone()
    }
    fn stop(&mut self) -> Vec<String> {
        self.not_stopped.clone()
    }
}

/// An engine without rules, made once for all hosts.
fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let make = || Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None).unwrap();
    ENGINE.get_or_init(|| make().with_all_fields()).clone()
}

struct Watching<'a>(&'a mut dyn FnMut(Seen));

impl Observer for Watching<'_> {
    fn progress(&mut self, _: Progress) {}
    fn events(&mut self, events: &EventBatch, _: &[String]) -> ControlFlow<()> {
        events.iter().for_each(|event| (self.0)(Seen::of(&EventView::Event(event))));
        ControlFlow::Continue(())
    }
}

/// A session with all providers that acts move, one that nothing moves, and the protected one.
pub(super) fn sessions() -> Vec<SessionSettings> {
    let names: BTreeSet<&str> = include_str!("windows.txt")
        .lines()
        .filter_map(|line| line.split('"').nth(3))
        .filter(|name| name.starts_with("Microsoft-Windows-") && !name.ends_with("Sysmon"))
        .chain(["Microsoft-Windows-LDAP-Client", THREAT_INTELLIGENCE])
        .collect();
    let provider = |name: &str| ProviderSettings {
        provider: Guid([0; 16]),
        name: name.to_owned(),
        any: 0,
        all: 0,
        level: 0,
        ids: Vec::new(),
        capture_state: false,
        properties: 0,
        filter: None,
    };
    vec![SessionSettings {
        name: "etwatch".to_owned(),
        kind: SessionKind::System { flags: 5 },
        buffers: Buffers {
            kilobytes: 64,
            minimum: 2,
            maximum: 4,
            flush: Duration::from_millis(20),
        },
        independent: true,
        may_drop: false,
        providers: names.into_iter().map(provider).collect(),
        only_processes: Vec::new(),
        not_processes: Vec::new(),
    }]
}
