//! Images that are mapped into processes, and what they tell of them.
//!
//! The first image of a process is its own: it completes a process of which only the kernel's short name is
//! known, or nothing. Images of the kernel are told for process 0 or 4 and are seen from all processes.

use etwatch_event::Timestamp;

use super::ProcessTable;
use super::row::{Fact, Source};
use super::slab::NONE;
use super::texts::{cut, said};

/// Where the kernel begins, with 32 bits and with 64.
const KERNEL_32: u64 = 1 << 31;
const KERNEL_64: u64 = 1 << 63;

/// Bytes of an image's path that are kept; the loader takes 260 letters, so none is as long.
const PATH_BYTES: usize = 1_024;

impl ProcessTable {
    /// An image was mapped: `size` bytes from `base` on, from the file `path`.
    pub fn load_image(&mut self, pid: u32, base: u64, size: u64, path: &str, time: Timestamp) {
        let Some(path) = said(path) else { return };
        let (path, is_cut) = cut(path, self.limits.text.min(PATH_BYTES));
        self.counts.cut_texts += u64::from(is_cut);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        if is_kernel(pid, base) {
            self.load_into_kernel(base, size, path);
            self.make_room(NONE);
        } else if let Some(index) = self.sight(pid, time) {
            self.complete(index, path);
            self.load_into(index, base, size, path);
            self.make_room(index);
        }
    }
    /// An image was unmapped.
    pub fn unload_image(&mut self, pid: u32, base: u64, time: Timestamp) {
        if is_kernel(pid, base) {
            self.kernel.unmap(base, &mut self.texts);
            return;
        }
        let Some(index) = self.index_at(pid, time) else { return };
        self.change_modules(index, |row, texts| row.modules.unmap(base, texts));
    }

    fn load_into_kernel(&mut self, base: u64, size: u32, path: &str) {
        if size == 0 {
            return;
        }
        if self.kernel.len() >= self.limits.modules_of_process {
            self.forget_kernel();
        }
        let path = self.texts.keep(path);
        self.kernel.map(base, size, path, &mut self.texts);
    }
    fn load_into(&mut self, index: u32, base: u64, size: u32, path: &str) {
        if size == 0 || self.rows.get(index).is_none_or(|row| !row.is_live) {
            return;
        }
        let most = self.limits.modules_of_process;
        let forgotten = self.change_modules(index, |row, texts| {
            let is_full = row.modules.len() >= most;
            let forgotten = if is_full { row.modules.clear(texts) } else { 0 };
            row.modules_are_incomplete |= is_full;
            let path = texts.keep(path);
            row.modules.map(base, size, path, texts);
            forgotten
        });
        self.counts.evicted_modules += u64::try_from(forgotten.unwrap_or(0)).unwrap_or(u64::MAX);
    }
    /// The process's own image, if this is it.
    fn complete(&mut self, index: u32, path: &str) {
        let Some(row) = self.rows.get(index) else { return };
        let is_own = match row.facts.get(Fact::Name) {
            _ if row.facts.get(Fact::Image).is_some() => false,
            Some(name) => same_file(self.texts.get(name), path),
            None => {
                let file = file_of(path).as_bytes();
                file.last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b".exe"))
            }
        };
        if is_own {
            self.tell_text(index, Fact::Image, Source::Module, Some(path));
        }
    }
}

fn is_kernel(pid: u32, base: u64) -> bool {
    let is_low = base >= KERNEL_32 && base >> 32 == 0;
    base >= KERNEL_64 || (is_low && matches!(pid, 0 | 4))
}

/// The last part of a path.
fn file_of(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or_default()
}

/// Letters of a file's name that the kernel keeps of a process; some of its events have one less.
const SHORT_NAME: usize = 14;

/// Whether two paths or short names may be of one file: the names are equal but for case, or one is the
/// beginning of the other and as long as the kernel's.
pub(super) fn same_file(one: &str, other: &str) -> bool {
    let (one, other) = (file_of(one).as_bytes(), file_of(other).as_bytes());
    let common = one.len().min(other.len());
    let is_whole = one.len() == other.len() || common >= SHORT_NAME;
    let head = one.iter().zip(other);
    is_whole && head.into_iter().all(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_that_of_the_file_it_begins() {
        let path = "C:\\Windows\\System32\\BackgroundTaskHost.exe";
        for (name, is_it) in [
            ("backgroundTaskH", true),
            ("backgroundTaskX", false),
            ("back", false),
            ("BACKGROUNDTASKHOST.EXE", true),
            ("", false),
        ] {
            assert_eq!(same_file(name, path), is_it, "{name}");
        }
    }
}
