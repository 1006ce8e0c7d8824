//! Which fields of an event are filled with what is known of its processes.
//!
//! It is worked out once for each layout: a field that the layout has, and whose name stands for something of
//! the process that acted or of the one it was done to, is filled if the event came without it. A value that
//! was recorded is never replaced, be it `-`.
//!
//! A process has three names in Sigma's taxonomy. Where one process acts upon another, the fields of the two
//! begin with `Source` and `Target`; elsewhere, there is only the one that acts.

use etwatch_event::{Activity, FieldId, Layout, LayoutId, Role, Vocabulary};

use crate::file_facts::FactPlan;
use crate::processes::Whose;

/// What of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Guid,
    Image,
    CommandLine,
    CurrentDirectory,
    User,
    Integrity,
    LogonId,
    LogonGuid,
    Session,
    OriginalFileName,
    ParentGuid,
    ParentId,
    ParentImage,
    ParentCommandLine,
    ParentUser,
    GrandParentImage,
    GrandParentCommandLine,
}

use Attribute as A;

/// Whose it is, seen from the process of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// Its own.
    Itself,
    /// Its parent's.
    Parent,
    /// Its parent's parent's.
    GrandParent,
}

impl Attribute {
    /// Whose it is, and the field by which the start of that process tells it; `None` for what is made here.
    pub(crate) fn told(self) -> (Relation, Option<&'static str>) {
        use Relation::{GrandParent, Itself, Parent};
        match self {
            Self::Guid => (Itself, None),
            Self::Image => (Itself, Some("Image")),
            Self::CommandLine => (Itself, Some("CommandLine")),
            Self::CurrentDirectory => (Itself, Some("CurrentDirectory")),
            Self::User => (Itself, Some("User")),
            Self::Integrity => (Itself, Some("IntegrityLevel")),
            Self::LogonId => (Itself, Some("LogonId")),
            Self::LogonGuid => (Itself, Some("LogonGuid")),
            Self::Session => (Itself, Some("TerminalSessionId")),
            Self::OriginalFileName => (Itself, Some("OriginalFileName")),
            Self::ParentGuid => (Parent, None),
            Self::ParentId => (Itself, Some("ParentProcessId")),
            Self::ParentImage => (Parent, Some("Image")),
            Self::ParentCommandLine => (Parent, Some("CommandLine")),
            Self::ParentUser => (Parent, Some("User")),
            Self::GrandParentImage => (GrandParent, Some("Image")),
            Self::GrandParentCommandLine => (GrandParent, Some("CommandLine")),
        }
    }
}

/// Names of what belongs to the only process of an event.
const OWN: &[(&str, Attribute)] = &[
    ("ProcessGuid", A::Guid),
    ("Image", A::Image),
    ("CommandLine", A::CommandLine),
    ("User", A::User),
    ("IntegrityLevel", A::Integrity),
    ("ParentProcessGuid", A::ParentGuid),
    ("ParentProcessId", A::ParentId),
    ("ParentImage", A::ParentImage),
    ("ParentCommandLine", A::ParentCommandLine),
    ("ParentUser", A::ParentUser),
    ("GrandParentImage", A::GrandParentImage),
    ("GrandparentCommandLine", A::GrandParentCommandLine),
];

/// The same where the event is about the process itself: elsewhere, these names are of what it acted upon.
const STARTED: &[(&str, Attribute)] = &[
    ("CurrentDirectory", A::CurrentDirectory),
    ("LogonId", A::LogonId),
    ("LogonGuid", A::LogonGuid),
    ("TerminalSessionId", A::Session),
    ("OriginalFileName", A::OriginalFileName),
];

/// Names of what belongs to the process that acted upon another.
const SOURCE: &[(&str, Attribute)] = &[
    ("SourceProcessGuid", A::Guid),
    ("SourceProcessGUID", A::Guid),
    ("SourceImage", A::Image),
    ("SourceCommandLine", A::CommandLine),
    ("SourceUser", A::User),
    ("SourceParentProcessId", A::ParentId),
    ("SourceParentImage", A::ParentImage),
    ("SourceParentCommandLine", A::ParentCommandLine),
];

/// Names of what belongs to the process that was acted upon.
const TARGET: &[(&str, Attribute)] = &[
    ("TargetProcessGuid", A::Guid),
    ("TargetProcessGUID", A::Guid),
    ("TargetImage", A::Image),
    ("TargetCommandLine", A::CommandLine),
    ("TargetUser", A::User),
    ("TargetParentProcessId", A::ParentId),
    ("TargetParentImage", A::ParentImage),
    ("TargetParentCommandLine", A::ParentCommandLine),
];

/// A field that is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) name: &'static str,
    pub(crate) slot: usize,
    pub(crate) attribute: Attribute,
}

/// A process of an event: where its name stands, and what else is to be told of it.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) whose: Whose,
    /// The field with its process id.
    pub(crate) id: Option<FieldId>,
    /// The fields with its GUID.
    pub(crate) guid: Vec<FieldId>,
    /// The field with its image.
    pub(crate) image: Option<FieldId>,
    pub(crate) fills: Vec<Fill>,
}

/// What is filled in events of one layout.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) role: Role,
    pub(crate) actor: Party,
    pub(crate) target: Party,
    /// What it is given of the file that it is about.
    pub(crate) file: Option<FactPlan>,
}

impl Plan {
    /// For a layout of `vocabulary`.
    pub(crate) fn of(layout: &Layout, vocabulary: &Vocabulary) -> Self {
        let role = layout.role();
        let party = |whose: Whose, id: Option<FieldId>, names: &[&[(&'static str, Attribute)]]| {
            let (guid, fills, image) = (Vec::new(), Vec::new(), None);
            let mut party = Party { whose, id, guid, image, fills };
            if id.is_none() {
                return party;
            }
            for (name, attribute) in names.iter().copied().flatten() {
                let Some(field) = vocabulary.fields.id(name) else { continue };
                let Some(slot) = layout.slot(field) else { continue };
                match attribute {
                    A::Guid => party.guid.push(field),
                    A::Image => party.image = Some(field),
                    _ => {}
                }
                party.fills.push(Fill { name, slot, attribute: *attribute });
            }
            party
        };
        let is_source =
            role.actor.is_some() && role.actor == vocabulary.fields.id("SourceProcessId");
        let actor = match (is_source, role.activity) {
            (true, _) => party(Whose::Source, role.actor, &[SOURCE]),
            (false, Activity::ProcessStart) => party(Whose::Actor, role.actor, &[OWN, STARTED]),
            (false, _) => party(Whose::Actor, role.actor, &[OWN]),
        };
        let target = party(Whose::Target, role.target, &[TARGET]);
        Self { role, actor, target, file: FactPlan::of(layout, vocabulary) }
    }

    /// Whether events of the layout pass as they are.
    pub(crate) fn is_idle(&self) -> bool {
        self.role.activity == Activity::Other && self.actor.id.is_none() && self.target.id.is_none()
    }
}

/// The plans of all layouts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plans(Vec<Plan>);

impl Plans {
    /// For the layouts of `vocabulary`.
    pub(crate) fn new(vocabulary: &Vocabulary) -> Self {
        Self(vocabulary.layouts().iter().map(|layout| Plan::of(layout, vocabulary)).collect())
    }
    /// That of a layout; `None` for one of another vocabulary.
    pub(crate) fn of(&self, layout: LayoutId) -> Option<&Plan> {
        self.0.get(layout.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_of_the_layout_are_filled_by_the_names_of_their_party() {
        let mut vocabulary = Vocabulary::default();
        let names = ["Image", "ParentImage", "SourceProcessId", "SourceImage", "SourceProcessGUID"];
        let own: Vec<_> = names.iter().map(|name| vocabulary.fields.intern(name)).collect();
        let [image, parent, source, source_image, source_guid] = own[..] else {
            panic!("five names have five numbers")
        };
        let of_process = Role { actor: Some(FieldId::EXECUTION_PROCESS_ID), ..Role::default() };
        let of_two = Role { actor: Some(source), ..Role::default() };
        let layouts = [
            vocabulary.add_layout_of(&[image, source_image], of_process),
            vocabulary.add_layout_of(&[image, source_image, source_guid, source], of_two),
            vocabulary.add_layout(&[image, parent]),
        ];
        let plans = Plans::new(&vocabulary);
        let filled = layouts.map(|layout| {
            let fills = plans.of(layout).map(|plan| plan.actor.fills.as_slice());
            let fields = vocabulary.layout(layout).map(Layout::fields).unwrap_or_default();
            let field = |fill: &Fill| fields[fill.slot];
            fills.unwrap_or_default().iter().map(field).collect::<Vec<_>>()
        });
        assert_eq!(filled, [vec![image], vec![source_guid, source_image], vec![]]);
        assert!(plans.of(layouts[2]).is_some_and(Plan::is_idle));
    }
}
