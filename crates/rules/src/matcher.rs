//! Runs a plan over an event.
//!
//! 1. The text of the event is folded in one piece.
//! 2. Each value of each field that the plan looks at goes through the field's index: found literals set
//!    marks and nominate programs. The same for keywords, over all values.
//! 3. The nominated programs, and those that always run, are run in the order of their rules; an atom that
//!    no mark decides is asked at most once.
//!
//! All buffers are kept between events: nothing is allocated once they have grown.

use etwatch_event::{Event, FieldValues};

use crate::compile::atom::{Atom, Atoms};
use crate::compile::plan::{Answer, Plan};
use crate::compile::program::{FAILS, HOLDS, Step};
use crate::evaluate::{related, typed};
use crate::rule_set::Match;
use crate::sigma::detection::Target;
use crate::sigma::text::TextTest;
use crate::sigma::value::{Test, TextValue};
use crate::texts::{Run, Texts};

/// The values of a field of the plan, if they were prepared for this event.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    epoch: u32,
    run: Run,
}

/// How much was done for the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Literals that were found.
    pub hits: usize,
    /// Rules that were run.
    pub candidates: usize,
    /// Steps of their programs.
    pub steps: usize,
    /// Tests that had to be asked.
    pub asked: usize,
}

/// What is known of a test, in the two lowest bits of its memo.
const FALSE: u32 = 0;
const TRUE: u32 = 1;
/// What it requires was found.
const POSSIBLE: u32 = 2;

/// What the search says of the tests and programs of a plan.
#[derive(Debug, Default)]
struct Marks {
    /// Number of the event; what was noted for another one is void.
    epoch: u32,
    /// For each test of the plan the epoch in which something became known of it, and what: see `FALSE`.
    decided: Vec<u32>,
    /// For each program the epoch in which it was nominated.
    nominated: Vec<u32>,
    candidates: Vec<u32>,
    hits: usize,
}

impl Marks {
    fn begin(&mut self, plan: &Plan) {
        self.epoch += 1;
        if self.epoch > u32::MAX >> 2 {
            self.epoch = 1;
            self.decided.fill(0);
            self.nominated.fill(0);
        }
        let grow = |numbers: &mut Vec<u32>, to: usize| {
            if numbers.len() < to {
                numbers.resize(to, 0);
            }
        };
        grow(&mut self.decided, plan.tests.len());
        grow(&mut self.nominated, plan.programs.len());
        self.candidates.clear();
        self.hits = 0;
    }

    /// A literal was found.
    #[inline]
    fn hit(&mut self, number: u32, plan: &Plan) {
        self.hits += 1;
        for mark in plan.marks(number) {
            if let Some(place) = self.decided.get_mut(mark.test()) {
                *place = self.epoch << 2 | if mark.holds() { TRUE } else { POSSIBLE };
            }
        }
        for program in plan.nominated(number) {
            if let Some(place) = self.nominated.get_mut(*program as usize)
                && *place != self.epoch
            {
                *place = self.epoch;
                self.candidates.push(*program);
            }
        }
    }
}

/// What a worker needs to run plans; one for each worker.
#[derive(Debug, Default)]
pub struct Matcher {
    texts: Texts,
    slots: Vec<Slot>,
    /// Values of the whole event, for keywords.
    all: Slot,
    marks: Marks,
    work: Work,
}

impl Matcher {
    /// The programs that were run for the last event, by their position in its plan.
    #[must_use]
    pub fn candidates(&self) -> &[u32] {
        &self.marks.candidates
    }
    /// How much was done for the last event.
    #[must_use]
    pub fn work(&self) -> Work {
        Work { hits: self.marks.hits, candidates: self.marks.candidates.len(), ..self.work }
    }

    /// Adds the rules of the plan that hold for the event, which is at `row` of its batch.
    pub fn run(
        &mut self,
        plan: &Plan,
        atoms: &Atoms,
        event: &Event<'_>,
        row: u32,
        matches: &mut Vec<Match>,
    ) {
        if plan.programs.is_empty() {
            return;
        }
        self.begin(plan);
        self.search(plan, event);
        self.marks.candidates.extend(&plan.always);
        let mut candidates = std::mem::take(&mut self.marks.candidates);
        candidates.sort_unstable();
        for candidate in &candidates {
            if let Some(program) = plan.programs.get(*candidate as usize)
                && self.holds(program.start, plan, atoms, event)
            {
                matches.push(Match { row, rule: program.rule });
            }
        }
        self.marks.candidates = candidates;
    }

    fn begin(&mut self, plan: &Plan) {
        self.marks.begin(plan);
        if self.marks.epoch == 1 {
            self.slots.fill(Slot::default());
            self.all = Slot::default();
        }
        if self.slots.len() < plan.fields.len() {
            self.slots.resize(plan.fields.len(), Slot::default());
        }
        self.work = Work::default();
    }

    /// Folds the event's text, notes where the values of the plan's fields lie and sends them through
    /// the fields' indices.
    fn search(&mut self, plan: &Plan, event: &Event<'_>) {
        self.texts.begin(event);
        for wanted in plan.wanted(event) {
            let values = event.in_slot(usize::from(wanted.slot));
            if values.is_present() {
                self.search_field(plan, wanted.field as usize, event, values);
            }
        }
        event.each_beyond(|id, values| {
            if let Some(position) = plan.slot(id) {
                self.search_field(plan, position, event, values);
            }
        });
        self.search_all(plan, event);
    }

    #[inline]
    fn search_field(
        &mut self,
        plan: &Plan,
        position: usize,
        event: &Event<'_>,
        values: FieldValues<'_>,
    ) {
        let Self { texts, slots, marks, .. } = self;
        let Some(field) = plan.fields.get(position).filter(|field| field.text) else { return };
        let run = texts.add(event, values);
        if let Some(place) = slots.get_mut(position) {
            *place = Slot { epoch: marks.epoch, run };
        }
        for value in texts.of(run) {
            let mut hit = |number| marks.hit(number, plan);
            field.index.find(texts.folded(value), value.is_ascii, &mut hit);
        }
    }

    /// Looks for keywords: first in all text in one piece, in which few events have any.
    fn search_all(&mut self, plan: &Plan, event: &Event<'_>) {
        let keywords = &plan.keywords;
        if keywords.is_empty() {
            return;
        }
        let in_one_piece = !keywords.needs_each_value();
        if plan.keywords_in_others || !self.texts.has_all_text() || !in_one_piece {
            self.all(event);
        }
        if in_one_piece && !keywords.may_have_within(self.texts.all_folded()) {
            return;
        }
        let run = self.all(event);
        let Self { texts, marks, .. } = self;
        for value in texts.of(run) {
            let mut hit = |number| marks.hit(number, plan);
            keywords.find(texts.folded(value), value.is_ascii, &mut hit);
        }
    }

    /// The values of the whole event.
    fn all(&mut self, event: &Event<'_>) -> Run {
        if self.all.epoch != self.marks.epoch {
            self.all = Slot { epoch: self.marks.epoch, run: self.texts.add_all(event) };
        }
        self.all.run
    }

    fn holds(&mut self, start: u32, plan: &Plan, atoms: &Atoms, event: &Event<'_>) -> bool {
        let mut next = start;
        loop {
            match next {
                HOLDS => return true,
                FAILS => return false,
                _ => {}
            }
            self.work.steps += 1;
            let Some(step) = plan.steps.get(next as usize) else { return false };
            next = if self.is_true(*step, plan, atoms, event) { step.yes } else { step.no };
        }
    }

    #[inline]
    fn is_true(&mut self, step: Step, plan: &Plan, atoms: &Atoms, event: &Event<'_>) -> bool {
        let memo = self.marks.decided.get(step.test as usize).copied().unwrap_or(0);
        let known = (memo >> 2 == self.marks.epoch).then_some(memo & 3);
        match known {
            Some(TRUE) => true,
            Some(FALSE) => false,
            None if step.marked => false,
            _ => self.find_out(step.test, plan, atoms, event),
        }
    }

    fn find_out(&mut self, test: u32, plan: &Plan, atoms: &Atoms, event: &Event<'_>) -> bool {
        let holds = match plan.tests.get(test as usize) {
            None | Some(Answer::Marked) => return false,
            Some(Answer::Asked(id, position) | Answer::Gated(id, position)) => {
                let Some(atom) = atoms.get(*id) else { return false };
                let run = match *position {
                    Plan::ALL_VALUES => Some(self.all(event)),
                    position => self.run_of(position as usize),
                };
                self.ask(atom, run.unwrap_or_default(), plan, event)
            }
            Some(Answer::AnyOf(number)) => {
                let Some(any) = plan.any_of(*number) else { return false };
                let run = self.run_of(any.position as usize).unwrap_or_default();
                let mut values = self.texts.of(run).iter();
                values.any(|value| any.searcher.find(self.texts.folded(value)).is_some())
            }
        };
        self.work.asked += 1;
        if let Some(place) = self.marks.decided.get_mut(test as usize) {
            *place = self.marks.epoch << 2 | if holds { TRUE } else { FALSE };
        }
        holds
    }

    fn ask(&self, atom: &Atom, run: Run, plan: &Plan, event: &Event<'_>) -> bool {
        let mut values = self.texts.of(run).iter();
        match &atom.test {
            Test::Text(TextValue { test: TextTest::Substring(_), cased: false }) => {
                values.any(|value| {
                    let text = self.texts.folded(value);
                    atom.gate().lets(text, text)
                })
            }
            Test::Text(TextValue { test: test @ TextTest::Wild(_), cased: false }) => {
                values.any(|value| {
                    let text = self.texts.folded(value);
                    atom.gate().lets(text, text) && test.is_true_of(text)
                })
            }
            Test::Text(TextValue { test, cased }) => {
                values.any(|value| test.is_true_of(self.texts.text(value, *cased, event)))
            }
            Test::Regex(regex) => values.any(|value| {
                let text = self.texts.text(value, true, event);
                atom.gate().lets(text, self.texts.folded(value)) && regex.is_match(text)
            }),
            Test::FieldReference { field, anchor, cased } => {
                let others = plan.slot(*field).and_then(|position| self.run_of(position));
                let others = self.texts.of(others.unwrap_or_default());
                values.any(|mine| {
                    let mine = self.texts.text(mine, *cased, event);
                    let mut others = others.iter();
                    others
                        .any(|other| related(*anchor, mine, self.texts.text(other, *cased, event)))
                })
            }
            test => match atom.target {
                Target::Field(id) => typed(test, id, event),
                Target::Keywords => false,
            },
        }
    }

    /// The values of the field at a position of the plan.
    #[inline]
    fn run_of(&self, position: usize) -> Option<Run> {
        let slot = self.slots.get(position)?;
        (slot.epoch == self.marks.epoch).then_some(slot.run)
    }
}
