//! Whose child a process is.
//!
//! Two answers are kept apart: the *creator* is the process that asked for the new one, the *parent* the one
//! that it named as such. A row is sought for both as of the moment of the start, and made if there is none:
//! what the child's event says of the parent is then kept with the parent itself, where its other children
//! and its own events find it. What the event does not say the child takes over from the parent's row as it
//! is, so that the names stay known when that row is gone.

use std::num::NonZeroU32;

use etwatch_event::Timestamp;

use super::ProcessTable;
use super::life::named_alike;
use super::part::ProcessPart;
use super::row::{Fact, Source};

/// What a child tells of its parent, and takes over from it.
const OF_PARENT: [(Fact, Fact); 3] = [
    (Fact::ParentImage, Fact::Image),
    (Fact::ParentCommandLine, Fact::CommandLine),
    (Fact::ParentUser, Fact::User),
];

impl ProcessTable {
    /// Ties a process to its creator and to the parent that this one named.
    pub(super) fn link(&mut self, child: u32, part: &ProcessPart<'_>, time: Timestamp) {
        let Some(row) = self.rows.get_mut(child) else { return };
        let when = if row.start.is_known() { row.start } else { time };
        let before = row.parent_pid.value;
        row.parent_pid.tell(part.parent_pid.and_then(NonZeroU32::new), part.source);
        let wants_parent = row.parent.is_none() || row.parent_pid.value != before;
        let wants_creator = row.creator.is_none();
        if let Some(pid) = part.creator_pid.filter(|_| wants_creator) {
            let creator = self.sight(pid, when).filter(|index| *index != child);
            let creator = creator.map(|index| self.id(index));
            if let Some(row) = self.rows.get_mut(child) {
                row.creator = creator;
            }
        }
        if !wants_parent {
            return;
        }
        let parent = self.row_of_parent(part, when).filter(|index| *index != child);
        let id = parent.map(|index| self.id(index));
        if let Some(row) = self.rows.get_mut(child) {
            row.parent = id;
        }
        if let Some(parent) = parent {
            self.tell_of_parent(child, parent, part);
        }
    }
    fn row_of_parent(&mut self, part: &ProcessPart<'_>, when: Timestamp) -> Option<u32> {
        let has_pid = |index: &u32| {
            let row = self.rows.get(*index);
            row.is_some_and(|row| part.parent_pid.is_none_or(|pid| pid == row.pid))
        };
        if let Some(index) = self.named(part.parent_sequence, part.parent_guid).find(has_pid) {
            return Some(index);
        }
        let index = self.sight(part.parent_pid?, when)?;
        let row = self.rows.get(index)?;
        let is_other = named_alike(row, row.pid, part.parent_sequence, part.parent_guid);
        (is_other != Some(false)).then_some(index)
    }
    /// The parent learns what the child's event says of it; the child takes over the rest.
    fn tell_of_parent(&mut self, child: u32, parent: u32, part: &ProcessPart<'_>) {
        let said = ProcessPart {
            source: Source::Sighting,
            guid: part.parent_guid,
            image: part.parent_image,
            command_line: part.parent_command_line,
            user: part.parent_user,
            ..ProcessPart::default()
        };
        self.tell(parent, &said);
        for (own, of_parent) in OF_PARENT {
            let text = self.rows.get(parent).and_then(|row| row.facts.get(of_parent));
            let row = self.rows.get_mut(child).filter(|row| row.facts.get(own).is_none());
            if let (Some(text), Some(row)) = (text, row) {
                self.texts.share(text);
                row.facts.set(own, Source::Inherited, text);
            }
        }
    }
}
