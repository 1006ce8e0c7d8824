//! Plain scalars, places, and documents that ask for too much.

use super::scalar::resolve;
use super::*;

#[test]
fn plain_scalars_follow_the_core_schema() {
    for (text, meaning) in [
        ("0777", Scalar::Integer(777)),
        ("0o17", Scalar::Integer(15)),
        ("0x1F", Scalar::Integer(31)),
        ("-3", Scalar::Integer(-3)),
        ("1e3", Scalar::Float(1000.0)),
        (".5", Scalar::Float(0.5)),
        ("1_000", Scalar::Text),
        ("12:30:45", Scalar::Text),
        ("yes", Scalar::Text),
        ("True", Scalar::Boolean(true)),
        ("~", Scalar::Null),
        ("-.inf", Scalar::NotFinite),
        ("1.2.3", Scalar::Text),
        ("2024-01-02", Scalar::Text),
        ("e5", Scalar::Text),
        (".", Scalar::Text),
    ] {
        assert_eq!(resolve(text), meaning, "{text}");
    }
}

#[test]
fn places_are_bytes_also_after_other_letters() {
    let read = documents("\u{feff}title: Ünïcode\nvalue: x\n---\n---\nsecond: 1\n");
    assert!(read.broken.is_none());
    let documents: Vec<_> = read.documents.into_iter().map(Result::unwrap).collect();
    assert_eq!(documents.len(), 2);
    let text = "\u{feff}title: Ünïcode\nvalue: x\n---\n---\nsecond: 1\n";
    let at = |document: &Node, key| text.get(document.get(key).unwrap().span.clone());
    assert_eq!(at(&documents[0], "value"), Some("x"));
    assert_eq!(at(&documents[1], "second"), Some("1"));
}

#[test]
fn hostile_documents_meet_a_limit() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..8 {
        let alias = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", "));
    }
    for (text, code) in [
        (bomb, "SIG003"),
        (format!("a: {}{}", "[".repeat(70), "]".repeat(70)), "SIG003"),
        ("a: 1\na: 2\n".to_owned(), "SIG002"),
        ("a: !!python/name:os.system x\n".to_owned(), "SIG004"),
        ("a: &a [*a]\n".to_owned(), "SIG004"),
    ] {
        let read = documents(&text);
        let problem = read.documents.into_iter().find_map(Result::err).or(read.broken);
        assert_eq!(problem.map(|problem| problem.code), Some(code), "{text:.20}");
    }
}
