//! What a process did so far, as fields: "a process that has loaded an unsigned image opens lsass" is a plain
//! Sigma rule.
//!
//! A fact is a row of one table ([`TABLE`]): its name, what it counts, which events tell it. Its fields begin
//! with whose it is ([`Holder`]), and each has a twin that says since when it was counted:
//!
//! ```text
//! ProcessUnsignedImages, ProcessUnsignedImagesSince     of the process that acts
//! ParentProcessUnsignedImages …                         of its parent
//! TargetProcessUnsignedImages …                         of the process that it was done to
//! ```
//!
//! When an event's turn comes, its fields are filled first, and only then is counted what the event itself
//! tells: a value is as of just before the event.
//!
//! ```text
//! 9:00.0 image load   x.dll, Signed false     ProcessUnsignedImages 0
//! 9:00.1 image load   y.dll, Signed false     ProcessUnsignedImages 1
//! 9:00.2 access       to lsass.exe            ProcessUnsignedImages 2
//! ```
//!
//! Only facts that some loaded rule names are kept and told ([`Facts::named`] looks them up; nothing here gives
//! a name its number). Without any an event costs two comparisons more and a host no memory.
//!
//! What is counted lies beside the rows of the process table, and goes with its row. Things that are counted
//! once, however often they are told (images, endpoints), are kept as hashes, at most [`MOST`] of each kind of a
//! process: a count that has come so far stays, and means "at least". All of a host take at most
//! [`MOST_BYTES`]; beyond, of sixteen neighbours the process with most is forgotten, so that one who floods
//! loses first, and counts of those forgotten begin anew, as their `…Since` tells.
//!
//! | file | holds |
//! |---|---|
//! | `table` | the facts |
//! | `named` | those that rules name, and how they are told |
//! | `told` | what an event tells of processes |
//! | `kept` | what is remembered |
//! | `entry` | the same of one process |
//! | `saved` | the same from one run to the next |
//! | `places` | folders of users, processes worth protecting |

mod entry;
mod kept;
mod named;
mod places;
mod saved;
mod table;
#[cfg(test)]
mod tests;
mod told;

pub use entry::MOST;
pub(crate) use kept::ENTRY_BYTES;
pub(crate) use kept::FactTable;
pub use kept::{FactLimits, MOST_BYTES};
pub use named::Facts;
pub use places::{PROTECTED, SENSITIVE, USER_WRITABLE};
pub(crate) use saved::SavedFacts;
pub use table::{Fact, FactKind, FactRow, Holder, TABLE};
pub(crate) use told::{FactFields, Telling};
