//! Atoms: one test of one field each, shared by all rules that write it.

use std::hash::{BuildHasher, Hash, Hasher};

use std::sync::OnceLock;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::compile::gate::Gate;
use crate::sigma::detection::Target;
use crate::sigma::value::Test;

/// Number of an atom in its [`Atoms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct AtomId(pub(crate) u32);

impl AtomId {
    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One test, and where it looks.
#[derive(Debug)]
pub struct Atom {
    /// The field, or every value.
    pub target: Target,
    /// The test: true if any value of the target satisfies it.
    pub test: Test,
    /// What is asked first, made when it is first needed.
    gate: OnceLock<Box<Gate>>,
}

impl Atom {
    /// What is asked before the test.
    #[inline]
    pub(crate) fn gate(&self) -> &Gate {
        self.gate.get_or_init(|| Box::new(Gate::new(&self.test)))
    }
    fn same(&self, target: Target, test: &Test) -> bool {
        self.target == target
            && match (&self.test, test) {
                (Test::Text(mine), Test::Text(other)) => mine == other,
                (Test::Text(_), _) | (_, Test::Text(_)) => false,
                // Rare kinds: their printed form says everything.
                (mine, other) => format!("{mine:?}") == format!("{other:?}"),
            }
    }
}

/// All atoms of a rule set, each once.
#[derive(Debug, Default)]
pub struct Atoms {
    atoms: Vec<Atom>,
    by_test: HashTable<AtomId>,
    hasher: DefaultHashBuilder,
}

fn hash(hasher: &DefaultHashBuilder, target: Target, test: &Test) -> u64 {
    let mut state = hasher.build_hasher();
    target.hash(&mut state);
    match test {
        Test::Text(text) => text.hash(&mut state),
        other => format!("{other:?}").hash(&mut state),
    }
    state.finish()
}

impl Atoms {
    /// The number of an atom, given one if it is new.
    pub fn intern(&mut self, target: Target, test: &Test) -> AtomId {
        let Self { atoms, by_test, hasher } = self;
        let key = hash(hasher, target, test);
        let same = |id: &AtomId| atoms.get(id.index()).is_some_and(|atom| atom.same(target, test));
        if let Some(id) = by_test.find(key, same) {
            return *id;
        }
        let id = AtomId(u32::try_from(atoms.len()).unwrap_or(u32::MAX));
        atoms.push(Atom { target, test: test.clone(), gate: OnceLock::new() });
        by_test.insert_unique(key, id, |id| {
            atoms.get(id.index()).map_or(0, |atom| hash(hasher, atom.target, &atom.test))
        });
        id
    }
    /// The atom with this number.
    #[must_use]
    pub fn get(&self, id: AtomId) -> Option<&Atom> {
        self.atoms.get(id.index())
    }
    /// All atoms in the order of their numbers.
    #[must_use]
    pub fn all(&self) -> &[Atom] {
        &self.atoms
    }
}
