//! Which sessions are wanted, and what each is to deliver.
//!
//! The plan made from the rules, the configuration file and a library's user all say it in these words; who starts
//! sessions says nothing else to Windows.

use std::time::Duration;

use etwatch_event::Guid;

/// Which kind of session it is (`EVENT_TRACE_SYSTEM_LOGGER_MODE` or not).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// A system logger: the kernel's classic events, by their flags (`EVENT_TRACE_FLAG_*`).
    System {
        /// `EVENT_TRACE_FLAG_PROCESS` 0x1, `_THREAD` 0x2, `_IMAGE_LOAD` 0x4, …
        flags: u32,
    },
    /// A session of providers.
    #[default]
    User,
}

/// The buffers of a session (`EVENT_TRACE_PROPERTIES`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Kilobytes of one buffer.
    pub kilobytes: u32,
    /// How many there are at least.
    pub minimum: u32,
    /// How many there may be.
    pub maximum: u32,
    /// After which time a buffer is delivered that is not full.
    pub flush: Duration,
}

/// A session that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// Its name, by which it is found again after a crash.
    pub name: String,
    /// Whether it is a system logger.
    pub kind: SessionKind,
    /// Its buffers.
    pub buffers: Buffers,
    /// Whether a slow consumer of another session leaves this one alone
    /// (`EVENT_TRACE_INDEPENDENT_SESSION_MODE`).
    pub independent: bool,
    /// Whether its records may be dropped, and counted, while more come than can be worked on. Those of
    /// processes never are.
    pub may_drop: bool,
    /// Its providers; none for a system logger on a Windows before 11.
    pub providers: Vec<ProviderSettings>,
    /// Processes whose records are wanted alone; all if it is empty.
    pub only_processes: Vec<ProcessSelector>,
    /// Processes whose records are not wanted.
    pub not_processes: Vec<ProcessSelector>,
}

/// A process, as a filter names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessSelector {
    /// By its id.
    Id(u32),
    /// By the name of its image, without case: `svchost.exe`.
    Image(String),
}

/// A provider in a session (`EnableTraceEx2`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Which one it is.
    pub provider: Guid,
    /// What people call it: `Microsoft-Windows-Kernel-Process`.
    pub name: String,
    /// Events with one of these keywords; 0 is all events.
    pub any: u64,
    /// Of those, events with all of these keywords.
    pub all: u64,
    /// The most verbose level that is wanted, 1 to 5; 0 is all.
    pub level: u8,
    /// The ids that are wanted, in ascending order; empty is all.
    pub ids: Vec<u16>,
    /// Whether it is asked to tell what there is already (`EVENT_CONTROL_CODE_CAPTURE_STATE`).
    pub capture_state: bool,
    /// `EVENT_ENABLE_PROPERTY_*`: what is to be written beside each event.
    pub properties: u32,
    /// Data of a filter of the provider's own (`EVENT_FILTER_TYPE_SCHEMATIZED`, as Kernel-Registry takes), with its type.
    pub filter: Option<(u32, Vec<u8>)>,
}
