//! Where each field of a log source comes from, on each kind of input; or why from nowhere.
//!
//! Rules name fields of log sources. What is there depends on who tells the event, and so on the input:
//!
//! ```text
//! taxonomy rows ──by provider──▶ recorded    rename, compose, constants over the layouts of payloads
//!                                given       by the state of the host, if it can know it on that input
//!                                asked       of a running machine, live alone
//!                                ▼
//! process_creation, Image        live, etl   ImageName of Kernel-Process 1
//!                                evtx        Sysmon 1, NewProcessName of Security-Auditing 4688
//! ```
//!
//! All of it is worked out from the tables by which events are decoded, normalised and completed, so it can't
//! say anything else than what is done. What the tables can't know, such as that Sysmon alone hashes files in
//! a recording, stands in `taxonomy/inputs.yaml` of `normalise`.
//!
//! | module | holds |
//! |---|---|
//! | `facts` | which facts of processes an input can tell |
//! | `layouts` | the fields that payloads have |
//! | `live` | the rows of the taxonomy as a plan for a running machine looks at them |
//! | `recorded` | what a row makes of the fields of a payload |
//! | `row` | the rows of the taxonomy with their fields, by kind of input |
//! | `reach` | the same for the examination of rules |
//! | `words` | how it is written |

mod facts;
mod layouts;
mod live;
mod reach;
mod recorded;
mod row;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{LogSource, Vocabulary};
use etwatch_normalise::convert::Conversion;
use etwatch_normalise::{InputKind, Inputs, Table, Taxonomy};
use etwatch_state::{FilledFrom, Relation};
use serde::Serialize;

use crate::engine::EngineError;
use row::RowSources;

pub(crate) use live::{LiveKind, live_kinds};
pub use reach::input_events;

/// The provider whose names of fields are Sigma's.
pub(crate) const SYSMON: &str = "Microsoft-Windows-Sysmon";

/// A field of a log source and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldSource {
    /// The category or service.
    pub log_source: String,
    /// The name in rules.
    pub field: String,
    /// From a running machine, see [`InputKind::Live`].
    pub live: Availability,
    /// From a recording of ETW.
    pub etl: Availability,
    /// From event logs.
    pub evtx: Availability,
}

/// Whether a field is there, on one kind of input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It comes from these; one at least. Not each event of the log source has to have it.
    From(Vec<Origin>),
    /// It is not there, and why; an empty reason is a gap of `taxonomy/inputs.yaml`.
    Absent(String),
}

/// One way in which a field comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Origin {
    /// The provider, class or channel that tells it; none for what its host knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The ids of its events, for a class their opcodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<u32>,
    /// How.
    pub way: Way,
}

/// How a field comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A field of the payload.
    Payload {
        /// Its name there.
        name: String,
        /// What is done to its value.
        #[serde(skip_serializing_if = "Option::is_none")]
        conversion: Option<String>,
    },
    /// A field of the header.
    Header {
        /// Its name.
        name: String,
    },
    /// Put together from fields of the payload.
    Composed {
        /// How.
        template: String,
    },
    /// Cut out of a field of the payload.
    Extracted {
        /// Of which.
        name: String,
    },
    /// The event implies it.
    Constant {
        /// The value.
        value: String,
    },
    /// What is remembered of a process: which one, and which of its fields; none for its GUID.
    Process {
        /// The process.
        process: &'static str,
        /// The field of its start.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'static str>,
    },
    /// The name behind a handle, told when it was opened.
    Handle,
    /// The name that DNS last answered with the address: a guess.
    Dns,
    /// The modules of the process.
    Modules,
    /// The process that really created another.
    Creator,
    /// Derived from what other events tell.
    Derived,
    /// Read from the file whose path is in this field, while it is there.
    File {
        /// The field with the path.
        path: String,
    },
    /// Asked of the process with this id, while it runs.
    OpenProcess {
        /// The field with the id.
        id: String,
    },
}

impl Way {
    /// What the state of a host gives.
    fn of_state(from: FilledFrom) -> Self {
        use etwatch_state::processes::Whose;
        match from {
            FilledFrom::Process { whose, relation, told } => {
                let process = match (whose, relation) {
                    (Whose::Actor, Relation::Itself) => "the process",
                    (Whose::Actor, Relation::Parent) => "its parent",
                    (Whose::Actor, Relation::GrandParent) => "its parent's parent",
                    (Whose::Source, Relation::Itself) => "the source",
                    (Whose::Source, Relation::Parent) => "the source's parent",
                    (Whose::Source, Relation::GrandParent) => "the source's parent's parent",
                    (Whose::Target, Relation::Itself) => "the target",
                    (Whose::Target, Relation::Parent) => "the target's parent",
                    (Whose::Target, Relation::GrandParent) => "the target's parent's parent",
                };
                Self::Process { process, field: told }
            }
            FilledFrom::Handle => Self::Handle,
            FilledFrom::Dns => Self::Dns,
            FilledFrom::Modules => Self::Modules,
            FilledFrom::Creator => Self::Creator,
            FilledFrom::File { path } => Self::File { path: path.to_owned() },
        }
    }

    /// The same with its value converted.
    fn converted(self, how: Conversion) -> Self {
        match self {
            Self::Payload { name, .. } => {
                Self::Payload { name, conversion: Some(words::conversion(how)) }
            }
            other => other,
        }
    }
}

/// Where all fields come from.
#[derive(Debug)]
pub struct FieldSources {
    rows: Vec<RowSources>,
    inputs: Inputs,
}

impl FieldSources {
    /// By the tables that are part of the program.
    ///
    /// # Errors
    /// [`EngineError::Table`] if a built-in table is malformed.
    pub fn built_in() -> Result<Self, EngineError> {
        let (table, inputs) = (Table::built_in()?, Inputs::built_in()?);
        let mut vocabulary = Vocabulary::default();
        let taxonomy = Taxonomy::compile(&table, &mut vocabulary)?;
        let rows = row::all(&table, &taxonomy, &inputs, &vocabulary);
        Ok(Self { rows, inputs })
    }

    /// The categories, then the services, each sorted.
    #[must_use]
    pub fn log_sources(&self) -> Vec<String> {
        let members = || self.rows.iter().flat_map(RowSources::members);
        let sorted = |part: fn(&LogSource) -> Option<&str>| -> BTreeSet<String> {
            members().filter_map(part).map(str::to_owned).collect()
        };
        let categories = sorted(|source| source.category.as_deref());
        let services = sorted(|source| source.service.as_deref());
        categories.into_iter().chain(services).collect()
    }

    /// Whether a log source is a category; others are services.
    #[must_use]
    pub fn is_category(&self, log_source: &str) -> bool {
        let is = |source: &LogSource| source.category.as_deref() == Some(log_source);
        self.rows.iter().any(|row| row.members().any(is))
    }

    /// The fields of a category or service, each once; none if there is no such log source.
    ///
    /// Of a category they are those that Sigma knows, which are Sysmon's where it has such events, and those
    /// that are added here; of a service those that its events are told with on some kind of input.
    #[must_use]
    pub fn of(&self, log_source: &str) -> Vec<FieldSource> {
        let is_category = self.is_category(log_source);
        let rows: Vec<_> = self.rows.iter().filter(|row| row.is_of(log_source)).collect();
        let has_sysmon = rows.iter().any(|row| row.is_by(SYSMON));
        let mut names: Vec<&str> = Vec::new();
        let known = rows.iter().flat_map(|row| {
            row.fields.iter().map(String::as_str).filter(|field| {
                if is_category { !has_sysmon || row.is_by(SYSMON) } else { row.is_recorded(field) }
            })
        });
        let added = rows.iter().flat_map(|row| &row.filled).filter(|one| {
            let of_process = matches!(one.from, FilledFrom::Process { .. });
            is_category && !(has_sysmon && of_process)
        });
        for name in known.chain(added.map(|one| one.field)) {
            if !names.contains(&name) && !HEADER_FIELDS.contains(&name) {
                names.push(name);
            }
        }
        let source = |name: &str| {
            let on = |kind| self.availability(&rows, log_source, name, kind);
            FieldSource {
                log_source: log_source.to_owned(),
                field: name.to_owned(),
                live: on(InputKind::Live),
                etl: on(InputKind::Etl),
                evtx: on(InputKind::Evtx),
            }
        };
        names.into_iter().map(source).collect()
    }

    fn availability(
        &self,
        rows: &[&RowSources],
        log_source: &str,
        field: &str,
        on: InputKind,
    ) -> Availability {
        let mut merged: BTreeMap<(Way, Option<String>), Vec<u32>> = BTreeMap::new();
        let mut order = Vec::new();
        for origin in rows.iter().flat_map(|row| row.on(on).origins.get(field)).flatten() {
            let key = (origin.way.clone(), origin.provider.clone());
            let ids = merged.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                Vec::new()
            });
            ids.extend(&origin.ids);
        }
        let origins = order.into_iter().map(|key| {
            let mut ids = merged.get(&key).cloned().unwrap_or_default();
            ids.sort_unstable();
            ids.dedup();
            let (way, provider) = key;
            Origin { provider, ids, way }
        });
        let origins: Vec<_> = origins.collect();
        if !origins.is_empty() {
            return Availability::From(origins);
        }
        let reason = self.inputs.why_absent(&[log_source], Some(field), on);
        let withheld = || {
            let telling = rows.iter().filter(|row| row.is_recorded(field));
            telling.filter_map(|row| row.on(on).withheld.as_deref()).next()
        };
        Availability::Absent(reason.or_else(withheld).unwrap_or_default().to_owned())
    }
}

impl FieldSource {
    /// Where it comes from on a kind of input.
    #[must_use]
    pub fn on(&self, kind: InputKind) -> &Availability {
        match kind {
            InputKind::Live => &self.live,
            InputKind::Etl => &self.etl,
            InputKind::Evtx => &self.evtx,
        }
    }
}
