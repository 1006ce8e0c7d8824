//! Scenes of connections: which flows and beacons are made of them, when, and with what.

#![expect(clippy::unwrap_used, reason = "a failure in a test is a finding")]

use std::net::IpAddr;
use std::sync::Arc;

use etwatch_event::{
    Activity, EventBatch, FieldId, LayoutId, Ledger, LogSourceSetId, Origin, Role, Shape,
    Timestamp, Value, Vocabulary,
};
use etwatch_state::flows::{Entry, KnownGood, Pattern};
use etwatch_state::{Derivation, DerivedKind, Outline, Settings, State};

const FIELDS: &[&str] = &[
    "ProcessId",
    "Image",
    "CommandLine",
    "CreateTime",
    "Protocol",
    "Initiated",
    "SourceIp",
    "SourcePort",
    "DestinationIp",
    "DestinationPort",
    "DestinationHostname",
    "size",
];
const HOUR: u64 = 3_600;
/// A midnight, in seconds since 1601.
const MIDNIGHT: u64 = 155_000 * 24 * HOUR;
const US: (&str, u16) = ("10.0.0.1", 50_000);
const THEM: (&str, u16) = ("192.0.2.7", 443);
/// What is shown of a flow.
const FLOW: &[&str] = &[
    "Interval",
    "ProcessId",
    "Image",
    "DestinationIp",
    "DestinationPort",
    "Initiated",
    "Connections",
    "BytesSent",
    "BytesReceived",
    "PacketsSent",
    "PacketsReceived",
    "Duration",
];

/// Hosts whose connections are recorded, at seconds of a day.
struct Net {
    vocabulary: Arc<Vocabulary>,
    layouts: Vec<(Activity, LayoutId)>,
    derived: DerivedKind,
    state: State,
    ledger: Ledger,
    out: EventBatch,
    computer: &'static str,
    shape: Shape,
    records: u64,
}

impl Net {
    fn new() -> Self {
        Self::with(KnownGood::default())
    }

    fn with(known_good: KnownGood) -> Self {
        let mut vocabulary = Vocabulary::default();
        let ids: Vec<_> = FIELDS.iter().map(|name| vocabulary.fields.intern(name)).collect();
        let alternative = Some(LogSourceSetId::NONE);
        let layouts = Activity::ALL.iter().map(|(activity, _)| {
            let role = Role {
                activity: *activity,
                actor: ids.first().copied(),
                target: None,
                alternative,
            };
            (*activity, vocabulary.add_layout_of(&ids, role))
        });
        let layouts = layouts.collect();
        let layout = vocabulary.add_layout(&[]);
        let outline = Arc::new(Outline::new(&mut vocabulary));
        let vocabulary = Arc::new(vocabulary);
        let derived = DerivedKind { layout, sources: LogSourceSetId::NONE };
        let mut net = Self {
            out: EventBatch::new(Arc::clone(&vocabulary)),
            vocabulary,
            layouts,
            derived,
            state: State::new(Settings::default(), outline),
            ledger: Ledger::default(),
            computer: "one",
            shape: Shape::Etw,
            records: 0,
        };
        net.derive(known_good);
        net
    }

    fn derive(&mut self, known_good: KnownGood) {
        let kind = Some(self.derived);
        let known_good = Arc::new(known_good);
        self.state.derive(Derivation { flows: kind, beacons: kind, known_good });
    }

    fn comes(&mut self, second: f64, activity: Activity, fields: &[(&str, Value<'_>)]) {
        let mut batch = EventBatch::new(Arc::clone(&self.vocabulary));
        let (_, layout) = self.layouts.iter().find(|(own, _)| *own == activity).unwrap();
        let mut event = batch.begin(*layout, LogSourceSetId::NONE);
        event.set_time(at(second));
        self.records += 1;
        event.set_origin(Origin { shape: self.shape, record: self.records, input: 0 });
        event.push(FieldId::COMPUTER, Value::Text(self.computer));
        for (name, value) in fields {
            event.push(self.vocabulary.fields.id(name).unwrap(), *value);
        }
        event.finish();
        self.ledger.read += 1;
        self.state.take(&batch.get(0).unwrap(), &mut self.out, &mut self.ledger);
    }

    /// Something passes between two ends: who began, if it is told; a size of none is none.
    fn passes(
        &mut self,
        second: f64,
        activity: Activity,
        (pid, initiated, protocol): (u64, Option<bool>, &str),
        (source, destination): ((&str, u16), (&str, u16)),
        size: Option<u64>,
    ) {
        let ip = |text: &str| Value::Ip(text.parse::<IpAddr>().unwrap());
        let mut fields = vec![
            ("ProcessId", Value::Unsigned(pid)),
            ("Protocol", Value::Text(protocol)),
            ("SourceIp", ip(source.0)),
            ("SourcePort", Value::Unsigned(source.1.into())),
            ("DestinationIp", ip(destination.0)),
            ("DestinationPort", Value::Unsigned(destination.1.into())),
        ];
        fields.extend(size.map(|size| ("size", Value::Unsigned(size))));
        let initiated = initiated.map(|it| if it { "true" } else { "false" });
        fields.extend(initiated.map(|text| ("Initiated", Value::Text(text))));
        self.comes(second, activity, &fields);
    }
    fn connects(&mut self, second: f64, pid: u64) {
        let who = (pid, Some(true), "tcp");
        self.passes(second, Activity::Connection, who, (US, THEM), None);
    }
    fn sends(&mut self, second: f64, pid: u64, size: u64) {
        self.passes(second, Activity::Send, (pid, None, "tcp"), (US, THEM), Some(size));
    }
    fn receives(&mut self, second: f64, pid: u64, size: u64) {
        self.passes(second, Activity::Receive, (pid, None, "tcp"), (US, THEM), Some(size));
    }
    fn starts(&mut self, second: f64, pid: u64, image: &str) {
        let fields = [
            ("ProcessId", Value::Unsigned(pid)),
            ("Image", Value::Text(image)),
            ("CommandLine", Value::Text(image)),
        ];
        self.comes(second, Activity::ProcessStart, &fields);
    }

    /// The events that left: seconds of the day, and what these fields say of the derived ones.
    fn left(&self, names: &[&str]) -> Vec<(f64, Option<String>)> {
        let mut scratch = String::new();
        let event = |event: etwatch_event::Event<'_>| {
            let second = event.time().filetime() as f64 / 1e7 - MIDNIGHT as f64;
            let texts = names.iter().map(|name| {
                let value = event.get_named(name).first();
                let text = value.as_ref().and_then(|value| value.text(&mut scratch));
                text.unwrap_or_default().to_owned()
            });
            let texts = texts.collect::<Vec<_>>().join(" ");
            (second, (event.layout_id() == self.derived.layout).then_some(texts))
        };
        self.out.iter().map(event).collect()
    }

    /// The derived events, once there is nothing more.
    fn told(&mut self, names: &[&str]) -> Vec<(f64, String)> {
        self.state.finish(&mut self.out, &mut self.ledger);
        let left = self.left(names);
        let told: Vec<_> = left.into_iter().filter_map(|(at, text)| Some((at, text?))).collect();
        assert!(self.ledger.is_balanced());
        assert_eq!(self.ledger.derived, told.len() as u64);
        assert_eq!(self.ledger.events(), self.out.len() as u64);
        told
    }
    /// The flows of hours alone.
    fn hours(&mut self) -> Vec<(f64, String)> {
        let mut told = self.told(FLOW);
        told.retain(|(_, text)| text.starts_with("hour"));
        told
    }
}

fn at(second: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of days")]
    let ticks = (second * 1e7) as u64;
    Timestamp::from_filetime(MIDNIGHT * 10_000_000 + ticks)
}

fn text(told: &[(f64, String)]) -> Vec<(f64, &str)> {
    told.iter().map(|(second, text)| (*second, text.as_str())).collect()
}

#[test]
fn an_hour_leaves_before_the_event_that_passes_its_end_and_days_are_their_sum() {
    let mut net = Net::new();
    net.starts(10.0, 7, "C:\\a.exe");
    net.connects(100.0, 7);
    net.sends(101.0, 7, 500);
    net.receives(3_599.0, 7, 40_000);
    net.sends(3_600.0, 7, 10);
    let left: Vec<_> = net.left(&["Interval"]);
    let seconds: Vec<_> = left.iter().map(|(at, kind)| (*at, kind.as_deref())).collect();
    assert_eq!(seconds[4..], [(3_600.0, Some("hour")), (3_600.0, None)]);
    net.sends(86_400.0 + 5.0, 7, 1);
    let told = net.told(FLOW);
    assert_eq!(
        text(&told),
        [
            (3_600.0, "hour 7 C:\\a.exe 192.0.2.7 443 true 1 500 40000 1 1 3499"),
            (7_200.0, "hour 7 C:\\a.exe 192.0.2.7 443 true 0 10 0 1 0 0"),
            (86_400.0, "day 7 C:\\a.exe 192.0.2.7 443 true 1 510 40000 2 1 3500"),
            // The input ends before the hour and the day do.
            (86_405.0, "hour 7 C:\\a.exe 192.0.2.7 443 true 0 1 0 1 0 0"),
            (86_405.0, "day 7 C:\\a.exe 192.0.2.7 443 true 0 1 0 1 0 0"),
        ]
    );
}

#[test]
fn a_flow_is_told_with_the_origin_and_host_of_what_was_counted_last() {
    let mut net = Net::new();
    net.connects(1.0, 7);
    net.sends(2.0, 7, 1);
    net.starts(3.0, 8, "C:\\b.exe");
    net.told(FLOW);
    let flow = net.out.get(3).unwrap();
    assert_eq!((flow.origin().record, flow.origin().shape), (2, Shape::Etw));
    assert_eq!(flow.text(FieldId::COMPUTER), Some("one"));
    assert_eq!(flow.text(FieldId::PROVIDER_NAME), Some("etwatch"));
    assert_eq!(net.ledger.by_provider["etwatch"].derived, 2);
}

#[test]
fn who_was_called_is_told_by_the_port_that_was_called() {
    let mut net = Net::new();
    let inbound = (THEM, ("10.0.0.1", 3_389));
    net.passes(1.0, Activity::Connection, (7, Some(false), "tcp"), inbound, None);
    // Of what passes the source is this host.
    let passes = (inbound.1, inbound.0);
    net.passes(2.0, Activity::Send, (7, None, "tcp"), passes, Some(5));
    net.passes(3.0, Activity::Disconnection, (7, None, "tcp"), passes, None);
    // The same ends again, whose beginning was not seen.
    net.passes(4.0, Activity::Receive, (7, None, "tcp"), passes, Some(6));
    assert_eq!(
        text(&net.hours()),
        [
            (4.0, "hour 7  192.0.2.7 3389 false 1 5 0 1 0 1"),
            (4.0, "hour 7  192.0.2.7 443  0 0 6 0 1 0"),
        ]
    );
}

#[test]
fn of_datagrams_the_first_tells_who_began() {
    let mut net = Net::new();
    let udp = |sent| (7, Some(sent), "udp");
    let (out, back) = ((US, THEM), (THEM, US));
    net.passes(1.0, Activity::Connection, udp(true), out, Some(40));
    net.passes(2.0, Activity::Connection, udp(false), back, Some(400));
    net.passes(3.0, Activity::Connection, udp(true), out, Some(2));
    // After a silence it is a new one, and now the other end begins: our port was called.
    net.passes(200.0, Activity::Connection, udp(false), back, Some(1));
    assert_eq!(
        text(&net.hours()),
        [
            (200.0, "hour 7  192.0.2.7 443 true 1 42 400 2 1 2"),
            (200.0, "hour 7  192.0.2.7 50000 false 1 0 1 0 1 0"),
        ]
    );
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let mut net = Net::new();
    net.starts(1.0, 7, "C:\\a.exe");
    net.connects(2.0, 7);
    net.comes(3.0, Activity::ProcessEnd, &[("ProcessId", Value::Unsigned(7))]);
    net.starts(4.0, 7, "C:\\b.exe");
    net.connects(5.0, 7);
    net.sends(6.0, 7, 9);
    assert_eq!(
        text(&net.hours()),
        [
            (6.0, "hour 7 C:\\a.exe 192.0.2.7 443 true 1 0 0 0 0 0"),
            (6.0, "hour 7 C:\\b.exe 192.0.2.7 443 true 1 9 0 1 0 1"),
        ]
    );
}

#[test]
fn a_late_event_is_counted_in_no_flow() {
    let mut net = Net::new();
    net.connects(10.0, 7);
    net.sends(20.0, 7, 1);
    net.sends(15.0, 7, 100);
    net.sends(3_700.0, 7, 2);
    net.sends(3_500.0, 7, 100);
    assert_eq!(
        text(&net.hours()),
        [
            (3_600.0, "hour 7  192.0.2.7 443 true 1 1 0 1 0 10"),
            (3_700.0, "hour 7  192.0.2.7 443 true 0 2 0 1 0 0"),
        ]
    );
    assert_eq!(net.ledger.late, 2);
}

#[test]
fn of_recorded_logs_bytes_are_absent_and_names_are_told() {
    let mut net = Net::new();
    net.shape = Shape::Evtx;
    for (second, name) in [(1.0, "CDN.example."), (2.0, "-"), (3.0, "other.example")] {
        let fields = [
            ("ProcessId", Value::Text("7")),
            ("Protocol", Value::Text("tcp")),
            ("Initiated", Value::Text("true")),
            ("DestinationIp", Value::Text("::ffff:192.0.2.7")),
            ("DestinationPort", Value::Text("443")),
            ("DestinationHostname", Value::Text(name)),
        ];
        net.comes(second, Activity::Connection, &fields);
    }
    let names = ["DestinationHostname", "DestinationIp", "Connections", "BytesSent", "PacketsSent"];
    assert_eq!(
        text(&net.told(&names)),
        [(3.0, "other.example 192.0.2.7 3  "), (3.0, "other.example 192.0.2.7 3  ")]
    );
}

#[test]
fn what_is_known_good_is_left_out_and_counted() {
    let entry = Entry {
        processes: vec![Pattern::parse("*\\GOOD.exe").unwrap()],
        names: vec![Pattern::parse("*.good.example").unwrap()],
        ..Entry::default()
    };
    let mut net = Net::with(KnownGood::new(vec![entry]));
    net.starts(1.0, 7, "C:\\good.exe");
    net.starts(1.0, 8, "C:\\other.exe");
    let name = ("DestinationHostname", Value::Text("A.good.example"));
    for pid in [7, 8] {
        let fields = [
            ("ProcessId", Value::Unsigned(pid)),
            ("Initiated", Value::Text("true")),
            ("Protocol", Value::Text("tcp")),
            ("SourceIp", Value::Ip(US.0.parse().unwrap())),
            ("SourcePort", Value::Unsigned(US.1.into())),
            ("DestinationIp", Value::Ip(THEM.0.parse().unwrap())),
            ("DestinationPort", Value::Unsigned(THEM.1.into())),
            name,
        ];
        net.comes(2.0, Activity::Connection, &fields);
    }
    net.sends(3.0, 7, 100);
    net.sends(3.0, 8, 100);
    let told = net.hours();
    assert_eq!(text(&told), [(3.0, "hour 8 C:\\other.exe 192.0.2.7 443 true 1 100 0 1 0 1")]);
    assert_eq!(net.ledger.known_good, 2);
}

#[test]
fn sends_by_a_timer_on_an_open_connection_are_a_beacon() {
    let mut net = Net::new();
    net.starts(0.0, 7, "C:\\implant.exe");
    net.connects(1.0, 7);
    for beat in 0..20 {
        let now = 60.0 * f64::from(beat) + 30.0;
        for part in 0..4 {
            net.sends(now + 0.3 * f64::from(part), 7, 100);
        }
        net.receives(now + 2.0, 7, 50);
    }
    let before = net.left(&["Count"]);
    let place = before.iter().position(|(_, derived)| derived.is_some()).unwrap();
    let (second, _) = before[place];
    assert_eq!(before[place - 1], (second, None), "behind the event that shows it");
    let names = ["Image", "DestinationIp", "DestinationPort", "Count", "Period", "Jitter"];
    let told = net.told(&names);
    assert_eq!(told[0], (630.0, "C:\\implant.exe 192.0.2.7 443 12 60 2".to_owned()));
    assert_eq!(told.len(), 3, "one beacon, one hour, one day");
}

#[test]
fn hosts_have_hours_of_their_own_and_leave_them_when_they_are_forgotten() {
    let mut net = Net::new();
    net.connects(1.0, 7);
    net.computer = "two";
    net.connects(7_200.0, 7);
    assert!(net.left(&[]).iter().all(|(_, derived)| derived.is_none()), "not one's hour");
    for number in 0..4_097_u32 {
        net.computer = Box::leak(format!("host-{number}").into_boxed_str());
        net.starts(7_201.0, 7, "C:\\a.exe");
    }
    let left = net.left(&["Interval"]);
    let told: Vec<_> = left.iter().filter(|(_, derived)| derived.is_some()).collect();
    assert_eq!(*told[0], (1.0, Some("hour".to_owned())));
    assert_eq!(net.told(&[]).len(), 4, "an hour and a day of both");
    assert_eq!(net.ledger.forgotten["hosts"], 2, "the first ones");
}

#[test]
fn nothing_is_derived_while_nobody_asks() {
    let mut net = Net::new();
    net.state.derive(Derivation::default());
    net.connects(1.0, 7);
    net.sends(3_601.0, 7, 1);
    assert_eq!(net.out.len(), 2);
    // Somebody asks from now on, and later nobody.
    net.derive(KnownGood::default());
    net.sends(3_602.0, 7, 2);
    net.sends(7_201.0, 7, 4);
    net.state.derive(Derivation::default());
    net.sends(7_202.0, 7, 8);
    assert_eq!(text(&net.hours()), [(7_200.0, "hour 7  192.0.2.7 443  0 2 0 1 0 0")]);
}

/// On a host of which nothing more comes, its hour ends all the same when the time of a clock has passed.
#[test]
fn an_hour_ends_by_the_clock_on_an_idle_host() {
    let mut net = Net::new();
    net.sends(3_000.0, 8, 100);
    let derived =
        |net: &Net| net.left(&["Interval"]).into_iter().filter(|(_, told)| told.is_some()).count();
    // The longest wait for what may still come (5 s) has to be over as well.
    for (clock, expected) in [(0, 0), (600, 0), (604, 0), (605, 1), (9_000, 1)] {
        net.state.set_clock(std::time::Duration::from_secs(clock));
        net.state.pass(&mut net.out, &mut net.ledger);
        assert_eq!(derived(&net), expected, "{clock} s");
    }
    assert!(net.left(&["Interval"]).contains(&(3_600.0, Some("hour".to_owned()))));
    assert!(net.ledger.is_balanced());
}
