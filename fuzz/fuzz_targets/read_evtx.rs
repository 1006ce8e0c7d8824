//! Any bytes as the chunks of an event log.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: etwatch_fuzz::reading::let_decoder_panic(), |bytes: &[u8]| {
    etwatch_fuzz::read_evtx::check(bytes);
});
