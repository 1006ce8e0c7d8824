//! `etwatch plan`: what the rules need of a running Windows, and which can't fire there.
//!
//! ```text
//! rules, etwatch.toml ─▶ Engine ─▶ Planner ─▶ sessions, channels, fates of rules ─▶ table, JSON
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `text` | the plan for people |
//! | `json` | the same for programs |

mod json;
mod text;

use etwatch_engine::live_plan::NEWEST_BUILD;
use etwatch_engine::{LiveConditions, LivePlan, Planner};

use crate::commands::rule_flags::RuleFlags;
use crate::commands::{DONE, FAILED, NOTHING_TESTED, USAGE};
use crate::config::Config;
use crate::{terminal, this_host};

/// Show what the rules need of a running Windows: sessions, providers, channels, and which can't fire
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch plan                                  the folder rules/, on this Windows (elsewhere: on the newest one)
  etwatch plan --rules sigma --os-build 17763   on Windows Server 2019
  etwatch plan --rules sigma --sysmon           where Sysmon is installed
  etwatch plan --rules sigma --names            with the rules that need each source, and all that can't fire
  etwatch plan --format json | jq -r '.rules[] | select(.fate.never) | [.title, .fate.never.why] | @tsv'

Nothing is started. What is changed by [sessions], [[providers]] and [[channels]] of etwatch.toml is in it
(docs/plan.md, docs/configuration.md).

Exit status: 0 done; 1 standard output can't be written to; 2 wrong usage; 4 there was no rule.")]
pub(crate) struct Plan {
    #[command(flatten)]
    rules: RuleFlags,
    /// The build of Windows, as `winver` shows it: 17763, 19045, 22631, 26100 [default: this machine with its
    /// channels, or the newest one where this is no Windows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(7600..))]
    os_build: Option<u32>,
    /// Sysmon is installed: its log is preferred
    #[arg(long)]
    sysmon: bool,
    /// Name the rules that need each source, and all that can't fire
    #[arg(long)]
    names: bool,
    /// Form of the plan
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// Those of this machine; `None` if it is no Windows.
fn here() -> Option<LiveConditions> {
    let mut log = this_host::event_log().ok();
    let with_channels = this_host::conditions(log.as_mut().map(|log| log.as_mut() as _));
    with_channels.unwrap_or_else(|error| {
        terminal::note(&format!("channels are taken to be there: {error}"));
        this_host::conditions(None).unwrap_or_default()
    })
}

/// A plan and what it was made for.
struct Shown<'a> {
    plan: &'a LivePlan,
    conditions: &'a LiveConditions,
    /// Whether rules are named.
    names: bool,
}

impl Plan {
    /// Those of a machine that is described, else of this one.
    fn conditions(&self) -> LiveConditions {
        let described = |os_build| LiveConditions { os_build, ..LiveConditions::default() };
        let known = match self.os_build {
            Some(os_build) => described(os_build),
            None => here().unwrap_or_else(|| described(NEWEST_BUILD)),
        };
        LiveConditions { sysmon: self.sysmon || known.sysmon, ..known }
    }

    /// Prints it; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        let rules = match self.rules.load(config) {
            Ok(rules) => rules,
            Err((status, message)) => {
                terminal::error(&message);
                return status;
            }
        };
        let conditions = self.conditions();
        let planner = match Planner::built_in() {
            Ok(planner) => planner,
            Err(error) => {
                terminal::error(&error.to_string());
                return FAILED;
            }
        };
        let plan = match planner.plan(&rules.engine, &conditions, &config.live_changes()) {
            Ok(plan) => plan,
            Err(error) => {
                terminal::error(&error.to_string());
                return USAGE;
            }
        };
        let shown = Shown { plan: &plan, conditions: &conditions, names: self.names };
        let text = match self.format {
            Format::Table => text::write(&shown),
            Format::Json => json::write(&shown),
        };
        if !terminal::print(&text) {
            return FAILED;
        }
        if rules.loaded.refused > 0 {
            let count = rules.loaded.refused;
            terminal::note(&format!("{count} documents were refused; `etwatch check` tells why"));
        }
        if !rules.loaded.unreadable.is_empty() {
            USAGE
        } else if plan.rules.is_empty() {
            NOTHING_TESTED
        } else {
            DONE
        }
    }
}
