//! What others did to our sessions: found by comparing, put right, told once.
//!
//! Whoever wants to blind a sensor stops its session, takes a provider out of it, narrows its masks or turns its
//! flags off; each is one call, open to every administrator. Windows' own tracing tells of such calls, but its
//! events may be lost with the session they came by. So what is so is asked for: the session itself every second,
//! since losses are read anyway, its providers every 30 seconds and whenever a notice came.
//!
//! ```text
//! expected                      found                         finding ─▶ repair ─▶ told?
//! session 7, flags 5            none                          stopped      started anew
//! Kernel-Process 0x10 level 4   0x10 level 4                  –
//! Kernel-File 0x1c10            0x10                          narrowed     enabled anew
//! ```
//!
//! A finding is told once: one that could not be repaired is the same finding a second later; one that was, and is
//! made again at once, is a new finding that is counted and told with the next one, at most once a minute. Our own
//! acts change what is expected before they are done, so they are never found.

use std::collections::BTreeMap;
use std::time::Duration;

use etwatch_event::Guid;

use super::api::{Masks, ProviderState, SessionState};
use super::defaults::TELL_PERIOD;
use super::error::EtwError;
use super::session::Expected;

/// What was done to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was stopped, or its records are no longer delivered.
    Stopped,
    /// A provider was taken out of it.
    Disabled,
    /// Less of a provider comes.
    Narrowed {
        /// As it was.
        was: Masks,
        /// As it was found.
        found: Masks,
    },
    /// More of a provider comes, which may drown the rest.
    Widened {
        /// As it was.
        was: Masks,
        /// As it was found.
        found: Masks,
    },
    /// The flags of a system logger were changed.
    Flags {
        /// As they were.
        was: u32,
        /// As they were found.
        found: u32,
    },
    /// Its most buffers or its flush time were changed.
    Buffers,
}

impl ChangeKind {
    /// One word for it, as alerts have it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Disabled => "disabled",
            Self::Narrowed { .. } => "narrowed",
            Self::Widened { .. } => "widened",
            Self::Flags { .. } => "flags",
            Self::Buffers => "buffers",
        }
    }
}

/// A change that someone made, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub kind: ChangeKind,
    /// To which session.
    pub session: String,
    /// To which of its providers: GUID and name.
    pub provider: Option<(Guid, String)>,
    /// By which process, if Windows told.
    pub by: Option<u32>,
    /// Whether it was put right, and if not, why.
    pub repaired: Result<(), EtwError>,
    /// How many more of the kind there were since the last one that was told.
    pub further: u64,
}

/// What is otherwise than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: ChangeKind,
    /// The place of the provider among those that are expected.
    pub(super) provider: Option<usize>,
}

impl Finding {
    /// Something about the session itself.
    pub(super) fn of_session(kind: ChangeKind) -> Self {
        Self { kind, provider: None }
    }
}

/// What of the session itself is otherwise.
pub(super) fn compare_session(expected: &SessionState, found: &SessionState) -> Vec<Finding> {
    let mut findings = Vec::new();
    if expected.flags != found.flags {
        let (was, found) = (expected.flags, found.flags);
        findings.push(Finding::of_session(ChangeKind::Flags { was, found }));
    }
    let limits = |state: &SessionState| (state.buffers.maximum, state.buffers.flush);
    if limits(expected) != limits(found) {
        findings.push(Finding::of_session(ChangeKind::Buffers));
    }
    findings
}

/// What of a provider is otherwise in the session `logger_id`. Masks that were not known before are learnt.
pub(super) fn compare_provider(
    expected: &mut Expected,
    found: &ProviderState,
    logger_id: u16,
) -> Option<ChangeKind> {
    let found = found.enabled.iter().find(|enabled| enabled.logger_id == logger_id);
    let found = found.map(|enabled| enabled.masks);
    let Some(was) = expected.masks else {
        expected.masks = found;
        return None;
    };
    match found {
        None => Some(ChangeKind::Disabled),
        Some(found) if found.spelt_alike() == was.spelt_alike() => None,
        Some(found) if found.is_narrower_than(was) => Some(ChangeKind::Narrowed { was, found }),
        Some(found) => Some(ChangeKind::Widened { was, found }),
    }
}

/// What a finding is the same as: session, provider, kind.
type Key = (String, Option<Guid>, &'static str);

/// The last finding that was told, and how many were not since.
#[derive(Clone, Debug)]
struct Told {
    at: Duration,
    change: Change,
}

/// Says which changes are to be told.
#[derive(Debug, Default)]
pub(super) struct Teller {
    told: BTreeMap<Key, Told>,
}

impl Teller {
    /// The change, if it is to be told now.
    pub(super) fn tell(&mut self, now: Duration, change: Change) -> Option<Change> {
        let provider = change.provider.as_ref().map(|(provider, _)| *provider);
        let key = (change.session.clone(), provider, change.kind.word());
        let Some(told) = self.told.get_mut(&key) else {
            self.told.insert(key, Told { at: now, change: change.clone() });
            return Some(change);
        };
        let was_repaired = told.change.repaired.is_ok();
        if !was_repaired {
            if change.repaired.is_err() && change.kind == told.change.kind {
                return None; // the same finding still
            }
        } else if now.saturating_sub(told.at) < TELL_PERIOD {
            let further = told.change.further + 1;
            told.change = Change { further, ..change };
            return None;
        }
        let further = std::mem::take(&mut told.change.further);
        *told = Told { at: now, change: change.clone() };
        Some(Change { further, ..change })
    }

    /// Changes that were held back and may be told now.
    pub(super) fn held_back(&mut self, now: Duration) -> Vec<Change> {
        let due = self
            .told
            .values_mut()
            .filter(|told| told.change.further > 0 && now.saturating_sub(told.at) >= TELL_PERIOD);
        due.map(|told| {
            told.at = now;
            let further = std::mem::take(&mut told.change.further) - 1;
            Change { further, ..told.change.clone() }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etw::code;
    use crate::etw::error::Call;

    fn change(repaired: bool) -> Change {
        let error = EtwError::new(Call::Enable, code::ACCESS_DENIED, "x");
        Change {
            kind: ChangeKind::Disabled,
            session: "etwatch-a".to_owned(),
            provider: Some((Guid([1; 16]), "P".to_owned())),
            by: None,
            repaired: if repaired { Ok(()) } else { Err(error) },
            further: 0,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_change_that_is_made_again_and_again_is_counted_and_told_once_a_minute() {
        let mut teller = Teller::default();
        let mut told = Vec::new();
        for second in 0..150 {
            let now = SECOND * second;
            told.extend(teller.held_back(now).into_iter().map(|change| (second, change.further)));
            let change = teller.tell(now, change(true));
            told.extend(change.map(|change| (second, change.further)));
        }
        // Told, or counted in one that was told: seconds 0 to 119 make 120.
        assert_eq!(told, [(0, 0), (60, 58), (120, 59)]);
        let last = teller.held_back(SECOND * 180);
        assert_eq!(last.iter().map(|change| change.further).collect::<Vec<_>>(), [29]);
        assert_eq!(teller.held_back(SECOND * 400), []);
    }

    #[test]
    fn what_cannot_be_repaired_is_told_once_and_again_when_it_is() {
        let mut teller = Teller::default();
        assert!(teller.tell(SECOND, change(false)).is_some());
        for second in 2..500 {
            assert_eq!(teller.tell(SECOND * second, change(false)), None);
        }
        assert!(teller.tell(SECOND * 500, change(true)).is_some());
        assert_eq!(teller.held_back(SECOND * 900), []);
    }
}
