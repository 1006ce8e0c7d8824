//! The attributes of a document, checked as the specification has them.
//!
//! A rule set with a wrong level or id is found out far too late otherwise; only tags, which change
//! nothing of what matches, are warned of. Rules, filters and correlations share what is here.

use std::ops::Range;

use etwatch_event::{FieldTable, Guid, LogSource};

use crate::diagnostic::{Problem, Severity, nearest};
use crate::sigma::condition::{self, Condition};
use crate::sigma::detection::DetectionParser;
use crate::sigma::room::Room;
use crate::sigma::rule::{Level, NamedDetection, Status};
use crate::sigma::value::Placeholders;
use crate::yaml::{Kind, Node, Scalar};

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

/// Tests that the conditions of one rule may come to.
const SIZE_LIMIT: usize = 400_000;

/// Kinds of kinship that `related` knows.
const KINSHIPS: &[&str] = &["derived", "obsolete", "merged", "renamed", "similar"];

pub(super) fn first_line(span: &Range<usize>) -> Range<usize> {
    span.start..span.end.min(span.start + 1)
}

/// The attributes of one document, or of a mapping in it.
pub(super) struct Attributes<'a> {
    /// The mapping.
    pub(super) node: &'a Node,
}

/// What every document has.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) title: String,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) status: Option<Status>,
    pub(super) level: Option<Level>,
    pub(super) author: Option<String>,
    pub(super) license: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) references: Vec<String>,
    pub(super) false_positives: Vec<String>,
}

impl<'a> Attributes<'a> {
    /// The attributes of a document.
    ///
    /// # Errors
    /// `SIG005` if it is no mapping.
    pub(super) fn of(node: &'a Node) -> Result<Self, Problem> {
        match node.kind {
            Kind::Map(_) => Ok(Self { node }),
            _ => Err(Problem::error(
                "SIG005",
                first_line(&node.span),
                "a document must be a mapping",
            )
            .hint("begin with `title:`; `---` separates the rules of a file")),
        }
    }

    /// What every document has.
    pub(super) fn common(&self, warnings: &mut Vec<Problem>) -> Result<Common, Problem> {
        let title = self.text("title")?.ok_or_else(|| self.missing("title", "a short title"))?;
        if title.is_empty() || title.chars().count() > 256 {
            return Err(self
                .wrong("title", "must have 1 to 256 characters")
                .hint("`description` has room for more"));
        }
        let description = self.text("description")?;
        if description.as_ref().is_some_and(|text| text.chars().count() > 65_535) {
            return Err(self
                .wrong("description", "must have at most 65535 characters")
                .hint("name what is longer in `references`"));
        }
        self.warn_of_near_misses(warnings);
        self.check_formal(warnings)?;
        let tags = self.list("tags")?;
        self.warn_of_tags(&tags, warnings);
        Ok(Common {
            title,
            id: self.text("id")?,
            name: self.text("name")?,
            description,
            status: self.one_of("status", &Status::ALL, Status::name)?,
            level: self.one_of("level", &Level::ALL, Level::name)?,
            author: self.text("author")?,
            license: self.text("license")?,
            tags,
            references: self.list("references")?,
            false_positives: self.list("falsepositives")?,
        })
    }

    pub(super) fn missing(&self, name: &str, what: &str) -> Problem {
        let message = format!("the rule has no `{name}`");
        Problem::error("SIG010", first_line(&self.node.span), message)
            .hint(format!("add `{name}:` with {what}"))
    }

    pub(super) fn wrong(&self, name: &str, why: &str) -> Problem {
        let at = self.node.get(name).map_or(&self.node.span, |value| &value.span);
        Problem::error("SIG011", at.clone(), format!("`{name}` {why}"))
    }

    /// A scalar attribute as text; null counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.node.get(name) else { return Ok(None) };
        match &value.kind {
            Kind::Scalar(_, Scalar::Null) => Ok(None),
            Kind::Scalar(text, Scalar::Text) => Ok(Some(text.clone())),
            Kind::Scalar(..) => Err(self.wrong(name, "must be text").hint("put it in quotes")),
            _ => Err(self.wrong(name, "must be text").hint("one text, no list and no mapping")),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Problem> {
        let Some(value) = self.node.get(name).filter(|value| !value.is_null()) else {
            return Ok(Vec::new());
        };
        let Kind::List(items) = &value.kind else {
            return Err(self.wrong(name, "must be a list").hint("put `- ` before each entry"));
        };
        let texts = items.iter().map(|item| item.text().map(str::to_owned));
        let wrong = || self.wrong(name, "must be a list of text").hint("one text an entry");
        texts.collect::<Option<_>>().ok_or_else(wrong)
    }

    pub(super) fn one_of<T: Copy>(
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
    fn check_formal(&self, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
        if let Some(id) = self.text("id")?
            && !is_uuid(&id)
        {
            let problem = self.wrong("id", &format!("is no UUID: `{id}`"));
            return Err(problem.hint("make one with `uuidgen`"));
        }
        for name in ["date", "modified"] {
            let Some(date) = self.text(name)? else { continue };
            if is_date(&date) {
                continue;
            }
            if !is_old_date(&date) {
                let problem = self.wrong(name, &format!("is no date: `{date}`"));
                return Err(problem.hint("write YYYY-MM-DD"));
            }
            let problem = self.wrong(name, &format!("is written the old way: `{date}`"));
            let problem = Problem { severity: Severity::Warning, ..problem };
            warnings.push(problem.hint("write YYYY-MM-DD"));
        }
        if let Some(taxonomy) = self.text("taxonomy")?
            && taxonomy != "sigma"
        {
            let problem = self.wrong("taxonomy", &format!("`{taxonomy}` is not known here"));
            return Err(problem.hint("field names must be those of Sigma's own taxonomy"));
        }
        if self.node.get("name").is_some_and(|name| name.text() == Some("")) {
            return Err(self.wrong("name", "must not be empty").hint("leave it out"));
        }
        for name in ["fields", "scope"] {
            self.list(name)?;
        }
        self.check_related()?;
        Ok(())
    }

    /// `related` is a list of mappings, each with a UUID and a kind of kinship.
    fn check_related(&self) -> Result<(), Problem> {
        let Some(related) = self.node.get("related").filter(|value| !value.is_null()) else {
            return Ok(());
        };
        let Kind::List(items) = &related.kind else {
            return Err(self.wrong("related", "must be a list").hint("put `- ` before each entry"));
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
    fn warn_of_near_misses(&self, warnings: &mut Vec<Problem>) {
        let Kind::Map(entries) = &self.node.kind else { return };
        for (key, _) in entries {
            let Some(name) = key.text().filter(|name| !ATTRIBUTES.contains(name)) else { continue };
            if let Some(near) = nearest(name, ATTRIBUTES.iter().copied()) {
                let message = format!("`{name}` is no attribute of Sigma");
                let problem = Problem::warning("SIG011", key.span.clone(), message);
                warnings.push(problem.hint(format!("did you mean `{near}`?")));
            }
        }
    }

    fn warn_of_tags(&self, tags: &[String], warnings: &mut Vec<Problem>) {
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        for tag in tags {
            if !(tag.contains('.') && tag.chars().all(sound)) {
                let span = self.node.get("tags").map_or(0..0, |tags| tags.span.clone());
                let message = format!("tag `{tag}` is not of the form `namespace.name`");
                let problem = Problem::warning("SIG011", span, message);
                warnings.push(problem.hint("such as `attack.t1059.001`, in lower case"));
            }
        }
    }

    pub(super) fn log_source(&self, warnings: &mut Vec<Problem>) -> Result<LogSource, Problem> {
        let what = "at least one of category, product, service";
        let source = self.node.get("logsource").ok_or_else(|| self.missing("logsource", what))?;
        let Kind::Map(entries) = &source.kind else {
            return Err(self
                .wrong("logsource", "must be a mapping")
                .hint("such as `{category: process_creation, product: windows}`"));
        };
        let inner = Attributes { node: source };
        let mut parts = Vec::new();
        for name in ["category", "product", "service"] {
            let text = inner.text(name)?;
            if text.as_deref() == Some("") {
                return Err(inner.wrong(name, "must not be empty").hint("leave it out"));
            }
            if let Some(text) = &text
                && *text != text.to_lowercase()
            {
                let message = format!("`{text}` is written in lower case in Sigma");
                let problem = inner.wrong(name, &message);
                let problem = problem.hint(format!("write `{}`", text.to_lowercase()));
                warnings.push(Problem { severity: Severity::Warning, ..problem });
            }
            parts.push(text);
        }
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !["category", "product", "service", "definition"].contains(&name) {
                let message = format!("`{name}` is not looked at");
                let problem = Problem::warning("SIG011", key.span.clone(), message);
                warnings.push(problem.hint("a log source has category, product, service"));
            }
        }
        match parts.as_slice() {
            [None, None, None] => {
                let problem = self.wrong("logsource", &format!("names none of its parts: {what}"));
                Err(problem.hint("such as `category: process_creation`"))
            }
            [category, product, service] => {
                Ok(LogSource::new(category.as_deref(), product.as_deref(), service.as_deref()))
            }
            _ => Err(self.wrong("logsource", "is not complete").hint(what)),
        }
    }

    /// The detections and conditions in the mapping at `name`; `reserved` are names in it that are
    /// neither.
    pub(super) fn detections(
        &self,
        name: &str,
        reserved: &[&str],
        around: &mut Surroundings<'_>,
    ) -> Result<(Vec<NamedDetection>, Vec<Condition>), Problem> {
        let what = "a detection and a condition";
        let node = self.node.get(name).ok_or_else(|| self.missing(name, what))?;
        let Kind::Map(entries) = &node.kind else {
            return Err(self
                .wrong(name, "must be a mapping")
                .hint("names of detections with what they look for, and `condition`"));
        };
        let mut parser = DetectionParser { around, values: 0, regexes: 0, room: Room::default() };
        let (mut detections, mut spans) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            let Some(name) = key.text() else {
                let message = "a detection's name must be text";
                let problem = Problem::error("SIG011", key.span.clone(), message);
                return Err(problem.hint("such as `selection`"));
            };
            match name {
                "condition" => {}
                "timeframe" => {
                    let message = "`timeframe` has no meaning in a rule";
                    let problem = Problem::warning("SIG011", key.span.clone(), message);
                    parser
                        .around
                        .warnings
                        .push(problem.hint("write a correlation rule with `timespan`"));
                }
                name if reserved.contains(&name) => {}
                name => {
                    let detection = parser.parse(value)?;
                    detections.push(NamedDetection { name: name.to_owned(), detection });
                    spans.push(key.span.clone());
                }
            }
        }
        let conditions = conditions(node, &detections)?;
        check_size(&node.span, &detections, &conditions)?;
        warn_of_unused(&detections, &spans, &conditions, around.warnings);
        Ok((detections, conditions))
    }
}

fn conditions(node: &Node, detections: &[NamedDetection]) -> Result<Vec<Condition>, Problem> {
    let at = first_line(&node.span);
    let Some(value) = node.get("condition") else {
        return Err(Problem::error("SIG010", at, "the detection has no `condition`")
            .hint("add `condition:` with the name of a detection"));
    };
    if detections.is_empty() {
        return Err(Problem::error("SIG020", at, "the rule has no detection")
            .hint("add one beside `condition`, such as `selection: {Image|endswith: '\\a.exe'}`"));
    }
    let names: Vec<String> = detections.iter().map(|detection| detection.name.clone()).collect();
    let mut room = condition::NAMED_LIMIT;
    let mut one = |node: &Node| match &node.kind {
        Kind::Scalar(text, Scalar::Text | Scalar::Integer(_)) => {
            condition::parse(text, &names, &node.span, &mut room)
        }
        _ => Err(Problem::error("SIG021", node.span.clone(), "a condition must be text")
            .hint("names of detections with `and`, `or`, `not`")),
    };
    match &value.kind {
        Kind::List(items) if items.is_empty() => {
            Err(Problem::error("SIG021", value.span.clone(), "an empty list of conditions")
                .hint("name a detection"))
        }
        Kind::List(items) => items.iter().map(one).collect(),
        _ => one(value).map(|condition| vec![condition]),
    }
}

/// The tests that conditions come to when each name is replaced by its detection.
fn check_size(
    at: &Range<usize>,
    detections: &[NamedDetection],
    conditions: &[Condition],
) -> Result<(), Problem> {
    let sizes: Vec<usize> = detections.iter().map(|named| named.detection.size()).collect();
    let mut sum = 0_usize;
    let mut add = |index: usize, _| {
        sum = sum.saturating_add(sizes.get(index).copied().unwrap_or(0));
    };
    conditions.iter().for_each(|condition| condition.detections(false, &mut add));
    if sum <= SIZE_LIMIT {
        return Ok(());
    }
    let message = format!("the conditions come to {sum} tests, the limit is {SIZE_LIMIT}");
    Err(Problem::error("SIG003", first_line(at), message).hint("name each detection once"))
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
            let problem = Problem::warning("SIG031", span.clone(), message);
            let name = &detection.name;
            warnings.push(problem.hint(if name.starts_with("filter") {
                format!("add `and not {name}` to the condition, or take it out")
            } else {
                "use it in the condition, or take it out".to_owned()
            }));
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
