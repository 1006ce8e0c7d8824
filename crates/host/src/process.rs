//! What the host says of a process that runs.

use etwatch_event::{Sid, Timestamp};

/// A process as it stood when the host was asked. What Windows does not let us see is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSnapshot {
    /// Its id.
    pub pid: u32,
    /// The id of its parent, which may have ended and whose id may belong to another process by now.
    pub parent: Option<u32>,
    /// Its image: the whole path if it could be opened, else the file's name alone.
    pub image: Option<String>,
    /// Its command line, from its own memory: the process can have changed it.
    pub command_line: Option<String>,
    /// Its current directory, from its own memory; with a backslash at the end.
    pub current_directory: Option<String>,
    /// The SID of its user, in binary form.
    pub user: Option<Box<[u8]>>,
    /// How far it is trusted.
    pub integrity: Option<Integrity>,
    /// Its terminal session.
    pub session: Option<u32>,
    /// Its logon session, a LUID.
    pub logon_id: Option<u64>,
    /// When it was created; [`Timestamp::UNKNOWN`] if that could not be seen.
    pub start: Timestamp,
    /// When it ended, if Windows still knows of it since somebody has it open; else [`Timestamp::UNKNOWN`].
    pub end: Timestamp,
    /// The number that Windows gives each process of a boot (`ProcessSequenceNumber`).
    pub sequence: Option<u64>,
}

impl ProcessSnapshot {
    /// The SID of its user.
    #[must_use]
    pub fn user_sid(&self) -> Option<Sid<'_>> {
        self.user.as_deref().map(Sid)
    }
}

/// How far Windows trusts a process: the last part of its label's SID, `S-1-16-n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Integrity(pub u32);

impl Integrity {
    /// Windows' word for it, as Sysmon writes it; `None` for a level without a word.
    ///
    /// # Source
    /// The integrity levels of the Windows SDK (`SECURITY_MANDATORY_*_RID`).
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "Untrusted",
            0x1000 => "Low",
            0x2000 => "Medium",
            0x2100 => "MediumPlus",
            0x3000 => "High",
            0x4000 => "System",
            0x5000 => "Protected",
            _ => return None,
        })
    }
}

/// This start of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// Windows' number of it (`BootId`), where it tells.
    pub number: Option<u32>,
    /// When the machine was started; [`Timestamp::UNKNOWN`] if it does not tell.
    pub time: Timestamp,
}

/// An account by its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Account {
    /// The domain or machine, or an authority such as `NT AUTHORITY`; in the language of Windows.
    pub domain: String,
    /// The name within it.
    pub name: String,
}

impl std::fmt::Display for Account {
    /// `DOMAIN\name`, or the name alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.domain.is_empty() {
            return f.write_str(&self.name);
        }
        write!(f, "{}\\{}", self.domain, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_without_a_domain_has_no_backslash() {
        let system = Account { domain: "NT AUTHORITY".into(), name: "SYSTEM".into() };
        assert_eq!(system.to_string(), r"NT AUTHORITY\SYSTEM");
        let everyone = Account { domain: String::new(), name: "Everyone".into() };
        assert_eq!(everyone.to_string(), "Everyone");
    }

    #[test]
    fn levels_between_have_no_word() {
        assert_eq!(Integrity(0x3000).name(), Some("High"));
        assert_eq!(Integrity(0x3010).name(), None);
    }
}
