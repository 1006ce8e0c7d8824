//! Flows and beacons as events. What is not known is absent.

use std::net::IpAddr;

use etwatch_event::batch::EventBuilder;
use etwatch_event::{EventBatch, FieldId, Ledger, Origin, Timestamp, Value};

use super::{DerivedFields, DerivedKind};
use crate::beacons::Beacon;
use crate::flows::Interval;
use crate::flows::contact::{Contact, Protocol};
use crate::flows::period::Flow;
use crate::flows::who::Who;

/// The provider of derived events.
const PROVIDER: &str = "etwatch";
/// Its ids, as in `taxonomy/derived.yaml`.
const FLOW: u64 = 2;
const BEACON: u64 = 3;

/// A beacon and what showed it last.
pub(super) struct Told<'t> {
    pub(super) beacon: &'t Beacon,
    pub(super) who: &'t Who,
    pub(super) contact: &'t Contact,
    pub(super) origin: Origin,
}

/// Counts a derived event.
pub(super) fn count(ledger: &mut Ledger) {
    ledger.derived += 1;
    ledger.count_of(PROVIDER, |counts| counts.derived += 1);
}

/// Writes the event of a flow.
pub(super) fn flow(
    flow: &Flow,
    interval: Interval,
    time: Timestamp,
    computer: Option<&str>,
    kind: DerivedKind,
    fields: &DerivedFields,
    out: &mut EventBatch,
) {
    let mut event = out.begin(kind.layout, kind.sources);
    event.set_time(time);
    event.set_origin(flow.origin);
    header(&mut event, FLOW, computer);
    if let Some(who) = &flow.who {
        process(&mut event, who, fields);
    }
    if let Some((address, port)) = flow.key.end {
        end(&mut event, address, port, flow.name.as_deref(), fields);
    }
    protocol(&mut event, flow.key.protocol, fields);
    if let Some(initiated) = flow.key.initiated {
        event.set(fields.initiated, Value::Text(if initiated { "true" } else { "false" }));
    }
    event.set(fields.interval, Value::Text(interval.name()));
    let passed = &flow.passed;
    event.set(fields.connections, Value::Unsigned(passed.connections));
    if passed.is_counted {
        for (field, sum) in [
            (fields.bytes_sent, passed.sent),
            (fields.bytes_received, passed.received),
            (fields.packets_sent, passed.packets_sent),
            (fields.packets_received, passed.packets_received),
        ] {
            event.set(field, Value::Unsigned(sum));
        }
    }
    span(&mut event, flow.first, flow.last, fields);
    event.finish();
}

/// Writes the event of a beacon.
pub(super) fn beacon(
    told: &Told<'_>,
    computer: Option<&str>,
    kind: DerivedKind,
    fields: &DerivedFields,
    out: &mut EventBatch,
) {
    let Told { beacon, who, contact, origin } = told;
    let mut event = out.begin(kind.layout, kind.sources);
    event.set_time(beacon.last);
    event.set_origin(*origin);
    header(&mut event, BEACON, computer);
    process(&mut event, who, fields);
    let remote = contact.remote;
    end(&mut event, remote.address, remote.port, beacon.name.as_deref(), fields);
    protocol(&mut event, contact.protocol, fields);
    event.set(fields.count, Value::Unsigned(beacon.count));
    let rhythm = &beacon.rhythm;
    event.set(fields.period, Value::Float((rhythm.period * 10.0).round() / 10.0));
    event.set(fields.jitter, percent(rhythm.jitter));
    event.set(fields.confidence, percent(rhythm.confidence));
    span(&mut event, beacon.first, beacon.last, fields);
    event.finish();
}

/// A part of one as a whole number of hundredths.
fn percent(part: f64) -> Value<'static> {
    Value::Float((part * 100.0).round())
}

fn header(event: &mut EventBuilder<'_>, id: u64, computer: Option<&str>) {
    event.set(FieldId::EVENT_ID, Value::Unsigned(id));
    event.set(FieldId::PROVIDER_NAME, Value::Text(PROVIDER));
    if let Some(computer) = computer {
        event.set(FieldId::COMPUTER, Value::Text(computer));
    }
}

fn process(event: &mut EventBuilder<'_>, who: &Who, fields: &DerivedFields) {
    if let Some(pid) = who.pid {
        event.set(fields.process_id, Value::Unsigned(pid.into()));
    }
    if let Some(guid) = who.guid {
        event.set(fields.process_guid, Value::Guid(guid));
    }
    for (field, text) in [(fields.image, &who.image), (fields.user, &who.user)] {
        if let Some(text) = text {
            event.set(field, Value::Text(text));
        }
    }
}

fn end(
    event: &mut EventBuilder<'_>,
    address: IpAddr,
    port: u16,
    name: Option<&str>,
    fields: &DerivedFields,
) {
    event.set(fields.destination_ip, Value::Ip(address));
    let is_ipv6 = if address.is_ipv6() { "true" } else { "false" };
    event.set(fields.destination_is_ipv6, Value::Text(is_ipv6));
    if port != 0 {
        event.set(fields.destination_port, Value::Unsigned(port.into()));
    }
    if let Some(name) = name {
        event.set(fields.destination_hostname, Value::Text(name));
    }
}

fn protocol(event: &mut EventBuilder<'_>, protocol: Protocol, fields: &DerivedFields) {
    let value = match protocol {
        Protocol::TCP => Value::Text("tcp"),
        Protocol::UDP => Value::Text("udp"),
        Protocol(0) => return,
        Protocol(number) => Value::Unsigned(number.into()),
    };
    event.set(fields.protocol, value);
}

/// When it was first and last seen, and the seconds between.
fn span(event: &mut EventBuilder<'_>, first: Timestamp, last: Timestamp, fields: &DerivedFields) {
    for (field, time) in [(fields.first_seen, first), (fields.last_seen, last)] {
        if time.is_known() {
            event.set(field, Value::Time(time));
        }
    }
    event.set(fields.duration, Value::Unsigned(last.since(first).as_secs()));
}
