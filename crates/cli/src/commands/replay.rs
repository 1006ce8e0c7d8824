//! `etwatch replay`: recordings through the rules.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use etwatch_capture::source::Location;
use etwatch_engine::options::StateFile;
use etwatch_engine::{Options, Report, replay};

use crate::commands::outputs::{Asked, Outputs};
use crate::commands::rule_flags::{RuleFlags, Rules};
use crate::commands::{
    DONE, EndpointFlags, FAILED, INPUT_LOST, NOTHING_TESTED, USAGE, find_inputs,
};
use crate::config::{Config, Format, WORKERS};
use crate::terminal::{self, Bar};

/// Replay recordings through the rules and print the alerts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch replay fixtures                              the shipped recordings, the shipped rules
  etwatch replay triage/*.evtx --min-level high        a case, serious alerts alone
  zcat day.jsonl.gz | etwatch replay - --format json   from a pipe, for a program
  etwatch replay day.etl --derived --format json       flows and beacons beside the alerts
  etwatch replay logs --rules sigma --output alerts.jsonl --format none --summary run.json

Recordings: .evtx; .etl; JSON in lines, arrays or documents, as Sysmon-like flat fields, as evtx_dump,
Winlogbeat or NXLog write it; each also as .gz or .zst. Files of many hosts and years are one run,
in the order of time.

Exit status: 0 done; 1 alerts could not be delivered; 2 wrong usage; 3 some input could not be read
(the rest was replayed); 4 nothing was tested: no event, no rule, or no rule that applies to any
event (--allow-empty makes that 0).")]
pub(crate) struct Replay {
    /// Files or folders; `-` reads standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleFlags,
    /// What standard output gets [default: pretty]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the alerts to this file too, one JSON object a line
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Send the alerts to this URL too, as HTTP POST
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Worker threads; the alerts are the same for any number [default: one a processor]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS)))]
    workers: Option<u16>,
    /// Events matched at once; the alerts are the same for any number
    #[arg(long, value_name = "N", hide = true)]
    batch: Option<NonZeroUsize>,
    /// Write the summary to this file, as JSON
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Exit with 0 even if nothing was tested
    #[arg(long)]
    allow_empty: bool,
    /// Leave the summary and the progress bar out
    #[arg(short, long)]
    quiet: bool,
    /// Take what is remembered of hosts and windows of correlations up from this file, and keep it there for the
    /// next replay, instead of telling what is open when the input ends
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Write the state also while the replay goes on, this often
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "state")]
    state_interval: u64,
    /// Leave events of recorded logs as they are: no parents and images from what was recorded before
    #[arg(long)]
    no_enrich: bool,
    /// Write derived events (flows, beacons) to all outputs too, beside the alerts
    #[arg(long)]
    derived: bool,
    #[command(flatten)]
    endpoints: EndpointFlags,
}

impl Replay {
    /// Replays; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        match self.replay(config) {
            Ok(status) => status,
            Err((status, message)) => {
                terminal::error(&message);
                status
            }
        }
    }

    fn replay(&self, config: &Config) -> Result<u8, (u8, String)> {
        let usage = |message: String| (USAGE, message);
        let found = find_inputs(&self.paths).map_err(usage)?;
        let Rules { engine, loaded, paths } = self.rules.load(config)?;
        let engine = self.endpoints.apply(config, engine).map_err(usage)?;
        let engine = if self.derived { engine.with_derived() } else { engine };
        // What is named, and what was found in folders.
        let mut rules = paths;
        rules.extend(engine.rules.rules().iter().map(|rule| PathBuf::from(&rule.file)));
        let mut outputs = self.outputs(config, &found.inputs, &rules).map_err(usage)?;
        let run = Options {
            workers: self.workers.map(usize::from).or(config.workers).unwrap_or(0),
            batch: self.batch.map_or(Options::default().batch, NonZeroUsize::get),
            enrich: !self.no_enrich,
            state: self
                .state
                .clone()
                .map(|path| StateFile { path, interval: Duration::from_secs(self.state_interval) }),
            ..Options::default()
        };
        let mut bar = Bar::new(&found.inputs, self.quiet);
        let report = replay(&engine, found.inputs, &mut outputs.sinks, run, &mut bar);
        bar.finish();
        let mut report = match report {
            Ok(report) => report,
            Err(_) if outputs.nobody_reads() => return Ok(DONE),
            Err(error) => return Err((FAILED, error.to_string())),
        };
        report.rules.refused = loaded.refused;
        report.unreadable.extend(found.errors.iter().map(ToString::to_string));
        let written = outputs.write_summary(&report.to_json());
        terminal::troubles(&report);
        if !self.quiet {
            terminal::summary(&report, found.passed_over);
        }
        written.map_err(|message| (FAILED, message))?;
        Ok(status(&report, self.allow_empty))
    }

    fn outputs(
        &self,
        config: &Config,
        inputs: &[Location],
        rules: &[PathBuf],
    ) -> Result<Outputs, String> {
        let webhook = config.webhook_options(self.webhook.as_deref());
        let asked = Asked {
            format: self.format.or(config.format).unwrap_or_default(),
            output: self.output.as_deref().or(config.output.as_deref()),
            summary: self.summary.as_deref(),
            webhook: webhook.map_err(|error| error.to_string())?,
        };
        Outputs::open(asked, inputs, rules)
    }
}

/// The exit status; says why if the report alone does not.
fn status(report: &Report, allow_empty: bool) -> u8 {
    let nothing = report.nothing_tested();
    if !report.ledger.is_balanced() {
        terminal::error(terminal::UNBALANCED);
        FAILED
    } else if !report.undelivered.is_empty() {
        FAILED
    } else if report.input_was_lost() {
        INPUT_LOST
    } else if let Some(why) = nothing
        && !allow_empty
    {
        terminal::error(&format!("nothing was tested: {why}"));
        NOTHING_TESTED
    } else {
        DONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of a run in which all went well.
    fn good() -> Report {
        let mut report = Report::default();
        report.tested = 1;
        report.rules.loaded = 1;
        report.ledger.read = 1;
        report.ledger.evaluated = 1;
        report
    }

    #[test]
    fn counts_that_do_not_add_up_are_a_fault_whatever_else_is_true() {
        assert_eq!(status(&good(), false), DONE);
        let mut report = good();
        report.ledger.read += 1;
        assert_eq!(status(&report, true), FAILED);
        report.unreadable.push("x".to_owned());
        assert_eq!(status(&report, false), FAILED);
    }
}
