//! How the reference writes a value.
//!
//! The same number is decimal with commas for most fields, without for flags whose names it does not know,
//! signed if its own field is, hexadecimal with at least eight digits for addresses, and `True` or `False`
//! where it means that. Which of them is a matter of its own declarations: so each spelling of *our* value
//! is made, and one of them must be what the baseline shows. That keeps a cut value comparable, too.

use etwatch_event::Value;

use super::line::Shown;

/// Whether the reference would show `ours` as `theirs`; `texts` turns a text into others that mean the
/// same (paths by drive letter).
pub(crate) fn agree(
    theirs: Shown<'_>,
    ours: Value<'_>,
    mut texts: impl FnMut(&str) -> Vec<String>,
) -> bool {
    let spellings = match ours {
        Value::Unsigned(number) | Value::Hex(number) => unsigned(number),
        Value::Signed(number) => signed(number),
        Value::Boolean(yes) => unsigned(u64::from(yes)),
        Value::Text(text) => {
            let mut all = texts(text);
            all.push(text.to_owned());
            all
        }
        Value::Guid(guid) => vec![guid.to_string().trim_matches(['{', '}']).to_owned()],
        Value::Ip(ip) => vec![ip.to_string()],
        Value::Time(time) => time_texts(&time.to_string()),
        Value::Null => vec![String::new()],
        Value::Float(number) => vec![format!("{number:.3}")],
        Value::Sid(sid) => vec![sid.to_string()],
        _ => return false,
    };
    spellings.iter().any(|spelling| theirs.shows(spelling))
}

fn unsigned(number: u64) -> Vec<String> {
    let mut all = vec![group(i128::from(number)), number.to_string(), format!("{number:#010x}")];
    // A field that the reference declares as signed.
    if let Ok(small) = u32::try_from(number) {
        all.push(group(i128::from(small.cast_signed())));
    }
    all.push(group(i128::from(number.cast_signed())));
    match number {
        0 => all.extend(["False".to_owned(), "None".to_owned()]),
        1 => all.push("True".to_owned()),
        _ => {}
    }
    all
}

fn signed(number: i64) -> Vec<String> {
    match u64::try_from(number) {
        Ok(number) => unsigned(number),
        Err(_) => vec![group(i128::from(number)), number.to_string()],
    }
}

/// A number with commas between thousands.
fn group(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `20/07/29 00:07:10.692000` for `2020-07-29T00:07:10.6920000Z`.
fn time_texts(time: &str) -> Vec<String> {
    let short = time.get(2..25).unwrap_or_default().replace('-', "/").replace('T', " ");
    vec![short]
}

#[cfg(test)]
fn same(theirs: &str, ours: Value<'_>) -> bool {
    agree(Shown::of(theirs), ours, |_| Vec::new())
}

#[test]
fn a_number_has_many_spellings_and_one_meaning() {
    for (theirs, ours) in [
        ("65,536", Value::Unsigned(65_536)),
        ("8388611", Value::Unsigned(8_388_611)),
        ("0x00187000", Value::Hex(0x18_7000)),
        ("0x1b0f1000028", Value::Hex(0x1b0_f100_0028)),
        ("-1", Value::Unsigned(0xFFFF_FFFF)),
        ("-1,726,546,814", Value::Unsigned(2_568_420_482)),
        ("-1", Value::Unsigned(u64::MAX)),
        ("0xffffffffffd03003", Value::Hex(0xffff_ffff_ffd0_3003)),
        ("-2,305,843,009,213,6...", Value::Hex(0xE000_0000_0000_0000)),
        ("-51", Value::Signed(-51)),
        ("True", Value::Boolean(true)),
        ("False", Value::Unsigned(0)),
        ("None", Value::Unsigned(0)),
        ("0.928", Value::Float(0.928)),
    ] {
        assert!(same(theirs, ours), "{theirs}: {ours:?}");
    }
    for (theirs, ours) in [
        ("65,537", Value::Unsigned(65_536)),
        ("True", Value::Unsigned(2)),
        ("-1", Value::Unsigned(0xFFFF_FFFE)),
        ("0x1", Value::Hex(2)),
        ("", Value::Unsigned(0)),
    ] {
        assert!(!same(theirs, ours), "{theirs}: {ours:?}");
    }
}

#[test]
fn texts_guids_addresses_and_times() {
    let guid = etwatch_event::Guid::parse("ec83d8df-5559-46e0-bb2d-0123456789ab").unwrap();
    assert!(same("ec83d8df-5559-46e0-b...", Value::Guid(guid)));
    assert!(!same("ec83d8df-5559-46e0-c...", Value::Guid(guid)));
    let time = etwatch_event::Timestamp::parse("2020-07-29T00:07:10.6921234Z").unwrap();
    assert!(same("20/07/29 00:07:10.69...", Value::Time(time)));
    assert!(!same("20/07/29 00:07:10.70...", Value::Time(time)));
    assert!(same("10.128.0.117", Value::Ip([10, 128, 0, 117].into())));
    assert!(same("ntdll.dll", Value::Text("ntdll.dll")));
    assert!(!same("ntdll", Value::Text("ntdll.dll")));
    let path = Value::Text("\\Device\\HarddiskVolume2\\Windows\\a");
    let mapped = |_: &str| vec!["C:\\Windows\\a".to_owned()];
    assert!(agree(Shown::of("C:\\Windows\\a"), path, mapped));
}
