//! Any bytes as a log of ETW, or a log that they choose.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::read_etl::check(bytes));
