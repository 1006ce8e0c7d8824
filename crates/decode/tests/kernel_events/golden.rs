//! Output compared with a file that was read and found right.

use std::path::Path;

/// Compares `actual` with the golden file, or writes it if `ETWATCH_BLESS` is set.
pub(crate) fn check(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel_events").join(file);
    if std::env::var_os("ETWATCH_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let (lines, now) = (expected.lines().count(), actual.lines().count());
    let difference = expected.lines().zip(actual.lines()).enumerate().find(|(_, (a, b))| a != b);
    assert!(
        expected == actual,
        "{file} has {lines} lines, what came out {now}; first difference {difference:#?}\n\
         read what changed and why, then ETWATCH_BLESS=1 cargo test writes it anew"
    );
}
