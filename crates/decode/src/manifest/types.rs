//! What the words of manifests mean: numbers, types, opcodes that all providers share.
//!
//! Source: `winmeta.xml` and `eventman.xsd` of the Windows SDK; the numbers of types are those of
//! `TRACE_EVENT_INFO`.

use crate::schema::{InType, OutType};

/// A number as manifests write it: decimal, or hexadecimal behind `0x`.
pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The type that an `inType` names.
pub(super) fn in_type(name: &str) -> Option<InType> {
    const NAMES: &[(&str, InType)] = &[
        ("UnicodeString", InType::UnicodeString),
        ("AnsiString", InType::AnsiString),
        ("Int8", InType::Int8),
        ("UInt8", InType::UInt8),
        ("Int16", InType::Int16),
        ("UInt16", InType::UInt16),
        ("Int32", InType::Int32),
        ("UInt32", InType::UInt32),
        ("Int64", InType::Int64),
        ("UInt64", InType::UInt64),
        ("Float", InType::Float),
        ("Double", InType::Double),
        ("Boolean", InType::Boolean),
        ("Binary", InType::Binary),
        ("GUID", InType::Guid),
        ("Pointer", InType::Pointer),
        ("FILETIME", InType::FileTime),
        ("SYSTEMTIME", InType::SystemTime),
        ("SID", InType::Sid),
        ("HexInt32", InType::HexInt32),
        ("HexInt64", InType::HexInt64),
        ("CountedUnicodeString", InType::ManifestCountedString),
        ("CountedAnsiString", InType::ManifestCountedAnsiString),
        ("CountedBinary", InType::ManifestCountedBinary),
    ];
    find(NAMES, name)
}

/// What an `outType` means; one that changes nothing here, or that is not known, is none.
pub(super) fn out_type(name: &str) -> OutType {
    const NAMES: &[(&str, OutType)] = &[
        ("string", OutType::STRING),
        ("boolean", OutType::BOOLEAN),
        ("hexBinary", OutType::HEX_BINARY),
        ("HexInt8", OutType::HEX_INT_8),
        ("HexInt16", OutType::HEX_INT_16),
        ("HexInt32", OutType::HEX_INT_32),
        ("HexInt64", OutType::HEX_INT_64),
        ("PID", OutType::PROCESS_ID),
        ("TID", OutType::THREAD_ID),
        ("Port", OutType::PORT),
        ("IPv4", OutType::IPV4),
        ("IPv6", OutType::IPV6),
        ("SocketAddress", OutType::SOCKET_ADDRESS),
        ("Xml", OutType::XML),
        ("Win32Error", OutType::WIN32_ERROR),
        ("NTSTATUS", OutType::NT_STATUS),
        ("HResult", OutType::HRESULT),
        ("Json", OutType::JSON),
        ("Utf8", OutType::UTF8),
        ("CodePointer", OutType::CODE_POINTER),
    ];
    find(NAMES, name).unwrap_or(OutType::NONE)
}

/// An opcode that every provider has (`win:Start`).
pub(super) fn opcode(name: &str) -> Option<&'static str> {
    const NAMES: &[(&str, &str)] = &[
        ("Info", "Info"),
        ("Start", "Start"),
        ("Stop", "Stop"),
        ("DC_Start", "DCStart"),
        ("DC_Stop", "DCStop"),
        ("Extension", "Extension"),
        ("Reply", "Reply"),
        ("Resume", "Resume"),
        ("Suspend", "Suspend"),
        ("Send", "Send"),
        ("Receive", "Receive"),
    ];
    find(NAMES, name.strip_prefix("win:")?)
}

/// Looks a name up without its prefix (`win:`, `xs:`); manifests mix the prefixes of types.
fn find<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    let plain = name.split_once(':').map_or(name, |(_, plain)| plain);
    names.iter().find(|(known, _)| *known == plain).map(|(_, meaning)| *meaning)
}
