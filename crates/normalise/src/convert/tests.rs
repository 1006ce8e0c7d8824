//! Each conversion with what it changes, and what it leaves.

use std::net::Ipv6Addr;

use etwatch_event::{Sid, Timestamp, Value};

use super::Conversion::*;
use super::*;
use crate::context::Volumes;

const SYSTEM: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
const HIGH: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 16, 0, 0x30, 0, 0];

/// What a value becomes, as its text; `-` for nothing, `None` if it stays.
fn shown(how: Conversion, value: Value<'_>, others: Others, context: &Context) -> Option<String> {
    let mut out = "left over".to_owned();
    Some(match how.convert(&value, others, context, &mut out)? {
        Converted::Number(number) => number.to_string(),
        Converted::Hex(number) => format!("{number:#x}"),
        Converted::Word(word) => word.to_owned(),
        Converted::Written => out,
        Converted::Nothing => "-".to_owned(),
    })
}

#[test]
fn each_conversion_changes_its_own_form_and_nothing_else() {
    let text = Value::Text;
    let table = [
        (Hexadecimal, text("0x1a4c"), Some("6732")),
        (Hexadecimal, Value::Hex(0x1a4c), Some("6732")),
        (Hexadecimal, text("6732"), None),
        (Hexadecimal, text("0x"), None),
        (Hexadecimal, text("0x+1"), None),
        (ProcessId, Value::Unsigned(4), None),
        (ProcessId, Value::Hex(0x2b0), Some("688")),
        (ProcessId, text("0x2b0"), Some("688")),
        (ProcessId, Value::Unsigned(0xFFFF_FFFF), Some("-")),
        (ProcessId, Value::Signed(-1), Some("-")),
        (LogonId, Value::Unsigned(999), Some("0x3e7")),
        (IntegrityLevel, text("S-1-16-12288"), Some("High")),
        (IntegrityLevel, Value::Sid(Sid(HIGH)), Some("High")),
        (IntegrityLevel, Value::Sid(Sid(SYSTEM)), None),
        (IntegrityLevel, text("High"), None),
        (IntegrityLevel, text("S-1-16-1"), None),
        (Account, Value::Sid(Sid(SYSTEM)), Some("NT AUTHORITY\\SYSTEM")),
        (Account, text("S-1-5-20"), Some("NT AUTHORITY\\NETWORK SERVICE")),
        (Account, text("S-1-5-21-1-2-3-500"), None),
        (Account, Value::Sid(Sid(&SYSTEM[..8])), None),
        (AccessMask, text("0x1FFFFF"), Some("0x1fffff")),
        (AccessMask, text("4112"), Some("0x1010")),
        (AccessMask, text("%%4416"), None),
        (AccessAsked, Value::Unsigned(0x410), Some("0x1410")),
        (AccessAsked, Value::Unsigned(0x1010), Some("0x1010")),
        (AccessAsked, Value::Unsigned(0x8000_0000), Some("0x21410")),
        (AccessAsked, Value::Unsigned(0x1000_0000), Some("0x1fffff")),
        (AccessAsked, Value::Unsigned(0x0200_0000), Some("-")),
        (AccessAsked, Value::Unsigned(0x0200_0400), Some("-")),
        (StartAddress, Value::Hex(0x7ffb_1a2b_3c4d), Some("0x00007FFB1A2B3C4D")),
        (Status, Value::Unsigned(0xC000_0022), Some("0xC0000022")),
        (Status, Value::Signed(-1_073_741_790), Some("0xC0000022")),
        (IsIpv6, Value::Ip(Ipv6Addr::LOCALHOST.into()), Some("true")),
        (IsIpv6, Value::Ip([127, 0, 0, 1].into()), Some("false")),
        (IsIpv6, text("fe80::1"), Some("true")),
        (IsIpv6, text("host"), None),
        (SignatureLevel, Value::Unsigned(0), Some("-")),
        (SignatureLevel, Value::Unsigned(0x11), Some("false")),
        (SignatureLevel, Value::Unsigned(0x2C), Some("true")),
        (Utf16, Value::Bytes(&[b'i', 0, b'e', 0, 0, 0xD8, 7]), Some("ie\u{FFFD}")),
        (UtcTime, Value::Time(Timestamp::UNIX_EPOCH), Some("1970-01-01 00:00:00.000")),
        (UtcTime, text("1970-01-01"), None),
        (PipeName, text("\\Device\\NamedPipe\\lsass"), Some("\\lsass")),
        (PipeName, text("\\Device\\NamedPipes\\lsass"), None),
    ];
    for (how, from, to) in table {
        let became = shown(how, from, Others::default(), &Context::default());
        assert_eq!(became.as_deref(), to, "{how:?} {from:?}");
    }
}

#[test]
fn paths_of_the_kernel_become_those_of_users() {
    let volumes = [("\\Device\\HarddiskVolume1\\", "D:\\"), ("\\Device\\HarddiskVolume12", "C:")];
    let context = Context::new(Volumes::new(volumes), "C:\\Windows\\");
    let table = [
        ("\\Device\\HarddiskVolume12\\Windows\\x.exe", Some("C:\\Windows\\x.exe")),
        ("\\device\\harddiskvolume1\\x", Some("D:\\x")),
        ("\\Device\\HarddiskVolume3\\x", None),
        ("\\Device\\HarddiskVolumeShadowCopy2\\x", None),
        ("\\Device\\CdRom0", None),
        ("\\Device\\Harddisk0\\DR0", None),
        ("\\SystemRoot\\System32\\x.sys", Some("C:\\Windows\\System32\\x.sys")),
        ("\\SystemRooted\\x", Some("C:\\SystemRooted\\x")),
        ("\\Windows\\System32\\x.dll", Some("C:\\Windows\\System32\\x.dll")),
        ("\\Program Files\\x.dll", Some("C:\\Program Files\\x.dll")),
        ("\\??\\C:\\x", Some("C:\\x")),
        ("\\\\?\\c:\\x", Some("c:\\x")),
        ("\\DosDevices\\C:\\x", Some("C:\\x")),
        ("\\??\\UNC\\srv\\share\\x", Some("\\\\srv\\share\\x")),
        ("\\??\\GLOBALROOT\\Device\\HarddiskVolume1\\x", Some("D:\\x")),
        ("\\??\\Volume{01}\\x", None),
        ("\\Device\\Mup\\srv\\share\\x", Some("\\\\srv\\share\\x")),
        ("\\Device\\Mup\\;LanmanRedirector\\;Z:0001\\srv\\share\\x", Some("\\\\srv\\share\\x")),
        ("\\Device\\LanmanRedirector\\;Z:0000000000012345\\srv\\x", Some("\\\\srv\\x")),
        ("\\Device\\Mup\\;Z:", None),
        ("\\\\srv\\share\\x", None),
        ("\\\\DfsClient\\x", None),
        ("C:\\x", None),
        ("smss.exe", None),
        ("", None),
        ("\\", None),
        ("\\??\\", None),
    ];
    for (from, to) in table {
        let became = shown(Path, Value::Text(from), Others::default(), &context);
        assert_eq!(became.as_deref(), to, "{from}");
    }
    let other = Context::new(Volumes::default(), "E:\\WinNT");
    let became = shown(Path, Value::Text("\\SystemRoot\\x"), Others::default(), &other);
    assert_eq!(became.as_deref(), Some("E:\\WinNT\\x"));
    let became = shown(Path, Value::Text("\\Users\\x"), Others::default(), &other);
    assert_eq!(became.as_deref(), Some("E:\\Users\\x"));
}

#[test]
fn keys_of_the_kernel_become_those_of_users() {
    let context = Context::default().with_control_set(2);
    let table = [
        ("\\REGISTRY\\MACHINE\\SOFTWARE\\X", Some("HKLM\\SOFTWARE\\X")),
        ("\\REGISTRY\\MACHINE\\SOFTWARE\\Classes\\X", Some("HKLM\\SOFTWARE\\Classes\\X")),
        ("\\REGISTRY\\MACHINE", Some("HKLM")),
        (
            "\\registry\\machine\\system\\controlset002\\Services",
            Some("HKLM\\System\\CurrentControlSet\\Services"),
        ),
        (
            "\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services",
            Some("HKLM\\SYSTEM\\ControlSet001\\Services"),
        ),
        ("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet0021", Some("HKLM\\SYSTEM\\ControlSet0021")),
        ("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet+02", Some("HKLM\\SYSTEM\\ControlSet+02")),
        ("\\REGISTRY\\USER\\S-1-5-18\\X", Some("HKU\\S-1-5-18\\X")),
        ("\\REGISTRY\\USER\\S-1-5-21-1_Classes\\X", Some("HKU\\S-1-5-21-1_Classes\\X")),
        ("\\REGISTRY\\MACHINERY", None),
        ("\\REGISTRY\\A\\{01}\\X", None),
        ("HKLM\\X", None),
    ];
    for (from, to) in table {
        let became = shown(RegistryPath, Value::Text(from), Others::default(), &context);
        assert_eq!(became.as_deref(), to, "{from}");
    }
}

#[test]
fn data_of_the_registry_is_told_as_sysmon_tells_it() {
    /// Type, size, bytes that were recorded, what is told.
    type Data<'a> = (Option<u64>, u64, &'a [u8], Option<&'a str>);
    let table: [Data<'_>; 12] = [
        (Some(4), 4, &[1, 0, 0, 0], Some("DWORD (0x00000001)")),
        (Some(4), 4, &[1, 0], Some("-")),
        (
            Some(11),
            8,
            &[0xc2, 0x6d, 0x80, 0xac, 0x7a, 0x66, 0xd6, 0x01],
            Some("QWORD (0x01d6667a-0xac806dc2)"),
        ),
        (Some(1), 6, &[b'a', 0, b'b', 0, 0, 0], Some("ab")),
        (Some(2), 4, &[b'%', 0, 0, 0], Some("%")),
        (Some(1), 6, &[b'a', 0, 0, 0, b'b', 0], Some("a\0b")),
        (Some(7), 10, &[b'a', 0, 0, 0, b'b', 0, 0, 0, 0, 0], Some("a, b")),
        (Some(3), 1, &[7], Some("Binary Data")),
        (Some(1), 0, &[], Some("(Empty)")),
        // The kernel was not asked to record the data.
        (Some(1), 12, &[], Some("-")),
        (None, 1, &[7], Some("-")),
        (Some(1), 2, &[0, 0], Some("")),
    ];
    for (kind, size, bytes, to) in table {
        let others = [kind, Some(size)];
        let became = shown(RegistryData, Value::Bytes(bytes), others, &Context::default());
        assert_eq!(became.as_deref(), to, "{kind:?} {bytes:?}");
    }
    let text = shown(RegistryData, Value::Text("as it is"), Others::default(), &Context::default());
    assert_eq!(text, None);
}
