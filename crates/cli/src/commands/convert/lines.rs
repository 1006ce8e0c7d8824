//! Records as JSON, an object a line: the fields by the names that they have in the recording.
//!
//! This is one of the forms that are read again (flat JSON with Windows' own names), and an alert about such
//! a line has the id that it has about the record.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use etwatch_alert::object::{Object, push_values};
use etwatch_engine::Report;

use super::Failure;
use crate::commands::{FAILED, USAGE, find_inputs};
use crate::event_view::EventView;
use crate::records::{Keep, each_record};
use crate::selection::{NOT_SELECTED, Selection};

/// Bytes of output that are written at once.
const WRITTEN: usize = 64 << 10;

/// Writes the records of `input` that are selected to `output`.
pub(super) fn write(
    input: &Path,
    selection: &Selection,
    output: &mut dyn Write,
) -> Result<Report, Failure> {
    let found = find_inputs(&[input.to_owned()]).map_err(|message| (USAGE, message))?;
    let (mut text, mut scratch) = (String::new(), String::new());
    let mut not_selected = 0;
    let mut failure: Option<io::Error> = None;
    let mut report = each_record(&found.inputs, Keep::Fields, &mut |read| {
        let view = EventView::Record(read.record, read.schema);
        if !selection.takes(&view, read.time) {
            not_selected += 1;
            return ControlFlow::Continue(());
        }
        push_line(&mut text, &view, &mut scratch);
        if text.len() < WRITTEN {
            return ControlFlow::Continue(());
        }
        failure = output.write_all(text.as_bytes()).err();
        text.clear();
        if failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let end = failure.map_or_else(|| output.write_all(text.as_bytes()), Err);
    match end.and_then(|()| output.flush()) {
        // Whoever reads standard output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err((FAILED, format!("the output can't be written: {error}"))),
        Ok(()) => {}
    }
    report.unreadable.extend(found.errors.iter().map(ToString::to_string));
    report.ledger.evaluated = report.ledger.evaluated.saturating_sub(not_selected);
    if not_selected > 0 {
        report.ledger.filtered.insert(NOT_SELECTED, not_selected);
    }
    Ok(report)
}

fn push_line(out: &mut String, view: &EventView<'_>, scratch: &mut String) {
    let mut object = Object::begin(out);
    for field in view.fields() {
        push_values(object.named(field.name), field.values.into_iter(), scratch);
    }
    object.end();
    out.push('\n');
}
