//! What an input may ask for.
//!
//! Recordings come from hosts that an attacker may have owned, so each dimension that could grow
//! without bound has a limit here; what meets one is skipped, counted under the limit's name, and
//! the rest of the input goes on where its form allows it.

/// Limits of reading; the defaults are far above what Windows writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one JSON record or line. (A Windows event has at most 64 KiB of payload.)
    pub record_bytes: usize,
    /// Levels of nesting in one JSON record.
    pub depth: usize,
    /// Values in one JSON record, those of lists and nested objects included.
    pub values: usize,
    /// Bytes of the path to a value (`outer.inner.name`); each value is stored with its path.
    pub path_bytes: usize,
    /// Bytes that one compressed input may unpack to.
    pub unpacked_bytes: u64,
    /// Unpacked bytes for each packed one, looked at from 64 MiB of output on.
    pub unpacked_ratio: u64,
    /// Bytes of buffers in one piece of an `.etl` file, besides those that it shares with earlier ones; the
    /// records and their order do not depend on it. Decoded they are about ten times as many, which should not
    /// be more than a processor has at hand.
    pub slice_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 16 << 20,
            depth: 64,
            values: 2_048,
            path_bytes: 512,
            unpacked_bytes: 256 << 30,
            unpacked_ratio: 1_000,
            slice_bytes: 128 << 10,
        }
    }
}
