//! `etwatch run`: events as they happen, through rules that may change meanwhile.

mod instance;
mod sources;
mod told;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etwatch_engine::run::Recorder;
use etwatch_engine::{LiveOptions, Report, RuleWatcher, StopFlag, run_live};

use crate::commands::line_flags::LineFlags;
use crate::commands::{DONE, FAILED, USAGE, exit_status};
use crate::config::Config;
use crate::terminal;
use instance::Instance;
use sources::{RecordFlags, SourceFlags, Sources};
use told::Line;

/// Exit status: ended at once by a second Ctrl-C, as a shell has it for an interrupt.
const INTERRUPTED: u8 = 130;
/// Exit status: another run uses the same state or the same folder of recordings.
pub(crate) const BUSY: u8 = 7;

/// Watch this host: events as they happen through the rules, alerts at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch run                                          this host (Windows, elevated), the shipped rules
  etwatch run --rules sigma --output alerts.jsonl      a folder of Sigma rules; alerts to a file as well
  etwatch run --webhook https://siem.example/etwatch --format none --state windows.state
  etwatch run --record recordings --record-size 2G     keep what was read, to be replayed later
  etwatch run --source sim:day.etl --speed max         a recording, as if it happened now, on any system

A folder of rules is watched: what is added, changed or removed is in force a moment later; a rule that becomes
bad is named, and its last good version goes on. Ctrl-C ends the run: sessions are stopped, alerts delivered and
the summary is printed; a second one ends it at once.

Exit status: 0 done; 1 alerts could not be delivered, or a fault; 2 wrong usage, or no live events here; 3 some
input could not be read, or events were dropped; 4 nothing was tested (--allow-empty makes that 0); 7 another run
uses the same state or recordings; 130 ended at once.")]
pub(crate) struct Run {
    #[command(flatten)]
    line: LineFlags,
    #[command(flatten)]
    sources: SourceFlags,
    #[command(flatten)]
    record: RecordFlags,
    /// How often to tell all outputs that the run is alive, and what it has read; 0 for never
    #[arg(long, value_name = "SECONDS", default_value_t = LiveOptions::HEARTBEAT.as_secs())]
    heartbeat: u64,
    /// How long an event is held back so that older ones can overtake it: the longest flush time of a
    /// session, and a margin
    #[arg(long, value_name = "MILLISECONDS",
        default_value_t = u64::try_from(LiveOptions::HOLD.as_millis()).unwrap_or(u64::MAX))]
    hold: u64,
}

impl Run {
    /// Runs; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        self.run_until(config, &StopFlag::default(), true)
    }

    /// Runs until `stop` is set, perhaps by Ctrl-C if it is asked for, or all sources have ended.
    pub(crate) fn run_until(&self, config: &Config, stop: &StopFlag, by_keyboard: bool) -> u8 {
        exit_status(self.watch(config, stop, by_keyboard))
    }

    fn watch(
        &self,
        config: &Config,
        stop: &StopFlag,
        by_keyboard: bool,
    ) -> Result<u8, (u8, String)> {
        let usage = |message: String| (USAGE, message);
        let _instance = Instance::only(self.line.state.as_deref(), self.record.folder())?;
        let (engine, loaded, paths) = self.line.rules.load_live(config)?;
        let mut applied = Ok(());
        engine.change(|engine| {
            self.line.apply(config, engine.clone()).unwrap_or_else(|error| {
                applied = Err(error);
                engine
            })
        });
        applied.map_err(usage)?;
        let engine = Arc::new(engine);
        let inputs = self.sources.locations();
        let rules = (&engine.current(), paths.as_slice());
        let mut outputs = self.line.outputs(config, &inputs, rules, true).map_err(usage)?;
        let Sources { feeds, pace, recorder, .. } = &mut self.sources.open(&self.record)?;
        let feeds = std::mem::take(feeds);
        if by_keyboard {
            stop_on_interrupt(stop)?;
        }
        let quiet = self.line.quiet;
        let watcher =
            RuleWatcher::start(Arc::clone(&engine), &paths, RuleWatcher::QUIET, move |reload| {
                told::reloaded(&reload, quiet);
            })
            .map_err(|error| (FAILED, error.to_string()))?;
        let mut line = Line::new(quiet);
        let report = run_live(
            &engine,
            feeds,
            &mut outputs.sinks,
            self.options(config, *pace),
            stop,
            &mut line,
        );
        line.finish();
        drop(watcher);
        let recorded = recorder.as_ref().map(Recorder::close);
        let mut report: Report = match report {
            Ok(report) => report,
            Err(_) if outputs.nobody_reads() => return Ok(DONE),
            Err(error) => return Err((FAILED, error.to_string())),
        };
        report.rules.refused = loaded.refused;
        let status = self.line.conclude(&report, &mut outputs, 0)?;
        if let Some(recorded) = recorded {
            told::recorded(recorded, quiet);
        }
        Ok(status)
    }

    fn options(&self, config: &Config, pace: f64) -> LiveOptions {
        let line = self.line.options(config);
        LiveOptions {
            workers: line.workers,
            batch: line.batch,
            enrich: line.enrich,
            state: line.state,
            memory: line.memory,
            // What takes a moment takes longer in the time of events that pass faster.
            hold: Duration::from_millis(self.hold).mul_f64(pace.max(1.0)),
            pace,
            heartbeat: (self.heartbeat > 0).then(|| Duration::from_secs(self.heartbeat)),
            host: None,
            ..LiveOptions::default()
        }
    }
}

/// The first Ctrl-C, or the end of the session, stops the run, the second ends the process.
fn stop_on_interrupt(stop: &StopFlag) -> Result<(), (u8, String)> {
    let stop = stop.clone();
    let is_second = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if is_second.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        terminal::note("stopping: delivering what was read; Ctrl-C once more ends at once");
        stop.stop();
    })
    .map_err(|error| (FAILED, format!("cannot listen to Ctrl-C: {error}")))
}

/// What a folder of recordings, or a state, is called in a message.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
