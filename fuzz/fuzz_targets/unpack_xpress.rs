//! Any bytes as a packed stream, or as what is packed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::unpack_xpress::check(bytes));
