//! Which facts of processes an input can tell, and who tells them: what the table of facts asks for, looked for
//! in the rows of the taxonomy.
//!
//! ```text
//! UnsignedImages   image load with Signed     .etl: SystemTraceProvider-Image 10     event logs: Sysmon 7
//! BytesOut         transfer with size         .etl: Kernel-Network 10 …              event logs: nobody
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use etwatch_normalise::InputKind;
use etwatch_rules::lint::reach::Presence;
use etwatch_state::facts::{
    FactKind, FactRow, Holder, MOST, PROTECTED, SENSITIVE, TABLE, USER_WRITABLE,
};

use super::FieldSources;
use super::row::{RowSources, has};
use super::words::short;

/// Where nobody tells an event's process.
const NO_PROCESS: &str = "these events do not tell the id of that process";
/// In the page, where nobody tells a fact.
const NOBODY: &str = "–";

/// The facts that an input can tell.
#[derive(Debug)]
pub(super) struct Fed {
    facts: Vec<(&'static FactRow, Tellers)>,
}

/// Ids of events by provider.
type Tellers = BTreeMap<String, BTreeSet<u32>>;

impl Fed {
    pub(super) fn on(rows: &[RowSources], kind: InputKind) -> Self {
        let tellers = |fact: &FactRow| {
            let mut all = Tellers::new();
            for row in rows.iter().filter(|row| tells(row, fact, kind)) {
                add(row, kind, &mut all);
            }
            all
        };
        Self { facts: TABLE.iter().map(|fact| (fact, tellers(fact))).collect() }
    }

    /// Which facts the events of a row have on that input.
    pub(super) fn presences(
        &self,
        row: &RowSources,
        kind: InputKind,
    ) -> impl Iterator<Item = (String, Presence)> {
        let on = row.on(kind);
        let presence = move |holder, fact: &FactRow, tellers: &Tellers| {
            let id = if holder == Holder::Target { &row.target } else { &row.actor };
            let id = id.as_deref()?;
            Some(if !has(&on.origins, id) {
                Presence::Absent(NO_PROCESS.into())
            } else if tellers.is_empty() {
                let word = fact.name;
                Presence::Absent(Arc::from(format!("no event of this input tells `{word}`")))
            } else {
                Presence::Present
            })
        };
        self.facts.iter().flat_map(move |(fact, tellers)| {
            Holder::ALL.into_iter().flat_map(move |holder| {
                let presence = presence(holder, fact, tellers);
                let names = [fact.field(holder), fact.since_field(holder)];
                names.into_iter().filter_map(move |name| Some((name, presence.clone()?)))
            })
        })
    }

    fn cell(&self, index: usize) -> String {
        let Some((_, tellers)) = self.facts.get(index) else { return String::new() };
        let cells = tellers.iter().map(|(provider, ids)| {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            format!("{} {}", short(provider), ids.join(", ")).trim().to_owned()
        });
        let cells: Vec<_> = cells.collect();
        if cells.is_empty() { NOBODY.to_owned() } else { cells.join("; ") }
    }
}

/// Whether events of a row tell a fact.
fn tells(row: &RowSources, fact: &FactRow, kind: InputKind) -> bool {
    let on = row.on(kind);
    on.is_there
        && fact.told_by.contains(&row.activity)
        && fact.category.is_none_or(|category| row.categories().contains(&category))
        && (fact.fields.is_empty() || fact.fields.iter().any(|field| has(&on.origins, field)))
}

/// Adds who writes the events of a row on an input.
fn add(row: &RowSources, kind: InputKind, all: &mut Tellers) {
    let origins = row.on(kind).origins.values().flatten();
    for origin in origins {
        if let Some(provider) = &origin.provider {
            all.entry(provider.clone()).or_default().extend(&origin.ids);
        }
    }
}

impl FieldSources {
    /// The table of facts, and the folders and processes that it speaks of, for `docs/state.md`.
    #[must_use]
    pub fn facts_markdown(&self) -> String {
        let fed = InputKind::ALL.map(|kind| Fed::on(&self.rows, kind));
        let mut page =
            "| fact | says | live | `.etl` | event logs |\n|---|---|---|---|---|\n".to_owned();
        for (index, fact) in TABLE.iter().enumerate() {
            let (name, meaning) = (fact.field(Holder::Actor), fact.meaning);
            let [live, etl, evtx] = fed.each_ref().map(|fed| fed.cell(index));
            let kind = words(fact.kind);
            page.push_str(&format!("| `{name}` | {meaning}; {kind} | {live} | {etl} | {evtx} |\n"));
        }
        let quoted = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let (folders, others) = (quoted(USER_WRITABLE), quoted(PROTECTED));
        page.push_str(&format!(
            "\nOrdinary users can write to {folders}, on any drive, and not to {others}.\n\
             Sensitive are processes whose image ends so: {}.\n",
            quoted(SENSITIVE)
        ));
        page
    }
}

fn words(kind: FactKind) -> String {
    match kind {
        FactKind::Seconds => "whole seconds".to_owned(),
        FactKind::Count => "a number".to_owned(),
        FactKind::Distinct => format!("how many different ones, {MOST} meaning that many or more"),
        FactKind::Bytes => "bytes".to_owned(),
        FactKind::List => format!("several values, the first {MOST}"),
        FactKind::Flag => "`true` or `false`".to_owned(),
    }
}
