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
//! | [`capture`] | [`Capture`]: from settings to the two ends of the hand-off |
//! | [`receive`] | who is handed the records of a session |
//! | [`intake`] | [`Intake`]: what the callback does |
//! | [`filter`] | which records are wanted, by their header |
//! | [`refilter`] | the same, while a session runs |
//! | [`images`] | processes by the names of their images |
//! | `process_start` | starts of processes, read without a schema |
//! | `aside` | records that came while another thread had the desk |
//! | `desk` | where batches are made and handed on |
//! | [`buffer`] | records in one arena |
//! | [`flush`] | batches that are not full |
//! | [`batch`] | [`LiveBatch`]: what a feed hands out |
//! | [`feed`] | [`Feed`]: the reading side |
//! | [`schemas`] | asked from Windows, on their way into the stream |
//! | [`loss`] | what Windows lost, and a second witness |
//! | [`counters`] | what is counted, by reason |
//!
//! Nothing here knows Windows: a live session, a simulated one and a test drive the same code.

mod aside;
pub mod batch;
pub mod buffer;
pub mod capture;
pub mod counters;
mod desk;
pub mod feed;
pub mod filter;
pub mod flush;
pub mod images;
pub mod intake;
pub mod loss;
mod process_start;
pub mod receive;
pub mod refilter;
pub mod schemas;
pub mod settings;

pub use batch::LiveBatch;
pub use buffer::{BufferSize, RecordBuffer};
pub use capture::{Builder, Capture};
pub use counters::{Counters, Dropped, Filtered, Unseen};
pub use feed::{Feed, Next};
pub use filter::HeaderFilter;
pub use flush::{Flush, Flusher};
pub use images::{ProcessFilter, ProcessImages, TooManyImages};
pub use intake::Intake;
pub use receive::{Receive, guarded};
pub use refilter::Refilter;
pub use schemas::{Describe, DescribeError, Schemas};
pub use settings::{
    Buffers, ChannelSettings, ProcessSelector, ProviderSettings, SessionKind, SessionSettings,
};

#[cfg(test)]
mod tests;
