//! Events written in a test, as the JSON a recording would hold.
//!
//! A mapping becomes an object with its keys in their order, so each form that a recorded event may have
//! can be written. Plain words mean what YAML's core schema says, with one exception: a number that JSON
//! would spell in another way (`0x1410`, `007`, `1e3`) stays the text that it is, since that is how
//! Windows' own exports have it.

use etwatch_rules::diagnostic::Problem;
use etwatch_rules::yaml::{Kind, Node, Scalar};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use crate::rule_tests::read::{start, wrong};

/// The event as one line of JSON.
///
/// # Errors
/// A [`Problem`] if it is no mapping, or something in it has no JSON form.
pub(crate) fn json_line(event: &Node) -> Result<String, Problem> {
    if !matches!(event.kind, Kind::Map(_)) {
        let problem = wrong(start(event), "an event must be a mapping of fields");
        return Err(problem.hint("for example `{EventID: 1, Provider_Name: …, Image: …}`"));
    }
    check(event)?;
    serde_json::to_string(&Json(event)).map_err(|error| wrong(start(event), error.to_string()))
}

fn check(node: &Node) -> Result<(), Problem> {
    match &node.kind {
        Kind::Scalar(text, Scalar::NotFinite) => {
            Err(wrong(node.span.clone(), format!("`{text}` is no value that an event can have"))
                .hint("put it in quotes if it is text"))
        }
        Kind::Scalar(..) => Ok(()),
        Kind::List(items) => items.iter().try_for_each(check),
        Kind::Map(entries) => entries.iter().try_for_each(|(key, value)| {
            if key.text().is_none() {
                return Err(wrong(start(key), "a field's name must be text"));
            }
            check(value)
        }),
    }
}

struct Json<'n>(&'n Node);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            Kind::Scalar(text, Scalar::Integer(_) | Scalar::Float(_)) => match number(text) {
                Some(number) => number.serialize(serializer),
                None => serializer.serialize_str(text),
            },
            Kind::Scalar(_, Scalar::Boolean(yes)) => serializer.serialize_bool(*yes),
            Kind::Scalar(_, Scalar::Null) => serializer.serialize_unit(),
            Kind::Scalar(text, Scalar::Text | Scalar::NotFinite) => serializer.serialize_str(text),
            Kind::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Json(item))?;
                }
                list.end()
            }
            Kind::Map(entries) => {
                let mut object = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    object.serialize_entry(key.text().unwrap_or_default(), &Json(value))?;
                }
                object.end()
            }
        }
    }
}

/// The number, if JSON spells it in the same way.
fn number(text: &str) -> Option<serde_json::Number> {
    let number: serde_json::Number = serde_json::from_str(text).ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<String, Problem> {
        let node = etwatch_rules::yaml::documents(text).documents.remove(0).unwrap();
        json_line(&node)
    }

    #[test]
    fn fields_keep_their_order_and_words_their_kind() {
        let text = "{b: 1, a: [true, ~, x], 'c d': {e: '1', f: 1.5}, Path: 'C:\\a \"b\"'}";
        let json = r#"{"b":1,"a":[true,null,"x"],"c d":{"e":"1","f":1.5},"Path":"C:\\a \"b\""}"#;
        assert_eq!(line(text).unwrap(), json);
    }

    #[test]
    fn a_number_that_json_spells_otherwise_stays_text() {
        let text = "{a: 0x1410, b: 007, c: +5, d: 1e3, e: 18446744073709551616, f: -7, g: 1.0}";
        let json = r#"{"a":"0x1410","b":"007","c":"+5","d":"1e3","e":"18446744073709551616","f":-7,"g":1.0}"#;
        assert_eq!(line(text).unwrap(), json);
    }

    #[test]
    fn what_has_no_json_form_is_a_problem_at_its_place() {
        for (text, at) in
            [("- a", 0), ("{a: .inf}", 4), ("{a: {b: [.nan]}}", 9), ("{? [x] : 1}", 3)]
        {
            assert_eq!(line(text).unwrap_err().span.start, at, "{text}");
        }
    }
}
