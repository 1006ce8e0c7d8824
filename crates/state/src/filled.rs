//! Which fields the events of a layout may be given here, and by what: the tables of this crate, to be read.
//!
//! What is *given* is what the event itself does not tell. Whether there is something to give is another
//! question: a process table that was never told a user has none to give. So each field comes with what it
//! hangs on:
//!
//! ```text
//! file_event  ParentImage     the process in ProcessId; its parent's start must have told Image
//! file_change TargetFilename  the handle in FileObject or FileKey
//! ```

use etwatch_event::{Activity, Layout, Vocabulary};

use crate::file_facts;
use crate::fill::{Fill, Plan, Relation};
use crate::names::given;
use crate::processes::Whose;

/// A field that events of a layout are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Its name.
    pub field: &'static str,
    /// Fields, of which one at least must be there to find it.
    pub by: Vec<String>,
    /// What gives it.
    pub from: FilledFrom,
}

/// What gives a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilledFrom {
    /// What is known of a process.
    Process {
        /// Which process of the event.
        whose: Whose,
        /// That process, its parent, or its parent's parent.
        relation: Relation,
        /// The field by which the start of that process tells it; `None` for what is made here.
        told: Option<&'static str>,
    },
    /// The name behind a handle of a file or key.
    Handle,
    /// The name that DNS last answered with an address.
    Dns,
    /// The modules of the process that a thread was started in.
    Modules,
    /// The process that really created another.
    Creator,
    /// What the host said of the file whose path is in this field.
    File {
        /// The field.
        path: &'static str,
    },
}

/// The fields that events of `layout`, one of `vocabulary`, are given. `AncestorProcessGuid` is not among
/// them: it goes to any event that has a process, if a rule asks for it.
#[must_use]
pub fn filled(layout: &Layout, vocabulary: &Vocabulary) -> Vec<Filled> {
    let plan = Plan::of(layout, vocabulary);
    let activity = plan.role.activity;
    let mut all = Vec::new();
    for party in [&plan.actor, &plan.target] {
        let Some(id) = party.id else { continue };
        let by = vec![vocabulary.fields.name(id).to_owned()];
        for Fill { name, attribute, .. } in &party.fills {
            let (relation, told) = attribute.told();
            let from = FilledFrom::Process { whose: party.whose, relation, told };
            all.push(Filled { field: name, by: by.clone(), from });
        }
    }
    let mut add = |field, by: &[&str], from| {
        let by = by.iter().map(|name| (*name).to_owned()).collect();
        all.push(Filled { field, by, from });
    };
    for (field, by, from) in given(activity) {
        add(field, by, *from);
    }
    match activity {
        Activity::ThreadStart => {
            add("StartModule", &["StartAddress"], FilledFrom::Modules);
            add("StartUnbacked", &["StartAddress"], FilledFrom::Modules);
        }
        Activity::ProcessStart => {
            add("CreatorProcessId", &["ProcessId"], FilledFrom::Creator);
            add("CreatorImage", &["ProcessId"], FilledFrom::Creator);
        }
        _ => {}
    }
    if let Some((path, facts)) = file_facts::given(layout, vocabulary) {
        for fact in facts {
            add(fact.name(), &[path], FilledFrom::File { path });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use etwatch_event::Role;

    #[test]
    fn what_a_layout_is_given_says_what_it_hangs_on() {
        let mut vocabulary = Vocabulary::default();
        let [process, parent, file] = ["ProcessId", "ParentImage", "TargetFilename"]
            .map(|name| vocabulary.fields.intern(name));
        let activity = Activity::FileUse;
        let role = Role { activity, actor: Some(process), ..Role::default() };
        let layout = vocabulary.add_layout_of(&[process, parent, file], role);
        let given: Vec<_> = filled(vocabulary.layout(layout).unwrap(), &vocabulary)
            .into_iter()
            .map(|one| (one.field, one.by, one.from))
            .collect();
        let of_parent = FilledFrom::Process {
            whose: Whose::Actor,
            relation: Relation::Parent,
            told: Some("Image"),
        };
        let by = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            given,
            [
                ("ParentImage", by(&["ProcessId"]), of_parent),
                ("TargetFilename", by(&["FileObject", "FileKey"]), FilledFrom::Handle),
            ]
        );
    }
}
