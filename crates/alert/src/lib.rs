//! Alerts and where they go.
//!
//! A match becomes an [`Alert`]: what was found, on which host, by which process, and why. Its JSON
//! form is stable (`docs/alert.schema.json`). A [`Sink`] takes alerts in event order and says how many
//! of them are safely delivered.
//!
//! | module | holds |
//! |---|---|
//! | [`mod@alert`] | the alert and how it is made from a match |
//! | [`id`] | the id that a replay gives again |
//! | [`sink`] | what every sink does |
//! | [`json`] | one JSON object a line |
//! | [`pretty`] | a few lines for people |
//! | [`webhook`] | HTTP POST over TLS |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod alert;
pub mod id;
pub mod json;
pub mod pretty;
pub mod sink;
pub mod webhook;

pub use alert::{Alert, Builder, RuleReference};
pub use json::JsonSink;
pub use pretty::PrettySink;
pub use sink::{Sink, SinkError};
pub use webhook::{Encoding, Webhook, WebhookOptions};
