//! An alert as a reader of its JSON line sees it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What tests look at; `docs/alert.schema.json` has all of it. An alert of a rule has `event`, one of a
/// correlation `events`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Alert {
    pub(crate) id: String,
    pub(crate) time: Option<String>,
    pub(crate) rule: Rule,
    pub(crate) host: Option<String>,
    pub(crate) process: Option<Process>,
    #[serde(default)]
    pub(crate) matched: Vec<Value>,
    #[serde(default)]
    pub(crate) event: Event,
    #[serde(default)]
    pub(crate) events: Vec<Link>,
}

/// An event in the chain of a correlation, and the rule that it matched.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Link {
    pub(crate) rule: Rule,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: Option<String>,
    pub(crate) title: String,
    pub(crate) level: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: Option<u32>,
    pub(crate) image: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Event {
    pub(crate) provider: Option<String>,
    pub(crate) id: Option<u64>,
    pub(crate) source: Source,
    pub(crate) fields: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) record: u64,
}
