//! YAML documents as nodes that know their place and the text of scalars.
//!
//! Rule files are read event by event, since a rule's meaning depends on what a general loader
//! throws away: where a value stands, whether it was quoted, how a number was written (`D-LEXEME`),
//! whether a key came twice. Plain scalars follow the core schema of YAML 1.2. Aliases are expanded
//! within a limit, merge keys work as the reference loader has them, tags other than the core ones
//! are errors (`D-YAML`).

use std::ops::Range;

use hashbrown::{HashMap, HashSet};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::diagnostic::Problem;

/// Bytes of one rule file.
pub const FILE_LIMIT: usize = 64 << 20;
/// Bytes of one document.
pub const DOCUMENT_LIMIT: usize = 1 << 20;
/// Nodes that the anchors of a document may stand for, each anchor counting all below it.
pub const ANCHOR_LIMIT: usize = 100_000;
/// Levels of nesting.
pub const DEPTH_LIMIT: usize = 64;
/// Nodes that aliases may add to a document.
pub const ALIAS_LIMIT: usize = 10_000;
const ALIAS_HINT: &str = "write out what the aliases stand for, and divide the rule";
/// So many bytes of a text count as one node more: an alias copies text too.
const NODE_TEXT: usize = 128;

/// What a plain scalar means, or what quoting makes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text.
    Text,
    /// An integer.
    Integer(i128),
    /// A number with a fraction or exponent; finite.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`, `~` or nothing.
    Null,
    /// `.inf` or `.nan`, which no rule can use.
    NotFinite,
}

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A scalar: its text as written (quotes and escapes undone), and what it means.
    Scalar(String, Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<(Node, Node)>),
}

/// A value and the bytes of the file that it was written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Bytes of the file.
    pub span: Range<usize>,
}

impl Node {
    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }
    /// The value of a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }
    /// Whether this is the null scalar.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar(_, Scalar::Null))
    }
    /// How many nodes it is, long texts counting as several, and how many levels deep.
    fn measure(&self) -> (usize, usize) {
        let (mut size, mut depth) = (1, 0);
        let mut add = |inner: &Self| {
            let (more, deeper) = inner.measure();
            size += more;
            depth = deeper.max(depth);
        };
        match &self.kind {
            Kind::Scalar(text, _) => size += text.len() / NODE_TEXT,
            Kind::List(items) => items.iter().for_each(add),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                add(key);
                add(value);
            }),
        }
        (size, depth + 1)
    }
    /// How many nodes it is, long texts counting as several.
    pub(crate) fn size(&self) -> usize {
        self.measure().0
    }
}

/// The documents of a file, each read or refused for itself, and the error that ended the file.
#[derive(Debug, Default)]
pub struct Documents {
    /// The documents in order; empty ones are left out.
    pub documents: Vec<Result<Node, Problem>>,
    /// A syntax error: what follows it is lost.
    pub broken: Option<Problem>,
}

/// Reads the documents of a file.
#[must_use]
pub fn documents(text: &str) -> Documents {
    let mut read = Documents::default();
    if text.len() > FILE_LIMIT {
        let message = format!("file of {} bytes, the limit is {FILE_LIMIT}", text.len());
        read.broken = Some(Problem::error("SIG003", 0..0, message).hint("divide the file"));
        return read;
    }
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::new(body, text.len() - body.len());
    let mut builder = Builder::new(&places);
    for event in Parser::new_from_str(body) {
        match event {
            Ok((event, span)) => {
                if let Some(document) = builder.event(event, span) {
                    read.documents.push(document);
                }
            }
            Err(error) => {
                let at = places.byte(error.marker().index());
                let message = format!("this is no YAML: {}", error.info());
                let problem = Problem::error("SIG001", at..at + 1, message)
                    .hint("documents before this place are kept, the rest of the file is lost");
                read.broken = Some(problem);
                break;
            }
        }
    }
    read
}

/// Character positions to byte offsets.
struct Places {
    /// Offset of each character; empty if all are ASCII.
    offsets: Vec<usize>,
    before: usize,
    length: usize,
}

impl Places {
    fn new(text: &str, before: usize) -> Self {
        let offsets = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Self { offsets, before, length: text.len() }
    }
    fn byte(&self, character: usize) -> usize {
        let within = if self.offsets.is_empty() {
            character.min(self.length)
        } else {
            self.offsets.get(character).copied().unwrap_or(self.length)
        };
        self.before + within
    }
    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}

/// What an anchor stands for.
struct Anchored {
    node: Node,
    size: usize,
    depth: usize,
}

/// A collection that is not complete.
struct Open {
    /// The texts of a mapping's keys.
    names: HashSet<String>,
    kind: Kind,
    anchor: usize,
    start: usize,
    key: Option<Node>,
}

struct Builder<'a> {
    places: &'a Places,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    kept_by_anchors: usize,
    root: Option<Node>,
    problem: Option<Problem>,
    added_by_aliases: usize,
    /// Where the document begins.
    start: usize,
}

impl<'a> Builder<'a> {
    fn new(places: &'a Places) -> Self {
        Self {
            places,
            open: Vec::new(),
            anchors: HashMap::new(),
            kept_by_anchors: 0,
            root: None,
            problem: None,
            added_by_aliases: 0,
            start: 0,
        }
    }

    /// The document can't be used: nothing more of it is kept.
    fn refuse(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
        self.open.clear();
        self.anchors.clear();
        self.root = None;
    }

    /// Takes an event; returns the document that it completes.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<Result<Node, Problem>> {
        let range = self.places.range(span);
        match event {
            Event::DocumentStart(_) => {
                self.open.clear();
                self.anchors.clear();
                self.root = None;
                self.problem = None;
                self.added_by_aliases = 0;
                self.kept_by_anchors = 0;
                self.start = range.start;
            }
            Event::DocumentEnd => {
                let root = self.root.take();
                return match (self.problem.take(), root) {
                    (Some(problem), _) => Some(Err(problem)),
                    (None, Some(root)) if !root.is_null() => Some(Ok(root)),
                    _ => None,
                };
            }
            _ if self.problem.is_some() => {}
            _ if range.end.saturating_sub(self.start) > DOCUMENT_LIMIT => {
                let message = format!("a document of more than {DOCUMENT_LIMIT} bytes");
                let problem = Problem::error("SIG003", range, message);
                self.refuse(problem.hint("divide the rule"));
            }
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = self.scalar(&text, style, tag.as_deref(), &range);
                let node = Node { kind: Kind::Scalar(text.into_owned(), scalar), span: range };
                self.complete(node, anchor);
            }
            Event::Alias(anchor) => self.alias(anchor, range),
            Event::SequenceStart(anchor, tag) => {
                self.begin(Kind::List(vec![]), anchor, tag.as_deref(), &range);
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(Kind::Map(vec![]), anchor, tag.as_deref(), &range);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let node = Node { kind: open.kind, span: open.start..range.end };
                    let node = self.merge(node);
                    self.complete(node, open.anchor);
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
        None
    }

    fn begin(&mut self, kind: Kind, anchor: usize, tag: Option<&Tag>, range: &Range<usize>) {
        if let Some(tag) = tag
            && !(is_core(tag) && matches!(tag.suffix.as_str(), "map" | "seq"))
        {
            self.refuse_tag(tag, range);
        }
        if self.open.len() >= DEPTH_LIMIT {
            let message = format!("more than {DEPTH_LIMIT} levels of nesting");
            let problem = Problem::error("SIG003", range.clone(), message);
            return self
                .refuse(problem.hint("lists in lists have no meaning of their own: flatten them"));
        }
        if self.problem.is_none() {
            let start = range.start;
            self.open.push(Open { kind, anchor, start, key: None, names: HashSet::new() });
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, range: &Range<usize>) {
        let message =
            format!("tag `{}{}` is not one of YAML's core schema", tag.handle, tag.suffix);
        let problem = Problem::error("SIG004", range.clone(), message);
        self.refuse(problem.hint("rules are plain data: leave the tag out"));
    }

    fn alias(&mut self, anchor: usize, range: Range<usize>) {
        let Some(anchored) = self.anchors.get(&anchor) else {
            let problem = Problem::error("SIG004", range, "alias within its own anchor");
            return self.refuse(problem.hint("write out what it stands for"));
        };
        self.added_by_aliases += anchored.size;
        if self.added_by_aliases > ALIAS_LIMIT {
            let message = format!("aliases add more than {ALIAS_LIMIT} nodes");
            return self.refuse(Problem::error("SIG003", range, message).hint(ALIAS_HINT));
        }
        if self.open.len() + anchored.depth > DEPTH_LIMIT {
            let message = format!("an alias makes more than {DEPTH_LIMIT} levels of nesting");
            return self.refuse(Problem::error("SIG003", range, message).hint(ALIAS_HINT));
        }
        let kind = anchored.node.kind.clone();
        self.complete(Node { kind, span: range }, 0);
    }

    fn complete(&mut self, node: Node, anchor: usize) {
        if self.problem.is_some() {
            return;
        }
        if anchor > 0 {
            let (size, depth) = node.measure();
            self.kept_by_anchors += size;
            if self.kept_by_anchors > ANCHOR_LIMIT {
                let message = format!("anchors stand for more than {ANCHOR_LIMIT} nodes");
                let problem = Problem::error("SIG003", node.span, message);
                return self.refuse(problem.hint(ALIAS_HINT));
            }
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, depth });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match open.key.take() {
                None => open.key = Some(node),
                Some(key) => {
                    let double = key.text().filter(|name| !open.names.insert((*name).to_owned()));
                    if let Some(name) = double {
                        let message = format!("key `{name}` comes twice");
                        let problem = Problem::error("SIG002", key.span.clone(), message);
                        let problem = problem.label("the second time");
                        return self.refuse(problem.hint("keep one of them, or make it a list"));
                    }
                    entries.push((key, node));
                }
            },
            Kind::Scalar(..) => {}
        }
    }

    /// Applies the merge keys of a mapping: its own keys win, then the first mapping named.
    fn merge(&mut self, node: Node) -> Node {
        let Kind::Map(entries) = node.kind else { return node };
        let is_merge =
            |entry: &(Node, Node)| entry.0.kind == Kind::Scalar("<<".into(), Scalar::Text);
        let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_merge);
        if merges.is_empty() {
            return Node { kind: Kind::Map(own), span: node.span };
        }
        let mut names: HashSet<String> =
            own.iter().filter_map(|(key, _)| key.text().map(str::to_owned)).collect();
        for (_, value) in merges {
            let maps = match value.kind {
                Kind::List(maps) => maps,
                _ => vec![value],
            };
            for map in maps {
                let Kind::Map(entries) = map.kind else {
                    let problem = Problem::error("SIG004", map.span, "`<<` needs a mapping");
                    self.refuse(problem.hint("an alias of a mapping, or a list of such"));
                    continue;
                };
                for (key, value) in entries {
                    if key.text().is_none_or(|name| names.insert(name.to_owned())) {
                        own.push((key, value));
                    }
                }
            }
        }
        Node { kind: Kind::Map(own), span: node.span }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        range: &Range<usize>,
    ) -> Scalar {
        let plain = || if style == ScalarStyle::Plain { resolve(text) } else { Scalar::Text };
        let Some(tag) = tag else { return plain() };
        match tag.suffix.as_str() {
            "str" if is_core(tag) => Scalar::Text,
            "int" | "float" | "bool" | "null" if is_core(tag) => resolve(text),
            _ if tag.handle.is_empty() && tag.suffix == "!" => Scalar::Text,
            _ => {
                self.refuse_tag(tag, range);
                Scalar::Text
            }
        }
    }
}

fn is_core(tag: &Tag) -> bool {
    tag.is_yaml_core_schema()
}

/// What a plain scalar means in the core schema of YAML 1.2.
pub(crate) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "null" | "Null" | "NULL" | "~" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Boolean(true),
        "false" | "False" | "FALSE" => return Scalar::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::NotFinite,
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Scalar::NotFinite;
    }
    let digits =
        |text: &str, radix| !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    if let Some(hex) = text.strip_prefix("0x").filter(|hex| digits(hex, 16)) {
        return i128::from_str_radix(hex, 16).map_or(Scalar::Text, Scalar::Integer);
    }
    if let Some(octal) = text.strip_prefix("0o").filter(|octal| digits(octal, 8)) {
        return i128::from_str_radix(octal, 8).map_or(Scalar::Text, Scalar::Integer);
    }
    if digits(unsigned, 10) {
        return text.parse().map_or(Scalar::Text, Scalar::Integer);
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Scalar::Float(number),
            _ => Scalar::Text,
        };
    }
    Scalar::Text
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sound_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let sound_mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    sound_mantissa && sound_exponent
}

#[cfg(test)]
mod tests;
