//! The classes and providers of the kernel, and how the events of each are numbered.

use etwatch_event::{Guid, RawHeader};

/// A class of the kernel logger, or a manifest provider of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Process,
    Thread,
    Image,
    TcpIp,
    UdpIp,
    FileIo,
    Registry,
    StackWalk,
    KernelProcess,
    KernelFile,
    KernelNetwork,
    KernelRegistry,
}

const PROVIDERS: [(Guid, Provider); 12] = [
    (guid(0x3d6f_a8d0, 0xfe05, 0x11d0, 0x9dda_00c0_4fd7_ba7c), Provider::Process),
    (guid(0x3d6f_a8d1, 0xfe05, 0x11d0, 0x9dda_00c0_4fd7_ba7c), Provider::Thread),
    (guid(0x2cb1_5d1d, 0x5fc1, 0x11d2, 0xabe1_00a0_c911_f518), Provider::Image),
    (guid(0x9a28_0ac0, 0xc8e0, 0x11d1, 0x84e2_00c0_4fb9_98a2), Provider::TcpIp),
    (guid(0xbf3a_50c5, 0xa9c9, 0x4988, 0xa005_2df0_b7c8_0f80), Provider::UdpIp),
    (guid(0x90cb_dc39, 0x4a3e, 0x11d1, 0x84f4_0000_f804_64e3), Provider::FileIo),
    (guid(0xae53_722e, 0xc863, 0x11d2, 0x8659_00c0_4fa3_21a1), Provider::Registry),
    (guid(0xdef2_fe46, 0x7bd6, 0x4b80, 0xbd94_f57f_e20d_0ce3), Provider::StackWalk),
    (guid(0x22fb_2cd6, 0x0e7b, 0x422b, 0xa0c7_2fad_1fd0_e716), Provider::KernelProcess),
    (guid(0xedd0_8927, 0x9cc4, 0x4e65, 0xb970_c256_0fb5_c289), Provider::KernelFile),
    (guid(0x7dd4_2a49, 0x5329, 0x4832, 0x8dfd_43d9_7915_3a88), Provider::KernelNetwork),
    (guid(0x70eb_4f03, 0xc1de, 0x4f73, 0xa051_33d1_3d54_13bd), Provider::KernelRegistry),
];

impl Provider {
    /// The one with this GUID.
    pub(super) fn of(guid: &Guid) -> Option<Self> {
        PROVIDERS.iter().find(|(known, _)| known == guid).map(|(_, provider)| *provider)
    }

    /// The number that tells its events apart: the opcode of a class, the id of a provider.
    pub(super) fn number(self, header: &RawHeader) -> u16 {
        match self {
            Self::KernelProcess | Self::KernelFile | Self::KernelNetwork | Self::KernelRegistry => {
                header.id
            }
            _ => u16::from(header.opcode),
        }
    }
}

/// A GUID as it is written; `rest` are its last two groups.
const fn guid(first: u32, second: u16, third: u16, rest: u64) -> Guid {
    let [a, b, c, d] = first.to_le_bytes();
    let ([e, f], [g, h]) = (second.to_le_bytes(), third.to_le_bytes());
    let [i, j, k, l, m, n, o, p] = rest.to_be_bytes();
    Guid([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Tables;

    #[test]
    fn each_guid_is_one_of_the_tables() {
        for (guid, provider) in PROVIDERS {
            let name = Tables::embedded().provider_name(&guid).unwrap().to_owned();
            let ends = format!("{provider:?}").replacen("Kernel", "Kernel-", 1);
            assert!(name.ends_with(&format!("-{ends}")), "{name} {provider:?}");
        }
    }
}
