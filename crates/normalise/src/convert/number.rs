//! Numbers and how Sysmon writes them.
//!
//! Event logs write most numbers as text, decimal or hex, ETW has them as numbers: both are read alike.

use std::fmt::Write as _;
use std::net::IpAddr;

use etwatch_event::Value;

use super::Converted;

/// The number that a value is or that its text writes, decimal or `0x` and hex digits; a negative one by its
/// 64 bits.
#[must_use]
pub fn number(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Unsigned(number) | Value::Hex(number) => Some(*number),
        Value::Signed(number) => Some(number.cast_unsigned()),
        Value::Text(text) => {
            let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            match hex_digits(text) {
                Some(digits) => u64::from_str_radix(digits, 16).ok().filter(|_| plain(digits)),
                None => text.parse().ok().filter(|_| plain(text)),
            }
        }
        _ => None,
    }
}

fn hex_digits(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

/// Text in hex as the number; what is a decimal number stays.
pub(super) fn hexadecimal(value: &Value<'_>) -> Option<Converted> {
    match value {
        Value::Hex(number) => Some(Converted::Number(*number)),
        Value::Text(text) => {
            hex_digits(text)?;
            number(value).map(Converted::Number)
        }
        _ => None,
    }
}

/// The number of a process or thread.
pub(super) fn process_id(value: &Value<'_>) -> Option<Converted> {
    let id = number(value)?;
    let is_unknown = id == u64::from(u32::MAX) || id == u64::MAX;
    match value {
        _ if is_unknown => Some(Converted::Nothing),
        Value::Unsigned(_) => None,
        _ => Some(Converted::Number(id)),
    }
}

/// What a process is granted when it asks another process for `asked` and the call succeeds: the right to
/// query contains that to query a little, generic rights stand for those of processes. One who asks for all
/// it may have is granted what the event does not say.
pub(super) fn access_asked(asked: u64) -> Converted {
    const MAXIMUM_ALLOWED: u64 = 0x0200_0000;
    const QUERY_INFORMATION: u64 = 0x400;
    const QUERY_LIMITED_INFORMATION: u64 = 0x1000;
    const GENERIC: [(u64, u64); 4] = [
        (0x8000_0000, 0x02_1410), // to read
        (0x4000_0000, 0x02_0BEB), // to write
        (0x2000_0000, 0x12_1001), // to execute
        (0x1000_0000, 0x1F_FFFF), // all
    ];
    if asked & MAXIMUM_ALLOWED != 0 {
        return Converted::Nothing;
    }
    let mut granted = asked;
    for (generic, rights) in GENERIC {
        if granted & generic != 0 {
            granted = granted & !generic | rights;
        }
    }
    if granted & QUERY_INFORMATION != 0 {
        granted |= QUERY_LIMITED_INFORMATION;
    }
    Converted::Hex(granted)
}

pub(super) fn start_address(value: &Value<'_>, out: &mut String) -> bool {
    number(value).is_some_and(|address| write!(out, "0x{address:016X}").is_ok())
}

/// The low 32 bits, as Windows writes an `NTSTATUS`.
pub(super) fn status(value: &Value<'_>, out: &mut String) -> bool {
    number(value).is_some_and(|status| write!(out, "0x{:08X}", status & 0xFFFF_FFFF).is_ok())
}

pub(super) fn is_ipv6(value: &Value<'_>) -> Option<Converted> {
    let address = match value {
        Value::Ip(address) => *address,
        Value::Text(text) => text.parse::<IpAddr>().ok()?,
        _ => return None,
    };
    Some(Converted::Word(if address.is_ipv6() { "true" } else { "false" }))
}

/// `SE_SIGNING_LEVEL`, the low half of the byte: 1 is unsigned, from 4 (Authenticode) on a signature was
/// checked; 0 was not checked, 2 and 3 are whatever the host's own policy says.
pub(super) fn signature_level(level: u64) -> Converted {
    match level & 0xF {
        1 => Converted::Word("false"),
        4.. => Converted::Word("true"),
        _ => Converted::Nothing,
    }
}
