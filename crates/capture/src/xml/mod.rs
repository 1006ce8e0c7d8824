//! Events in the XML that Windows renders: what a channel hands out live, and what `wevtutil qe /f:xml`, Event
//! Viewer and `ToXml()` of PowerShell write into files.
//!
//! An event of a log is binary XML, and both the `.evtx` reader and Windows make text of it: the one JSON, the
//! other XML. So this reader makes of the XML the JSON that the other would have made, and gives it to the same
//! parser: names, the taking off of `UserData`'s element, repeated names and the header are the same because it is
//! the same code that decides them.
//!
//! ```text
//! <Event><System><EventID>1</EventID>…<EventData><Data Name='Image'>C:\a.exe</Data>
//!    ▼ tree        elements, attributes and texts, no entity left
//!    ▼ json        {"Event":{"System":{"EventID":1,…},"EventData":{"Image":"C:\\a.exe"}}}
//!    ▼ RecordParser, as for any record of an event log
//! ```
//!
//! What the XML no longer says is the type of a value: a number is text there. `json` tells what is done about it.
//!
//! | module | holds |
//! |---|---|
//! | `tree` | the elements of one event |
//! | `json` | the same as the JSON that the other reader makes |
//! | `event` | from the text of an event to a record |
//! | `block` | the texts of many events, decoded on any thread |
//! | `split` | where events begin and end in a file, without parsing them |
//! | `reader` | the events of a file, block by block |

mod block;
mod event;
mod json;
mod reader;
mod split;
mod tree;

pub use block::XmlBlock;
pub(crate) use event::XmlParser;
pub use reader::Reader;
pub(crate) use split::shows_event;
