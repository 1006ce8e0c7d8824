//! `etwatch.toml`: what flags set; flags win.
//!
//! ```toml
//! rules = ["rules", "sigma"]
//! min_level = "medium"
//! format = "json"
//! memory = "200M"
//! endpoints = "known-good.yaml"
//!
//! [webhook]
//! url = "https://alerts.example.org/etwatch"
//! headers = { Authorization = "Bearer …" }
//!
//! [placeholders]
//! Administrators_Workstation = ["ws-admin-1", "ws-admin-2"]
//! ```
//!
//! An unknown key is an error that names the nearest known one. What is said of sessions is in [`live`].

mod live;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etwatch_alert::{Encoding, SinkError, WebhookOptions};
use etwatch_engine::{LiveChanges, MemoryLimit};
use etwatch_rules::Level;
use etwatch_rules::sigma::value::Placeholders;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::size::parse_memory;

const FILE: &str = "etwatch.toml";
/// More threads than this are a slip of the keyboard; each costs memory before it does anything.
pub(crate) const WORKERS: u16 = 1024;
/// Seconds an attempt to deliver may take: a run waits that long, and longer than this is no wait.
const TIMEOUT: RangeInclusive<u64> = 1..=3600;

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file can't be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What was refused.
        source: std::io::Error,
    },
    /// The file is not of the right form.
    #[error("{path}: {what}")]
    Form {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        what: String,
    },
}

/// What standard output gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A few lines an alert, for people
    #[default]
    Pretty,
    /// One JSON object a line, for programs
    Json,
    /// Nothing
    None,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Files or folders of rules.
    #[serde(default)]
    rules: Vec<PathBuf>,
    min_level: Option<String>,
    /// What standard output gets.
    pub(crate) format: Option<Format>,
    /// A file for alerts as JSON lines.
    pub(crate) output: Option<PathBuf>,
    /// Worker threads.
    pub(crate) workers: Option<usize>,
    /// How much may be remembered.
    #[serde(default, deserialize_with = "memory")]
    pub(crate) memory: Option<MemoryLimit>,
    /// A file of known-good endpoints.
    pub(crate) endpoints: Option<PathBuf>,
    webhook: Option<WebhookTable>,
    #[serde(default)]
    placeholders: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    sessions: live::SessionsTable,
    #[serde(default)]
    providers: Vec<live::ProviderTable>,
    #[serde(default)]
    channels: Vec<live::ChannelTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookTable {
    url: Option<String>,
    encoding: Option<EncodingName>,
    batch: Option<usize>,
    timeout_seconds: Option<u64>,
    attempts: Option<u32>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    certificate_authorities: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EncodingName {
    Json,
    Ndjson,
}

impl Config {
    /// Reads the file that was named, or `etwatch.toml` here if there is one.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        let default = Path::new(FILE);
        let path = match named {
            Some(path) => path,
            None if default.is_file() => default,
            None => return Ok(Self::default()),
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Io { path: name.clone(), source })?;
        Self::parse(&text).map_err(|what| ConfigError::Form { path: name, what })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let hint = hint(error.message()).map(|near| format!("did you mean `{near}`?\n"));
            format!("{error}{}", hint.unwrap_or_default())
        })?;
        config.check_values()?;
        Ok(config)
    }

    /// Values of the right type that still can't be used.
    fn check_values(&self) -> Result<(), String> {
        if let Some(level) = &self.min_level
            && Level::parse(level).is_none()
        {
            let levels = Level::ALL.map(Level::name).join(", ");
            return Err(format!("min_level can't be `{level}`; one of {levels}"));
        }
        if let Some(workers) = self.workers
            && workers > usize::from(WORKERS)
        {
            return Err(format!(
                "workers can't be {workers}; from 1 to {WORKERS}, or 0 for one a processor"
            ));
        }
        let seconds = self.webhook.as_ref().and_then(|table| table.timeout_seconds);
        if let Some(seconds) = seconds
            && !TIMEOUT.contains(&seconds)
        {
            let (least, most) = (TIMEOUT.start(), TIMEOUT.end());
            return Err(format!(
                "webhook.timeout_seconds can't be {seconds}; from {least} to {most}"
            ));
        }
        self.providers.iter().try_for_each(live::ProviderTable::check)?;
        self.sessions.check()
    }

    /// The rules: those of the flags, else those of the file, else `rules`.
    pub(crate) fn rule_paths(&self, flags: &[PathBuf]) -> Vec<PathBuf> {
        match (flags, self.rules.as_slice()) {
            ([], []) => vec![PathBuf::from("rules")],
            ([], own) => own.to_vec(),
            (flags, _) => flags.to_vec(),
        }
    }
    /// The lowest level of rules to evaluate.
    pub(crate) fn min_level(&self) -> Option<Level> {
        self.min_level.as_deref().and_then(Level::parse)
    }
    /// Values of placeholders.
    pub(crate) fn placeholders(&self) -> Placeholders {
        self.placeholders.iter().map(|(name, values)| (name.clone(), values.clone())).collect()
    }
    /// What is changed of the plan for a running machine.
    pub(crate) fn live_changes(&self) -> LiveChanges {
        live::changes(&self.sessions, &self.providers, &self.channels)
    }
    /// The webhook to use: the flag's URL, else the file's, with the file's other settings.
    pub(crate) fn webhook_options(
        &self,
        flag: Option<&str>,
    ) -> Result<Option<WebhookOptions>, SinkError> {
        let table = self.webhook.as_ref();
        let Some(url) = flag.or_else(|| table.and_then(|table| table.url.as_deref())) else {
            return Ok(None);
        };
        let mut options = WebhookOptions::new(url);
        let Some(table) = table else { return Ok(Some(options)) };
        if let Some(encoding) = table.encoding {
            options.encoding = match encoding {
                EncodingName::Json => Encoding::Json,
                EncodingName::Ndjson => Encoding::Ndjson,
            };
        }
        options.batch = table.batch.unwrap_or(options.batch);
        options.attempts = table.attempts.unwrap_or(options.attempts);
        options.timeout = table.timeout_seconds.map_or(options.timeout, Duration::from_secs);
        options.headers = table.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        if let Some(path) = &table.certificate_authorities {
            let pem = std::fs::read(path).map_err(|source| SinkError::Setup {
                sink: "webhook".to_owned(),
                what: format!("certificates in {}: {source}", path.display()),
            })?;
            options.authorities = Some(pem);
        }
        Ok(Some(options))
    }
}

/// A size with a unit.
fn memory<'de, D: Deserializer<'de>>(from: D) -> Result<Option<MemoryLimit>, D::Error> {
    let text = String::deserialize(from)?;
    parse_memory(&text).map(Some).map_err(D::Error::custom)
}

/// The known key that is nearest to an unknown one, from serde's list of what was expected.
fn hint(message: &str) -> Option<&str> {
    let mut names = message.split('`').skip(1).step_by(2);
    let is_unknown = ["unknown field", "unknown variant"].iter().any(|it| message.starts_with(it));
    let unknown = is_unknown.then(|| names.next()).flatten()?;
    etwatch_rules::diagnostic::nearest(unknown, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error_with_its_line_and_the_nearest_key() {
        let error = Config::parse("format = \"json\"\nmin_levle = \"high\"\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("did you mean `min_level`?"), "{error}");
        let error = Config::parse("[webhook]\nurll = \"x\"\n").unwrap_err();
        assert!(error.contains("did you mean `url`?"), "{error}");
        assert!(Config::parse("min_level = \"huge\"").unwrap_err().contains("informational"));
    }

    #[test]
    fn a_value_out_of_its_range_is_an_error_with_its_key() {
        for bad in [0, 3601, u64::MAX] {
            let text = format!("[webhook]\ntimeout_seconds = {bad}\n");
            let error = Config::parse(&text).unwrap_err();
            assert!(error.contains("timeout_seconds"), "{error}");
        }
        assert!(Config::parse("[webhook]\ntimeout_seconds = 3600\n").is_ok());
        assert!(Config::parse("workers = 1025").unwrap_err().contains("workers"));
        assert!(Config::parse("memory = \"1M\"").unwrap_err().contains("the least is 16M"));
        assert!(Config::parse("memory = \"64M\"").is_ok());
        assert!(Config::parse("workers = 0").is_ok() && Config::parse("workers = 1024").is_ok());
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_default() {
        let config = Config::parse("rules = [\"a\"]").unwrap();
        assert_eq!(config.rule_paths(&["b".into()]), [PathBuf::from("b")]);
        assert_eq!(config.rule_paths(&[]), [PathBuf::from("a")]);
        assert_eq!(Config::default().rule_paths(&[]), [PathBuf::from("rules")]);
    }
}
