//! How a plan is built.
//!
//! Each rule's witnesses are chosen and their literals put into the index of their field; then the
//! programs are written, from whose tests the index knows what it has to mark (see `answers`).

use etwatch_event::FieldId;
use hashbrown::HashMap;

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::expression::Expression;
use crate::compile::index::FieldIndex;
use crate::compile::literal::{Literal, Place};
use crate::compile::plan::{Answer, Hit, Mark, Plan, PlanField, Position, Program, Residue};
use crate::compile::program::{self, Asking};
use crate::compile::witness::Witnesses;
use crate::sigma::detection::Target;
use crate::sigma::text::TextTest;
use crate::sigma::value::Test;

/// What a test that is dear to ask requires is looked for if that is found so seldom, on the scale of
/// [`Witnesses::cost`].
const SELDOM: f32 = 250.0;

/// A literal of a target: what the search reports.
#[derive(Default)]
struct Found {
    /// Programs that it nominates.
    programs: Vec<u32>,
    /// What it says of tests.
    marks: Vec<Mark>,
}

/// A plan in the making.
pub(super) struct Builder<'a> {
    rules: &'a [Residue],
    pub(super) atoms: &'a Atoms,
    pub(super) witnesses: &'a Witnesses,
    /// Literals by target, with their numbers.
    literals: HashMap<(Target, &'a Literal), u32>,
    order: Vec<(Target, &'a Literal)>,
    found: Vec<Found>,
    /// Numbers of the tests of atoms.
    pub(super) test_of: HashMap<AtomId, Asking>,
    pub(super) groups: HashMap<Vec<AtomId>, u32>,
    pub(super) plan: Plan,
}

impl<'a> Builder<'a> {
    pub(super) fn new(rules: &'a [Residue], atoms: &'a Atoms, witnesses: &'a Witnesses) -> Self {
        Self {
            rules,
            atoms,
            witnesses,
            literals: HashMap::new(),
            order: Vec::new(),
            found: Vec::new(),
            test_of: HashMap::new(),
            groups: HashMap::new(),
            plan: Plan::default(),
        }
    }

    pub(super) fn build(mut self) -> Plan {
        self.index_witnesses();
        self.index_tests();
        self.write_programs();
        self.finish()
    }

    fn index_witnesses(&mut self) {
        for (program, residue) in (0_u32..).zip(self.rules) {
            match self.witnesses.of(&residue.expression) {
                None => self.plan.always.push(program),
                Some((_, atoms)) => {
                    for atom in atoms {
                        self.nominate(atom, program);
                    }
                }
            }
        }
    }

    fn nominate(&mut self, id: AtomId, program: u32) {
        let (Some(atom), Some(required)) = (self.atoms.get(id), self.witnesses.required(id)) else {
            return;
        };
        for literal in &required.literals {
            let number = self.look_for(atom.target, literal);
            if let Some(found) = self.found.get_mut(number as usize) {
                found.programs.push(program);
            }
        }
    }

    /// The number of a literal, which is looked for from now on.
    fn look_for(&mut self, target: Target, literal: &'a Literal) -> u32 {
        let key = (target, literal);
        let next = u32::try_from(self.found.len()).unwrap_or(u32::MAX);
        let number = *self.literals.entry(key).or_insert(next);
        if number == next {
            self.order.push(key);
            self.found.push(Found::default());
        }
        number
    }

    /// Whole values, begins and ends are found by a table however many there are: all of them are looked
    /// for, so that no program has to ask; and what dear tests require, so that they are seldom asked.
    fn index_tests(&mut self) {
        let mut ids = Vec::new();
        for residue in self.rules {
            residue.expression.atoms(&mut |id| ids.push(id));
        }
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let (Some(atom), Some(required)) = (self.atoms.get(id), self.witnesses.required(id))
            else {
                continue;
            };
            let at_ends = required.literals.iter().all(|one| one.place != Place::Within);
            let dear = match &atom.test {
                Test::Regex(_) => true,
                Test::Text(text) => matches!(text.test, TextTest::Wild(_)),
                _ => false,
            };
            let pays = required.enough && at_ends || dear && self.witnesses.cost(id) < SELDOM;
            if pays && matches!(atom.target, Target::Field(_)) {
                for literal in &required.literals {
                    self.look_for(atom.target, literal);
                }
            }
        }
    }

    /// The literals that an atom requires, if all of them are looked for anyway, and whether they also
    /// prove it.
    pub(super) fn looked_for(&self, id: AtomId) -> Option<(Vec<u32>, bool)> {
        let atom = self.atoms.get(id)?;
        let required = self.witnesses.required(id)?;
        let number = |literal: &'a Literal| self.literals.get(&(atom.target, literal)).copied();
        let literals: Option<Vec<u32>> = required.literals.iter().map(number).collect();
        literals.map(|literals| (literals, required.enough))
    }

    /// The literals that prove an atom, if all of them are looked for anyway.
    pub(super) fn proofs(&self, id: AtomId) -> Option<Vec<u32>> {
        self.looked_for(id).and_then(|(literals, enough)| enough.then_some(literals))
    }

    /// What the program of a rule that was nominated has to decide: of an *and* the part that nominated
    /// it holds, if the literals found prove it.
    fn left_open(&self, whole: &Expression) -> Expression {
        let proven = |part: &Expression| match part {
            Expression::Atom(id) => self.proofs(*id).is_some(),
            Expression::Or(parts) => parts
                .iter()
                .all(|part| matches!(part, Expression::Atom(id) if self.proofs(*id).is_some())),
            _ => false,
        };
        match whole {
            Expression::And(parts) => {
                let witness = self.witnesses.of_parts(parts).map(|(at, _)| at);
                let proven = witness.filter(|at| parts.get(*at).is_some_and(proven));
                let others = parts.iter().enumerate().filter(|(at, _)| Some(*at) != proven);
                Expression::all(&mut others.map(|(_, part)| part.clone()))
            }
            part if proven(part) => Expression::Decided(true),
            part => part.clone(),
        }
    }

    fn write_programs(&mut self) {
        let mut steps = Vec::new();
        for residue in self.rules {
            let start = program::write(&self.left_open(&residue.expression), self, &mut steps);
            self.plan.programs.push(Program { rule: residue.rule, start });
        }
        self.plan.steps = steps;
    }

    pub(super) fn new_test(&mut self, answer: Answer) -> u32 {
        self.plan.tests.push(answer);
        u32::try_from(self.plan.tests.len() - 1).unwrap_or(u32::MAX)
    }

    /// Found literals say of a test that it holds, or that it may.
    pub(super) fn mark(&mut self, literals: &[u32], test: u32, holds: bool) {
        for literal in literals {
            if let Some(found) = self.found.get_mut(*literal as usize) {
                found.marks.push(Mark::new(test, holds));
            }
        }
    }

    fn finish(mut self) -> Plan {
        for found in &mut self.found {
            found.programs.sort_unstable();
            found.programs.dedup();
            found.marks.sort_unstable();
            found.marks.dedup();
            let place = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            let plan = &mut self.plan;
            let (marks, nominated) = (place(plan.marks.len()), place(plan.nominated.len()));
            plan.marks.extend(&found.marks);
            plan.nominated.extend(&found.programs);
            plan.hits.push(Hit {
                marks: (marks, place(plan.marks.len())),
                nominated: (nominated, place(plan.nominated.len())),
            });
        }
        self.fields();
        self.plan
    }

    /// The fields with their indices, in the order of their ids.
    fn fields(&mut self) {
        let mut fields: Vec<(FieldId, bool)> = Vec::new();
        let mut need =
            |field: FieldId, text: bool| match fields.iter_mut().find(|(other, _)| *other == field)
            {
                Some((_, needed)) => *needed |= text,
                None => fields.push((field, text)),
            };
        let asked = self.plan.tests.iter().filter_map(|answer| match answer {
            Answer::Asked(id, _) | Answer::Gated(id, _) => Some(id),
            Answer::Marked | Answer::AnyOf(_) => None,
        });
        let together = self.plan.any_of.iter().flat_map(|any| &any.atoms);
        for id in asked.chain(together) {
            let Some(atom) = self.atoms.get(*id) else { continue };
            let text =
                matches!(atom.test, Test::Text(_) | Test::Regex(_) | Test::FieldReference { .. });
            if let Target::Field(field) = atom.target {
                need(field, text);
            }
            if let Test::FieldReference { field, .. } = atom.test {
                need(field, true);
            }
        }
        for (target, _) in &self.order {
            if let Target::Field(field) = target {
                need(*field, true);
            }
        }
        fields.sort_unstable();
        let of_target = |target: Target| {
            let numbered = (0_u32..).zip(&self.order);
            let here = numbered.filter(|(_, (other, _))| *other == target);
            let here = here.map(|(number, (_, literal))| (*literal, number));
            FieldIndex::new(here, &|window| self.witnesses.count(window))
        };
        self.plan.keywords = of_target(Target::Keywords);
        let mut keywords = self.order.iter().filter(|(target, _)| *target == Target::Keywords);
        self.plan.keywords_in_others = keywords.any(|(_, literal)| may_be_in_others(&literal.text));
        for (field, text) in fields {
            let slot = Position::try_from(self.plan.fields.len()).unwrap_or(Plan::NO_FIELD);
            if self.plan.slots.len() <= field.index() {
                self.plan.slots.resize(field.index() + 1, Plan::NO_FIELD);
            }
            if let Some(place) = self.plan.slots.get_mut(field.index()) {
                *place = slot;
            }
            let index = of_target(Target::Field(field));
            self.plan.fields.push(PlanField { field, index, text });
        }
        self.positions();
    }

    /// Where the fields of tests are, which is known when all of them are.
    fn positions(&mut self) {
        let slots = &self.plan.slots;
        let position = |target: Target| match target {
            Target::Keywords => Plan::ALL_VALUES,
            Target::Field(id) => slots.get(id.index()).copied().unwrap_or(Plan::NO_FIELD),
        };
        for answer in &mut self.plan.tests {
            if let Answer::Asked(id, place) | Answer::Gated(id, place) = answer
                && let Some(atom) = self.atoms.get(*id)
            {
                *place = position(atom.target);
            }
        }
        for any in &mut self.plan.any_of {
            any.position = position(any.target);
        }
    }
}

/// Whether a text may stand in that of a number, a time, an address, an identifier, `true`, `false`,
/// `inf`, `NaN` or `unknown`: by its characters alone.
fn may_be_in_others(text: &str) -> bool {
    let in_word = ["true", "false", "inf", "nan", "unknown"].iter().any(|word| word.contains(text));
    // Letters beyond hex stand alone between others: `T` and `Z` in times, `S` before an identifier.
    let among_digits = |letter: char| letter.is_ascii_hexdigit() || "+-.:{}tzs".contains(letter);
    let lone = text.chars().count() == 1 || text.chars().any(|letter| !letter.is_alphabetic());
    let hex = text.chars().all(|letter| letter.is_ascii_hexdigit());
    in_word || hex || lone && text.chars().all(among_digits)
}
