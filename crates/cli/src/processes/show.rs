//! How processes and times are written, for people and for programs.

use etwatch_alert::object::Object;
use etwatch_event::Timestamp;

use crate::processes::{Process, Processes, file_name};

/// What stands for a host without a name.
pub(crate) const NO_HOST: &str = "unknown host";

/// A point in time to the second: `2026-03-02 09:06:21`.
pub(crate) fn seconds(time: Timestamp) -> String {
    if !time.is_known() {
        return "unknown time".to_owned();
    }
    let text = time.to_string();
    let dot = text.find('.').unwrap_or(text.len());
    text.get(..dot).unwrap_or(&text).replace('T', " ")
}

/// The end of a span: the time of day alone if the day is that of its beginning.
pub(crate) fn seconds_after(first: Timestamp, last: Timestamp) -> String {
    let (first, last) = (seconds(first), seconds(last));
    match (first.split_once(' '), last.split_once(' ')) {
        (Some((one, _)), Some((other, time))) if one == other => time.to_owned(),
        _ => last,
    }
}

/// How long something took: `0.250 s`, `12.5 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub(crate) fn duration(first: Timestamp, last: Timestamp) -> String {
    let taken = last.since(first);
    match taken.as_secs() {
        0..10 => format!("{:.3} s", taken.as_secs_f64()),
        10..60 => format!("{:.1} s", taken.as_secs_f64()),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ 3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// The file name of an image and its pid: `cmd.exe (pid 712)`.
pub(crate) fn short(process: &Process) -> String {
    named(process.image.as_deref().map(file_name), process.pid)
}

/// An image and a pid.
pub(crate) fn named(image: Option<&str>, pid: Option<u32>) -> String {
    let image = image.unwrap_or("unknown image");
    match pid {
        Some(pid) => format!("{image} (pid {pid})"),
        None => image.to_owned(),
    }
}

/// Adds what is known of a process to an object of JSON.
pub(crate) fn push_process(object: &mut Object<'_>, process: &Process, processes: &Processes) {
    object.text_if_any("host", processes.hosts.name(process.host));
    push_without_host(object, process);
}

/// The same where the host is told elsewhere.
pub(crate) fn push_without_host(object: &mut Object<'_>, process: &Process) {
    if let Some(pid) = process.pid {
        object.number("pid", pid);
    }
    if let Some(guid) = process.guid {
        object.text("guid", &guid.to_string());
    }
    object.text_if_any("image", process.image.as_deref());
    object.text_if_any("command_line", process.command_line.as_deref());
    object.text_if_any("user", process.user.as_deref());
    object.text_if_any("integrity", process.integrity.as_deref());
    match process.start {
        Some(start) => push_time(object, "start", start),
        None => push_time(object, "first_seen", process.first),
    }
    if let Some(end) = process.end {
        push_time(object, "end", end);
    }
}

/// Adds a point in time, if it is known.
pub(crate) fn push_time(object: &mut Object<'_>, key: &'static str, time: Timestamp) {
    if time.is_known() {
        object.text(key, &time.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn times_are_as_short_as_they_can_be() {
        let (one, two) = (time("2026-03-02T09:06:21.634Z"), time("2026-03-02T23:06:21Z"));
        assert_eq!(seconds(one), "2026-03-02 09:06:21");
        assert_eq!(seconds(Timestamp::UNKNOWN), "unknown time");
        assert_eq!(seconds_after(one, two), "23:06:21");
        assert_eq!(seconds_after(one, time("2026-03-03T00:00:00Z")), "2026-03-03 00:00:00");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let from = time("2026-03-02T09:00:00Z");
        for (to, expected) in [
            ("2026-03-02T09:00:00.25Z", "0.250 s"),
            ("2026-03-02T09:00:12.5Z", "12.5 s"),
            ("2026-03-02T09:03:05Z", "3 min 5 s"),
            ("2026-03-02T11:10:59Z", "2 h 10 min"),
            ("2026-03-05T13:00:00Z", "3 d 4 h"),
            ("2026-03-01T00:00:00Z", "0.000 s"),
        ] {
            assert_eq!(duration(from, time(to)), expected, "{to}");
        }
    }
}
