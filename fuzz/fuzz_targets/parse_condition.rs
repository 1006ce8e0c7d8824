//! Any text as a condition over any names.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::parse_condition::check(bytes));
