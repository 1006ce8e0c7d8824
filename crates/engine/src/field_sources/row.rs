//! The rows of the taxonomy with their fields, by kind of input.
//!
//! It takes two passes. First each row is told what its providers write; then what its host knows is added,
//! for which all rows must be known: a process has a user if some start of a process tells one there.

use std::collections::{BTreeMap, BTreeSet};

use etwatch_decode::table::Tables;
use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{Activity, LogSource, LogSourceSet, Vocabulary};
use etwatch_normalise::inputs::is_classic;
use etwatch_normalise::table::EventRow;
use etwatch_normalise::taxonomy::Kind;
use etwatch_normalise::{InputKind, Inputs, Log, Table, Taxonomy};
use etwatch_state::{Filled, FilledFrom, filled};

use super::layouts::Layouts;
use super::recorded::{plain, recorded};
use super::{Origin, Way};

/// The provider of events that are made here.
const ETWATCH: &str = "etwatch";

/// A row of the taxonomy, or the other events of a log, which have no ids here.
#[derive(Debug)]
pub(super) struct RowSources {
    pub(super) sources: LogSourceSet,
    /// What it may be instead.
    pub(super) alternative: LogSourceSet,
    pub(super) providers: Vec<String>,
    /// The channels that it is in, every spelling.
    pub(super) channels: Vec<String>,
    pub(super) ids: Vec<u32>,
    /// The ids that Sysmon gives to such events.
    pub(super) sysmon: Vec<u32>,
    /// Of the other events of a log, the ids that layouts know, if they know any.
    pub(super) known_ids: Vec<u32>,
    /// Whether `fields` are all that it has.
    pub(super) is_listed: bool,
    /// What the taxonomy knows it to have.
    pub(super) fields: Vec<String>,
    pub(super) by_input: [OnInput; 3],
    pub(super) activity: Activity,
    /// The fields with the ids of the process that did it, and of the one that it was done to.
    pub(super) actor: Option<String>,
    pub(super) target: Option<String>,
    /// What its host may add.
    pub(super) filled: Vec<Filled>,
}

/// The events of a row on a kind of input.
#[derive(Debug, Default)]
pub(super) struct OnInput {
    /// Whether there are any.
    pub(super) is_there: bool,
    /// Why there are none.
    pub(super) withheld: Option<String>,
    /// Where their fields come from.
    pub(super) origins: BTreeMap<String, Vec<Origin>>,
}

impl RowSources {
    /// The log sources that its events have or may have.
    pub(super) fn members(&self) -> impl Iterator<Item = &LogSource> {
        self.sources.members().iter().chain(self.alternative.members())
    }
    /// Whether its events are of a category or service.
    pub(super) fn is_of(&self, log_source: &str) -> bool {
        self.members().any(|member| {
            [&member.category, &member.service]
                .into_iter()
                .any(|part| part.as_deref() == Some(log_source))
        })
    }
    /// The categories that its events have or may have.
    pub(super) fn categories(&self) -> Vec<&str> {
        self.members().filter_map(|member| member.category.as_deref()).collect()
    }
    /// Whether the events tell a field themselves, on some kind of input.
    pub(super) fn is_recorded(&self, field: &str) -> bool {
        let origins = self.by_input.iter().filter_map(|on| on.origins.get(field));
        origins.flatten().any(|origin| origin.provider.is_some())
    }
    pub(super) fn is_by(&self, provider: &str) -> bool {
        self.providers.iter().any(|name| name == provider)
    }
    pub(super) fn on(&self, kind: InputKind) -> &OnInput {
        let [live, etl, evtx] = &self.by_input;
        match kind {
            InputKind::Live => live,
            InputKind::Etl => etl,
            InputKind::Evtx => evtx,
        }
    }
}

/// The ids of a row.
fn ids(row: &EventRow) -> &[u32] {
    row.id.all()
}

/// The renames of a row: from, to.
pub(super) fn renames(row: &EventRow) -> impl Iterator<Item = (&str, &str)> {
    row.rename
        .iter()
        .flat_map(|(from, to)| to.all().iter().map(move |to| (from.as_str(), to.as_str())))
}

/// All rows, then the other events of each log.
pub(super) fn all(
    table: &Table,
    taxonomy: &Taxonomy,
    inputs: &Inputs,
    vocabulary: &Vocabulary,
) -> Vec<RowSources> {
    let layouts = Layouts::new(Tables::embedded());
    let rows = table.logs.iter().flat_map(|log| log.events.iter().map(move |row| (log, Some(row))));
    // In the order in which the taxonomy has its kinds.
    let rows = rows.chain(table.logs.iter().map(|log| (log, None)));
    let mut all: Vec<_> = rows
        .zip(taxonomy.kinds())
        .map(|((log, row), kind)| told(log, row, kind, &layouts, inputs, vocabulary))
        .collect();
    for kind in InputKind::ALL {
        let known = Known::on(kind, &all);
        for row in &mut all {
            row.fill(kind, &known, inputs);
        }
    }
    all
}

/// A row with what its providers tell.
fn told(
    log: &Log,
    row: Option<&EventRow>,
    kind: Kind,
    layouts: &Layouts,
    inputs: &Inputs,
    vocabulary: &Vocabulary,
) -> RowSources {
    let layout = vocabulary.layout(kind.layout);
    let set = |id| LogSourceSet::new(vocabulary.log_sources(id).to_vec());
    let role = layout.map(etwatch_event::Layout::role).unwrap_or_default();
    let all = layout.map_or(&[][..], |layout| layout.fields()).iter();
    let own = all.filter(|id| id.index() >= HEADER_FIELDS.len());
    let filled = layout.map(|layout| filled(layout, vocabulary)).unwrap_or_default();
    let writer = Writer { log, row, layouts };
    let mut providers = log.provider.clone();
    providers.extend(log.class.iter().cloned());
    let known_ids = match row {
        Some(_) => Vec::new(),
        None => providers.iter().flat_map(|name| layouts.ids(name)).collect(),
    };
    RowSources {
        sources: set(kind.sources),
        alternative: role.alternative.map(set).unwrap_or_default(),
        providers,
        channels: log.channel.clone(),
        ids: row.map(ids).unwrap_or_default().to_vec(),
        sysmon: row.map(|row| row.sysmon.clone()).unwrap_or_default(),
        known_ids,
        is_listed: kind.listed,
        fields: own.map(|id| vocabulary.fields.name(*id).to_owned()).collect(),
        by_input: InputKind::ALL.map(|on| writer.on(on, inputs)),
        activity: role.activity,
        actor: role.actor.map(|id| vocabulary.fields.name(id).to_owned()),
        target: role.target.map(|id| vocabulary.fields.name(id).to_owned()),
        filled,
    }
}

/// Who writes the events of a row, and with which fields.
struct Writer<'a> {
    log: &'a Log,
    row: Option<&'a EventRow>,
    layouts: &'a Layouts,
}

impl Writer<'_> {
    /// The events on a kind of input. A live session gives what a recording of it gives, and a subscription
    /// what its event log gives.
    fn on(&self, kind: InputKind, inputs: &Inputs) -> OnInput {
        let mut on = OnInput::default();
        if self.log.provider.iter().any(|name| name == ETWATCH) {
            self.add_derived(kind, inputs, &mut on);
            return on;
        }
        if kind != InputKind::Evtx {
            self.add_sessions(kind, inputs, &mut on);
        }
        if kind != InputKind::Etl {
            self.add_event_log(kind, inputs, &mut on);
        }
        if on.is_there {
            on.withheld = None;
        }
        on
    }

    /// What is made here of what any of them gives.
    fn add_derived(&self, kind: InputKind, inputs: &Inputs, on: &mut OnInput) {
        let Some(row) = self.row else { return };
        let categories: Vec<_> = row.category.iter().map(String::as_str).collect();
        on.is_there = true;
        for field in &row.fields {
            if inputs.why_absent(&categories, Some(field), kind).is_none() {
                let origin = Origin { provider: None, ids: Vec::new(), way: Way::Derived };
                on.origins.insert(field.clone(), vec![origin]);
            }
        }
    }

    /// What sessions of ETW give.
    fn add_sessions(&self, kind: InputKind, inputs: &Inputs, on: &mut OnInput) {
        let Log { provider, class, .. } = self.log;
        if is_classic(self.log) {
            let name = provider.first().map_or("", String::as_str);
            on.withheld = inputs.why_withheld(self.log, name, kind).map(str::to_owned);
            return;
        }
        let all: Vec<_> = provider.iter().chain(class).map(String::as_str).collect();
        let known: Vec<_> = all.iter().copied().filter(|name| self.layouts.knows(name)).collect();
        // A provider that our tables do not know is read by what its recording says of it.
        let names = if known.is_empty() { all.get(..1).unwrap_or_default() } else { &known };
        for name in names {
            match inputs.why_withheld(self.log, name, kind) {
                Some(why) => on.withheld = Some(why.to_owned()),
                None => self.add(name, known.is_empty(), on),
            }
        }
    }

    /// What the event log gives.
    fn add_event_log(&self, kind: InputKind, inputs: &Inputs, on: &mut OnInput) {
        let Some(channel) = self.log.channel.first() else { return };
        let name = self.log.provider.first().unwrap_or(channel);
        match inputs.why_withheld(self.log, name, kind) {
            Some(why) => on.withheld = Some(why.to_owned()),
            None => self.add(name, true, on),
        }
    }

    /// Adds the fields that a provider tells. `as_listed`: those of the taxonomy, where no layout is known.
    fn add(&self, name: &str, as_listed: bool, on: &mut OnInput) {
        on.is_there = true;
        let listed =
            || self.log.fields.iter().chain(self.row.into_iter().flat_map(|row| &row.fields));
        let ids = self.row.map(ids).unwrap_or_default();
        let layouts = self.layouts.fields(name, ids);
        // Of such rows the taxonomy lists what may be added as well.
        let lists_more = self.row.is_some_and(|row| {
            !row.category.is_empty() || !row.may_be.is_empty() || row.activity.is_some()
        });
        let told = match layouts {
            Some(fields) if lists_more => fields,
            Some(fields) => fields.into_iter().chain(listed().cloned()).collect(),
            None if lists_more && !as_listed => BTreeSet::new(),
            None => listed().cloned().collect(),
        };
        let ways = match self.row {
            Some(row) => recorded(row, &told),
            None => plain(&told),
        };
        for (field, way) in ways {
            let origin = Origin { provider: Some(name.to_owned()), ids: ids.to_vec(), way };
            let origins = on.origins.entry(field).or_default();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
}

/// What can be known on a kind of input.
struct Known {
    kind: InputKind,
    /// What starts of processes tell, by the names of their fields; none if there are no starts.
    starts: Option<BTreeSet<String>>,
    answers: bool,
    modules: bool,
}

impl Known {
    fn on(kind: InputKind, rows: &[RowSources]) -> Self {
        let of = |wanted: &[Activity]| {
            let rows = rows.iter().filter(|row| wanted.contains(&row.activity));
            rows.map(|row| row.on(kind)).filter(|on| on.is_there).collect::<Vec<_>>()
        };
        let tells =
            |activity, field: &str| of(&[activity]).iter().any(|on| on.origins.contains_key(field));
        let starts = of(&[Activity::ProcessStart, Activity::ProcessRundown]);
        let fields = starts.iter().flat_map(|on| on.origins.keys().cloned()).collect();
        Self {
            kind,
            starts: (!starts.is_empty()).then_some(fields),
            answers: tells(Activity::DnsQuery, "QueryResults"),
            modules: tells(Activity::ImageLoad, "ImageBase"),
        }
    }

    /// Whether there is anything to give.
    fn gives(&self, from: FilledFrom) -> bool {
        match from {
            FilledFrom::Process { told, .. } => self
                .starts
                .as_ref()
                .is_some_and(|starts| told.is_none_or(|field| starts.contains(field))),
            FilledFrom::Handle => true,
            FilledFrom::Dns => self.answers,
            FilledFrom::Modules => self.modules,
            // Only ETW's header tells who did it.
            FilledFrom::Creator => self.kind != InputKind::Evtx && self.starts.is_some(),
            FilledFrom::File { .. } => self.kind == InputKind::Live,
        }
    }
}

impl RowSources {
    /// Adds what the host of the events knows, and what a running machine is asked.
    fn fill(&mut self, kind: InputKind, known: &Known, inputs: &Inputs) {
        let categories: Vec<String> = self.categories().into_iter().map(str::to_owned).collect();
        let [live, etl, evtx] = &mut self.by_input;
        let on = match kind {
            InputKind::Live => live,
            InputKind::Etl => etl,
            InputKind::Evtx => evtx,
        };
        if !on.is_there {
            return;
        }
        let mut new: Vec<(&str, Way)> = Vec::new();
        for Filled { field, by, from } in &self.filled {
            let is_found = by.iter().any(|name| has(&on.origins, name));
            if is_found && known.gives(*from) && !on.origins.contains_key(*field) {
                new.push((field, Way::of_state(*from)));
            }
        }
        let asked = inputs.asked.iter().filter(|asked| {
            kind == InputKind::Live && asked.category.iter().any(|name| categories.contains(name))
        });
        for asked in asked {
            let way = Way::OpenProcess { id: asked.process.clone() };
            let lacking = asked.fields.iter().filter(|field| !on.origins.contains_key(*field));
            new.extend(lacking.map(|field| (field.as_str(), way.clone())));
        }
        for (field, way) in new {
            let origin = Origin { provider: None, ids: Vec::new(), way };
            on.origins.entry(field.to_owned()).or_default().push(origin);
        }
    }
}

/// Whether events have a field: of their own, or that of the header.
pub(super) fn has(origins: &BTreeMap<String, Vec<Origin>>, field: &str) -> bool {
    origins.contains_key(field) || HEADER_FIELDS.contains(&field)
}
