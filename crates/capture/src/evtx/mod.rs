//! Windows' event-log files, chunk by chunk, and a short cut through their records.
//!
//! A file is a 4 KiB header and chunks of 64 KiB, each with its own strings, templates and records:
//! a chunk is decoded without the others, and damage in one leaves the others whole.
//!
//! A record can be read in two ways. The crate `evtx` decodes any record to JSON text, which is read once by
//! the streaming reader of [`crate::json`]; this way is the truth, and all errors are told by it. But nearly
//! all records are a template with values put in its gaps. Two records with the same templates, whose values
//! have the same types and are empty at the same places, differ in nothing but what the values say. So the
//! first such record is read in full, it is found out where each value went (the *form*), and the records
//! after it are read by the form: from the bytes of the values straight to the fields of the record.
//!
//! ```text
//! template   <Event><System>…<EventID>%0</EventID>…<EventData><Data Name="Image">%1</Data>
//! values     %0 UInt16 = 1        %1 string = C:\a.exe
//! in full    {"Event":{"System":{"EventID":1},…"EventData":{"Image":"C:\\a.exe"}}}
//! form       EventID = number %0      Image = text %1
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `reader` | the chunks of a file, in order |
//! | `chunk` | the records of a chunk, each by the shorter way that can be taken |
//! | `records` | where records begin and end |
//! | `tokens` | the tokens of a template definition |
//! | `template` | definitions, told from each other by what they say |
//! | `instance` | the values of a record, and what records with the same form have in common |
//! | `value` | from the bytes of a value to what its field holds |
//! | `align` | which value of the JSON text is which value of the record |
//! | `forms` | forms, learned and recalled |

mod align;
mod chunk;
mod forms;
mod instance;
mod reader;
mod records;
mod template;
mod tokens;
mod value;

pub use chunk::EvtxChunk;
pub(crate) use chunk::EvtxDecoder;
pub use reader::{FILE_MAGIC, Reader};
