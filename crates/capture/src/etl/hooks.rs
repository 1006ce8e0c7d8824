//! Hooks of the kernel logger and the classes that they stand for.
//!
//! The kernel logger's records carry no GUID. They carry a hook of 16 bits: a group in the high byte, the
//! opcode in the low one. A group stands for a class, the GUID under which schemas are known. One hook
//! breaks the rule: an image that is loaded is told as opcode 10 of the group of processes, and belongs to
//! the class of images all the same. So opcode 10 of the class of processes has no hook, and the load of an
//! image has two, of which Windows writes this one.
//!
//! The groups are those of Microsoft's `ntwmi.h` (`EVENT_TRACE_GROUP_*`), the GUIDs those of its
//! `Windows Kernel Trace` documentation.

use etwatch_event::Guid;

/// The class of records about the trace itself; opcode 0 is the header of a file.
pub const EVENT_TRACE: Guid = class(0x68fd_d900, 0x4a3e, 0x11d1, 0x84f4_0000_f804_64e3);
/// The class of processes.
pub const PROCESS: Guid = class(0x3d6f_a8d0, 0xfe05, 0x11d0, 0x9dda_00c0_4fd7_ba7c);
/// The class of images: programs, libraries, drivers.
pub const IMAGE: Guid = class(0x2cb1_5d1d, 0x5fc1, 0x11d2, 0xabe1_00a0_c911_f518);

/// The class of records about the machine.
pub const SYSTEM_CONFIG: Guid = class(0x0185_3a65, 0x418f, 0x4f36, 0xaefc_dc0f_1d2f_d235);

/// The opcode of an image that is loaded.
const LOAD: u8 = 10;
const PROCESS_GROUP: u8 = 3;
const IMAGE_GROUP: u8 = 0x14;

/// The classes of groups 0, 1, 2 …
const CLASSES: [Guid; 31] = [
    EVENT_TRACE,
    class(0x3d6f_a8d4, 0xfe05, 0x11d0, 0x9dda_00c0_4fd7_ba7c), // 0x01 disk
    class(0x3d6f_a8d3, 0xfe05, 0x11d0, 0x9dda_00c0_4fd7_ba7c), // 0x02 page faults
    PROCESS,                                                   // 0x03
    class(0x90cb_dc39, 0x4a3e, 0x11d1, 0x84f4_0000_f804_64e3), // 0x04 files
    class(0x3d6f_a8d1, 0xfe05, 0x11d0, 0x9dda_00c0_4fd7_ba7c), // 0x05 threads
    class(0x9a28_0ac0, 0xc8e0, 0x11d1, 0x84e2_00c0_4fb9_98a2), // 0x06 TCP
    class(0x3282_fc76, 0xfeed, 0x498e, 0x8aa7_e70f_459d_430e), // 0x07 jobs
    class(0xbf3a_50c5, 0xa9c9, 0x4988, 0xa005_2df0_b7c8_0f80), // 0x08 UDP
    class(0xae53_722e, 0xc863, 0x11d2, 0x8659_00c0_4fa3_21a1), // 0x09 registry
    class(0x1397_6d09, 0xa327, 0x438c, 0x950b_7f03_1928_15c7), // 0x0a debug print
    SYSTEM_CONFIG,                                             // 0x0b
    class(0x9913_4383, 0x5248, 0x43fc, 0x834b_5294_54e7_5df3), // 0x0c spare
    class(0x4269_5762, 0xea50, 0x497a, 0x9068_5cbb_b35e_0b95), // 0x0d notifications (WNF)
    class(0x0268_a8b6, 0x74fd, 0x4302, 0x9dd0_6e8f_1795_c0cf), // 0x0e pools
    class(0xce1d_bfb4, 0x137e, 0x4da6, 0x87b0_3f59_aa10_2cbc), // 0x0f performance
    class(0x2229_62ab, 0x6180, 0x4b88, 0xa825_346b_75f2_a24a), // 0x10 heaps
    class(0x8949_7f50, 0xeffe, 0x4440, 0x8cf2_ce6b_1cdc_aca7), // 0x11 objects
    class(0xe434_45e0, 0x0903, 0x48c3, 0xb878_ff0f_cceb_dd04), // 0x12 power
    class(0xa915_2f00, 0x3f58, 0x4bee, 0x92a1_70c7_d079_d5dd), // 0x13 modified pages
    IMAGE,                                                     // 0x14
    class(0xb2d1_4872, 0x7c5b, 0x463d, 0x8419_ee9b_f7d2_3e04), // 0x15 deferred calls
    class(0x7687_a439, 0xf752, 0x45b8, 0xb741_321a_ec0f_8df9), // 0x16 cache
    class(0x3ac6_6736, 0xcc59, 0x4cff, 0x8115_8df5_0e39_816b), // 0x17 critical sections
    class(0xdef2_fe46, 0x7bd6, 0x4b80, 0xbd94_f57f_e20d_0ce3), // 0x18 stacks
    class(0x9aec_974b, 0x5b8e, 0x4118, 0x9b92_3186_d800_2ce5), // 0x19 user-mode scheduling
    class(0x45d8_cccd, 0x539f, 0x4b72, 0xa8b7_5c68_3142_609a), // 0x1a ALPC
    class(0xd837_ca92, 0x12b9, 0x44a5, 0xad6a_3a65_b357_8aa8), // 0x1b split disk requests
    class(0xc861_d0e2, 0xa2c1, 0x4d36, 0x9f9c_970b_ab94_3a12), // 0x1c thread pools
    class(0x7f2a_405c, 0x69b5, 0x4bf9, 0xa1f5_30e8_f1af_ab5e), // 0x1d hypervisor
    class(0x2ce9_a149, 0xeffe, 0x42f0, 0xa635_a1d3_9e26_c8f2), // 0x1e hypervisor, extended
];

/// All classes of the kernel logger that are known.
#[cfg(windows)]
pub(crate) fn classes() -> &'static [Guid] {
    &CLASSES
}

/// Whether this is a class of the kernel logger.
pub(crate) fn is_class(provider: Guid) -> bool {
    CLASSES.contains(&provider)
}

/// A GUID from its parts as they are written; the last two parts are one number.
const fn class(first: u32, second: u16, third: u16, rest: u64) -> Guid {
    let [a, b, c, d] = first.to_le_bytes();
    let [e, f] = second.to_le_bytes();
    let [g, h] = third.to_le_bytes();
    let [i, j, k, l, m, n, o, p] = rest.to_be_bytes();
    Guid([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// The class of a record with this hook; `None` for groups that are not known.
///
/// ```
/// use etwatch_capture::etl::hooks::{IMAGE, PROCESS, class_of};
/// assert_eq!(class_of(3, 1), Some(PROCESS));
/// assert_eq!(class_of(3, 10), Some(IMAGE));
/// assert_eq!(class_of(0xff, 0), None);
/// ```
#[must_use]
pub fn class_of(group: u8, opcode: u8) -> Option<Guid> {
    if (group, opcode) == (PROCESS_GROUP, LOAD) {
        return Some(IMAGE);
    }
    CLASSES.get(usize::from(group)).copied()
}

/// The group of the hook that Windows writes for this class and opcode; `None` if there is none.
#[must_use]
pub fn group_of(class: Guid, opcode: u8) -> Option<u8> {
    let group = CLASSES.iter().position(|known| *known == class)?;
    match (u8::try_from(group).ok()?, opcode) {
        (IMAGE_GROUP, LOAD) => Some(PROCESS_GROUP),
        (PROCESS_GROUP, LOAD) => None,
        (group, _) => Some(group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_and_its_class_are_found_from_each_other() {
        for group in 0..=u8::MAX {
            for opcode in 0..=u8::MAX {
                let Some(class) = class_of(group, opcode) else {
                    assert!(group >= 31);
                    continue;
                };
                let back = group_of(class, opcode);
                // The load of an image has two hooks, one of which is written.
                let hook = if (group, opcode) == (0x14, 10) { (3, 10) } else { (group, opcode) };
                assert_eq!(back, Some(hook.0), "{group:#x} {opcode}");
            }
        }
        assert_eq!(group_of(PROCESS, 10), None);
        assert_eq!(group_of(Guid::default(), 1), None);
    }

    #[test]
    fn guids_are_those_that_are_written_down() {
        let written = [
            (0x00, "{68fdd900-4a3e-11d1-84f4-0000f80464e3}"),
            (0x03, "{3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c}"),
            (0x04, "{90cbdc39-4a3e-11d1-84f4-0000f80464e3}"),
            (0x05, "{3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c}"),
            (0x06, "{9a280ac0-c8e0-11d1-84e2-00c04fb998a2}"),
            (0x08, "{bf3a50c5-a9c9-4988-a005-2df0b7c80f80}"),
            (0x09, "{ae53722e-c863-11d2-8659-00c04fa321a1}"),
            (0x0b, "{01853a65-418f-4f36-aefc-dc0f1d2fd235}"),
            (0x0f, "{ce1dbfb4-137e-4da6-87b0-3f59aa102cbc}"),
            (0x14, "{2cb15d1d-5fc1-11d2-abe1-00a0c911f518}"),
            (0x18, "{def2fe46-7bd6-4b80-bd94-f57fe20d0ce3}"),
        ];
        for (group, text) in written {
            assert_eq!(class_of(group, 0), Guid::parse(text), "{group:#x}");
        }
    }
}
