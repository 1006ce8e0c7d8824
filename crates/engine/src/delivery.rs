//! From matched batches to sinks: the last part of the line, the same for a replay and for live events.
//!
//! Batches come here in the order of events. Correlations see their matches, then everything goes to all sinks
//! in that order: derived events and alerts of correlations before the alerts of the event that comes behind
//! them. Everything that is delivered is counted in the report.

use std::sync::Arc;

use etwatch_alert::telemetry::Telemetry;
use etwatch_alert::{Forms, Sink};
use etwatch_event::Timestamp;

use crate::correlating::{Correlating, Gap};
use crate::derived::DerivedTeller;
use crate::engine::{Engine, EngineError};
use crate::memory::MemoryLimit;
use crate::options::{Observer, Progress};
use crate::report::Report;
use crate::work::{AlertContext, MatchedBatch};

/// What matched batches go through, and what came of them.
pub(crate) struct Delivery<'a> {
    pub(crate) context: Arc<AlertContext>,
    pub(crate) correlating: Correlating,
    pub(crate) memory: MemoryLimit,
    pub(crate) report: Report,
    pub(crate) progress: Progress,
    pub(crate) observer: &'a mut dyn Observer,
    /// Whether sinks may hold something that they were handed since they were flushed last.
    holds: bool,
    sinks: &'a mut [Box<dyn Sink>],
    /// Hands derived events on.
    derived: DerivedTeller,
}

impl<'a> Delivery<'a> {
    /// Nothing came yet. `files` are the names of the inputs by their numbers.
    pub(crate) fn new(
        engine: &Engine,
        memory: MemoryLimit,
        files: Vec<String>,
        sinks: &'a mut [Box<dyn Sink>],
        observer: &'a mut dyn Observer,
    ) -> Self {
        Self {
            context: Arc::new(AlertContext { files, forms: Forms::of(sinks) }),
            correlating: Correlating::new(&engine.correlations, memory.correlations()),
            memory,
            report: Report::default(),
            progress: Progress::default(),
            observer,
            holds: false,
            sinks,
            derived: DerivedTeller::new(&engine.vocabulary),
        }
    }

    /// There is one more input, with the next number.
    pub(crate) fn add_file(&mut self, name: String) {
        let AlertContext { files, forms } = &*self.context;
        let files = files.iter().cloned().chain([name]).collect();
        self.context = Arc::new(AlertContext { files, forms: *forms });
    }

    /// Delivers the alerts of the next batch, before which `gaps` were found; gives the batch back.
    pub(crate) fn take(
        &mut self,
        mut batch: MatchedBatch,
        gaps: &[Gap],
    ) -> Result<MatchedBatch, EngineError> {
        self.derived.begin();
        if self.observer.events(&batch.events, &self.context.files).is_break() {
            return Err(EngineError::Stopped);
        }
        self.report.tested += batch.tested;
        self.progress.events += batch.events.len() as u64;
        self.correlating.take(&batch, gaps);
        for rule in batch.silent() {
            self.report.count_silent(&rule.attributes, &rule.file);
        }
        self.deliver(&batch)?;
        while batch.write_on(&self.context) {
            self.deliver(&batch)?;
        }
        self.tell_derived(&batch, usize::MAX)?;
        self.deliver_correlations(None)?;
        self.observer.progress(self.progress);
        Ok(batch)
    }

    /// Time has passed on hosts, behind all batches that were taken.
    pub(crate) fn pass(&mut self, watermarks: &[(u32, Timestamp)]) -> Result<(), EngineError> {
        self.correlating.pass(watermarks);
        self.deliver_correlations(None)
    }

    /// Tells all sinks something of this run itself.
    pub(crate) fn tell(
        &mut self,
        what: &Telemetry,
        time: Timestamp,
        host: Option<&str>,
    ) -> Result<(), EngineError> {
        for form in self.context.forms.each() {
            let text = what.write(time, host, form);
            for sink in self.sinks.iter_mut().filter(|sink| sink.form() == form) {
                self.report.take_note(sink.accept(&text))?;
            }
        }
        self.holds = true;
        Ok(())
    }

    /// Has sinks send on what they were handed since this was called last, if anything.
    pub(crate) fn send_on(&mut self) -> Result<(), EngineError> {
        if std::mem::take(&mut self.holds) {
            for sink in self.sinks.iter_mut() {
                self.report.take_note(sink.send_on())?;
            }
        }
        Ok(())
    }

    /// There are no more batches: what waits for time to pass is decided, unless (`is_over` is false) time goes on
    /// without this run.
    pub(crate) fn end(&mut self, is_over: bool) -> Result<(), EngineError> {
        if is_over {
            self.correlating.finish();
        }
        self.deliver_correlations(None)
    }

    /// Has all sinks deliver what they still hold, and completes the report of a run that ended with `engine`.
    pub(crate) fn finish(mut self, engine: &Engine) -> Result<Report, EngineError> {
        for sink in self.sinks.iter_mut() {
            self.report.take_note(sink.flush())?;
        }
        self.report.correlation = self.correlating.counts();
        self.report.name_log_sources(&engine.vocabulary);
        Ok(self.report)
    }

    /// Hands derived events to all sinks, those of the batch up to a row that were not told yet.
    fn tell_derived(&mut self, batch: &MatchedBatch, row: usize) -> Result<(), EngineError> {
        let told = self.derived.tell(batch, row, &self.context, self.sinks, &mut self.report)?;
        self.holds |= told;
        Ok(())
    }

    /// Hands the alerts that are written to all sinks.
    fn deliver(&mut self, batch: &MatchedBatch) -> Result<(), EngineError> {
        let matches = batch.matches.get(batch.before..).unwrap_or_default();
        for (index, found) in matches.iter().take(batch.alerts.len()).enumerate() {
            self.tell_derived(batch, found.row as usize)?;
            let Some(rule) = batch.rules().get(found.rule) else { continue };
            self.deliver_correlations(Some(found.row))?;
            self.progress.alerts += 1;
            self.holds = true;
            self.report.count(&rule.attributes, &rule.file);
            for sink in self.sinks.iter_mut() {
                let alert = batch.alerts.get(index, sink.form());
                self.report.take_note(sink.accept(alert))?;
            }
        }
        Ok(())
    }

    /// Hands on the alerts of correlations that come before those of the event in a row, or all.
    fn deliver_correlations(&mut self, before: Option<u32>) -> Result<(), EngineError> {
        while let Some(found) = self.correlating.next(before) {
            let Some(planned) = found.planned() else { continue };
            let (attributes, file) = (&planned.correlation.attributes, &planned.correlation.file);
            if !planned.is_visible {
                self.report.count_silent(attributes, file);
                continue;
            }
            self.progress.alerts += 1;
            self.holds = true;
            self.report.count(attributes, file);
            let text = self.correlating.write(&found, self.context.forms);
            for sink in self.sinks.iter_mut() {
                self.report.take_note(sink.accept(text.get(0, sink.form())))?;
            }
        }
        Ok(())
    }
}
