//! `etwatch doctor`: whether this machine can be watched.

use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use etwatch_rules::diagnostic::nearest;

use crate::commands::{DONE, FAILED, USAGE};
use crate::config::Config;
use crate::doctor::act::Actor;
use crate::doctor::check::needs;
use crate::doctor::examination::Webhook;
use crate::doctor::finding::Outcome;
use crate::doctor::local::{Local, powershell, token, windows_etw};
use crate::doctor::wanted::{Wanted, wanted};
use crate::doctor::{CHECKS, Check, Examination, Finding, exit_status, findings};
use crate::terminal::{self, Doing};

/// Check whether this machine can be watched, by doing harmless things and looking for their events
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch doctor                              all checks, one line each, with a remedy where one is needed
  etwatch doctor --only sessions --only loss  some of them
  etwatch doctor --list                       which checks there are
  etwatch doctor --questions --idle 60        also what only a real Windows can answer, and how much it tells
  etwatch doctor --send                       also post a test message to the webhook of etwatch.toml
  etwatch doctor --format json | jq -c 'select(.outcome == \"fail\")'

It starts sessions, then starts a few processes, writes and deletes a file and a registry key, connects to
itself, looks up a name that nobody has, and runs a PowerShell text. All of it is taken back.

Exit status: 0 all is well; 1 something is not; 2 wrong usage; 4 nothing is wrong as far as could be seen, but
something could not be decided.")]
pub(crate) struct Doctor {
    /// Only this check; can be repeated
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
    /// Also answer open questions about Windows
    #[arg(long)]
    questions: bool,
    /// Post a test message to the webhook
    #[arg(long)]
    send: bool,
    /// A URL to post it to, in place of that of etwatch.toml
    #[arg(long, value_name = "URL", requires = "send")]
    webhook: Option<String>,
    /// Also try the sessions that these rules need, a file or folder; can be repeated
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// A folder that etwatch is to write to, for state, spool or recordings; can be repeated
    #[arg(long, value_name = "DIR")]
    folder: Vec<PathBuf>,
    /// How long to wait for the events of what was done
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: u64,
    /// Sit still for so long, and count what comes by itself
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=86_400))]
    idle: u64,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print which checks there are, and examine nothing
    #[arg(long)]
    list: bool,
    /// Leave progress and summary out
    #[arg(short, long)]
    quiet: bool,
    /// End at once: what the children of an examination are told
    #[arg(long, hide = true)]
    end_at_once: bool,
    /// What such a child is given
    #[arg(hide = true, requires = "end_at_once")]
    given: Vec<std::ffi::OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line a finding
    Text,
    /// One JSON object a finding
    Json,
}

impl Doctor {
    /// Examines; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        if self.end_at_once {
            return DONE;
        }
        match self.examine(config) {
            Ok(status) => status,
            Err(message) => {
                terminal::error(&message);
                USAGE
            }
        }
    }

    fn examine(&self, config: &Config) -> Result<u8, String> {
        let checks = self.checks()?;
        if self.list {
            let lines = checks.iter().map(|check| format!("{:20} {}\n", check.name, check.about));
            return Ok(if terminal::print(&lines.collect::<String>()) { DONE } else { FAILED });
        }
        let webhook = config.webhook_options(self.webhook.as_deref());
        let webhook = webhook.map_err(|error| error.to_string())?;
        let needs = needs(&checks);
        let Wanted { sessions, channels } = if needs.sessions || needs.channels {
            wanted(&self.rules, config, checks.iter().any(|check| check.is_question))?
        } else {
            Wanted::default()
        };
        let examination = Examination {
            token: token(),
            sessions,
            channels,
            folders: self.folders(config),
            webhook: match (&webhook, self.send) {
                (None, _) => Webhook::None,
                (Some(_), false) => Webhook::Silent,
                (Some(_), true) => Webhook::Send,
            },
            deadline: Duration::from_secs(self.wait),
            idle: Duration::from_secs(self.idle),
        };
        let actor = actor().map_err(|error| error.to_string())?;
        let mut local = Local::new(actor, webhook, windows_etw());
        let doing = Doing::new(self.quiet);
        let observations = examination.run(needs, &mut local, &mut |what| doing.tell(what));
        doing.finish();
        let findings = findings(&checks, &observations);
        let printed = terminal::print(&self.text(&findings));
        if !self.quiet {
            terminal::note(&summary(&findings));
        }
        Ok(if printed { exit_status(&findings) } else { FAILED })
    }

    /// Those that were asked for.
    fn checks(&self) -> Result<Vec<&'static Check>, String> {
        if self.only.is_empty() {
            let asked =
                CHECKS.iter().filter(|check| self.questions || self.list || !check.is_question);
            return Ok(asked.collect());
        }
        let unknown = |name: &&String| CHECKS.iter().all(|check| check.name != name.as_str());
        if let Some(name) = self.only.iter().find(unknown) {
            let near = nearest(name, CHECKS.iter().map(|check| check.name));
            let hint = near.map_or("`etwatch doctor --list` names all".to_owned(), |near| {
                format!("did you mean `{near}`?")
            });
            return Err(format!("there is no check `{name}`; {hint}"));
        }
        let asked = |check: &&Check| self.only.iter().any(|name| name == check.name);
        Ok(CHECKS.iter().filter(asked).collect())
    }

    /// The folders that are written to.
    fn folders(&self, config: &Config) -> Vec<(&'static str, PathBuf)> {
        let mut folders = vec![("temporary files", std::env::temp_dir())];
        let output = config.output.as_deref().and_then(std::path::Path::parent);
        folders.extend(output.map(|folder| {
            let here = folder.as_os_str().is_empty();
            ("alerts", if here { PathBuf::from(".") } else { folder.to_owned() })
        }));
        folders.extend(self.folder.iter().map(|folder| ("folder", folder.clone())));
        folders
    }

    fn text(&self, findings: &[Finding]) -> String {
        let line = |finding: &Finding| match self.format {
            Format::Json => format!("{}\n", finding.json()),
            Format::Text => {
                let style = style(finding.outcome);
                format!("{style}{}{style:#}\n", finding.line())
            }
        };
        findings.iter().map(line).collect()
    }
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => Style::new(),
        Outcome::Skipped => Style::new().dimmed(),
        Outcome::Unknown => AnsiColor::Yellow.on_default(),
        Outcome::Fail => AnsiColor::Red.on_default(),
    }
}

/// How many findings of each kind there are.
fn summary(findings: &[Finding]) -> String {
    let outcomes = [Outcome::Pass, Outcome::Fail, Outcome::Unknown, Outcome::Skipped];
    let parts = outcomes.map(|outcome| {
        let count = findings.iter().filter(|finding| finding.outcome == outcome).count();
        format!("{count} {}", outcome.name())
    });
    parts.join(", ")
}

/// Who does things here: children are this very program, told to end at once.
fn actor() -> std::io::Result<Actor> {
    Ok(Actor {
        program: std::env::current_exe()?,
        arguments: vec!["doctor".to_owned(), "--end-at-once".to_owned(), "--".to_owned()],
        powershell: powershell(),
        folder: std::env::temp_dir(),
    })
}
