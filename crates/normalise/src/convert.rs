//! Conversions of single values from Windows' spelling to Sigma's.
//!
//! Each takes the text of a value and writes what it becomes, or says that it is not of the form it
//! converts; the value then stays as it was. Facts: Sysmon's spellings counted in real recordings.

use etwatch_event::Value;
use etwatch_event::registry::registry_path;

use crate::table::Conversion;

/// Converts `text`; `scratch` holds the new text if there is one.
#[must_use]
pub fn convert<'s>(how: Conversion, text: &str, scratch: &'s mut String) -> Option<Value<'s>> {
    scratch.clear();
    match how {
        Conversion::Hexadecimal => hexadecimal(text).map(Value::Unsigned),
        Conversion::IntegrityLevel => integrity_level(text).map(Value::Text),
        Conversion::RegistryPath => registry_path(text, scratch).then_some(Value::Text(scratch)),
        Conversion::AccessMask => access_mask(text, scratch).then_some(Value::Text(scratch)),
    }
}

/// `0x1a4c` as a number.
fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    u64::from_str_radix(digits, 16).ok()
}

/// A mandatory label, `S-1-16-n`, as Sysmon names it (`winnt.h`, `SECURITY_MANDATORY_*_RID`).
fn integrity_level(text: &str) -> Option<&'static str> {
    match text.strip_prefix("S-1-16-")?.parse::<u32>().ok()? {
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

/// An access mask, decimal or hex, as `0x` and lower-case hex without leading zeros.
fn access_mask(text: &str, out: &mut String) -> bool {
    use std::fmt::Write as _;
    let number = hexadecimal(text).or_else(|| text.parse().ok());
    number.is_some_and(|number| write!(out, "0x{number:x}").is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_conversion_changes_its_own_form_and_nothing_else() {
        use Conversion::{AccessMask, Hexadecimal, IntegrityLevel, RegistryPath};
        let text = Value::Text;
        let table = [
            (Hexadecimal, "0x1a4c", Some(Value::Unsigned(6_732))),
            (Hexadecimal, "6732", None),
            (Hexadecimal, "0x", None),
            (IntegrityLevel, "S-1-16-12288", Some(text("High"))),
            (IntegrityLevel, "High", None),
            (IntegrityLevel, "S-1-16-1", None),
            (RegistryPath, "\\REGISTRY\\MACHINE\\SOFTWARE\\X", Some(text("HKLM\\SOFTWARE\\X"))),
            (
                RegistryPath,
                "\\registry\\machine\\system\\controlset001\\Services",
                Some(text("HKLM\\System\\CurrentControlSet\\Services")),
            ),
            (RegistryPath, "\\REGISTRY\\USER\\S-1-5-18\\X", Some(text("HKU\\S-1-5-18\\X"))),
            (RegistryPath, "\\REGISTRY\\MACHINERY", None),
            (RegistryPath, "HKLM\\X", None),
            (AccessMask, "0x1FFFFF", Some(text("0x1fffff"))),
            (AccessMask, "4112", Some(text("0x1010"))),
            (AccessMask, "%%4416", None),
        ];
        let mut scratch = String::new();
        for (how, from, to) in table {
            assert_eq!(convert(how, from, &mut scratch), to, "{how:?} {from}");
        }
    }
}
