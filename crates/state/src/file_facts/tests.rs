//! What is known of a path follows its contents, and has bounds.

use std::sync::Arc;

use etwatch_event::{EventBatch, LayoutId, LogSourceSetId, Value, Vocabulary};

use super::*;

/// Answers that come, at times in units of 100 ns.
struct Telling {
    fields: AnswerFields,
    vocabulary: Arc<Vocabulary>,
    facts: FileFacts,
}

impl Telling {
    fn new() -> Self {
        let mut vocabulary = Vocabulary::default();
        let fields = AnswerFields::intern(&mut vocabulary.fields);
        Self { fields, vocabulary: Arc::new(vocabulary), facts: FileFacts::new(MOST) }
    }
    fn comes(&mut self, time: u64, said: &[(&str, &str)]) {
        let mut batch = EventBatch::new(Arc::clone(&self.vocabulary));
        let mut event = batch.begin(LayoutId::HEADER, LogSourceSetId::NONE);
        event.set_time(Timestamp::from_filetime(time));
        for (name, text) in said {
            event.push(self.vocabulary.fields.id(name).unwrap(), Value::Text(text));
        }
        event.finish();
        self.facts.take(&batch.get(0).unwrap(), &self.fields);
    }
    /// The host says that a path led to a content.
    fn content(&mut self, time: u64, path: &str, content: &str, said: &[(&str, &str)]) {
        let identity =
            [("FileName", path), ("Volume", "0xa"), ("FileId", "0x1"), ("FileSize", "5")];
        self.comes(time, &[&identity[..], &[("Changed", content)], said].concat());
    }
    fn get(&mut self, path: &str, time: u64, fact: FileFact) -> Option<String> {
        let content = self.facts.of(path, Timestamp::from_filetime(time))?;
        content.get(fact).map(str::to_owned)
    }
}

const PATH: &str = "C:\\Temp\\a.exe";

#[test]
fn an_event_is_told_of_the_content_that_was_there_then() {
    let mut telling = Telling::new();
    for (time, content) in [(10, "1"), (55, "2"), (70, "2")] {
        let company = format!("company {content}");
        telling.content(time, PATH, content, &[("Company", &company)]);
    }
    for (time, company) in [(5, 1), (10, 1), (11, 2), (60, 2), (99, 2)] {
        let expected = format!("company {company}");
        assert_eq!(
            telling.get("c:\\temp\\A.EXE", time, FileFact::Company),
            Some(expected),
            "{time}"
        );
    }
    assert_eq!(telling.get("C:\\Temp\\b.exe", 60, FileFact::Company), None);
}

#[test]
fn answers_about_one_content_are_put_together() {
    let mut telling = Telling::new();
    let version = [("Answered", "version IMPHASH"), ("Hashes", "IMPHASH=04")];
    telling.content(1, PATH, "1", &version);
    telling.content(2, PATH, "1", &[("Answered", "MD5 SHA1"), ("Hashes", "SHA1=02,MD5=01")]);
    let signature = [("Answered", "signature"), ("SignatureStatus", "Unavailable")];
    telling.content(3, PATH, "1", &signature);
    for (fact, expected) in [
        (FileFact::Hashes, Some("SHA1=02,MD5=01,IMPHASH=04")),
        (FileFact::Md5, Some("01")),
        (FileFact::ImportHash, Some("04")),
        (FileFact::Sha256, None),
        (FileFact::Company, Some("-")),
        (FileFact::Signed, Some("false")),
        (FileFact::Signature, Some("-")),
        (FileFact::SignatureStatus, Some("Unavailable")),
    ] {
        assert_eq!(telling.get(PATH, 1, fact).as_deref(), expected, "{fact:?}");
    }
}

#[test]
fn a_failure_hides_what_was_known_and_a_late_answer_does_not() {
    let mut telling = Telling::new();
    telling.content(1, PATH, "1", &[("Company", "Acme")]);
    telling.comes(2, &[("FileName", PATH), ("Failure", "late")]);
    assert_eq!(telling.get(PATH, 5, FileFact::Company).as_deref(), Some("Acme"));
    telling.comes(3, &[("FileName", PATH), ("Failure", "gone")]);
    assert_eq!(telling.get(PATH, 5, FileFact::Company), None);
    assert_eq!(telling.get(PATH, 1, FileFact::Company).as_deref(), Some("Acme"));
}

#[test]
fn what_is_no_answer_is_counted() {
    let mut telling = Telling::new();
    telling.comes(1, &[("Company", "Acme")]);
    telling.comes(1, &[("FileName", PATH), ("Company", "Acme")]);
    telling.content(1, PATH, "x", &[]);
    telling.content(1, PATH, "1", &[("Company", &"x".repeat(ANSWER_BYTES))]);
    assert_eq!((telling.facts.refused, telling.facts.paths.len()), (4, 0));
}

#[test]
fn answers_without_end_take_a_bounded_room() {
    let mut telling = Telling::new();
    for number in 0..MOST.entries + 10 {
        telling.content(1, &format!("C:\\{number}"), "1", &[]);
    }
    assert_eq!((telling.facts.paths.len(), telling.facts.evicted), (MOST.entries, 10));
    let company = "x".repeat(ANSWER_BYTES / 2);
    for number in 0..1_000 {
        telling.content(1, PATH, &number.to_string(), &[("Company", &company)]);
        telling.content(1, &format!("C:\\{number}"), "2", &[("Company", &company)]);
        assert!(telling.facts.bytes <= MOST.bytes);
    }
    let bytes = telling.facts.paths.iter().map(|(path, told)| path.len() + bytes_of(told));
    assert_eq!(telling.facts.bytes, bytes.sum::<usize>());
    let contents = telling.facts.paths.get(&*PATH.to_lowercase()).map(Vec::len);
    assert_eq!(contents, Some(CONTENTS));
}
