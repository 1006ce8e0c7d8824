//! The command `etwatch`: recordings or live events in, Sigma alerts out.
//!
//! | module | holds |
//! |---|---|
//! | [`commands`] | one file a subcommand, with its help |
//! | [`config`] | `etwatch.toml`: what flags set, flags win |
//! | [`doctor`] | whether a machine can be watched: acts, what is seen of them, judgements |
//! | [`event_view`] | an event as commands look at it: record or normalised |
//! | [`host_sessions`] | sessions of this host, from what is wanted to feeds |
//! | [`own_log`] | etwatch's own messages |
//! | [`processes`] | the processes of recordings, as their events tell of them |
//! | [`records`] | the records of recordings, decoded and not normalised |
//! | [`rule_tests`] | tests of rules: from files to outcomes |
//! | [`selection`] | which events a command is about |
//! | [`this_host`] | the machine itself, as sessions, plans and the doctor go by it |
//! | [`terminal`] | what a person sees: styles, progress, the summary |
//!
//! Exit status, the same for all subcommands:
//!
//! | | |
//! |---|---|
//! | 0 | done |
//! | 1 | `check` found errors; a test failed; alerts could not be delivered; `doctor` found a fault; a fault of etwatch |
//! | 2 | wrong usage: flags, configuration, rules folder |
//! | 3 | some input could not be read; the rest was |
//! | 4 | nothing was tested, or read; `doctor` could not decide a check |
//! | 5, 6, 7, 8, 9 | `run`, `service`: a right is missing; no room; another has it; there is no such thing; a setting is wrong |
//! | 130 | ended at once by a second Ctrl-C |
#![forbid(unsafe_code)]

mod commands;
mod config;
mod doctor;
mod event_view;
mod host_sessions;
mod own_log;
mod processes;
mod records;
mod rule_tests;
mod selection;
mod size;
mod terminal;
mod this_host;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Detection rules over Windows events: Sigma rules, replayed on recordings on any system.
#[derive(Debug, Parser)]
#[command(
    name = "etwatch",
    version,
    about,
    after_help = "\
Examples:
  etwatch replay fixtures                     the shipped recordings, the shipped rules
  etwatch replay case.evtx --rules sigma      one event log, a folder of Sigma rules
  etwatch run --rules sigma                   this host, as it happens (Windows)
  etwatch check rules                         what is wrong with rules, and what to write instead
  etwatch test rules                          do rules match what they should, and nothing else
  etwatch plan                                what the rules need of a running Windows
  etwatch events case.evtx --count            what is in a recording
  etwatch process cmd.exe --over case.evtx    what a process did
  etwatch flows case.etl                      bytes by process, endpoint and hour
  etwatch tree case.evtx                      who started whom, and the alerts below them
  etwatch doctor                              whether this machine can be watched"
)]
struct Arguments {
    /// Say more about what is done, on standard error (-v, -vv)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// Write own messages to this file, and not to standard error; when it is full it becomes FILE.1
    #[arg(long, value_name = "FILE", global = true)]
    log: Option<std::path::PathBuf>,
    /// Configuration file [default: etwatch.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    ExitCode::from(execute(arguments))
}

/// The command line that is typed as these words behind `etwatch`.
fn parse(words: &[OsString]) -> Result<Arguments, clap::Error> {
    let program = OsString::from("etwatch");
    Arguments::try_parse_from(std::iter::once(&program).chain(words))
}

/// Does what a command line says; the result is the exit status.
#[expect(clippy::needless_pass_by_value, reason = "a command line is done once")]
fn execute(arguments: Arguments) -> u8 {
    // What a service does starts its own.
    let is_service = arguments.command.is_service();
    let log = arguments.log.as_deref();
    if let Err(error) = (!is_service).then(|| own_log::start(arguments.verbose, log)).transpose() {
        terminal::error(&format!("cannot write own messages: {error}"));
        return commands::USAGE;
    }
    let config = match config::Config::find(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            terminal::error(&error.to_string());
            return commands::USAGE;
        }
    };
    arguments.command.run(&config, &mut Arguments::command())
}
