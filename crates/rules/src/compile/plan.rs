//! What is run for one kind of event: a set of log sources and, where rules name it, an event id.
//!
//! Building one: what the event id decides of each rule is decided and rules that can't hold are left
//! out; each rule's witnesses are chosen and their literals put into the index of their field; then the
//! programs are written. A test whose literals are all in the index needs no asking: its *mark* is set by
//! the search or it is false. So does an *or* over such tests, which becomes one mark.

use aho_corasick::packed;
use etwatch_event::{FieldId, Value};
use hashbrown::{HashMap, HashSet};

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::expression::Expression;
use crate::compile::index::FieldIndex;
use crate::compile::literal::{Literal, Place};
use crate::compile::program::{self, Step, Tests};
use crate::compile::witness::Witnesses;
use crate::evaluate::holds_for;
use crate::rule_set::RuleIndex;
use crate::sigma::detection::Target;
use crate::sigma::text::TextTest;
use crate::sigma::value::{Test, TextValue};

/// So many texts of a field are searched for at once; fewer are asked for one by one, and for more the
/// packed search is not made.
const SEARCHED_FROM: usize = 4;
const SEARCHED_TO: usize = 64;

/// How a test of a plan is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// By the search for witnesses: it holds if its mark is set.
    Marked,
    /// By asking the atom, once an event.
    Asked(AtomId),
    /// By one search for the texts of several atoms of a field, see [`Plan::any_of`].
    AnyOf(u32),
}

/// Several texts of which one must stand in a value of a field.
#[derive(Debug)]
pub struct AnyOf {
    /// The field.
    pub target: Target,
    /// Finds any of them.
    pub searcher: packed::Searcher,
    /// The atoms it stands for.
    pub atoms: Vec<AtomId>,
}

/// A field that a plan looks at.
#[derive(Debug)]
pub struct PlanField {
    /// The field.
    pub field: FieldId,
    /// The literals looked for in it.
    pub index: FieldIndex,
    /// Whether the text of its values is needed.
    pub text: bool,
}

/// What a found literal leads to: ranges of [`Plan::marks`] and [`Plan::nominated`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Hit {
    marks: (u32, u32),
    nominated: (u32, u32),
}

/// A program of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The rule it decides.
    pub rule: RuleIndex,
    /// Its first step.
    pub start: u32,
}

/// Everything that is run for one kind of event.
#[derive(Debug, Default)]
pub struct Plan {
    /// The fields it looks at.
    pub fields: Vec<PlanField>,
    /// For each field id the position in `fields`, or [`Plan::NO_FIELD`].
    slots: Vec<u16>,
    /// The literals looked for in every value.
    pub keywords: FieldIndex,
    /// Whether any rule looks at every value.
    pub has_keywords: bool,
    hits: Vec<Hit>,
    marks: Vec<u32>,
    nominated: Vec<u32>,
    /// How each test is answered.
    pub tests: Vec<Answer>,
    /// Searches for several texts at once.
    any_of: Vec<AnyOf>,
    /// What marks stand for, for showing.
    proven: Vec<(u32, AtomId)>,
    /// The steps of all programs.
    pub steps: Vec<Step>,
    /// The programs in the order of their rules.
    pub programs: Vec<Program>,
    /// Programs that are run for every event: their rules have no witness.
    pub always: Vec<u32>,
}

/// A rule that may hold for a kind of event, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Residue {
    /// The rule.
    pub rule: RuleIndex,
    /// What the event id leaves open.
    pub expression: Expression,
}

/// What is left of a rule's expression for events with this id.
#[must_use]
pub fn given_event_id(expression: &Expression, id: u64, atoms: &Atoms) -> Expression {
    expression.given(&|atom| {
        let atom = atoms.get(atom)?;
        let of_id = atom.target == Target::Field(FieldId::EVENT_ID)
            && !matches!(atom.test, Test::FieldReference { .. });
        of_id.then(|| holds_for(&atom.test, &Value::Unsigned(id)))
    })
}

impl Plan {
    /// A field that the plan does not look at.
    pub const NO_FIELD: u16 = u16::MAX;

    /// Builds the plan of these rules, which are in order.
    #[must_use]
    pub fn new(rules: &[Residue], atoms: &Atoms, witnesses: &Witnesses) -> Self {
        let mut builder = Builder::new(rules, atoms, witnesses);
        builder.index_witnesses();
        builder.index_ends();
        builder.write_programs();
        builder.finish()
    }

    /// The position of a field in [`Plan::fields`].
    #[must_use]
    pub fn slot(&self, field: FieldId) -> Option<usize> {
        let slot = self.slots.get(field.index()).copied().unwrap_or(Self::NO_FIELD);
        (slot != Self::NO_FIELD).then_some(usize::from(slot))
    }
    /// The tests whose mark a found literal sets.
    #[must_use]
    pub fn marks(&self, hit: u32) -> &[u32] {
        let Some(Hit { marks: (from, to), .. }) = self.hits.get(hit as usize) else { return &[] };
        self.marks.get(*from as usize..*to as usize).unwrap_or_default()
    }
    /// The search behind [`Answer::AnyOf`].
    #[must_use]
    pub fn any_of(&self, number: u32) -> Option<&AnyOf> {
        self.any_of.get(number as usize)
    }
    /// The atoms of which one holds if a mark is set.
    pub fn proven(&self, test: u32) -> impl Iterator<Item = AtomId> {
        self.proven.iter().filter(move |(mark, _)| *mark == test).map(|(_, atom)| *atom)
    }
    /// The programs that are run because a literal was found.
    #[must_use]
    pub fn nominated(&self, hit: u32) -> &[u32] {
        let Some(Hit { nominated: (from, to), .. }) = self.hits.get(hit as usize) else {
            return &[];
        };
        self.nominated.get(*from as usize..*to as usize).unwrap_or_default()
    }
}

/// A literal of a target: what the search reports.
#[derive(Default)]
struct Found {
    /// Programs that it nominates.
    programs: Vec<u32>,
    /// Tests that it proves.
    marks: Vec<u32>,
}

struct Builder<'a> {
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
    fn new(rules: &'a [Residue], atoms: &'a Atoms, witnesses: &'a Witnesses) -> Self {
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
