//! The fields that tell of handles and names, and how they are read from an event.
//!
//! Sources differ in how they write a number: as one, in hex, in text, or as a signed one where an address of
//! the kernel is meant. A text that is empty says nothing.

use std::net::IpAddr;

use etwatch_event::{Event, FieldId, Timestamp, Value};

use crate::fields::field_numbers;

field_numbers! {
    /// The numbers of the fields that [`super::ObjectNames`] reads.
    pub struct NameFields;
    pub fields:
    file_object = "FileObject",
    file_key = "FileKey",
    file_name = "FileName",
    target_filename = "TargetFilename",
    source_filename = "SourceFilename",
    key_object = "KeyObject",
    base_object = "BaseObject",
    base_name = "BaseName",
    relative_name = "RelativeName",
    key_name = "KeyName",
    value_name = "ValueName",
    target_object = "TargetObject",
    status = "Status",
    query_name = "QueryName",
    query_type = "QueryType",
    query_status = "QueryStatus",
    query_results = "QueryResults",
    initiated = "Initiated",
    destination_ip = "DestinationIp",
    destination_hostname = "DestinationHostname",
}

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) event: &'a Event<'a>,
    pub(super) fields: &'a NameFields,
}

impl<'a> Said<'a> {
    /// When it happened.
    pub(super) fn time(&self) -> Timestamp {
        self.event.time()
    }
    /// The text of a field that has one.
    pub(super) fn text(&self, field: FieldId) -> Option<&'a str> {
        self.event.text(field).filter(|text| !text.is_empty())
    }
    /// A handle: an address or number that is not zero.
    pub(super) fn handle(&self, field: FieldId) -> Option<u64> {
        let number = match self.event.get(field).only()? {
            Value::Signed(address) => Some(address.cast_unsigned()),
            value => value.number(),
        };
        number.filter(|number| *number != 0)
    }
    /// Whether a status says that it went well; one that does not say otherwise did.
    pub(super) fn is_success(&self, status: FieldId) -> bool {
        self.event.get(status).only().is_none_or(|status| match status {
            Value::Signed(status) => status == 0,
            status => status.number().is_none_or(|status| status == 0),
        })
    }
    /// An address; an IPv4 address in the form of IPv6 is one of IPv4.
    pub(super) fn address(&self, field: FieldId) -> Option<IpAddr> {
        match self.event.get(field).only()? {
            Value::Ip(address) => Some(address.to_canonical()),
            Value::Text(text) => address_of(text),
            _ => None,
        }
    }
}

/// Reads an address; the zone of a local one is left out.
pub(crate) fn address_of(text: &str) -> Option<IpAddr> {
    let plain = text.split_once('%').map_or(text, |(address, _)| address);
    plain.parse().ok().map(|address: IpAddr| address.to_canonical())
}
