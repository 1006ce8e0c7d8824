//! From the text of an event to a record.

use etwatch_event::{Reason, RecordBuilder, Shape};

use super::json::Writer;
use super::tree::Tree;
use crate::json::{JsonError, RecordParser};
use crate::limits::Limits;
use crate::texts::RecordTexts;

/// Why an event was skipped.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct XmlError {
    /// The ledger's reason.
    pub(crate) reason: Reason,
    /// What was found.
    pub(crate) detail: String,
}

const SYNTAX: &str = "XML syntax";
const DEPTH: &str = "XML nesting limit";
const VALUES: &str = "XML value limit";

impl XmlError {
    pub(super) fn syntax(detail: String) -> Self {
        Self { reason: SYNTAX, detail }
    }
    pub(super) fn cut_off() -> Self {
        Self { reason: "XML cut off", detail: "the event has no end".to_owned() }
    }
    pub(super) fn depth(limits: &Limits) -> Self {
        Self { reason: DEPTH, detail: format!("more than {} levels", limits.depth) }
    }
    pub(super) fn values(limits: &Limits) -> Self {
        Self { reason: VALUES, detail: format!("more than {} values", limits.values) }
    }
    fn no_event() -> Self {
        let detail = "an event is an element `Event` with a `System` in it".to_owned();
        Self { reason: "XML is no event", detail }
    }
}

impl From<JsonError> for XmlError {
    /// The limits of the JSON that was made of the event are those of the event.
    fn from(error: JsonError) -> Self {
        let reason = match error.reason {
            "JSON nesting limit" => DEPTH,
            "JSON value limit" => VALUES,
            "JSON path limit" => "XML path limit",
            _ => SYNTAX,
        };
        Self { reason, detail: error.detail }
    }
}

/// Reads events one after the other; keeps its buffers between them, and how they were written.
#[derive(Debug)]
pub(crate) struct XmlParser {
    tree: Tree,
    writer: Writer,
    parser: RecordParser,
    limits: Limits,
}

impl XmlParser {
    pub(crate) fn new(limits: Limits) -> Self {
        let parser = RecordParser::new(limits);
        Self { tree: Tree::default(), writer: Writer::default(), parser, limits }
    }

    /// Keeps to other limits from now on.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.parser.set_limits(limits);
    }

    /// Keeps the texts of what `decode` reads in `texts`, if there is room for them: the JSON that is made of each
    /// event.
    pub(crate) fn lend<T>(
        &mut self,
        texts: &mut Option<RecordTexts>,
        decode: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.parser.texts = texts.take();
        let decoded = decode(self);
        *texts = self.parser.texts.take();
        decoded
    }

    /// Reads the text of one event into `record` and finishes it.
    pub(crate) fn parse(&mut self, text: &str, record: RecordBuilder<'_>) -> Result<(), XmlError> {
        let Self { tree, writer, parser, limits } = self;
        tree.read(text, limits)?;
        let json = writer.write(tree).ok_or_else(XmlError::no_event)?;
        Ok(parser.parse(json, Some(Shape::Evtx), record)?)
    }
}

#[cfg(test)]
mod tests;
