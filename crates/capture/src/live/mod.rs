//! Records as they happen: what all live sources share, whatever Windows does behind them.
//!
//! ```text
//! the thread that Windows calls back on       the thread that reads
//! header ─▶ wanted? ─▶ copy ─▶ batch ─▶ try_send ─────▶ next batch
//!                                 ▲ a flusher hands on what is not full
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`settings`] | which sessions are wanted, with which providers |
//! | [`receive`] | who is handed the records of a session |
//!
//! Nothing here knows Windows: a live session, a simulated one and a test drive the same code.

pub mod receive;
pub mod settings;

pub use receive::Receive;
pub use settings::{
    Buffers, ChannelSettings, ProcessSelector, ProviderSettings, SessionKind, SessionSettings,
};
