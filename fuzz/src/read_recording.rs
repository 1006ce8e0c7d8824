//! Any bytes as a recording, packed or not: reading ends and every record is counted once.

use etwatch_capture::Limits;

use super::reading::read_file;

/// Reads the bytes as a file that says nothing by its name.
pub fn check(bytes: &[u8]) {
    read_file(bytes, "", Limits { unpacked_bytes: 1 << 20, ..Limits::default() });
}
