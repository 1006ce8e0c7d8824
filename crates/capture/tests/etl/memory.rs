//! How much memory reading takes: the most bytes that this thread has held at once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Bytes held now, and the most since they were last asked for. What a thread frees for another one
    /// counts for it alone.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(taken: usize, freed: usize) {
    HELD.with(|held| {
        let (now, most) = held.get();
        let now = now + taken as isize - freed as isize;
        held.set((now, most.max(now)));
    });
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches only a
// thread-local pair of numbers that needs no allocation of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: `pointer` came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: `pointer` came from `alloc` above with this layout; the promises about `size` are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Does something; returns what came of it and how many bytes more than before this thread held at most.
pub(crate) fn most_held<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    let result = act();
    let (_, most) = HELD.with(Cell::get);
    (result, usize::try_from(most - before).unwrap())
}

#[test]
fn what_is_freed_before_the_end_counts() {
    let (kept, most) = most_held(|| {
        drop(Vec::<u8>::with_capacity(3_000));
        Vec::<u8>::with_capacity(1_000)
    });
    assert_eq!((kept.capacity(), most), (1_000, 3_000));
}
