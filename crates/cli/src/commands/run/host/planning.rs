//! What the rules need of this host, now and after they were loaded again.
//!
//! A plan is made on the thread that has loaded the rules. What differs from the plan before is sent to the feeds
//! that own sessions and channels, which change them between two records.

use std::collections::BTreeSet;
use std::sync::mpsc::SyncSender;

use etwatch_capture::live::{ChannelSettings, SessionSettings};
use etwatch_engine::{Engine, LiveChanges, LiveConditions, LivePlan, Planner};

/// Makes plans and sends them.
pub(in super::super) struct Planning {
    planner: Planner,
    conditions: LiveConditions,
    changes: LiveChanges,
    sessions: Option<SyncSender<Vec<SessionSettings>>>,
    channels: Option<SyncSender<Vec<ChannelSettings>>>,
    /// The last plan.
    last: LivePlan,
}

/// What is otherwise in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Differs {
    pub(in super::super) sessions: bool,
    pub(in super::super) channels: bool,
}

impl Planning {
    /// For this host, with what the configuration changes.
    ///
    /// # Errors
    /// A message: a built-in table is malformed.
    pub(in super::super) fn new(
        conditions: LiveConditions,
        changes: LiveChanges,
    ) -> Result<Self, String> {
        let planner = Planner::built_in().map_err(|error| error.to_string())?;
        let last = LivePlan::default();
        Ok(Self { planner, conditions, changes, sessions: None, channels: None, last })
    }

    /// The first plan.
    ///
    /// # Errors
    /// A message: the configuration names what there is not.
    pub(in super::super) fn first(&mut self, engine: &Engine) -> Result<LivePlan, String> {
        self.last = self.plan(engine)?;
        Ok(self.last.clone())
    }

    /// Rules were loaded again: what is otherwise is sent to whom it concerns.
    ///
    /// # Errors
    /// A message, as of [`Self::first`]; nothing is changed.
    pub(in super::super) fn again(&mut self, engine: &Engine) -> Result<Differs, String> {
        let plan = self.plan(engine)?;
        let differs = Differs {
            sessions: plan.sessions != self.last.sessions,
            channels: plan.channels != self.last.channels,
        };
        // A feed that has ended needs no plan.
        if let Some(sessions) = self.sessions.as_ref().filter(|_| differs.sessions) {
            let _ = sessions.send(plan.sessions.clone());
        }
        if let Some(channels) = self.channels.as_ref().filter(|_| differs.channels) {
            let _ = channels.send(plan.channels.clone());
        }
        self.last = plan;
        Ok(differs)
    }

    /// What somebody should know of the last plan: its notes, and how many rules can't fire here.
    pub(in super::super) fn notes(&self) -> Vec<String> {
        let mut notes = self.last.notes.clone();
        let impossible = self.last.impossible().count();
        if impossible > 0 {
            let all = self.last.rules.len();
            notes.push(format!(
                "{impossible} of {all} rules can't fire on this host; `etwatch plan --names` says why"
            ));
        }
        let mut seen = BTreeSet::new();
        notes.retain(|note| seen.insert(note.clone()));
        notes
    }

    pub(super) fn tell_sessions(&mut self, to: SyncSender<Vec<SessionSettings>>) {
        self.sessions = Some(to);
    }
    pub(super) fn tell_channels(&mut self, to: SyncSender<Vec<ChannelSettings>>) {
        self.channels = Some(to);
    }

    fn plan(&self, engine: &Engine) -> Result<LivePlan, String> {
        let plan = self.planner.plan(engine, &self.conditions, &self.changes);
        plan.map_err(|error| error.to_string())
    }
}
