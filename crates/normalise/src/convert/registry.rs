//! Data of registry values, as Sysmon writes it.
//!
//! | type | data |
//! |---|---|
//! | 1, 2 | the text |
//! | 4 | `DWORD (0x00000001)` |
//! | 7 | the texts, joined by `, ` (how Sysmon joins them is not known) |
//! | 11 | `QWORD (0x01d6667a-0xac806dc2)`, the high half first |
//! | others | `Binary Data` |
//!
//! Data of no bytes is `(Empty)`. What the kernel did not record is not told.

use std::fmt::Write as _;

use etwatch_event::Value;

use super::text::utf16_letters;
use super::{Converted, Others};

/// The data of a value: `value` holds what the kernel recorded of it, the others its type and its size.
pub(super) fn data(value: &Value<'_>, others: Others, out: &mut String) -> Option<Converted> {
    let Value::Bytes(bytes) = value else { return None };
    let [kind, size] = others;
    if bytes.is_empty() {
        return Some(if size == Some(0) { Converted::Word("(Empty)") } else { Converted::Nothing });
    }
    let written = |yes: bool| if yes { Converted::Written } else { Converted::Nothing };
    Some(match kind {
        Some(1 | 2) => {
            out.extend(utf16_letters(until_nul(bytes)));
            Converted::Written
        }
        Some(4) => written(bytes.first_chunk().is_some_and(|number| {
            write!(out, "DWORD (0x{:08x})", u32::from_le_bytes(*number)).is_ok()
        })),
        Some(7) => {
            push_strings(bytes, out);
            Converted::Written
        }
        Some(11) => written(bytes.first_chunk().is_some_and(|number| {
            let number = u64::from_le_bytes(*number);
            write!(out, "QWORD (0x{:08x}-0x{:08x})", number >> 32, number & 0xFFFF_FFFF).is_ok()
        })),
        None => Converted::Nothing,
        Some(_) => Converted::Word("Binary Data"),
    })
}

/// Text without the NULs at its end; those in the midst stay, so that nothing can be hidden behind one.
fn until_nul(mut bytes: &[u8]) -> &[u8] {
    while let [before @ .., 0, 0] = bytes
        && before.len() % 2 == 0
    {
        bytes = before;
    }
    bytes
}

/// The strings of a list, each of which ends with a NUL.
fn push_strings(bytes: &[u8], out: &mut String) {
    for letter in utf16_letters(until_nul(bytes)) {
        match letter {
            '\0' => out.push_str(", "),
            letter => out.push(letter),
        }
    }
}
