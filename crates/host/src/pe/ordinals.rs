//! Names of functions that programs import by number.
//!
//! `ws2_32`, `wsock32` and `oleaut32` are imported by ordinal as a rule, and their ordinals never change, so
//! the import hash names them. The names are those that the hash is defined with, which is what makes it the
//! same everywhere; they lie in `ordinals/`, a line each: the ordinal, a space, the name in lower case.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::LazyLock;

type Names = HashMap<u16, &'static str>;

static WINSOCK: LazyLock<Names> = LazyLock::new(|| read(include_str!("ordinals/ws2_32.txt")));
static AUTOMATION: LazyLock<Names> = LazyLock::new(|| read(include_str!("ordinals/oleaut32.txt")));

fn read(table: &'static str) -> Names {
    let row = |line: &'static str| {
        let (ordinal, name) = line.split_once(' ')?;
        Some((ordinal.parse().ok()?, name))
    };
    table.lines().filter_map(row).collect()
}

/// The table of a library, by its name in lower case; `None` for most.
pub(super) fn table_of(library: &[u8]) -> Option<&'static Names> {
    match library {
        b"ws2_32.dll" | b"wsock32.dll" => Some(&WINSOCK),
        b"oleaut32.dll" => Some(&AUTOMATION),
        _ => None,
    }
}

/// Writes the name of an ordinal into `name`: that of the table, or `ord` and the number.
pub(super) fn name_of(table: Option<&Names>, ordinal: u16, name: &mut Vec<u8>) {
    name.clear();
    match table.and_then(|names| names.get(&ordinal)) {
        Some(known) => name.extend_from_slice(known.as_bytes()),
        // Writing to memory can't fail.
        None => drop(write!(name, "ord{ordinal}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_table_is_a_row() {
        for (table, names) in [
            (include_str!("ordinals/ws2_32.txt"), &*WINSOCK),
            (include_str!("ordinals/oleaut32.txt"), &*AUTOMATION),
        ] {
            assert_eq!(table.lines().count(), names.len());
            assert!(table.lines().all(|line| line == line.to_ascii_lowercase()));
        }
    }

    #[test]
    fn ordinals_without_a_name_are_numbers() {
        let named = |library: &[u8], ordinal| {
            let mut name = Vec::new();
            name_of(table_of(library), ordinal, &mut name);
            String::from_utf8(name).unwrap()
        };
        assert_eq!(named(b"ws2_32.dll", 115), "wsastartup");
        assert_eq!(named(b"wsock32.dll", 115), "wsastartup");
        assert_eq!(named(b"oleaut32.dll", 2), "sysallocstring");
        assert_eq!(named(b"oleaut32.dll", 1), "ord1");
        assert_eq!(named(b"kernel32.dll", 115), "ord115");
    }
}
