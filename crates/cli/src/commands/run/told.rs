//! What a person sees while a run goes on: a line about it once a second, and what became of changed rules.

use std::io::IsTerminal as _;
use std::time::Duration;

use etwatch_alert::pretty::harmless;
use etwatch_capture::ring::Recorded;
use etwatch_engine::{Engine, Observer, Progress, Report};
use etwatch_event::clock::{Clock, SystemClock};
use etwatch_rules::Reload;
use etwatch_rules::diagnostic::Severity;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::host::Planning;
use crate::terminal;

/// Names shown of rules that changed in one way.
const SHOWN: usize = 5;

/// The line; nothing where standard error is no terminal.
pub(super) struct Line {
    bar: ProgressBar,
    clock: SystemClock,
    /// When it was written last, and how many events there were.
    last: (Duration, u64),
}

impl Line {
    pub(super) fn new(quiet: bool) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self { bar, clock: SystemClock::start(), last: (Duration::ZERO, 0) }
    }
    /// Takes the line away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Line {
    fn progress(&mut self, _: Progress) {}
    fn second(&mut self, report: &Report, progress: Progress) {
        let now = self.clock.elapsed();
        let (then, before) = self.last;
        let seconds = now.saturating_sub(then).as_secs_f64().max(0.001);
        let rate = progress.events.saturating_sub(before) as f64 / seconds;
        self.last = (now, progress.events);
        let ledger = &report.ledger;
        let lost = ledger.lost() + ledger.events_lost;
        let Progress { events, alerts, .. } = progress;
        let message = format!("{events} events, {rate:.0}/s, {alerts} alerts, {lost} lost");
        self.bar.set_message(message);
    }
}

/// What was kept of what sessions delivered.
pub(super) fn recorded(recorded: Recorded, quiet: bool) {
    let Recorded { records, refused, files, removed, .. } = recorded;
    if refused > 0 {
        terminal::error(&format!("{refused} records were not recorded"));
    }
    if !quiet {
        let removed =
            if removed > 0 { format!(", {removed} old ones removed") } else { String::new() };
        terminal::note(&format!("{records} records recorded in {files} files{removed}"));
    }
}

/// Rules were loaded again, and so this host may be asked for something else.
pub(super) fn planned_again(planning: &mut Planning, engine: &Engine, quiet: bool) {
    let before = planning.notes();
    match planning.again(engine) {
        Ok(differs) if !quiet => {
            for (what, _) in [("sessions", differs.sessions), ("channels", differs.channels)]
                .iter()
                .filter(|(_, differs)| *differs)
            {
                terminal::note(&format!("{what} are changed to what the rules need now"));
            }
            let notes = planning.notes();
            notes
                .iter()
                .filter(|note| !before.contains(note))
                .for_each(|note| terminal::note(note));
        }
        Ok(_) => {}
        Err(message) => terminal::error(&format!("sessions stay as they are: {message}")),
    }
}

/// Rules were loaded again.
pub(super) fn reloaded(reload: &Reload, quiet: bool) {
    terminal::unreadable(&reload.loaded.unreadable);
    // What is wrong with rules that did not change was told when they were loaded, by `check`.
    for one in reload.loaded.diagnostics.iter().filter(|one| one.severity > Severity::Note) {
        let (line, column) = one.place();
        let file = harmless(&one.file.name);
        let message = format!("{file}:{line}:{column}: {}: {}", one.code, one.message);
        terminal::error(&message);
    }
    if quiet {
        return;
    }
    let changes = &reload.changes;
    let mut parts = Vec::new();
    for (what, names) in [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
        ("kept in its last good version", &changes.kept),
    ] {
        if !names.is_empty() {
            let mut shown: Vec<_> = names.iter().take(SHOWN).map(|name| harmless(name)).collect();
            if names.len() > SHOWN {
                shown.push("…".to_owned());
            }
            parts.push(format!("{} {what} ({})", names.len(), shown.join(", ")));
        }
    }
    if !parts.is_empty() {
        terminal::note(&format!("rules loaded again: {}", parts.join("; ")));
    }
}
