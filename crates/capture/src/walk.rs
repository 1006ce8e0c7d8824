//! The recordings in a folder.
//!
//! A folder is walked to its leaves, names in byte order, so that the same folder gives the same
//! list everywhere. What is taken goes by the end of the name; a file named by the user is taken
//! whatever its name. Configurations are XML too, so a `.xml` file is taken if its beginning shows an event.
//! Links to folders are not followed: they could lead in circles. Of the rest only
//! plain files are taken, and links to them: a pipe may never say anything.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::source::{Location, SourceError};
use crate::xml::shows_event;

const ENDINGS: &[&str] = &["evtx", "etl", "json", "jsonl", "ndjson"];
/// Taken if they hold events.
const XML: &str = "xml";
/// Bytes of such a file that are looked at.
const LOOKED_AT: u64 = 4 << 10;
const PACKED: &[&str] = &["gz", "zst"];
/// Alerts that etwatch itself wrote beside a recording.
const OWN_OUTPUT: &str = ".alerts.jsonl";

/// What a walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// The recordings, in a fixed order.
    pub inputs: Vec<Location>,
    /// Files that were passed over since their name is not that of a recording, or they are no files.
    pub passed_over: u64,
    /// Folders and files that could not be looked at.
    pub errors: Vec<SourceError>,
}

/// Finds the recordings under `paths`; `-` is standard input.
#[must_use]
pub fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.as_os_str() == "-" {
            found.inputs.push(Location::Stdin);
        } else if path.is_dir() {
            walk(path, &mut found);
        } else {
            found.inputs.push(Location::File(path.clone()));
        }
    }
    found
}

fn walk(folder: &Path, found: &mut Found) {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(source) => {
                let path = folder.display().to_string();
                found.errors.push(SourceError::Io { path, source });
                continue;
            }
        };
        for entry in entries {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if is_recording(&entry.path()) && can_be_read(&entry.path()) => {
                    files.push(entry.path());
                }
                _ => found.passed_over += 1,
            }
        }
    }
    files.sort();
    found.inputs.extend(files.into_iter().map(Location::File));
}

/// A pipe would be waited on for ever, a link may lead to a folder; what can't be looked at is told
/// when it is opened.
fn can_be_read(path: &Path) -> bool {
    path.metadata().map_or(true, |data| data.is_file())
}

fn holds_events(path: &Path) -> bool {
    let mut first = Vec::new();
    let file = if can_be_read(path) { File::open(path) } else { return false };
    let read = file.and_then(|file| file.take(LOOKED_AT).read_to_end(&mut first));
    read.is_ok() && shows_event(&first)
}

fn is_recording(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let mut ends = name.rsplit('.');
    let last = ends.next().unwrap_or_default();
    let ending = if PACKED.contains(&last) { ends.next().unwrap_or_default() } else { last };
    (ENDINGS.contains(&ending) && !name.ends_with(OWN_OUTPUT))
        || (last == XML && holds_events(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_in_a_folder() {
        for (name, taken) in [
            ("a.evtx", true),
            ("A.EVTX", true),
            ("boot.etl", true),
            ("Boot.ETL.zst", true),
            ("day.jsonl.gz", true),
            ("x.json.zst", true),
            ("day.alerts.jsonl", false),
            ("notes.txt", false),
            ("archive.tar.gz", false),
            ("evtx", true),
        ] {
            // A name without any dot is its own ending; only a file called just "evtx" is odd.
            assert_eq!(is_recording(Path::new(name)), taken, "{name}");
        }
    }

    #[test]
    fn xml_is_taken_if_it_shows_an_event() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let event = "<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>";
        std::fs::write(at("a.xml"), event).unwrap();
        std::fs::write(at("b.xml"), "<Sysmon schemaversion='4.90'/>").unwrap();
        std::fs::create_dir(at("c.xml")).unwrap();
        let found = find(&[folder.path().to_owned()]);
        assert_eq!(found.inputs, [Location::File(at("a.xml"))]);
        assert_eq!((found.passed_over, found.errors.len()), (1, 0));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_gives_plain_files_and_links_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.json"), "{}").unwrap();
        std::os::unix::fs::symlink(at("a.json"), at("b.json")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("c.json")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("d.json")).status().unwrap();
        assert!(made.success());
        let found = find(&[folder.path().to_owned()]);
        assert_eq!(found.inputs, ["a.json", "b.json"].map(|name| Location::File(at(name))));
        assert_eq!((found.passed_over, found.errors.len()), (2, 0));
    }
}
