//! Derived events on their way to sinks: each before the alerts of its own row.
//!
//! They are few, and small beside alerts, so they are written when they are delivered, by the thread that
//! delivers.

use etwatch_alert::{DerivedWriter, Sink};
use etwatch_event::Vocabulary;

use crate::engine::EngineError;
use crate::report::Report;
use crate::work::{AlertContext, MatchedBatch};

/// Hands derived events on.
#[derive(Debug)]
pub(crate) struct DerivedTeller {
    /// The row of the batch from which on events are not yet told.
    next: usize,
    writer: DerivedWriter,
}

impl DerivedTeller {
    /// For events of `vocabulary`, or of one that grew from it.
    pub(crate) fn new(vocabulary: &Vocabulary) -> Self {
        Self { next: 0, writer: DerivedWriter::new(vocabulary) }
    }

    /// Another batch is delivered.
    pub(crate) fn begin(&mut self) {
        self.next = 0;
    }

    /// Hands the derived events of `batch` up to a row that were not told yet to `sinks`, if they are to be told;
    /// returns whether there were any.
    ///
    /// # Errors
    /// [`EngineError::Sink`] if a sink can't be written to.
    pub(crate) fn tell(
        &mut self,
        batch: &MatchedBatch,
        row: usize,
        context: &AlertContext,
        sinks: &mut [Box<dyn Sink>],
        report: &mut Report,
    ) -> Result<bool, EngineError> {
        let mut told = false;
        while let Some(event) = batch.events.get(self.next).filter(|_| self.next <= row) {
            self.next += 1;
            let Some(kind) = batch.engine().told_as(event.layout_id()) else { continue };
            let file = context.files.get(event.origin().input as usize);
            let file = file.map(String::as_str).unwrap_or_default();
            for form in context.forms.each() {
                let text = self.writer.write(event, file, kind, form);
                for sink in sinks.iter_mut().filter(|sink| sink.form() == form) {
                    report.take_note(sink.accept(text))?;
                }
            }
            told = true;
        }
        Ok(told)
    }
}
