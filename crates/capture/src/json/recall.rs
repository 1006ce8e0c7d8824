//! Records that are written like earlier ones, read by what is remembered of those.
//!
//! A log repeats a few hundred forms of records. Each is kept as a path in a tree: literal text up to a
//! value, the kind of the value, literal text up to the next. A record is read along the tree by comparing
//! literals and reading values in between; at the end of a path stands what becomes of the record
//! ([`Form`]). Nothing is guessed: whatever departs from all paths, or has a value that is not plain, is
//! left to the full parser, and all errors are told by that one.
//!
//! ```text
//! {"EventID":  number  ,"Image":"  text  "}            → form 0
//!                                        ","User":" text "}  → form 1
//! ```

use std::ops::Range;

use etwatch_event::{RecordBuilder, Value};

use crate::credit::Credit;
use crate::json::form::Form;
use crate::json::scan::{Kind, Plain, read};

/// What may be remembered; beyond it, all is forgotten and learned anew.
const FORMS: usize = 1_024;
const BYTES: usize = 2 << 20;
/// What a form may take of it, and a value of it besides its literal.
const FORM_BYTES: usize = 64 << 10;
const VALUE_BYTES: usize = 100;

/// A literal and what follows it.
#[derive(Debug)]
struct Step {
    literal: Box<[u8]>,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// A value of this kind, behind which the steps of this node go on.
    Value(Kind, usize),
    /// The end of the record, which has this form.
    End(usize),
}

/// The tree of forms.
#[derive(Debug)]
pub(crate) struct Recall {
    /// The steps that may follow; the first node is the root.
    nodes: Vec<Vec<Step>>,
    forms: Vec<Form>,
    /// What the steps take, about.
    bytes: usize,
    credit: Credit,
    /// Values of the record that is being read, and room for their text.
    values: Vec<Plain>,
    room: String,
}

impl Default for Recall {
    fn default() -> Self {
        Self {
            nodes: vec![Vec::new()],
            forms: Vec::new(),
            bytes: 0,
            credit: Credit::default(),
            values: Vec::new(),
            room: String::new(),
        }
    }
}

impl Recall {
    /// Forgets all forms.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.push(Vec::new());
        self.forms.clear();
        self.bytes = 0;
    }

    /// Reads `bytes` into `record` and finishes it, if it is written like an earlier one; else gives
    /// `record` back.
    pub(crate) fn read<'b>(
        &mut self,
        bytes: &[u8],
        record: RecordBuilder<'b>,
    ) -> Result<(), RecordBuilder<'b>> {
        let Some(form) = self.walk(bytes).and_then(|form| self.forms.get(form)) else {
            return Err(record);
        };
        let Ok(text) = std::str::from_utf8(bytes) else { return Err(record) };
        let (values, room) = (&self.values, self.room.as_str());
        form.write(record, |number, record| {
            record.push_next(match values.get(number) {
                Some(Plain::Here(range)) => Value::Text(text_in(text, range)),
                Some(Plain::Unescaped(range)) => Value::Text(text_in(room, range)),
                Some(Plain::Unsigned(number)) => Value::Unsigned(*number),
                Some(Plain::Signed(number)) => Value::Signed(*number),
                None => Value::Null,
            });
            Some(())
        });
        self.credit.earn();
        Ok(())
    }

    /// Reads the values of `bytes` along the tree; returns the number of the form.
    fn walk(&mut self, bytes: &[u8]) -> Option<usize> {
        self.values.clear();
        self.room.clear();
        let (mut node, mut at) = (0, 0);
        loop {
            let rest = bytes.get(at..)?;
            match follow(self.nodes.get_mut(node)?, rest)? {
                (_, Next::End(form)) => return Some(form),
                (length, Next::Value(kind, next)) => {
                    at = read(kind, bytes, at + length, &mut self.values, &mut self.room)?;
                    node = next;
                }
            }
        }
    }

    /// Whether what was saved pays for learning one more form.
    pub(crate) fn can_learn(&mut self) -> bool {
        self.credit.spend()
    }

    /// Whether the form of `bytes`, which has these values, is small enough to be remembered.
    pub(crate) fn has_room(bytes: &[u8], values: &[(Kind, Range<usize>)]) -> bool {
        needed(bytes, values) <= FORM_BYTES
    }

    /// Remembers that a record like `bytes`, which has these values, has `form`.
    pub(crate) fn learn(&mut self, bytes: &[u8], values: &[(Kind, Range<usize>)], form: Form) {
        let needed = needed(bytes, values);
        if self.forms.len() >= FORMS || self.bytes + needed > BYTES {
            self.clear();
        }
        self.bytes += needed;
        let (mut node, mut at) = (0, 0);
        for (kind, range) in values {
            let literal = bytes.get(at..range.start).unwrap_or_default();
            node = self.step(node, literal, *kind);
            at = range.end;
        }
        let literal = bytes.get(at..).unwrap_or_default();
        let Some(steps) = self.nodes.get_mut(node) else { return };
        let is_end = |step: &Step| matches!(step.next, Next::End(_)) && *step.literal == *literal;
        // It may be known, and have been left to the full parser for a value that is not plain.
        if !steps.iter().any(is_end) {
            steps.push(Step { literal: literal.into(), next: Next::End(self.forms.len()) });
            self.forms.push(form);
        }
    }

    /// The node behind a literal and a value of this kind; made if it is not there.
    fn step(&mut self, node: usize, literal: &[u8], kind: Kind) -> usize {
        let new = self.nodes.len();
        let Some(steps) = self.nodes.get_mut(node) else { return new };
        let known = steps.iter().find_map(|step| match step.next {
            Next::Value(of, next) if of == kind && *step.literal == *literal => Some(next),
            _ => None,
        });
        if let Some(known) = known {
            return known;
        }
        steps.push(Step { literal: literal.into(), next: Next::Value(kind, new) });
        self.nodes.push(Vec::new());
        new
    }
}

fn text_in<'a>(text: &'a str, range: &Range<usize>) -> &'a str {
    text.get(range.clone()).unwrap_or_default()
}

/// What the steps of a record take, about.
fn needed(bytes: &[u8], values: &[(Kind, Range<usize>)]) -> usize {
    let in_values: usize = values.iter().map(|(_, range)| range.len()).sum();
    bytes.len().saturating_sub(in_values) + VALUE_BYTES * values.len()
}

/// The step that goes on with `rest`, and the length of its literal. No text fits two steps: the literal
/// before text ends in its quote, that before a number is followed by a digit, and the last one is all
/// there is. The one taken last is tried first.
fn follow(steps: &mut [Step], rest: &[u8]) -> Option<(usize, Next)> {
    let fits = |step: &Step| match step.next {
        Next::End(_) => *step.literal == *rest,
        Next::Value(Kind::Text, _) => rest.starts_with(&step.literal),
        Next::Value(..) => {
            let digit = rest.get(step.literal.len());
            digit.is_some_and(u8::is_ascii_digit) && rest.starts_with(&step.literal)
        }
    };
    let found = steps.iter().position(fits)?;
    if found > 0 {
        steps.swap(0, found);
    }
    steps.first().map(|step| (step.literal.len(), step.next))
}
