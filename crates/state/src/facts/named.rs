//! Which facts rules name, and how they are told.
//!
//! Numbers are written as text: what was recorded can be told from what was filled in, and alerts keep their
//! ids.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use etwatch_event::batch::EventBuilder;
use etwatch_event::{Event, FieldId, FieldTable, LogSourceSetId, Timestamp, Value};

use super::kept::FactTable;
use super::table::{Fact, FactSet, Holder, TABLE};
use crate::processes::Process;

/// A fact that a rule names: its value, or since when it was counted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    holder: Holder,
    fact: Fact,
    value: Option<FieldId>,
    since: Option<FieldId>,
}

/// The facts that some rule names.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    wanted: Arc<[Wanted]>,
    kept: FactSet,
    needed: Option<Arc<[bool]>>,
}

impl Facts {
    /// Those whose fields have a number in `fields`. They are told to events of the sets of log sources that
    /// are marked in `needed`, by number; without it, to all that have a process.
    #[must_use]
    pub fn named(fields: &FieldTable, needed: Option<Arc<[bool]>>) -> Self {
        let of = |holder: Holder| {
            TABLE.iter().map(move |row| Wanted {
                holder,
                fact: row.fact,
                value: fields.id(&row.field(holder)),
                since: fields.id(&row.since_field(holder)),
            })
        };
        let all = Holder::ALL.into_iter().flat_map(of);
        let wanted: Arc<[_]> =
            all.filter(|fact| fact.value.is_some() || fact.since.is_some()).collect();
        let kept = wanted.iter().map(|fact| fact.fact).filter(|fact| fact.is_counted()).collect();
        Self { wanted, kept, needed }
    }
    /// How many fields are told.
    #[must_use]
    pub fn len(&self) -> usize {
        let fields = self.wanted.iter().flat_map(|fact| [fact.value, fact.since]);
        fields.flatten().count()
    }
    /// Whether no rule names any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }
    /// Those for which something has to be remembered.
    pub(crate) fn kept(&self) -> FactSet {
        self.kept
    }
    /// Whether facts of one of these are told to events of a set of log sources.
    pub(crate) fn are_told(&self, holders: &[Holder], sources: LogSourceSetId) -> bool {
        let is_needed = |needed: &Arc<[bool]>| needed.get(sources.index()).copied().unwrap_or(true);
        self.needed.as_ref().is_none_or(is_needed)
            && self.wanted.iter().any(|fact| holders.contains(&fact.holder))
    }

    /// Fills the facts of a process as they stand, but for fields that were recorded.
    pub(crate) fn tell(
        &self,
        holder: Holder,
        process: Process<'_>,
        table: &FactTable,
        event: &Event<'_>,
        filled: &mut EventBuilder<'_>,
    ) {
        let lacks = |field: &FieldId| !event.get(*field).is_present();
        for wanted in self.wanted.iter().filter(|wanted| wanted.holder == holder) {
            let fact = wanted.fact;
            let since = match fact {
                Fact::Age => process.started().unwrap_or_default(),
                Fact::CreatorDiffers if process.creator_pid().is_some() => {
                    process.started().unwrap_or_default()
                }
                Fact::CreatorDiffers => Timestamp::UNKNOWN,
                _ => table.since(fact, process),
            };
            if !since.is_known() {
                continue;
            }
            if let Some(field) = wanted.value.filter(lacks) {
                tell_value(fact, field, process, table, event.time(), filled);
            }
            if let Some(field) = wanted.since.filter(lacks) {
                filled.set(field, Value::Text(Stamp::of(since).text()));
            }
        }
    }
}

fn tell_value(
    fact: Fact,
    field: FieldId,
    process: Process<'_>,
    table: &FactTable,
    time: Timestamp,
    filled: &mut EventBuilder<'_>,
) {
    let entry = table.of(process.id());
    let mut digits = itoa::Buffer::new();
    match fact {
        Fact::Age => {
            let age = time.since(process.started().unwrap_or(time));
            filled.set(field, Value::Text(digits.format(age.as_secs())));
        }
        Fact::CreatorDiffers if process.parent_pid().is_some() => {
            let word = if process.is_spoofed() { "true" } else { "false" };
            filled.set(field, Value::Text(word));
        }
        Fact::CreatorDiffers => {}
        Fact::ImageNames => {
            let names = entry.map(|entry| entry.names.as_slice()).unwrap_or_default();
            filled.set_all(field, names.iter().map(|name| Value::Text(table.names.get(*name))));
        }
        _ => {
            let count = entry.map_or(0, |entry| entry.count(fact));
            filled.set(field, Value::Text(digits.format(count)));
        }
    }
}

/// The text of a time, made without an allocation.
struct Stamp {
    bytes: [u8; 32],
    len: usize,
}

impl Stamp {
    fn of(time: Timestamp) -> Self {
        let mut new = Self { bytes: [0; 32], len: 0 };
        // A time has 28 letters: there is room.
        let _ = write!(new, "{time}");
        new
    }
    fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Write for Stamp {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_kept_if_its_field_or_that_of_its_time_has_a_number() {
        let mut fields = FieldTable::default();
        assert!(Facts::named(&fields, None).is_empty());
        fields.intern("TargetProcessAge");
        fields.intern("ProcessChildrenSince");
        let facts = Facts::named(&fields, Some([true, false].into()));
        assert_eq!((facts.len(), facts.is_empty()), (2, false));
        assert_eq!(facts.kept().iter().collect::<Vec<_>>(), [Fact::Children]);
        let set = |index| LogSourceSetId::from_index(index).unwrap();
        let told = |holder, index| facts.are_told(&[holder], set(index));
        assert!(told(Holder::Target, 0) && told(Holder::Actor, 0) && !told(Holder::Parent, 0));
        assert!(!told(Holder::Target, 1) && told(Holder::Target, 2));
    }

    #[test]
    fn a_time_fits() {
        for time in [Timestamp::UNIX_EPOCH, Timestamp::from_filetime(u64::MAX)] {
            assert_eq!(Stamp::of(time).text(), time.to_string());
        }
    }
}
