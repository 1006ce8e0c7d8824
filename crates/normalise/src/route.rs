//! What a record is and where its fields go.
//!
//! Both follow from names: of provider, channel and fields. Records of one kind share their names, so it is
//! worked out once for each list of shared names, and for a record it is
//!
//! ```text
//! address of the names ──▶ id or opcode ──▶ rows to be tried, each with
//!                                             the places of the fields its conditions look at,
//!                                             where each field goes
//! ```
//!
//! Provider and channel are compared with what was noted, since nothing says that they belong to the names.
//! A record with names of its own is decided name by name.

use std::sync::Arc;

use etwatch_event::{FieldId, FieldNames, Layout, LayoutId, RawValue, Record, Vocabulary};
use etwatch_event::{LogSourceSetId, field::HEADER_FIELDS};
use hashbrown::HashMap;

use crate::convert::number;
use crate::row::of_value;
use crate::taxonomy::{Decision, RecordKind, Taxonomy, may_be_classic};

/// How many lists of names are kept; beyond, all are forgotten and worked out anew.
const KEPT: usize = 1_024;
/// How many ids records of one list of names have; beyond, all are forgotten.
const KEPT_IDS: usize = 16;

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

/// What records of one kind may be.
#[derive(Debug)]
pub(crate) struct Route {
    /// The number of the row.
    pub(crate) row: Option<usize>,
    pub(crate) layout: LayoutId,
    pub(crate) sources: LogSourceSetId,
    /// Where each field goes.
    pub(crate) places: Box<[Place]>,
    /// For each condition of the row the fields it looks at.
    tested: Box<[Box<[usize]>]>,
}

/// What is known of the records that share a list of names.
#[derive(Debug)]
struct OfNames {
    /// Must not go while its address stands for it.
    names: Arc<FieldNames>,
    provider: Box<str>,
    channel: Box<str>,
    opcode: Option<usize>,
    routes: Vec<(Number, Vec<Route>)>,
}

/// Id and opcode.
type Number = (Option<u32>, Option<u32>);

/// Routes of records that share their names.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// By the address of the names.
    known: HashMap<usize, OfNames>,
    kind: RecordKind,
    scratch: String,
}

impl Routes {
    /// The route of a record with these shared names; `None` if it has to be decided name by name.
    pub(crate) fn of(
        &mut self,
        record: &Record<'_>,
        names: &Arc<FieldNames>,
        taxonomy: &Taxonomy,
        vocabulary: &Vocabulary,
    ) -> Option<&Route> {
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        let Self { known, kind, scratch } = self;
        let of_names = known.entry(Arc::as_ptr(names).addr()).or_insert_with(|| OfNames {
            names: Arc::clone(names),
            provider: record.provider().into(),
            channel: record.channel().into(),
            opcode: opcode_at(names),
            routes: Vec::new(),
        });
        let OfNames { names, provider, channel, opcode, routes } = of_names;
        if **provider != *record.provider() || **channel != *record.channel() {
            return None;
        }
        let opcode = opcode.filter(|_| may_be_classic(record)).and_then(|at| number_at(record, at));
        let key = (record.event_id(), opcode);
        let found = match routes.iter().position(|(of, _)| *of == key) {
            Some(found) => found,
            None => {
                if routes.len() >= KEPT_IDS {
                    routes.clear();
                }
                kind.set(record, opcode);
                let new = taxonomy.decisions(kind);
                let new = new.map(|decision| Route::new(&decision, names, taxonomy, vocabulary));
                routes.push((key, new.collect()));
                routes.len() - 1
            }
        };
        let (_, tried) = routes.get(found)?;
        tried.iter().find(|route| route.holds(record, taxonomy, scratch))
    }

    /// What a record without shared names is.
    pub(crate) fn decide(&mut self, record: &Record<'_>, taxonomy: &Taxonomy) -> Option<Decision> {
        let Self { kind, scratch, .. } = self;
        let opcode = may_be_classic(record).then(|| {
            let at = record.fields().position(|(name, _)| is_opcode(name));
            at.and_then(|at| number_at(record, at))
        });
        kind.set(record, opcode.flatten());
        taxonomy.decisions(kind).find(|decision| {
            let row = decision.row.and_then(|row| taxonomy.row(row));
            row.is_none_or(|row| row.holds(record, scratch))
        })
    }
}

impl Route {
    fn new(
        decision: &Decision,
        names: &FieldNames,
        taxonomy: &Taxonomy,
        vocabulary: &Vocabulary,
    ) -> Self {
        let Decision { row, layout, sources } = *decision;
        let of_layout = vocabulary.layout(layout);
        let fields_named = |wanted: &str| {
            let all = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            all.map(|(index, _)| index).collect()
        };
        let tests = row.and_then(|row| taxonomy.row(row)).map(|row| row.tests.as_slice());
        Self {
            row,
            layout,
            sources,
            places: names.iter().map(|name| Place::of(name, of_layout, vocabulary)).collect(),
            tested: tests.unwrap_or_default().iter().map(|(name, _)| fields_named(name)).collect(),
        }
    }

    fn holds(&self, record: &Record<'_>, taxonomy: &Taxonomy, scratch: &mut String) -> bool {
        if self.tested.is_empty() {
            return true;
        }
        let tests = self.row.and_then(|row| taxonomy.row(row)).map(|row| row.tests.as_slice());
        self.tested.iter().zip(tests.unwrap_or_default()).all(|(fields, (_, test))| {
            let mut values = fields.iter().filter_map(|index| record.field(*index));
            values.any(|(_, value)| of_value(test, value, scratch))
        })
    }
}

fn is_opcode(name: &str) -> bool {
    HEADER_FIELDS.get(FieldId::OPCODE.index()).is_some_and(|opcode| *opcode == name)
}

fn opcode_at(names: &FieldNames) -> Option<usize> {
    names.iter().position(is_opcode)
}

fn number_at(record: &Record<'_>, index: usize) -> Option<u32> {
    match record.field(index)? {
        (_, RawValue::One(value)) => number(&value).and_then(|number| number.try_into().ok()),
        (_, RawValue::Empty) => None,
    }
}
