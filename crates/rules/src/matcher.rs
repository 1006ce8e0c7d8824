//! Runs a plan over an event.
//!
//! 1. The text of the event is copied and folded in one piece; a value that is not ASCII, or no text, is
//!    appended in its folded form.
//! 2. Each value of each field that the plan looks at goes through the field's index: found literals set
//!    marks and nominate programs. The same for keywords, over all values.
//! 3. The nominated programs, and those that always run, are run in the order of their rules; an atom that
//!    no mark decides is asked at most once.
//!
//! All buffers are kept between events: nothing is allocated once they have grown.

use etwatch_event::{Event, FieldId, Piece};

use crate::compile::atom::{Atom, Atoms};
use crate::compile::plan::{Answer, Plan};
use crate::compile::program::{FAILS, HOLDS};
use crate::evaluate::{related, typed};
use crate::fold::fold_into;
use crate::rule_set::Match;
use crate::sigma::detection::Target;
use crate::sigma::text::TextTest;
use crate::sigma::value::{Test, TextValue};

/// The text of one value.
#[derive(Clone, Copy, Debug)]
struct ValueText {
    /// Where it lies folded.
    folded: (u32, u32),
    /// Where it lies as it is: in the event's own text, or else in `rendered`.
    original: (u32, u32),
    in_event: bool,
    is_ascii: bool,
}

/// The values of a field of the plan, if they were prepared for this event.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    epoch: u32,
    from: u32,
    to: u32,
}

impl Slot {
    fn of<'v>(&self, values: &'v [ValueText]) -> &'v [ValueText] {
        values.get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

/// A part of a text.
fn part(text: &str, (from, to): (u32, u32)) -> &str {
    text.get(from as usize..to as usize).unwrap_or_default()
}

/// Places within an event fit 32 bits: so do those of its batch's cells.
fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
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

/// What a worker needs to run plans; one for each worker.
#[derive(Debug, Default)]
pub struct Matcher {
    epoch: u32,
    folded: String,
    rendered: String,
    scratch: String,
    values: Vec<ValueText>,
    slots: Vec<Slot>,
    /// Values of the whole event, for keywords.
    all: Slot,
    /// For each test of the plan the epoch in which it was decided, doubled, and the decision.
    decided: Vec<u32>,
    /// For each program the epoch in which it was nominated.
    nominated: Vec<u32>,
    candidates: Vec<u32>,
    work: Work,
}

impl Matcher {
    /// The programs that were run for the last event, by their position in its plan.
    #[must_use]
    pub fn candidates(&self) -> &[u32] {
        &self.candidates
    }
    /// How much was done for the last event.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
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
        self.prepare(plan, event);
        self.search(plan);
        self.candidates.extend(&plan.always);
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_unstable();
        self.work.candidates = candidates.len();
        for candidate in &candidates {
            if let Some(program) = plan.programs.get(*candidate as usize)
                && self.holds(program.start, plan, atoms, event)
            {
                matches.push(Match { row, rule: program.rule });
            }
        }
        self.candidates = candidates;
    }

    fn begin(&mut self, plan: &Plan) {
        self.epoch += 1;
        if self.epoch > u32::MAX >> 1 {
            self.epoch = 1;
            self.decided.fill(0);
            self.nominated.fill(0);
            self.slots.fill(Slot::default());
        }
        let grow = |numbers: &mut Vec<u32>, to: usize| {
            if numbers.len() < to {
                numbers.resize(to, 0);
            }
        };
        grow(&mut self.decided, plan.tests.len());
        grow(&mut self.nominated, plan.programs.len());
        if self.slots.len() < plan.fields.len() {
            self.slots.resize(plan.fields.len(), Slot::default());
        }
        self.rendered.clear();
        self.values.clear();
        self.candidates.clear();
        self.work = Work::default();
    }

    /// Folds the event's text and notes where the values of the plan's fields lie.
    fn prepare(&mut self, plan: &Plan, event: &Event<'_>) {
        let row = event.row_text();
        self.folded.clear();
        self.folded.push_str(row);
        self.folded.make_ascii_lowercase();
        let row_is_ascii = row.is_ascii();
        event.each_numbered(|id, values| {
            let Some(slot) = plan.slot(id) else { return };
            let from = self.values.len();
            if plan.fields.get(slot).is_some_and(|field| field.text) {
                values.each(|piece| self.add(row, row_is_ascii, piece));
            }
            let to = self.values.len();
            if let Some(place) = self.slots.get_mut(slot) {
                *place = Slot { epoch: self.epoch, from: short(from), to: short(to) };
            }
        });
        if plan.has_keywords {
            let from = self.values.len();
            for (_, values) in event.fields() {
                values.each(|piece| self.add(row, row_is_ascii, piece));
            }
            let to = self.values.len();
            self.all = Slot { epoch: self.epoch, from: short(from), to: short(to) };
        }
    }

    #[inline]
    fn add(&mut self, row: &str, row_is_ascii: bool, piece: Piece<'_>) {
        match piece {
            Piece::Text(from, to) => {
                let place = (short(from), short(to));
                let text = row.get(from..to).unwrap_or_default();
                if row_is_ascii || text.is_ascii() {
                    let (in_event, is_ascii) = (true, true);
                    let value = ValueText { folded: place, original: place, in_event, is_ascii };
                    self.values.push(value);
                } else {
                    self.append(text, place, true);
                }
            }
            Piece::Other(value) => {
                let mut scratch = std::mem::take(&mut self.scratch);
                if let Some(text) = value.text(&mut scratch) {
                    let from = self.rendered.len();
                    self.rendered.push_str(text);
                    self.append(text, (short(from), short(self.rendered.len())), false);
                }
                self.scratch = scratch;
            }
        }
    }

    /// Folds a text behind that of the event.
    fn append(&mut self, text: &str, original: (u32, u32), in_event: bool) {
        let from = self.folded.len();
        fold_into(text, &mut self.folded);
        let folded = (short(from), short(self.folded.len()));
        self.values.push(ValueText { folded, original, in_event, is_ascii: text.is_ascii() });
    }

    /// Sends the values through the indices.
    fn search(&mut self, plan: &Plan) {
        let epoch = self.epoch;
        let Self { folded, values, slots, all, decided, nominated, candidates, work, .. } = self;
        let mut hit = |number: u32| {
            work.hits += 1;
            for mark in plan.marks(number) {
                if let Some(place) = decided.get_mut(*mark as usize) {
                    *place = epoch << 1 | 1;
                }
            }
            for program in plan.nominated(number) {
                if let Some(place) = nominated.get_mut(*program as usize)
                    && *place != epoch
                {
                    *place = epoch;
                    candidates.push(*program);
                }
            }
        };
        for (field, slot) in plan.fields.iter().zip(slots.iter()) {
            if slot.epoch != epoch || field.index.is_empty() {
                continue;
            }
            for value in slot.of(values) {
                field.index.find(part(folded, value.folded), value.is_ascii, &mut hit);
            }
        }
        if plan.keywords.needs_each_value() || plan.keywords.may_have_within(folded) {
            for value in all.of(values) {
                plan.keywords.find(part(folded, value.folded), value.is_ascii, &mut hit);
            }
        }
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
            next = if self.is_true(step.test, plan, atoms, event) { step.yes } else { step.no };
        }
    }

    fn is_true(&mut self, test: u32, plan: &Plan, atoms: &Atoms, event: &Event<'_>) -> bool {
        let known = self.decided.get(test as usize).copied().unwrap_or(0);
        if known >> 1 == self.epoch {
            return known & 1 == 1;
        }
        let holds = match plan.tests.get(test as usize) {
            None | Some(Answer::Marked) => return false,
            Some(Answer::Asked(id)) => {
                let Some(atom) = atoms.get(*id) else { return false };
                self.ask(atom, plan, event)
            }
            Some(Answer::AnyOf(number)) => {
                let Some(any) = plan.any_of(*number) else { return false };
                let mut values = self.of(any.target, plan).iter();
                values.any(|value| any.searcher.find(part(&self.folded, value.folded)).is_some())
            }
        };
        self.work.asked += 1;
        if let Some(place) = self.decided.get_mut(test as usize) {
            *place = self.epoch << 1 | u32::from(holds);
        }
        holds
    }

    fn ask(&self, atom: &Atom, plan: &Plan, event: &Event<'_>) -> bool {
        let target = atom.target;
        match &atom.test {
            Test::Text(TextValue { test: TextTest::Substring(wanted), cased }) => {
                let mut values = self.of(target, plan).iter();
                values.any(|value| atom.finds(wanted, self.text(value, *cased, event)))
            }
            Test::Text(TextValue { test, cased }) => self
                .of(target, plan)
                .iter()
                .any(|value| test.is_true_of(self.text(value, *cased, event))),
            Test::Regex(regex) => self
                .of(target, plan)
                .iter()
                .any(|value| regex.is_match(self.text(value, true, event))),
            Test::FieldReference { field, anchor, cased } => {
                let others = self.of(Target::Field(*field), plan);
                self.of(target, plan).iter().any(|mine| {
                    let mine = self.text(mine, *cased, event);
                    let mut others = others.iter();
                    others.any(|other| related(*anchor, mine, self.text(other, *cased, event)))
                })
            }
            test => match target {
                Target::Field(id) => typed(test, id, event),
                Target::Keywords => false,
            },
        }
    }

    fn of(&self, target: Target, plan: &Plan) -> &[ValueText] {
        let slot = match target {
            Target::Keywords => Some(&self.all),
            Target::Field(id) => self.slot(id, plan),
        };
        let slot = slot.filter(|slot| slot.epoch == self.epoch);
        slot.map_or(&[], |slot| slot.of(&self.values))
    }

    fn slot(&self, id: FieldId, plan: &Plan) -> Option<&Slot> {
        self.slots.get(plan.slot(id)?)
    }

    fn text<'t>(&'t self, value: &ValueText, cased: bool, event: &Event<'t>) -> &'t str {
        if !cased {
            part(&self.folded, value.folded)
        } else if value.in_event {
            part(event.row_text(), value.original)
        } else {
            part(&self.rendered, value.original)
        }
    }
}
