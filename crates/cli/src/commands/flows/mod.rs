//! `etwatch flows`: what passed between processes and other hosts, by process, endpoint and hour.
//!
//! ```text
//! recordings ─▶ replay without rules, derived events asked for ─▶ network_flow, hour ─▶ rows ─▶ table, CSV, JSON
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`rows`] | flow events summed up to rows |
//! | `write` | rows for people and for programs |

mod rows;
mod write;

use std::ops::ControlFlow;
use std::path::PathBuf;

use etwatch_engine::{Engine, Observer, Options, Progress, replay};
use etwatch_event::{EventBatch, Vocabulary};

use crate::commands::{
    DONE, EndpointFlags, FAILED, NOTHING_TESTED, USAGE, exit_status, find_inputs, reading_status,
};
use crate::config::Config;
use crate::terminal::{self, Bar};
use rows::Rows;

/// Print bytes by process, endpoint and hour
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch flows trace.etl                           each process, endpoint and hour, most bytes first
  etwatch flows trace.etl --by process              who sent and received most
  etwatch flows triage --by endpoint --format csv   endpoints, for a spreadsheet
  etwatch flows triage --by hour --format json      hour by hour, one JSON object a line
  etwatch flows trace.etl --endpoints ours.yaml     without the endpoints that this file names

Event logs tell connections and no bytes; there the columns of bytes are empty. Known-good endpoints, this
machine itself among them, are left out; the summary says how often.

Exit status: 0 done; 1 standard output can't be written to; 2 wrong usage; 3 some input could not be read
(the rest was); 4 no contact with another host was seen, or no event was read.")]
pub(crate) struct FlowsCommand {
    /// Files or folders; `-` reads standard input
    #[arg(required = true, value_name = "INPUT")]
    paths: Vec<PathBuf>,
    /// Sum up by one of these; may be repeated [default: all three]
    #[arg(long, value_enum)]
    by: Vec<By>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    endpoints: EndpointFlags,
    /// Leave the summary and the progress bar out
    #[arg(short, long)]
    quiet: bool,
}

/// What rows are told apart by, besides the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Image and pid
    Process,
    /// Name, address, port and protocol of the other end
    Endpoint,
    /// Hour, in UTC
    Hour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// With a head; RFC 4180
    Csv,
    /// One JSON object a line
    Json,
}

impl FlowsCommand {
    /// Prints; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        exit_status(self.print(config))
    }

    fn print(&self, config: &Config) -> Result<u8, (u8, String)> {
        let found = find_inputs(&self.paths).map_err(|message| (USAGE, message))?;
        let engine = Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None)
            .map_err(|error| (FAILED, error.to_string()))?;
        let engine = self.endpoints.apply(config, engine).map_err(|message| (USAGE, message))?;
        let engine = engine.with_derived();
        let mut watch = Watch {
            bar: Bar::new(&found.inputs, self.quiet),
            rows: Rows::new(&engine.vocabulary, &self.by),
        };
        let options = Options { workers: config.workers.unwrap_or(0), ..Options::default() };
        let report = replay(&engine, found.inputs, &mut [], options, &mut watch);
        watch.bar.finish();
        let mut report = report.map_err(|error| (FAILED, error.to_string()))?;
        report.unreadable.extend(found.errors.iter().map(ToString::to_string));
        let rows = watch.rows.sorted();
        let text = match self.format {
            Format::Table => write::table(&rows),
            Format::Csv => write::csv(&rows),
            Format::Json => write::json(&rows),
        };
        if !terminal::print(&text) {
            return Err((FAILED, "standard output can't be written to".to_owned()));
        }
        terminal::troubles(&report);
        if watch.rows.beyond > 0 {
            let beyond = watch.rows.beyond;
            terminal::note(&format!("{beyond} flows are summed up in one row for want of room"));
        }
        if !self.quiet {
            terminal::reading_summary(&report, found.passed_over);
        }
        let status = reading_status(&report, false);
        if status == DONE && rows.is_empty() {
            terminal::error("no event tells of a contact with another host");
            return Ok(NOTHING_TESTED);
        }
        Ok(status)
    }
}

struct Watch {
    bar: Bar,
    rows: Rows,
}

impl Observer for Watch {
    fn progress(&mut self, progress: Progress) {
        self.bar.progress(progress);
    }
    fn events(&mut self, events: &EventBatch, _: &[String]) -> ControlFlow<()> {
        events.iter().for_each(|event| self.rows.take(&event));
        ControlFlow::Continue(())
    }
}
