//! Test files and rule files below the paths that were named.
//!
//! | file | is |
//! |---|---|
//! | `NAME.test.yaml`, `NAME.test.yml` | tests in our own form |
//! | `info.yml` with `regression_tests_info:` in it | tests in SigmaHQ's form |
//! | any other `.yml` or `.yaml` | a rule |
//!
//! A rule file that is named brings the tests beside it along. Folders are walked to their leaves, links
//! followed, names in byte order, so that the same folder gives the same tests everywhere.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::rule_tests::whole;

/// What marks a regression case of SigmaHQ.
const REGRESSION_KEY: &str = "regression_tests_info:";
/// Bytes of an `info.yml` in which that key is looked for; real ones have less than one KiB.
const INFO_BYTES: u64 = 1 << 20;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Tests in our own form.
    pub(crate) case_files: Vec<PathBuf>,
    /// Tests in SigmaHQ's form.
    pub(crate) regression: Vec<PathBuf>,
    /// Rules.
    pub(crate) rules: Vec<PathBuf>,
    /// Files and folders that could not be looked at.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
}

/// Finds tests and rules below `paths`.
pub(crate) fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut found);
        } else if !path.exists() {
            let error = io::Error::new(ErrorKind::NotFound, "there is no such file or folder");
            found.unreadable.push((path.clone(), error));
        } else {
            let rules = found.rules.len();
            take(path.clone(), &mut found);
            if found.rules.len() > rules {
                let tests = ["test.yaml", "test.yml"].map(|ending| path.with_extension(ending));
                found.case_files.extend(tests.into_iter().filter(|test| test.is_file()));
            }
        }
    }
    for files in [&mut found.case_files, &mut found.regression, &mut found.rules] {
        once_each(files);
    }
    found
}

/// The rule file that the tests of `NAME.test.yaml` are for, if it is there.
pub(crate) fn rule_beside(case_file: &Path) -> Option<PathBuf> {
    let stem = case_file.with_extension("");
    ["yml", "yaml"]
        .map(|ending| stem.with_extension(ending))
        .into_iter()
        .find(|path| path.is_file())
}

/// Keeps the first of several paths to one file.
pub(crate) fn once_each(files: &mut Vec<PathBuf>) {
    let mut seen = BTreeSet::new();
    files.retain(|path| seen.insert(whole(path)));
}

fn walk(folder: &Path, found: &mut Found) {
    let mut folders = vec![folder.to_owned()];
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        if !seen.insert(whole(&folder)) {
            continue;
        }
        match std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Err(error) => found.unreadable.push((folder, error)),
            Ok(entries) => {
                for path in entries.into_iter().map(|entry| entry.path()) {
                    match std::fs::metadata(&path) {
                        Ok(data) if data.is_dir() => folders.push(path),
                        Ok(data) if data.is_file() && is_yaml(&path) => files.push(path),
                        Err(error) if is_yaml(&path) => found.unreadable.push((path, error)),
                        _ => {}
                    }
                }
            }
        }
    }
    files.sort();
    for path in files {
        take(path, found);
    }
}

/// Takes a file as what its name and, of an `info.yml`, its text say.
fn take(path: PathBuf, found: &mut Found) {
    let stem = path.file_stem().map(OsStr::to_ascii_lowercase).unwrap_or_default();
    if stem.to_string_lossy().ends_with(".test") {
        found.case_files.push(path);
    } else if stem == "info" {
        match starts_regression(&path) {
            Ok(true) => found.regression.push(path),
            Ok(false) => found.rules.push(path),
            Err(error) => found.unreadable.push((path, error)),
        }
    } else {
        found.rules.push(path);
    }
}

fn is_yaml(path: &Path) -> bool {
    let ending = path.extension().map(OsStr::to_ascii_lowercase);
    ending.is_some_and(|ending| ending == "yml" || ending == "yaml")
}

fn starts_regression(path: &Path) -> io::Result<bool> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(INFO_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().any(|line| line.starts_with(REGRESSION_KEY)))
}
