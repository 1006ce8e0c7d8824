//! An answer that is written as a record comes back as it was.

use proptest::prelude::*;

use super::*;
use crate::error::HostError;
use crate::facts::FileIdentity;

/// Facts of any content that agree with what they say is answered.
fn facts() -> impl Strategy<Value = FileFacts> {
    let text = || prop::option::of(".{0,12}");
    let hashes = (any::<[u8; 16]>(), any::<[u8; 20]>(), any::<[u8; 32]>(), any::<[u8; 16]>());
    let version = prop::option::of(prop::array::uniform5(text()));
    let signature = prop::option::of((0..SignatureStatus::ALL.len(), text()));
    let identity = (any::<u64>(), any::<u128>(), any::<u64>(), any::<u64>());
    (any::<[bool; 4]>(), hashes, version, signature, identity, 0..=PeError::ALL.len()).prop_map(
        |(asked, (md5, sha1, sha256, import_hash), version, signature, identity, damage)| {
            let [asked_md5, asked_sha1, asked_sha256, asked_import] = asked;
            let mut answered = FileQuestions::NONE;
            for (asked, one) in asked.into_iter().zip([
                FileQuestions::MD5,
                FileQuestions::SHA1,
                FileQuestions::SHA256,
                FileQuestions::IMPHASH,
            ]) {
                answered = if asked { answered | one } else { answered };
            }
            let version = version.map(|texts| {
                let mut version = Box::<VersionInformation>::default();
                for (place, text) in version.texts_mut().into_iter().zip(texts) {
                    *place = text;
                }
                version
            });
            let (volume, file, size, changed) = identity;
            let changed = Timestamp::from_filetime(changed);
            FileFacts {
                identity: FileIdentity { volume, file, size, changed },
                answered,
                md5: asked_md5.then_some(md5),
                sha1: asked_sha1.then_some(sha1),
                sha256: asked_sha256.then_some(sha256),
                import_hash: asked_import.then_some(import_hash).and_then(some_unless_zero),
                version,
                signature: signature.map(|(status, signer)| Signature {
                    status: SignatureStatus::ALL[status],
                    signer,
                }),
                damage: PeError::ALL.get(damage).copied(),
            }
        },
    )
}

fn written(answer: &Answer) -> RecordBatch {
    let mut batch = RecordBatch::default();
    answer.record(Timestamp::UNIX_EPOCH, 7, &mut batch);
    batch
}

proptest! {
    #[test]
    fn facts_come_back_as_they_were_written(facts in facts(), path in ".{0,20}", token: u64) {
        let answer = Answer { token, path: path.into(), outcome: Ok(Arc::new(facts)) };
        let batch = written(&answer);
        prop_assert_eq!(Answer::of(&batch.get(0).unwrap()), Ok(Some(answer)));
    }
}

#[test]
fn failures_come_back_too() {
    for failure in [
        NoFacts::Late,
        NoFacts::Refused,
        NoFacts::Failed(HostError::Gone { code: 2 }),
        NoFacts::Failed(HostError::NotHere),
    ] {
        let answer = Answer { token: 3, path: "C:\\x.exe".into(), outcome: Err(failure) };
        let batch = written(&answer);
        let record = batch.get(0).unwrap();
        assert_eq!((record.number(), record.time()), (7, Timestamp::UNIX_EPOCH));
        assert_eq!(Answer::of(&record), Ok(Some(answer)));
    }
}

/// A recording in JSON has numbers as text or as they are, and the reader says who wrote a record.
fn record_of(fields: &[(&str, &str)]) -> RecordBatch {
    let mut batch = RecordBatch::default();
    let mut record = batch.begin();
    for (name, text) in fields {
        record.push(name, Value::Text(text));
    }
    record.set_provider(0);
    record.set_event_id(FILE_FACTS);
    record.finish();
    batch
}

const SOUND: [(&str, &str); 8] = [
    ("Provider_Name", "etwatch"),
    ("Token", "12"),
    ("FileName", "C:\\x.exe"),
    ("Volume", "0xa0"),
    ("FileId", "0x1f"),
    ("FileSize", "3"),
    ("Changed", "5"),
    ("Answered", ""),
];

#[test]
fn numbers_may_be_text() {
    let batch = record_of(&SOUND);
    let answer = Answer::of(&batch.get(0).unwrap()).unwrap().unwrap();
    let identity = answer.outcome.unwrap().identity;
    assert_eq!((answer.token, identity.volume, identity.file, identity.size), (12, 0xa0, 0x1f, 3));
}

#[test]
fn what_is_not_sound_is_named() {
    for (field, text) in [
        ("Token", None),
        ("FileName", None),
        ("Volume", Some("a0")),
        ("Volume", Some("0x10000000000000000")),
        ("FileSize", Some("-1")),
        ("Answered", Some("taste")),
        ("Hashes", Some("MD5=00")),
        ("Hashes", Some("MD5=+0000000000000000000000000000000")),
        ("SignatureStatus", Some("Fine")),
        ("Damage", Some("some")),
        ("Failure", Some("tired")),
    ] {
        let mut fields = SOUND.to_vec();
        fields.retain(|(name, _)| *name != field);
        fields.extend(text.map(|text| (field, text)));
        fields.push(("FailureCode", "1"));
        let batch = record_of(&fields);
        assert_eq!(Answer::of(&batch.get(0).unwrap()), Err(RecordError { field }), "{text:?}");
    }
}

#[test]
fn another_record_is_no_answer() {
    let mut fields = SOUND;
    fields[0].1 = "Microsoft-Windows-Sysmon";
    assert_eq!(Answer::of(&record_of(&fields).get(0).unwrap()), Ok(None));
}
