//! Folders that ordinary users can write to, and processes that are worth protecting.
//!
//! The folders are those of a Windows that nobody changed, on any drive. What lies elsewhere, such as in a
//! folder of an application beside `Program Files`, may be writable too: this is not known here.

/// Where ordinary users can make files, on any volume.
pub const USER_WRITABLE: &[&str] = &[
    "\\Users\\",
    "\\Documents and Settings\\",
    "\\ProgramData\\",
    "\\Temp\\",
    "\\Tmp\\",
    "\\PerfLogs\\",
    "\\$Recycle.Bin\\",
    "\\Windows\\Temp\\",
    "\\Windows\\Tasks\\",
    "\\Windows\\Tracing\\",
    "\\Windows\\Debug\\WIA\\",
    "\\Windows\\System32\\Tasks\\",
    "\\Windows\\SysWOW64\\Tasks\\",
    "\\Windows\\System32\\spool\\drivers\\color\\",
    "\\Windows\\System32\\Microsoft\\Crypto\\RSA\\MachineKeys\\",
];

/// What lies within these and is not: Defender's own programs.
pub const PROTECTED: &[&str] = &["\\ProgramData\\Microsoft\\Windows Defender\\"];

/// How the images of processes end that keep secrets or whose end is that of the session.
pub const SENSITIVE: &[&str] = &[
    "\\System32\\lsass.exe",
    "\\System32\\LsaIso.exe",
    "\\System32\\winlogon.exe",
    "\\System32\\csrss.exe",
    "\\System32\\wininit.exe",
    "\\System32\\services.exe",
    "\\System32\\smss.exe",
];

/// How paths of Windows may begin, before the volume.
const BEFORE_VOLUME: &[&str] = &["\\\\?\\", "\\??\\"];
/// A volume without a letter, before its number.
const VOLUME: &str = "\\Device\\HarddiskVolume";

/// Whether an image lies in a folder that ordinary users can write to.
pub(super) fn is_user_writable(path: &str) -> bool {
    let path = on_volume(path);
    let is_in = |folders: &[&str]| folders.iter().any(|folder| begins(path, folder));
    is_in(USER_WRITABLE) && !is_in(PROTECTED)
}

/// Whether an image is that of a sensitive process.
pub(super) fn is_sensitive(path: &str) -> bool {
    let ends = |end: &&str| {
        let place = path.len().checked_sub(end.len());
        place.and_then(|place| path.get(place..)).is_some_and(|own| own.eq_ignore_ascii_case(end))
    };
    SENSITIVE.iter().any(ends)
}

/// The name of a file, without its folders.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or_default()
}

/// A path without its volume.
fn on_volume(path: &str) -> &str {
    let path = BEFORE_VOLUME.iter().find_map(|start| path.strip_prefix(start)).unwrap_or(path);
    if begins(path, VOLUME) {
        let rest = path.get(VOLUME.len()..).unwrap_or_default();
        return rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    match path.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => path.get(2..).unwrap_or_default(),
        _ => path,
    }
}

/// Whether a text begins so, be its letters large or small.
fn begins(text: &str, start: &str) -> bool {
    let head = text.as_bytes().get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_users_are_told_on_any_volume() {
        for (path, expected) in [
            ("C:\\Users\\eva\\AppData\\Local\\x.dll", true),
            ("d:\\users\\EVA\\x.dll", true),
            ("\\Device\\HarddiskVolume12\\ProgramData\\x.dll", true),
            ("\\??\\C:\\Windows\\Temp\\x.dll", true),
            ("\\\\?\\C:\\Temp\\x.dll", true),
            ("C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18\\MpOav.dll", false),
            ("C:\\Windows\\System32\\ntdll.dll", false),
            ("C:\\Windows\\Temporary\\x.dll", false),
            ("C:\\Program Files\\Users\\x.dll", false),
            ("\\\\server\\Users\\x.dll", false),
            ("C:", false),
            ("ü:\\Users\\x", false),
            ("", false),
        ] {
            assert_eq!(is_user_writable(path), expected, "{path}");
        }
    }

    #[test]
    fn a_sensitive_process_is_told_by_folder_and_name() {
        for (path, expected) in [
            ("C:\\Windows\\system32\\LSASS.exe", true),
            ("\\Device\\HarddiskVolume2\\Windows\\System32\\winlogon.exe", true),
            ("C:\\Users\\eva\\lsass.exe", false),
            ("C:\\Windows\\System32\\notlsass.exe", false),
            ("lsass.exe", false),
            ("", false),
        ] {
            assert_eq!(is_sensitive(path), expected, "{path}");
        }
        assert_eq!(["C:\\a\\b.dll", "b.dll", "a\\"].map(name_of), ["b.dll", "b.dll", ""]);
    }
}
