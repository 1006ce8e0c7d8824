//! ETW payload bytes to typed fields, by schema.
//!
//! EVTX and JSON arrive with their fields named, so nothing of this crate stands in their way; it
//! is empty until `.etl` files and live sessions bring raw payloads.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
