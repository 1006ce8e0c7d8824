//! Where the fields of a record go, by their names.
//!
//! A name is looked up in the vocabulary and the layout. Records that share their names share the result:
//! it is worked out once for each list of names and layout.

use std::sync::Arc;

use etwatch_event::{FieldId, FieldNames, Layout, LayoutId, Vocabulary};
use hashbrown::HashMap;

/// How many lists of places are kept; beyond, all are forgotten and worked out anew.
const KEPT: usize = 1_024;

/// Where a field goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// To a field that has a number, and a slot if the layout knows it.
    Field(FieldId, Option<usize>),
    /// Its name has blanks in it and no number.
    Blanks,
    /// No table or rule knows its name.
    Unknown,
}

impl Place {
    /// Where the field of this name goes in a row of `layout`.
    pub(crate) fn of(name: &str, layout: Option<&Layout>, vocabulary: &Vocabulary) -> Self {
        match vocabulary.fields.id(name) {
            Some(id) => Self::Field(id, layout.and_then(|layout| layout.slot(id))),
            None if name.contains(' ') => Self::Blanks,
            None => Self::Unknown,
        }
    }
}

/// Names that must not go while their address stands for them, and their places.
type Known = (Arc<FieldNames>, Box<[Place]>);

/// The places of shared names.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By the address of the names.
    known: HashMap<(usize, LayoutId), Known>,
}

impl Places {
    /// Where the fields of these names go in a row of the layout with this number.
    pub(crate) fn of(
        &mut self,
        names: &Arc<FieldNames>,
        layout: LayoutId,
        vocabulary: &Vocabulary,
    ) -> &[Place] {
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        let key = (Arc::as_ptr(names).addr(), layout);
        let (_, places) = self.known.entry(key).or_insert_with(|| {
            let layout = vocabulary.layout(layout);
            let places = names.iter().map(|name| Place::of(name, layout, vocabulary));
            (Arc::clone(names), places.collect())
        });
        places
    }
}
