//! Which facts rules name, and how they are told.
//!
//! Numbers are written as text: what was recorded can be told from what was filled in, and alerts keep their
//! ids.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use etwatch_event::batch::EventBuilder;
use etwatch_event::{Event, FieldId, FieldTable, LogSourceSetId, Timestamp, Value};

use super::kept::{FactTable, Known};
use super::table::{Fact, FactSet, Holder, TABLE};
use crate::processes::Process;

/// A fact that a rule names: its value, or since when it was counted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    fact: Fact,
    value: Option<FieldId>,
    since: Option<FieldId>,
}

/// The facts that some rule names.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Those of each holder behind one another, in the order of [`Holder::ALL`].
    wanted: Arc<[Wanted]>,
    /// How many are of each.
    counts: [usize; Holder::ALL.len()],
    /// Which fields they are, by number.
    fields: Arc<[bool]>,
    kept: FactSet,
    needed: Option<Arc<[bool]>>,
}

impl Facts {
    /// Those whose fields have a number in `fields`. They are told to events of the sets of log sources that
    /// are marked in `needed`, by number; without it, to all that have a process.
    #[must_use]
    pub fn named(fields: &FieldTable, needed: Option<Arc<[bool]>>) -> Self {
        let of = |holder: Holder| {
            let wanted = TABLE.iter().map(move |row| Wanted {
                fact: row.fact,
                value: fields.id(&row.field(holder)),
                since: fields.id(&row.since_field(holder)),
            });
            wanted.filter(|fact| fact.value.is_some() || fact.since.is_some())
        };
        let wanted: Arc<[_]> = Holder::ALL.into_iter().flat_map(of).collect();
        let counts = Holder::ALL.map(|holder| of(holder).count());
        let kept = wanted.iter().map(|fact| fact.fact).filter(|fact| fact.is_counted()).collect();
        let ids = || wanted.iter().flat_map(|fact| [fact.value, fact.since]).flatten();
        let end = ids().map(|field| field.index() + 1).max().unwrap_or(0);
        let mut is_one = vec![false; end];
        for place in ids().map(FieldId::index) {
            if let Some(place) = is_one.get_mut(place) {
                *place = true;
            }
        }
        Self { wanted, counts, fields: is_one.into(), kept, needed }
    }
    /// How many fields are told.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.iter().filter(|is_one| **is_one).count()
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
    fn of(&self, holder: Holder) -> &[Wanted] {
        let (mut first, mut len) = (0, 0);
        for (own, count) in Holder::ALL.into_iter().zip(self.counts) {
            if own == holder {
                len = count;
                break;
            }
            first += count;
        }
        self.wanted.get(first..first + len).unwrap_or_default()
    }
    /// Whether facts of one of these are told to events of a set of log sources.
    pub(crate) fn are_told(&self, holders: &[Holder], sources: LogSourceSetId) -> bool {
        let is_needed = |needed: &Arc<[bool]>| needed.get(sources.index()).copied().unwrap_or(true);
        self.needed.as_ref().is_none_or(is_needed)
            && holders.iter().any(|holder| !self.of(*holder).is_empty())
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
        let all = self.of(holder);
        if all.is_empty() {
            return;
        }
        // Nearly no event has recorded one, and then none has to be searched for.
        let is_one = |field: FieldId| self.fields.get(field.index()).copied().unwrap_or(false);
        let is_new = !event.has_beyond(is_one);
        let lacks = |field: &FieldId| match event.layout().slot(*field) {
            Some(slot) => !event.in_slot(slot).is_present(),
            None => is_new || !event.get(*field).is_present(),
        };
        let known = table.known(process);
        for wanted in all {
            let since = since(wanted.fact, &known);
            if !since.is_known() {
                continue;
            }
            if let Some(field) = wanted.value.filter(lacks) {
                let mut place = Place { field, is_new, filled: &mut *filled };
                tell_value(wanted.fact, &known, event.time(), &mut place);
            }
            if let Some(field) = wanted.since.filter(lacks) {
                let mut place = Place { field, is_new, filled: &mut *filled };
                place.set(Value::Text(Stamp::of(since).text()));
            }
        }
    }
}

/// A field that is filled.
struct Place<'f, 'b> {
    field: FieldId,
    /// Whether the event has nothing of it for sure.
    is_new: bool,
    filled: &'f mut EventBuilder<'b>,
}

impl Place<'_, '_> {
    #[inline]
    fn set(&mut self, value: Value<'_>) {
        let Self { field, is_new, filled } = self;
        if *is_new { filled.set_new(*field, value) } else { filled.set(*field, value) }
    }
    fn set_all<'v>(&mut self, values: impl Iterator<Item = Value<'v>>) {
        let Self { field, is_new, filled } = self;
        if *is_new { filled.set_all_new(*field, values) } else { filled.set_all(*field, values) }
    }
}

fn since(fact: Fact, known: &Known<'_>) -> Timestamp {
    match fact {
        Fact::Age => known.started.unwrap_or_default(),
        Fact::CreatorDiffers if known.process.creator_pid().is_some() => {
            known.started.unwrap_or_default()
        }
        Fact::CreatorDiffers => Timestamp::UNKNOWN,
        _ => known.since(fact),
    }
}

fn tell_value(fact: Fact, known: &Known<'_>, time: Timestamp, place: &mut Place<'_, '_>) {
    let Known { table, process, entry, started, .. } = *known;
    let mut digits = itoa::Buffer::new();
    match fact {
        Fact::Age => {
            let age = time.since(started.unwrap_or(time));
            place.set(Value::Text(digits.format(age.as_secs())));
        }
        Fact::CreatorDiffers if process.parent_pid().is_some() => {
            place.set(Value::Text(if process.is_spoofed() { "true" } else { "false" }));
        }
        Fact::CreatorDiffers => {}
        Fact::ImageNames => {
            let names = entry.map(|entry| entry.names.as_slice()).unwrap_or_default();
            place.set_all(names.iter().map(|name| Value::Text(table.names.get(*name))));
        }
        _ => {
            let count = entry.map_or(0, |entry| entry.count(fact));
            place.set(Value::Text(digits.format(count)));
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
