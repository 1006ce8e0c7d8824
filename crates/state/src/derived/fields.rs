//! The fields of contacts that are read, and those of derived events that are written.

use crate::fields::field_numbers;

field_numbers! {
    /// Their numbers.
    pub(crate) struct DerivedFields;
    pub(crate) fields:
    protocol = "Protocol",
    initiated = "Initiated",
    source_ip = "SourceIp",
    source_port = "SourcePort",
    destination_ip = "DestinationIp",
    destination_port = "DestinationPort",
    destination_hostname = "DestinationHostname",
    size = "size",
    process_id = "ProcessId",
    process_guid = "ProcessGuid",
    image = "Image",
    user = "User",
    destination_is_ipv6 = "DestinationIsIpv6",
    interval = "Interval",
    connections = "Connections",
    bytes_sent = "BytesSent",
    bytes_received = "BytesReceived",
    packets_sent = "PacketsSent",
    packets_received = "PacketsReceived",
    first_seen = "FirstSeen",
    last_seen = "LastSeen",
    duration = "Duration",
    count = "Count",
    period = "Period",
    jitter = "Jitter",
    confidence = "Confidence",
}
