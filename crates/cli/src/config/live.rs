//! The part of `etwatch.toml` that is about sessions: what is changed of the plan that rules come to.
//!
//! ```toml
//! [sessions]
//! sysmon = "ignore"
//! exclude_processes = ["backup.exe", 4242]
//! exclude_providers = ["Microsoft-Windows-Kernel-Registry"]
//!
//! [sessions.noisy]
//! buffer_kilobytes = 512
//!
//! [[providers]]
//! name = "Microsoft-Windows-RPC"
//! level = 4
//! ids = [5, 6]
//!
//! [[channels]]
//! path = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"
//! ```

use std::ops::RangeInclusive;

use etwatch_capture::live::ProcessSelector;
use etwatch_engine::LiveChanges;
use etwatch_engine::live_plan::changes::{BufferChanges, ExtraChannel, ExtraProvider};
use etwatch_engine::live_plan::{SessionRole, table::WrittenGuid};
use serde::Deserialize;

/// Kilobytes of a buffer that Windows takes.
const KILOBYTES: RangeInclusive<u32> = 4..=16_384;
/// Buffers of a session: with more, the kernel's memory goes to them.
const BUFFERS: RangeInclusive<u32> = 2..=4096;
/// Milliseconds until a buffer is handed on.
const FLUSH: RangeInclusive<u64> = 1..=60_000;

/// `[sessions]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsTable {
    sysmon: Option<SysmonUse>,
    independent: Option<bool>,
    #[serde(default)]
    only_processes: Vec<WrittenProcess>,
    #[serde(default)]
    exclude_processes: Vec<WrittenProcess>,
    #[serde(default)]
    exclude_providers: Vec<String>,
    #[serde(default)]
    system: BufferTable,
    #[serde(default)]
    lifecycle: BufferTable,
    #[serde(default)]
    noisy: BufferTable,
}

/// What Sysmon's log is good for, where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SysmonUse {
    Prefer,
    Ignore,
}

/// `[sessions.noisy]` and its like.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BufferTable {
    buffer_kilobytes: Option<u32>,
    minimum_buffers: Option<u32>,
    maximum_buffers: Option<u32>,
    flush_milliseconds: Option<u64>,
}

/// A process by its id or the name of its image.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the id of a process or the name of an image")]
enum WrittenProcess {
    Id(u32),
    Image(String),
}

impl WrittenProcess {
    fn selector(&self) -> ProcessSelector {
        match self {
            Self::Id(id) => ProcessSelector::Id(*id),
            Self::Image(name) => ProcessSelector::Image(name.clone()),
        }
    }
}

/// A mask: a number, or its text, since TOML's numbers end below the highest bit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Written")]
struct Mask(u64);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a mask such as 0x10 or \"0x8000000000000010\"")]
enum Written {
    Number(u64),
    Text(String),
}

impl TryFrom<Written> for Mask {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => {
                let digits = text.strip_prefix("0x").unwrap_or(&text);
                let number = u64::from_str_radix(digits, 16);
                number.map(Self).map_err(|_| format!("`{text}` is no mask; write it as 0x10"))
            }
        }
    }
}

/// One of `[[providers]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderTable {
    name: Option<String>,
    guid: Option<WrittenGuid>,
    session: Option<SessionRole>,
    #[serde(default)]
    any: Mask,
    #[serde(default)]
    all: Mask,
    #[serde(default)]
    level: u8,
    #[serde(default)]
    ids: Vec<u16>,
    #[serde(default)]
    properties: u32,
}

/// One of `[[channels]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelTable {
    path: String,
    #[serde(default)]
    ids: Vec<u16>,
}

impl ProviderTable {
    /// What is wrong with it as a whole.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.name.is_none() && self.guid.is_none() {
            return Err("one of [[providers]] has no name; name it by `name` or `guid`".to_owned());
        }
        if self.session == Some(SessionRole::System) {
            let why = "providers.session can't be system, which has the kernel's classes alone";
            return Err(format!("{why}; one of lifecycle, noisy"));
        }
        Ok(())
    }
}

impl SessionsTable {
    fn buffers(&self) -> [(SessionRole, BufferTable); 3] {
        [
            (SessionRole::System, self.system),
            (SessionRole::Lifecycle, self.lifecycle),
            (SessionRole::Noisy, self.noisy),
        ]
    }

    /// Values of the right type that still can't be used.
    pub(super) fn check(&self) -> Result<(), String> {
        for (role, table) in self.buffers() {
            let key = |name: &str| format!("sessions.{}.{name}", role.name());
            within(&key("buffer_kilobytes"), table.buffer_kilobytes, &KILOBYTES)?;
            within(&key("minimum_buffers"), table.minimum_buffers, &BUFFERS)?;
            within(&key("maximum_buffers"), table.maximum_buffers, &BUFFERS)?;
            within(&key("flush_milliseconds"), table.flush_milliseconds, &FLUSH)?;
        }
        Ok(())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &str,
    value: Option<T>,
    range: &RangeInclusive<T>,
) -> Result<(), String> {
    match value {
        Some(value) if !range.contains(&value) => {
            Err(format!("{key} can't be {value}; from {} to {}", range.start(), range.end()))
        }
        _ => Ok(()),
    }
}

/// What is changed of a plan.
pub(super) fn changes(
    sessions: &SessionsTable,
    providers: &[ProviderTable],
    channels: &[ChannelTable],
) -> LiveChanges {
    let buffers = sessions.buffers().map(|(role, table)| {
        let changes = BufferChanges {
            kilobytes: table.buffer_kilobytes,
            minimum: table.minimum_buffers,
            maximum: table.maximum_buffers,
            flush_milliseconds: table.flush_milliseconds,
            independent: sessions.independent,
        };
        (role, changes)
    });
    let selectors = |all: &[WrittenProcess]| all.iter().map(WrittenProcess::selector).collect();
    let channel = |table: &ChannelTable| {
        let ChannelTable { path, ids } = table;
        ExtraChannel { path: path.clone(), ids: ids.clone() }
    };
    LiveChanges {
        buffers: buffers.into(),
        only_processes: selectors(&sessions.only_processes),
        not_processes: selectors(&sessions.exclude_processes),
        not_providers: sessions.exclude_providers.clone(),
        providers: providers.iter().map(extra_provider).collect(),
        channels: channels.iter().map(channel).collect(),
        ignore_sysmon: sessions.sysmon == Some(SysmonUse::Ignore),
    }
}

fn extra_provider(table: &ProviderTable) -> ExtraProvider {
    let guid = table.guid.map(|guid| guid.0);
    let written = || guid.map(|guid| guid.to_string()).unwrap_or_default();
    ExtraProvider {
        name: table.name.clone().unwrap_or_else(written),
        guid,
        session: table.session.unwrap_or(SessionRole::Noisy),
        any: table.any.0,
        all: table.all.0,
        level: table.level,
        ids: table.ids.clone(),
        properties: table.properties,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn changes_of(text: &str) -> LiveChanges {
        Config::parse(text).unwrap().live_changes()
    }

    #[test]
    fn what_is_written_is_what_is_changed() {
        let changes = changes_of(
            "[sessions]\nsysmon = \"ignore\"\nindependent = false\nexclude_processes = [\"a.exe\", 7]\n\
             exclude_providers = [\"Microsoft-Windows-Kernel-File\"]\n\
             [sessions.noisy]\nbuffer_kilobytes = 512\n\
             [[providers]]\nname = \"P\"\nguid = \"6ad52b32-d609-4be9-ae07-ce8dae937e39\"\n\
             any = \"0x8000000000000010\"\nall = 0x10\nids = [5]\nsession = \"lifecycle\"\n\
             [[channels]]\npath = \"C\"\nids = [1]\n",
        );
        let noisy = changes.buffers[&SessionRole::Noisy];
        assert_eq!((noisy.kilobytes, noisy.independent), (Some(512), Some(false)));
        assert_eq!(changes.buffers[&SessionRole::System].kilobytes, None);
        let not = [ProcessSelector::Image("a.exe".into()), ProcessSelector::Id(7)];
        assert_eq!(changes.not_processes, not);
        assert_eq!(changes.not_providers, ["Microsoft-Windows-Kernel-File"]);
        assert!(changes.ignore_sysmon);
        let [provider] = changes.providers.as_slice() else { panic!("{changes:?}") };
        assert_eq!((provider.any, provider.all), (0x8000_0000_0000_0010, 0x10));
        assert_eq!(provider.session, SessionRole::Lifecycle);
        assert_eq!(changes.channels, [ExtraChannel { path: "C".into(), ids: vec![1] }]);
        assert!(!changes_of("[sessions]\nsysmon = \"prefer\"").ignore_sysmon);
    }

    #[test]
    fn a_slip_is_an_error_that_says_what_would_be_right() {
        for (text, expected) in [
            ("[sessions]\nexclude_proceses = []", "did you mean `exclude_processes`?"),
            ("[sessions.noisy]\nbuffer_kilobyte = 4", "did you mean `buffer_kilobytes`?"),
            ("[sessions.noisy]\nbuffer_kilobytes = 1", "noisy.buffer_kilobytes can't be 1; from 4"),
            ("[sessions.system]\nflush_milliseconds = 0", "system.flush_milliseconds can't be 0"),
            ("[sessions]\nsysmon = \"prefre\"", "did you mean `prefer`?"),
            ("[[providers]]\nname = \"P\"\nlevle = 4", "did you mean `level`?"),
            ("[[providers]]\nguid = \"7\"", "`7` is no GUID"),
            ("[[providers]]\nlevel = 4", "name it by `name` or `guid`"),
            ("[[providers]]\nname = \"P\"\nsession = \"system\"", "one of lifecycle, noisy"),
            ("[[providers]]\nname = \"P\"\nany = \"0xg\"", "`0xg` is no mask"),
            ("[[channels]]\npaht = \"P\"", "did you mean `path`?"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
