//! Accounts and integrity levels, which the kernel gives as SIDs.

use etwatch_event::{Sid, Value};

/// A mandatory label, `S-1-16-n`, as Sysmon names it (`winnt.h`, `SECURITY_MANDATORY_*_RID`).
pub(super) fn integrity_level(value: &Value<'_>) -> Option<&'static str> {
    match last_part(value, 16, "S-1-16-")? {
        0 => Some("Untrusted"),
        4_096 => Some("Low"),
        8_192 => Some("Medium"),
        8_448 => Some("MediumPlus"),
        12_288 => Some("High"),
        16_384 => Some("System"),
        20_480 => Some("Protected"),
        _ => None,
    }
}

/// The accounts of services, by their English names. (What other SIDs are called only the host can say.)
pub(crate) fn account(value: &Value<'_>) -> Option<&'static str> {
    match last_part(value, 5, "S-1-5-")? {
        18 => Some("NT AUTHORITY\\SYSTEM"),
        19 => Some("NT AUTHORITY\\LOCAL SERVICE"),
        20 => Some("NT AUTHORITY\\NETWORK SERVICE"),
        _ => None,
    }
}

/// The only sub-authority of a SID of this authority, which as text begins with `prefix`.
fn last_part(value: &Value<'_>, authority: u8, prefix: &str) -> Option<u32> {
    match value {
        Value::Text(text) => text.strip_prefix(prefix)?.parse().ok(),
        Value::Sid(Sid([1, 1, 0, 0, 0, 0, 0, of, a, b, c, d])) if *of == authority => {
            Some(u32::from_le_bytes([*a, *b, *c, *d]))
        }
        _ => None,
    }
}
