//! Which files are rule files, and their text.

use std::io::Read;
use std::path::{Path, PathBuf};

use hashbrown::HashSet;

use crate::yaml;

/// What a rule file holds.
pub(crate) enum Content {
    /// Text.
    Text(String),
    /// Bytes that are no text, and what they seem to be.
    Foreign(&'static str),
}

/// Reads a rule file.
pub(crate) fn read(path: &Path) -> std::io::Result<Content> {
    let bytes = read_limited(path)?;
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let encoding = if utf16 { "UTF-16" } else { "not UTF-8" };
    Ok(String::from_utf8(bytes).map_or(Content::Foreign(encoding), Content::Text))
}

/// The name that is shown of a file, with `/` between folders.
pub(crate) fn shown_name(path: &Path) -> String {
    let name = path.to_string_lossy().into_owned();
    if cfg!(windows) { name.replace('\\', "/") } else { name }
}

/// The rule files under `path`, in byte order; a file named by the user is taken as it is.
pub(crate) fn rule_files(
    path: &Path,
    unreadable: &mut Vec<(PathBuf, std::io::Error)>,
) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut folders = vec![path.to_owned()];
    // Links are followed: rule repositories are often linked into one folder.
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
            continue;
        }
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match entries {
            Err(error) => unreadable.push((folder, error)),
            Ok(entries) => {
                for path in entries.into_iter().map(|entry| entry.path()) {
                    // Neither pipes nor devices, which could be waited for without end.
                    match std::fs::metadata(&path) {
                        Ok(data) if data.is_dir() => folders.push(path),
                        Ok(data) if data.is_file() && is_rule_file(&path) => files.push(path),
                        Err(error) if is_rule_file(&path) => unreadable.push((path, error)),
                        _ => {}
                    }
                }
            }
        }
    }
    files.sort();
    files
}

/// By its name: YAML, but not the tests of a rule.
fn is_rule_file(path: &Path) -> bool {
    let ending = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let stem = path.file_stem().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
    ending.is_some_and(|ending| ending == "yml" || ending == "yaml")
        && !stem.to_string_lossy().ends_with(".test")
}

/// The bytes of a file, which may be no rule file at all: one byte over the limit tells enough.
fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = yaml::FILE_LIMIT as u64 + 1;
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
