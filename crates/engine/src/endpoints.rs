//! Known-good endpoints as they are written: `endpoints.yaml`.
//!
//! ```yaml
//! - why: the inventory agent calls home each five minutes
//!   names: ["*.inventory.example"]
//!   cidr: [192.0.2.0/24]
//!   processes: ['*\agent.exe']
//! ```
//!
//! Of what an entry names one of each must be met. Without a file of the user's, the one in this folder holds.

use std::path::Path;

use etwatch_state::flows::{Entry, KnownGood, Malformed, Network, Pattern};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

const BUILT_IN: &str = include_str!("endpoints.yaml");

/// Why a file of endpoints can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointsError {
    /// It can't be read.
    #[error("{path}: {source}; name a file that can be read")]
    Io {
        /// The file.
        path: String,
        /// What was refused.
        source: std::io::Error,
    },
    /// It is not of the right form.
    #[error("{path}: {source}")]
    Form {
        /// The file.
        path: String,
        /// What is wrong, and where.
        source: serde_yaml::Error,
    },
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct WrittenPattern(Pattern);

impl TryFrom<String> for WrittenPattern {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Pattern::parse(&text).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct WrittenNetwork(Network);

impl TryFrom<String> for WrittenNetwork {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Network::parse(&text).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// For people.
    #[serde(default, rename = "why")]
    _why: Option<String>,
    #[serde(default)]
    names: Vec<WrittenPattern>,
    #[serde(default)]
    cidr: Vec<WrittenNetwork>,
    #[serde(default)]
    processes: Vec<WrittenPattern>,
}

/// An entry. What is wrong with it as a whole is found while it is visited: only then the error has its line.
struct Written(Entry);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Written;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an entry with `names`, `cidr` or `processes`")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        let fields = Fields::deserialize(MapAccessDeserializer::new(map))?;
        let patterns = |all: Vec<WrittenPattern>| all.into_iter().map(|one| one.0).collect();
        let entry = Entry {
            names: patterns(fields.names),
            networks: fields.cidr.into_iter().map(|one| one.0).collect(),
            processes: patterns(fields.processes),
        };
        if entry == Entry::default() {
            let what = "an entry names nothing; give it `names`, `cidr` or `processes`";
            return Err(A::Error::custom(what));
        }
        Ok(Written(entry))
    }
}

fn read(text: &str) -> Result<KnownGood, serde_yaml::Error> {
    let written: Vec<Written> = serde_yaml::from_str(text)?;
    Ok(KnownGood::new(written.into_iter().map(|one| one.0).collect()))
}

/// Those that are part of the program.
///
/// # Errors
/// [`EndpointsError::Form`] if the file is malformed, which the tests of this crate exclude.
pub fn built_in() -> Result<KnownGood, EndpointsError> {
    let path = "endpoints.yaml".to_owned();
    read(BUILT_IN).map_err(|source| EndpointsError::Form { path, source })
}

/// Those of a file, in place of the program's own.
///
/// # Errors
/// [`EndpointsError`] if it can't be read or is malformed; it names file and line, and what to write.
pub fn load(path: &Path) -> Result<KnownGood, EndpointsError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => read(&text).map_err(|source| EndpointsError::Form { path: name, source }),
        Err(source) => Err(EndpointsError::Io { path: name, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_ones_know_this_machine_and_the_clock() {
        let good = built_in().unwrap();
        let service = "c:\\windows\\system32\\svchost.exe";
        let far = "198.51.100.1".parse().unwrap();
        assert!(good.has("", "127.0.0.1".parse().unwrap(), None));
        assert!(good.has(service, far, Some("time.windows.com")));
        assert!(!good.has("c:\\evil.exe", far, Some("time.windows.com")));
        assert!(!good.has(service, far, None));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_to_write() {
        for (text, line, what) in [
            ("- why: x\n  names: [a.example]\n- cidr: [192.0.2.1/24]\n", 3, "192.0.2.0/24"),
            ("- names: [a]\n- names: ['*']\n", 2, "name what is known"),
            ("- names: [a]\n\n- {nams: [a]}\n", 3, "expected one of"),
            ("- names: [a]\n- why: x\n", 2, "`processes`"),
            ("- names: a\n", 1, "sequence"),
        ] {
            let error = read(text).err().unwrap().to_string();
            assert!(error.contains(&format!("line {line}")) && error.contains(what), "{error}");
        }
    }
}
