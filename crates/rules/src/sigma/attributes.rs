//! The attributes that rules, filters and correlations share, checked as the specification has them.
//!
//! A rule set with a wrong level or id is found out far too late otherwise; only tags, which change
//! nothing of what matches, are warned of. What has a form but no further use here, such as dates and
//! kinship, is checked and left out.

use etwatch_event::{FieldTable, Guid};

use crate::diagnostic::{Problem, Severity, nearest};
use crate::sigma::mapping::Mapping;
use crate::sigma::rule::{Level, Status};
use crate::sigma::value::Placeholders;
use crate::yaml::{Kind, Node};

/// What reading a document needs beside it.
pub struct Surroundings<'a> {
    /// Where field names are numbered.
    pub fields: &'a mut FieldTable,
    /// Values of placeholders.
    pub placeholders: &'a Placeholders,
    /// What is worth a word.
    pub warnings: &'a mut Vec<Problem>,
}

const ATTRIBUTES: &[&str] = &[
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "correlation",
    "filter",
    "generate",
];

/// Kinds of kinship that `related` knows.
const KINSHIPS: &[&str] = &["derived", "obsolete", "merged", "renamed", "similar"];

/// What every document says of itself.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// What it finds, in a line.
    pub title: String,
    /// Unique id, as written.
    pub id: Option<String>,
    /// A name that other documents can refer to.
    pub name: Option<String>,
    /// What it finds, at length.
    pub description: Option<String>,
    /// How settled it is.
    pub status: Option<Status>,
    /// How bad a match is.
    pub level: Option<Level>,
    /// Who wrote it.
    pub author: Option<String>,
    /// The licence it is under.
    pub license: Option<String>,
    /// Tags such as `attack.t1003.001`.
    pub tags: Vec<String>,
    /// Where to read on.
    pub references: Vec<String>,
    /// What else can make it match.
    pub false_positives: Vec<String>,
}

impl Attributes {
    /// Reads and checks them.
    ///
    /// # Errors
    /// `SIG010` without a title, `SIG011` for what has the wrong form.
    pub(super) fn parse(
        document: &Mapping<'_>,
        warnings: &mut Vec<Problem>,
    ) -> Result<Self, Problem> {
        let title =
            document.text("title")?.ok_or_else(|| document.missing("title", "a short title"))?;
        if title.is_empty() || title.chars().count() > 256 {
            return Err(document
                .wrong("title", "must have 1 to 256 characters")
                .hint("`description` has room for more"));
        }
        let description = document.text("description")?;
        if description.as_ref().is_some_and(|text| text.chars().count() > 65_535) {
            return Err(document
                .wrong("description", "must have at most 65535 characters")
                .hint("name what is longer in `references`"));
        }
        warn_of_near_misses(document, warnings);
        check_formal(document, warnings)?;
        let tags = document.list("tags")?;
        warn_of_tags(document, &tags, warnings);
        Ok(Self {
            title,
            id: document.text("id")?,
            name: document.text("name")?,
            description,
            status: document.one_of("status", &Status::ALL, Status::name)?,
            level: document.one_of("level", &Level::ALL, Level::name)?,
            author: document.text("author")?,
            license: document.text("license")?,
            tags,
            references: document.list("references")?,
            false_positives: document.list("falsepositives")?,
        })
    }
    /// Whether this is its id, in either case, or its name.
    #[must_use]
    pub fn is_called(&self, reference: &str) -> bool {
        self.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(reference))
            || self.name.as_deref() == Some(reference)
    }
}

/// Checks what has a form but no further use here: id, dates, related, taxonomy.
fn check_formal(document: &Mapping<'_>, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    if let Some(id) = document.text("id")?
        && !is_uuid(&id)
    {
        let problem = document.wrong("id", &format!("is no UUID: `{id}`"));
        return Err(problem.hint("make one with `uuidgen`"));
    }
    for name in ["date", "modified"] {
        let Some(date) = document.text(name)? else { continue };
        if is_date(&date) {
            continue;
        }
        if !is_old_date(&date) {
            let problem = document.wrong(name, &format!("is no date: `{date}`"));
            return Err(problem.hint("write YYYY-MM-DD"));
        }
        let problem = document.wrong(name, &format!("is written the old way: `{date}`"));
        let problem = Problem { severity: Severity::Warning, ..problem };
        warnings.push(problem.hint("write YYYY-MM-DD"));
    }
    if let Some(taxonomy) = document.text("taxonomy")?
        && taxonomy != "sigma"
    {
        let problem = document.wrong("taxonomy", &format!("`{taxonomy}` is not known here"));
        return Err(problem.hint("field names must be those of Sigma's own taxonomy"));
    }
    if document.node.get("name").is_some_and(|name| name.text() == Some("")) {
        return Err(document.wrong("name", "must not be empty").hint("leave it out"));
    }
    for name in ["fields", "scope"] {
        document.list(name)?;
    }
    check_related(document)
}

/// `related` is a list of mappings, each with a UUID and a kind of kinship.
fn check_related(document: &Mapping<'_>) -> Result<(), Problem> {
    let Some(related) = document.node.get("related").filter(|value| !value.is_null()) else {
        return Ok(());
    };
    let Kind::List(items) = &related.kind else {
        return Err(document.wrong("related", "must be a list").hint("put `- ` before each entry"));
    };
    for item in items {
        let id = item.get("id").and_then(Node::text).filter(|id| is_uuid(id));
        let kind = item.get("type").and_then(Node::text);
        if id.is_none() || !kind.is_some_and(|kind| KINSHIPS.contains(&kind)) {
            let message = "each entry of `related` has an `id`, a UUID, and a `type`";
            let problem = Problem::error("SIG011", item.span.clone(), message);
            return Err(problem.hint(format!("types: {}", KINSHIPS.join(", "))));
        }
    }
    Ok(())
}

/// An unknown attribute is the author's own, but one that nearly has a known name is a slip.
fn warn_of_near_misses(document: &Mapping<'_>, warnings: &mut Vec<Problem>) {
    let Kind::Map(entries) = &document.node.kind else { return };
    for (key, _) in entries {
        let Some(name) = key.text().filter(|name| !ATTRIBUTES.contains(name)) else { continue };
        if let Some(near) = nearest(name, ATTRIBUTES.iter().copied()) {
            let message = format!("`{name}` is no attribute of Sigma");
            let problem = Problem::warning("SIG011", key.span.clone(), message);
            warnings.push(problem.hint(format!("did you mean `{near}`?")));
        }
    }
}

fn warn_of_tags(document: &Mapping<'_>, tags: &[String], warnings: &mut Vec<Problem>) {
    let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    for tag in tags {
        if !(tag.contains('.') && tag.chars().all(sound)) {
            let span = document.node.get("tags").map_or(0..0, |tags| tags.span.clone());
            let message = format!("tag `{tag}` is not of the form `namespace.name`");
            let problem = Problem::warning("SIG011", span, message);
            warnings.push(problem.hint("such as `attack.t1059.001`, in lower case"));
        }
    }
}

fn is_date(text: &str) -> bool {
    !text.contains('/')
        && etwatch_event::time::TimeParts::parse(&format!("{text} 00:00:00")).is_some()
}

/// `YYYY/M/D`, as older rules have it.
fn is_old_date(text: &str) -> bool {
    let mut parts = text.split('/');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    is_date(&format!("{year}-{month:0>2}-{day:0>2}"))
}

pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Guid::parse(text).is_some()
}
