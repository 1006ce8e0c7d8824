//! What `replay` and `run` have in common: which rules, where the results go, how the line from source to sink is
//! set up, and which exit status a run has.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etwatch_capture::source::Location;
use etwatch_engine::options::StateFile;
use etwatch_engine::{Engine, MemoryLimit, Options, Report};

use crate::commands::outputs::{Asked, Outputs};
use crate::commands::rule_flags::RuleFlags;
use crate::commands::{DONE, EndpointFlags, FAILED, INPUT_LOST, NOTHING_TESTED};
use crate::config::{Config, Format, WORKERS};
use crate::size::parse_memory;
use crate::terminal;

/// Flags of a command that evaluates rules over events.
#[derive(Debug, clap::Args)]
pub(super) struct LineFlags {
    #[command(flatten)]
    pub(super) rules: RuleFlags,
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
    pub(super) quiet: bool,
    /// Take what is remembered of hosts and windows of correlations up from this file, and keep it there for the
    /// next run, instead of telling what is open when the input ends
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Write the state also while the run goes on, this often
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "state")]
    state_interval: u64,
    /// How much memory all that is remembered of hosts and windows of correlations may take: bytes, or with K, M, G
    /// (docs/state.md) [default: what the built-in bounds add up to]
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    memory: Option<MemoryLimit>,
    /// Leave events of recorded logs as they are: no parents and images from what was recorded before
    #[arg(long)]
    no_enrich: bool,
    /// Write derived events (flows, beacons) to all outputs too, beside the alerts
    #[arg(long)]
    derived: bool,
    #[command(flatten)]
    endpoints: EndpointFlags,
}

impl LineFlags {
    /// The engine as it is asked for.
    ///
    /// # Errors
    /// What is wrong with the known-good endpoints, for a message.
    pub(super) fn apply(&self, config: &Config, engine: Engine) -> Result<Engine, String> {
        let engine = self.endpoints.apply(config, engine)?;
        Ok(if self.derived { engine.with_derived() } else { engine })
    }

    /// How the line is set up.
    pub(super) fn options(&self, config: &Config) -> Options {
        let interval = Duration::from_secs(self.state_interval);
        Options {
            workers: self.workers.map(usize::from).or(config.workers).unwrap_or(0),
            batch: self.batch.map_or(Options::default().batch, NonZeroUsize::get),
            enrich: !self.no_enrich,
            state: self.state.clone().map(|path| StateFile { path, interval }),
            memory: self.memory.or(config.memory).unwrap_or_default(),
            ..Options::default()
        }
    }

    fn format(&self, config: &Config) -> Format {
        self.format.or(config.format).unwrap_or_default()
    }

    fn output<'a>(&'a self, config: &'a Config) -> Option<&'a Path> {
        self.output.as_deref().or(config.output.as_deref())
    }

    /// Whether alerts go to standard output, and nowhere else.
    pub(super) fn tells_standard_output_alone(&self, config: &Config) -> bool {
        // What is wrong with a webhook is told when it is opened.
        let has_webhook = !matches!(config.webhook_options(self.webhook.as_deref()), Ok(None));
        self.format(config) != Format::None && self.output(config).is_none() && !has_webhook
    }

    /// Opens where the results go. `rules`: where the rules of `engine` were looked for; `goes_on`: outputs are
    /// those of a run that goes on, see [`Asked::goes_on`].
    ///
    /// # Errors
    /// What can't be opened, or must not be written to, for a message.
    pub(super) fn outputs(
        &self,
        config: &Config,
        inputs: &[Location],
        (engine, rules): (&Engine, &[PathBuf]),
        goes_on: bool,
    ) -> Result<Outputs, String> {
        // What is named, and what was found in folders.
        let mut rules = rules.to_vec();
        rules.extend(engine.rules.rules().iter().map(|rule| PathBuf::from(&rule.file)));
        let webhook = config.webhook_options(self.webhook.as_deref());
        let asked = Asked {
            format: self.format(config),
            output: self.output(config),
            summary: self.summary.as_deref(),
            webhook: webhook.map_err(|error| error.to_string())?,
            goes_on,
        };
        Outputs::open(asked, inputs, &rules)
    }

    /// A run has ended: writes and prints what it came to; the result is the exit status.
    ///
    /// # Errors
    /// The exit status and a message, if the summary can't be written.
    pub(super) fn conclude(
        &self,
        report: &Report,
        outputs: &mut Outputs,
        passed_over: u64,
    ) -> Result<u8, (u8, String)> {
        let written = outputs.write_summary(&report.to_json());
        terminal::troubles(report);
        if !self.quiet {
            terminal::summary(report, passed_over);
        }
        written.map_err(|message| (FAILED, message))?;
        Ok(status(report, self.allow_empty))
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
