//! Any bytes as what describes events.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::parse_schema::check(bytes));
