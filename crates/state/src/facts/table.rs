//! The facts: one table, from which the code that counts, the examination of rules and the documents follow.

use etwatch_event::Activity;
use serde::{Deserialize, Serialize};

use Activity as A;

/// What is known of what a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the rows of the table say what they are")]
pub enum Fact {
    Age,
    UnsignedImages,
    UserWritableImages,
    ImageNames,
    RemoteThreads,
    UnbackedThreads,
    SensitiveHandles,
    FilesWritten,
    Children,
    BytesOut,
    BytesIn,
    Endpoints,
    CreatorDiffers,
}

/// What the values of a fact are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// Whole seconds.
    Seconds,
    /// How often something happened.
    Count,
    /// How many different things there were, at most [`super::MOST`].
    Distinct,
    /// Bytes.
    Bytes,
    /// Names, in the order in which they came, at most [`super::MOST`].
    List,
    /// `true` or `false`.
    Flag,
}

/// A fact.
#[derive(Clone, Copy, Debug)]
pub struct FactRow {
    /// Which.
    pub fact: Fact,
    /// The end of its fields' names, after that of the holder.
    pub name: &'static str,
    /// What its values are.
    pub kind: FactKind,
    /// What it says.
    pub meaning: &'static str,
    /// The events that tell it.
    pub told_by: &'static [Activity],
    /// The category that these must have, if any will not do.
    pub category: Option<&'static str>,
    /// Of these fields one at least must be there; none if nothing is needed.
    pub fields: &'static [&'static str],
}

/// All facts, in the order of [`Fact`].
pub const TABLE: [FactRow; 13] = [
    FactRow {
        fact: Fact::Age,
        name: "Age",
        kind: FactKind::Seconds,
        meaning: "time since its start",
        told_by: &[A::ProcessStart, A::ProcessRundown],
        category: None,
        fields: &[],
    },
    FactRow {
        fact: Fact::UnsignedImages,
        name: "UnsignedImages",
        kind: FactKind::Distinct,
        meaning: "images mapped into it that are known to have no valid signature, its own file among them",
        told_by: &[A::ImageLoad],
        category: None,
        fields: &["Signed"],
    },
    FactRow {
        fact: Fact::UserWritableImages,
        name: "UserWritableImages",
        kind: FactKind::Distinct,
        meaning: "images mapped into it from folders that ordinary users can write to, its own file among them",
        told_by: &[A::ImageLoad, A::ImageRundown],
        category: None,
        fields: &["ImageLoaded"],
    },
    FactRow {
        fact: Fact::ImageNames,
        name: "ImageNames",
        kind: FactKind::List,
        meaning: "names, without folders, of the images mapped into it",
        told_by: &[A::ImageLoad, A::ImageRundown],
        category: None,
        fields: &["ImageLoaded"],
    },
    FactRow {
        fact: Fact::RemoteThreads,
        name: "RemoteThreads",
        kind: FactKind::Count,
        meaning: "threads that others started in it (`create_remote_thread`)",
        told_by: &[A::ThreadStart],
        category: Some("create_remote_thread"),
        fields: &[],
    },
    FactRow {
        fact: Fact::UnbackedThreads,
        name: "UnbackedThreads",
        kind: FactKind::Count,
        meaning: "threads started in it at an address that belongs to no image",
        told_by: &[A::ThreadStart],
        category: None,
        fields: &["StartUnbacked", "StartModule"],
    },
    FactRow {
        fact: Fact::SensitiveHandles,
        name: "SensitiveHandles",
        kind: FactKind::Count,
        meaning: "times that it opened a sensitive process with a right to do more than look at it",
        told_by: &[A::ProcessAccess],
        category: None,
        fields: &["TargetImage"],
    },
    FactRow {
        fact: Fact::FilesWritten,
        name: "FilesWritten",
        kind: FactKind::Count,
        meaning: "times that it created or overwrote a file (`file_event`), the same file several times in a row once",
        told_by: &[A::FileOpen, A::FileUse],
        category: Some("file_event"),
        fields: &[],
    },
    FactRow {
        fact: Fact::Children,
        name: "Children",
        kind: FactKind::Count,
        meaning: "processes that it created, by the creator where that is known, else by the parent",
        told_by: &[A::ProcessStart],
        category: None,
        fields: &["ParentProcessId"],
    },
    FactRow {
        fact: Fact::BytesOut,
        name: "BytesOut",
        kind: FactKind::Bytes,
        meaning: "what it sent over TCP and UDP",
        told_by: &[A::Send, A::Connection],
        category: None,
        fields: &["size"],
    },
    FactRow {
        fact: Fact::BytesIn,
        name: "BytesIn",
        kind: FactKind::Bytes,
        meaning: "what it received over TCP and UDP",
        told_by: &[A::Receive, A::Connection],
        category: None,
        fields: &["size"],
    },
    FactRow {
        fact: Fact::Endpoints,
        name: "Endpoints",
        kind: FactKind::Distinct,
        meaning: "addresses with port that it connected or sent datagrams to",
        told_by: &[A::Connection],
        category: None,
        fields: &["DestinationIp"],
    },
    FactRow {
        fact: Fact::CreatorDiffers,
        name: "CreatorDiffers",
        kind: FactKind::Flag,
        meaning: "whether another process created it than the parent it was given",
        told_by: &[A::ProcessStart],
        category: None,
        fields: &["CreatorProcessId"],
    },
];

impl FactRow {
    /// Its field of a holder.
    #[must_use]
    pub fn field(&self, holder: Holder) -> String {
        format!("{}{}", holder.prefix(), self.name)
    }
    /// The field that says since when it was counted.
    #[must_use]
    pub fn since_field(&self, holder: Holder) -> String {
        format!("{}Since", self.field(holder))
    }
}

impl Fact {
    /// Whether something must be remembered for it beside what the process table knows.
    pub(super) fn is_counted(self) -> bool {
        !matches!(self, Self::Age | Self::CreatorDiffers)
    }
}

/// Whose fact it is, seen from an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The process that acts; of a start, the one that started.
    Actor,
    /// The parent of that.
    Parent,
    /// The process that it was done to.
    Target,
}

impl Holder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Actor, Self::Parent, Self::Target];

    /// How the names of its fields begin.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Actor => "Process",
            Self::Parent => "ParentProcess",
            Self::Target => "TargetProcess",
        }
    }
}

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FactSet(u16);

impl FactSet {
    pub(super) fn add(&mut self, fact: Fact) {
        self.0 |= 1 << (fact as u16);
    }
    pub(super) fn has(self, fact: Fact) -> bool {
        self.0 & 1 << (fact as u16) != 0
    }
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Those of the table that are in it.
    pub(super) fn iter(self) -> impl Iterator<Item = Fact> {
        TABLE.iter().map(|row| row.fact).filter(move |fact| self.has(*fact))
    }
}

impl FromIterator<Fact> for FactSet {
    fn from_iter<I: IntoIterator<Item = Fact>>(facts: I) -> Self {
        let mut set = Self::default();
        facts.into_iter().for_each(|fact| set.add(fact));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_facts_and_no_name_comes_twice() {
        let mut names: Vec<_> = TABLE
            .iter()
            .flat_map(|row| Holder::ALL.map(|holder| [row.field(holder), row.since_field(holder)]))
            .flatten()
            .collect();
        assert!(TABLE.iter().enumerate().all(|(index, row)| row.fact as usize == index));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len() * 6);
    }

    #[test]
    fn a_set_has_what_was_added() {
        let mut set: FactSet = [Fact::Age, Fact::CreatorDiffers].into_iter().collect();
        assert!(set.has(Fact::Age) && !set.has(Fact::Children));
        set.add(Fact::Children);
        let other = [Fact::Children, Fact::BytesIn].into_iter().collect();
        assert_eq!(set.and(other).iter().collect::<Vec<_>>(), [Fact::Children]);
        assert_eq!(set.without(other), [Fact::Age, Fact::CreatorDiffers].into_iter().collect());
        assert!(FactSet::default().is_empty());
    }
}
