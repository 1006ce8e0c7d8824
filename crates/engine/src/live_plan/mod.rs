//! Which sessions, providers, ids and channels the loaded rules need on a running Windows, and which rules can't
//! fire there.
//!
//! A rule names a log source; the taxonomy knows the kinds of events that have it, `live.yaml` who tells them on a
//! running machine. For each rule:
//!
//! ```text
//! kinds of its log source ── minus those that its fields, ids and provider exclude ──▶ kinds that it can match
//!   ── the best source that tells them here: Sysmon's log if it is there, else a session, else a log ──▶ picks
//! ```
//!
//! What the fields of those kinds need comes with them: names behind handles, answers of DNS, the events that feed
//! facts and of which flows are made. The picks of all rules together are the plan: a provider's mask is the union
//! of the keywords of its ids, and nobody is subscribed to whom no rule needs, but for what tells which processes
//! run. A rule without picks can't fire, and says why; a correlation that needs it neither.
//!
//! | module | holds |
//! |---|---|
//! | [`table`] | `live.yaml` |
//! | [`changes`] | what the configuration changes of a plan |
//! | `sources` | who tells a kind of events here, or why nobody |
//! | `choose` | the picks of a rule |
//! | `joins` | what comes with them: names, answers, facts, derived events |
//! | `picks` | what is wanted of each source, and by whom |
//! | `correlations` | which of them can't fire |
//! | `settings` | picks as settings of sessions and channels |

pub mod changes;
mod choose;
mod correlations;
mod joins;
mod picks;
mod settings;
mod sources;
pub mod table;

use std::collections::BTreeSet;

use etwatch_capture::live::{ChannelSettings, SessionSettings};
use serde::Serialize;

use crate::engine::{Engine, EngineError};
use crate::field_sources::FieldSources;

pub use changes::{ChangesError, LiveChanges};
pub use table::{Cost, LiveTable, LiveTableError, SessionRole};

/// The newest build of Windows whose manifests are known here (Windows 11 26H1).
pub const NEWEST_BUILD: u32 = 28_000;

/// What is known of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveConditions {
    /// Its build of Windows.
    pub os_build: u32,
    /// Whether we are elevated; without that no session can be started.
    pub elevated: bool,
    /// Whether Sysmon's log is there.
    pub sysmon: bool,
    /// The channels that it has; `None`: unknown, all are taken to be there.
    pub channels: Option<BTreeSet<String>>,
}

impl Default for LiveConditions {
    /// The newest Windows without Sysmon, elevated.
    fn default() -> Self {
        Self { os_build: NEWEST_BUILD, elevated: true, sysmon: false, channels: None }
    }
}

/// A rule or correlation of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedRule {
    /// Its id, else its title.
    pub identity: String,
    /// Its title.
    pub title: String,
    /// Its log source; of a correlation its type.
    pub log_source: String,
    /// The file it is in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it can fire.
    pub fate: Fate,
}

/// Whether a rule can fire here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// With all its fields.
    Whole,
    /// Without these fields: with less to find it by, or less to exclude. Of a correlation: without these rules.
    Partly(Vec<String>),
    /// Never.
    Never {
        /// The fields that it needs and that nobody tells; none if there are no such events.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// Why, a clause without a full stop.
        why: String,
    },
}

/// Where events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A session: which.
    Session(SessionRole),
    /// A channel of the event log.
    Channel,
}

/// A provider, class or channel of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedSource {
    /// What it is called; of a channel its path.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The ids that are wanted, in ascending order; none if all are. Of a class its opcodes.
    pub ids: Vec<u16>,
    /// What the dearest of them costs; `None` if nothing is known of it.
    pub cost: Option<Cost>,
    /// For what it is wanted beside rules.
    pub purposes: Vec<String>,
    /// The rules that need it, by their places in [`LivePlan::rules`], in ascending order.
    pub rules: Vec<usize>,
    /// What somebody should know who relies on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a running machine is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LivePlan {
    /// The sessions, in the order in which they are to be started; those without anything in them are left out.
    pub sessions: Vec<SessionSettings>,
    /// The channels.
    pub channels: Vec<ChannelSettings>,
    /// The same by source: what it costs, and who needs it.
    pub sources: Vec<PlannedSource>,
    /// The rules, then the correlations.
    pub rules: Vec<PlannedRule>,
    /// What else somebody should know who relies on it.
    pub notes: Vec<String>,
}

impl LivePlan {
    /// The rules that can't fire: the fields that are missing, and why.
    pub fn impossible(&self) -> impl Iterator<Item = (&PlannedRule, &[String], &str)> {
        self.rules.iter().filter_map(|rule| match &rule.fate {
            Fate::Never { missing, why } => Some((rule, missing.as_slice(), why.as_str())),
            Fate::Whole | Fate::Partly(_) => None,
        })
    }
}

/// Makes plans; what it goes by is read once.
#[derive(Debug)]
pub struct Planner {
    table: LiveTable,
    sources: FieldSources,
}

impl Planner {
    /// By the tables that are part of the program.
    ///
    /// # Errors
    /// [`EngineError`] if a built-in table is malformed.
    pub fn built_in() -> Result<Self, EngineError> {
        Ok(Self { table: LiveTable::built_in()?, sources: FieldSources::built_in()? })
    }

    /// The plan for the rules of `engine`. Equal plans ask for the same: after rules were loaded again, those
    /// sessions and channels are to be changed whose settings differ.
    ///
    /// # Errors
    /// [`ChangesError`] if `changes` name what there is not.
    pub fn plan(
        &self,
        engine: &Engine,
        conditions: &LiveConditions,
        changes: &LiveChanges,
    ) -> Result<LivePlan, ChangesError> {
        changes.check(&self.table)?;
        let here = sources::Here::new(&self.table, &self.sources, conditions, changes);
        let mut picks = picks::Picks::new(&self.table);
        here.pick_always(&mut picks);
        let chosen = choose::all(&here, engine, &mut picks);
        Ok(settings::plan(&here, &picks, chosen))
    }
}
