//! From matched batches to alerts of correlations, in the order of events.
//!
//! Correlations see what batches bring in the order of events. Their alerts are told by the row of the event
//! that made them: before the alerts about that event if its time alone did (a window closed), behind them if
//! the event itself did. What was lost between two events travels with the batch of the later one.

use std::collections::VecDeque;
use std::sync::Arc;

use etwatch_alert::{AlertTexts, Forms};
use etwatch_correlate::saved::{Restored, Saved};
use etwatch_correlate::{CorrelationMatch, Correlator, Counts, Evidence, Limits, Loss, Plan};
use etwatch_event::{EventBatch, Ledger, Timestamp};
use etwatch_rules::RuleIndex;

use crate::work::MatchedBatch;

/// Something that was lost before the event in a row of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    row: usize,
    host: Option<u32>,
    first: Timestamp,
    last: Timestamp,
    loss: Loss,
}

/// On which side of an event's alerts that of a correlation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Before,
    Behind,
}

/// The correlations of a run.
#[derive(Debug)]
pub(crate) struct Correlating {
    correlator: Correlator,
    /// Alerts not handed on yet, in order.
    found: VecDeque<((u32, Side), CorrelationMatch)>,
    /// What was lost since the batch that is being filled began.
    gaps: Vec<Gap>,
    /// What had been lost when that was looked at last.
    lost: Loss,
    texts: AlertTexts,
    /// What the event that is taken matches; kept to be used again.
    matched: Vec<(RuleIndex, Evidence)>,
}

impl Correlating {
    pub(crate) fn new(plan: &Arc<Plan>, limits: Limits) -> Self {
        Self {
            correlator: Correlator::new(Arc::clone(plan), limits),
            found: VecDeque::new(),
            gaps: Vec::new(),
            lost: Loss::default(),
            texts: AlertTexts::default(),
            matched: Vec::new(),
        }
    }

    /// With what an earlier run left.
    pub(crate) fn restore(plan: &Arc<Plan>, limits: Limits, saved: Saved) -> (Self, Restored) {
        let (correlator, restored) = Correlator::restore(Arc::clone(plan), limits, saved);
        (Self { correlator, ..Self::new(plan, limits) }, restored)
    }
    /// What a later run needs.
    pub(crate) fn save(&self) -> Saved {
        self.correlator.save()
    }

    /// What reading came to is in `ledger`; what it lost is lost about the time of the next event. Windows
    /// says in a log how many events were lost, but not when.
    pub(crate) fn note_gap(
        &mut self,
        ledger: &Ledger,
        ordered: &EventBatch,
        next: Option<Timestamp>,
    ) {
        let lost = Loss::of(ledger);
        let loss = lost.since(&self.lost);
        if loss.is_none() {
            return;
        }
        self.lost = lost;
        let row = ordered.len();
        let before = row.checked_sub(1).and_then(|row| ordered.get(row)).map(|event| event.time());
        let first = before.or(next).unwrap_or_default();
        let last =
            if loss.lost > 0 { Timestamp::from_filetime(u64::MAX) } else { next.unwrap_or(first) };
        self.gaps.push(Gap { row, host: None, first, last: last.max(first), loss });
    }

    /// An event was taken, perhaps too late: then it is the last one of `ordered`.
    pub(crate) fn note_late(&mut self, ledger: &Ledger, ordered: &EventBatch) {
        if ledger.late == self.lost.late {
            return;
        }
        let loss = Loss { late: ledger.late - self.lost.late, ..Loss::default() };
        self.lost.late = ledger.late;
        let Some(row) = ordered.len().checked_sub(1) else { return };
        if let Some(event) = ordered.get(row) {
            let (host, time) = (Some(event.attribution().host), event.time());
            self.gaps.push(Gap { row, host, first: time, last: time, loss });
        }
    }

    /// The gaps of the batch that is handed on now.
    pub(crate) fn take_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    /// Takes the matches of a batch.
    pub(crate) fn take(&mut self, batch: &MatchedBatch, gaps: &[Gap]) {
        if !Arc::ptr_eq(self.correlator.plan(), batch.correlations()) {
            let anew = self.correlator.change_to(Arc::clone(batch.correlations()));
            for planned in
                anew.iter().filter_map(|index| self.correlator.plan().correlations().get(*index))
            {
                tracing::info!(correlation = planned.identity(), "changed: its windows begin anew");
            }
        }
        let mut gaps = gaps.iter().peekable();
        let mut contributions =
            batch.contributions.chunk_by(|(one, _), (other, _)| one == other).peekable();
        let mut found = Vec::new();
        let mut index = 0;
        while index < batch.events.len() {
            while let Some(gap) = gaps.next_if(|gap| gap.row <= index) {
                self.correlator.lose(gap.host, gap.first, gap.last, gap.loss);
            }
            let row = u32::try_from(index).unwrap_or(u32::MAX);
            if self.correlator.has_deadlines()
                && let Some(event) = batch.events.get(index)
            {
                self.correlator.advance(&event, &mut found);
                self.found.extend(found.drain(..).map(|found| ((row, Side::Before), found)));
            }
            if let Some(of_event) =
                contributions.next_if(|next| next.first().is_some_and(|(own, _)| *own == row))
                && let Some(event) = batch.events.get(index)
            {
                self.matched.clear();
                self.matched.extend(of_event.iter().map(|(_, matched)| matched.clone()));
                self.correlator.take(&event, &self.matched, &mut found);
                self.found.extend(found.drain(..).map(|found| ((row, Side::Behind), found)));
            }
            // Nothing has to be asked of events between, unless a window waits for time to pass.
            index = if self.correlator.has_deadlines() {
                index + 1
            } else {
                let next = contributions
                    .peek()
                    .and_then(|next| next.first())
                    .map(|(row, _)| *row as usize);
                next.unwrap_or(batch.events.len()).max(index + 1)
            };
        }
        for gap in gaps {
            self.correlator.lose(gap.host, gap.first, gap.last, gap.loss);
        }
    }

    /// Whether some window waits for time to pass.
    pub(crate) fn has_deadlines(&self) -> bool {
        self.correlator.has_deadlines()
    }

    /// Time has passed on hosts, known by their numbers in events, behind all batches that were taken.
    pub(crate) fn pass(&mut self, watermarks: &[(u32, Timestamp)]) {
        let mut found = Vec::new();
        for (host, time) in watermarks {
            self.correlator.pass(*host, *time, &mut found);
        }
        self.found.extend(found.into_iter().map(|found| ((u32::MAX, Side::Behind), found)));
    }

    /// There are no more events.
    pub(crate) fn finish(&mut self) {
        let mut found = Vec::new();
        self.correlator.finish(&mut found);
        self.found.extend(found.into_iter().map(|found| ((u32::MAX, Side::Behind), found)));
    }

    /// The next alert, if it stands before those about the event in a row.
    pub(crate) fn next(&mut self, before: Option<u32>) -> Option<CorrelationMatch> {
        let (place, _) = self.found.front()?;
        if before.is_some_and(|row| *place > (row, Side::Before)) {
            return None;
        }
        self.found.pop_front().map(|(_, found)| found)
    }

    /// Writes an alert; the result has it alone.
    pub(crate) fn write(&mut self, found: &CorrelationMatch, forms: Forms) -> &AlertTexts {
        self.texts.clear();
        self.texts.push_correlation(found, forms);
        &self.texts
    }

    /// Bytes of memory that windows take.
    pub(crate) fn memory(&self) -> u64 {
        self.correlator.memory().map(|(_, bytes)| bytes as u64).sum()
    }
    pub(crate) fn counts(&self) -> Counts {
        self.correlator.counts()
    }
}
