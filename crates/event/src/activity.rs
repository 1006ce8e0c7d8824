//! What an event means for the memory of its host.
//!
//! Which provider said it, and under which names, is the business of the taxonomy tables: a row of them
//! names an [`Activity`], and gives the fields that are listed with it their Sigma or Windows names. Who
//! remembers (processes, modules, names behind handles) works with activities alone, so that a classic event,
//! a manifest's and a recorded log's are one to it.
//!
//! An event has an *actor*, the process that did it, whose id is in the field that [`Role::actor`] names
//! (`ProcessId`, or `SourceProcessId` where there is a target as well), and may have a *target*, the process
//! that it was done to (`TargetProcessId`).

use crate::field::FieldId;
use crate::logsource::LogSourceSetId;

macro_rules! activities {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What happened. Each lists the fields that are looked at besides the actor's and the target's.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Activity {
            /// Nothing that a host's memory learns from.
            #[default]
            Other,
            $($(#[$doc])* $name,)*
        }
        impl Activity {
            /// All of them, with the words that tables use.
            pub const ALL: &[(Self, &str)] = &[$((Self::$name, $word)),*];
        }
    };
}

activities! {
    /// A process started: `ProcessId`, `ParentProcessId`, `CreateTime`, `ProcessSequenceNumber`,
    /// `ParentProcessSequenceNumber`, `ProcessGuid`, `ParentProcessGuid`, `Image`, `CommandLine`, `User`,
    /// `LogonId`, `LogonGuid`, `TerminalSessionId`, `IntegrityLevel`, `CurrentDirectory`,
    /// `OriginalFileName`, `ParentImage`, `ParentCommandLine`, `ParentUser`. `Execution_ProcessID` is the
    /// real creator if the event was recorded from ETW.
    ProcessStart = "process start",
    /// A process that was running when recording began (or ended): the same fields.
    ProcessRundown = "process rundown",
    /// A process ended: `ProcessId`, `ProcessGuid`, `ProcessSequenceNumber`, `CreateTime`, `ExitCode`.
    ProcessEnd = "process end",
    /// A thread started in the target: `NewThreadId`, `StartAddress`.
    ThreadStart = "thread start",
    /// A thread that was running when recording began: `TargetProcessId`, `NewThreadId`.
    ThreadRundown = "thread rundown",
    /// An image was mapped into a process: `ProcessId`, `ImageBase`, `ImageSize`, `ImageLoaded`.
    ImageLoad = "image load",
    /// An image that was mapped when recording began: the same fields.
    ImageRundown = "image rundown",
    /// An image was unmapped: `ProcessId`, `ImageBase`.
    ImageUnload = "image unload",
    /// The actor opened the target: `GrantedAccess`.
    ProcessAccess = "process access",
    /// A file was opened or created, its name is told: `FileObject`, `TargetFilename`.
    FileOpen = "file open",
    /// The name behind a file key or file object is told and nothing else: `FileKey`, `FileObject`,
    /// `FileName`.
    FileName = "file name",
    /// The name behind a file key is no longer true: `FileKey`.
    FileNameEnd = "file name end",
    /// A file object is gone: `FileObject`, `FileKey`.
    FileClose = "file close",
    /// Something was done to a file, its name may have to be found: `FileObject`, `FileKey`,
    /// `TargetFilename`.
    FileUse = "file use",
    /// A file got another name: `FileObject`, `FileKey`, `TargetFilename` (the new one),
    /// `SourceFilename` (the old one, to be found).
    FileRename = "file rename",
    /// A key of the registry was opened or created: `KeyObject`, `BaseObject`, `BaseName`, `RelativeName`,
    /// `Status`, `TargetObject`.
    KeyOpen = "registry key open",
    /// The path behind a key is told and nothing else (key control blocks): `KeyObject`, `KeyName`.
    KeyName = "registry key name",
    /// A key's handle is gone: `KeyObject`.
    KeyClose = "registry key close",
    /// Something was done to a key, whose path may have to be found: `KeyObject`, `KeyName`,
    /// `TargetObject`.
    KeyUse = "registry key use",
    /// Something was done to a value of a key: `KeyObject`, `KeyName`, `ValueName`, `TargetObject`.
    ValueUse = "registry value use",
    /// A connection was made or accepted, or a datagram passed, which has a `size` as well: `Protocol`,
    /// `Initiated`, `SourceIp`, `SourcePort`, `DestinationIp`, `DestinationPort`, `DestinationHostname`.
    Connection = "connection",
    /// The actor sent bytes: the same fields, and `size`. The source is the local end.
    Send = "send",
    /// The actor received bytes: the same.
    Receive = "receive",
    /// A connection ended: the same fields.
    Disconnection = "disconnection",
    /// A name was looked up: `QueryName`, `QueryType`, `QueryStatus`, `QueryResults`.
    DnsQuery = "dns query",
    /// A part of a script: `ScriptBlockId`, `ScriptBlockText`, `MessageNumber`, `MessageTotal`.
    ScriptPart = "script part",
    /// An account signed on: `TargetUserSid`, `TargetUserName`, `TargetDomainName`, `TargetLogonId`.
    Logon = "logon",
    /// Windows was started: `StartTime`, if the event tells it.
    Boot = "boot",
    /// The host was asked about a file: `FileName`, `Failure`, `Volume`, `FileId`, `FileSize`, `Changed`,
    /// `Answered`, `Hashes`, `OriginalFileName`, `FileVersion`, `Description`, `Product`, `Company`,
    /// `Signature`, `SignatureStatus`.
    FileFacts = "file facts",
}

/// What the events of a layout are for the memory of their host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// What happened.
    pub activity: Activity,
    /// The field with the id of the process that did it.
    pub actor: Option<FieldId>,
    /// The field with the id of the process that it was done to.
    pub target: Option<FieldId>,
    /// The log sources that the event has if who remembers finds that it is one of them (a thread that was
    /// started in another process), in place of those it came with.
    pub alternative: Option<LogSourceSetId>,
}

impl Activity {
    /// The activity that tables mean by `word`.
    ///
    /// ```
    /// use etwatch_event::Activity;
    /// assert_eq!(Activity::parse("thread start"), Some(Activity::ThreadStart));
    /// ```
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == word).map(|(activity, _)| *activity)
    }
    /// Whether the event tells only what the engine needs to know, and rules have nothing to say to it.
    #[must_use]
    pub fn is_bookkeeping(self) -> bool {
        matches!(
            self,
            Self::ProcessRundown
                | Self::ThreadRundown
                | Self::ImageRundown
                | Self::FileName
                | Self::FileNameEnd
                | Self::KeyName
                | Self::FileFacts
        )
    }
}
