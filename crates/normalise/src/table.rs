//! The taxonomy tables as they are written, read strictly.
//!
//! A file is a list of logs, a log has rows, a row is one event id; an unknown key is an error. The
//! tables are part of the program, so an error in one is found by the tests and not by a user.

use std::collections::BTreeMap;

use serde::Deserialize;

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
    #[error("taxonomy, event {id} ({name}): {what}")]
    Row {
        /// The event id.
        id: u32,
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
    /// Names of the channels, every spelling that occurs.
    pub channel: Vec<String>,
    /// Sigma's service of these channels.
    pub service: Option<String>,
    /// Known fields of all its events besides the System header's.
    #[serde(default)]
    pub fields: Vec<String>,
    /// A row an event id.
    #[serde(default)]
    pub events: Vec<EventRow>,
}

/// What is known of one event id.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRow {
    /// The event id.
    pub id: u32,
    /// What it says, for people.
    pub name: String,
    /// The row holds only if each of these Windows fields has one of the values.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
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
    /// Windows' name: Sigma's name. The Windows name stays, unless it is another one's target.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Sigma's name: templates of Windows fields; the first that is complete is taken.
    #[serde(default)]
    pub compose: BTreeMap<String, Vec<String>>,
    /// Sigma's name: whole values and what they become.
    #[serde(default)]
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// Sigma's name: conversion.
    #[serde(default)]
    pub convert: BTreeMap<String, Conversion>,
    /// Sigma's name: the value that the event implies.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
}

/// A conversion of a value, see [`crate::convert`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// `0x1a4c` to the number.
    Hexadecimal,
    /// `S-1-16-12288` to `High`.
    IntegrityLevel,
    /// `\REGISTRY\MACHINE\…` to `HKLM\…`.
    RegistryPath,
    /// A number to `0x1fffff`.
    AccessMask,
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
    "devices.yaml",
    "kernel.yaml",
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
