//! The vocabulary every other crate speaks: time, values, processes, log sources, batches.
//!
//! A batch owns its bytes; an event is a view of one row, so nothing here allocates per event
//! once the buffers have grown to their working size.
//!
//! | module | holds | come here when |
//! |---|---|---|
//! | [`time`] | [`Timestamp`], 100 ns units since 1601 UTC | a clock or a window is involved |
//! | [`value`] | [`Value`], what a field can hold | a value type is missing |
//! | [`field`] | [`FieldTable`], names as small numbers | a field is addressed |
//! | [`logsource`] | [`LogSource`] and sets of them | a rule or event is routed |
//! | [`activity`] | [`Activity`], [`Role`]: what an event means for the memory of its host | something is remembered |
//! | [`vocabulary`] | [`Vocabulary`], [`Layout`]: what is fixed once rules and tables are loaded | a slot is needed |
//! | [`names`] | [`FieldNames`], shared by records alike | a record is worked on by name |
//! | [`raw`] | [`RawRecord`], what ETW writes before a schema explains it | bytes of ETW are read |
//! | [`record`] | [`RecordBatch`], what a source delivers, names as written | a source is added |
//! | [`template`] | [`RecordTemplate`], how the records of a kind begin | records are written fast |
//! | [`batch`] | [`EventBatch`] and its arena | an event is written |
//! | [`view`] | [`Event`], its fields and their values | an event is read |
//! | [`registry`] | the kernel's names of keys and Sigma's | a key is named |
//! | [`process`] | [`ProcessKey`] | a process is named across its life |
//! | [`fair`] | which entries of a full table go, by lineage | a table is bounded |
//! | [`random`] | [`random::Random`], the same numbers everywhere | a seed must determine what happens |
//! | [`ledger`] | [`Ledger`], where every record went | something is skipped |
//!
//! ```
//! use etwatch_event::Timestamp;
//! assert_eq!(Timestamp::from_unix_millis(0), Some(Timestamp::UNIX_EPOCH));
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod activity;
mod arena;
pub mod batch;
pub mod clock;
pub mod fair;
pub mod field;
pub mod ledger;
pub mod logsource;
pub mod names;
mod overflow;
pub mod process;
pub mod random;
pub mod raw;
pub mod record;
pub mod registry;
pub mod template;
pub mod time;
pub mod value;
pub mod view;
pub mod vocabulary;

pub use activity::{Activity, Role};
pub use batch::{Attribution, EventBatch, Origin};
pub use clock::Clock;
pub use field::{FieldId, FieldTable};
pub use ledger::{Ledger, ProviderCounts, Reason};
pub use logsource::{LogSource, LogSourceSet, LogSourceSetId};
pub use names::FieldNames;
pub use process::{ProcessIdentity, ProcessKey};
pub use raw::{ExtendedItem, RawForm, RawHeader, RawRecord};
pub use record::{RawValue, Record, RecordBatch, RecordBuilder, Shape};
pub use template::RecordTemplate;
pub use time::Timestamp;
pub use value::{Guid, Sid, Value};
pub use view::{Event, FieldValues, Piece};
pub use vocabulary::{Layout, LayoutId, Vocabulary};
