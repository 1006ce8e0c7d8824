//! What goes when there is no more room.
//!
//! First the dead that ended first; then, if images or texts are too many, images of the processes seen
//! longest ago, a quarter of all at once, so that it is seldom done; then live rows, those seen longest ago
//! first; last the kernel's images. The row that was just written stays.

use super::ProcessTable;
use super::index::{Pid, Sequence};
use super::slab::NONE;

impl ProcessTable {
    /// Brings the table below its limits; the row `keep` stays.
    pub(super) fn make_room(&mut self, keep: u32) {
        while self.dead.len > self.limits.dead && self.evict_dead(keep) {}
        while self.live.len > self.limits.live && self.evict_live(keep) {}
        if self.counts.modules > self.limits.modules {
            self.forget_modules(self.limits.modules / 4 * 3, keep);
        }
        while self.module_bytes() > self.limits.module_bytes
            && (self.forget_modules(self.counts.modules / 4 * 3, keep) || self.forget_kernel())
        {
        }
        while self.texts.bytes() > self.limits.texts || self.texts.len() > self.limits.text_count {
            let made = self.evict_dead(keep)
                || self.forget_modules(self.counts.modules / 4 * 3, keep)
                || self.evict_live(keep)
                || self.forget_kernel();
            if !made {
                break;
            }
        }
    }

    fn evict_dead(&mut self, keep: u32) -> bool {
        let first = self.dead.first;
        let oldest = if first == keep { self.after(first) } else { first };
        self.evict(oldest)
    }
    fn evict_live(&mut self, keep: u32) -> bool {
        let first = self.live.first;
        let oldest = if first == keep { self.after(first) } else { first };
        self.evict(oldest)
    }
    fn after(&self, index: u32) -> u32 {
        self.rows.get(index).map_or(NONE, |row| row.after)
    }
    /// Forgets images until `most` are left; whether any were.
    fn forget_modules(&mut self, most: usize, keep: u32) -> bool {
        let mut forgotten = 0;
        let mut index = self.live.first;
        while self.counts.modules > most
            && let Some(row) = self.rows.get_mut(index)
        {
            let after = row.after;
            if index != keep && row.modules.len() > 0 {
                row.modules_are_incomplete = true;
                let count = self.change_modules(index, |row, texts| row.modules.clear(texts));
                forgotten += count.unwrap_or(0);
            }
            index = after;
        }
        self.counts.evicted_modules += u64::try_from(forgotten).unwrap_or(u64::MAX);
        forgotten > 0
    }

    /// Forgets the images of the kernel; whether there were any.
    pub(super) fn forget_kernel(&mut self) -> bool {
        let forgotten = self.kernel.clear(&mut self.texts);
        self.counts.evicted_modules += u64::try_from(forgotten).unwrap_or(u64::MAX);
        forgotten > 0
    }

    /// Removes a row from everywhere and counts it; whether there was one.
    pub(super) fn evict(&mut self, index: u32) -> bool {
        let Some(row) = self.rows.get(index) else { return false };
        let (guid, sequence, is_live) = (row.guid, row.sequence, row.is_live);
        self.unchain(index);
        self.by_guid.remove(guid, index);
        if let Some(number) = sequence {
            self.by_sequence.remove(Sequence(number.get()), index);
        }
        if is_live {
            self.live.remove(index, &mut self.rows);
            self.counts.evicted_live += 1;
        } else {
            self.dead.remove(index, &mut self.rows);
            self.counts.evicted_dead += 1;
        }
        self.change_modules(index, |row, texts| row.modules.clear(texts));
        let Some(row) = self.rows.remove(index) else { return false };
        self.facts.forget(index, is_live);
        row.facts.texts().for_each(|text| self.texts.release(text));
        true
    }
    /// Takes a row out of those of its pid.
    fn unchain(&mut self, index: u32) {
        let Some(row) = self.rows.get(index) else { return };
        let (pid, newer, older) = (row.pid, row.newer, row.older);
        if let Some(row) = self.rows.get_mut(older) {
            row.newer = newer;
        }
        match self.rows.get_mut(newer) {
            Some(row) => row.older = older,
            None if older == NONE => self.by_pid.remove(Pid(pid), index),
            None => self.by_pid.set(Pid(pid), older, &self.rows),
        }
    }
}
