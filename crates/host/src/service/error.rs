//! Why something could not be done with a service, and what can be done about it.
//!
//! | code | means | exit status |
//! |---|---|---|
//! | 5 | a right is missing | 5 |
//! | 1060 | there is no such service | 8 |
//! | 1073, 1078 | there is one of this name | 7 |
//! | 1072 | it is about to be taken away | 7 |
//! | 1061 | it takes no orders now | 7 |
//! | 1051 | others need it | 7 |
//! | 1053, 1460 | it did not answer in time | 1 |
//! | 1058 | it is disabled | 9 |
//! | 1057, 1069, 1297 | its account is none, or may not run it | 9 |
//! | 2, 3 | its program is not there | 9 |
//! | 1063 | this process was not started by the service manager | 2 |
//! | not Windows | there are no services here | 2 |

use std::fmt;

use crate::error::HostError;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// To ask the service manager.
    Connect,
    /// To install.
    Install,
    /// To set up what is beside the program: restarts, privileges.
    SetUp,
    /// To take away.
    Uninstall,
    /// To start.
    Start,
    /// To stop.
    Stop,
    /// To look.
    Query,
    /// To be the service.
    Run,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "asking the service manager",
            Self::Install => "installing",
            Self::SetUp => "setting up",
            Self::Uninstall => "taking away",
            Self::Start => "starting",
            Self::Stop => "stopping",
            Self::Query => "looking at",
            Self::Run => "running as",
        })
    }
}

/// Something could not be done with a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step} the service `{name}`: {}: {source}", self.kind().message())]
pub struct ServiceError {
    /// What was being done.
    pub step: Step,
    /// The service.
    pub name: String,
    /// What Windows said.
    pub source: HostError,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceErrorKind {
    /// The caller is not elevated.
    NoRight,
    /// There is no such service.
    NotInstalled,
    /// There is one of this name.
    Installed,
    /// It is about to be taken away.
    GoingAway,
    /// It takes no orders now.
    Busy,
    /// It did not answer in time.
    TimedOut,
    /// It is disabled.
    Disabled,
    /// Its account.
    Account,
    /// Its program.
    NoProgram,
    /// The process was not started by the service manager.
    NotAService,
    /// This is not Windows.
    NotHere,
    /// Anything else.
    Other,
}

use ServiceErrorKind as Kind;

const CODES: &[(u32, Kind)] = &[
    (2, Kind::NoProgram),
    (3, Kind::NoProgram),
    (5, Kind::NoRight),
    (1_051, Kind::Busy),
    (1_053, Kind::TimedOut),
    (1_057, Kind::Account),
    (1_058, Kind::Disabled),
    (1_060, Kind::NotInstalled),
    (1_061, Kind::Busy),
    (1_063, Kind::NotAService),
    (1_069, Kind::Account),
    (1_072, Kind::GoingAway),
    (1_073, Kind::Installed),
    (1_078, Kind::Installed),
    (1_297, Kind::Account),
    (1_460, Kind::TimedOut),
];

impl Kind {
    /// What is wrong, what can be done, and what a program ends with.
    fn row(self) -> (&'static str, &'static str, u8) {
        match self {
            Self::NoRight => {
                ("this process may not do that", "run it as administrator (elevated)", 5)
            }
            Self::NotInstalled => {
                ("there is no such service", "install it first: `etwatch service install`", 8)
            }
            Self::Installed => (
                "there is a service of this name",
                "take it away first (`etwatch service uninstall`), or choose another `--name`",
                7,
            ),
            Self::GoingAway => (
                "it is about to be taken away",
                "close what looks at it (services.msc, Task Manager) and try again",
                7,
            ),
            Self::Busy => ("it takes no orders now", "try again in a moment", 7),
            Self::TimedOut => (
                "it did not answer in time",
                "see the event log, channel System, ids 7000 to 7043",
                1,
            ),
            Self::Disabled => ("it is disabled", "enable it: `sc config NAME start= auto`", 9),
            Self::Account => {
                ("its account may not run it", "install it again with another `--account`", 9)
            }
            Self::NoProgram => {
                ("its program is not there", "install it again from where the program lies now", 9)
            }
            Self::NotAService => (
                "this process was not started by the service manager",
                "use `etwatch service start`; from a terminal, `etwatch run`",
                2,
            ),
            Self::NotHere => ("there are no services here", "services need Windows", 2),
            Self::Other => {
                ("the service manager refuses", "look the number up with `net helpmsg NUMBER`", 1)
            }
        }
    }
    /// What is wrong, without a full stop.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.row().0
    }
    /// What can be done about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        self.row().1
    }
    /// What a program ends with for which this was the end: 5 a right is missing, 7 something is in the way, 8 there is
    /// no such thing, 9 a setting is wrong, 2 wrong usage, 1 anything else.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self.row().2
    }
}

impl ServiceError {
    pub(crate) fn of(step: Step, name: &str, source: HostError) -> Self {
        Self { step, name: name.to_owned(), source }
    }
    /// What it means.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.source == HostError::NotHere {
            return Kind::NotHere;
        }
        let known = CODES.iter().find(|(code, _)| *code == self.source.code());
        known.map_or(Kind::Other, |(_, kind)| *kind)
    }
    /// What can be done about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.kind().remedy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_row_with_its_exit_status() {
        let table: Vec<&str> =
            include_str!("error.rs").lines().filter(|line| line.starts_with("//! |")).collect();
        for (code, kind) in CODES {
            let is_code = |cell: &str| cell.split(',').any(|one| one.trim() == code.to_string());
            let row = table.iter().find(|row| row.split('|').nth(1).is_some_and(is_code)).unwrap();
            assert!(row.ends_with(&format!("| {} |", kind.exit_code())), "{row}");
            let error = ServiceError::of(Step::Start, "x", HostError::Other { code: *code });
            assert_eq!(error.kind(), *kind);
            assert!(!error.remedy().is_empty());
        }
        let error = ServiceError::of(Step::Install, "etwatch", HostError::AccessDenied { code: 5 });
        assert_eq!(
            error.to_string(),
            "installing the service `etwatch`: this process may not do that: access denied (Windows error 5)"
        );
        let unknown = ServiceError::of(Step::Query, "x", HostError::Other { code: 87 });
        assert_eq!((unknown.kind(), unknown.kind().exit_code()), (Kind::Other, 1));
    }

    #[cfg(not(windows))]
    #[test]
    fn elsewhere_there_are_no_services() {
        let error = crate::service::status("etwatch").unwrap_err();
        assert_eq!((error.source, error.kind()), (HostError::NotHere, Kind::NotHere));
        let run = crate::service::run("etwatch", Box::new(|| ()), Box::new(|| panic!()));
        assert_eq!(run.unwrap_err().kind(), Kind::NotHere);
    }
}
