//! TCP and UDP: the classes TcpIp and UdpIp, and Kernel-Network, whose ids are the opcodes of the classes,
//! for UDP plus 32.
//!
//! Source and destination mean two things. For TCP they are the two ends of a connection: the source is
//! always this side. For UDP they are those of the datagram: the source is whoever sent it, which is the
//! other side for what is received. [`NetworkEvent::local`] and [`NetworkEvent::remote`] tell the sides apart.

use std::net::IpAddr;

use etwatch_event::Record;

use super::provider::Provider;
use super::{Context, value};

/// TCP or UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkOperation {
    /// Data was sent.
    #[default]
    Send,
    /// Data was received.
    Receive,
    /// A connection was opened by this side.
    Connect,
    /// A connection was opened by the other side.
    Accept,
    /// A connection was closed.
    Disconnect,
    /// Data was sent again.
    Retransmit,
    /// A connection is tried again.
    Reconnect,
    /// An attempt failed.
    Fail,
    /// The stack copied data that it had received on behalf of a user.
    Copy,
    /// Data was acknowledged.
    Acknowledge,
}

/// Something is sent, received, connected over TCP or UDP.
///
/// Source and destination are as the event has them; which of them is this side, see [`NetworkEvent::local`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkEvent {
    /// Its header, whose process is not that of the connection.
    pub context: Context,
    /// What happened.
    pub operation: NetworkOperation,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The process that owns the connection; failures and version 0 of UDP do not say.
    pub process_id: Option<u32>,
    /// The address of the source.
    pub source_address: Option<IpAddr>,
    /// The port of the source.
    pub source_port: Option<u16>,
    /// The address of the destination.
    pub destination_address: Option<IpAddr>,
    /// The port of the destination.
    pub destination_port: Option<u16>,
    /// Bytes of data.
    pub size: Option<u32>,
    /// The sequence number.
    pub sequence: Option<u32>,
    /// The connection; 0 in most recordings.
    pub connection_id: Option<u64>,
    /// Why it failed.
    pub failure_code: Option<u16>,
}

impl NetworkEvent {
    /// What `record` says, if it is about a connection.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'_>,
    ) -> Option<Self> {
        let (protocol, operation) = operation(provider, number)?;
        let mut event = Self { context, operation, protocol, ..Self::default() };
        for (name, value) in record.fields() {
            match name {
                "PID" | "ProcessId" | "ProcessID" => event.process_id = value::number32(value),
                "saddr" => event.source_address = value::address(value),
                "sport" => event.source_port = value::number16(value),
                "daddr" => event.destination_address = value::address(value),
                "dport" => event.destination_port = value::number16(value),
                "size" => event.size = value::number32(value),
                "seqnum" => event.sequence = value::number32(value),
                "connid" => event.connection_id = value::number(value),
                "FailureCode" => event.failure_code = value::number16(value),
                _ => {}
            }
        }
        let addressed = event.source_address.is_some() && event.destination_address.is_some();
        (addressed || operation == NetworkOperation::Fail).then_some(event)
    }

    /// Address and port of this side. Those of a datagram that was received are where it was sent to, which
    /// may be a group or a broadcast.
    #[must_use]
    pub fn local(&self) -> (Option<IpAddr>, Option<u16>) {
        if self.is_received_datagram() { self.destination() } else { self.source() }
    }

    /// Address and port of the other side.
    #[must_use]
    pub fn remote(&self) -> (Option<IpAddr>, Option<u16>) {
        if self.is_received_datagram() { self.source() } else { self.destination() }
    }

    fn is_received_datagram(&self) -> bool {
        (self.protocol, self.operation) == (Protocol::Udp, NetworkOperation::Receive)
    }
    fn source(&self) -> (Option<IpAddr>, Option<u16>) {
        (self.source_address, self.source_port)
    }
    fn destination(&self) -> (Option<IpAddr>, Option<u16>) {
        (self.destination_address, self.destination_port)
    }
}

fn operation(provider: Provider, number: u16) -> Option<(Protocol, NetworkOperation)> {
    let (protocol, number) = match (provider, number) {
        (Provider::TcpIp, _) | (Provider::KernelNetwork, 10..=18 | 26..=34) => {
            (Protocol::Tcp, number)
        }
        (Provider::UdpIp, _) => (Protocol::Udp, number),
        (Provider::KernelNetwork, 42 | 43 | 49 | 58 | 59) => (Protocol::Udp, number - 32),
        _ => return None,
    };
    let operation = match number {
        10 | 26 => NetworkOperation::Send,
        11 | 27 => NetworkOperation::Receive,
        17 => NetworkOperation::Fail,
        _ if protocol == Protocol::Udp => return None,
        12 | 28 => NetworkOperation::Connect,
        13 | 29 => NetworkOperation::Disconnect,
        14 | 30 => NetworkOperation::Retransmit,
        15 | 31 => NetworkOperation::Accept,
        16 | 32 => NetworkOperation::Reconnect,
        18 | 19 | 34 => NetworkOperation::Copy,
        20..=22 => NetworkOperation::Acknowledge,
        _ => return None,
    };
    Some((protocol, operation))
}
