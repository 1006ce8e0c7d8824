//! `etwatch replay`: recordings through the rules.

use std::path::PathBuf;

use etwatch_engine::replay;

use crate::commands::line_flags::LineFlags;
use crate::commands::rule_flags::Rules;
use crate::commands::{DONE, FAILED, USAGE, exit_status, find_inputs};
use crate::config::Config;
use crate::terminal::Bar;

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
    line: LineFlags,
}

impl Replay {
    /// The flags that it shares with `run`.
    pub(super) fn line(&self) -> &LineFlags {
        &self.line
    }

    /// Replays; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        exit_status(self.replay(config))
    }

    fn replay(&self, config: &Config) -> Result<u8, (u8, String)> {
        let usage = |message: String| (USAGE, message);
        let found = find_inputs(&self.paths).map_err(usage)?;
        let Rules { engine, loaded, paths } = self.line.rules.load(config)?;
        let engine = self.line.apply(config, engine).map_err(usage)?;
        let outputs = self.line.outputs(config, &found.inputs, (&engine, &paths), false);
        let mut outputs = outputs.map_err(usage)?;
        let mut bar = Bar::new(&found.inputs, self.line.quiet);
        let options = self.line.options(config);
        let report = replay(&engine, found.inputs, &mut outputs.sinks, options, &mut bar);
        bar.finish();
        let mut report = match report {
            Ok(report) => report,
            Err(_) if outputs.nobody_reads() => return Ok(DONE),
            Err(error) => return Err((FAILED, error.to_string())),
        };
        report.rules.refused = loaded.refused;
        report.unreadable.extend(found.errors.iter().map(ToString::to_string));
        self.line.conclude(&report, &mut outputs, found.passed_over)
    }
}
