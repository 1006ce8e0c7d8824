//! A rule: its attributes, detections and conditions.
//!
//! Attributes are checked as the specification has them, since a rule set with a wrong level or id
//! is found out far too late otherwise; only tags, which change nothing of what matches, are warned
//! of. Nothing is invented: a rule without a level has none.

use std::fmt;
use std::ops::Range;

use etwatch_event::{FieldTable, Guid, LogSource};

use crate::diagnostic::{Problem, nearest};
use crate::sigma::condition::{self, Condition};
use crate::sigma::detection::{Detection, DetectionParser};
use crate::sigma::value::Placeholders;
use crate::yaml::{Kind, Node, Scalar};

/// How bad it is if the rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For the record.
    Informational,
    /// Rarely worth a look by itself.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at soon.
    High,
    /// To be looked at now.
    Critical,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Self; 5] =
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Sigma's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
    /// From Sigma's word, without case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How settled the rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Known to work.
    Stable,
    /// In use, may need tuning.
    Test,
    /// New.
    Experimental,
    /// Replaced or of no use; not loaded unless asked for.
    Deprecated,
    /// Can't be used as it is; not loaded unless asked for.
    Unsupported,
}

impl Status {
    const ALL: [Self; 5] =
        [Self::Stable, Self::Test, Self::Experimental, Self::Deprecated, Self::Unsupported];

    /// Sigma's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Test => "test",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A detection and its name.
#[derive(Clone, Debug)]
pub struct NamedDetection {
    /// The name that conditions use.
    pub name: String,
    /// What it looks for.
    pub detection: Detection,
}

/// A rule, checked and ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique id, as written.
    pub id: Option<String>,
    /// A name that other documents can refer to.
    pub name: Option<String>,
    /// What it finds, in a line.
    pub title: String,
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
    /// What events it is about.
    pub log_source: LogSource,
    /// The detections, in order.
    pub detections: Vec<NamedDetection>,
    /// The conditions, any of which suffices.
    pub conditions: Vec<Condition>,
    /// The file it is in.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: usize,
}

impl Rule {
    /// The id, else the title: what names the rule in ids of alerts.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.title)
    }
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
];

/// Reads a rule from its document; `place` is filled in by the caller.
///
/// # Errors
/// The first [`Problem`] that makes it unusable. Warnings go to `warnings` either way.
pub fn parse(
    node: &Node,
    fields: &mut FieldTable,
    placeholders: &Placeholders,
    warnings: &mut Vec<Problem>,
) -> Result<Rule, Problem> {
    let Kind::Map(entries) = &node.kind else {
        return Err(Problem::error(
            "SIG005",
            first_line(&node.span),
            "a document must be a mapping",
        ));
    };
    let attributes = Attributes { node };
    let title =
        attributes.text("title")?.ok_or_else(|| attributes.missing("title", "a short title"))?;
    if title.is_empty() || title.chars().count() > 256 {
        return Err(attributes.wrong("title", "must have 1 to 256 characters"));
    }
    warn_of_near_misses(entries, warnings);
    attributes.check_formal()?;
    let status = attributes.one_of("status", &Status::ALL, Status::name)?;
    let level = attributes.one_of("level", &Level::ALL, Level::name)?;
    let tags = attributes.list("tags")?;
    attributes.warn_of_tags(&tags, warnings);
    let log_source = attributes.log_source(warnings)?;
    let (detections, conditions) = attributes.detection(fields, placeholders, warnings)?;
    Ok(Rule {
        id: attributes.text("id")?,
        name: attributes.text("name")?,
        title,
        description: attributes.text("description")?,
        status,
        level,
        author: attributes.text("author")?,
        license: attributes.text("license")?,
        tags,
        references: attributes.list("references")?,
        false_positives: attributes.list("falsepositives")?,
        log_source,
        detections,
        conditions,
        file: String::new(),
        line: 0,
    })
}

fn first_line(span: &Range<usize>) -> Range<usize> {
    span.start..span.end.min(span.start + 1)
}

/// An unknown attribute is the author's own, but one that nearly has a known name is a slip.
fn warn_of_near_misses(entries: &[(Node, Node)], warnings: &mut Vec<Problem>) {
    for (key, _) in entries {
        let Some(name) = key.text().filter(|name| !ATTRIBUTES.contains(name)) else { continue };
        if let Some(near) = nearest(name, ATTRIBUTES.iter().copied()) {
            let message = format!("`{name}` is no attribute of Sigma");
            let problem = Problem::warning("SIG011", key.span.clone(), message);
            warnings.push(problem.hint(format!("did you mean `{near}`?")));
        }
    }
}

struct Attributes<'a> {
    node: &'a Node,
}

impl Attributes<'_> {
    fn missing(&self, name: &str, what: &str) -> Problem {
        let message = format!("the rule has no `{name}`");
        Problem::error("SIG010", first_line(&self.node.span), message)
            .hint(format!("add `{name}:` with {what}"))
    }

    fn wrong(&self, name: &str, why: &str) -> Problem {
        let at = self.node.get(name).map_or(&self.node.span, |value| &value.span);
        Problem::error("SIG011", at.clone(), format!("`{name}` {why}"))
    }

    /// A scalar attribute as text; null counts as absent.
    fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.node.get(name) {
            None => Ok(None),
            Some(value) if value.is_null() => Ok(None),
            Some(value) => match value.text() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(self.wrong(name, "must be text")),
            },
        }
    }

    fn list(&self, name: &str) -> Result<Vec<String>, Problem> {
        let Some(value) = self.node.get(name).filter(|value| !value.is_null()) else {
            return Ok(Vec::new());
        };
        let Kind::List(items) = &value.kind else {
            return Err(self.wrong(name, "must be a list").hint("put `- ` before each entry"));
        };
        let texts = items.iter().map(|item| item.text().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.wrong(name, "must be a list of text"))
    }

    fn one_of<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = all.iter().copied().find(|value| word(*value).eq_ignore_ascii_case(&text));
        let words = || all.iter().map(|value| word(*value)).collect::<Vec<_>>().join(", ");
        match found {
            Some(value) => Ok(Some(value)),
            None => Err(self
                .wrong(name, &format!("can't be `{text}`"))
                .hint(format!("one of: {}", words()))),
        }
    }

    /// Checks what has a form but no further use here: id, dates, related, taxonomy.
    fn check_formal(&self) -> Result<(), Problem> {
        let is_uuid = |text: &str| text.len() == 36 && Guid::parse(text).is_some();
        if let Some(id) = self.text("id")?
            && !is_uuid(&id)
        {
            let problem = self.wrong("id", &format!("is no UUID: `{id}`"));
            return Err(problem.hint("make one with `uuidgen`"));
        }
        for name in ["date", "modified"] {
            if let Some(date) = self.text(name)?
                && !is_date(&date)
            {
                let problem = self.wrong(name, &format!("is no date: `{date}`"));
                return Err(problem.hint("write YYYY-MM-DD"));
            }
        }
        if let Some(taxonomy) = self.text("taxonomy")?
            && taxonomy != "sigma"
        {
            let problem = self.wrong("taxonomy", &format!("`{taxonomy}` is not known here"));
            return Err(problem.hint("field names must be those of Sigma's own taxonomy"));
        }
        if self.node.get("name").is_some_and(|name| name.text() == Some("")) {
            return Err(self.wrong("name", "must not be empty"));
        }
        for name in ["fields", "scope"] {
            self.list(name)?;
        }
        Ok(())
    }

    fn warn_of_tags(&self, tags: &[String], warnings: &mut Vec<Problem>) {
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        for tag in tags {
            if !(tag.contains('.') && tag.chars().all(sound)) {
                let span = self.node.get("tags").map_or(0..0, |tags| tags.span.clone());
                let message = format!("tag `{tag}` is not of the form `namespace.name`");
                warnings.push(Problem::warning("SIG011", span, message));
            }
        }
    }

    fn log_source(&self, warnings: &mut Vec<Problem>) -> Result<LogSource, Problem> {
        let what = "at least one of category, product, service";
        let source = self.node.get("logsource").ok_or_else(|| self.missing("logsource", what))?;
        let Kind::Map(entries) = &source.kind else {
            return Err(self.wrong("logsource", "must be a mapping"));
        };
        let inner = Attributes { node: source };
        let mut parts = Vec::new();
        for name in ["category", "product", "service"] {
            let text = inner.text(name)?;
            if let Some(text) = &text
                && *text != text.to_lowercase()
            {
                let message = format!("`{text}` is written in lower case in Sigma");
                let problem = inner.wrong(name, &message);
                warnings.push(Problem { severity: crate::Severity::Warning, ..problem });
            }
            parts.push(text);
        }
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !["category", "product", "service", "definition"].contains(&name) {
                let message = format!("`{name}` is not looked at");
                warnings.push(Problem::warning("SIG011", key.span.clone(), message));
            }
        }
        match parts.as_slice() {
            [None, None, None] => {
                Err(self.wrong("logsource", &format!("names none of its parts: {what}")))
            }
            [category, product, service] => {
                Ok(LogSource::new(category.as_deref(), product.as_deref(), service.as_deref()))
            }
            _ => Err(self.wrong("logsource", "is not complete")),
        }
    }

    fn detection(
        &self,
        fields: &mut FieldTable,
        placeholders: &Placeholders,
        warnings: &mut Vec<Problem>,
    ) -> Result<(Vec<NamedDetection>, Vec<Condition>), Problem> {
        let what = "a detection and a condition";
        let node = self.node.get("detection").ok_or_else(|| self.missing("detection", what))?;
        let Kind::Map(entries) = &node.kind else {
            return Err(self.wrong("detection", "must be a mapping"));
        };
        let mut parser = DetectionParser { fields, placeholders, warnings: Vec::new(), values: 0 };
        let mut detections = Vec::new();
        let mut spans = Vec::new();
        for (key, value) in entries {
            let Some(name) = key.text() else {
                return Err(Problem::error(
                    "SIG011",
                    key.span.clone(),
                    "a detection's name must be text",
                ));
            };
            match name {
                "condition" => {}
                "timeframe" => {
                    let message = "`timeframe` has no meaning in a rule";
                    let problem = Problem::warning("SIG011", key.span.clone(), message);
                    parser.warnings.push(problem.hint("write a correlation rule with `timespan`"));
                }
                name => {
                    let detection = parser.parse(value)?;
                    detections.push(NamedDetection { name: name.to_owned(), detection });
                    spans.push(key.span.clone());
                }
            }
        }
        warnings.append(&mut parser.warnings);
        let conditions = self.conditions(node, &detections)?;
        warn_of_unused(&detections, &spans, &conditions, warnings);
        Ok((detections, conditions))
    }

    fn conditions(
        &self,
        node: &Node,
        detections: &[NamedDetection],
    ) -> Result<Vec<Condition>, Problem> {
        let missing = || {
            Problem::error("SIG010", first_line(&node.span), "the detection has no `condition`")
                .hint("add `condition:` with the name of a detection")
        };
        let value = node.get("condition").ok_or_else(missing)?;
        if detections.is_empty() {
            return Err(Problem::error(
                "SIG020",
                first_line(&node.span),
                "the rule has no detection",
            ));
        }
        let names: Vec<String> =
            detections.iter().map(|detection| detection.name.clone()).collect();
        let one = |node: &Node| match &node.kind {
            Kind::Scalar(text, Scalar::Text | Scalar::Integer(_)) => {
                condition::parse(text, &names, &node.span)
            }
            _ => Err(Problem::error("SIG021", node.span.clone(), "a condition must be text")),
        };
        match &value.kind {
            Kind::List(items) if items.is_empty() => {
                Err(Problem::error("SIG021", value.span.clone(), "an empty list of conditions"))
            }
            Kind::List(items) => items.iter().map(one).collect(),
            _ => one(value).map(|condition| vec![condition]),
        }
    }
}

fn warn_of_unused(
    detections: &[NamedDetection],
    spans: &[Range<usize>],
    conditions: &[Condition],
    warnings: &mut Vec<Problem>,
) {
    let mut used = vec![false; detections.len()];
    let mut mark = |index: usize, _| {
        if let Some(place) = used.get_mut(index) {
            *place = true;
        }
    };
    conditions.iter().for_each(|condition| condition.detections(false, &mut mark));
    for ((detection, span), used) in detections.iter().zip(spans).zip(&used) {
        if !used {
            let message = format!("no condition uses `{}`", detection.name);
            warnings.push(Problem::warning("SIG031", span.clone(), message));
        }
    }
}

fn is_date(text: &str) -> bool {
    etwatch_event::time::TimeParts::parse(&format!("{text} 00:00:00")).is_some()
}
