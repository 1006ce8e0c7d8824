//! One file or folder a subcommand, the rules that they evaluate, and where the results of a replay go.

pub(crate) mod check;
mod compile;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod fields;
pub(crate) mod flows;
mod line_flags;
mod outputs;
pub(crate) mod plan;
pub(crate) mod process;
pub(crate) mod replay;
mod rule_flags;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod schemas;
pub(crate) mod service;
pub(crate) mod test;
pub(crate) mod tree;

use std::path::PathBuf;

use etwatch_capture::{Found, find};
use etwatch_engine::{Engine, Report, endpoints};

use crate::config::Config;
use crate::terminal;

/// Exit status: done.
pub(crate) const DONE: u8 = 0;
/// Exit status: errors in rules, failed tests, undelivered alerts, a fault.
pub(crate) const FAILED: u8 = 1;
/// Exit status: wrong usage.
pub(crate) const USAGE: u8 = 2;
/// Exit status: some input could not be read.
pub(crate) const INPUT_LOST: u8 = 3;
/// Exit status: nothing was tested, or a check could not be decided.
pub(crate) const NOTHING_TESTED: u8 = 4;

/// A subcommand.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Replay(Box<replay::Replay>),
    Run(Box<run::Run>),
    Check(check::Check),
    Test(test::RunTests),
    Rules(rules::Rules),
    Plan(plan::Plan),
    Events(Box<events::Events>),
    Process(Box<process::Process>),
    Tree(tree::Tree),
    Flows(flows::FlowsCommand),
    Schemas(schemas::Schemas),
    Fields(fields::Fields),
    Convert(convert::Convert),
    Doctor(Box<doctor::Doctor>),
    Service(service::Service),
    Completions(completions::Completions),
}

impl Command {
    /// Whether it is what Windows starts as a service, which does what another command line says.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self, Self::Service(command) if command.is_run())
    }
    /// Whether all that comes of it goes to standard output.
    pub(crate) fn tells_standard_output_alone(&self, config: &Config) -> bool {
        match self {
            Self::Replay(command) => command.line().tells_standard_output_alone(config),
            Self::Run(command) => command.line().tells_standard_output_alone(config),
            _ => false,
        }
    }
    /// Runs it; the result is the exit status.
    pub(crate) fn run(&self, config: &Config, whole: &mut clap::Command) -> u8 {
        match self {
            Self::Replay(command) => command.run(config),
            Self::Run(command) => command.run(config),
            Self::Check(command) => command.run(config),
            Self::Test(command) => command.run(config),
            Self::Rules(command) => command.run(config),
            Self::Plan(command) => command.run(config),
            Self::Events(command) => command.run(config),
            Self::Process(command) => command.run(config),
            Self::Tree(command) => command.run(config),
            Self::Flows(command) => command.run(config),
            Self::Schemas(command) => command.run(),
            Self::Fields(command) => command.run(),
            Self::Convert(command) => command.run(),
            Self::Doctor(command) => command.run(config),
            Self::Service(command) => command.run(),
            Self::Completions(command) => command.run(whole),
        }
    }
}

/// The exit status of a command, which tells why it could not be carried out.
fn exit_status(result: Result<u8, (u8, String)>) -> u8 {
    result.unwrap_or_else(|(status, message)| {
        terminal::error(&message);
        status
    })
}

/// Which endpoints are known to be good; a flag of commands that derive events.
#[derive(Debug, clap::Args)]
struct EndpointFlags {
    /// Endpoints to leave out of flows and beacons, in place of the built-in ones (docs/flows.md)
    #[arg(long, value_name = "FILE")]
    endpoints: Option<PathBuf>,
}

impl EndpointFlags {
    /// The same engine, with those of the file that is named here, else in the configuration, if there is one.
    ///
    /// # Errors
    /// What is wrong with the file, for a message.
    fn apply(&self, config: &Config, engine: Engine) -> Result<Engine, String> {
        let Some(path) = self.endpoints.as_ref().or(config.endpoints.as_ref()) else {
            return Ok(engine);
        };
        let known_good = endpoints::load(path).map_err(|error| error.to_string())?;
        Ok(engine.with_known_good(known_good))
    }
}

/// The recordings under `paths`.
///
/// # Errors
/// What is wrong with the paths as a whole, for a message.
fn find_inputs(paths: &[PathBuf]) -> Result<Found, String> {
    if paths.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err("standard input can be read once; name `-` once".to_owned());
    }
    Ok(find(paths))
}

/// The exit status of a command that reads recordings and tests nothing; says why if the summary does not.
/// `stopped`: it had seen enough before the end.
fn reading_status(report: &Report, stopped: bool) -> u8 {
    if report.input_was_lost() {
        INPUT_LOST
    } else if stopped {
        DONE
    } else if !report.ledger.is_balanced() {
        terminal::error(terminal::UNBALANCED);
        FAILED
    } else if report.ledger.read == 0 {
        terminal::error("no event was read");
        NOTHING_TESTED
    } else {
        DONE
    }
}
