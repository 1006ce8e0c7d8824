//! `etwatch service`: etwatch as a Windows service.
//!
//! What is installed is a command line of etwatch, `run` unless another is given, and the folder in which it is to
//! run. Windows starts `etwatch service run … -- COMMAND`, which tells the service manager that it is there and then
//! does what the command line says. A command that goes on for ever asks to be told when it is to end ([`stop::on_stop`]).
//!
//! A service has neither standard output nor standard error. So what a person would read goes to the log, which is
//! [`LOG`] in the folder of the service unless the command line names one, and a command line whose alerts would go to
//! standard output alone is not installed.

pub(crate) mod stop;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use etwatch_host::service::{
    self, ServiceAccount, ServiceError, ServiceSettings, ServiceState, ServiceStatus,
};

use crate::commands::{DONE, FAILED, USAGE};
use crate::config::Config;
use crate::{Arguments, own_log, terminal};

/// How long starting and stopping are waited for.
const WAIT: Duration = Duration::from_secs(30);
/// How long it is looked on after a start: what can't begin, for want of rules or rights, has ended by then.
const BEGINS: Duration = Duration::from_secs(2);
/// Where a service says what it would say on a terminal, in its folder.
const LOG: &str = "etwatch.log";

/// Run etwatch as a Windows service: install, start, stop, look at it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch service install -- run --rules C:\\rules --webhook https://siem.example/etwatch --format none
  etwatch service start
  etwatch service status --format json
  etwatch service stop
  etwatch service uninstall

The service runs as LocalSystem, with four of its privileges and no others: SeSecurityPrivilege (the channel
Security), SeSystemProfilePrivilege (the session of the kernel), SeDebugPrivilege (processes of others) and
SeChangeNotifyPrivilege. Windows starts it some time after it has started itself, and again 5 s, 30 s and then 2 min
after it failed. Its own name for access lists is `NT SERVICE\\etwatch`.

Exit status: 0 done, 1 Windows refuses or the service failed, 2 wrong usage or not Windows, 5 a right is missing (run
it elevated), 7 there is one of this name, or something is in its way, 8 there is no such service, 9 a setting is
wrong.")]
pub(crate) struct Service {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Install the service; it is not started
    Install(Install),
    /// Take the service away; it is stopped first
    Uninstall(Named),
    /// Start the service and wait until it runs
    Start(Named),
    /// Stop the service and wait until it has ended: sessions gone, alerts delivered
    Stop(Named),
    /// Say what the service is doing
    Status(Status),
    /// What Windows starts
    #[command(hide = true)]
    Run(Run),
}

/// Which service is meant.
#[derive(Debug, clap::Args)]
struct Named {
    /// Name of the service
    #[arg(long, value_name = "NAME", default_value = "etwatch", value_parser = name)]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Install {
    #[command(flatten)]
    named: Named,
    /// On whose behalf it runs; `virtual` is `NT SERVICE\NAME`, which sees less: give it rights by the groups Performance
    /// Log Users and Event Log Readers
    #[arg(long, value_enum, default_value_t = Account::System)]
    account: Account,
    /// Do not have Windows start it by itself
    #[arg(long)]
    manual: bool,
    /// Folder in which it runs, for paths and `etwatch.toml` [default: this one]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// What it does, as one would type it behind `etwatch` [default: run]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Account {
    System,
    Virtual,
}

#[derive(Debug, clap::Args)]
struct Status {
    #[command(flatten)]
    named: Named,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, clap::Args)]
struct Run {
    #[command(flatten)]
    named: Named,
    #[arg(long)]
    folder: PathBuf,
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// A name that Windows takes for a service, and that needs no quoting.
fn name(text: &str) -> Result<String, String> {
    let is_sound = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if text.is_empty() || text.len() > 80 || !text.chars().all(is_sound) {
        return Err("1 to 80 letters, digits, `-`, `_` or `.`".to_owned());
    }
    Ok(text.to_owned())
}

impl Service {
    /// Whether this is what Windows starts.
    pub(crate) fn is_run(&self) -> bool {
        matches!(self.action, Action::Run(_))
    }
    /// Does it; the result is the exit status.
    pub(crate) fn run(&self) -> u8 {
        let done = match &self.action {
            Action::Install(install) => install.run(),
            Action::Uninstall(Named { name }) => uninstall(name),
            Action::Start(Named { name }) => start(name),
            Action::Stop(Named { name }) => stop(name),
            Action::Status(status) => status.run(),
            Action::Run(run) => run.run(),
        };
        done.unwrap_or_else(|error| {
            terminal::error(&format!("{error}; {}", error.remedy()));
            error.kind().exit_code()
        })
    }
}

impl Install {
    fn run(&self) -> Result<u8, ServiceError> {
        let (executable, folder) = match self.places() {
            Ok(found) => found,
            Err(error) => {
                terminal::error(&format!("this program or the folder can't be used: {error}"));
                return Ok(FAILED);
            }
        };
        let default = [OsString::from("run")];
        let command = if self.command.is_empty() { &default[..] } else { &self.command };
        // Better said now than in a log after the next start of Windows.
        let has_log = match examined(command) {
            Ok(arguments) => arguments.log.is_some(),
            Err(reason) => {
                terminal::error(&format!("the service could not run this: {reason}"));
                return Ok(USAGE);
            }
        };
        let name = &self.named.name;
        let left_out = service::install(&ServiceSettings {
            name: name.clone(),
            display_name: "etwatch detection engine".to_owned(),
            description: "Evaluates Sigma rules over the events of this host.".to_owned(),
            executable,
            arguments: words(name, folder, has_log, command),
            account: match self.account {
                Account::System => ServiceAccount::System,
                Account::Virtual => ServiceAccount::Virtual,
            },
            starts_by_itself: !self.manual,
        })?;
        if !left_out.is_empty() {
            let what = left_out.join(", ");
            terminal::note(&format!(
                "this system does not know, and the service is without: {what}"
            ));
        }
        terminal::note(&format!(
            "the service `{name}` is installed; `etwatch service start` starts it"
        ));
        Ok(DONE)
    }

    /// The program, and the folder of the service, in which this process is from now on, as the service will be.
    fn places(&self) -> std::io::Result<(PathBuf, PathBuf)> {
        let executable = std::env::current_exe()?;
        if let Some(folder) = &self.folder {
            std::env::set_current_dir(folder)?;
        }
        Ok((executable, std::env::current_dir()?))
    }
}

/// The command line that a service is to do in this folder.
///
/// # Errors
/// Why it could not, for a message.
fn examined(command: &[OsString]) -> Result<Arguments, String> {
    let arguments = crate::parse(command).map_err(|error| error.to_string())?;
    let config = Config::find(arguments.config.as_deref()).map_err(|error| error.to_string())?;
    if arguments.command.tells_standard_output_alone(&config) {
        let reason = "a service has no standard output, so nobody would see its alerts; name --output or \
            --webhook, here or in `etwatch.toml`, or --format none if nobody is to see them";
        return Err(reason.to_owned());
    }
    Ok(arguments)
}

/// What Windows is to start the program with.
fn words(name: &str, folder: PathBuf, has_log: bool, command: &[OsString]) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        ["service", "run", "--name", name, "--folder"].map(Into::into).into();
    words.push(folder.into());
    words.push("--".into());
    if !has_log {
        words.extend(["--log", LOG].map(Into::into));
    }
    words.extend(command.iter().cloned());
    words
}

fn uninstall(name: &str) -> Result<u8, ServiceError> {
    service::stop(name, WAIT)?;
    service::uninstall(name)?;
    terminal::note(&format!("the service `{name}` is taken away"));
    Ok(DONE)
}

fn start(name: &str) -> Result<u8, ServiceError> {
    let mut status = service::start(name, WAIT)?;
    if status.state == ServiceState::Running {
        std::thread::sleep(BEGINS);
        status = service::status(name)?;
    }
    terminal::note(&line(name, status));
    // A command that is done at once has ended by now.
    let is_well = matches!(status.state, ServiceState::Running)
        || (status.state == ServiceState::Stopped && status.exit_code == 0);
    if is_well {
        return Ok(DONE);
    }
    terminal::error(&format!("it does not run; {LOG} in its folder, or its own --log, says why"));
    Ok(FAILED)
}

fn stop(name: &str) -> Result<u8, ServiceError> {
    let status = service::stop(name, WAIT)?;
    terminal::note(&line(name, status));
    Ok(if status.state == ServiceState::Stopped { DONE } else { FAILED })
}

impl Status {
    fn run(&self) -> Result<u8, ServiceError> {
        let name = &self.named.name;
        let status = service::status(name)?;
        let text = match self.format {
            Format::Text => line(name, status),
            Format::Json => serde_json::json!({
                "name": name,
                "state": status.state.name(),
                "process": status.process,
                "exit_code": status.exit_code,
            })
            .to_string(),
        };
        Ok(if terminal::print(&(text + "\n")) { DONE } else { FAILED })
    }
}

fn line(name: &str, status: ServiceStatus) -> String {
    let state = status.state.name();
    match status {
        ServiceStatus { process: Some(process), .. } => {
            format!("{name}: {state}, process {process}")
        }
        ServiceStatus { state: ServiceState::Stopped, exit_code: 1_077, .. } => {
            format!("{name}: {state}, never started")
        }
        ServiceStatus { state: ServiceState::Stopped, exit_code, .. } => {
            format!("{name}: {state}, exit code {exit_code}")
        }
        _ => format!("{name}: {state}"),
    }
}

impl Run {
    fn run(&self) -> Result<u8, ServiceError> {
        let (folder, command) = (self.folder.clone(), self.command.clone());
        let work = move || {
            if let Err(error) = std::env::set_current_dir(&folder) {
                terminal::error(&format!("{}: {error}", folder.display()));
                return USAGE;
            }
            crate::parse(&command).map_or_else(|error| refused(&error), crate::execute)
        };
        run_as_service(&self.named.name, work)
    }
}

/// The command line was one when it was installed, but is none for this program.
fn refused(error: &clap::Error) -> u8 {
    // If it can't be written, the exit status is all that is left.
    let _ = own_log::start(0, Some(LOG.as_ref()));
    terminal::error(&format!("the service can't run what it was installed with: {error}"));
    USAGE
}

/// Is the service `name`, whose work is `body`; returns when it has stopped. `body` is told to end by what it gave to
/// [`stop::on_stop`]; its exit status is that of the service.
pub(crate) fn run_as_service(
    name: &str,
    body: impl FnOnce() -> u8 + Send + 'static,
) -> Result<u8, ServiceError> {
    let body = move || {
        stop::begin();
        terminal::nobody_watches();
        std::panic::set_hook(Box::new(|what| {
            terminal::error(&format!("a fault of etwatch: {what}"));
        }));
        let status = body();
        if status != DONE {
            terminal::note(&format!("ended with exit status {status}"));
        }
        status.into()
    };
    service::run(name, Box::new(stop::ask), Box::new(body))?;
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_need_no_quoting() {
        for (text, sound) in
            [("etwatch", true), ("a-b_c.1", true), ("", false), ("a b", false), ("a\\b", false)]
        {
            assert_eq!(name(text).is_ok(), sound, "{text}");
        }
        assert!(name(&"a".repeat(81)).is_err());
    }

    #[test]
    fn a_service_has_a_log_unless_its_command_line_names_one() {
        let command = ["run", "--webhook", "https://x.example"].map(OsString::from);
        let shown = |has_log| {
            let all = words("x", PathBuf::from("C:\\a b"), has_log, &command);
            all.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join("|")
        };
        let begin = "service|run|--name|x|--folder|C:\\a b|--";
        let end = "run|--webhook|https://x.example";
        assert_eq!(shown(false), format!("{begin}|--log|etwatch.log|{end}"));
        assert_eq!(shown(true), format!("{begin}|{end}"));
        let all = words("x", PathBuf::from("."), false, &command);
        let command_line: Vec<_> =
            all.into_iter().skip_while(|word| word != "--").skip(1).collect();
        let arguments = crate::parse(&command_line).unwrap();
        assert_eq!(arguments.log, Some(PathBuf::from(LOG)));
    }

    #[test]
    fn a_line_says_what_a_service_does() {
        let of = |state, process, exit_code| line("x", ServiceStatus { state, process, exit_code });
        assert_eq!(of(ServiceState::Running, Some(7), 0), "x: running, process 7");
        assert_eq!(of(ServiceState::Stopped, None, 0), "x: stopped, exit code 0");
        assert_eq!(of(ServiceState::Stopped, None, 1_077), "x: stopped, never started");
        assert_eq!(of(ServiceState::NotInstalled, None, 0), "x: not installed");
    }
}
