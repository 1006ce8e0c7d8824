//! Which events are given facts of a file, and what those lack of which a rule asks.
//!
//! The start of a process is about its `Image`, the load of an image about `ImageLoaded`. A field that was recorded
//! stays as it is. Hashes of a single kind (`md5` …) are fields of no layout: they are given where a rule asks for
//! them, from the same answer as `Hashes`.

use etwatch_event::batch::EventBuilder;
use etwatch_event::{Activity, Event, FieldId, Layout, LogSourceSetId, Shape, Value, Vocabulary};

use super::fact::FactSet;
use super::{FileFact, FileFacts};

/// The facts of files of which rules ask, by the set of log sources of an event.
#[derive(Clone, Debug, Default)]
pub struct NeededFacts {
    by_set: Vec<FactSet>,
}

impl NeededFacts {
    /// A rule on events with this set of log sources looks at `field`; other fields than those of facts pass by.
    pub fn add(&mut self, set: LogSourceSetId, field: &str) {
        let Some(fact) = FileFact::of(field) else { return };
        if self.by_set.len() <= set.index() {
            self.by_set.resize(set.index() + 1, FactSet::default());
        }
        if let Some(facts) = self.by_set.get_mut(set.index()) {
            facts.add(fact);
        }
    }
    fn of(&self, set: LogSourceSetId) -> FactSet {
        self.by_set.get(set.index()).copied().unwrap_or_default()
    }
}

/// What the host is to be asked because of an event.
#[derive(Clone, Copy, Debug)]
pub struct FileQuestion<'e> {
    /// The path of the file, as the event has it.
    pub path: &'e str,
    lacking: FactSet,
}

impl FileQuestion<'_> {
    /// The names of the fields that rules ask for and the event lacks.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        let lacking = self.lacking;
        FileFact::ALL.iter().filter(move |fact| lacking.has(**fact)).map(|fact| fact.name())
    }
}

/// The field with the path of the file that such events are about.
fn path_of(activity: Activity) -> Option<&'static str> {
    match activity {
        Activity::ProcessStart => Some("Image"),
        Activity::ImageLoad => Some("ImageLoaded"),
        _ => None,
    }
}

/// The facts that events of a layout are given, and the field with the path of the file.
pub(crate) fn given(
    layout: &Layout,
    vocabulary: &Vocabulary,
) -> Option<(&'static str, Vec<FileFact>)> {
    let path = path_of(layout.role().activity)?;
    let has =
        |name: &str| vocabulary.fields.id(name).is_some_and(|field| layout.slot(field).is_some());
    let has_hashes = has(FileFact::Hashes.name());
    let is_given =
        |fact: &&FileFact| if fact.hash().is_some() { has_hashes } else { has(fact.name()) };
    let facts: Vec<_> = FileFact::ALL.iter().filter(is_given).copied().collect();
    (!facts.is_empty()).then_some((path, facts))
}

/// What is given to events of one layout.
#[derive(Clone, Debug)]
pub(crate) struct FactPlan {
    path: FieldId,
    facts: Vec<(FileFact, FieldId)>,
}

impl FactPlan {
    /// For a layout of `vocabulary`, in which the fields of facts have numbers.
    pub(crate) fn of(layout: &Layout, vocabulary: &Vocabulary) -> Option<Self> {
        let (path, facts) = given(layout, vocabulary)?;
        let path = vocabulary.fields.id(path)?;
        let numbered = |fact: FileFact| Some((fact, vocabulary.fields.id(fact.name())?));
        Some(Self { path, facts: facts.into_iter().filter_map(numbered).collect() })
    }

    /// What an event of ETW lacks of what rules ask for.
    fn lacking(&self, event: &Event<'_>, needed: &NeededFacts) -> FactSet {
        let needed = needed.of(event.source_set());
        let mut lacking = FactSet::default();
        if event.origin().shape == Shape::Etw && !needed.is_empty() {
            let lacks = |fact: FileFact, field| needed.has(fact) && !event.get(field).is_present();
            let facts = self.facts.iter().filter(|(fact, field)| lacks(*fact, *field));
            facts.for_each(|(fact, _)| lacking.add(*fact));
        }
        lacking
    }

    /// Whether an event lacks something that the host may be asked for.
    pub(crate) fn lacks_any(&self, event: &Event<'_>, needed: &NeededFacts) -> bool {
        !self.lacking(event, needed).is_empty()
    }

    /// What the host is to be asked because of an event.
    pub(crate) fn question<'e>(
        &self,
        event: &Event<'e>,
        needed: &NeededFacts,
    ) -> Option<FileQuestion<'e>> {
        let lacking = self.lacking(event, needed);
        if lacking.is_empty() {
            return None;
        }
        Some(FileQuestion { path: event.text(self.path)?, lacking })
    }

    /// Gives an event, most of which is written to `filled`, what it lacks. An event of ETW that lacks after that
    /// what a rule asks for says so in `unavailable`.
    pub(crate) fn fill(
        &self,
        event: &Event<'_>,
        known: &mut FileFacts,
        needed: &NeededFacts,
        unavailable: FieldId,
        filled: &mut EventBuilder<'_>,
    ) {
        let content = match filled.values(self.path).first() {
            Some(Value::Text(path)) => known.of(path, event.time()),
            _ => None,
        };
        let needed = needed.of(event.source_set());
        let may_lack = event.origin().shape == Shape::Etw && !needed.is_empty();
        if content.is_none() && !may_lack {
            return;
        }
        for (fact, field) in &self.facts {
            let is_needed = needed.has(*fact);
            if (!is_needed && fact.hash().is_some()) || filled.values(*field).is_present() {
                continue;
            }
            match content.and_then(|content| content.get(*fact)) {
                Some(text) => filled.set(*field, Value::Text(text)),
                None if may_lack && is_needed => {
                    filled.push(unavailable, Value::Text(fact.name()));
                }
                None => {}
            }
        }
    }
}
