//! Rules and events that the bytes choose, compiled and plainly.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::evaluate::check(bytes));
