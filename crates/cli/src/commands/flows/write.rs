//! Rows of flows for people and for programs. `docs/flows.md` describes the columns.
//!
//! A column in which no row has anything is left out of the table, never of CSV.

use etwatch_alert::object::Object;
use etwatch_alert::pretty::{escape, harmless};
use etwatch_event::Timestamp;

use super::rows::Row;
use crate::processes::show::{push_time, seconds};

/// The columns, in order.
const COLUMNS: [&str; 16] = [
    "host",
    "hour",
    "image",
    "pid",
    "name",
    "address",
    "port",
    "protocol",
    "initiated",
    "connections",
    "bytes_sent",
    "bytes_received",
    "packets_sent",
    "packets_received",
    "first",
    "last",
];
/// Columns whose cells stand at the right.
const NUMBERS: [&str; 7] = [
    "pid",
    "port",
    "connections",
    "bytes_sent",
    "bytes_received",
    "packets_sent",
    "packets_received",
];

/// The cells of a row; an empty one is not known, or not asked for.
fn cells((key, sums): &Row, time: impl Fn(Timestamp) -> String) -> [String; 16] {
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let known = |at: Timestamp| if at.is_known() { time(at) } else { String::new() };
    let (sent, received) = sums.bytes.unzip();
    let (packets_sent, packets_received) = sums.packets.unzip();
    [
        text(&key.host),
        key.hour.map(known).unwrap_or_default(),
        text(&key.image),
        number(key.pid),
        text(&key.name),
        text(&key.address),
        number(key.port),
        text(&key.protocol),
        key.initiated.map(|initiated| initiated.to_string()).unwrap_or_default(),
        sums.connections.to_string(),
        number(sent),
        number(received),
        number(packets_sent),
        number(packets_received),
        known(sums.first),
        known(sums.last),
    ]
}

/// A table for people; nothing if there are no rows.
pub(super) fn table(rows: &[Row]) -> String {
    let rows: Vec<_> =
        rows.iter().map(|row| cells(row, seconds).map(|cell| harmless(&cell))).collect();
    let head = COLUMNS.map(|name| name.replace('_', " "));
    let mut widths = [0; COLUMNS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (width, name) in widths.iter_mut().zip(&head) {
        if *width > 0 {
            *width = (*width).max(name.chars().count());
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for ((cell, width), name) in row.iter().zip(widths).zip(COLUMNS) {
            if width == 0 {
                continue;
            }
            let padding = " ".repeat(width - cell.chars().count());
            let (before, behind) =
                if NUMBERS.contains(&name) { (&*padding, "") } else { ("", &*padding) };
            line.push_str(&format!("{before}{cell}{behind}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// CSV (RFC 4180): what holds a comma or a quote stands in quotes. What could act is disarmed: on a terminal by
/// being shown by its code, as a formula of a spreadsheet by a `'` before it.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut out = COLUMNS.join(",");
    out.push_str("\r\n");
    for row in rows {
        let cells = cells(row, |time| time.to_string()).map(|cell| {
            let mut cell = escape(&cell);
            if cell.starts_with(['=', '+', '-', '@']) {
                cell.insert(0, '\'');
            }
            if cell.contains([',', '"']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell
            }
        });
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// One object a line; what is not known, or not asked for, is left out.
pub(super) fn json(rows: &[Row]) -> String {
    let mut out = String::new();
    for (key, sums) in rows {
        let mut object = Object::begin(&mut out);
        object.text_if_any("host", key.host.as_deref());
        if let Some(hour) = key.hour {
            push_time(&mut object, "hour", hour);
        }
        object.text_if_any("image", key.image.as_deref());
        let mut number = |name: &'static str, number: Option<u64>| {
            if let Some(number) = number {
                object.number(name, number);
            }
        };
        number("pid", key.pid);
        number("port", key.port);
        number("connections", Some(sums.connections));
        for (names, pair) in [
            (["bytes_sent", "bytes_received"], sums.bytes),
            (["packets_sent", "packets_received"], sums.packets),
        ] {
            let [one, other] = names;
            let (sent, received) = pair.unzip();
            number(one, sent);
            number(other, received);
        }
        object.text_if_any("name", key.name.as_deref());
        object.text_if_any("address", key.address.as_deref());
        object.text_if_any("protocol", key.protocol.as_deref());
        if let Some(initiated) = key.initiated {
            object.number("initiated", initiated);
        }
        push_time(&mut object, "first", sums.first);
        push_time(&mut object, "last", sums.last);
        object.end();
        out.push('\n');
    }
    out
}
