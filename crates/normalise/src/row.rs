//! A row of the tables with its names numbered for a vocabulary.
//!
//! What a row does to an event is a list of steps, each with the numbers of its fields. Two things are settled
//! here and not for each event: renames are put in an order in which a name is read before it is taken over,
//! and where a field and the one it is renamed to are converted alike, that is done once:
//!
//! ```text
//! rename {ProcessId: ParentProcessId, NewProcessId: ProcessId}   → ParentProcessId first
//! rename {FileName: TargetFilename}, convert {FileName: path, TargetFilename: path}
//!                                                                → FileName is converted, then shared
//! ```

use etwatch_event::{
    Activity, FieldId, LayoutId, LogSource, LogSourceSet, LogSourceSetId, RawValue, Record, Role,
    Vocabulary,
};

use crate::condition::Test;
use crate::convert::Conversion;
use crate::table::{EventRow, Log, TableError};

const PRODUCT: &str = "windows";
/// Behind the name of a field in a template: the account of that SID, if it is called the same on all hosts.
const ACCOUNT: &str = ":account";

/// A template of `compose`: literal text and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(Box<str>),
    Field(FieldId),
    /// What the account is called whose SID is in the field.
    Account(FieldId),
}

/// A part of a field's text.
#[derive(Clone, Debug)]
pub(crate) struct Extraction {
    pub(crate) from: FieldId,
    pub(crate) after: Box<str>,
    pub(crate) before: Box<str>,
}

/// A field to be converted.
#[derive(Clone, Debug)]
pub(crate) struct Converting {
    pub(crate) field: FieldId,
    pub(crate) how: Conversion,
    /// Other fields that the conversion looks at.
    pub(crate) others: Option<[FieldId; 2]>,
}

/// Whole values and what they become.
pub(crate) type ValueMap = Vec<(Box<str>, Box<str>)>;

/// A row, its names numbered.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) tests: Vec<(Box<str>, Test)>,
    pub(crate) log: usize,
    pub(crate) layout: LayoutId,
    pub(crate) listed: bool,
    /// The set with the service of the row's own log, and the one without a service.
    pub(crate) with_service: LogSourceSetId,
    pub(crate) without_service: LogSourceSetId,
    /// The steps, in this order. From, to.
    pub(crate) renames: Vec<(FieldId, FieldId)>,
    pub(crate) composed: Vec<(FieldId, Vec<Vec<Part>>)>,
    pub(crate) extracted: Vec<(FieldId, Vec<Extraction>)>,
    pub(crate) values: Vec<(FieldId, ValueMap)>,
    pub(crate) conversions: Vec<Converting>,
    /// Those that take what was converted.
    pub(crate) late_renames: Vec<(FieldId, FieldId)>,
    pub(crate) removed: Vec<FieldId>,
    pub(crate) constants: Vec<(FieldId, Box<str>)>,
    pub(crate) sysmon: Vec<u64>,
}

impl Row {
    /// Whether it is for `record`.
    pub(crate) fn holds(&self, record: &Record<'_>, scratch: &mut String) -> bool {
        self.tests.iter().all(|(name, test)| {
            let mut of_name = record.fields().filter(|(field, _)| **field == **name);
            of_name.any(|(_, value)| of_value(test, value, scratch))
        })
    }
}

/// Whether a test is true of a field's value.
pub(crate) fn of_value(test: &Test, value: RawValue<'_>, scratch: &mut String) -> bool {
    match value {
        RawValue::One(value) => test.holds(&value, scratch),
        RawValue::Empty => false,
    }
}

/// Every category with every service; either may be missing.
pub(crate) fn set(categories: &[String], services: &[String]) -> LogSourceSet {
    let or_none = |names: &'_ [String]| -> Vec<Option<String>> {
        if names.is_empty() { vec![None] } else { names.iter().cloned().map(Some).collect() }
    };
    let mut members = Vec::new();
    for category in or_none(categories) {
        for service in or_none(services) {
            members.push(LogSource::new(category.as_deref(), Some(PRODUCT), service.as_deref()));
        }
    }
    LogSourceSet::new(members)
}

pub(crate) fn intern_all(names: &[String], vocabulary: &mut Vocabulary) -> Vec<FieldId> {
    names.iter().map(|name| vocabulary.fields.intern(name)).collect()
}

/// Numbers the names of `row`, one of the log with this number; `services` are those of the log.
pub(crate) fn compile_row(
    row: &EventRow,
    log: &Log,
    log_number: usize,
    services: &[String],
    vocabulary: &mut Vocabulary,
) -> Result<Row, TableError> {
    let refuse =
        |what: String| TableError::Row { id: row.id.all().to_vec(), name: row.name.clone(), what };
    let mut fields = intern_all(&row.fields, vocabulary);
    let mut number = |name: &str| {
        let id = vocabulary.fields.intern(name);
        fields.push(id);
        id
    };
    let (renames, late_renames) = renames(row, &mut number).map_err(&refuse)?;
    let composed = composed(row, &mut number).map_err(&refuse)?;
    let extracted = extracted(row, &mut number);
    let mut values = Vec::new();
    for (name, map) in &row.values {
        let pairs = map.iter().map(|(from, to)| (from.as_str().into(), to.as_str().into()));
        values.push((number(name), pairs.collect()));
    }
    let conversions = conversions(row, &late_renames, &mut number);
    let constants = row.constants.iter().map(|(name, text)| (number(name), text.as_str().into()));
    let constants = constants.collect();
    let removed = row.remove.iter().map(|name| number(name)).collect();
    let role = role(row, log, &mut number).map_err(&refuse)?;
    fields.extend(log.fields.iter().map(|name| vocabulary.fields.intern(name)));
    let alternative =
        (!row.may_be.is_empty()).then(|| vocabulary.add_set(set(&row.may_be, services)));
    Ok(Row {
        tests: row.when.iter().map(|(name, is)| (name.as_str().into(), Test::new(is))).collect(),
        log: log_number,
        layout: vocabulary.add_layout_of(&fields, Role { alternative, ..role }),
        listed: !row.fields.is_empty(),
        with_service: vocabulary.add_set(set(&row.category, services)),
        without_service: vocabulary.add_set(set(&row.category, &[])),
        renames,
        composed,
        extracted,
        values,
        conversions,
        late_renames,
        removed,
        constants,
        sysmon: row.sysmon.iter().copied().map(u64::from).collect(),
    })
}

fn role(
    row: &EventRow,
    log: &Log,
    number: &mut impl FnMut(&str) -> FieldId,
) -> Result<Role, String> {
    let activity = match &row.activity {
        Some(word) => Activity::parse(word).ok_or_else(|| format!("activity `{word}`"))?,
        None => Activity::Other,
    };
    let of_log = log.actor.as_ref().filter(|name| row.fields.contains(name));
    let actor = row.actor.as_ref().or(of_log).map(|name| number(name));
    let target = row.target.as_deref().map(&mut *number);
    Ok(Role { activity, actor, target, alternative: None })
}

/// From, to.
type Renames = Vec<(FieldId, FieldId)>;

/// The renames that come first, and those that take what was converted.
fn renames(
    row: &EventRow,
    number: &mut impl FnMut(&str) -> FieldId,
) -> Result<(Renames, Renames), String> {
    let (mut first, mut late) = (Vec::new(), Vec::new());
    let pairs = row.rename.iter().flat_map(|(from, to)| to.all().iter().map(move |to| (from, to)));
    for (from, to) in pairs.clone() {
        // A name that is taken over itself has to be read before.
        let keeps_its_value = pairs.clone().all(|(_, taken)| taken != from);
        let how = row.convert.get(from).filter(|how| row.convert.get(to) == Some(how));
        let list = if keeps_its_value && how.is_some() { &mut late } else { &mut first };
        list.push((number(from), number(to)));
    }
    let first = in_order(first).ok_or_else(|| "renames in a circle".to_owned())?;
    Ok((first, late))
}

/// Orders renames so that each name is read before it is taken over; `None` if they form a circle.
fn in_order(mut renames: Renames) -> Option<Renames> {
    let mut ordered = Vec::new();
    while !renames.is_empty() {
        let free = renames
            .iter()
            .position(|(_, to)| renames.iter().all(|(from, other)| from != to || other == to))?;
        ordered.push(renames.remove(free));
    }
    Some(ordered)
}

fn conversions(
    row: &EventRow,
    late: &Renames,
    number: &mut impl FnMut(&str) -> FieldId,
) -> Vec<Converting> {
    let mut conversions = Vec::new();
    for (name, how) in &row.convert {
        let field = number(name);
        if late.iter().all(|(_, to)| *to != field) {
            let others = how.others().map(|names| names.map(&mut *number));
            conversions.push(Converting { field, how: *how, others });
        }
    }
    conversions
}

fn extracted(
    row: &EventRow,
    number: &mut impl FnMut(&str) -> FieldId,
) -> Vec<(FieldId, Vec<Extraction>)> {
    let mut extracted = Vec::new();
    for (name, parts) in &row.extract {
        let parts = parts.iter().map(|part| Extraction {
            from: number(&part.from),
            after: part.after.as_str().into(),
            before: part.before.as_str().into(),
        });
        let parts = parts.collect();
        extracted.push((number(name), parts));
    }
    extracted
}

/// A field and its templates, the first of which that is complete is taken.
type Composed = Vec<(FieldId, Vec<Vec<Part>>)>;

fn composed(row: &EventRow, number: &mut impl FnMut(&str) -> FieldId) -> Result<Composed, String> {
    let mut composed = Vec::new();
    for (name, templates) in &row.compose {
        let templates = templates
            .iter()
            .map(|text| parse_template(text, number).ok_or_else(|| format!("template `{text}`")));
        let templates: Vec<_> = templates.collect::<Result<_, _>>()?;
        composed.push((number(name), templates));
    }
    Ok(composed)
}

fn parse_template(text: &str, number: &mut impl FnMut(&str) -> FieldId) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        parts.push(match name.strip_suffix(ACCOUNT) {
            Some(name) => Part::Account(number(name)),
            None => Part::Field(number(name)),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    Some(parts)
}
