//! `etwatch run`: events as they happen, through rules that may change meanwhile.

mod host;
mod instance;
mod sources;
mod told;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etwatch_engine::run::{FileLookUps, FilePlaces, Recorder};
use etwatch_engine::{Engine, LiveOptions, Report, RuleWatcher, StopFlag, run_live};

use crate::commands::line_flags::LineFlags;
use crate::commands::service::stop::{is_service, on_stop};
use crate::commands::{DONE, FAILED, USAGE, exit_status};
use crate::config::Config;
use crate::terminal;
use host::{HostParts, Opened, Planning};
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
input could not be read, or events were dropped; 4 nothing was tested (--allow-empty makes that 0); 5, 6, 8, 9 Windows
refuses (docs/windows.md); 7 another run uses the same state, recordings or host folder; 130 ended at once.")]
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
    /// Ask this host for hashes, version information and signatures of files, as far as rules need them: not at
    /// all, of files on its own drives, or of those on shares as well
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = FileFacts::Local)]
    file_facts: FileFacts,
}

/// The files about which a run asks the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FileFacts {
    Off,
    Local,
    Shares,
}

impl Run {
    /// The flags that it shares with `replay`.
    pub(super) fn line(&self) -> &LineFlags {
        &self.line
    }

    /// Runs; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        self.run_until(config, &StopFlag::default(), true)
    }

    /// Runs until `stop` is set, perhaps by Ctrl-C if it is asked for, or all sources have ended.
    pub(crate) fn run_until(&self, config: &Config, stop: &StopFlag, by_keyboard: bool) -> u8 {
        exit_status(self.watch(config, stop, by_keyboard, HostParts::local))
    }

    fn watch(
        &self,
        config: &Config,
        stop: &StopFlag,
        by_keyboard: bool,
        this_host: impl FnOnce() -> Result<HostParts, String>,
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
        let mut planning = None;
        let (mut host, mut files) = (None, None);
        let sources = if self.sources.is_this_host() {
            let parts = this_host().map_err(usage)?;
            host = Some(parts.trace.computer.clone()).filter(|name| !name.is_empty());
            files = self.look_ups(&parts).map_err(|error| (FAILED, error.to_string()))?;
            let answers = files.as_ref().map(|files| files.feed(parts.trace.clone()));
            let (mut sources, first) = self.open_host(parts, config, &engine.current())?;
            sources.add(answers);
            planning = Some(first);
            sources
        } else {
            self.sources.open(&self.record)?
        };
        let Sources { feeds, pace, recorder, .. } = sources;
        if by_keyboard {
            stop_on_order(stop)?;
        }
        let quiet = self.line.quiet;
        let of_rules = Arc::clone(&engine);
        let watcher =
            RuleWatcher::start(Arc::clone(&engine), &paths, RuleWatcher::QUIET, move |reload| {
                told::reloaded(&reload, quiet);
                if let Some(planning) = &mut planning {
                    told::planned_again(planning, &of_rules.current(), quiet);
                }
            })
            .map_err(|error| (FAILED, error.to_string()))?;
        let mut line = Line::new(quiet);
        let report = run_live(
            &engine,
            feeds,
            &mut outputs.sinks,
            LiveOptions { host, files, ..self.options(config, pace) },
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

    /// This host's sessions and channels, as the rules need them, and what plans them anew.
    fn open_host(
        &self,
        parts: HostParts,
        config: &Config,
        engine: &Engine,
    ) -> Result<(Sources, Planning), (u8, String)> {
        let usage = |message: String| (USAGE, message);
        let planned = Planning::new(parts.conditions.clone(), config.live_changes());
        let mut planning = planned.map_err(|message| (FAILED, message))?;
        let plan = planning.first(engine).map_err(usage)?;
        let opened = host::open(
            parts,
            &plan,
            &mut planning,
            &self.sources.host_folder,
            &self.sources.attach,
        );
        let Opened { feeds, notes } = opened
            .map_err(|error| (error.exit_status(), format!("{error}; {}", error.remedy())))?;
        if !self.line.quiet {
            planning.notes().iter().chain(&notes).for_each(|note| terminal::note(note));
        }
        Ok((Sources::new(feeds, 1.0, self.record.recorder()?), planning))
    }

    /// Who asks this host about files, if somebody is to.
    fn look_ups(&self, parts: &HostParts) -> std::io::Result<Option<Arc<FileLookUps>>> {
        let places = match self.file_facts {
            FileFacts::Off => return Ok(None),
            FileFacts::Local => FilePlaces::Local,
            FileFacts::Shares => FilePlaces::Shares,
        };
        let Some(host) = &parts.files else { return Ok(None) };
        let (host, clock) = (Arc::clone(host), Arc::clone(&parts.clock));
        let hold = Duration::from_millis(self.hold);
        FileLookUps::start(host, clock, hold, places).map(|files| Some(Arc::new(files)))
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
            ..LiveOptions::default()
        }
    }
}

/// The service manager stops the run, or who sits at the keyboard. A service listens to the manager alone: Windows tells
/// services too when somebody logs off, as if it were Ctrl-C.
fn stop_on_order(stop: &StopFlag) -> Result<(), (u8, String)> {
    if !is_service() {
        return stop_on_interrupt(stop);
    }
    let stop = stop.clone();
    on_stop(move || {
        terminal::note("stopping: delivering what was read");
        stop.stop();
    });
    Ok(())
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
