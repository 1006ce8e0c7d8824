//! How a plan is built.
//!
//! Each rule's witnesses are chosen and their literals put into the index of their field; then the
//! programs are written. A test whose literals are all in the index needs no asking: its *mark* is set by
//! the search or it is false. So does an *or* over such tests, which becomes one mark; an *or* over many
//! texts that are in no index becomes one search.

use aho_corasick::packed;
use etwatch_event::FieldId;
use hashbrown::{HashMap, HashSet};

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::expression::Expression;
use crate::compile::index::FieldIndex;
use crate::compile::literal::{Literal, Place};
use crate::compile::plan::{Answer, AnyOf, Hit, Plan, PlanField, Program, Residue};
use crate::compile::program::{self, Tests};
use crate::compile::witness::Witnesses;
use crate::sigma::detection::Target;
use crate::sigma::text::TextTest;
use crate::sigma::value::{Test, TextValue};

/// So many texts of a field are searched for at once; fewer are asked for one by one, and for more the
/// packed search is not made.
const SEARCHED_FROM: usize = 4;
const SEARCHED_TO: usize = 64;

/// A literal of a target: what the search reports.
#[derive(Default)]
struct Found {
    /// Programs that it nominates.
    programs: Vec<u32>,
    /// Tests that it proves.
    marks: Vec<u32>,
}

/// A plan in the making.
pub(super) struct Builder<'a> {
    rules: &'a [Residue],
    atoms: &'a Atoms,
    witnesses: &'a Witnesses,
    /// Literals by target, with their numbers.
    literals: HashMap<(Target, &'a Literal), u32>,
    order: Vec<(Target, &'a Literal)>,
    found: Vec<Found>,
    /// Numbers of the tests of atoms.
    test_of: HashMap<AtomId, u32>,
    groups: HashMap<Vec<AtomId>, u32>,
    plan: Plan,
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
        self.index_ends();
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

    /// Whole values, begins and ends are found by a hash however many there are: all of them are looked
    /// for, so that no program has to ask.
    fn index_ends(&mut self) {
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
            if required.enough && at_ends && matches!(atom.target, Target::Field(_)) {
                for literal in &required.literals {
                    self.look_for(atom.target, literal);
                }
            }
        }
    }

    /// The literals that prove an atom, if all of them are looked for anyway.
    fn proofs(&self, id: AtomId) -> Option<Vec<u32>> {
        let atom = self.atoms.get(id)?;
        let required = self.witnesses.required(id).filter(|required| required.enough)?;
        let number = |literal: &'a Literal| self.literals.get(&(atom.target, literal)).copied();
        required.literals.iter().map(number).collect()
    }

    fn write_programs(&mut self) {
        let mut steps = Vec::new();
        for residue in self.rules {
            let start = program::write(&residue.expression, self, &mut steps);
            self.plan.programs.push(Program { rule: residue.rule, start });
        }
        self.plan.steps = steps;
    }

    fn new_test(&mut self, answer: Answer) -> u32 {
        self.plan.tests.push(answer);
        u32::try_from(self.plan.tests.len() - 1).unwrap_or(u32::MAX)
    }

    fn mark(&mut self, proofs: &[u32], test: u32) {
        for proof in proofs {
            if let Some(found) = self.found.get_mut(*proof as usize) {
                found.marks.push(test);
            }
        }
    }

    fn finish(mut self) -> Plan {
        for found in &mut self.found {
            found.programs.sort_unstable();
            found.programs.dedup();
            let length = |items: &[u32]| u32::try_from(items.len()).unwrap_or(u32::MAX);
            let plan = &mut self.plan;
            let (marks, nominated) = (length(&plan.marks), length(&plan.nominated));
            plan.marks.extend(&found.marks);
            plan.nominated.extend(&found.programs);
            plan.hits.push(Hit {
                marks: (marks, length(&plan.marks)),
                nominated: (nominated, length(&plan.nominated)),
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
            Answer::Asked(id) => Some(id),
            _ => None,
        });
        let together = self.plan.any_of.iter().flat_map(|any| &any.atoms);
        for id in asked.chain(together) {
            let Some(atom) = self.atoms.get(*id) else { continue };
            let text =
                matches!(atom.test, Test::Text(_) | Test::Regex(_) | Test::FieldReference { .. });
            match atom.target {
                Target::Field(field) => need(field, text),
                Target::Keywords => self.plan.has_keywords = true,
            }
            if let Test::FieldReference { field, .. } = atom.test {
                need(field, true);
            }
        }
        for (target, _) in &self.order {
            match target {
                Target::Field(field) => need(*field, true),
                Target::Keywords => self.plan.has_keywords = true,
            }
        }
        fields.sort_unstable();
        let of_target = |target: Target| {
            let numbered = (0_u32..).zip(&self.order);
            let here = numbered.filter(|(_, (other, _))| *other == target);
            FieldIndex::new(here.map(|(number, (_, literal))| (*literal, number)))
        };
        self.plan.keywords = of_target(Target::Keywords);
        for (field, text) in fields {
            let slot = u16::try_from(self.plan.fields.len()).unwrap_or(Plan::NO_FIELD);
            if self.plan.slots.len() <= field.index() {
                self.plan.slots.resize(field.index() + 1, Plan::NO_FIELD);
            }
            if let Some(place) = self.plan.slots.get_mut(field.index()) {
                *place = slot;
            }
            let index = of_target(Target::Field(field));
            self.plan.fields.push(PlanField { field, index, text });
        }
    }
}

/// What asking an atom costs, on a scale of its own.
fn cost(atom: &Test) -> u32 {
    match atom {
        Test::Exists(_) | Test::Null | Test::Present => 2,
        Test::Text(text) => match &text.test {
            TextTest::Exact(_) | TextTest::Prefix(_) | TextTest::Suffix(_) => 3,
            TextTest::Substring(_) => 10,
            TextTest::Wild(_) => 60,
        },
        Test::Number { .. } | Test::Boolean(_) => 4,
        Test::Compare(..) | Test::FieldReference { .. } => 8,
        Test::Cidr(_) | Test::Time(..) => 20,
        Test::Regex(_) => 100,
    }
}

impl Tests for Builder<'_> {
    fn of_atom(&mut self, id: AtomId) -> (u32, u32) {
        let price = |answer: Option<&Answer>| match answer {
            Some(Answer::Asked(id)) => self.atoms.get(*id).map_or(1, |atom| cost(&atom.test)),
            _ => 1,
        };
        if let Some(test) = self.test_of.get(&id) {
            return (*test, price(self.plan.tests.get(*test as usize)));
        }
        let proofs = self.proofs(id);
        let test = self.new_test(match proofs {
            Some(_) => Answer::Marked,
            None => Answer::Asked(id),
        });
        if let Some(proofs) = proofs {
            self.mark(&proofs, test);
            self.plan.proven.push((test, id));
        }
        self.test_of.insert(id, test);
        self.of_atom(id)
    }

    fn of_any(&mut self, parts: &[Expression]) -> (Vec<u32>, Vec<Expression>) {
        let mut tests = Vec::new();
        let proven = |part: &Expression| match part {
            Expression::Atom(id) => self.proofs(*id).map(|proofs| (*id, proofs)),
            _ => None,
        };
        let together: Vec<(AtomId, Vec<u32>)> = parts.iter().filter_map(proven).collect();
        let mut rest = parts.to_vec();
        if together.len() >= 2 {
            let ids: HashSet<AtomId> = together.iter().map(|(id, _)| *id).collect();
            rest.retain(|part| !matches!(part, Expression::Atom(id) if ids.contains(id)));
            tests.push(self.marked(&together));
        }
        tests.extend(self.searched(&mut rest));
        (tests, rest)
    }
}

impl Builder<'_> {
    /// One mark for several proven atoms.
    fn marked(&mut self, together: &[(AtomId, Vec<u32>)]) -> u32 {
        let ids: Vec<AtomId> = together.iter().map(|(id, _)| *id).collect();
        if let Some(test) = self.groups.get(&ids) {
            return *test;
        }
        let test = self.new_test(Answer::Marked);
        for (id, proofs) in together {
            self.mark(proofs, test);
            self.plan.proven.push((test, *id));
        }
        self.groups.insert(ids, test);
        test
    }

    /// One search for each field of which many texts are asked for; takes their atoms out of `rest`.
    fn searched(&mut self, rest: &mut Vec<Expression>) -> Vec<u32> {
        let mut by_target: Vec<(Target, Vec<(AtomId, &str)>)> = Vec::new();
        for part in rest.iter() {
            let Expression::Atom(id) = part else { continue };
            let Some(atom) = self.atoms.get(*id) else { continue };
            let Test::Text(TextValue { test: TextTest::Substring(text), cased: false }) =
                &atom.test
            else {
                continue;
            };
            if text.is_empty() || atom.target == Target::Keywords {
                continue;
            }
            match by_target.iter_mut().find(|(target, _)| *target == atom.target) {
                Some((_, texts)) => texts.push((*id, text)),
                None => by_target.push((atom.target, vec![(*id, text)])),
            }
        }
        let mut tests = Vec::new();
        for (target, texts) in by_target {
            if !(SEARCHED_FROM..=SEARCHED_TO).contains(&texts.len()) {
                continue;
            }
            let ids: Vec<AtomId> = texts.iter().map(|(id, _)| *id).collect();
            let known = self.groups.get(&ids).copied();
            let test = known.or_else(|| {
                let searcher = packed::Searcher::new(texts.iter().map(|(_, text)| text))?;
                let number = u32::try_from(self.plan.any_of.len()).ok()?;
                self.plan.any_of.push(AnyOf { target, searcher, atoms: ids.clone() });
                let test = self.new_test(Answer::AnyOf(number));
                self.groups.insert(ids.clone(), test);
                Some(test)
            });
            if let Some(test) = test {
                tests.push(test);
                rest.retain(|part| !matches!(part, Expression::Atom(id) if ids.contains(id)));
            }
        }
        tests
    }
}
