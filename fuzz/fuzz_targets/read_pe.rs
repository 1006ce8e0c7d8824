//! Any bytes as an image of a program, or an image that they choose.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::read_pe::check(bytes));
