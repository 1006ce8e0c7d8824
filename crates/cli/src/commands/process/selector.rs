//! Which processes are meant: a pid, a GUID, or an image.

use etwatch_event::Guid;

use crate::processes::{Process, file_name};
use crate::selection::NamePattern;

/// What a process is asked for by.
#[derive(Clone, Debug)]
pub(crate) enum Selector {
    /// Its pid, which several processes may have had.
    Pid(u32),
    /// Its GUID.
    Guid(Guid),
    /// Its image: with a `\` the whole path, else the name of the file.
    Image(Box<Image>),
}

/// An image as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    written: String,
    is_path: bool,
    pattern: NamePattern,
}

impl Selector {
    /// Reads a pid, a GUID with or without braces, else an image.
    ///
    /// # Errors
    /// A text without letters, or a number that is no pid.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("name a pid, a GUID or an image".to_owned());
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let pid = text.parse().map(Self::Pid);
            return pid.map_err(|_| "no pid is that large".to_owned());
        }
        if let Some(guid) = Guid::parse(text) {
            return Ok(Self::Guid(guid));
        }
        let pattern = NamePattern::parse(text).map_err(|error| error.to_string())?;
        let is_path = text.contains('\\');
        Ok(Self::Image(Box::new(Image { written: text.to_owned(), is_path, pattern })))
    }

    /// Whether a process is meant, as far as is known of it.
    pub(crate) fn takes(&self, process: &Process) -> bool {
        match self {
            Self::Pid(pid) => process.pid == Some(*pid),
            Self::Guid(guid) => process.guid == Some(*guid),
            Self::Image(asked) => process.image.as_deref().is_some_and(|image| {
                asked.pattern.is_true_of(if asked.is_path { image } else { file_name(image) })
            }),
        }
    }

    /// The name of a file that it asks for; none for a pid or a GUID.
    pub(crate) fn file_name(&self) -> Option<&str> {
        match self {
            Self::Image(asked) => Some(file_name(&asked.written)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_asked_for_by_pid_guid_or_image() {
        let guid = "{2265b1f5-e2ab-69a4-b300-000000000e00}";
        let process = Process {
            pid: Some(712),
            guid: Guid::parse(guid),
            image: Some(r"C:\Windows\System32\cmd.exe".into()),
            ..Process::default()
        };
        for (text, expected) in [
            ("712", true),
            ("71", false),
            (guid, true),
            ("2265B1F5-E2AB-69A4-B300-000000000E00", true),
            ("{2265b1f5-e2ab-69a4-b300-000000000e01}", false),
            ("CMD.exe", true),
            ("cmd", false),
            ("c*", true),
            (r"c:\windows\system32\cmd.exe", true),
            (r"*\cmd.exe", true),
            (r"\cmd.exe", false),
            (r"C:\Temp\cmd.exe", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().takes(&process), expected, "{text}");
        }
        assert!(!Selector::parse("*").unwrap().takes(&Process::default()));
        assert!(Selector::parse(" ").is_err() && Selector::parse("99999999999").is_err());
    }
}
