//! A story as one JSON object a line; `docs/process.md` describes it.

use etwatch_alert::json::push_text;
use etwatch_alert::object::{Object, push_list};

use super::looked_up::LookedUp;
use super::story::{Acts, Flow, Row, Section, Story};
use crate::processes::Processes;
use crate::processes::show::{push_process, push_time, push_without_host};

/// Adds a story with at most `most` acts of each section, and the end of the line.
pub(super) fn push(out: &mut String, story: &Story, processes: &Processes, most: usize) {
    let Some(process) = processes.get(story.process) else { return };
    let mut object = Object::begin(out);
    push_process(&mut object, process, processes);
    push_time(&mut object, "last_seen", process.last);
    push_list(object.key("parents"), &processes.ancestors(story.process), |out, parent| {
        let mut object = Object::begin(out);
        push_without_host(&mut object, parent);
        object.end();
    });
    object.number("descendants", story.descendants);
    object.number("events", story.events);
    object.number("events_before_known", story.before_known);
    let looked_up = LookedUp::of(story);
    let mut sections = Object::begin(object.key("sections"));
    for (section, key, _) in Section::ALL {
        if let Some(acts) = story.sections.get(section) {
            push_section(sections.key(key), acts, &looked_up, most);
        }
    }
    sections.end();
    object.end();
    out.push('\n');
}

/// Adds how many stories are not told, if there are such, and the end of the line.
pub(super) fn push_left_out(out: &mut String, processes: u64) {
    if processes > 0 {
        let mut object = Object::begin(out);
        object.number("processes_left_out", processes);
        object.end();
        out.push('\n');
    }
}

fn push_section(out: &mut String, acts: &Acts, looked_up: &LookedUp<'_>, most: usize) {
    let rows = acts.rows();
    let shown = rows.get(..most).unwrap_or(&rows);
    let mut object = Object::begin(out);
    object.number("count", acts.all.count);
    push_time(&mut object, "first", acts.all.first);
    push_time(&mut object, "last", acts.all.last);
    push_list(object.key("acts"), shown, |out, row| push_row(out, row, looked_up));
    object.number("acts_left_out", rows.len() - shown.len());
    object.number("not_told_apart", acts.beyond);
    object.end();
}

fn push_row(out: &mut String, row: &Row<'_>, looked_up: &LookedUp<'_>) {
    let Row { action, object: done_to, act } = row;
    let mut object = Object::begin(out);
    object.text("action", action);
    object.text("object", done_to);
    object.number("count", act.tally.count);
    push_time(&mut object, "first", act.tally.first);
    push_time(&mut object, "last", act.tally.last);
    if !act.details.is_empty() {
        push_list(object.key("details"), &act.details, |out, detail| push_text(out, detail));
    }
    if act.details_left_out > 0 {
        object.number("details_left_out", act.details_left_out);
    }
    if let Some(flow) = &act.flow {
        push_flow(&mut object, flow, looked_up);
    }
    object.end();
}

fn push_flow(object: &mut Object<'_>, flow: &Flow, looked_up: &LookedUp<'_>) {
    object.text("protocol", &flow.remote.protocol);
    object.text("address", &flow.remote.address.to_string());
    object.number("port", flow.remote.port);
    let names: Vec<_> = flow.names.iter().collect();
    push_list(object.key("names"), &names, |out, name| push_text(out, name));
    let names = looked_up.names(flow.remote.address);
    push_list(object.key("looked_up_as"), &names, |out, name| push_text(out, name));
    object.number("made", flow.made);
    object.number("accepted", flow.accepted);
    let ports: Vec<_> = flow.local_ports.iter().collect();
    push_list(object.key("accepted_on"), &ports, |out, port| out.push_str(&port.to_string()));
    object.number("bytes_sent", flow.sent);
    object.number("bytes_received", flow.received);
}
