//! Facts as raw records of ETW: what a live run asks goes the way that the records of sessions go.
//!
//! So answers are recorded in `.etl` files with the rest, and a replay decodes them with the rest. The layout is that
//! of `crates/decode/schemas/etwatch.txt`, the fields are those of [`crate::record`]. There is one layout for all
//! answers, so what is not there is an empty text, or 0.
//!
//! | id | holds |
//! |---|---|
//! | [`FILE_FACTS`] | an answer |
//! | [`FILE_FACTS_HOLD`] | how long events wait for answers, in milliseconds; a replay has them wait as long |
//!
//! Texts end at a NUL, and at [`MOST_PATH`] and [`MOST_TEXT`] units of UTF-16: a record of ETW has no more than 64 KiB.

use std::time::Duration;

use etwatch_event::raw::OWN_PROVIDER;
use etwatch_event::{RawForm, RawHeader, RawRecord, Timestamp};

use crate::answer::Answer;
use crate::facts::{FileFacts, VersionInformation};
use crate::record::FILE_FACTS;

/// The event id of the record that says how long events wait; 2 and 3 are derived events.
pub const FILE_FACTS_HOLD: u32 = 4;
/// Units of UTF-16 of a path, at most.
pub const MOST_PATH: usize = 4_096;
/// Units of UTF-16 of any other text, at most.
pub const MOST_TEXT: usize = 2_048;

/// A record that etwatch writes, with its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawAnswer {
    header: RawHeader,
    payload: Vec<u8>,
}

impl RawAnswer {
    /// The record of an answer that enters the stream at `time`.
    #[must_use]
    pub fn of(answer: &Answer, time: Timestamp) -> Self {
        let mut out = Self::empty(FILE_FACTS, time);
        out.push(&answer.token.to_le_bytes());
        out.push_text(&answer.path, MOST_PATH);
        let failure = answer.outcome.as_ref().err();
        out.push_text(failure.map_or("", |failure| failure.reason()), MOST_TEXT);
        out.push(&failure.map_or(0, |failure| failure.code()).to_le_bytes());
        match &answer.outcome {
            Ok(facts) => out.push_facts(facts),
            Err(_) => out.push_facts(&FileFacts::default()),
        }
        out
    }

    /// The record that says, from `time` on, how long events wait for answers; at most 49 days, in milliseconds.
    #[must_use]
    pub fn hold(hold: Duration, time: Timestamp) -> Self {
        let mut out = Self::empty(FILE_FACTS_HOLD, time);
        out.push(&u32::try_from(hold.as_millis()).unwrap_or(u32::MAX).to_le_bytes());
        out
    }

    /// The record, as a session would deliver it.
    #[must_use]
    pub fn record(&self) -> RawRecord<'_> {
        RawRecord { header: self.header, extended: &[], payload: &self.payload }
    }

    fn empty(id: u32, time: Timestamp) -> Self {
        let header = RawHeader {
            form: RawForm::Event,
            time,
            provider: OWN_PROVIDER,
            id: u16::try_from(id).unwrap_or_default(),
            process_id: Some(std::process::id()),
            thread_id: Some(0),
            pointer_size: 8,
            ..RawHeader::default()
        };
        Self { header, payload: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.payload.extend_from_slice(bytes);
    }

    fn push_text(&mut self, text: &str, most: usize) {
        let units = text.encode_utf16().take_while(|unit| *unit != 0).take(most);
        for unit in units.chain([0]) {
            self.push(&unit.to_le_bytes());
        }
    }

    fn push_facts(&mut self, facts: &FileFacts) {
        let identity = &facts.identity;
        self.push(&identity.volume.to_le_bytes());
        self.push_text(&format!("{:#x}", identity.file), MOST_TEXT);
        self.push(&identity.size.to_le_bytes());
        self.push(&identity.changed.filetime().to_le_bytes());
        let none = VersionInformation::default();
        let version = facts.version.as_deref();
        let signature = facts.signature.as_ref();
        let answered = facts.answered.to_string();
        let hashes = facts.hashes().unwrap_or_default();
        let has_version = if version.is_some() { "true" } else { "" };
        let texts = [answered.as_str(), &hashes, has_version].map(Some);
        let of_version = version.unwrap_or(&none).texts();
        let signer = signature.and_then(|signature| signature.signer.as_deref());
        let status = signature.map(|signature| signature.status.name());
        let damage = facts.damage.map(crate::pe::PeError::name);
        for text in texts.into_iter().chain(of_version).chain([signer, status, damage]) {
            self.push_text(text.unwrap_or_default(), MOST_TEXT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_largest_answer_fits_a_record_and_no_text_goes_beyond_its_end() {
        let long = "x".repeat(1 << 20);
        let texts = || Some(long.clone());
        let version = VersionInformation {
            original_file_name: texts(),
            file_version: texts(),
            description: texts(),
            product: texts(),
            company: Some("Acme\0Evil".to_owned()),
        };
        let facts = FileFacts { version: Some(Box::new(version)), ..FileFacts::default() };
        let answer = Answer { token: 7, path: long.as_str().into(), outcome: Ok(Arc::new(facts)) };
        let raw = RawAnswer::of(&answer, Timestamp::from_filetime(5));
        let payload = raw.record().payload;
        assert!(payload.len() > 2 * (MOST_PATH + 4 * MOST_TEXT) && payload.len() < 60_000);
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let has = |text: &str| payload.windows(2 * text.len()).any(|part| part == utf16(text));
        assert!(has("Acme") && !has("Evil"));
        assert_eq!(payload.get(..8), Some(&7_u64.to_le_bytes()[..]));
    }
}
