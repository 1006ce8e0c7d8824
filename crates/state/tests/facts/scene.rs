//! A host whose facts are asked for: events come at times in milliseconds, and what they were told is read.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::Arc;

use etwatch_event::{
    Activity, EventBatch, FieldId, LayoutId, Ledger, LogSource, LogSourceSet, LogSourceSetId,
    Origin, Role, Shape, Timestamp, Value, Vocabulary,
};
use etwatch_state::facts::{Holder, TABLE};
use etwatch_state::saved::Saved;
use etwatch_state::{Derivation, DerivedKind, Facts, Outline, Settings, State, Wanted};

const FIELDS: &[&str] = &[
    "ProcessId",
    "FileObject",
    "ParentProcessId",
    "Image",
    "CommandLine",
    "ProcessGuid",
    "CreateTime",
    "SourceProcessId",
    "SourceImage",
    "TargetProcessId",
    "TargetImage",
    "GrantedAccess",
    "NewThreadId",
    "StartAddress",
    "StartModule",
    "StartUnbacked",
    "ImageBase",
    "ImageSize",
    "ImageLoaded",
    "Signed",
    "TargetFilename",
    "Protocol",
    "Initiated",
    "SourceIp",
    "SourcePort",
    "DestinationIp",
    "DestinationPort",
    "size",
    "TargetProcessGuid",
    "User",
    "TargetUserSid",
    "TargetUserName",
    "TargetDomainName",
    "QueryName",
    "QueryType",
    "QueryResults",
    "DestinationHostname",
    "ScriptBlockId",
    "ScriptBlockText",
    "MessageNumber",
    "MessageTotal",
    "FileName",
    "Answered",
    "Hashes",
    "SignatureStatus",
    "FileId",
    "Volume",
    "FileSize",
    "Changed",
    "Unavailable",
];

/// The names of all fields that say a fact, without those that say since when.
pub(crate) fn all_names() -> Vec<String> {
    TABLE.iter().flat_map(|row| Holder::ALL.map(|holder| row.field(holder))).collect()
}

/// A host.
pub(crate) struct Scene {
    vocabulary: Arc<Vocabulary>,
    layouts: Vec<(Activity, LayoutId)>,
    categories: Vec<(&'static str, LogSourceSetId)>,
    pub(crate) shape: Shape,
    pub(crate) state: State,
    pub(crate) ledger: Ledger,
    pub(crate) out: EventBatch,
    input: EventBatch,
    settings: Settings,
    outline: Arc<Outline>,
    derived: DerivedKind,
    wanted: Wanted,
    derivation: Derivation,
}

impl Scene {
    /// Whose rules name these fields, `later` being such as rules name that are loaded later.
    pub(crate) fn new(named: &[&str], later: &[&str]) -> Self {
        Self::with(named, later, Settings::default())
    }
    pub(crate) fn with(named: &[&str], later: &[&str], settings: Settings) -> Self {
        let mut vocabulary = Vocabulary::default();
        let ids: Vec<_> = FIELDS.iter().map(|name| vocabulary.fields.intern(name)).collect();
        let set = |vocabulary: &mut Vocabulary, category| {
            let source = LogSource::new(Some(category), Some("windows"), None);
            (category, vocabulary.add_set(LogSourceSet::new(vec![source])))
        };
        let categories = ["create_remote_thread", "file_event", "other"];
        let categories: Vec<_> = categories.map(|one| set(&mut vocabulary, one)).into();
        let remote = Some(categories[0].1);
        let number = |name: &str| ids.get(FIELDS.iter().position(|own| *own == name)?).copied();
        let layouts = Activity::ALL.iter().map(|(activity, _)| {
            let (actor, target) = match activity {
                Activity::ThreadStart | Activity::ProcessAccess => {
                    (number("SourceProcessId"), number("TargetProcessId"))
                }
                _ => (number("ProcessId"), None),
            };
            let alternative = remote.filter(|_| *activity == Activity::ThreadStart);
            let role = Role { activity: *activity, actor, target, alternative };
            (*activity, vocabulary.add_layout_of(&ids, role))
        });
        let layouts = layouts.collect();
        let derived = vocabulary.add_layout(&[]);
        let derived = DerivedKind { layout: derived, sources: LogSourceSetId::NONE };
        let outline = Arc::new(Outline::new(&mut vocabulary));
        named.iter().for_each(|name| {
            vocabulary.fields.intern(name);
        });
        let facts = Facts::named(&vocabulary.fields, None);
        later.iter().for_each(|name| {
            vocabulary.fields.intern(name);
        });
        let vocabulary = Arc::new(vocabulary);
        let (out, input) =
            (EventBatch::new(Arc::clone(&vocabulary)), EventBatch::new(Arc::clone(&vocabulary)));
        let wanted = Wanted { facts, ..Wanted::default() };
        let mut state = State::new(settings, Arc::clone(&outline));
        state.tell(wanted.clone());
        Self {
            vocabulary,
            layouts,
            categories,
            shape: Shape::Etw,
            state,
            ledger: Ledger::default(),
            out,
            input,
            settings,
            outline,
            derived,
            wanted,
            derivation: Derivation::default(),
        }
    }
    /// Flows and beacons are made, and lineages told.
    pub(crate) fn derive(&mut self) {
        let kind = Some(self.derived);
        self.derivation = Derivation { flows: kind, beacons: kind, ..Derivation::default() };
        self.state.derive(self.derivation.clone());
        self.wanted.lineages = true;
        self.state.tell(self.wanted.clone());
    }
    /// The run ends, and another one takes over with what `through` makes of its state.
    pub(crate) fn restart(&mut self, through: impl FnOnce(&Saved) -> Saved) {
        while self.state.pause(&mut self.out, &mut self.ledger) {}
        self.restore(through(&self.state.save()));
    }
    /// A run begins with what another has saved.
    pub(crate) fn restore(&mut self, saved: Saved) {
        self.state = State::restore(self.settings, Arc::clone(&self.outline), saved);
        self.state.tell(self.wanted.clone());
        self.state.derive(self.derivation.clone());
    }
    /// The same, with another limit of memory.
    pub(crate) fn restore_within(&mut self, memory: usize, saved: Saved) {
        self.settings.memory = memory;
        self.restore(saved);
    }
    /// The events that left, each with its time, what its host says of it, and all its fields; which input they
    /// are of is left out.
    pub(crate) fn left(&self) -> Vec<String> {
        let event = |event: etwatch_event::Event<'_>| {
            let mut text = format!("{} {:?}", event.time(), event.attribution());
            let mut scratch = String::new();
            for (name, values) in event.fields() {
                text += &format!(" {name}=");
                for value in values.iter() {
                    text += value.text(&mut scratch).unwrap_or_default();
                    text += "|";
                }
            }
            text
        };
        self.out.iter().map(event).collect()
    }
    /// The rules were loaded again: all facts that have a number are told from now on.
    pub(crate) fn reload(&mut self) {
        self.wanted.facts = Facts::named(&self.vocabulary.fields, None);
        self.state.tell(self.wanted.clone());
    }

    /// The same, of which nothing is told, since no rule asks for the events.
    pub(crate) fn keep_but_do_not_tell(&mut self) {
        let needed = vec![false; self.vocabulary.sets().len()];
        let facts = Facts::named(&self.vocabulary.fields, Some(needed.into()));
        self.state.tell(Wanted { facts, ..Wanted::default() });
    }

    /// An event of a category; without one, of `other`.
    pub(crate) fn comes_as(
        &mut self,
        category: &str,
        millis: u64,
        activity: Activity,
        fields: &[(&str, Value<'_>)],
    ) {
        let set = self.categories.iter().find(|(name, _)| *name == category).unwrap().1;
        let layout = self.layouts.iter().find(|(own, _)| *own == activity).unwrap().1;
        self.input.clear();
        let mut event = self.input.begin(layout, set);
        event.set_time(Timestamp::from_filetime(millis * 10_000));
        event.set_origin(Origin { shape: self.shape, ..Origin::default() });
        for (name, value) in fields {
            let id = match *name {
                "EventID" => FieldId::EVENT_ID,
                "Opcode" => FieldId::OPCODE,
                "Keywords" => FieldId::KEYWORDS,
                "Computer" => FieldId::COMPUTER,
                "Execution_ProcessID" => FieldId::EXECUTION_PROCESS_ID,
                name => self.vocabulary.fields.id(name).unwrap(),
            };
            event.push(id, *value);
        }
        event.finish();
        self.ledger.read += 1;
        let event = self.input.get(0).unwrap();
        self.state.take(&event, &mut self.out, &mut self.ledger);
    }
    pub(crate) fn comes(&mut self, millis: u64, activity: Activity, fields: &[(&str, Value<'_>)]) {
        self.comes_as("other", millis, activity, fields);
    }

    /// What a field of the last event says, several values parted by bars; nothing if it is not there.
    pub(crate) fn told(&self, name: &str) -> String {
        let event = self.out.get(self.out.len() - 1).unwrap();
        let mut scratch = String::new();
        let values = event.get_named(name);
        let texts = values.iter().map(|value| value.text(&mut scratch).unwrap().to_owned());
        texts.collect::<Vec<_>>().join("|")
    }
    /// The same of an event of this process that tells nothing.
    pub(crate) fn ask(&mut self, millis: u64, pid: u64, name: &str) -> String {
        self.comes(millis, Activity::KeyUse, &[("ProcessId", Value::Unsigned(pid))]);
        self.told(name)
    }
}

/// A time as it is told.
pub(crate) fn at(millis: u64) -> String {
    Timestamp::from_filetime(millis * 10_000).to_string()
}
