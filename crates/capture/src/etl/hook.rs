//! Which class a record of the kernel logger has: its group, the high byte of the hook, stands for it.
//!
//! Source: the groups of `EVENT_TRACE_GROUP_*`, the classes of the MOF that Windows documents as "NT
//! Kernel Logger Constants". One hook is an exception: the loading of an image is written in the group of
//! processes.

use etwatch_event::Guid;

const fn class(first: u32, second: u16, third: u16, rest: [u8; 8]) -> Guid {
    let ([a, b, c, d], [e, f], [g, h]) =
        (first.to_le_bytes(), second.to_le_bytes(), third.to_le_bytes());
    let [i, j, k, l, m, n, o, p] = rest;
    Guid([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// The end that the oldest classes have in common.
const KERNEL: [u8; 8] = [0x9d, 0xda, 0x00, 0xc0, 0x4f, 0xd7, 0xba, 0x7c];

/// The class of records about the log itself.
pub(super) const EVENT_TRACE: Guid =
    class(0x68fd_d900, 0x4a3e, 0x11d1, [0x84, 0xf4, 0x00, 0x00, 0xf8, 0x04, 0x64, 0xe3]);
/// The class of images.
const IMAGE: Guid =
    class(0x2cb1_5d1d, 0x5fc1, 0x11d2, [0xab, 0xe1, 0x00, 0xa0, 0xc9, 0x11, 0xf5, 0x18]);

/// The groups and their classes.
const GROUPS: &[(u8, Guid)] = &[
    (0x00, EVENT_TRACE),
    (0x01, class(0x3d6f_a8d4, 0xfe05, 0x11d0, KERNEL)),
    (0x02, class(0x3d6f_a8d3, 0xfe05, 0x11d0, KERNEL)),
    (0x03, class(0x3d6f_a8d0, 0xfe05, 0x11d0, KERNEL)),
    (0x04, class(0x90cb_dc39, 0x4a3e, 0x11d1, [0x84, 0xf4, 0, 0, 0xf8, 0x04, 0x64, 0xe3])),
    (0x05, class(0x3d6f_a8d1, 0xfe05, 0x11d0, KERNEL)),
    (0x06, class(0x9a28_0ac0, 0xc8e0, 0x11d1, [0x84, 0xe2, 0, 0xc0, 0x4f, 0xb9, 0x98, 0xa2])),
    (0x08, class(0xbf3a_50c5, 0xa9c9, 0x4988, [0xa0, 0x05, 0x2d, 0xf0, 0xb7, 0xc8, 0x0f, 0x80])),
    (0x09, class(0xae53_722e, 0xc863, 0x11d2, [0x86, 0x59, 0, 0xc0, 0x4f, 0xa3, 0x21, 0xa1])),
    (0x0b, class(0x0185_3a65, 0x418f, 0x4f36, [0xae, 0xfc, 0xdc, 0x0f, 0x1d, 0x2f, 0xd2, 0x35])),
    (0x0f, class(0xce1d_bfb4, 0x137e, 0x4da6, [0x87, 0xb0, 0x3f, 0x59, 0xaa, 0x10, 0x2c, 0xbc])),
    (0x14, IMAGE),
    (0x18, class(0xdef2_fe46, 0x7bd6, 0x4b80, [0xbd, 0x94, 0xf5, 0x7f, 0xe2, 0x0d, 0x0c, 0xe3])),
];

/// The loading of an image, which the kernel writes in the group of processes.
const IMAGE_LOAD: (u8, u8) = (3, 10);

/// The class of a record with this group and type; all zeros for groups that are not known here.
pub(super) fn class_of(group: u8, kind: u8) -> Guid {
    if (group, kind) == IMAGE_LOAD {
        return IMAGE;
    }
    let found = GROUPS.iter().find(|(known, _)| *known == group);
    found.map_or(Guid::default(), |(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_the_classes_that_windows_documents() {
        for (group, kind, text) in [
            (0x00, 0, "68fdd900-4a3e-11d1-84f4-0000f80464e3"),
            (0x01, 10, "3d6fa8d4-fe05-11d0-9dda-00c04fd7ba7c"),
            (0x02, 10, "3d6fa8d3-fe05-11d0-9dda-00c04fd7ba7c"),
            (0x03, 1, "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c"),
            (0x03, 10, "2cb15d1d-5fc1-11d2-abe1-00a0c911f518"),
            (0x04, 0, "90cbdc39-4a3e-11d1-84f4-0000f80464e3"),
            (0x05, 1, "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c"),
            (0x06, 10, "9a280ac0-c8e0-11d1-84e2-00c04fb998a2"),
            (0x08, 10, "bf3a50c5-a9c9-4988-a005-2df0b7c80f80"),
            (0x09, 10, "ae53722e-c863-11d2-8659-00c04fa321a1"),
            (0x0b, 10, "01853a65-418f-4f36-aefc-dc0f1d2fd235"),
            (0x0f, 10, "ce1dbfb4-137e-4da6-87b0-3f59aa102cbc"),
            (0x14, 2, "2cb15d1d-5fc1-11d2-abe1-00a0c911f518"),
            (0x18, 32, "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3"),
        ] {
            assert_eq!(Some(class_of(group, kind)), Guid::parse(text), "{group:x} {kind}");
        }
        assert_eq!(class_of(0xff, 0), Guid::default());
    }
}
