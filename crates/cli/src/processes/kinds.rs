//! What an event is about, by its log sources.
//!
//! An event carries several log sources at once (`registry_event` and `registry_set`); the first row of
//! [`KINDS`] that one of them fits tells its kind. This is worked out once for each set of log sources. What
//! the layout of an event says of processes' starts and ends stands above that: bookkeeping has no log source.

use etwatch_event::{Activity, Event, LogSource, Vocabulary};

/// What an event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A process started.
    Start,
    /// A process that was running already.
    Rundown,
    /// A process ended.
    End,
    /// A thread was started in another process.
    RemoteThread,
    /// A process was opened.
    Access,
    /// An image was replaced or hidden.
    Tampering,
    /// A connection was made or accepted.
    Connection,
    /// A name was looked up.
    Dns,
    /// A module was loaded.
    Module,
    /// A named stream of a file was created.
    Stream,
    /// An executable file was created.
    Executable,
    /// A file was created or overwritten.
    FileCreated,
    /// A file was deleted.
    FileDeleted,
    /// A file was renamed.
    FileRenamed,
    /// The times of a file were changed.
    FileTime,
    /// A disk was read past the file system.
    RawDisk,
    /// A key was created.
    KeyCreated,
    /// A key or value was deleted.
    RegistryDeleted,
    /// A value was set.
    ValueSet,
    /// A key or value was renamed.
    RegistryRenamed,
    /// Something else in the registry.
    Registry,
    /// A named pipe was created or opened.
    Pipe,
    /// A permanent subscription of WMI.
    WmiSubscription,
    /// An operation of WMI.
    WmiOperation,
    /// A script of PowerShell.
    Script,
    /// A command of PowerShell with its arguments.
    Command,
    /// Something else.
    #[default]
    Other,
}

/// Categories and services, the more telling ones first.
const KINDS: &[(&str, Kind)] = &[
    ("process_creation", Kind::Start),
    ("process_termination", Kind::End),
    ("create_remote_thread", Kind::RemoteThread),
    ("process_access", Kind::Access),
    ("process_tampering", Kind::Tampering),
    ("network_connection", Kind::Connection),
    ("dns_query", Kind::Dns),
    ("image_load", Kind::Module),
    ("create_stream_hash", Kind::Stream),
    ("file_executable_detected", Kind::Executable),
    ("file_event", Kind::FileCreated),
    ("file_delete", Kind::FileDeleted),
    ("file_rename", Kind::FileRenamed),
    ("file_change", Kind::FileTime),
    ("raw_access_thread", Kind::RawDisk),
    ("registry_add", Kind::KeyCreated),
    ("registry_delete", Kind::RegistryDeleted),
    ("registry_set", Kind::ValueSet),
    ("registry_rename", Kind::RegistryRenamed),
    ("registry_event", Kind::Registry),
    ("pipe_created", Kind::Pipe),
    ("wmi_event", Kind::WmiSubscription),
    ("ps_script", Kind::Script),
    ("ps_module", Kind::Command),
    ("wmi", Kind::WmiOperation),
];

/// The kind of each set of log sources of a vocabulary.
#[derive(Debug)]
pub(crate) struct Kinds(Vec<Kind>);

impl Kinds {
    /// Those of `vocabulary`.
    pub(crate) fn of(vocabulary: &Vocabulary) -> Self {
        Self(vocabulary.sets().iter().map(|set| kind(set.members())).collect())
    }

    /// What an event is about.
    pub(crate) fn kind(&self, event: &Event<'_>) -> Kind {
        match event.layout().role().activity {
            Activity::ProcessStart => Kind::Start,
            Activity::ProcessRundown => Kind::Rundown,
            Activity::ProcessEnd => Kind::End,
            _ => self.0.get(event.source_set().index()).copied().unwrap_or_default(),
        }
    }
}

fn kind(sources: &[LogSource]) -> Kind {
    let has = |word: &str| {
        let is = |part: &Option<Box<str>>| part.as_deref() == Some(word);
        sources.iter().any(|source| is(&source.category) || is(&source.service))
    };
    KINDS.iter().find(|(word, _)| has(word)).map_or(Kind::Other, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_log_sources_the_more_telling_one_counts() {
        let source = |category| LogSource::new(Some(category), Some("windows"), Some("sysmon"));
        assert_eq!(kind(&[source("registry_event"), source("registry_set")]), Kind::ValueSet);
        assert_eq!(kind(&[source("registry_event")]), Kind::Registry);
        assert_eq!(kind(&[LogSource::new(None, Some("windows"), Some("wmi"))]), Kind::WmiOperation);
        assert_eq!(kind(&[]), Kind::Other);
    }

    /// Every word is one that the taxonomy gives to some event.
    #[test]
    fn each_word_is_in_the_taxonomy() {
        let engine =
            etwatch_engine::Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None)
                .unwrap();
        let sets = engine.vocabulary.sets();
        for (word, expected) in KINDS {
            let found = sets.iter().any(|set| kind(set.members()) == *expected);
            assert!(found, "no event is a {word}");
        }
    }
}
