//! The id of an alert: the same whenever the same event meets the same rule.
//!
//! It is a hash of rule, host, event time, provider, event id and the record's own content, but not
//! of what was known of its host, which depends on where a recording begins, nor of the file the record lies in: a recording that is replayed, live events that were recorded, or
//! a folder that holds a copy give the same id, and a receiver can drop what it has seen.

use etwatch_correlate::CorrelationMatch;
use etwatch_event::FieldId;
use sha2::{Digest, Sha256};

use crate::alert::Subject;

/// Hex digits of an id: 128 bits.
const DIGITS: usize = 32;

/// What of an event goes into the ids of its alerts.
#[derive(Debug, Default)]
pub struct Content {
    bytes: Vec<u8>,
    scratch: String,
}

/// A length before each part, so that parts can't run into each other.
fn length(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_le_bytes()
}

impl Content {
    /// Takes the place of what was there.
    pub fn set(&mut self, subject: &Subject<'_>) {
        let Self { bytes, scratch } = self;
        bytes.clear();
        let mut part = |part: &[u8]| {
            bytes.extend_from_slice(&length(part));
            bytes.extend_from_slice(part);
        };
        let event = &subject.event;
        part(&event.time().filetime().to_le_bytes());
        for field in [FieldId::COMPUTER, FieldId::PROVIDER_NAME, FieldId::EVENT_ID] {
            let value = event.get(field).first();
            let text = value.as_ref().and_then(|value| value.text(scratch));
            part(text.unwrap_or_default().as_bytes());
        }
        for (name, values) in subject.fields.iter().filter(|(_, of)| event.is_recorded(of)) {
            part(name.as_bytes());
            for value in values.iter() {
                part(value.text(scratch).unwrap_or("\0").as_bytes());
            }
        }
    }

    /// The id of the alert of `rule` (its id, else its title) about the event.
    #[must_use]
    pub fn alert_id(&self, rule: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(length(rule.as_bytes()));
        hash.update(rule.as_bytes());
        hash.update(&self.bytes);
        digits(hash)
    }
}

/// The id of the alert of a correlation (its id, else its title): a hash of its host, its group and the times
/// of its first and last event.
#[must_use]
pub fn correlation_id(found: &CorrelationMatch) -> String {
    let mut hash = Sha256::new();
    let rule = found.planned().map_or("", |planned| planned.identity());
    let group = found.group.iter().flat_map(|(name, value)| [&**name, &**value]);
    for part in [rule, &*found.host].into_iter().chain(group) {
        hash.update(length(part.as_bytes()));
        hash.update(part.as_bytes());
    }
    for time in [found.first, found.last] {
        hash.update(time.filetime().to_le_bytes());
    }
    digits(hash)
}

fn digits(hash: Sha256) -> String {
    let digest = hash.finalize();
    let half = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    let digits = digest.iter().flat_map(|byte| [half(byte >> 4), half(byte & 15)]);
    digits.take(DIGITS).collect()
}
