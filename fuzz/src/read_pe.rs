//! Any bytes as an image of a program: read to its end or given up, and the same again. An image that the
//! bytes choose says what was put into it; with a few bytes of it changed, it is as good as any bytes.

use std::fmt::Write as _;
use std::io::Cursor;

use etwatch_host::pe::{Exports, Image, PeError, Version};

use super::choices::Choices;
use super::image::{Import, Parts, image};

/// The first byte says what the others are: an image, or choices of its parts, with damage or without.
pub fn check(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    match choices.below(3) {
        0 => check_twice(choices.rest()),
        1 => {
            let parts = parts(&mut choices);
            check_parts(&parts, &image(&parts));
        }
        _ => {
            let mut damaged = image(&parts(&mut choices));
            while !choices.rest().is_empty() {
                let at = usize::from(choices.number()) % damaged.len();
                damaged[at] = choices.byte();
            }
            check_twice(&damaged);
        }
    }
}

/// How much an input tells, before any damage: functions that are exported, texts of the version, and the hash of imports.
#[must_use]
pub fn facts(bytes: &[u8]) -> usize {
    let mut choices = Choices::new(bytes);
    if choices.below(3) == 0 {
        return told(choices.rest());
    }
    told(&image(&parts(&mut choices)))
}

fn told(bytes: &[u8]) -> usize {
    let Ok(Told { version, imports, exports }) = read(bytes) else { return 0 };
    let texts = version.ok().flatten();
    let texts = texts.map_or(0, |version| version.texts.texts().into_iter().flatten().count());
    let hash = imports.ok().flatten().map_or(0, |_| 1);
    texts + hash + exports.map_or(0, |exports| exports.len())
}

#[derive(Debug, PartialEq)]
struct Told {
    version: Result<Option<Version>, PeError>,
    imports: Result<Option<[u8; 16]>, PeError>,
    exports: Result<Exports, PeError>,
}

fn read(bytes: &[u8]) -> Result<Told, PeError> {
    let mut image = Image::open(Cursor::new(bytes))?;
    let (version, imports) = (image.version(), image.import_hash());
    Ok(Told { version, imports, exports: image.exports() })
}

fn check_twice(bytes: &[u8]) {
    assert_eq!(read(bytes), read(bytes));
}

fn check_parts(parts: &Parts, bytes: &[u8]) {
    let told = read(bytes).unwrap();
    let exports = told.exports.unwrap();
    let sound = || parts.exports.iter().filter(|(address, _)| *address != 0);
    assert_eq!(exports.len(), sound().count());
    for (address, _) in sound() {
        let first = sound().find(|(other, _)| other == address).unwrap();
        assert_eq!(exports.name_at(*address), Some(first.1.as_str()));
    }
    let functions: usize = parts.imports.iter().map(|(_, functions)| functions.len()).sum();
    assert_eq!(told.imports.unwrap().is_some(), functions > 0);
    let company =
        parts.version.iter().find(|(name, text)| name == "CompanyName" && !text.is_empty());
    let version = told.version.unwrap();
    assert_eq!(version.is_some(), !parts.version.is_empty());
    let told = version.and_then(|version| version.texts.company);
    assert_eq!(told.as_ref(), company.map(|(_, text)| text));
}

fn parts(choices: &mut Choices<'_>) -> Parts {
    let what = choices.byte();
    let libraries = (0..choices.below(4))
        .map(|_| {
            let library = name(choices);
            let functions = (0..choices.below(5)).map(|_| import(choices)).collect();
            (library, functions)
        })
        .collect();
    let version = (0..choices.below(4))
        .map(|_| {
            let field = *choices.pick(&["CompanyName", "FileVersion", "Comments"]);
            (field.to_owned(), name(choices))
        })
        .collect();
    // Few addresses, so that some have several names; 0 is one that is forwarded.
    let exports = (0..choices.below(5))
        .map(|_| (*choices.pick(&[0, 0x8000, 0x8001, 0x9000]), name(choices)))
        .collect();
    let (is_64_bit, is_old) = (what & 1 == 1, what & 2 == 2);
    Parts { is_64_bit, is_old, imports: libraries, version, exports }
}

fn import(choices: &mut Choices<'_>) -> Import {
    match choices.below(2) {
        0 => Import::Name(name(choices)),
        _ => Import::Ordinal(choices.number()),
    }
}

/// A name without a NUL or a space at its end.
fn name(choices: &mut Choices<'_>) -> String {
    let mut name = String::new();
    for byte in choices.bytes(12) {
        // Writing to a text can't fail.
        let _ = write!(name, "{byte:x}");
    }
    name
}
