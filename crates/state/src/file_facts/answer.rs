//! What one record of file facts says.
//!
//! The record tells "none" from "not asked" by `Answered`, the names of the questions that were worked out; here it
//! becomes what fields of events have: `-` for a text that the file does not have, `Signed` as `true` or `false`.

use etwatch_event::{Event, FieldId, FieldTable};
use serde::{Deserialize, Serialize};

use super::fact::{FACTS, FileFact, NONE};
use crate::fields::number;

/// The question for texts of the version resource, as `Answered` names it.
const VERSION: &str = "version";
/// The status of a file without a signature.
const UNSIGNED: &str = "Unavailable";
/// The kinds of hashes in the order in which Sysmon writes them.
const HASHES: [&str; 4] = ["SHA1", "MD5", "SHA256", "IMPHASH"];
/// Why an asker went on without an answer, though the host might have had one.
const UNKNOWN: [&str; 2] = ["late", "refused"];

/// Numbers of the fields of an answer.
#[derive(Clone, Debug)]
pub(crate) struct AnswerFields {
    pub(super) path: FieldId,
    /// How long events wait for answers.
    pub(super) hold: FieldId,
    failure: FieldId,
    volume: FieldId,
    file: FieldId,
    size: FieldId,
    changed: FieldId,
    answered: FieldId,
    /// By fact; of hashes that stand in `Hashes` as well the names that rules use.
    facts: [FieldId; FACTS],
}

impl AnswerFields {
    /// Gives the fields their numbers.
    pub(crate) fn intern(table: &mut FieldTable) -> Self {
        let mut facts = [FieldId::EVENT_ID; FACTS];
        for (place, fact) in facts.iter_mut().zip(FileFact::ALL) {
            *place = table.intern(fact.name());
        }
        Self {
            path: table.intern("FileName"),
            hold: table.intern("Hold"),
            failure: table.intern("Failure"),
            volume: table.intern("Volume"),
            file: table.intern("FileId"),
            size: table.intern("FileSize"),
            changed: table.intern("Changed"),
            answered: table.intern("Answered"),
            facts,
        }
    }
    fn fact(&self, fact: FileFact) -> FieldId {
        self.facts.get(fact as usize).copied().unwrap_or(self.path)
    }
}

/// Names a content; parts that can't be read are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    volume: u64,
    file: u128,
    size: u64,
    changed: u64,
}

/// A content and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) identity: Identity,
    texts: [Option<Box<str>>; FACTS],
}

impl Content {
    /// A fact as fields have it.
    pub(super) fn get(&self, fact: FileFact) -> Option<&str> {
        let Some(hash) = fact.hash() else {
            return self.texts.get(fact as usize)?.as_deref();
        };
        hash_in(self.texts.get(FileFact::Hashes as usize)?.as_deref()?, hash)
    }
    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        self.texts.iter().flatten().map(|text| text.len()).sum()
    }
    /// Takes what another answer about the same content says.
    pub(super) fn complete(&mut self, other: Self) {
        let facts = FileFact::ALL.iter().zip(self.texts.iter_mut().zip(other.texts));
        for (fact, (own, other)) in facts {
            *own = match (own.take(), other) {
                (Some(own), Some(other)) if *fact == FileFact::Hashes => {
                    Some(together(&own, &other))
                }
                (own, other) => other.or(own),
            };
        }
    }
    fn set(&mut self, fact: FileFact, text: &str) {
        if let Some(place) = self.texts.get_mut(fact as usize) {
            *place = Some(text.into());
        }
    }
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nothing: it did not come in time.
    Unknown,
    /// The host could not tell.
    Failed,
    /// What is known of a content.
    Content(Box<Content>),
}

impl Answer {
    /// Reads an answer; `None` if it is not of the form of one.
    pub(super) fn of(event: &Event<'_>, fields: &AnswerFields) -> Option<Self> {
        let mut scratch = String::new();
        if let Some(failure) = text(event, fields.failure, &mut scratch) {
            let is_unknown = UNKNOWN.contains(&failure);
            return Some(if is_unknown { Self::Unknown } else { Self::Failed });
        }
        let file = text(event, fields.file, &mut scratch)?;
        let identity = Identity {
            file: u128::from_str_radix(file.strip_prefix("0x")?, 16).ok()?,
            volume: number(event, fields.volume)?,
            size: number(event, fields.size)?,
            changed: number(event, fields.changed)?,
        };
        let mut content = Box::new(Content { identity, ..Content::default() });
        let own = |field| event.text(field).filter(|text| !text.is_empty());
        let answered = own(fields.answered).unwrap_or_default();
        let has_version = answered.split_ascii_whitespace().any(|one| one == VERSION);
        if let Some(hashes) = text(event, fields.fact(FileFact::Hashes), &mut scratch) {
            content.set(FileFact::Hashes, hashes);
        }
        for fact in FileFact::OF_VERSION {
            let text = text(event, fields.fact(fact), &mut scratch);
            if let Some(text) = text.or(has_version.then_some(NONE)) {
                content.set(fact, text);
            }
        }
        if let Some(status) = own(fields.fact(FileFact::SignatureStatus)) {
            let signer = own(fields.fact(FileFact::Signature)).unwrap_or(NONE);
            content.set(FileFact::Signed, if status == UNSIGNED { "false" } else { "true" });
            content.set(FileFact::Signature, signer);
            content.set(FileFact::SignatureStatus, status);
        }
        Some(Self::Content(content))
    }
}

/// The text of a field, which JSON may have as a number; records of ETW have an empty one where there is none.
fn text<'s>(event: &Event<'s>, field: FieldId, scratch: &'s mut String) -> Option<&'s str> {
    event.get(field).first()?.text(scratch).filter(|text| !text.is_empty())
}

/// A hash of a list in Sysmon's form.
fn hash_in<'h>(hashes: &'h str, name: &str) -> Option<&'h str> {
    let mut parts = hashes.split(',').filter_map(|part| part.split_once('='));
    parts.find(|(own, _)| *own == name).map(|(_, digits)| digits)
}

/// The hashes of two lists, in Sysmon's order.
fn together(one: &str, other: &str) -> Box<str> {
    let mut all = String::new();
    for name in HASHES {
        let Some(digits) = hash_in(other, name).or_else(|| hash_in(one, name)) else { continue };
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(name);
        all.push('=');
        all.push_str(digits);
    }
    all.into()
}
