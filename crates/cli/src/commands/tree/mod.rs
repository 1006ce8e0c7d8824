//! `etwatch tree`: who started whom, with times and alerts.
//!
//! ```text
//! recordings ─▶ replay with rules ─▶ events: all processes ─┐
//!                                └─▶ alerts: their process ─┴─▶ trees ─▶ drawn, or nested JSON
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`alerts`] | the alerts of processes |
//! | [`forest`] | processes as trees, within bounds |
//! | [`draw`], [`json`] | trees for people and for programs |

mod alerts;
mod draw;
mod forest;
mod json;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use etwatch_alert::Sink;
use etwatch_engine::{Observer, Options, Progress, replay};
use etwatch_event::EventBatch;

use crate::commands::rule_flags::{RuleFlags, Rules};
use crate::commands::{
    DONE, FAILED, NOTHING_TESTED, USAGE, exit_status, find_inputs, reading_status,
};
use crate::config::Config;
use crate::processes::{Format, FormatFlags, Processes};
use crate::terminal::{self, Bar};
use alerts::{Alerts, Waiting};
use draw::Drawing;
use forest::Forest;
use json::Nested;

/// Draw the process tree with times and alerts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch tree case.evtx                          who started whom, by the shipped rules' alerts
  etwatch tree triage --rules sigma --only-alerts branches in which something was found
  etwatch tree triage --wide > tree.txt           command lines in full
  etwatch tree triage --json                      nested, a host a line

A `≤` stands before the time at which a process was first seen whose start was not recorded; behind a process
that ended stands how long it ran.

Exit status: 0 done; 1 standard output can't be written to; 2 wrong usage; 3 some input could not be read
(the rest was); 4 no process was seen, or no event was read.")]
pub(crate) struct Tree {
    /// Files or folders; `-` reads standard input
    #[arg(required = true, value_name = "INPUT")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleFlags,
    /// Show only branches that have alerts
    #[arg(long)]
    only_alerts: bool,
    /// Characters of a line; command lines are cut to it
    #[arg(long, value_name = "N", default_value_t = 160,
        value_parser = clap::value_parser!(u16).range(40..))]
    width: u16,
    /// Show command lines in full
    #[arg(long, conflicts_with = "width")]
    wide: bool,
    /// Draw with characters of ASCII
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    format: FormatFlags,
    /// Leave the summary and the progress bar out
    #[arg(short, long)]
    quiet: bool,
}

impl Tree {
    /// Draws; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        exit_status(self.draw(config))
    }

    fn draw(&self, config: &Config) -> Result<u8, (u8, String)> {
        let found = find_inputs(&self.paths).map_err(|message| (USAGE, message))?;
        let Rules { engine, loaded, .. } = self.rules.load(config)?;
        let waiting = Waiting::default();
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(waiting.taker())];
        let mut watch = Watch {
            bar: Bar::new(&found.inputs, self.quiet),
            processes: Processes::new(&engine.vocabulary),
            waiting,
            alerts: Alerts::default(),
            files: BTreeMap::new(),
        };
        let options = Options { workers: config.workers.unwrap_or(0), ..Options::default() };
        let report = replay(&engine, found.inputs, &mut sinks, options, &mut watch);
        watch.bar.finish();
        let mut report = report.map_err(|error| (FAILED, error.to_string()))?;
        watch.place();
        watch.alerts.finish();
        report.rules.refused = loaded.refused;
        report.rules.correlations = loaded.correlations.len();
        report.unreadable.extend(found.errors.iter().map(ToString::to_string));
        let written = terminal::print(&self.output(&watch));
        terminal::troubles(&report);
        watch.tell_limits();
        if !self.quiet {
            terminal::summary(&report, found.passed_over);
        }
        if !written {
            return Err((FAILED, "standard output can't be written to".to_owned()));
        }
        let status = reading_status(&report, false);
        if status == DONE && watch.processes.iter().next().is_none() {
            terminal::error("no event tells of a process");
            return Ok(NOTHING_TESTED);
        }
        Ok(status)
    }

    fn output(&self, watch: &Watch) -> String {
        let Watch { processes, alerts, .. } = watch;
        let mut with_alerts = alerts.processes();
        let forest = Forest::new(processes, self.only_alerts.then_some(&mut with_alerts));
        let forest = &forest;
        let mut out = String::new();
        match self.format.format() {
            Format::Text => {
                let lines = if self.ascii { draw::ASCII } else { draw::BOXES };
                let width = if self.wide { usize::MAX } else { self.width.into() };
                Drawing { processes, forest, alerts, lines, width }.push(&mut out);
            }
            Format::Json => Nested { processes, forest, alerts }.push(&mut out),
        }
        out
    }
}

/// Watches a run.
struct Watch {
    bar: Bar,
    processes: Processes,
    waiting: Waiting,
    alerts: Alerts,
    /// The numbers of inputs by name.
    files: BTreeMap<String, u32>,
}

impl Watch {
    fn place(&mut self) {
        self.alerts.place(&self.waiting, &self.processes, &self.files);
    }

    /// What there was no room for.
    fn tell_limits(&self) {
        let processes = &self.processes;
        for (count, what) in [
            (processes.beyond, "times a process was spoken of for which there was no room"),
            (processes.texts.left_out, "times a text of a process was left out for want of room"),
            (self.alerts.beyond, "alerts are left out for want of room"),
        ] {
            if count > 0 {
                terminal::note(&format!("{count} {what}: the tree may not be complete"));
            }
        }
    }
}

impl Observer for Watch {
    fn progress(&mut self, progress: Progress) {
        self.place();
        self.bar.progress(progress);
    }
    fn events(&mut self, events: &EventBatch, files: &[String]) -> ControlFlow<()> {
        if self.files.is_empty() {
            self.files = files.iter().cloned().zip(0..).collect();
        }
        for event in events.iter() {
            self.processes.take(&event);
        }
        ControlFlow::Continue(())
    }
}
