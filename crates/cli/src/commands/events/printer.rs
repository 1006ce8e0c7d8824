//! Which events are printed, and how: selection, form, the end.
//!
//! Events are written to a text that goes to standard output whenever it is large enough. Nothing more is
//! taken once as many were selected as are wanted, or standard output can't be written to.

use std::io::Write;
use std::ops::ControlFlow;

use etwatch_alert::json::push_json;
use etwatch_event::Timestamp;

use crate::commands::events::counts::Counts;
use crate::commands::events::{Events, Format, block, line};
use crate::event_view::EventView;

/// Bytes of output that are written at once.
const WRITTEN: usize = 64 << 10;

/// Takes events and prints those that are selected.
pub(super) struct Printer<'e> {
    asked: &'e Events,
    counts: Counts,
    text: String,
    scratch: String,
    out: Box<dyn Write>,
    failure: Option<std::io::Error>,
    selected: u64,
    not_selected: u64,
}

impl<'e> Printer<'e> {
    /// A printer to standard output; colours are taken away where they do not belong.
    pub(super) fn new(asked: &'e Events) -> Self {
        let out: Box<dyn Write> = match asked.format {
            Format::Text => Box::new(anstream::stdout()),
            Format::Json => Box::new(std::io::stdout()),
        };
        Self {
            asked,
            counts: Counts::default(),
            text: String::new(),
            scratch: String::new(),
            out,
            failure: None,
            selected: 0,
            not_selected: 0,
        }
    }

    /// Takes an event; `time` is its own or that of the one before it, `text` what the recording has of it.
    pub(super) fn take(
        &mut self,
        event: &EventView<'_>,
        time: Timestamp,
        text: Option<&str>,
        file: &str,
    ) -> ControlFlow<()> {
        if !self.asked.selection.takes(event, time) {
            self.not_selected += 1;
            return ControlFlow::Continue(());
        }
        self.selected += 1;
        if self.asked.count {
            self.counts.add(event);
            return ControlFlow::Continue(());
        }
        let out = &mut self.text;
        match (self.asked.format, text) {
            (Format::Text, text) => block::push(out, event, text, file),
            (Format::Json, Some(text)) => push_json(out, text),
            (Format::Json, None) => line::push(out, event, file, &mut self.scratch),
        }
        if self.asked.format == Format::Json {
            out.push('\n');
        }
        if self.text.len() >= WRITTEN {
            self.write();
        }
        if self.stopped() || self.failure.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn write(&mut self) {
        if self.failure.is_none() {
            let written = self.out.write_all(self.text.as_bytes());
            self.failure = written.and_then(|()| self.out.flush()).err();
        }
        self.text.clear();
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Why standard output could not be written to.
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        if self.asked.count {
            match self.asked.format {
                Format::Text => self.counts.push_table(&mut self.text),
                Format::Json => self.counts.push_lines(&mut self.text),
            }
        }
        self.write();
        self.failure.take().map_or(Ok(()), Err)
    }
    /// Whether as many events were selected as are wanted.
    pub(super) fn stopped(&self) -> bool {
        self.asked.limit.is_some_and(|limit| self.selected >= limit)
    }
    /// How many events were selected.
    pub(super) fn selected(&self) -> u64 {
        self.selected
    }
    /// How many were not.
    pub(super) fn not_selected(&self) -> u64 {
        self.not_selected
    }
}
