//! On which kinds of input rules can fire: the summary of all, and the notes for those that were asked about.

use etwatch_engine::FieldSources;
use etwatch_engine::field_sources::input_events;
use etwatch_event::FieldTable;
use etwatch_normalise::InputKind;
use etwatch_rules::lint::reach::{InputEvents, Reach, Reaches, notes};
use etwatch_rules::lint::unsearchable::Place;
use etwatch_rules::{Diagnostic, RuleIndex, RuleSet};

/// Reads the name of a kind of input.
pub(super) fn parse(name: &str) -> Result<InputKind, String> {
    InputKind::parse(name).ok_or_else(|| {
        let names = InputKind::ALL.map(InputKind::name);
        format!("the kinds of input are {}", names.join(", "))
    })
}

/// What the rules can reach.
pub(super) struct Reached<'a> {
    rules: &'a RuleSet,
    fields: &'a FieldTable,
    inputs: [(InputKind, Vec<InputEvents>); 3],
}

/// How many rules can fire.
#[derive(Debug, Default)]
struct Counts {
    whole: usize,
    partly: usize,
    never: usize,
}

impl<'a> Reached<'a> {
    pub(super) fn new(sources: &FieldSources, rules: &'a RuleSet, fields: &'a FieldTable) -> Self {
        let inputs = InputKind::ALL.map(|kind| (kind, input_events(sources, kind)));
        Self { rules, fields, inputs }
    }

    fn reaches<'b>(&'b self, events: &'b [InputEvents]) -> Reaches<'b> {
        Reaches::new(self.rules, self.fields, events)
    }

    /// A note for each rule that can't fire on one of these kinds.
    pub(super) fn notes(&self, places: &[Place], kinds: &[InputKind]) -> Vec<Diagnostic> {
        let asked = self.inputs.iter().filter(|(kind, _)| kinds.contains(kind));
        asked
            .flat_map(|(kind, events)| notes(&self.reaches(events), places, kind.description()))
            .collect()
    }

    /// How many rules can fire on each kind; `None` if nothing is known of any rule.
    pub(super) fn summary(&self) -> Option<String> {
        let mut parts = Vec::new();
        let mut known = 0;
        for (kind, events) in &self.inputs {
            let Counts { whole, partly, never } = self.counts(events);
            known = whole + partly + never;
            let part = if partly == 0 { String::new() } else { format!(" ({partly} in part)") };
            parts.push(format!("{} {}{part}", kind.name(), whole + partly));
        }
        let names = InputKind::ALL.map(InputKind::name).join("|");
        let text = format!(
            "{known} rules of Windows, that can fire: {}; `--input {names}` lists the others",
            parts.join(", ")
        );
        (known > 0).then_some(text)
    }

    fn counts(&self, events: &[InputEvents]) -> Counts {
        let reaches = self.reaches(events);
        let mut counts = Counts::default();
        for index in (0..self.rules.rules().len()).filter_map(RuleIndex::from_index) {
            match reaches.of(index) {
                Reach::Unknown => {}
                Reach::Whole => counts.whole += 1,
                Reach::Partly => counts.partly += 1,
                Reach::Never(..) => counts.never += 1,
            }
        }
        counts
    }
}
