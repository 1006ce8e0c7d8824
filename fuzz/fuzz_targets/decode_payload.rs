//! Payloads by schemas, both chosen by the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::decode_payload::check(bytes));
