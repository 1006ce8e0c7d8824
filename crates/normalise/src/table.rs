//! The taxonomy tables as they are written, read strictly.
//!
//! A file is a list of logs, a log has rows, a row is an event id or several; an unknown key is an error. The
//! tables are part of the program, so an error in one is found by the tests and not by a user.
//!
//! Classic events of the kernel all have the id 0 and are told apart by their class and opcode. A log names
//! classes beside providers, and then the `id` of a row is the opcode of the class as well: TcpIp and
//! Kernel-Network have one log.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::condition::Condition;
use crate::convert::Conversion;

/// Why a table was refused.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The YAML is not of the tables' form.
    #[error("taxonomy/{file}: {source}")]
    Form {
        /// The file.
        file: String,
        /// What is wrong and where.
        source: serde_yaml::Error,
    },
    /// A row contradicts itself.
    #[error("taxonomy, event {id:?} ({name}): {what}")]
    Row {
        /// The event ids.
        id: Vec<u32>,
        /// The row's name.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// What a provider writes to its channels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Names of the providers; none where the channel alone decides.
    pub provider: Vec<String>,
    /// Names of classes of the kernel, the opcodes of which are the ids of the rows.
    #[serde(default)]
    pub class: Vec<String>,
    /// Names of the channels, every spelling that occurs.
    pub channel: Vec<String>,
    /// Sigma's service of these channels.
    pub service: Option<String>,
    /// Known fields of all its events besides the System header's.
    #[serde(default)]
    pub fields: Vec<String>,
    /// The field with the id of the process that did it, for rows that list it and name no other.
    #[serde(default)]
    pub actor: Option<String>,
    /// A row an event id, or several.
    #[serde(default)]
    pub events: Vec<EventRow>,
}

/// What is known of an event id, or of several alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRow {
    /// The event ids.
    pub id: OneOrMany<u32>,
    /// What it says, for people.
    pub name: String,
    /// The row holds only if each of these Windows fields has a value for which the condition holds.
    #[serde(default)]
    pub when: BTreeMap<String, Condition>,
    /// The ids that Sysmon gives to such events, which rules of their categories may ask for: further values
    /// of `EventID`, behind the event's own.
    #[serde(default)]
    pub sysmon: Vec<u32>,
    /// Sigma's categories.
    #[serde(default)]
    pub category: Vec<String>,
    /// What it means for the memory of its host, in the words of [`etwatch_event::Activity`].
    #[serde(default)]
    pub activity: Option<String>,
    /// Sigma's name of the field with the id of the process that did it.
    #[serde(default)]
    pub actor: Option<String>,
    /// Sigma's name of the field with the id of the process that it was done to.
    #[serde(default)]
    pub target: Option<String>,
    /// The categories that it has instead if the memory of its host says so.
    #[serde(default)]
    pub may_be: Vec<String>,
    /// Known fields, in the provider's order.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Windows' name: Sigma's name, or several. The Windows name stays, unless it is another one's target.
    #[serde(default)]
    pub rename: BTreeMap<String, OneOrMany<String>>,
    /// Sigma's name: templates of Windows fields; the first that is complete is taken. `{Sid:account}` is
    /// the name of a service's account, which Windows' logs call by the name of the machine.
    #[serde(default)]
    pub compose: BTreeMap<String, Vec<String>>,
    /// Sigma's name: parts of the text of Windows fields; the first that is there is taken.
    #[serde(default)]
    pub extract: BTreeMap<String, Vec<Extract>>,
    /// Sigma's name: whole values and what they become.
    #[serde(default)]
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// Sigma's name: conversion.
    #[serde(default)]
    pub convert: BTreeMap<String, Conversion>,
    /// Windows' names that mean something else than elsewhere, once their values have others.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Sigma's name: the value that the event implies.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
}

/// A part of the text of a field.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// The field.
    pub from: String,
    /// The part begins behind the first of these.
    pub after: String,
    /// It ends before the next of these, or with the text.
    pub before: String,
}

/// One, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// All tables of the program.
#[derive(Clone, Debug)]
pub struct Table {
    /// The logs of all files, in the order of the files.
    pub logs: Vec<Log>,
}

macro_rules! tables {
    ($($file:literal),* $(,)?) => {
        const FILES: &[(&str, &str)] = &[$(($file, include_str!(concat!("../taxonomy/", $file)))),*];
    };
}
tables!(
    "application.yaml",
    "applications.yaml",
    "defender.yaml",
    "derived.yaml",
    "devices.yaml",
    "host.yaml",
    "kernel.yaml",
    "kernel-file.yaml",
    "kernel-network.yaml",
    "kernel-process.yaml",
    "kernel-registry.yaml",
    "logon.yaml",
    "management.yaml",
    "network.yaml",
    "powershell.yaml",
    "security.yaml",
    "servers.yaml",
    "sysmon.yaml",
    "system.yaml",
);

impl Table {
    /// Reads the tables that are part of the program.
    ///
    /// # Errors
    /// [`TableError`] if one is malformed, which the tests of this crate exclude.
    pub fn built_in() -> Result<Self, TableError> {
        let mut logs = Vec::new();
        for (file, text) in FILES {
            let read: Result<Vec<Log>, _> = serde_yaml::from_str(text);
            let read =
                read.map_err(|source| TableError::Form { file: (*file).to_owned(), source })?;
            logs.extend(read);
        }
        Ok(Self { logs })
    }
}
