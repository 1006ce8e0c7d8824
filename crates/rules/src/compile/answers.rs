//! How the tests of a plan are answered.
//!
//! A test whose literals are all looked for needs no asking: its *mark* is set by the search or it is false.
//! So does an *or* over such tests, which becomes one mark. If the literals are required but not enough, the
//! test is asked only when one was found. An *or* over many texts that are in no index becomes one search.
//! All others are asked.

use aho_corasick::packed;
use hashbrown::HashSet;

use crate::compile::atom::AtomId;
use crate::compile::build::Builder;
use crate::compile::expression::Expression;
use crate::compile::plan::{Answer, AnyOf, Plan};
use crate::compile::program::{Asking, Tests};
use crate::sigma::detection::Target;
use crate::sigma::text::TextTest;
use crate::sigma::value::{Test, TextValue};

/// So many texts of a field are searched for at once; fewer are asked for one by one, and for more the
/// packed search is not made.
const SEARCHED_FROM: usize = 4;
const SEARCHED_TO: usize = 64;

/// What asking an atom costs, on a scale of its own.
fn cost(atom: &Test) -> f32 {
    match atom {
        Test::Exists(_) | Test::Null | Test::Present => 2.0,
        Test::Text(text) => match &text.test {
            TextTest::Exact(_) | TextTest::Prefix(_) | TextTest::Suffix(_) => 3.0,
            TextTest::Substring(_) => 10.0,
            TextTest::Wild(_) => 60.0,
        },
        Test::Number { .. } | Test::Boolean(_) => 4.0,
        Test::Compare(..) | Test::FieldReference { .. } => 8.0,
        Test::Cidr(_) | Test::Time(..) => 20.0,
        Test::Regex(_) => 100.0,
    }
}

/// What an answer that the search has costs.
const KNOWN: f32 = 1.0;

impl Tests for Builder<'_> {
    fn of_atom(&mut self, id: AtomId) -> Asking {
        if let Some(asking) = self.test_of.get(&id) {
            return *asking;
        }
        let share = self.share(id);
        let cost = self.atoms.get(id).map_or(KNOWN, |atom| cost(&atom.test));
        let asking = match self.looked_for(id) {
            Some((literals, true)) => {
                let test = self.new_test(Answer::Marked);
                self.mark(&literals, test, true);
                self.plan.proven.push((test, id));
                Asking { test, marked: true, cost: KNOWN, share }
            }
            Some((literals, false)) => {
                let test = self.new_test(Answer::Gated(id, Plan::NO_FIELD));
                self.mark(&literals, test, false);
                Asking { test, marked: true, cost: KNOWN + share * cost, share }
            }
            None => Asking {
                test: self.new_test(Answer::Asked(id, Plan::NO_FIELD)),
                marked: false,
                cost,
                share,
            },
        };
        self.test_of.insert(id, asking);
        asking
    }

    fn of_any(&mut self, parts: &[Expression]) -> (Vec<Asking>, Vec<Expression>) {
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
    /// How often an atom holds, as its price as a witness says.
    fn share(&self, id: AtomId) -> f32 {
        /// The price of what holds for every other event.
        const HALF: f32 = 2_000.0;
        match self.witnesses.required(id) {
            None => 0.5,
            Some(_) => {
                let price = self.witnesses.cost(id);
                price / (price + HALF)
            }
        }
    }

    /// One mark for several proven atoms.
    fn marked(&mut self, together: &[(AtomId, Vec<u32>)]) -> Asking {
        let ids: Vec<AtomId> = together.iter().map(|(id, _)| *id).collect();
        let known = self.groups.get(&ids).copied();
        let test = known.unwrap_or_else(|| {
            let test = self.new_test(Answer::Marked);
            for (id, proofs) in together {
                self.mark(proofs, test, true);
                self.plan.proven.push((test, *id));
            }
            self.groups.insert(ids, test);
            test
        });
        Asking { test, marked: true, cost: KNOWN, share: 0.0 }
    }

    /// One search for each field of which many texts are asked for; takes their atoms out of `rest`.
    fn searched(&mut self, rest: &mut Vec<Expression>) -> Vec<Asking> {
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
                self.plan.any_of.push(AnyOf {
                    target,
                    position: Plan::NO_FIELD,
                    searcher,
                    atoms: ids.clone(),
                });
                let test = self.new_test(Answer::AnyOf(number));
                self.groups.insert(ids.clone(), test);
                Some(test)
            });
            if let Some(test) = test {
                tests.push(Asking { test, marked: false, cost: 20.0, share: 0.0 });
                rest.retain(|part| !matches!(part, Expression::Atom(id) if ids.contains(id)));
            }
        }
        tests
    }
}
