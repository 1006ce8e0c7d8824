//! Facts as a record of the stream, so that a recording of a live run replays the same.
//!
//! Rules see what the host answered only through records. An answer becomes one of provider `etwatch` with
//! the id [`FILE_FACTS`]; a replay reads it instead of asking. What is not there is left out rather than
//! spelled `-`, since a file can really call its company `-`; `Answered` tells "none" from "not asked".
//!
//! A live run writes the same fields in the form of ETW ([`crate::raw_record`]).
//!
//! The memory of hosts (`etwatch-state`) reads it by these names; `tests/look_ups` shows that both agree.
//!
//! | field | holds |
//! |---|---|
//! | `Provider_Name`, `EventID` | `etwatch`, 1 |
//! | `Token` | what the asker gave, by which it knows its event again |
//! | `FileName` | the path that was asked about |
//! | `Failure`, `FailureCode` | why there are no facts: [`NoFacts::reason`], and Windows' code; nothing follows |
//! | `Volume`, `FileId`, `FileSize`, `Changed` | the file's identity; `Changed` in 100 ns units since 1601 |
//! | `Answered` | the names of the questions that were worked out |
//! | `Hashes` | as Sysmon writes them |
//! | `OriginalFileName`, `FileVersion`, `Description`, `Product`, `Company` | of the version resource |
//! | `VersionInformation` | `true` if the image has a version resource |
//! | `Signature`, `SignatureStatus` | who signed, and what it is worth |
//! | `Damage` | what was wrong with it as an image |

use std::sync::Arc;

use etwatch_event::{RawValue, Record, RecordBatch, RecordBuilder, Shape, Timestamp, Value};

use crate::answer::{Answer, NoFacts};
use crate::facts::{FileFacts, Signature, SignatureStatus, VERSION_FIELDS, VersionInformation};
use crate::pe::PeError;
use crate::questions::FileQuestions;

/// The provider of records that etwatch itself adds to the stream.
pub const PROVIDER: &str = "etwatch";
/// The event id of facts about a file.
pub const FILE_FACTS: u32 = 1;

/// A record that says it holds facts of a file, but does not hold them properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("file facts without a sound `{field}`")]
pub struct RecordError {
    /// The first field that is missing or can't be read.
    pub field: &'static str,
}

impl Answer {
    /// Writes this answer as a record; `time` is when it enters the stream, `number` its number there.
    pub fn record(&self, time: Timestamp, number: u64, batch: &mut RecordBatch) {
        let mut record = batch.begin();
        record.set_time(time);
        record.set_number(number);
        record.set_shape(Shape::Flat);
        record.push("Provider_Name", Value::Text(PROVIDER));
        record.set_provider(0);
        record.push("EventID", Value::Unsigned(FILE_FACTS.into()));
        record.set_event_id(FILE_FACTS);
        record.push("Token", Value::Unsigned(self.token));
        record.push("FileName", Value::Text(&self.path));
        match &self.outcome {
            Ok(facts) => facts.record(&mut record),
            Err(failure) => {
                record.push("Failure", Value::Text(failure.reason()));
                record.push("FailureCode", Value::Unsigned(failure.code().into()));
            }
        }
        record.finish();
    }

    /// Reads what [`Answer::record`] wrote, also after it went through JSON; `None` for any other record.
    ///
    /// # Errors
    /// [`RecordError`] names the field that is not as it was written.
    pub fn of(record: &Record<'_>) -> Result<Option<Self>, RecordError> {
        if record.provider() != PROVIDER || record.event_id() != Some(FILE_FACTS) {
            return Ok(None);
        }
        let fields = Fields(record);
        let outcome = match fields.text("Failure") {
            Some(reason) => {
                let code = fields.number("FailureCode")?;
                Err(NoFacts::of(&reason, code).ok_or(RecordError { field: "Failure" })?)
            }
            None => Ok(Arc::new(FileFacts::of(record)?)),
        };
        let path = fields.text("FileName").ok_or(RecordError { field: "FileName" })?;
        Ok(Some(Self { token: fields.number("Token")?, path: path.into(), outcome }))
    }
}

impl FileFacts {
    /// Adds these facts to a record.
    pub fn record(&self, record: &mut RecordBuilder<'_>) {
        let identity = &self.identity;
        record.push("Volume", Value::Hex(identity.volume));
        record.push("FileId", Value::Text(&format!("{:#x}", identity.file)));
        record.push("FileSize", Value::Unsigned(identity.size));
        record.push("Changed", Value::Unsigned(identity.changed.filetime()));
        record.push("Answered", Value::Text(&self.answered.to_string()));
        if let Some(hashes) = self.hashes() {
            record.push("Hashes", Value::Text(&hashes));
        }
        if let Some(version) = &self.version {
            record.push("VersionInformation", Value::Boolean(true));
            for (name, text) in VERSION_FIELDS.into_iter().zip(version.texts()) {
                if let Some(text) = text {
                    record.push(name, Value::Text(text));
                }
            }
        }
        if let Some(signature) = &self.signature {
            if let Some(signer) = &signature.signer {
                record.push("Signature", Value::Text(signer));
            }
            record.push("SignatureStatus", Value::Text(signature.status.name()));
        }
        if let Some(damage) = self.damage {
            record.push("Damage", Value::Text(damage.name()));
        }
    }

    /// Reads the facts that [`FileFacts::record`] added to a record.
    ///
    /// # Errors
    /// [`RecordError`] names the field that is not as it was written.
    pub fn of(record: &Record<'_>) -> Result<Self, RecordError> {
        let fields = Fields(record);
        let mut facts = Self::default();
        facts.identity.volume = fields.hex("Volume")?;
        facts.identity.file = fields.hex("FileId")?;
        facts.identity.size = fields.number("FileSize")?;
        facts.identity.changed = Timestamp::from_filetime(fields.number("Changed")?);
        let answered = fields.text("Answered").unwrap_or_default();
        facts.answered =
            FileQuestions::parse(&answered).ok_or(RecordError { field: "Answered" })?;
        if let Some(hashes) = fields.text("Hashes") {
            facts.read_hashes(&hashes).ok_or(RecordError { field: "Hashes" })?;
        }
        if fields.text("VersionInformation").is_some() {
            let mut version = Box::<VersionInformation>::default();
            for (name, place) in VERSION_FIELDS.into_iter().zip(version.texts_mut()) {
                *place = fields.text(name);
            }
            facts.version = Some(version);
        }
        if let Some(status) = fields.text("SignatureStatus") {
            let error = RecordError { field: "SignatureStatus" };
            let status = SignatureStatus::of(&status).ok_or(error)?;
            facts.signature = Some(Signature { status, signer: fields.text("Signature") });
        }
        if let Some(damage) = fields.text("Damage") {
            facts.damage = Some(PeError::of(&damage).ok_or(RecordError { field: "Damage" })?);
        }
        Ok(facts)
    }

    fn read_hashes(&mut self, hashes: &str) -> Option<()> {
        for hash in hashes.split(',') {
            match hash.split_once('=')? {
                ("SHA1", hex) => self.sha1 = Some(bytes(hex)?),
                ("MD5", hex) => self.md5 = Some(bytes(hex)?),
                ("SHA256", hex) => self.sha256 = Some(bytes(hex)?),
                ("IMPHASH", hex) => self.import_hash = bytes(hex).map(some_unless_zero)?,
                _ => return None,
            }
        }
        Some(())
    }
}

fn some_unless_zero(hash: [u8; 16]) -> Option<[u8; 16]> {
    (hash != [0; 16]).then_some(hash)
}

/// The bytes of a text of exactly twice as many hex digits.
fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if hex.len() != 2 * N || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The fields of a record, by name, as text or as numbers.
struct Fields<'a>(&'a Record<'a>);

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let mut scratch = String::new();
        let (_, value) = self.0.fields().find(|(known, _)| *known == name)?;
        let RawValue::One(value) = value else { return None };
        value.text(&mut scratch).map(str::to_owned)
    }
    fn number<T: std::str::FromStr>(&self, field: &'static str) -> Result<T, RecordError> {
        self.text(field).and_then(|text| text.parse().ok()).ok_or(RecordError { field })
    }
    fn hex<T: TryFrom<u128>>(&self, field: &'static str) -> Result<T, RecordError> {
        let read = |text: String| {
            let number = u128::from_str_radix(text.strip_prefix("0x")?, 16).ok()?;
            T::try_from(number).ok()
        };
        self.text(field).and_then(read).ok_or(RecordError { field })
    }
}

#[cfg(test)]
mod tests;
