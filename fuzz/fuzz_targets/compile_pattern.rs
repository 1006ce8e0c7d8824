//! Any value of a rule against any value of an event.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::compile_pattern::check(bytes));
