//! The place of the project, and of the real recordings beside it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The top folder of the project; tests run with it as their working folder, so that the names in
/// alerts are those a user sees.
pub(crate) fn root() -> &'static Path {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    std::env::set_current_dir(root).unwrap();
    root
}

/// Where real recordings and rules lie that are not part of the project; `None` if they are not there,
/// which is a failure in CI.
pub(crate) fn corpus() -> Option<PathBuf> {
    let beside = root().join("../shared/corpus");
    let place = std::env::var_os("ETWATCH_CORPUS").map_or(beside, PathBuf::from);
    if place.join("sigma").is_dir() {
        return Some(place);
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "no corpus at {}", place.display());
    // Not by `eprintln!`, which the test harness shows of failed tests alone.
    let message = format!("SKIPPED: no corpus at {}; set ETWATCH_CORPUS\n", place.display());
    std::io::stderr().write_all(message.as_bytes()).unwrap();
    None
}
