//! `etwatch schemas`: which events are known, and their fields.
//!
//! What is known comes from tables, each of which adds its [`Schema`]s in [`known`]; a row is one kind of
//! event of a provider. The taxonomy of normalisation says of a Windows event what Sigma calls it; the
//! layouts of `decode` explain the bytes of events of ETW whose recording does not do so itself.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::{AnsiColor, Style};
use etwatch_alert::json::harmless_line;
use etwatch_decode::table::{Entry, Tables};
use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{Guid, Vocabulary};
use etwatch_normalise::table::EventRow;
use etwatch_normalise::{Log, Table, TableError, Taxonomy};
use etwatch_rules::diagnostic::nearest;
use serde::Serialize;

use crate::commands::{DONE, FAILED, NOTHING_TESTED};
use crate::selection::ProviderPattern;
use crate::terminal;

/// Columns of the fields of an event.
const LINE_WIDTH: usize = 96;

/// Show which events are known, and their fields
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch schemas                                     all providers and their events
  etwatch schemas '*Sysmon' --id 1                    the fields of a process start
  etwatch schemas --format json | jq -r .log_sources[]?
  etwatch schemas Microsoft-Windows-Kernel-Process    the layouts of its events, by version

Every event also has the fields of the System header, which are not listed: EventID, Provider_Name,
Channel, Computer, and so on. Events that are not listed are decoded and normalised all the same, with
the names that they have.

Exit status: 0 done, 1 standard output can't be written to, 2 wrong usage, 4 no such event is known.")]
pub(crate) struct Schemas {
    /// Only this provider, by its name (`*` and `?` are wildcards) or GUID
    #[arg(value_name = "PROVIDER", value_parser = ProviderPattern::parse)]
    provider: Option<ProviderPattern>,
    /// Only events with this id
    #[arg(long, value_name = "N")]
    id: Option<u32>,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A few lines an event
    Text,
    /// One JSON object a line
    Json,
}

/// Events of one kind; its JSON form is a line of the output.
#[derive(Clone, Debug, Default, Serialize)]
struct Schema {
    /// The table that knows it.
    table: &'static str,
    /// The providers that write it, or the channels where the channel alone decides.
    providers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guid: Option<String>,
    channels: Vec<String>,
    /// None for all events of the provider that have no row of their own, and for classic events.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    /// What a classic event is known by, in place of an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    opcode: Option<u16>,
    /// The version of its layout, where a table tells versions apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u8>,
    name: String,
    /// Fields that must have one of these values, in words; the first row of an id that fits is taken.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, Vec<String>>,
    log_sources: Vec<String>,
    /// Whether `fields` are all that the provider writes.
    complete: bool,
    fields: Vec<String>,
    /// The types of `fields`, where a table has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    types: Vec<&'static str>,
}

/// All schemas of all tables. A further table adds its own here.
fn known() -> Result<Vec<Schema>, TableError> {
    let mut schemas = Vec::new();
    add_taxonomy(&mut schemas)?;
    add_layouts(&mut schemas);
    Ok(schemas)
}

/// The taxonomy of normalisation: its rows, and the other events of its logs.
fn add_taxonomy(schemas: &mut Vec<Schema>) -> Result<(), TableError> {
    let table = Table::built_in()?;
    let mut vocabulary = Vocabulary::default();
    let taxonomy = Taxonomy::compile(&table, &mut vocabulary)?;
    let rows = table.logs.iter().flat_map(|log| log.events.iter().map(move |row| (log, Some(row))));
    // In the order in which the taxonomy has its kinds.
    let rows = rows.chain(table.logs.iter().map(|log| (log, None)));
    let mut own: Vec<Schema> = Vec::new();
    for ((log, row), kind) in rows.zip(taxonomy.kinds()) {
        let fields = vocabulary.layout(kind.layout).map_or(&[][..], |layout| layout.fields());
        let fields = fields.iter().filter(|id| id.index() >= HEADER_FIELDS.len());
        let when = row.map(|row| &row.when).into_iter().flatten();
        let schema = Schema {
            table: "taxonomy",
            name: row.map_or("any other event", |row| &row.name).to_owned(),
            when: when.map(|(field, is)| (field.clone(), is.words())).collect(),
            log_sources: vocabulary
                .log_sources(kind.sources)
                .iter()
                .map(ToString::to_string)
                .collect(),
            complete: kind.listed,
            fields: fields.map(|id| vocabulary.fields.name(*id).to_owned()).collect(),
            ..Schema::default()
        };
        add_of_log(&mut own, log, row, &schema);
    }
    own.sort_by(|one, other| {
        let key = |schema: &Schema| {
            let number = schema.id.or(schema.opcode.map(u32::from));
            (number.is_none(), number)
        };
        one.providers
            .cmp(&other.providers)
            .then_with(|| one.channels.cmp(&other.channels).then_with(|| key(one).cmp(&key(other))))
    });
    schemas.append(&mut own);
    Ok(())
}

/// Adds what is known of a row, or of the other events of a log, once for each of its ids, and for the
/// opcodes of its classes.
fn add_of_log(schemas: &mut Vec<Schema>, log: &Log, row: Option<&EventRow>, schema: &Schema) {
    let channels = once(&log.channel);
    let ids = row.map_or(&[][..], |row| row.id.all());
    let mut add = |names: &[String], id: Option<u32>, opcode: Option<u16>| {
        let (providers, channels) = (once(names), channels.clone());
        schemas.push(Schema { providers, channels, id, opcode, ..schema.clone() });
    };
    if row.is_none() {
        let all: Vec<String> = log.provider.iter().chain(&log.class).cloned().collect();
        add(&all, None, None);
    }
    for id in ids {
        if log.class.is_empty() || !log.provider.is_empty() {
            add(&log.provider, Some(*id), None);
        }
        if !log.class.is_empty() {
            add(&log.class, None, u16::try_from(*id).ok());
        }
    }
}

/// The layouts of ETW's events. An event may have several of one version, from different builds of Windows.
fn add_layouts(schemas: &mut Vec<Schema>) {
    let first = schemas.len();
    for Entry { classic, number, version, schema } in Tables::embedded().entries() {
        let name = match (&*schema.task, &*schema.opcode) {
            (task, opcode) if classic && !task.is_empty() => format!("{task}/{opcode}"),
            _ => schema.name.to_string(),
        };
        let own = schema.own_fields();
        schemas.push(Schema {
            table: "etw",
            providers: vec![schema.provider.to_string()],
            guid: Some(schema.guid.to_string()),
            channels: vec![schema.channel.to_string()]
                .into_iter()
                .filter(|name| !name.is_empty())
                .collect(),
            id: (!classic).then_some(number.into()),
            opcode: classic.then_some(number),
            version: Some(version),
            name,
            when: BTreeMap::new(),
            log_sources: Vec::new(),
            complete: true,
            fields: own.iter().map(|field| field.name.to_string()).collect(),
            types: own.iter().map(|field| field.kind.name()).collect(),
        });
    }
    let key =
        |schema: &Schema| (schema.providers.clone(), schema.id, schema.opcode, schema.version);
    schemas.get_mut(first..).unwrap_or_default().sort_by_cached_key(key);
}

/// Names, each once without case: tables have every spelling that occurs.
fn once(names: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.iter().filter(|name| seen.insert(name.to_lowercase())).cloned().collect()
}

impl Schema {
    /// Its providers, or channels where it has none.
    fn owners(&self) -> &[String] {
        if self.providers.is_empty() { &self.channels } else { &self.providers }
    }
    fn is_of(&self, provider: &ProviderPattern) -> bool {
        match provider {
            ProviderPattern::Name(pattern) => {
                self.owners().iter().any(|name| pattern.is_true_of(name))
            }
            ProviderPattern::Guid(guid) => {
                self.guid.as_deref().and_then(Guid::parse) == Some(*guid)
            }
        }
    }
}

impl Schemas {
    /// Prints; the result is the exit status.
    pub(crate) fn run(&self) -> u8 {
        let schemas = match known() {
            Ok(schemas) => schemas,
            Err(error) => {
                terminal::error(&error.to_string());
                return FAILED;
            }
        };
        let mut text = String::new();
        let mut owners: &[String] = &[];
        let wanted = schemas.iter().filter(|schema| {
            self.provider.as_ref().is_none_or(|provider| schema.is_of(provider))
                && self.id.is_none_or(|id| schema.id == Some(id))
        });
        for schema in wanted {
            match self.format {
                Format::Text => {
                    if owners != schema.owners() {
                        owners = schema.owners();
                        push_owners(&mut text, schema);
                    }
                    push_schema(&mut text, schema);
                }
                Format::Json => text.push_str(&(harmless_line(schema) + "\n")),
            }
        }
        if text.is_empty() {
            terminal::error(&self.nothing(&schemas));
            return NOTHING_TESTED;
        }
        if terminal::print(&text) { DONE } else { FAILED }
    }

    /// Why there is nothing to show.
    fn nothing(&self, schemas: &[Schema]) -> String {
        let names = || schemas.iter().flat_map(Schema::owners).map(String::as_str);
        match (&self.provider, self.id) {
            (Some(provider), id) if !schemas.iter().any(|schema| schema.is_of(provider)) => {
                let near = nearest(&provider.to_string(), names());
                let hint = near.map(|near| format!("; did you mean `{near}`?"));
                let hint = hint.unwrap_or_else(|| {
                    let id = id.map_or(String::new(), |id| format!(" --id {id}"));
                    format!("; `etwatch schemas{id}` lists what is known")
                });
                format!("no event of `{provider}` is known{hint}")
            }
            (Some(provider), Some(id)) => {
                format!("`{provider}` has no event {id} that is known")
            }
            (_, id) => format!("no event {} is known", id.unwrap_or_default()),
        }
    }
}

/// The heading of the events of some providers.
fn push_owners(text: &mut String, schema: &Schema) {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{bold}{}{bold:#}\n", schema.owners().join(", ")));
    if !schema.providers.is_empty() && !schema.channels.is_empty() {
        text.push_str(&format!("  {dim}{}{dim:#}\n", schema.channels.join(", ")));
    }
}

fn push_schema(text: &mut String, schema: &Schema) {
    let (bold, cyan) = (Style::new().bold(), AnsiColor::Cyan.on_default());
    let number = schema.id.or(schema.opcode.map(u32::from));
    let id = number.map_or("-".to_owned(), |id| id.to_string());
    let what = if schema.opcode.is_some() { " opcode" } else { "" };
    let version = schema.version.map_or(String::new(), |version| format!("{what} v{version}"));
    let sources = schema.log_sources.join(", ");
    text.push_str(&format!("  {bold}{id:>5}{bold:#}{version} {}", schema.name));
    if !sources.is_empty() {
        text.push_str(&format!("  {cyan}{sources}{cyan:#}"));
    }
    text.push('\n');
    for (field, values) in &schema.when {
        text.push_str(&format!("        if {field} is {}\n", values.join(" or ")));
    }
    let mut line = String::new();
    for field in &schema.fields {
        if line.len() + field.len() > LINE_WIDTH {
            text.push_str(&format!("       {line}\n"));
            line.clear();
        }
        line.push(' ');
        line.push_str(field);
    }
    let more = if schema.complete || number.is_none() { "" } else { " …" };
    if !line.is_empty() {
        text.push_str(&format!("       {line}{more}\n"));
    }
}
