//! Which fields of a record tell what it is.
//!
//! Time, number, provider, channel and event id decide what becomes of a record, so they are told to it
//! besides being fields. Where they stand is seen from the names of the fields, so it is found once for
//! all records that are written alike; what they say is read from each.

use etwatch_event::{RawValue, RecordBuilder, Timestamp, Value};

/// Spellings of the time of a flat record, best first: the later ones are when something was
/// received, or are kept by Windows with fewer digits.
const FLAT_TIME: &[&str] = &[
    "TimeCreated_SystemTime",
    "TimeCreated.SystemTime",
    "SystemTime",
    "TimeCreated",
    "UtcTime",
    "EventTime",
    "@timestamp",
    "timestamp",
    "Timestamp",
];

/// Who wrote a record that has Sysmon's own time and does not say it.
pub(crate) const SYSMON: &str = "Microsoft-Windows-Sysmon";

/// Positions of the fields that tell about their record; the first field of a name decides, so that no
/// payload field of that name can.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    provider: Option<usize>,
    channel: Option<usize>,
    /// Those of each name, of which the first that is a number counts.
    event_ids: Vec<usize>,
    numbers: Vec<usize>,
    /// Rank in [`FLAT_TIME`] and position, best first.
    times: Vec<(usize, usize)>,
}

impl Header {
    /// Finds the header of `record`, whose fields have their final names. Sysmon's records are told by a
    /// time that no other log has; one that does not name its provider gets the field.
    pub(crate) fn find(&mut self, record: &mut RecordBuilder<'_>) {
        (self.provider, self.channel) = (None, None);
        self.event_ids.clear();
        self.numbers.clear();
        self.times.clear();
        let mut sysmon_form = false;
        for index in 0..record.len() {
            let Some((name, RawValue::One(_))) = record.field(index) else { continue };
            sysmon_form |= name == "UtcTime";
            match name {
                "Provider_Name" => self.provider = self.provider.or(Some(index)),
                "Channel" => self.channel = self.channel.or(Some(index)),
                "EventID" => self.event_ids.push(index),
                "EventRecordID" => self.numbers.push(index),
                _ => {
                    let rank = FLAT_TIME.iter().position(|known| *known == name);
                    self.times.extend(rank.map(|rank| (rank, index)));
                }
            }
        }
        self.times.sort_unstable();
        if sysmon_form && self.provider.is_none() && self.channel.is_none() {
            record.push("Provider_Name", Value::Text(SYSMON));
            self.provider = Some(record.len() - 1);
        }
    }

    /// Tells `record`, whose header this is, what it is.
    pub(crate) fn tell(&self, record: &mut RecordBuilder<'_>) {
        if let Some(index) = self.provider {
            record.set_provider(index);
        }
        if let Some(index) = self.channel {
            record.set_channel(index);
        }
        let ids = self.event_ids.iter().filter_map(|index| number(record, *index));
        if let Some(id) = ids.filter_map(|id| u32::try_from(id).ok()).next() {
            record.set_event_id(id);
        }
        if let Some(number) = self.numbers.iter().find_map(|index| number(record, *index)) {
            record.set_number(number);
        }
        let time = self.times.iter().find_map(|(_, index)| time(record, *index));
        record.set_time(time.unwrap_or(Timestamp::UNKNOWN));
    }
}

fn number(record: &RecordBuilder<'_>, index: usize) -> Option<u64> {
    match record.field(index)?.1 {
        RawValue::One(Value::Unsigned(number)) => Some(number),
        RawValue::One(Value::Text(text)) => text.trim().parse().ok(),
        _ => None,
    }
}

fn time(record: &RecordBuilder<'_>, index: usize) -> Option<Timestamp> {
    let (_, RawValue::One(value)) = record.field(index)? else { return None };
    value.text(&mut String::new()).and_then(Timestamp::parse)
}
