//! What a thread allocates: how often, how many bytes it holds, and the most it has held at once.
//!
//! A test that takes this module in is allocated for by the system's allocator, whose calls are counted. What a
//! thread frees for another one counts for it alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[derive(Clone, Copy)]
struct Counts {
    /// Blocks that were taken, or made larger or smaller.
    allocations: usize,
    /// Bytes that are held.
    now: isize,
    /// The most since it was last asked for.
    most: isize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, now: 0, most: 0 }) };
}

fn count(allocations: usize, taken: usize, freed: usize) {
    COUNTS.with(|counts| {
        let mut all = counts.get();
        all.allocations += allocations;
        all.now = all.now.wrapping_add_unsigned(taken).wrapping_sub_unsigned(freed);
        all.most = all.most.max(all.now);
        counts.set(all);
    });
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches only
// thread-local numbers that need no allocation of their own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, 0, layout.size());
        // SAFETY: `pointer` came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size, layout.size());
        // SAFETY: `pointer` came from `alloc` above with this layout; the promises about `size` are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Does something; returns what came of it and how often this thread allocated.
///
/// # Panics
/// If nothing was ever counted: then a count of none says nothing.
pub(crate) fn allocations<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = COUNTS.with(Cell::get).allocations;
    assert!(before > 0, "the counter must count");
    let result = act();
    (result, COUNTS.with(Cell::get).allocations - before)
}

/// Does something; returns what came of it and how many bytes more than before this thread held at most.
#[allow(dead_code, reason = "not all tests ask for it")]
pub(crate) fn most_held<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = COUNTS.with(|counts| {
        let all = counts.get();
        counts.set(Counts { most: all.now, ..all });
        all.now
    });
    let result = act();
    (result, (COUNTS.with(Cell::get).most - before).unsigned_abs())
}

/// Bytes that this thread holds; of a thread that frees what others have taken it says nothing.
#[allow(dead_code, reason = "not all tests ask for it")]
pub(crate) fn held() -> usize {
    usize::try_from(COUNTS.with(Cell::get).now).unwrap_or(0)
}

#[test]
fn what_is_freed_before_the_end_counts() {
    let ((kept, most), count) = allocations(|| {
        most_held(|| {
            drop(Vec::<u8>::with_capacity(3_000));
            Vec::<u8>::with_capacity(1_000)
        })
    });
    assert_eq!((kept.capacity(), most, count), (1_000, 3_000, 2));
}
