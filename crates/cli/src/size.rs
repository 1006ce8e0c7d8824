//! Sizes and ages as people write them: a number with a unit behind it.

use std::time::Duration;

use etwatch_engine::memory::MemoryLimit;

/// A number with a unit behind it, of which the units are given with how many they are.
fn parse_with_unit(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let unit = text
        .chars()
        .last()
        .and_then(|last| units.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(&last)).copied());
    let (number, times) = match unit {
        Some((unit, times)) => (text.strip_suffix([unit, unit.to_ascii_lowercase()])?, times),
        None => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(times).filter(|number| *number > 0)
}

/// Bytes, or with K, M, G, T.
///
/// # Errors
/// That it is none, for a message.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)];
    parse_with_unit(text, &units).ok_or_else(|| "not a size; write 500M or 2G".to_owned())
}

/// Seconds, or with m, h, d.
///
/// # Errors
/// That it is none, for a message.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    let units = [('S', 1), ('M', 60), ('H', 3_600), ('D', 86_400)];
    let seconds = parse_with_unit(text, &units);
    seconds.map(Duration::from_secs).ok_or_else(|| "not an age; write 12h or 7d".to_owned())
}

/// A size that all that is remembered may take.
///
/// # Errors
/// That it is no size, or too small, for a message.
pub(crate) fn parse_memory(text: &str) -> Result<MemoryLimit, String> {
    let least = shown(MemoryLimit::LEAST as u64);
    MemoryLimit::new(parse_size(text)?).ok_or_else(|| format!("too small; the least is {least}"))
}

/// Bytes for people, as they may be written for [`parse_size`] but for a fraction.
pub(crate) fn shown(bytes: u64) -> String {
    let unit = [('G', 1_u64 << 30), ('M', 1 << 20), ('K', 1 << 10)];
    let Some((unit, size)) = unit.into_iter().find(|(_, size)| bytes >= *size) else {
        return bytes.to_string();
    };
    match (bytes / size, bytes % size * 10 / size) {
        (whole, 0) => format!("{whole}{unit}"),
        (whole, _) if whole >= 100 => format!("{whole}{unit}"),
        (whole, tenths) => format!("{whole}.{tenths}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_may_be_written() {
        for (text, bytes) in
            [("1", 1), ("1023", 1_023), ("1K", 1 << 10), ("200M", 200 << 20), ("2G", 2 << 30)]
        {
            assert_eq!((parse_size(text), shown(bytes).as_str()), (Ok(bytes), text));
        }
        assert_eq!(shown((8 << 20) + (4 << 17)), "8.5M");
        assert_eq!(shown((300 << 20) + 1), "300M");
        assert!(parse_size("0").is_err() && parse_size("many").is_err());
        assert!(parse_size("99999999999T").is_err());
    }

    #[test]
    fn a_limit_of_memory_that_leaves_no_room_is_refused() {
        assert_eq!(parse_memory("64m").map(MemoryLimit::bytes), Ok(64 << 20));
        let error = parse_memory("15M").map(MemoryLimit::bytes);
        assert!(error.is_err_and(|error| error.contains("the least is 16M")));
    }
}
