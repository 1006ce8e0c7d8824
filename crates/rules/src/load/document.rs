//! One file's documents, each read for itself: all that needs no other file.
//!
//! What a document becomes can depend on those before it in its file (templates), but on no other file;
//! so a file that did not change need not be read again. What needs all files is in
//! [`super::assembly`].

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use etwatch_event::FieldTable;
use hashbrown::HashMap;

use crate::diagnostic::{Problem, Severity, SourceFile};
use crate::lint;
use crate::load::{LoadOptions, MESSAGE_LIMIT, files};
use crate::sigma::attributes::Surroundings;
use crate::sigma::collection::{Collection, Step};
use crate::sigma::correlation::{self, Unresolved};
use crate::sigma::filter::{self, Filter};
use crate::sigma::rule::{self, Rule, Status};
use crate::yaml::{self, Kind, Node};

/// What a document is called, as far as it says; also known of most that are refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Called {
    /// Its id, in lower case, and where it stands.
    pub(crate) id: Option<(String, Range<usize>)>,
    /// Its name, and where it stands.
    pub(crate) name: Option<(String, Range<usize>)>,
    pub(crate) title: Option<String>,
    /// How many documents before it in its file have its title.
    pub(crate) namesake: u32,
}

impl Called {
    fn of(node: &Node) -> Self {
        let text = |key: &str| {
            let value = node.get(key).filter(|value| !value.is_null())?;
            value.text().map(|text| (text.to_owned(), value.span.clone()))
        };
        let id = text("id").map(|(id, span)| (id.to_lowercase(), span));
        Self { id, name: text("name"), title: text("title").map(|(title, _)| title), namesake: 0 }
    }
    /// Id and name, those that there are, with the key and the place of each.
    pub(crate) fn handles(&self) -> impl Iterator<Item = (&'static str, &str, &Range<usize>)> {
        let id = self.id.iter().map(|(text, span)| ("id", text.as_str(), span));
        let name = self.name.iter().map(|(text, span)| ("name", text.as_str(), span));
        id.chain(name)
    }
}

/// What a document holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Rule(Box<Rule>),
    Filter(Box<Filter>),
    Correlation(Box<Unresolved>),
    /// It only changes the rules behind it.
    Template,
    /// Refused, or left out on purpose.
    Refused(Problem),
}

/// A document and its place.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) file: Arc<SourceFile>,
    /// The byte it begins at.
    pub(crate) start: usize,
    pub(crate) called: Called,
    pub(crate) content: Content,
    pub(crate) warnings: Vec<Problem>,
    /// Of what it says, templates included, comments aside.
    pub(crate) digest: u64,
    /// Of a rule that was examined, where its condition is.
    pub(crate) condition: Option<Range<usize>>,
}

impl Document {
    /// Whether it was refused by itself. (What is left out on purpose is not.)
    pub(crate) fn is_refused(&self) -> bool {
        matches!(&self.content, Content::Refused(problem) if problem.severity == Severity::Error)
    }
    /// Whether it is a rule, a filter or a correlation.
    pub(crate) fn is_of_use(&self) -> bool {
        matches!(&self.content, Content::Rule(_) | Content::Filter(_) | Content::Correlation(_))
    }
}

/// The documents of a file, at least one.
#[derive(Debug)]
pub(crate) struct FileDocuments {
    pub(crate) documents: Vec<Document>,
    /// Whether there is more in the file, or should be, than could be read.
    pub(crate) is_cut: bool,
}

/// Reads the documents of a file; the fields they name are numbered in `fields`.
pub(crate) fn read(
    name: String,
    content: files::Content,
    options: &LoadOptions,
    fields: &mut FieldTable,
) -> FileDocuments {
    let text = match content {
        files::Content::Text(text) => text,
        files::Content::Foreign(encoding) => {
            let file = Arc::new(SourceFile::new(name, String::new()));
            let message = format!("the file's encoding is {encoding}");
            let problem = Problem::error("SIG005", 0..0, message).hint("save it as UTF-8");
            return FileDocuments { documents: vec![refused(&file, problem)], is_cut: true };
        }
    };
    let file = Arc::new(SourceFile::new(name, text));
    let (collection, titles) = (Collection::default(), HashMap::new());
    let mut reader = Reader { options, fields, file: Arc::clone(&file), collection, titles };
    let mut documents = Vec::new();
    let broken = yaml::each_document(&file.text, |document| {
        documents.push(match document {
            Ok(node) => reader.document(node),
            Err(problem) => refused(&file, problem),
        });
    });
    let is_empty = documents.is_empty() && broken.is_none();
    let is_cut = is_empty || broken.is_some();
    documents.extend(broken.map(|problem| refused(&file, problem)));
    if is_empty {
        let problem = Problem::error("SIG006", 0..0, "the file has no rule in it");
        let problem = problem.hint("write the rule, or delete the file");
        documents.push(refused(&file, problem));
    }
    FileDocuments { documents, is_cut }
}

fn refused(file: &Arc<SourceFile>, problem: Problem) -> Document {
    Document {
        file: Arc::clone(file),
        start: problem.span.start,
        called: Called::default(),
        content: Content::Refused(problem),
        warnings: Vec::new(),
        digest: 0,
        condition: None,
    }
}

struct Reader<'a> {
    options: &'a LoadOptions,
    fields: &'a mut FieldTable,
    file: Arc<SourceFile>,
    collection: Collection,
    /// How often each title has come.
    titles: HashMap<String, u32>,
}

impl Reader<'_> {
    fn document(&mut self, node: Node) -> Document {
        let mut warnings = Vec::new();
        let start = node.span.start;
        let line = self.file.place(start).0;
        let mut called = Called::of(&node);
        let (mut digest, mut condition) = (0, None);
        let content = match self.complete(node, &mut warnings) {
            Ok(None) => Content::Template,
            Ok(Some(node)) => {
                called = Called::of(&node);
                digest = digest_of(&node);
                let content = self.content(&node, (line, digest), &mut warnings);
                let content = content.unwrap_or_else(Content::Refused);
                condition = self.examine(&node, &content, &mut warnings);
                content
            }
            Err(problem) => Content::Refused(problem),
        };
        if let Some(title) = &called.title {
            let same = self.titles.entry(title.clone()).or_default();
            called.namesake = *same;
            *same += 1;
        }
        cut(&mut warnings);
        Document {
            file: Arc::clone(&self.file),
            start,
            called,
            content,
            warnings,
            digest,
            condition,
        }
    }

    /// A document with what the template before it adds; `None` if it is a template itself.
    fn complete(
        &mut self,
        node: Node,
        warnings: &mut Vec<Problem>,
    ) -> Result<Option<Node>, Problem> {
        if node.get("correlation").is_some() || node.get("filter").is_some() {
            return Ok(Some(node));
        }
        Ok(match self.collection.take(&node, warnings)? {
            Step::Template => None,
            Step::Rule(node) => Some(node),
        })
    }

    /// Reads a document as what its keys say it is.
    fn content(
        &mut self,
        node: &Node,
        (line, digest): (usize, u64),
        warnings: &mut Vec<Problem>,
    ) -> Result<Content, Problem> {
        let placeholders = &self.options.placeholders;
        let mut around = Surroundings { fields: self.fields, placeholders, warnings };
        if node.get("correlation").is_some() {
            let mut correlation = correlation::parse(node, &mut around)?;
            correlation.set_place(&self.file.name, line, digest);
            self.check_status(node, correlation.status())?;
            return Ok(Content::Correlation(Box::new(correlation)));
        }
        if node.get("filter").is_some() {
            let mut filter = filter::parse(node, &mut around)?;
            filter.digest = digest;
            self.check_status(node, filter.attributes.status)?;
            return Ok(Content::Filter(Box::new(filter)));
        }
        let mut rule = rule::parse(node, &mut around)?;
        rule.file.clone_from(&self.file.name);
        rule.line = line;
        rule.digest = digest;
        self.check_status(node, rule.attributes.status)?;
        Ok(Content::Rule(Box::new(rule)))
    }

    /// Looks closer at what was read, if that is asked for; tells where the condition of a rule is.
    fn examine(
        &self,
        node: &Node,
        content: &Content,
        warnings: &mut Vec<Problem>,
    ) -> Option<Range<usize>> {
        let known = self.options.examine.as_ref()?;
        match content {
            Content::Rule(rule) => {
                lint::rule(node, rule, known, self.fields, warnings);
                let spans = node.get("detection").map(lint::condition_spans).unwrap_or_default();
                Some(spans.into_iter().next().unwrap_or_default())
            }
            Content::Filter(filter) => {
                lint::filter(node, &filter.log_source, known, warnings);
                None
            }
            _ => None,
        }
    }

    /// Old rules are left out unless asked for.
    fn check_status(&self, node: &Node, status: Option<Status>) -> Result<(), Problem> {
        let old = matches!(status, Some(Status::Deprecated | Status::Unsupported));
        if !old || self.options.include_deprecated {
            return Ok(());
        }
        let span = node.get("status").map_or(0..0, |status| status.span.clone());
        let status = status.map_or("", Status::name);
        let problem =
            Problem::warning("SIG042", span, format!("left out: its status is `{status}`"))
                .hint("--include-deprecated loads it");
        Err(Problem { severity: Severity::Note, ..problem })
    }
}

/// Leaves messages beyond the limit out, and says so.
fn cut(messages: &mut Vec<Problem>) {
    let rest = messages.get(MESSAGE_LIMIT..).unwrap_or_default();
    let Some((first, worst)) = rest.first().zip(rest.iter().map(|one| one.severity).max()) else {
        return;
    };
    let message = format!("{} more messages about this document are left out", rest.len());
    let last = Problem::warning("SIG003", first.span.clone(), message);
    let last = Problem { severity: worst, ..last };
    messages.truncate(MESSAGE_LIMIT);
    messages.push(last.hint("they come when those before them are settled"));
}

/// A number that changes when a document says something else, be it in the same place or not.
fn digest_of(node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash(node, &mut hasher);
    hasher.finish()
}

fn hash(node: &Node, hasher: &mut DefaultHasher) {
    std::mem::discriminant(&node.kind).hash(hasher);
    match &node.kind {
        Kind::Scalar(text, meaning) => {
            std::mem::discriminant(meaning).hash(hasher);
            text.hash(hasher);
        }
        Kind::List(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| hash(item, hasher));
        }
        Kind::Map(entries) => {
            entries.len().hash(hasher);
            for (key, value) in entries {
                hash(key, hasher);
                hash(value, hasher);
            }
        }
    }
}
