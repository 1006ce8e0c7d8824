//! The id of an alert: the same whenever the same event meets the same rule.
//!
//! It is a hash of rule, host, event time, provider, event id and the record's own content, but not
//! of the file the record lies in: a recording that is replayed, live events that were recorded, or
//! a folder that holds a copy give the same id, and a receiver can drop what it has seen.

use etwatch_event::{Event, FieldId};
use sha2::{Digest, Sha256};

/// Hex digits of an id: 128 bits.
const DIGITS: usize = 32;

/// The id of the alert of `rule` (its id, else its title) about `event`.
#[must_use]
pub fn alert_id(rule: &str, event: &Event<'_>) -> String {
    let mut hash = Sha256::new();
    let mut scratch = String::new();
    let mut part = |bytes: &[u8]| {
        // A length before each part, so that parts can't run into each other.
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(rule.as_bytes());
    part(&event.time().filetime().to_le_bytes());
    for field in [FieldId::COMPUTER, FieldId::PROVIDER_NAME, FieldId::EVENT_ID] {
        let value = event.get(field).first();
        part(
            value
                .as_ref()
                .and_then(|value| value.text(&mut scratch))
                .unwrap_or_default()
                .as_bytes(),
        );
    }
    // The order of a record's fields depends on its layout: names in order do not.
    let mut fields: Vec<_> = event.fields().collect();
    fields.sort_by_key(|(name, _)| *name);
    for (name, values) in fields {
        part(name.as_bytes());
        for value in values.iter() {
            part(value.text(&mut scratch).unwrap_or("\0").as_bytes());
        }
    }
    let digest = hash.finalize();
    let mut id = String::with_capacity(DIGITS);
    for byte in digest.iter().take(DIGITS / 2) {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}
