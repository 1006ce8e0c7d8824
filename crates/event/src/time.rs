//! Time as Windows counts it.
//!
//! ETW, EVTX and the process table all speak `FILETIME`: 100 ns units since 1601-01-01 UTC in 64
//! bits. Everything else (ISO 8601 text of JSON logs, Unix times) is converted at the edge, once,
//! and the conversion says when a text is no time. The calendar is the proleptic Gregorian one;
//! leap seconds do not exist here, as they do not in `FILETIME`.

use std::fmt;
use std::time::Duration;

/// Units of 100 ns in a second.
pub const TICKS_PER_SECOND: u64 = 10_000_000;
const TICKS_PER_DAY: u64 = 86_400 * TICKS_PER_SECOND;
/// Days from 0000-03-01 to 1601-01-01 in the proleptic Gregorian calendar.
const DAYS_TO_1601: i64 = 584_694;

/// A point in time: 100 ns units since 1601-01-01 00:00 UTC, as Windows' `FILETIME` has it.
///
/// Zero stands for "not known": no event is that old, and Windows itself writes 0 for "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01 00:00 UTC.
    pub const UNIX_EPOCH: Self = Self(116_444_736_000_000_000);
    /// No time is known.
    pub const UNKNOWN: Self = Self(0);

    /// From 100 ns units since 1601 UTC (`FILETIME`).
    #[must_use]
    pub const fn from_filetime(ticks: u64) -> Self {
        Self(ticks)
    }
    /// 100 ns units since 1601 UTC (`FILETIME`).
    #[must_use]
    pub const fn filetime(self) -> u64 {
        self.0
    }
    /// Whether a time is known at all.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.0 != 0
    }
    /// From milliseconds since 1970 UTC; `None` before 1601 or past the range of `FILETIME`.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        Self::UNIX_EPOCH.0.checked_add_signed(millis.checked_mul(10_000)?).map(Self)
    }
    /// Time since `earlier`; zero if `earlier` is later, since records may arrive out of order.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let ticks = self.0.saturating_sub(earlier.0);
        let nanos = u32::try_from(ticks % TICKS_PER_SECOND).unwrap_or(0) * 100;
        Duration::new(ticks / TICKS_PER_SECOND, nanos)
    }

    /// Reads ISO 8601 text: `2026-03-02T09:14:03.120Z`, `2026-03-02 09:14:03`, with an offset
    /// such as `+02:00`, or a plain number of seconds or milliseconds since 1970.
    ///
    /// A text without an offset is taken as UTC, which is what Sysmon's `UtcTime` means. More
    /// than seven digits of a fraction are cut off.
    ///
    /// ```
    /// use etwatch_event::Timestamp;
    /// let sysmon = Timestamp::parse("2026-03-02 09:14:03.120").unwrap();
    /// assert_eq!(Timestamp::parse("2026-03-02T11:14:03.12+02:00"), Some(sysmon));
    /// assert_eq!(sysmon.to_string(), "2026-03-02T09:14:03.1200000Z");
    /// assert_eq!(Timestamp::parse("yesterday"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Self::parse_unix(text);
        }
        Self::from_parts(&TimeParts::parse(text)?)
    }

    /// The point in time that these parts name; `None` before 1601, past the range of `FILETIME`, or if
    /// there is no such month or day.
    #[must_use]
    pub fn from_parts(parts: &TimeParts) -> Option<Self> {
        if !parts.is_sound() {
            return None;
        }
        let days = days_since_1601(parts.year, parts.month, parts.day)?;
        let seconds =
            i64::from(parts.hour) * 3_600 + i64::from(parts.minute) * 60 + i64::from(parts.second)
                - i64::from(parts.offset_minutes) * 60;
        let ticks = u64::try_from(days).ok()?.checked_mul(TICKS_PER_DAY)?;
        let within_day = seconds.checked_mul(TICKS_PER_SECOND.cast_signed())?;
        ticks.checked_add_signed(within_day)?.checked_add(u64::from(parts.fraction)).map(Self)
    }

    /// Seconds since 1970 (up to 11 digits), milliseconds (13), microseconds (16) or nanoseconds.
    fn parse_unix(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let number: u64 = whole.parse().ok()?;
        let ticks = match whole.len() {
            9..=11 => number.checked_mul(TICKS_PER_SECOND)?.checked_add(fraction_ticks(fraction)?),
            12..=14 => number.checked_mul(10_000),
            15..=17 => number.checked_mul(10),
            18..=20 => Some(number / 100),
            _ => None,
        }?;
        Self::UNIX_EPOCH.0.checked_add(ticks).map(Self)
    }
}

/// The parts of a time as written, before any conversion to UTC.
///
/// Sigma's `hour`, `day` … compare these, since the specification forbids a time-zone conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeParts {
    /// Year, 1 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 60.
    pub second: u8,
    /// Fraction of a second in 100 ns units.
    pub fraction: u32,
    /// Minutes that the written time is ahead of UTC.
    pub offset_minutes: i16,
}

impl TimeParts {
    /// Reads ISO 8601 text with `T` or a blank between date and time; `None` if it is no time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, rest) = text.split_at_checked(10)?;
        let mut numbers = date.splitn(3, ['-', '/']);
        let (year, month, day) = (numbers.next()?, numbers.next()?, numbers.next()?);
        if year.len() != 4 {
            return None;
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let clock_end = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
        let (clock, zone) = rest.split_at_checked(clock_end)?;
        let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
        let mut numbers = clock.splitn(3, ':');
        let (hour, minute) = (numbers.next()?, numbers.next()?);
        let second = numbers.next().unwrap_or("0");
        let parts = Self {
            year: year.parse().ok()?,
            month: month.parse().ok()?,
            day: day.parse().ok()?,
            hour: hour.parse().ok()?,
            minute: minute.parse().ok()?,
            second: second.parse().ok()?,
            fraction: u32::try_from(fraction_ticks(fraction)?).ok()?,
            offset_minutes: offset_minutes(zone.trim())?,
        };
        parts.is_sound().then_some(parts)
    }

    fn is_sound(&self) -> bool {
        (1..=12).contains(&self.month)
            && self.day >= 1
            && self.day <= days_in_month(self.year, self.month)
            && self.hour <= 23
            && self.minute <= 59
            && self.second <= 60
    }

    /// From a typed time, in UTC.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        let days = time.0 / TICKS_PER_DAY;
        let within = time.0 % TICKS_PER_DAY;
        let seconds = within / TICKS_PER_SECOND;
        let (year, month, day) = date_of(days);
        let small = |number: u64| u8::try_from(number).unwrap_or(0);
        Self {
            year,
            month,
            day,
            hour: small(seconds / 3_600),
            minute: small(seconds / 60 % 60),
            second: small(seconds % 60),
            fraction: u32::try_from(within % TICKS_PER_SECOND).unwrap_or(0),
            offset_minutes: 0,
        }
    }

    /// ISO 8601 week, 1 to 53.
    #[must_use]
    pub fn week(&self) -> Option<u8> {
        let days = days_since_1601(self.year, self.month, self.day)?;
        // 1601-01-01 was a Monday. The week belongs to the year that holds its Thursday.
        let thursday = days - days.rem_euclid(7) + 3;
        let (year, ..) = date_of(u64::try_from(thursday).ok()?);
        let first = days_since_1601(year, 1, 1)?;
        u8::try_from((thursday - first) / 7 + 1).ok()
    }
}

impl fmt::Display for Timestamp {
    /// ISO 8601 in UTC with all seven digits, or `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_known() {
            return f.write_str("unknown");
        }
        let p = TimeParts::of(*self);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:07}Z",
            p.year, p.month, p.day, p.hour, p.minute, p.second, p.fraction
        )
    }
}

/// Digits after the decimal point as 100 ns units; `None` if they are no digits.
fn fraction_ticks(digits: &str) -> Option<u64> {
    let mut ticks = 0;
    for position in 0..7 {
        let digit = digits.as_bytes().get(position).copied().unwrap_or(b'0');
        ticks = ticks * 10 + u64::from(char::from(digit).to_digit(10)?);
    }
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(ticks)
}

/// `Z`, empty, `+02:00`, `-0530`, `+02` as minutes ahead of UTC.
fn offset_minutes(zone: &str) -> Option<i16> {
    let (sign, digits) = match zone.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => return Some(0),
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        Some(_) => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None => digits.split_at_checked(2)?,
    };
    let hours: i16 = hours.parse().ok()?;
    let minutes: i16 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    ((0..=23).contains(&hours) && (0..=59).contains(&minutes))
        .then_some(sign * (hours * 60 + minutes))
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1601-01-01, negative before; the year is counted from March so that the leap day
/// is its last.
fn days_since_1601(year: u16, month: u8, day: u8) -> Option<i64> {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.checked_mul(146_097)?.checked_add(day_of_era)?.checked_sub(DAYS_TO_1601)
}

/// Year, month, day of a number of days since 1601-01-01; the inverse of [`days_since_1601`].
fn date_of(days: u64) -> (u16, u8, u8) {
    let days = days.saturating_add(DAYS_TO_1601.cast_unsigned());
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (
        u16::try_from(year).unwrap_or(u16::MAX),
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epochs_are_where_windows_has_them() {
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00Z"), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(Timestamp::parse("1601-01-01T00:00:00Z"), Some(Timestamp(0)));
        // A pair that Microsoft's documentation of EVENT_TRACE_HEADER-like fields uses.
        assert_eq!(
            Timestamp::from_filetime(132_223_104_000_000_000).to_string(),
            "2020-01-01T00:00:00.0000000Z"
        );
    }

    #[test]
    fn texts_that_are_no_time_are_refused() {
        for text in [
            "",
            "2026",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-01-01X00:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+25:00",
            "ü026-01-01T00:00:00",
            "1234",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn unix_numbers_are_read_by_their_length() {
        let second = Timestamp::parse("1770000000").unwrap();
        for text in ["1770000000.0", "1770000000000", "1770000000000000", "1770000000000000000"] {
            assert_eq!(Timestamp::parse(text), Some(second), "{text}");
        }
    }

    #[test]
    fn iso_weeks_belong_to_the_year_of_their_thursday() {
        for (date, week) in
            [("2026-01-01", 1), ("2027-01-01", 53), ("2024-12-30", 1), ("2026-11-21", 47)]
        {
            let parts = TimeParts::parse(&format!("{date}T00:00:00Z")).unwrap();
            assert_eq!(parts.week(), Some(week), "{date}");
        }
    }

    #[test]
    fn printing_and_reading_are_inverse_over_the_whole_range() {
        for day in (0..3_000_000).step_by(977) {
            let time = Timestamp(day * TICKS_PER_DAY + day * 12_345 % TICKS_PER_DAY);
            if time.is_known() && TimeParts::of(time).year <= 9_999 {
                assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
            }
        }
    }
}
