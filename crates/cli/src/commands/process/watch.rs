//! The events of a run, of which those go into stories that are of processes that are meant.
//!
//! All events tell of processes, so that parents are known; a story is begun with the first event that is
//! selected and of a process that is meant. Whether a process is meant is asked when something new is known
//! of it (its image may come later than its pid), and with `--children` its parent decides first. Events are
//! in the order of time, so the first [`Asked::most`] stories are those of the earliest processes; of later
//! ones their number is kept.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use etwatch_engine::{Observer, Progress};
use etwatch_event::{Event, EventBatch, Vocabulary};

use super::acts::{ActFields, Telling};
use super::selector::Selector;
use super::story::{BUDGET, Story};
use crate::event_view::EventView;
use crate::processes::{Process, ProcessIndex, Processes, Touched};
use crate::selection::Selection;
use crate::terminal::Bar;

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) which: &'a Selector,
    pub(super) selection: &'a Selection,
    /// Whether descendants belong to the story.
    pub(super) children: bool,
    /// Stories that are told.
    pub(super) most: usize,
}

/// Whether a process is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Meant {
    #[default]
    No,
    /// It has a story as soon as an event of it is selected.
    Yes,
    /// It is a part of this process's story.
    With(ProcessIndex),
    /// It has the story with this number.
    Story(usize),
    /// There are enough stories without it.
    LeftOut,
}

/// What was decided about a process, and on what it rests.
#[derive(Clone, Copy, Debug, Default)]
struct Decision {
    meant: Meant,
    known: [bool; 4],
    /// Events of it before it was meant.
    before: u32,
}

/// Watches a run.
pub(super) struct Watch<'a> {
    asked: Asked<'a>,
    bar: Bar,
    fields: ActFields,
    pub(super) processes: Processes,
    decisions: Vec<Decision>,
    pub(super) stories: Vec<Story>,
    room: usize,
    /// Processes that are meant and whose story is not told.
    pub(super) left_out: u64,
    /// Events that no story tells of: of processes that are not meant, and those that are not selected.
    pub(super) of_others: u64,
    pub(super) not_selected: u64,
}

impl<'a> Watch<'a> {
    /// Of a run whose events are of `vocabulary`.
    pub(super) fn new(asked: Asked<'a>, bar: Bar, vocabulary: &Vocabulary) -> Self {
        Self {
            asked,
            bar,
            fields: ActFields::of(&vocabulary.fields),
            processes: Processes::new(vocabulary),
            decisions: Vec::new(),
            stories: Vec::new(),
            room: BUDGET,
            left_out: 0,
            of_others: 0,
            not_selected: 0,
        }
    }

    fn take(&mut self, event: &Event<'_>) {
        let touched = self.processes.take(event);
        let Touched { actor, target, parent, .. } = touched;
        let meant = [parent, actor, target].map(|index| index.map(|index| self.decide(index)));
        if meant.iter().flatten().all(|meant| *meant == Meant::No) {
            self.of_others += 1;
            self.count_before(actor);
            return;
        }
        if !self.asked.selection.takes(&EventView::Event(*event), event.time()) {
            self.not_selected += 1;
            return;
        }
        let [parent, actor, target] = [parent, actor, target].map(|index| self.story_of(index?));
        let Self { stories, room, processes, fields, .. } = self;
        let telling = Telling { event, touched, fields, processes };
        let mut told = BTreeSet::new();
        if let Some(number) = parent
            && let Some(story) = stories.get_mut(number)
        {
            telling.parent(story, room);
            told.insert(number);
        }
        if let Some(number) = actor
            && let Some(story) = stories.get_mut(number)
        {
            telling.actor(story, room);
            told.insert(number);
        }
        if let Some(number) = target.filter(|target| actor != Some(*target))
            && let Some(story) = stories.get_mut(number)
        {
            telling.target(story, room);
            told.insert(number);
        }
        self.of_others += u64::from(told.is_empty());
        for number in told {
            if let Some(story) = stories.get_mut(number) {
                story.events += 1;
            }
        }
    }

    fn count_before(&mut self, actor: Option<ProcessIndex>) {
        if let Some(decision) = actor.and_then(|actor| self.decisions.get_mut(actor.index())) {
            decision.before = decision.before.saturating_add(1);
        }
    }

    /// Whether a process is meant, as far as is known now.
    fn decide(&mut self, index: ProcessIndex) -> Meant {
        if self.decisions.len() <= index.index() {
            self.decisions.resize(index.index() + 1, Decision::default());
        }
        let (Some(process), Some(decision)) =
            (self.processes.get(index), self.decisions.get(index.index()).copied())
        else {
            return Meant::No;
        };
        let known = known(process);
        if decision.meant != Meant::No || decision.known == known {
            return decision.meant;
        }
        let with = process.parent.filter(|_| self.asked.children);
        let parent = with.and_then(|parent| self.decisions.get(parent.index()));
        let meant = match (with, parent.map(|decision| decision.meant)) {
            (Some(_), Some(Meant::With(root))) => Meant::With(root),
            (Some(_), Some(Meant::LeftOut)) => Meant::LeftOut,
            (Some(parent), Some(Meant::Yes | Meant::Story(_))) => Meant::With(parent),
            _ if self.asked.which.takes(process) => Meant::Yes,
            _ => Meant::No,
        };
        if let Some(place) = self.decisions.get_mut(index.index()) {
            *place = Decision { meant, known, ..decision };
        }
        meant
    }

    /// The number of the story that tells of a process, which is begun if it has to be.
    fn story_of(&mut self, index: ProcessIndex) -> Option<usize> {
        let decision = self.decisions.get(index.index()).copied()?;
        match decision.meant {
            Meant::No | Meant::LeftOut => None,
            Meant::Story(number) => Some(number),
            // Whose story it is a part of is no part of another.
            Meant::With(root) => self.story_of(root),
            Meant::Yes => {
                let number = self.stories.len();
                let meant = if number < self.asked.most {
                    let before_known = u64::from(decision.before);
                    self.stories.push(Story { before_known, ..Story::new(index) });
                    Meant::Story(number)
                } else {
                    self.left_out += 1;
                    Meant::LeftOut
                };
                if let Some(place) = self.decisions.get_mut(index.index()) {
                    place.meant = meant;
                }
                matches!(meant, Meant::Story(_)).then_some(number)
            }
        }
    }

    /// The run is over: what is known of descendants goes to their stories.
    pub(super) fn finish(&mut self) {
        self.bar.finish();
        for decision in &self.decisions {
            let Meant::With(root) = decision.meant else { continue };
            let root = self.decisions.get(root.index()).map(|decision| decision.meant);
            if let Some(Meant::Story(number)) = root
                && let Some(story) = self.stories.get_mut(number)
            {
                story.descendants += 1;
                story.before_known += u64::from(decision.before);
            }
        }
    }
}

/// What of a process is known that decides whether it is meant.
fn known(process: &Process) -> [bool; 4] {
    let Process { pid, guid, image, parent, .. } = process;
    [pid.is_some(), guid.is_some(), image.is_some(), parent.is_some()]
}

impl Observer for Watch<'_> {
    fn progress(&mut self, progress: Progress) {
        self.bar.progress(progress);
    }
    fn events(&mut self, events: &EventBatch, _: &[String]) -> ControlFlow<()> {
        for event in events.iter() {
            self.take(&event);
        }
        ControlFlow::Continue(())
    }
}
