//! When Windows refuses: one table from call and code to what it means and what can be done.
//!
//! Windows' codes are few and mean different things for different calls: 5 is "not elevated" where a session is
//! started, and "this provider is not for you" where one is enabled. So the meaning hangs on both. Each row of the
//! table also stands in `docs/windows.md`; a test holds the two together, and each row names the test that meets it.

use std::fmt;

use super::code;

/// What was asked of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Nothing yet: the settings themselves.
    Settings,
    /// The lock of the state folder.
    Lock,
    /// To start a session.
    Start,
    /// To deliver a session's records.
    Open,
    /// To enable or disable a provider, or have it tell its state.
    Enable,
    /// What a session is like.
    Query,
    /// To change a session.
    Update,
    /// To stop a session.
    Stop,
    /// Which sessions there are.
    List,
    /// Which providers there are.
    Providers,
    /// Who has enabled a provider.
    Provider,
    /// How a record is laid out.
    Describe,
    /// To subscribe to a channel of the event log.
    Subscribe,
}

impl fmt::Display for Call {
    /// The function of Windows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "settings",
            Self::Lock => "lock",
            Self::Start => "StartTrace",
            Self::Open => "OpenTrace",
            Self::Enable => "EnableTraceEx2",
            Self::Query => "ControlTrace query",
            Self::Update => "ControlTrace update",
            Self::Stop => "ControlTrace stop",
            Self::List => "QueryAllTraces",
            Self::Providers => "TdhEnumerateProviders",
            Self::Provider => "EnumerateTraceGuidsEx",
            Self::Describe => "TdhGetEventInformation",
            Self::Subscribe => "EvtSubscribe",
        })
    }
}

/// Windows said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{call} gave Windows error {code}")]
pub struct Refusal {
    /// To which call.
    pub call: Call,
    /// With which code.
    pub code: u32,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(call: Call, code: u32) -> Self {
        Self { call, code }
    }
    /// What it means, by the table.
    #[must_use]
    pub fn kind(self) -> Kind {
        let row = TABLE.iter().find(|row| row.code == self.code && row.calls.contains(&self.call));
        row.map_or(Kind::Other, |row| row.kind)
    }
    /// Whether it says that there is no such session.
    #[must_use]
    pub fn is_gone(self) -> bool {
        self.kind() == Kind::NoSuchSession
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $exit:literal, $message:literal, $remedy:literal;)*) => {
        /// What a refusal means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// What is wrong, without a full stop.
            #[must_use]
            pub fn message(self) -> &'static str {
                match self { $(Self::$kind => $message,)* }
            }
            /// What can be done about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$kind => $remedy,)* }
            }
            /// What a program ends with for which this was the end: 5 a right is missing, 6 there is no room, 7
            /// someone else has it, 8 there is no such thing, 9 a setting is wrong, 1 anything else.
            #[must_use]
            pub fn exit_code(self) -> u8 {
                match self { $(Self::$kind => $exit,)* }
            }
        }
    };
}

kinds! {
    /// The process is not elevated.
    NotElevated, 5, "this process is not elevated",
        "run it as administrator, or as a service under SYSTEM";
    /// A privilege is missing.
    NoPrivilege, 5, "the privilege to profile the system is missing",
        "give the account SeSystemProfilePrivilege, or run as a service under SYSTEM";
    /// The consumer may not read the session.
    NotReadable, 5, "reading this session is refused",
        "run as administrator; if it is another's session, ask whoever secures it";
    /// The provider is not for us.
    ProviderDenied, 5, "this provider does not let us enable it",
        "leave it out; some serve protected antimalware processes alone";
    /// The session may not be changed by us.
    SessionDenied, 5, "this session is not ours to look at or change",
        "run as administrator, or stop whoever secured the session";
    /// The channel is not for us.
    ChannelRefused, 5, "this channel of the event log is refused",
        "run as administrator; the channel Security also needs SeSecurityPrivilege";
    /// All slots of sessions are taken.
    SessionLimit, 6, "all slots for sessions are taken",
        "stop one that is not needed (`logman stop NAME -ets`), or raise EtwMaxLoggers and restart";
    /// A provider is enabled by as many sessions as can be.
    ProviderLimit, 6, "this provider is enabled by as many sessions as Windows allows",
        "stop one of the sessions that use it";
    /// Buffers want more memory than there is.
    NoMemory, 6, "there is no memory for the buffers of the session",
        "ask for fewer or smaller buffers";
    /// The name belongs to someone else.
    NameTaken, 7, "a session of this name exists and is not ours",
        "choose another name, beginning with `etwatch-`, or stop that session";
    /// Another etwatch runs.
    AlreadyRunning, 7, "another etwatch runs with this state folder",
        "stop it, or give this one a state folder and session names of its own";
    /// There is no such session.
    NoSuchSession, 8, "there is no such session",
        "see `logman query -ets` for those that there are";
    /// Nobody knows the provider's name.
    UnknownProvider, 8, "no provider of this name is known",
        "see `logman query providers`, or name it by its GUID";
    /// No process or driver has registered the provider.
    NotRegistered, 8, "nobody has registered this provider",
        "check the GUID; a provider may also come later, with its program";
    /// TDH knows no layout.
    NoLayout, 8, "Windows knows no layout for this event",
        "nothing: the event is kept and counted as undecodable";
    /// There is no such channel.
    ChannelMissing, 8, "there is no such channel in the event log",
        "check its name; a channel may come with a feature that is not installed";
    /// A library of Windows is missing.
    TdhMissing, 8, "this Windows lacks the library that explains events",
        "use a full Windows; Nano Server and Wine have no TDH";
    /// Settings of a session that Windows does not take.
    BadSettings, 9, "Windows does not take these settings of a session",
        "check buffer size (4 to 16384 KB), numbers of buffers and flush time";
    /// Settings of a provider that Windows does not take.
    BadProvider, 9, "Windows does not take these settings of a provider",
        "check its GUID, level, properties and filters";
    /// A provider of the kernel in a session that is none of the system's.
    WrongSession, 9, "this provider cannot be enabled in this kind of session",
        "put providers of the system into a system logger session";
    /// A name that is the system's.
    ReservedName, 9, "this name is not one for a session of ours",
        "choose another; `NT Kernel Logger` belongs to the system, and a name has 1 to 200 letters";
    /// A query of the event log that Windows does not take.
    BadQuery, 9, "the event log does not take this query",
        "check the XPath of the subscription";
    /// Anything else.
    Other, 1, "Windows refuses",
        "look the number up with `net helpmsg NUMBER`";
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// To which calls it applies.
    pub calls: &'static [Call],
    /// Windows' code.
    pub code: u32,
    /// What it means.
    pub kind: Kind,
    /// The test that meets it; a path from the root of the crate, or of the project.
    pub test: &'static str,
}

const fn row(calls: &'static [Call], code: u32, kind: Kind, test: &'static str) -> Row {
    Row { calls, code, kind, test }
}

const SESSIONS: &str = "etw_sessions";
const WATCH: &str = "etw_watch";
const HERE: &str = "etw::error";
const INSTANCE: &str = "etw::instance";

/// The table. Codes that are not in it are [`Kind::Other`].
pub const TABLE: &[Row] = &[
    row(&[Call::Settings], code::INVALID_NAME, Kind::ReservedName, SESSIONS),
    row(&[Call::Settings], code::NAME_TOO_LONG, Kind::ReservedName, SESSIONS),
    row(&[Call::Lock], code::LOCK_VIOLATION, Kind::AlreadyRunning, INSTANCE),
    row(&[Call::Start], code::ACCESS_DENIED, Kind::NotElevated, SESSIONS),
    row(&[Call::Start], code::PRIVILEGE_NOT_HELD, Kind::NoPrivilege, SESSIONS),
    row(&[Call::Start], code::NO_SYSTEM_RESOURCES, Kind::SessionLimit, SESSIONS),
    row(&[Call::Start], code::NOT_ENOUGH_MEMORY, Kind::NoMemory, HERE),
    row(&[Call::Start], code::ALREADY_EXISTS, Kind::NameTaken, SESSIONS),
    row(&[Call::Start], code::INVALID_PARAMETER, Kind::BadSettings, SESSIONS),
    row(&[Call::Open], code::ACCESS_DENIED, Kind::NotReadable, SESSIONS),
    row(
        &[Call::Open, Call::Query, Call::Stop, Call::Update, Call::Enable],
        code::INSTANCE_NOT_FOUND,
        Kind::NoSuchSession,
        SESSIONS,
    ),
    row(&[Call::Enable], code::INVALID_HANDLE, Kind::NoSuchSession, HERE),
    row(&[Call::Enable], code::ACCESS_DENIED, Kind::ProviderDenied, SESSIONS),
    row(&[Call::Enable], code::NO_SYSTEM_RESOURCES, Kind::ProviderLimit, SESSIONS),
    row(&[Call::Enable], code::INVALID_PARAMETER, Kind::BadProvider, SESSIONS),
    row(&[Call::Enable], code::NOT_SUPPORTED, Kind::BadProvider, SESSIONS),
    row(&[Call::Enable], code::INVALID_OPERATION, Kind::WrongSession, HERE),
    row(
        &[Call::Query, Call::Stop, Call::Update, Call::List, Call::Provider],
        code::ACCESS_DENIED,
        Kind::SessionDenied,
        WATCH,
    ),
    row(&[Call::Providers], code::NOT_FOUND, Kind::UnknownProvider, SESSIONS),
    row(&[Call::Provider], code::GUID_NOT_FOUND, Kind::NotRegistered, SESSIONS),
    row(&[Call::Describe], code::NOT_FOUND, Kind::NoLayout, HERE),
    row(&[Call::Describe, Call::Providers], code::MODULE_MISSING, Kind::TdhMissing, HERE),
    row(&[Call::Describe, Call::Providers], code::FUNCTION_MISSING, Kind::TdhMissing, HERE),
    row(&[Call::Subscribe], code::CHANNEL_NOT_FOUND, Kind::ChannelMissing, HERE),
    row(&[Call::Subscribe], code::ACCESS_DENIED, Kind::ChannelRefused, HERE),
    row(&[Call::Subscribe], code::PRIVILEGE_NOT_HELD, Kind::ChannelRefused, HERE),
    row(&[Call::Subscribe], code::INVALID_QUERY, Kind::BadQuery, HERE),
];

/// A refusal that ended something, with what it was about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: `{subject}` ({refusal})", refusal.kind().message(), Holders(holders))]
pub struct EtwError {
    /// What was refused.
    pub refusal: Refusal,
    /// The session, provider, channel or folder.
    pub subject: String,
    /// Who holds what there is no more of: names of sessions.
    pub holders: Vec<String>,
}

impl EtwError {
    /// An error about `subject`.
    pub fn new(call: Call, code: u32, subject: impl Into<String>) -> Self {
        Self::of(Refusal::new(call, code), subject)
    }
    /// An error of a refusal about `subject`.
    pub fn of(refusal: Refusal, subject: impl Into<String>) -> Self {
        Self { refusal, subject: subject.into(), holders: Vec::new() }
    }
    /// What it means.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.refusal.kind()
    }
    /// What can be done about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.kind().remedy()
    }
    /// What a program ends with for which this was the end.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.kind().exit_code()
    }
}

/// Who holds the slots, in brackets.
struct Holders<'a>(&'a [String]);

impl fmt::Display for Holders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", by {}", self.0.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as it stands in the documentation.
    fn written() -> String {
        use std::fmt::Write as _;
        let mut out = String::from(
            "| call | Windows error | message | remedy | exit code | test |\n|---|---|---|---|---|---|\n",
        );
        for Row { calls, code, kind, test } in TABLE {
            let calls: Vec<_> = calls.iter().map(|call| format!("`{call}`")).collect();
            let (calls, message) = (calls.join(", "), kind.message());
            let (remedy, exit) = (kind.remedy(), kind.exit_code());
            writeln!(out, "| {calls} | {code} | {message} | {remedy} | {exit} | `{test}` |")
                .unwrap();
        }
        out
    }

    #[test]
    fn the_documentation_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/windows.md");
        let document = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let table = written();
        assert!(document.contains(&table), "docs/windows.md should contain:\n{table}");
    }

    #[test]
    fn a_call_and_a_code_mean_one_thing() {
        for (at, row) in TABLE.iter().enumerate() {
            for call in row.calls {
                let refusal = Refusal::new(*call, row.code);
                assert_eq!(refusal.kind(), row.kind, "row {at}: an earlier one has {refusal}");
            }
        }
        assert_eq!(Refusal::new(Call::Start, 4711).kind(), Kind::Other);
        let (start, enable) = (Refusal::new(Call::Start, 5), Refusal::new(Call::Enable, 5));
        assert_eq!((start.kind(), enable.kind()), (Kind::NotElevated, Kind::ProviderDenied));
    }

    #[test]
    fn each_row_names_a_test_file_that_there_is() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        for row in TABLE {
            let inside = format!("{root}src/{}.rs", row.test.replace("::", "/"));
            let beside = format!("{root}tests/{}.rs", row.test);
            let is_file = [inside, beside].iter().any(|path| std::path::Path::new(path).is_file());
            assert!(is_file, "{row:?}");
        }
    }

    #[test]
    fn a_message_says_what_whom_and_by_whom() {
        let mut error = EtwError::new(Call::Start, code::NO_SYSTEM_RESOURCES, "etwatch-noisy");
        error.holders = vec!["EventLog-System".to_owned(), "DiagTrack".to_owned()];
        let expected = "all slots for sessions are taken, by EventLog-System, DiagTrack: `etwatch-noisy` \
                        (StartTrace gave Windows error 1450)";
        assert_eq!(error.to_string(), expected);
        assert!(error.remedy().contains("logman stop"));
        assert_eq!(error.exit_code(), 6);
    }
}
