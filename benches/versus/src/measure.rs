//! Time, memory and allocations of this process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, which counts.
pub struct Counting;

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the pointer came from `System`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Allocations so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// Seconds of processor time of all threads, in ticks of 10 ms or finer.
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
    // `schedstat` is of the calling thread, which is the one that loads.
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// Resident memory in KiB.
pub fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Runs each in turn, `passes` times; returns the best seconds of each. A run returns a count that must
/// be the same each time: a fast wrong answer is no answer.
pub fn best_in_turn<const N: usize>(
    passes: usize,
    mut runs: [&mut dyn FnMut() -> usize; N],
) -> [f64; N] {
    let mut best = [f64::MAX; N];
    let mut counts = [None; N];
    for _ in 0..=passes {
        for ((run, best), count) in runs.iter_mut().zip(&mut best).zip(&mut counts) {
            let start = Instant::now();
            let found = run();
            *best = best.min(start.elapsed().as_secs_f64());
            assert_eq!(*count.get_or_insert(found), found, "a pass found something else");
        }
    }
    best
}
