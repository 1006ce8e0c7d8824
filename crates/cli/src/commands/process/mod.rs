//! `etwatch process`: what processes did, told from all recordings in the order of time.
//!
//! ```text
//! recordings ─▶ replay without rules ─▶ each event: which processes is it of? ─▶ is one of them meant?
//!                                       all processes, small                     its story, bounded
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`selector`] | which processes are meant: a pid, a GUID, an image |
//! | [`watch`] | events to stories, while the recordings are replayed |
//! | [`acts`] | what an event tells of a process |
//! | [`powershell`] | functions that PowerShell's events name |
//! | [`story`] | what a process did, gathered within bounds |
//! | [`looked_up`] | names of addresses, by the lookups of a process |
//! | [`text`], [`json`] | stories for people and for programs |
//! | [`nothing`] | what is said if no process is meant |

mod acts;
mod json;
mod looked_up;
mod nothing;
mod powershell;
mod selector;
mod story;
mod text;
mod watch;

use std::path::PathBuf;

use etwatch_engine::{Engine, Options, Report, replay};
use etwatch_event::Vocabulary;

use crate::commands::{
    DONE, FAILED, NOTHING_TESTED, USAGE, exit_status, find_inputs, reading_status,
};
use crate::config::Config;
use crate::processes::{Format, FormatFlags};
use crate::selection::{NOT_SELECTED, Selection};
use crate::terminal::{self, Bar};
use selector::Selector;
use watch::{Asked, Watch};

/// Why an event that was read is in no story.
const OF_OTHERS: &str = "of other processes";
/// Acts of a section that text shows unless another number is asked for.
const ACTS_SHOWN: usize = 20;

/// Tell what a process did: parents, DNS names, connections, modules, files, registry and more
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch process 2716 --over case.evtx                   by its pid
  etwatch process rundll32.exe --over triage              by its image, in a folder of recordings
  etwatch process '*\\Temp\\*' --over triage --most 50      all that were started from there
  etwatch process '{2265b1f5-e2ab-69a4-b300-000000000e00}' --over triage --children
  etwatch process 2716 --over triage --where Computer=WS-ANNA --from 2026-03-02T09:00:00Z --json

With a `\\` an image is compared as a whole path, else by the name of its file; without case, `*` and `?`
stand for any text and any character. A pid is decimal; where several processes had it, each has its story.

Exit status: 0 done; 1 standard output can't be written to; 2 wrong usage; 3 some input could not be read
(the rest was); 4 no such process, or no event was read.")]
pub(crate) struct Process {
    /// A pid, a GUID, or an image with wildcards
    #[arg(value_name = "PID|GUID|IMAGE")]
    which: String,
    /// Files or folders; `-` reads standard input
    #[arg(long, required = true, num_args = 1.., value_name = "INPUT")]
    over: Vec<PathBuf>,
    /// Tell what its descendants did too, as one story
    #[arg(long)]
    children: bool,
    /// Tell of at most so many processes, the earliest
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    most: u16,
    /// Show at most so many acts of each section [default: 20 as text, all as JSON]
    #[arg(long, value_name = "N")]
    acts: Option<usize>,
    #[command(flatten)]
    format: FormatFlags,
    /// Leave the summary and the progress bar out
    #[arg(short, long)]
    quiet: bool,
    // Last, since its heading stands above all that follow.
    #[command(flatten)]
    selection: Selection,
}

impl Process {
    /// Tells; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        exit_status(self.tell(config))
    }

    fn tell(&self, config: &Config) -> Result<u8, (u8, String)> {
        let usage = |message: String| (USAGE, message);
        let failed = |message: String| (FAILED, message);
        let which = Selector::parse(&self.which).map_err(usage)?;
        let found = find_inputs(&self.over).map_err(usage)?;
        self.selection.check().map_err(usage)?;
        let engine = Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None);
        let engine = engine.map_err(|error| failed(error.to_string()))?.with_all_fields();
        let (children, most) = (self.children, self.most.into());
        let asked = Asked { which: &which, selection: &self.selection, children, most };
        let bar = Bar::new(&found.inputs, self.quiet);
        let mut watch = Watch::new(asked, bar, &engine.vocabulary);
        let options = Options { workers: config.workers.unwrap_or(0), ..Options::default() };
        let report = replay(&engine, found.inputs, &mut [], options, &mut watch);
        watch.finish();
        let mut report = report.map_err(|error| failed(error.to_string()))?;
        report.unreadable.extend(found.errors.iter().map(ToString::to_string));
        let written = terminal::print(&self.output(&watch));
        count(&mut report, &watch);
        terminal::troubles(&report);
        tell_limits(&watch);
        if !self.quiet {
            terminal::reading_summary(&report, found.passed_over);
        }
        if !written {
            return Err(failed("standard output can't be written to".to_owned()));
        }
        let status = reading_status(&report, false);
        if status == DONE && watch.stories.is_empty() {
            terminal::error(&if watch.not_selected > 0 {
                format!("no event of `{}` is selected; {} are not", self.which, watch.not_selected)
            } else {
                nothing::message(&which, &self.which, &watch.processes)
            });
            return Ok(NOTHING_TESTED);
        }
        Ok(status)
    }

    fn output(&self, watch: &Watch<'_>) -> String {
        let mut out = String::new();
        let processes = &watch.processes;
        let mut stories: Vec<_> = watch.stories.iter().collect();
        stories.sort_by_key(|story| {
            (processes.get(story.process).map(crate::processes::Process::since), story.process)
        });
        match self.format.format() {
            Format::Text => {
                for story in stories {
                    text::push(&mut out, story, processes, self.acts.unwrap_or(ACTS_SHOWN));
                }
                if watch.left_out > 0 {
                    out.push_str(&format!(
                        "and {} more processes, which started later (--most)\n",
                        watch.left_out
                    ));
                }
            }
            Format::Json => {
                for story in stories {
                    json::push(&mut out, story, processes, self.acts.unwrap_or(usize::MAX));
                }
                json::push_left_out(&mut out, watch.left_out);
            }
        }
        out
    }
}

/// Events that no story tells of are filtered.
fn count(report: &mut Report, watch: &Watch<'_>) {
    let ledger = &mut report.ledger;
    for (reason, count) in [(OF_OTHERS, watch.of_others), (NOT_SELECTED, watch.not_selected)] {
        if count > 0 {
            ledger.evaluated = ledger.evaluated.saturating_sub(count);
            ledger.filtered.insert(reason, count);
        }
    }
}

/// What there was no room for.
fn tell_limits(watch: &Watch<'_>) {
    let processes = &watch.processes;
    for (count, what) in [
        (processes.beyond, "times a process was spoken of for which there was no room"),
        (processes.texts.left_out, "times a text of a process was left out for want of room"),
    ] {
        if count > 0 {
            terminal::note(&format!("{count} {what}: what is told may not be complete"));
        }
    }
}
