//! What images say of themselves: images made part by part, and any bytes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::cast_possible_truncation,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a failure in a test is a finding"
)]

#[path = "support/image.rs"]
mod image;

use std::io::Cursor;

use etwatch_host::pe::{Image, PeError, Version};
use image::{Import, Parts, image};
use md5::{Digest, Md5};
use proptest::prelude::*;

fn open(bytes: &[u8]) -> Result<Image<Cursor<&[u8]>>, PeError> {
    Image::open(Cursor::new(bytes))
}

fn named(name: &str) -> Import {
    Import::Name(name.to_owned())
}

fn of_imports(imports: &[(&str, &[Import])]) -> Parts {
    let imports = imports.iter().map(|(library, list)| ((*library).to_owned(), list.to_vec()));
    Parts { imports: imports.collect(), ..Parts::default() }
}

fn md5_of(text: &str) -> [u8; 16] {
    Md5::digest(text).into()
}

#[test]
fn imports_are_hashed_by_the_definition() {
    let parts = of_imports(&[
        ("KERNEL32.dll", &[named("CreateFileW"), named("ReadFile")]),
        ("WS2_32.dll", &[Import::Ordinal(115), Import::Ordinal(999)]),
        ("a.DRV", &[Import::Ordinal(2)]),
        ("b.c.SYS", &[named("X")]),
        ("dll", &[named("Y")]),
        ("empty.dll", &[]),
    ]);
    let expected = "kernel32.createfilew,kernel32.readfile,ws2_32.wsastartup,ws2_32.ord999,\
                    a.drv.ord2,b.c.x,dll.y";
    for (is_64_bit, is_old) in [(false, false), (false, true), (true, false), (true, true)] {
        let parts = Parts { is_64_bit, is_old, ..parts.clone() };
        let hash = open(&image(&parts)).unwrap().import_hash();
        assert_eq!(hash, Ok(Some(md5_of(expected))), "64 bit: {is_64_bit}, old: {is_old}");
    }
}

#[test]
fn an_image_without_imports_has_no_hash() {
    let nothing = image(&Parts::default());
    assert_eq!(open(&nothing).unwrap().import_hash(), Ok(None));
    let none = image(&of_imports(&[("empty.dll", &[])]));
    assert_eq!(open(&none).unwrap().import_hash(), Ok(None));
}

fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn the_version_resource_tells_five_texts() {
    let version = texts(&[
        ("CompanyName", "Äcme ☃ Ltd  "),
        ("Comments", "not told"),
        ("FileDescription", ""),
        ("FileVersion", "10.0.1 (x)"),
        ("OriginalFilename", "Cmd.Exe"),
        ("ProductName", "P"),
        ("ProductName", "a second one"),
    ]);
    let bytes = image(&Parts { version, ..Parts::default() });
    let Version { texts: told, damage: cut } = open(&bytes).unwrap().version().unwrap().unwrap();
    let expected = [Some("Cmd.Exe"), Some("10.0.1 (x)"), None, Some("P"), Some("Äcme ☃ Ltd")];
    assert_eq!((told.texts(), cut), (expected, None));
    assert_eq!(open(&image(&Parts::default())).unwrap().version(), Ok(None));
}

#[test]
fn a_text_of_any_length_is_cut_and_said_to_be() {
    let version = texts(&[("CompanyName", &"x".repeat(5_000)), ("ProductName", "P")]);
    let bytes = image(&Parts { version, ..Parts::default() });
    let Version { texts: told, damage: cut } = open(&bytes).unwrap().version().unwrap().unwrap();
    assert_eq!(told.company.as_ref().map(String::len), Some(1_024));
    assert_eq!((told.product.as_deref(), cut), (Some("P"), Some(PeError::TooMuch)));
}

#[test]
fn exports_are_found_by_their_address_alone() {
    let exports = [(0x1100, "Begin"), (0, "Elsewhere"), (0x1500, "Main"), (0x1100, "Start")];
    let exports = exports.map(|(address, name)| (address, name.to_owned())).to_vec();
    let bytes = image(&Parts { exports, ..Parts::default() });
    let exports = open(&bytes).unwrap().exports().unwrap();
    assert_eq!(exports.len(), 3);
    for (address, name) in
        [(0x1100, Some("Begin")), (0x1500, Some("Main")), (0x1101, None), (0, None), (0x14ff, None)]
    {
        assert_eq!(exports.name_at(address), name, "{address:#x}");
    }
}

#[test]
fn what_is_no_image_is_told_from_what_is_damaged() {
    let whole = image(&of_imports(&[("a.dll", &[named("b")])]));
    assert_eq!(open(b"").unwrap_err(), PeError::NotAnImage);
    assert_eq!(open(b"MZ, a text").unwrap_err(), PeError::NotAnImage);
    assert_eq!(open(&whole[..0x90]).unwrap_err(), PeError::Outside);
    let mut other = whole.clone();
    other[0x98] = 0x07; // a ROM image
    assert_eq!(open(&other).unwrap_err(), PeError::UnknownKind);
    let cut = open(&whole[..image::OFFSET as usize + 8]).unwrap().import_hash();
    assert_eq!(cut, Err(PeError::Outside));
}

/// Each library of the list is sound, and there is always one more.
#[test]
fn a_list_without_an_end_is_given_up() {
    let mut bytes = image(&Parts::default());
    let directory = 0x80 + 24 + 96 + 8;
    bytes[directory..directory + 4].copy_from_slice(&image::ADDRESS.to_le_bytes());
    let one = [image::ADDRESS, 0, 0, image::ADDRESS, image::ADDRESS];
    let one: Vec<u8> = one.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes.truncate(image::OFFSET as usize);
    bytes.extend(one.iter().cycle().take(1 << 20));
    let section = 0x80 + 24 + 224;
    for at in [section + 8, section + 16] {
        bytes[at..at + 4].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    }
    assert_eq!(open(&bytes).unwrap().import_hash(), Err(PeError::TooMuch));
}

/// All that can be read of any bytes; it must end, and be the same again.
fn all(bytes: &[u8]) -> String {
    let image = open(bytes);
    let read = |mut image: Image<_>| {
        (image.version(), image.import_hash(), image.exports(), image.version())
    };
    format!("{:?}", image.map(read))
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_?@$][A-Za-z0-9_?@.]{0,20}"
}

fn parts() -> impl Strategy<Value = Parts> {
    let import = prop_oneof![name().prop_map(Import::Name), any::<u16>().prop_map(Import::Ordinal)];
    let library = (name(), prop::collection::vec(import, 0..5));
    let imports = prop::collection::vec(library, 0..5);
    let version = prop::collection::vec(("(CompanyName|ProductName|X)", ".{0,30}"), 0..4);
    // Few addresses, so that some have several names; none within the section.
    let address = prop_oneof![Just(0), 0x8000_u32..0x8004];
    let exports = prop::collection::vec((address, name()), 0..6);
    (any::<bool>(), imports, any::<bool>(), version, exports).prop_map(
        |(is_64_bit, imports, is_old, version, exports)| Parts {
            is_64_bit,
            imports,
            is_old,
            version,
            exports,
        },
    )
}

proptest! {
    #[test]
    fn exports_come_back(parts in parts()) {
        let exports = open(&image(&parts)).unwrap().exports().unwrap();
        let sound: Vec<_> = parts.exports.iter().filter(|(address, _)| *address != 0).collect();
        prop_assert_eq!(exports.len(), sound.len());
        for (address, _) in &sound {
            let (_, first) = sound.iter().find(|(other, _)| other == address).unwrap();
            prop_assert_eq!(exports.name_at(*address), Some(first.as_str()));
        }
    }

    #[test]
    fn damage_anywhere_does_no_harm(
        parts in parts(),
        damage in prop::collection::vec((0_usize..3_000, any::<u8>()), 0..12),
        length in 0_usize..4_000,
    ) {
        let mut bytes = image(&parts);
        for (at, byte) in damage {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(length.max(0x200));
        prop_assert_eq!(all(&bytes), all(&bytes));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(all(&bytes), all(&bytes));
    }
}
