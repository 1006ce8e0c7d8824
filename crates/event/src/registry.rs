//! Names of registry keys: the kernel's and Sigma's.
//!
//! The kernel counts from `\REGISTRY`, Sysmon and Sigma's rules from the short names of the roots. The set of
//! system settings that is current is a link in the kernel's tree and `CurrentControlSet` in Sysmon's spelling;
//! which set that is only the registry itself says, and nearly everywhere it is the first.
//!
//! ```text
//! \REGISTRY\MACHINE\SOFTWARE\X                     HKLM\SOFTWARE\X
//! \REGISTRY\MACHINE\SYSTEM\ControlSet001\Services  HKLM\System\CurrentControlSet\Services
//! \REGISTRY\USER\S-1-5-18\X                        HKU\S-1-5-18\X
//! \REGISTRY\A\{guid}                               unchanged
//! ```

/// The roots that an absolute path begins with.
const ROOTS: &[&str] = &["\\REGISTRY", "HKLM", "HKU", "HKCR", "HKCU", "HKCC"];

/// What follows `beginning` in `path`, if that is a whole number of its names; letter case does not matter.
fn after<'p>(path: &'p str, beginning: &str) -> Option<&'p str> {
    let (head, rest) = path.split_at_checked(beginning.len())?;
    let is_it = head.eq_ignore_ascii_case(beginning) && (rest.is_empty() || rest.starts_with('\\'));
    is_it.then_some(rest)
}

/// Appends `path` to `out` as Sysmon spells it; `control_set` is the number of the current set of system
/// settings (`Select\Current`), nearly everywhere 1. False, and nothing is appended, if it is spelt so already
/// or has no such spelling. A path that was put together from a part in Sysmon's spelling may have the set in it
/// as well.
///
/// ```
/// use etwatch_event::registry::registry_path;
/// let mut out = String::new();
/// assert!(registry_path("\\REGISTRY\\MACHINE\\SOFTWARE\\X", 1, &mut out));
/// assert_eq!(out, "HKLM\\SOFTWARE\\X");
/// ```
pub fn registry_path(path: &str, control_set: u16, out: &mut String) -> bool {
    let of_machine = after(path, "\\REGISTRY\\MACHINE");
    let settings = of_machine.or_else(|| after(path, "HKLM"));
    let settings = settings.and_then(|rest| of_current_set(rest, control_set));
    let (root, rest) = if let Some(rest) = settings {
        ("HKLM\\System\\CurrentControlSet", rest)
    } else if let Some(rest) = of_machine {
        ("HKLM", rest)
    } else if let Some(rest) = after(path, "\\REGISTRY\\USER") {
        ("HKU", rest)
    } else {
        return false;
    };
    out.push_str(root);
    out.push_str(rest);
    true
}

/// What follows `\SYSTEM\ControlSet` and the three digits of the current set.
fn of_current_set(rest: &str, control_set: u16) -> Option<&str> {
    const SETS: &str = "\\SYSTEM\\ControlSet";
    let (head, rest) = rest.split_at_checked(SETS.len())?;
    let (digits, rest) = rest.split_at_checked(3)?;
    let is_current = digits.parse() == Ok(control_set) && !digits.starts_with('+');
    let is_it = head.eq_ignore_ascii_case(SETS) && is_current;
    (is_it && (rest.is_empty() || rest.starts_with('\\'))).then_some(rest)
}

/// Whether `path` begins with a root of the registry, in either spelling.
#[must_use]
pub fn is_absolute(path: &str) -> bool {
    ROOTS.iter().any(|root| after(path, root).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        let table = [
            ("\\REGISTRY\\MACHINE\\SOFTWARE\\X", Some("HKLM\\SOFTWARE\\X")),
            ("\\Registry\\Machine", Some("HKLM")),
            (
                "\\registry\\machine\\system\\controlset001\\Services",
                Some("HKLM\\System\\CurrentControlSet\\Services"),
            ),
            ("HKLM\\SYSTEM\\ControlSet001", Some("HKLM\\System\\CurrentControlSet")),
            ("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet002", Some("HKLM\\SYSTEM\\ControlSet002")),
            ("\\REGISTRY\\USER\\S-1-5-18\\X", Some("HKU\\S-1-5-18\\X")),
            ("\\REGISTRY\\A\\{guid}", None),
            ("\\REGISTRY\\MACHINERY", None),
            ("HKLM\\X", None),
            ("ä", None),
            ("", None),
        ];
        for (path, to) in table {
            let mut out = String::new();
            let converted = registry_path(path, 1, &mut out);
            assert_eq!(converted.then_some(out.as_str()), to, "{path}");
            assert!(converted || out.is_empty(), "{path}");
            assert!(!registry_path(&out, 1, &mut String::new()), "{out} is converted twice");
        }
    }

    #[test]
    fn an_absolute_path_begins_with_a_root() {
        for path in ["\\REGISTRY\\A\\{guid}", "\\registry", "HKLM", "hku\\S-1-5-18", "HKCR\\X"] {
            assert!(is_absolute(path), "{path}");
        }
        for path in ["", "Software\\X", "\\REGISTRYX", "HKLMX\\Y", "\\Software", "X\\HKLM"] {
            assert!(!is_absolute(path), "{path}");
        }
    }
}
