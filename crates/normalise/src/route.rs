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

use etwatch_event::{FieldId, FieldNames, Layout, LayoutId, RawValue, Record, Role, Vocabulary};
use etwatch_event::{LogSourceSetId, batch::Move, field::HEADER_FIELDS, value::same_text};
use hashbrown::HashMap;

use crate::convert::number;
use crate::row::of_value;
use crate::taxonomy::{Decision, RecordKind, Taxonomy, may_be_classic};

/// How many lists of names are kept; beyond, all are forgotten and worked out anew.
const KEPT: usize = 1_024;
/// How many ids records of one list of names have; beyond, all are forgotten.
const KEPT_IDS: usize = 16;

/// What a field's name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A field that has a number.
    Field(FieldId),
    /// It has blanks in it and no number.
    Blanks,
    /// No table or rule knows it.
    Unknown,
}

impl Place {
    /// What this name stands for.
    pub(crate) fn of(name: &str, vocabulary: &Vocabulary) -> Self {
        match vocabulary.fields.id(name) {
            Some(id) => Self::Field(id),
            None if name.contains(' ') => Self::Blanks,
            None => Self::Unknown,
        }
    }
}

/// Fields that go to their places one by one, by their places in the record.
type Later = Box<[(usize, Place)]>;

/// What records of one kind may be.
#[derive(Debug)]
pub(crate) struct Route {
    /// The number of the row.
    pub(crate) row: Option<usize>,
    pub(crate) layout: LayoutId,
    pub(crate) sources: LogSourceSetId,
    /// Whether somebody asks for its fields.
    pub(crate) is_needed: bool,
    /// Which field is the name of the host.
    pub(crate) computer: Option<usize>,
    /// Where each field goes.
    pub(crate) moves: Box<[Move]>,
    /// Those that do not go there at once, with what their names stand for.
    pub(crate) later: Later,
    /// For each condition of the row the fields it looks at.
    tested: Box<[Box<[usize]>]>,
    /// How many fields have to stand where their names do, so that those that are looked at are found.
    looked_at: usize,
}

/// What tells records with the same names apart.
type IdAndOpcode = (Option<u32>, Option<u32>);

/// What is known of the records that share a list of names.
#[derive(Debug)]
struct OfNames {
    /// Must not go while its address stands for it.
    names: Arc<FieldNames>,
    provider: Box<str>,
    channel: Box<str>,
    opcode: Option<usize>,
    routes: Vec<(IdAndOpcode, Vec<Route>)>,
}

/// Routes of records that share their names.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// By the address of the names.
    known: HashMap<usize, OfNames>,
    /// The sets of log sources whose fields somebody asks for, by number; all without it.
    needed: Option<Arc<[bool]>>,
    kind: RecordKind,
    scratch: String,
}

impl Routes {
    /// Routes of which only those of these sets of log sources are needed.
    pub(crate) fn only(needed: Option<Arc<[bool]>>) -> Self {
        Self { needed, ..Self::default() }
    }
    /// Whether somebody asks for the fields of such events: a rule, or the memory of their host.
    pub(crate) fn is_needed(&self, decision: &Decision, vocabulary: &Vocabulary) -> bool {
        is_needed(self.needed.as_deref(), decision, vocabulary)
    }
    /// The route of a record with these shared names; `None` if it has to be decided name by name, as where a
    /// field that is looked at has not the name of its place.
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
        let Self { known, needed, kind, scratch } = self;
        let of_names = known.entry(Arc::as_ptr(names).addr()).or_insert_with(|| OfNames {
            names: Arc::clone(names),
            provider: record.provider().into(),
            channel: record.channel().into(),
            opcode: opcode_at(names),
            routes: Vec::new(),
        });
        let OfNames { names, provider, channel, opcode, routes } = of_names;
        if !same_text(provider, record.provider()) || !same_text(channel, record.channel()) {
            return None;
        }
        // From here on, a field may not have the name of its place.
        let end = if record.shared_names().is_some() { usize::MAX } else { record.in_place() };
        let opcode = match opcode.filter(|_| may_be_classic(record)) {
            Some(at) if at >= end => return None,
            at => at.and_then(|at| number_at(record, at)),
        };
        let key = (record.event_id(), opcode);
        let found = match routes.iter().position(|(of, _)| *of == key) {
            Some(found) => found,
            None => {
                if routes.len() >= KEPT_IDS {
                    routes.clear();
                }
                kind.set(record, opcode);
                let new = taxonomy.decisions(kind);
                let new = new.map(|decision| Route {
                    is_needed: is_needed(needed.as_deref(), &decision, vocabulary),
                    ..Route::new(&decision, names, taxonomy, vocabulary)
                });
                routes.push((key, new.collect()));
                routes.len() - 1
            }
        };
        let (_, tried) = routes.get(found)?;
        if tried.iter().any(|route| route.looked_at > end) {
            return None;
        }
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
        let (moves, later) = moves(names, vocabulary.layout(layout), vocabulary);
        let fields_named = |wanted: &str| {
            let all = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            all.map(|(index, _)| index).collect()
        };
        let tests = row.and_then(|row| taxonomy.row(row)).map(|row| row.tests.as_slice());
        let computer = names.iter().position(is_computer);
        let tested: Box<[Box<[usize]>]> =
            tests.unwrap_or_default().iter().map(|(name, _)| fields_named(name)).collect();
        let looked_at = tested.iter().flatten().chain(&computer).max().map_or(0, |last| last + 1);
        Self { row, layout, sources, is_needed: true, computer, moves, later, tested, looked_at }
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

/// Where the fields of these names go: the first of its name at once, another one of that name later.
fn moves(
    names: &FieldNames,
    layout: Option<&Layout>,
    vocabulary: &Vocabulary,
) -> (Box<[Move]>, Later) {
    let places = names.iter().map(|name| Place::of(name, vocabulary));
    // A name with blanks stands for others, which may stand there as well: then they go one by one.
    if names.iter().any(|name| name.contains(' ')) {
        return (Box::default(), places.enumerate().collect());
    }
    let mut later = Vec::new();
    let move_of = |(index, place)| {
        let name = names.name(index);
        let is_first = names.iter().take(index).all(|before| Some(before) != name);
        match place {
            Place::Field(id) if is_first => {
                let slot = layout.and_then(|layout| layout.slot(id));
                slot.map_or(Move::Beyond(id), Move::Slot)
            }
            Place::Unknown if is_first => Move::Named,
            _ => {
                later.push((index, place));
                Move::Later
            }
        }
    };
    let moves = places.enumerate().map(move_of).collect();
    (moves, later.into())
}

fn is_needed(needed: Option<&[bool]>, decision: &Decision, vocabulary: &Vocabulary) -> bool {
    let Some(needed) = needed else { return true };
    let role = vocabulary.layout(decision.layout).map(Layout::role).unwrap_or_default();
    role != Role::default() || needed.get(decision.sources.index()).copied().unwrap_or(true)
}

/// Whether a field is the name of the host.
pub(crate) fn is_computer(name: &str) -> bool {
    HEADER_FIELDS.get(FieldId::COMPUTER.index()).is_some_and(|computer| *computer == name)
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
