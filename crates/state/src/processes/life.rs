//! How rows begin, are completed, and end.

use std::num::{NonZeroU32, NonZeroU64};

use etwatch_event::{Guid, Timestamp};

use super::images::same_file;
use super::index::{Pid, Sequence};
use super::part::{ProcessEnd, ProcessPart, is_process};
use super::row::{Fact, ProcessId, Row, Source};
use super::slab::NONE;
use super::texts::{cut, said};
use super::time::{TOLERANCE, later, same};
use super::{MOST_OF_PID, ProcessTable};

/// How long a process that acts is left at its place among the live rows: a second, in 100 ns units.
const RESTING: u64 = TOLERANCE * 20;

/// What a start did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The process.
    pub id: ProcessId,
    /// Whether another event had told this start before.
    pub joined: bool,
}

impl ProcessTable {
    /// Takes what the start or rundown of a process says, recorded at `time`.
    pub fn start(&mut self, part: &ProcessPart<'_>, time: Timestamp) -> Started {
        let start = part.started(time);
        let found = self.row_of_start(part, start);
        self.counts.joined += u64::from(found.is_some());
        let index = found.unwrap_or_else(|| self.begin(part.pid, start, time));
        let joined = self.tell_start(index, part, start, time);
        self.tell(index, part);
        self.link(index, part, time);
        self.make_room(index);
        Started { id: self.id(index), joined }
    }

    /// Takes what an event says in passing of a process that [`ProcessTable::seen`] found.
    pub fn learn(&mut self, id: ProcessId, part: &ProcessPart<'_>) {
        if self.get(id).is_some_and(|process| process.pid() == part.pid) {
            self.tell(id.index, part);
            self.make_room(id.index);
        }
    }

    /// The process that has this pid at this time, for one that acts: if no start was seen, it gets a row.
    /// `None` for pids that are none, and if a later process with this pid is known alone.
    pub fn seen(&mut self, pid: u32, time: Timestamp) -> Option<ProcessId> {
        let index = self.sight(pid, time)?;
        self.make_room(index);
        Some(self.id(index))
    }

    /// Takes the end of a process, recorded at `time`; `None` if there is no row that it could be of.
    pub fn end(&mut self, end: &ProcessEnd, time: Timestamp) -> Option<ProcessId> {
        let index = self.row_of_end(end, time)?;
        let row = self.rows.get_mut(index)?;
        row.ended_by |= end.source.bit();
        row.exit_code = row.exit_code.or(end.exit_code);
        self.bury(index, time);
        self.make_room(index);
        Some(self.id(index))
    }

    /// Windows was started at `time`: whoever was there before has ended by then. Takes time with those that end.
    pub fn boot(&mut self, time: Timestamp) {
        self.booted = self.booted.max(time);
        // Those that were seen since keep their place; no pid finds them any more.
        while let Some(row) = self.rows.get(self.live.first)
            && row.since() < time
            && row.last_seen < time
        {
            self.bury(self.live.first, time);
            self.make_room(NONE);
        }
    }

    /// The row that a start completes.
    fn row_of_start(&self, part: &ProcessPart<'_>, start: Timestamp) -> Option<u32> {
        let is_it =
            |index: &u32| self.rows.get(*index).is_some_and(|row| self.is_same(row, part, start));
        let of_pid = self.rows_of(part.pid).map(|(index, _)| index);
        self.named(part.sequence, part.guid).chain(of_pid).find(is_it)
    }
    pub(super) fn named(
        &self,
        sequence: Option<u64>,
        guid: Option<Guid>,
    ) -> impl Iterator<Item = u32> + use<> {
        let by_sequence = sequence.and_then(|n| self.by_sequence.find(Sequence(n), &self.rows));
        let by_guid = guid.and_then(|guid| self.by_guid.find(guid, &self.rows));
        by_sequence.into_iter().chain(by_guid)
    }
    fn is_same(&self, row: &Row, part: &ProcessPart<'_>, start: Timestamp) -> bool {
        let near = match (row.start.is_known(), start.is_known()) {
            (true, true) => same(row.start, start),
            (_, false) => row.is_live,
            // It must have started before it was first seen.
            (false, true) => later(row.first_seen, start).is_some(),
        };
        match named_alike(row, part.pid, part.sequence, part.guid) {
            // Sequence numbers begin anew with each boot.
            Some(alike) => alike && (near || part.guid.is_some()),
            None => near && !self.is_told_again(row, part),
        }
    }
    /// A source tells each start once: what it tells again of a process that ended since, or with another
    /// image, is the next one with this pid.
    fn is_told_again(&self, row: &Row, part: &ProcessPart<'_>) -> bool {
        let known = row.facts.get(Fact::Image).or_else(|| row.facts.get(Fact::Name));
        let other_image = known
            .zip(part.image.or(part.name))
            .is_some_and(|(own, other)| !same_file(self.texts.get(own), other));
        part.source.tells_starts()
            && row.started_by & part.source.bit() != 0
            && (!row.is_live || other_image)
    }

    /// Makes a row. Whoever lives under this pid has ended by now, unless it started later than this one: then
    /// this one has.
    fn begin(&mut self, pid: u32, start: Timestamp, time: Timestamp) -> u32 {
        let first_seen = if start.is_known() { start } else { time };
        let newest = self.by_pid.find(Pid(pid), &self.rows);
        let living = newest.and_then(|index| self.rows.get(index)).filter(|row| row.is_live);
        let successor = living.map(Row::since).filter(|since| later(first_seen, *since).is_none());
        if let (Some(living), None) = (living.and(newest), successor) {
            self.counts.reused_pids += 1;
            self.bury(living, first_seen);
        }
        self.counts.starts_unknown += u64::from(!start.is_known());
        let guid = made_guid(&self.host, first_seen, pid);
        let index = self.rows.insert(Row::new(pid, guid, start, first_seen));
        self.by_guid.set(guid, index, &self.rows);
        self.chain(index, pid, newest, successor.is_some());
        self.live.push(index, &mut self.rows);
        if let Some(end) = successor {
            self.bury(index, end);
        }
        index
    }
    /// Puts a new row among those of its pid: first, or behind the one that lives.
    fn chain(&mut self, index: u32, pid: u32, newest: Option<u32>, is_behind: bool) {
        let newest = newest.unwrap_or(NONE);
        let next = self.rows.get(newest).map_or(NONE, |row| row.older);
        let (newer, older) = if is_behind { (newest, next) } else { (NONE, newest) };
        if let Some(row) = self.rows.get_mut(index) {
            (row.newer, row.older) = (newer, older);
        }
        if let Some(row) = self.rows.get_mut(newer) {
            row.older = index;
        }
        if let Some(row) = self.rows.get_mut(older) {
            row.newer = index;
        }
        if !is_behind {
            self.by_pid.set(Pid(pid), index, &self.rows);
        }
        let surplus = self.rows_of(pid).nth(MOST_OF_PID + 1).map(|(index, _)| index);
        if let Some(oldest) = surplus {
            self.evict(oldest);
        }
    }
    /// Takes a process to the graveyard, without its images.
    fn bury(&mut self, index: u32, end: Timestamp) {
        let Some(row) = self.rows.get_mut(index).filter(|row| row.is_live) else { return };
        row.is_live = false;
        row.end = end.max(row.since());
        self.change_modules(index, |row, texts| row.modules.clear(texts));
        self.live.remove(index, &mut self.rows);
        self.dead.push(index, &mut self.rows);
    }
    /// See [`ProcessTable::seen`].
    pub(super) fn sight(&mut self, pid: u32, time: Timestamp) -> Option<u32> {
        if !is_process(pid) {
            return None;
        }
        let Some(index) = self.index_at(pid, time) else {
            let newest = self.rows_of(pid).next();
            let is_later = newest.is_some_and(|(_, row)| later(time, row.since()).is_none());
            return (!is_later).then(|| self.begin(pid, Timestamp::UNKNOWN, time));
        };
        let row = self.rows.get_mut(index)?;
        row.was_there(time);
        let unseen_for = time.filetime().saturating_sub(row.last_seen.filetime());
        if unseen_for > RESTING && row.is_live {
            row.last_seen = time;
            self.live.remove(index, &mut self.rows);
            self.live.push(index, &mut self.rows);
        }
        Some(index)
    }

    /// Takes what a start says of itself and of no text; whether another event had told this start.
    fn tell_start(
        &mut self,
        index: u32,
        part: &ProcessPart<'_>,
        start: Timestamp,
        time: Timestamp,
    ) -> bool {
        let Some(row) = self.rows.get_mut(index) else { return false };
        let joined = row.started_by != 0;
        if part.source.tells_starts() {
            row.started_by |= part.source.bit();
        }
        let is_exact = part.created.is_some();
        if start.is_known() && (!row.start.is_known() || is_exact && !row.start_is_exact) {
            (row.start, row.start_is_exact) = (start, is_exact);
        }
        row.was_there(if start.is_known() { start } else { time });
        row.last_seen = row.last_seen.max(time);
        row.creator_pid = row.creator_pid.or(part.creator_pid.and_then(NonZeroU32::new));
        row.logon_id.tell(part.logon_id.and_then(NonZeroU64::new), part.source);
        row.logon_guid.tell(part.logon_guid, part.source);
        row.session.tell(part.session, part.source);
        if let (None, Some(number)) = (row.sequence, part.sequence.and_then(NonZeroU64::new)) {
            row.sequence = Some(number);
            self.by_sequence.set(Sequence(number.get()), index, &self.rows);
        }
        joined
    }
    /// Takes the recorded name and the texts.
    pub(super) fn tell(&mut self, index: u32, part: &ProcessPart<'_>) {
        if let Some(guid) = part.guid {
            self.tell_guid(index, guid);
        }
        let (image, name) = part.image_and_name();
        let facts = [
            (Fact::Image, image),
            (Fact::Name, name),
            (Fact::CommandLine, part.command_line),
            (Fact::User, part.user),
            (Fact::Integrity, part.integrity),
            (Fact::CurrentDirectory, part.current_directory),
            (Fact::OriginalFileName, part.original_file_name),
            (Fact::ParentImage, part.parent_image),
            (Fact::ParentCommandLine, part.parent_command_line),
            (Fact::ParentUser, part.parent_user),
        ];
        for (fact, text) in facts {
            self.tell_text(index, fact, part.source, text);
        }
    }
    fn tell_guid(&mut self, index: u32, guid: Guid) {
        let Some(row) = self.rows.get_mut(index).filter(|row| !row.guid_is_recorded) else {
            return;
        };
        row.guid_is_recorded = true;
        let made = std::mem::replace(&mut row.guid, guid);
        self.by_guid.remove(made, index);
        self.by_guid.set(guid, index, &self.rows);
    }
    pub(super) fn tell_text(&mut self, index: u32, fact: Fact, by: Source, text: Option<&str>) {
        let Some(text) = text.and_then(said) else { return };
        let by = if is_inner_spelling(fact, text) { by.min(Source::Sighting) } else { by };
        let Some(row) = self.rows.get_mut(index).filter(|row| row.facts.gives_way(fact, by)) else {
            return;
        };
        let (text, is_cut) = cut(text, self.limits.text);
        self.counts.cut_texts += u64::from(is_cut);
        if fact == Fact::CommandLine {
            row.command_line_is_cut = is_cut;
        }
        let id = self.texts.keep(text);
        if let Some(before) = row.facts.set(fact, by, id) {
            self.texts.release(before);
        }
    }

    /// The row whose end this is. Several sources tell an end, the later ones perhaps when the pid is in use
    /// again: the end that a source has not told yet of a process that just ended is preferred to that of one
    /// that just started.
    fn row_of_end(&self, end: &ProcessEnd, time: Timestamp) -> Option<u32> {
        let is_it = |row: &Row| match end.created {
            Some(created) if row.start.is_known() => same(row.start, created),
            _ => later(time, row.since()).is_some(),
        };
        let alike = |row: &Row| named_alike(row, end.pid, end.sequence, end.guid);
        let is_named =
            |index: &u32| self.rows.get(*index).is_some_and(|row| alike(row) == Some(true));
        if let Some(index) = self.named(end.sequence, end.guid).find(is_named) {
            return Some(index);
        }
        let mut living = None;
        let mut just_ended = None;
        for (index, row) in
            self.rows_of(end.pid).filter(|(_, row)| alike(row) != Some(false) && is_it(row))
        {
            if row.is_live {
                living = Some((index, row.since()));
            } else if row.ended_by & end.source.bit() == 0 && same(row.end, time) {
                just_ended = just_ended.or(Some(index));
            }
        }
        match living {
            Some((_, since)) if just_ended.is_some() && same(since, time) => just_ended,
            Some((index, _)) => Some(index),
            None => just_ended,
        }
    }
}

/// Whether row and event have the same name; `None` if they have none in common.
pub(super) fn named_alike(
    row: &Row,
    pid: u32,
    sequence: Option<u64>,
    guid: Option<Guid>,
) -> Option<bool> {
    if row.pid != pid {
        return Some(false);
    }
    let recorded = row.guid_is_recorded.then_some(row.guid);
    if let Some((own, other)) = recorded.zip(guid) {
        return Some(own == other);
    }
    row.sequence.zip(sequence).map(|(own, other)| own.get() == other)
}

/// Windows' inner spelling, which gives way to the one that people use: a SID to a name, a path of the
/// kernel to one with a drive.
fn is_inner_spelling(fact: Fact, text: &str) -> bool {
    match fact {
        Fact::User | Fact::ParentUser => text.starts_with("S-1-"),
        Fact::Image | Fact::ParentImage => text.starts_with('\\') && !text.starts_with("\\\\"),
        _ => false,
    }
}

/// See [`super::Process::guid`]. FNV-1a: offset basis 0x811c9dc5, prime 0x01000193.
fn made_guid(host: &str, time: Timestamp, pid: u32) -> Guid {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let host = host.bytes().fold(0x811c_9dc5, step);
    let bytes = u128::from(host) | u128::from(time.filetime()) << 32 | u128::from(pid) << 96;
    Guid(bytes.to_le_bytes())
}
