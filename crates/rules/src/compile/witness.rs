//! Which atoms a rule is looked for by.
//!
//! A rule's witnesses are atoms of which at least one holds whenever the rule does: an atom is its own,
//! of *and* the cheapest part's are taken, of *or* those of all parts, and a negated atom has none. An
//! atom is the dearer, the more often it is thought to hold: literals by their rarest window of four
//! bytes, counted over all literals of the rule set as often as rules use them (what many rules ask for
//! is common), so that no sample of events is needed; fields with few distinct values and short literals
//! are dear; literals that are not ASCII cost next to nothing.

use etwatch_event::FieldTable;

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::expression::Expression;
use crate::compile::literal::{Literal, Place, Required, required};
use crate::sigma::detection::Target;

/// Fields in which most events say one of few things.
const FEW_VALUES: &[&str] = &[
    "Channel",
    "Company",
    "Computer",
    "Description",
    "EventType",
    "FileVersion",
    "Initiated",
    "IntegrityLevel",
    "Level",
    "LogonType",
    "Product",
    "Protocol",
    "Provider_Name",
    "Signature",
    "SignatureStatus",
    "Signed",
    "User",
    "ParentUser",
    "SourceUser",
    "Status",
    "CurrentDirectory",
];
const WINDOW: usize = 4;
const SLOTS: usize = 1 << 16;

/// What atoms require, and what they cost as witnesses.
#[derive(Debug)]
pub struct Witnesses {
    required: Vec<Option<Required>>,
    costs: Vec<f32>,
    /// For each window how often literals have it.
    counts: Vec<u32>,
}

fn slot(window: &[u8]) -> usize {
    let number = window.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    (number.wrapping_mul(0x9e37_79b1) >> 16) as usize % SLOTS
}

impl Witnesses {
    /// Counts the literals of all atoms and prices each.
    #[must_use]
    pub fn new(atoms: &Atoms, rules: &[Expression], fields: &FieldTable) -> Self {
        let required: Vec<_> = atoms.all().iter().map(|atom| required(&atom.test)).collect();
        let mut uses = vec![0_u32; required.len()];
        for rule in rules {
            rule.atoms(&mut |atom| {
                if let Some(uses) = uses.get_mut(atom.index()) {
                    *uses += 1;
                }
            });
        }
        let mut counts = vec![0_u32; SLOTS];
        for (required, uses) in required.iter().zip(&uses) {
            for literal in required.iter().flat_map(|required| &required.literals) {
                for window in literal.text.as_bytes().windows(WINDOW) {
                    if let Some(count) = counts.get_mut(slot(window)) {
                        *count += uses;
                    }
                }
            }
        }
        let dear: Vec<_> = FEW_VALUES.iter().filter_map(|name| fields.id(name)).collect();
        let cost_of = |(atom, required): (&super::atom::Atom, &Option<Required>)| {
            let factor = match atom.target {
                Target::Field(id) if dear.contains(&id) => 50.0,
                Target::Field(_) => 1.0,
                Target::Keywords => 2.0,
            };
            let literals = required.iter().flat_map(|required| &required.literals);
            literals
                .map(|literal| {
                    factor * price(literal, &counts).max(if factor > 10.0 { 100.0 } else { 0.0 })
                })
                .sum()
        };
        let costs = atoms.all().iter().zip(&required).map(cost_of).collect();
        Self { required, costs, counts }
    }

    /// What an atom costs as a witness.
    #[must_use]
    pub fn cost(&self, atom: AtomId) -> f32 {
        self.costs.get(atom.index()).copied().unwrap_or(f32::MAX)
    }

    /// Which part of an *and* has the cheapest witnesses, and these.
    #[must_use]
    pub fn of_parts(&self, parts: &[Expression]) -> Option<(usize, (f32, Vec<AtomId>))> {
        let priced = parts.iter().enumerate();
        let priced = priced.filter_map(|(at, part)| self.of(part).map(|found| (at, found)));
        priced.min_by(|(_, one), (_, other)| one.0.total_cmp(&other.0))
    }

    /// How often literals have a window of four bytes.
    #[must_use]
    pub fn count(&self, window: &[u8]) -> u32 {
        self.counts.get(slot(window)).copied().unwrap_or(0)
    }

    /// What an atom requires.
    #[must_use]
    pub fn required(&self, atom: AtomId) -> Option<&Required> {
        self.required.get(atom.index())?.as_ref()
    }

    /// The cheapest witnesses of an expression; `None` if it has none.
    #[must_use]
    pub fn of(&self, expression: &Expression) -> Option<(f32, Vec<AtomId>)> {
        match expression {
            Expression::Decided(false) => Some((0.0, Vec::new())),
            Expression::Decided(true) | Expression::Not(_) => None,
            Expression::Atom(atom) => {
                self.required(*atom)?;
                Some((self.costs.get(atom.index()).copied()?, vec![*atom]))
            }
            Expression::And(parts) => self.of_parts(parts).map(|(_, found)| found),
            Expression::Or(parts) => {
                let mut all = (0.0, Vec::new());
                for part in parts {
                    let (cost, atoms) = self.of(part)?;
                    all.0 += cost;
                    all.1.extend(atoms);
                }
                Some(all)
            }
        }
    }
}

/// How often a literal is thought to be found, on a scale of its own.
fn price(Literal { text, place }: &Literal, counts: &[u32]) -> f32 {
    if !text.is_ascii() {
        return 0.1;
    }
    // Of a path the last part tells one value from another.
    let telling = match place {
        Place::Whole | Place::End => {
            text.rfind('\\').map_or(text.as_str(), |at| text.split_at(at).1)
        }
        Place::Start | Place::Within => text,
    };
    let count = |window: &[u8]| counts.get(slot(window)).copied().unwrap_or(0);
    let rarest = telling.as_bytes().windows(WINDOW).map(count).min();
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let cost = 1.0 + rarest.unwrap_or(0) as f32;
    match (place, telling.len()) {
        // Short values are one of few.
        (Place::Whole, 0..8) => cost.max(300.0),
        (Place::Whole, _) => cost,
        (_, 0..2) => 8_000.0,
        (_, 2) => 2_000.0,
        (_, 3) => 400.0,
        (_, 4) => 100.0 + 10.0 * cost,
        (_, 5) => 30.0 + 5.0 * cost,
        (_, 6 | 7) => 2.0 * cost,
        _ => cost,
    }
}
