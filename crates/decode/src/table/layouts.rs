//! The layouts of a provider's events, and which of them a record may have.
//!
//! Versions of an event are tried downwards: the record's own, else the newest that is older, since Windows
//! as a rule adds fields at the end. Under one version several layouts may stand. If the build is known, the
//! layout is first whose builds begin nearest at or below it; what Windows did between two builds that
//! somebody has looked at is not known, so the other layouts follow in the order of the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::schema::Schema;

/// Builds of Windows, first and last.
pub(super) type Builds = (u32, u32);

/// A layout and the builds that are known to write it.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) schema: Arc<Schema>,
    pub(super) builds: Vec<Builds>,
}

/// The layouts of a provider's events by number (id or opcode) and version.
#[derive(Clone, Debug, Default)]
pub(super) struct EventLayouts(BTreeMap<(u16, u8), Vec<Layout>>);

impl EventLayouts {
    /// Adds a layout behind those of the same event.
    pub(super) fn push(&mut self, number: u16, version: u8, layout: Layout) {
        self.0.entry((number, version)).or_default().push(layout);
    }

    /// The layouts that an event of this version, written by this build, may have.
    pub(super) fn candidates(
        &self,
        number: u16,
        version: u8,
        build: Option<u32>,
    ) -> Candidates<'_> {
        let found = self.0.range((number, 0)..=(number, version)).next_back();
        let Some((&(_, found), layouts)) = found else { return Candidates::default() };
        let begin = |layout: &Layout| {
            let begins = layout.builds.iter().map(|(first, _)| *first);
            begins.filter(|first| build.is_some_and(|build| *first <= build)).max()
        };
        let nearest =
            layouts.iter().enumerate().filter_map(|(i, layout)| Some((begin(layout)?, i)));
        // Among layouts that begin alike the first of the file counts.
        let first = nearest.max_by_key(|(begin, i)| (*begin, usize::MAX - i)).map(|(_, i)| i);
        Candidates { layouts, first, version: found, newer: found < version }
    }

    /// All of them with number and version.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, u8, &Arc<Schema>)> {
        self.0.iter().flat_map(|((number, version), layouts)| {
            layouts.iter().map(move |layout| (*number, *version, &layout.schema))
        })
    }
}

/// The layouts that a record may have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidates<'t> {
    layouts: &'t [Layout],
    first: Option<usize>,
    /// The version of the layouts.
    version: u8,
    newer: bool,
}

impl<'t> Candidates<'t> {
    /// The layouts in the order in which they should be tried.
    pub fn iter(&self) -> impl Iterator<Item = &'t Arc<Schema>> + use<'t> {
        let (layouts, first) = (self.layouts, self.first);
        let others = (0..layouts.len()).filter(move |index| Some(*index) != first);
        let order = first.into_iter().chain(others);
        order.filter_map(move |index| layouts.get(index).map(|layout| &layout.schema))
    }
    /// Whether there are some, and of a version nearer to the record's than the others.
    pub(super) fn is_nearer(&self, others: &Self) -> bool {
        !self.is_empty() && (others.is_empty() || self.version > others.version)
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layouts.len()
    }
    /// Whether nothing is known of the record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layouts.is_empty()
    }
    /// Whether the record's version is newer than all that is known: bytes may be left over.
    #[must_use]
    pub fn newer(&self) -> bool {
        self.newer
    }
}
