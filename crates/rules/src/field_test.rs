//! One comparison outside of rules: `FIELD=VALUE` as a person types it, compared as Sigma compares.
//!
//! The text is read as a detection item of one value. What stands before the sign is the key, modifiers
//! included; what stands behind it is a plain scalar: a number, `true`, `null`, or text with the wildcards
//! `*` and `?`. Nothing behind the sign is the empty text. `!=` negates, as `neq` does.
//!
//! ```text
//! Image=*\cmd.exe   EventID!=4688   CommandLine|contains=/c   TargetImage=null   Hashes|re=SHA256=[0-9A-F]+
//! ```

use etwatch_event::{FieldTable, Value};

use crate::diagnostic::Problem;
use crate::evaluate::holds_for;
use crate::sigma::attributes::Surroundings;
use crate::sigma::modifier::{self, Operator};
use crate::sigma::room::Room;
use crate::sigma::value::{self, Placeholders, RuleValue, Test};
use crate::yaml::{Kind, Node, Scalar, resolve};

/// Why a text is no comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldTestError {
    /// There is no sign, or no field before it.
    #[error("write FIELD=VALUE or FIELD!=VALUE")]
    Form,
    /// Sigma knows it, but it does not go here.
    #[error("`{0}` goes with rules alone")]
    RulesAlone(&'static str),
    /// The modifiers or the value are wrong: what, and the cure.
    #[error("{what}{}", .hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Item {
        /// What is wrong.
        what: String,
        /// What to write instead.
        hint: Option<String>,
    },
}

impl From<Problem> for FieldTestError {
    fn from(problem: Problem) -> Self {
        Self::Item { what: problem.message, hint: problem.hint }
    }
}

/// A comparison of one field.
#[derive(Clone, Debug)]
pub struct FieldTest {
    field: String,
    value: RuleValue,
    negated: bool,
}

impl FieldTest {
    /// Reads `FIELD=VALUE` or `FIELD!=VALUE`; the first `=` is the sign.
    ///
    /// # Errors
    /// [`FieldTestError`] if there is no sign or no field, or if Sigma does not know a modifier or refuses
    /// the value.
    ///
    /// ```
    /// use etwatch_event::Value;
    /// use etwatch_rules::FieldTest;
    /// let test = FieldTest::parse(r"Image=*\CMD.exe").unwrap();
    /// assert_eq!(test.field(), "Image");
    /// assert!(test.holds([Some(Value::Text(r"C:\Windows\cmd.exe"))]));
    /// assert!(!test.holds([]));
    /// ```
    pub fn parse(text: &str) -> Result<Self, FieldTestError> {
        let (key, value) = text.split_once('=').ok_or(FieldTestError::Form)?;
        let (key, unequal) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
        let span = 0..text.len();
        let mut warnings = Vec::new();
        let (field, chain) = modifier::parse(key, &span, &mut warnings)?;
        if field.is_empty() {
            return Err(FieldTestError::Form);
        }
        if matches!(chain.operator, Operator::FieldReference(_)) {
            return Err(FieldTestError::RulesAlone("fieldref"));
        }
        if chain.expand {
            return Err(FieldTestError::RulesAlone("expand"));
        }
        let scalar = match chain.operator {
            // Text that looks like a number is text where text alone is asked for.
            Operator::Regex(_) | Operator::Cidr => Scalar::Text,
            _ if value.is_empty() => Scalar::Text,
            _ => resolve(value),
        };
        let node = Node { kind: Kind::Scalar(value.to_owned(), scalar), span };
        let mut around = Surroundings {
            fields: &mut FieldTable::default(),
            placeholders: &Placeholders::default(),
            warnings: &mut warnings,
        };
        let value = value::parse(&node, &chain, false, &mut around, &mut Room::default())?;
        Ok(Self { field, value, negated: chain.negated != unequal })
    }
    /// The name of the field, to be compared with case.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
    /// Whether it holds for a field with these values: none if the field is absent, `None` if it is there
    /// without a value. One value that satisfies it is enough; it is negated as a whole.
    pub fn holds<'v>(&self, values: impl IntoIterator<Item = Option<Value<'v>>>) -> bool {
        let tests = &self.value.tests;
        let (mut present, mut found) = (false, false);
        for value in values {
            present = true;
            found |= value.is_some_and(|value| tests.iter().any(|test| holds_for(test, &value)));
        }
        found |= tests.iter().any(|test| match test {
            Test::Exists(yes) => *yes == present,
            Test::Null => !present,
            _ => false,
        });
        found != self.negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `test` holds for a field with these values.
    fn holds(test: &str, values: &[Option<Value<'_>>]) -> bool {
        FieldTest::parse(test).unwrap().holds(values.iter().copied())
    }

    #[test]
    fn it_compares_as_a_rule_would() {
        let text = |text| Some(Value::Text(text));
        for (test, value, expected) in [
            ("F=abc", text("ABC"), true),
            ("F=abc", text("abcd"), false),
            ("F=a*d", text("ABCD"), true),
            ("F=a?c", text("aßc"), true),
            (r"F=C:\\*\x", text(r"c:\y\X"), true),
            (r"F=a\*", text("a*"), true),
            (r"F=a\*", text("ab"), false),
            ("F=a=b", text("A=B"), true),
            ("F!=abc", text("x"), true),
            ("F!=abc", text("ABC"), false),
            ("F=4688", text("4688"), true),
            ("F=4688", Some(Value::Unsigned(4_688)), true),
            ("F=0x1250", Some(Value::Unsigned(4_688)), true),
            ("F=46*", Some(Value::Unsigned(4_688)), true),
            ("F=true", Some(Value::Boolean(true)), true),
            ("F=true", text("True"), true),
            ("F=null", Some(Value::Null), true),
            ("F=null", text("null"), false),
            ("F=", text(""), true),
            ("F=", text("x"), false),
            ("F=*", text(""), true),
            ("F=*", Some(Value::Null), false),
            ("F|contains=b", text("ABC"), true),
            ("F|endswith|neq=c", text("ABC"), false),
            ("F|cased=abc", text("ABC"), false),
            ("F|re=^a=[0-9]$", text("a=7"), true),
            ("F|gte=10", Some(Value::Unsigned(9)), false),
            ("F|cidr=10.0.0.0/8", text("10.1.2.3"), true),
            ("F|exists=true", None, true),
        ] {
            assert_eq!(holds(test, &[value]), expected, "{test} on {value:?}");
        }
    }

    #[test]
    fn one_of_several_values_is_enough_and_absence_is_a_value_of_null_alone() {
        let values = [Some(Value::Text("a")), Some(Value::Text("b"))];
        assert!(holds("F=b", &values) && !holds("F!=b", &values) && !holds("F=null", &values));
        for (test, expected) in [
            ("F=", false),
            ("F=*", false),
            ("F!=a", true),
            ("F=null", true),
            ("F!=null", false),
            ("F|exists=false", true),
            ("F|exists=true", false),
        ] {
            assert_eq!(holds(test, &[]), expected, "{test}");
        }
    }

    #[test]
    fn what_is_no_comparison_is_refused_with_advice() {
        for (text, expected) in [
            ("Image", "write FIELD=VALUE or FIELD!=VALUE"),
            ("=x", "write FIELD=VALUE or FIELD!=VALUE"),
            ("!=x", "write FIELD=VALUE or FIELD!=VALUE"),
            ("Image|endswiht=x", "did you mean `endswith`?"),
            ("Image|fieldref=User", "`fieldref` goes with rules alone"),
            ("User|expand=%admins%", "`expand` goes with rules alone"),
            ("Image|re=(", "regular expression"),
            ("Port|gt=many", "needs a number"),
            ("F=.inf", "no number that can be compared"),
        ] {
            let error = FieldTest::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
