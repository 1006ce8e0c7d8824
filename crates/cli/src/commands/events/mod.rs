//! `etwatch events`: what is in recordings, as it lies there, as it was decoded, or as rules see it.
//!
//! ```text
//!              recording after recording                      all recordings in the order of time
//! pieces ─▶ text of a record ─▶ record, names as written ─▶ event, Sigma's names and log sources
//!           --raw               --decoded                    --normalised
//! ```
//!
//! The first two are read on the calling thread ([`crate::records`]); the third is a replay without rules
//! whose observer prints the events. Selection, output and summary are the same for all three. With their
//! stacks, decoded events are held back a while ([`stacks`]).

mod block;
mod counts;
mod line;
mod printer;
mod stacks;

use std::ops::ControlFlow;
use std::path::PathBuf;

use etwatch_capture::source::Location;
use etwatch_engine::{Engine, EngineError, Observer, Options, Progress, Report, replay};
use etwatch_event::{EventBatch, Vocabulary};

use crate::commands::events::printer::Printer;
use crate::commands::events::stacks::Stacks;
use crate::commands::{DONE, FAILED, USAGE, exit_status, find_inputs, reading_status};
use crate::config::Config;
use crate::event_view::EventView;
use crate::records::{Keep, each_record};
use crate::selection::{NOT_SELECTED, Selection};
use crate::terminal;

/// Print what is in recordings
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch events case.evtx                                      all of it, as it was decoded
  etwatch events triage --count                                 how many of what
  etwatch events case.evtx --normalised --id 1 --limit 5        as rules see it
  etwatch events triage --where 'Image=*\\cmd.exe' --where 'User!=*SYSTEM'
  etwatch events case.evtx --from 2026-03-02T09:00:00Z --to 2026-03-02T10:00:00Z --format json
  etwatch events case.evtx --provider '*Sysmon' --raw --format json > sysmon.jsonl
  etwatch events trace.etl --stacks --provider '*-Process'      who called, as module and offset

A value is compared as an unquoted value of a Sigma rule: without case, `*` and `?` stand for any text
and any character, numbers by value, `null` for absence; nothing behind the sign is the empty text.
Recordings are those that `etwatch replay` reads.

Exit status: 0 done, also if no event was selected; 1 standard output can't be written to; 2 wrong
usage; 3 some input could not be read (the rest was); 4 no event was read.")]
pub(crate) struct Events {
    /// Files or folders; `-` reads standard input
    #[arg(required = true, value_name = "INPUT")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    stage: StageFlags,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print the stack of each event that has one, as module and offset; the records of stacks, which come
    /// behind their events, are then not printed themselves
    #[arg(long, conflicts_with_all = ["raw", "normalised", "count"])]
    stacks: bool,
    /// Print how many events there are by provider and id instead, with --normalised by log source too
    #[arg(long)]
    count: bool,
    /// Stop after so many events
    #[arg(long, value_name = "N", conflicts_with = "count",
        value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Leave the summary out
    #[arg(short, long)]
    quiet: bool,
    // Last, since its heading stands above all that follow.
    #[command(flatten)]
    selection: Selection,
}

/// How far events have come when they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
#[group(multiple = false)]
struct StageFlags {
    /// Each record as the recording has it; of an event log, the JSON that its binary XML stands for
    #[arg(long)]
    raw: bool,
    /// Each record by its fields, with the recording's names (the default)
    #[arg(long)]
    decoded: bool,
    /// Each event as rules see it: Sigma's names and log sources, all recordings in the order of time
    #[arg(long)]
    normalised: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A few lines an event
    Text,
    /// One JSON object a line
    Json,
}

impl Events {
    /// Prints; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        exit_status(self.print(config))
    }

    fn print(&self, config: &Config) -> Result<u8, (u8, String)> {
        let found = find_inputs(&self.paths).map_err(|message| (USAGE, message))?;
        self.selection.check().map_err(|message| (USAGE, message))?;
        let mut printer = Printer::new(self);
        let report = if self.stage.normalised {
            each_event(found.inputs, config, &mut printer)
                .map_err(|error| (FAILED, error.to_string()))?
        } else if self.stacks {
            let mut stacks = Stacks::new(&mut printer, &found.inputs);
            let mut report = each_record(&found.inputs, Keep::Raw, &mut |read| stacks.take(&read));
            stacks.finish(&mut report);
            Some(report)
        } else {
            let keep = if self.stage.raw { Keep::Texts } else { Keep::Fields };
            Some(each_record(&found.inputs, keep, &mut |read| {
                let view = EventView::Record(read.record, read.schema);
                printer.take(&view, read.time, read.text, read.file)
            }))
        };
        if let Err(error) = printer.finish() {
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                return Ok(DONE);
            }
            return Err((FAILED, format!("standard output: {error}")));
        }
        let mut report = report.unwrap_or_default();
        report.unreadable.extend(found.errors.iter().map(ToString::to_string));
        let not_selected = printer.not_selected();
        report.ledger.evaluated = report.ledger.evaluated.saturating_sub(not_selected);
        if not_selected > 0 {
            report.ledger.filtered.insert(NOT_SELECTED, not_selected);
        }
        terminal::troubles(&report);
        if !self.quiet {
            if printer.stopped() {
                terminal::stopped(printer.selected());
            } else {
                terminal::reading_summary(&report, found.passed_over);
            }
        }
        Ok(reading_status(&report, printer.stopped()))
    }
}

/// The events of all recordings in the order of time, without any rule; no report if that was stopped.
fn each_event(
    inputs: Vec<Location>,
    config: &Config,
    printer: &mut Printer<'_>,
) -> Result<Option<Report>, EngineError> {
    let engine =
        Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None)?.with_all_fields();
    let options = Options { workers: config.workers.unwrap_or(0), ..Options::default() };
    match replay(&engine, inputs, &mut [], options, &mut Watching { printer }) {
        Ok(report) => Ok(Some(report)),
        Err(EngineError::Stopped) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Watching<'p, 'e> {
    printer: &'p mut Printer<'e>,
}

impl Observer for Watching<'_, '_> {
    fn progress(&mut self, _: Progress) {}
    fn events(&mut self, events: &EventBatch, files: &[String]) -> ControlFlow<()> {
        events.iter().try_for_each(|event| {
            let file = files.get(event.origin().input as usize).map_or("", String::as_str);
            self.printer.take(&EventView::Event(event), event.time(), None, file)
        })
    }
}
