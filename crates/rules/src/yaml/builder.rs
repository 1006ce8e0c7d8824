//! Events of the parser to the nodes of a document.
//!
//! Collections that are not complete lie on a stack; what is complete goes into the one on top, or is
//! the document. An anchor keeps a copy of its node, which each alias copies again: so what anchors
//! stand for and what aliases add is counted before it is made. A mapping's merge keys are applied
//! when it ends. The first thing that is wrong refuses the document, and the rest of its events are
//! passed over: the next document begins afresh.

use std::ops::Range;

use hashbrown::{HashMap, HashSet};
use saphyr_parser::{Event, ScalarStyle, Span, Tag};

use super::scalar::resolve;
use super::{
    ALIAS_HINT, ALIAS_LIMIT, ANCHOR_LIMIT, DEPTH_LIMIT, DOCUMENT_LIMIT, Kind, Node, Places, Scalar,
};
use crate::diagnostic::Problem;

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

/// The document that is being read.
pub(super) struct Builder<'a> {
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
    pub(super) fn new(places: &'a Places) -> Self {
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
    pub(super) fn event(&mut self, event: Event<'_>, span: Span) -> Option<Result<Node, Problem>> {
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
