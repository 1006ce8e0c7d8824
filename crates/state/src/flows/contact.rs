//! What an event says of a contact with another host: with whom, in which direction, how many bytes.
//!
//! Tables put the end that began a connection into the source, and the local end of bytes that pass over
//! one, whose beginning they can't know; a datagram's source is who sent it. So the remote end is:
//!
//! ```text
//! connection   Initiated true, or not told   destination
//!              Initiated false               source
//! datagram     sent (Initiated true)         destination
//!              received (false)              source
//! bytes, end                                 destination
//! ```

use std::net::IpAddr;

use etwatch_event::{Activity, Event, FieldId, Shape, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::derived::DerivedFields;
use crate::fields::number;
use crate::names::address_of;

/// A protocol by the number that IP gives it; zero if it is not told.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Protocol(pub u8);

impl Protocol {
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);

    fn of(event: &Event<'_>, field: FieldId) -> Self {
        match event.get(field).first() {
            Some(Value::Text(text)) if text.eq_ignore_ascii_case("tcp") => Self::TCP,
            Some(Value::Text(text)) if text.eq_ignore_ascii_case("udp") => Self::UDP,
            Some(value) => Self(value.number().and_then(|it| u8::try_from(it).ok()).unwrap_or(0)),
            None => Self::default(),
        }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) address: IpAddr,
    /// Zero if it is not told.
    pub(crate) port: u16,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A connection was made or accepted.
    Connected,
    /// Bytes, or a datagram, went out.
    Sent,
    /// The same came in.
    Received,
    /// A connection ended.
    Ended,
}

/// A contact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contact {
    pub(crate) time: Timestamp,
    pub(crate) act: Act,
    pub(crate) protocol: Protocol,
    /// The other host.
    pub(crate) remote: End,
    /// This host, if it is told.
    pub(crate) local: Option<End>,
    /// Whether this host began, as far as the event tells.
    pub(crate) initiated: Option<bool>,
    /// How many bytes passed, if they were counted.
    pub(crate) bytes: Option<u64>,
    /// Whether the recording tells what passes over connections.
    pub(crate) is_followed: bool,
}

impl Contact {
    /// Reads an event of `activity`; `None` if it is of another kind, or does not tell the other host.
    pub(crate) fn of(
        event: &Event<'_>,
        activity: Activity,
        fields: &DerivedFields,
    ) -> Option<Self> {
        if !matches!(
            activity,
            Activity::Connection | Activity::Send | Activity::Receive | Activity::Disconnection
        ) {
            return None;
        }
        let is_followed = event.origin().shape == Shape::Etw;
        let protocol = Protocol::of(event, fields.protocol);
        let initiated = initiated(event, fields.initiated);
        let act = match activity {
            Activity::Connection if is_followed && protocol == Protocol::UDP => {
                if initiated == Some(false) { Act::Received } else { Act::Sent }
            }
            Activity::Connection => Act::Connected,
            Activity::Send => Act::Sent,
            Activity::Receive => Act::Received,
            Activity::Disconnection => Act::Ended,
            _ => return None,
        };
        let source = end(event, fields.source_ip, fields.source_port);
        let destination = end(event, fields.destination_ip, fields.destination_port);
        let is_from_there = activity == Activity::Connection && initiated == Some(false);
        let (local, remote) =
            if is_from_there { (destination, source) } else { (source, destination) };
        let bytes = number(event, fields.size).filter(|_| matches!(act, Act::Sent | Act::Received));
        let (time, remote) = (event.time(), remote?);
        Some(Self { time, act, protocol, remote, local, initiated, bytes, is_followed })
    }
}

fn initiated(event: &Event<'_>, field: FieldId) -> Option<bool> {
    match event.get(field).first()? {
        Value::Boolean(initiated) => Some(initiated),
        Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn end(event: &Event<'_>, address: FieldId, port: FieldId) -> Option<End> {
    let address = match event.get(address).first()? {
        Value::Ip(address) => address.to_canonical(),
        Value::Text(text) => address_of(text)?,
        _ => return None,
    };
    let port = number(event, port).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    Some(End { address, port })
}
