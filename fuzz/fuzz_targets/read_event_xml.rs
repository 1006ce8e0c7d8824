//! Any text as a file of events in XML.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| etwatch_fuzz::read_event_xml::check(bytes));
