//! Any bytes as a recording of any kind.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: etwatch_fuzz::reading::let_decoder_panic(), |bytes: &[u8]| {
    etwatch_fuzz::read_recording::check(bytes);
});
