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

/// An event as it is printed, and its stack as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// What is printed before the stack.
    event: String,
    /// The stack, a text for each address, from the innermost call outwards.
    pub(super) frames: Vec<String>,
    /// What is printed behind it.
    source: String,
}

impl Shown {
    /// Bytes that it takes, without its stack.
    pub(super) fn len(&self) -> usize {
        self.event.len() + self.source.len()
    }
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
        if !self.selects(event, time) {
            return ControlFlow::Continue(());
        }
        if self.asked.count {
            self.counts.add(event);
            return ControlFlow::Continue(());
        }
        let out = &mut self.text;
        match (self.asked.format, text) {
            (Format::Text, text) => {
                block::push(out, event, text);
                block::push_source(out, event, file);
            }
            (Format::Json, Some(text)) => {
                push_json(out, text);
                out.push('\n');
            }
            (Format::Json, None) => line::push(out, event, file, &mut self.scratch),
        }
        self.write_if_large();
        if self.stopped() || self.failed() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Whether an event is wanted; counts it either way.
    pub(super) fn selects(&mut self, event: &EventView<'_>, time: Timestamp) -> bool {
        let selected = self.asked.selection.takes(event, time);
        *(if selected { &mut self.selected } else { &mut self.not_selected }) += 1;
        selected
    }

    /// An event that was selected, for [`Printer::put`] later on.
    pub(super) fn show(&mut self, event: &EventView<'_>, file: &str) -> Shown {
        let mut shown = Shown::default();
        match self.asked.format {
            Format::Text => {
                block::push(&mut shown.event, event, None);
                block::push_source(&mut shown.source, event, file);
            }
            Format::Json => {
                line::push_open(&mut shown.event, event, file, &mut self.scratch);
            }
        }
        shown
    }

    /// Prints an event whose stack has come.
    pub(super) fn put(&mut self, shown: &Shown) {
        let out = &mut self.text;
        out.push_str(&shown.event);
        match self.asked.format {
            Format::Text => {
                if !shown.frames.is_empty() {
                    block::push_stack(out, &shown.frames);
                }
                out.push_str(&shown.source);
            }
            Format::Json => line::push_end(out, &shown.frames),
        }
        self.write_if_large();
    }

    fn write_if_large(&mut self) {
        if self.text.len() >= WRITTEN {
            self.write();
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
    /// Whether standard output can't be written to.
    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
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
