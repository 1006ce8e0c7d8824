//! What each fuzz target checks, as a function of bytes.
//!
//! The fuzz targets call these functions with what libFuzzer makes up, the test `fuzz_inputs` of the
//! project with the inputs that are kept: a finding stays fixed without a nightly toolchain. Where a
//! check needs a yardstick, that is written here, as plainly as can be.
//!
//! | module | input | holds |
//! |---|---|---|
//! | [`load_rule`] | a rule file | it ends, documents add up, every message can be shown |
//! | [`parse_condition`] | a line of names, a condition | the same truth as an evaluator that splits text |
//! | [`compile_pattern`] | a line of modifiers, a line of a rule's value, an event's value | wildcards as a table of all prefixes says; required literals stand where they should |
//! | [`evaluate`] | choices | compiled rules match what the plain evaluator matches |
//! | [`parse_record`] | JSON records, a line each | read or refused, and a parser that remembers reads the same as a new one |
//! | [`read_json`] | a digit for the limits, a JSON recording | a file and a stream give the same, all counted once |
//! | [`read_event_xml`] | a digit for the limits, events in XML | a file and a stream give the same, all counted once |
//! | [`read_evtx`] | choices, then chunks without their zeros | it ends, all counted once |
//! | [`read_recording`] | a file of any kind | it ends, all counted once |
//! | [`read_etl`] | a log of ETW, or choices that make one | it ends, all counted once, whatever the size of slices |
//! | [`unpack_xpress`] | a packed stream, or what is packed | what the definition says, or an error |
//! | [`parse_schema`] | what describes events, in one of five forms | read or refused within bounds, written and read again the same |
//! | [`decode_payload`] | choices that make a schema, a payload | one record each, always the same; values that are known come back |
//! | [`read_pe`] | an image of a program, or choices that make one | it ends, twice the same; what was put in comes out |
//! | [`read_state`] | a file of state, or its content | it ends, what is read can be gone on with and is written the same |

pub mod choices;
pub mod compile_pattern;
pub mod decode_payload;
// Logs by their parts, as the tests of the reader write them.
#[path = "../../crates/capture/tests/etl/writer.rs"]
mod etl_log;
pub mod evaluate;
// Images by their parts, as the tests of the reader write them.
#[path = "../../crates/host/tests/support/image.rs"]
mod image;
pub mod like;
pub mod load_rule;
pub mod parse_condition;
pub mod parse_record;
pub mod parse_schema;
pub mod read_etl;
pub mod read_event_xml;
pub mod read_evtx;
pub mod read_json;
pub mod read_pe;
pub mod read_recording;
pub mod read_state;
pub mod reading;
// A run of hosts step by step, as the tests of their memory make it up.
#[path = "../../crates/state/tests/facts/scene.rs"]
mod scene;
#[path = "../../crates/state/tests/facts/steps.rs"]
mod steps;
pub mod unpack_xpress;
pub mod xpress;

/// A check, and the name of its fuzz target.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("load_rule", load_rule::check),
    ("parse_condition", parse_condition::check),
    ("compile_pattern", compile_pattern::check),
    ("evaluate", evaluate::check),
    ("parse_record", parse_record::check),
    ("read_json", read_json::check),
    ("read_event_xml", read_event_xml::check),
    ("read_evtx", read_evtx::check),
    ("read_recording", read_recording::check),
    ("read_etl", read_etl::check),
    ("unpack_xpress", unpack_xpress::check),
    ("parse_schema", parse_schema::check),
    ("decode_payload", decode_payload::check),
    ("read_pe", read_pe::check),
    ("read_state", read_state::check),
];
