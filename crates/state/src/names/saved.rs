//! What is kept of names from one run to the next: what DNS answered, and the queries of the last second.
//!
//! Names behind handles are not kept. Windows gives a handle's number to another file as soon as it is closed, and
//! nobody tells of that while nobody records: a wrong name is worse than none, and a name is told again when recording
//! begins or the file is opened.

use etwatch_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::answers::Answer;
use super::queries::Query;
use super::{Limits, ObjectNames};

/// A name by what it is found by, and when it was told.
type Saved<K> = (K, Box<str>, u64);

/// The names of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedNames {
    answers: Vec<Saved<Answer>>,
    queries: Vec<Saved<Query>>,
}

fn saved<'n, K>(all: impl Iterator<Item = (K, &'n str, Timestamp)>) -> Vec<Saved<K>> {
    all.map(|(key, name, told)| (key, name.into(), told.filetime())).collect()
}

fn restored<K: Copy>(all: &[Saved<K>]) -> impl Iterator<Item = (K, &str, Timestamp)> {
    all.iter().map(|(key, name, told)| (*key, &**name, Timestamp::from_filetime(*told)))
}

impl ObjectNames {
    /// What is to be kept.
    pub(crate) fn saved(&self) -> SavedNames {
        let (answers, queries) = (&self.answers.names, &self.queries.names);
        SavedNames { answers: saved(answers.open()), queries: saved(queries.open()) }
    }
    /// Names that go on with what was kept.
    pub(crate) fn restored(limits: Limits, saved: &SavedNames) -> Self {
        let mut names = Self::new(limits);
        names.answers.names.learn_all(restored(&saved.answers));
        names.queries.names.learn_all(restored(&saved.queries));
        names
    }
}
