//! Names of files: from those of the kernel to those that users write.
//!
//! The first of these that fits is taken, prefixes being compared without case:
//!
//! ```text
//! \??\C:\x  \\?\C:\x  \DosDevices\C:\x      → C:\x
//! \??\UNC\server\share\x                    → \\server\share\x
//! \Device\HarddiskVolume3\x                 → C:\x               if the volume is known
//! \SystemRoot\System32\x                    → C:\Windows\System32\x
//! \Device\Mup\server\share\x                → \\server\share\x
//! \Device\LanmanRedirector\;Z:0…\server\…   → \\server\…          parts after a `;` are the redirector's own
//! \Windows\System32\x                       → C:\Windows\System32\x   no volume is said: that of the system
//! ```
//!
//! All else stays: `\Device\…` of unknown volumes, of shadow copies, disks and drives (rules look for these),
//! `\\server\share`, and names that are no full path.

use crate::context::{Context, after};

/// Beginnings of names for Win32 programs.
const WIN32: [&str; 4] = ["\\??\\", "\\\\?\\", "\\DosDevices\\", "\\GLOBAL??\\"];
/// Beginnings of names on other hosts.
const REDIRECTORS: [&str; 2] = ["\\Device\\Mup\\", "\\Device\\LanmanRedirector\\"];
/// Beginnings of names that are of no volume though they do not say one.
const OTHER_ROOTS: [&str; 2] = ["\\Device\\", "\\REGISTRY\\"];

/// Writes what users write for the file `path` to `out`; false, and nothing written, if that is the same or
/// not known.
///
/// ```
/// use etwatch_normalise::{Context, Volumes, convert::windows_path};
/// let context = Context::new(Volumes::new([(r"\Device\HarddiskVolume3\", r"D:\")]), r"C:\Windows");
/// let mut out = String::new();
/// assert!(windows_path(r"\Device\HarddiskVolume3\Tools\a.exe", &context, &mut out));
/// assert_eq!(out, r"D:\Tools\a.exe");
/// ```
pub fn windows_path(path: &str, context: &Context, out: &mut String) -> bool {
    if !path.starts_with('\\') {
        return false;
    }
    if let Some(rest) = WIN32.iter().find_map(|prefix| after(path, prefix)) {
        if let Some(share) = after(rest, "UNC\\") {
            return push(out, "\\\\", share);
        }
        if let [drive, b':', b'\\', ..] | [drive, b':'] = rest.as_bytes()
            && drive.is_ascii_alphabetic()
        {
            return push(out, "", rest);
        }
        let kernel = after(rest, "GLOBALROOT").filter(|path| path.starts_with('\\'));
        // Only a beginning of Win32 can stand before it, so this ends.
        return kernel.is_some_and(|path| kernel_path(path, context, out));
    }
    kernel_path(path, context, out)
}

fn kernel_path(path: &str, context: &Context, out: &mut String) -> bool {
    if let Some((users, rest)) = context.volumes().split(path) {
        return push(out, users, rest);
    }
    if let Some(rest) = after(path, "\\SystemRoot")
        && (rest.is_empty() || rest.starts_with('\\'))
    {
        return push(out, context.windows(), rest);
    }
    if let Some(mut rest) = REDIRECTORS.iter().find_map(|prefix| after(path, prefix)) {
        while let Some((own, behind)) = rest.split_once('\\')
            && own.starts_with(';')
        {
            rest = behind;
        }
        return !rest.is_empty() && !rest.starts_with(';') && push(out, "\\\\", rest);
    }
    let names_no_volume = !path.starts_with("\\\\")
        && path.len() > 1
        && !OTHER_ROOTS.iter().any(|root| after(path, root).is_some());
    names_no_volume && push(out, context.system_drive(), path)
}

fn push(out: &mut String, head: &str, rest: &str) -> bool {
    out.push_str(head);
    out.push_str(rest);
    true
}

/// The name of a pipe as Sysmon writes it.
pub(super) fn pipe_name(path: &str, out: &mut String) -> bool {
    let Some(name) = after(path, "\\Device\\NamedPipe") else { return false };
    if !name.starts_with('\\') {
        return false;
    }
    out.push_str(name);
    true
}
