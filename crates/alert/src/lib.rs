//! Alerts and where they go.
//!
//! A match becomes an [`Alert`]: what was found, on which host, by which process, and why. Workers
//! write it down in the forms that sinks ask for; its JSON form is stable (`docs/alert.schema.json`). A
//! [`Sink`] takes alerts in event order and says how many of them are safely delivered.
//!
//! | module | holds |
//! |---|---|
//! | [`mod@alert`] | the alert, and what it says of its event |
//! | [`id`] | the id that a replay gives again |
//! | [`writer`] | matches to alerts, written in the forms that are asked for |
//! | [`derived`] | events that etwatch makes, as sinks get them beside alerts |
//! | [`telemetry`] | what etwatch tells of itself, as sinks get it beside alerts |
//! | `line` | the JSON form of an alert |
//! | `evidence` | what alerts of correlations tell of an event |
//! | [`correlation`] | alerts of correlations |
//! | [`sink`] | what every sink does |
//! | [`queued`] | a sink with a thread of its own |
//! | [`object`] | objects of JSON, written member by member |
//! | [`json`] | one JSON object a line |
//! | [`pretty`] | a few lines for people |
//! | [`webhook`] | HTTP POST over TLS |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod alert;
pub mod correlation;
pub mod derived;
mod evidence;
pub mod id;
pub mod json;
mod line;
pub mod object;
pub mod pretty;
pub mod queued;
pub mod sink;
pub mod telemetry;
pub mod webhook;
pub mod writer;

pub use alert::{Alert, ProcessFields, Subject};
pub use derived::DerivedWriter;
pub use json::JsonSink;
pub use pretty::PrettySink;
pub use queued::QueuedSink;
pub use sink::{Form, Forms, Sink, SinkError};
pub use webhook::{Encoding, Webhook, WebhookOptions};
pub use writer::{AlertTexts, AlertWriter};
