//! The types by the names that tables give them.

use crate::schema::{InType, OutType};

/// Out-types that occur in tables.
const OUT_TYPES: &[(&str, OutType)] = &[
    ("String", OutType::STRING),
    ("Boolean", OutType::BOOLEAN),
    ("HexBinary", OutType::HEX_BINARY),
    ("HexInt8", OutType::HEX_INT_8),
    ("HexInt16", OutType::HEX_INT_16),
    ("HexInt32", OutType::HEX_INT_32),
    ("HexInt64", OutType::HEX_INT_64),
    ("ProcessId", OutType::PROCESS_ID),
    ("ThreadId", OutType::THREAD_ID),
    ("Port", OutType::PORT),
    ("IPv4", OutType::IPV4),
    ("IPv6", OutType::IPV6),
    ("SocketAddress", OutType::SOCKET_ADDRESS),
    ("Xml", OutType::XML),
    ("Win32Error", OutType::WIN32_ERROR),
    ("NtStatus", OutType::NT_STATUS),
    ("HResult", OutType::HRESULT),
    ("Json", OutType::JSON),
    ("Utf8", OutType::UTF8),
    ("CodePointer", OutType::CODE_POINTER),
];

/// The types of `UInt32/ProcessId`.
pub(super) fn types(word: &str) -> Option<(InType, OutType)> {
    let (in_name, out_name) = word.split_once('/').map_or((word, None), |(a, b)| (a, Some(b)));
    let in_type = InType::ALL.iter().find(|kind| kind.name() == in_name)?;
    let out_type = match out_name {
        None => OutType::NONE,
        Some(out_name) => OUT_TYPES.iter().find(|(name, _)| *name == out_name)?.1,
    };
    Some((*in_type, out_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_for_one_type() {
        for kind in InType::ALL {
            assert_eq!(types(kind.name()), Some((*kind, OutType::NONE)));
        }
        assert_eq!(types("UInt32/IPv4"), Some((InType::UInt32, OutType::IPV4)));
        for word in ["", "uint32", "UInt32/", "UInt32/Nothing", "/Port"] {
            assert_eq!(types(word), None, "{word}");
        }
    }
}
