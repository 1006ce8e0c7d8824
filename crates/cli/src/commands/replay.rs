//! `etwatch replay`: recordings through the rules.

use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use etwatch_alert::{JsonSink, PrettySink, Sink, SinkError, Webhook};
use etwatch_capture::find;
use etwatch_engine::{Engine, EngineError, Options, Report, replay};
use etwatch_rules::Level;
use etwatch_rules::load::LoadOptions;

use crate::commands::{DONE, FAILED, INPUT_LOST, NOTHING_TESTED, USAGE};
use crate::config::{Config, Format, WORKERS};
use crate::terminal::{self, Bar};

/// Replay recordings through the rules and print the alerts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch replay fixtures                              the shipped recordings, the shipped rules
  etwatch replay triage/*.evtx --min-level high        a case, serious alerts alone
  zcat day.jsonl.gz | etwatch replay - --format json   from a pipe, for a program
  etwatch replay logs --rules sigma --output alerts.jsonl --format none --summary run.json

Recordings: .evtx; JSON in lines, arrays or documents, as Sysmon-like flat fields, as evtx_dump,
Winlogbeat or NXLog write it; each also as .gz or .zst. Files of many hosts and years are one run,
in the order of time.

Exit status: 0 done; 1 alerts could not be delivered; 2 wrong usage; 3 some input could not be read
(the rest was replayed); 4 nothing was tested: no event, no rule, or no rule that applies to any
event (--allow-empty makes that 0).")]
pub(crate) struct Replay {
    /// Files or folders; `-` reads standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Files or folders of rules; may be repeated [default: rules]
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Leave rules below this level out
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    min_level: Option<Level>,
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
    /// Load rules whose status is `deprecated` or `unsupported` too
    #[arg(long)]
    include_deprecated: bool,
}

fn parse_level(text: &str) -> Result<Level, String> {
    Level::parse(text).ok_or_else(|| {
        let levels = Level::ALL.map(Level::name).join(", ");
        format!("not a level; one of {levels}")
    })
}

impl Replay {
    /// Replays; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        match self.replay(config) {
            Ok(status) => status,
            Err((status, message)) => {
                if let Some(message) = message {
                    terminal::error(&message);
                }
                status
            }
        }
    }

    fn replay(&self, config: &Config) -> Result<u8, (u8, Option<String>)> {
        let usage = |message: String| (USAGE, Some(message));
        let rule_paths = config.rule_paths(&self.rules);
        if let Some(missing) = rule_paths.iter().find(|path| !path.exists()) {
            let missing = missing.display();
            return Err(usage(format!(
                "no rules at `{missing}`; name a file or folder with --rules"
            )));
        }
        let options = LoadOptions {
            placeholders: config.placeholders(),
            include_deprecated: self.include_deprecated,
        };
        let min_level = self.min_level.or(config.min_level());
        let (engine, loaded) = Engine::load(&rule_paths, &options, min_level)
            .map_err(|error| (FAILED, Some(error.to_string())))?;
        for (path, error) in &loaded.unreadable {
            terminal::error(&format!("{}: {error}", path.display()));
        }
        let found = find(&self.paths);
        let mut sinks = self.sinks(config).map_err(|error| usage(error.to_string()))?;
        let run = Options {
            workers: self.workers.map(usize::from).or(config.workers).unwrap_or(0),
            batch: self.batch.map_or(Options::default().batch, NonZeroUsize::get),
            ..Options::default()
        };
        let mut bar = Bar::new(&found.inputs, self.quiet);
        let report = replay(&engine, found.inputs, &mut sinks, run, &mut bar);
        bar.finish();
        let mut report = report.map_err(|error| broken(&error))?;
        report.rules.refused = loaded.refused;
        report.unreadable.extend(found.errors.iter().map(ToString::to_string));
        if let Some(path) = &self.summary {
            let written = std::fs::write(path, report.to_json());
            written.map_err(|error| usage(format!("{}: {error}", path.display())))?;
        }
        terminal::troubles(&report);
        if !self.quiet {
            terminal::summary(&report, found.passed_over);
        }
        Ok(self.status(&report))
    }

    fn sinks(&self, config: &Config) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        match self.format.or(config.format).unwrap_or_default() {
            Format::Pretty => sinks.push(Box::new(PrettySink::new(anstream::stdout()))),
            Format::Json => {
                let out = BufWriter::new(std::io::stdout());
                sinks.push(Box::new(JsonSink::new("standard output", out)));
            }
            Format::None => {}
        }
        if let Some(path) = self.output.as_ref().or(config.output.as_ref()) {
            let name = path.display().to_string();
            let file = File::create(path)
                .map_err(|source| SinkError::Io { sink: name.clone(), source })?;
            sinks.push(Box::new(JsonSink::new(name, BufWriter::new(file))));
        }
        if let Some(options) = config.webhook_options(self.webhook.as_deref())? {
            sinks.push(Box::new(Webhook::new(options)?));
        }
        Ok(sinks)
    }

    fn status(&self, report: &Report) -> u8 {
        let nothing = report.nothing_tested();
        if !report.undelivered.is_empty() {
            FAILED
        } else if report.input_was_lost() {
            INPUT_LOST
        } else if let Some(why) = nothing
            && !self.allow_empty
        {
            terminal::error(&format!("nothing was tested: {why}"));
            NOTHING_TESTED
        } else {
            DONE
        }
    }
}

/// A closed pipe (`| head`) is the reader's choice and no error.
fn broken(error: &EngineError) -> (u8, Option<String>) {
    match error {
        EngineError::Sink(SinkError::Io { source, .. })
            if source.kind() == ErrorKind::BrokenPipe =>
        {
            (DONE, None)
        }
        other => (FAILED, Some(other.to_string())),
    }
}
