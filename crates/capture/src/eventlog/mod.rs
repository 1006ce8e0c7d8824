//! Channels of the event log as they are written: what has no twin in ETW, and what others recorded before us.
//!
//! A subscription to a channel waits for whoever reads it: Windows keeps the events in the channel's file until they
//! are asked for. So nothing is dropped here when much comes at once; the reader just reads later. What can be lost
//! is what Windows itself overwrites or an administrator clears before it was read, and that is told.
//!
//! ```text
//! EvtSubscribe ─▶ EvtNext ─▶ EvtRender: XML ─▶ block of many channels ─▶ Piece::Xml, decoded on any worker
//!      ▲ after the bookmark                        │ the bookmark of each channel behind its last event
//!      └────────────────── folder of state ◀───────┘ once the block was handed on
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | the few questions that Windows is asked |
//! | `windows` | the same, asked of this Windows |
//! | [`fake`] | the same, answered by a script |
//! | [`subscription`] | all channels of a run: reading, going on after failures, what was lost |
//! | [`bookmarks`] | where each channel was left, kept over restarts |
//! | [`error`] | why Windows refuses, and what can be done |
//!
//! Security, System and Application are there on every Windows; Sysmon's channel where Sysmon is
//! ([`SYSMON`]). A channel that is missing or refused is told and asked for again from time to time: it may come with
//! a feature that is installed later.

pub mod api;
pub mod bookmarks;
pub mod error;
pub mod fake;
pub mod subscription;
#[cfg(windows)]
mod windows;

pub use api::{ChannelEvents, EventLog, Start};
pub use bookmarks::{BookmarkError, Bookmarks};
pub use error::{Call, EventLogError, Kind};
pub use subscription::{
    ChannelRequest, ChannelState, ChannelStatus, Next, Subscription, SubscriptionSettings,
};
#[cfg(windows)]
pub use windows::LocalEventLog;

/// The channel that Sysmon writes to.
pub const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";
