//! Which events of an id a row is for.
//!
//! A condition looks at the values of one Windows field. What is a number is compared as one, whether the
//! event has it as a number or as text, decimal or hex; text is compared without case.
//!
//! ```yaml
//! when:
//!   EventType: [DeleteKey, DeleteValue]                       # one of these
//!   Status: {mask: 0x80000000, any_of: [0]}                   # these bits of it are one of these
//!   ImageBase: {from: 0xffff800000000000, to: 0xffffffffffffffff}
//!   FileName: {prefix: ['\Device\NamedPipe\']}
//!   FileName: {form: named_stream}                            # C:\a.txt:hidden
//! ```

use etwatch_event::Value;
use serde::Deserialize;

use crate::context::after;
use crate::convert::number;

/// A condition as tables write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    /// The value is one of these.
    AnyOf(Vec<String>),
    /// Some bits of the number are as one of these.
    Bits(Bits),
    /// The number lies in a range.
    Range(Range),
    /// The text begins with one of these.
    Prefix(Prefix),
    /// The text has a form.
    Form(OfForm),
}

/// Some bits of a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bits {
    /// Which bits.
    pub mask: u64,
    /// What they may be.
    pub any_of: Vec<u64>,
}

/// A range of numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// Beginnings of a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// One of these.
    pub prefix: Vec<String>,
}

/// A form of a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfForm {
    /// Which.
    pub form: Form,
}

/// Forms of names of files.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A stream of a file that is not its contents: `…\a.txt:hidden`, but not `…\a.txt::$DATA`.
    NamedStream,
    /// A volume or disk itself, no file on it: `\Device\HarddiskVolume3`, `\Device\Harddisk0\DR0`.
    Device,
}

impl Condition {
    /// What the value may be, in words for people.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::AnyOf(texts) => texts.clone(),
            Self::Bits(Bits { mask, any_of }) => {
                any_of.iter().map(|bits| format!("{bits:#x} in the bits {mask:#x}")).collect()
            }
            Self::Range(Range { from, to }) => vec![format!("{from:#x} to {to:#x}")],
            Self::Prefix(Prefix { prefix }) => {
                prefix.iter().map(|begin| format!("{begin}*")).collect()
            }
            Self::Form(OfForm { form: Form::NamedStream }) => vec!["a named stream".to_owned()],
            Self::Form(OfForm { form: Form::Device }) => vec!["a volume or disk".to_owned()],
        }
    }
}

/// A condition, ready to be tested.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    AnyOf(Box<[Wanted]>),
    Bits(Bits),
    Range(Range),
    Prefix(Prefix),
    Form(Form),
}

#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    text: Box<str>,
    number: Option<u64>,
}

impl Test {
    pub(crate) fn new(condition: &Condition) -> Self {
        match condition {
            Condition::AnyOf(texts) => Self::AnyOf(
                texts
                    .iter()
                    .map(|text| Wanted {
                        text: text.as_str().into(),
                        number: number(&Value::Text(text)),
                    })
                    .collect(),
            ),
            Condition::Bits(bits) => Self::Bits(bits.clone()),
            Condition::Range(range) => Self::Range(range.clone()),
            Condition::Prefix(prefix) => Self::Prefix(prefix.clone()),
            Condition::Form(OfForm { form }) => Self::Form(*form),
        }
    }

    /// Whether it is true of `value`; `scratch` is room for its text.
    pub(crate) fn holds(&self, value: &Value<'_>, scratch: &mut String) -> bool {
        match self {
            Self::AnyOf(wanted) => match number(value) {
                Some(value) => wanted.iter().any(|wanted| wanted.number == Some(value)),
                None => value.text(scratch).is_some_and(|text| {
                    wanted.iter().any(|wanted| wanted.text.eq_ignore_ascii_case(text))
                }),
            },
            Self::Bits(Bits { mask, any_of }) => {
                number(value).is_some_and(|number| any_of.contains(&(number & mask)))
            }
            Self::Range(Range { from, to }) => {
                number(value).is_some_and(|number| (*from..=*to).contains(&number))
            }
            Self::Prefix(Prefix { prefix }) => {
                matches!(value, Value::Text(text) if prefix.iter().any(|begin| after(text, begin).is_some()))
            }
            Self::Form(form) => matches!(value, Value::Text(text) if form.is_that_of(text)),
        }
    }
}

impl Form {
    fn is_that_of(self, path: &str) -> bool {
        match self {
            Self::NamedStream => {
                let file = path.rsplit('\\').next().unwrap_or_default();
                let stream = file.split_once(':').map(|(_, stream)| stream);
                // A drive alone (`C:`) has nothing behind the colon, the contents have `:$DATA`, the list of a
                // folder `$I30:…`.
                stream.is_some_and(|stream| !stream.is_empty() && !stream.starts_with([':', '$']))
            }
            Self::Device => {
                let numbered =
                    |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
                if let Some(rest) = after(path, "\\Device\\HarddiskVolume") {
                    return numbered(rest);
                }
                let Some(rest) = after(path, "\\Device\\Harddisk") else { return false };
                let Some((disk, part)) = rest.split_once('\\') else { return false };
                let part = after(part, "DR").or_else(|| after(part, "Partition"));
                numbered(disk) && part.is_some_and(numbered)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_for_what_it_says_and_nothing_else() {
        let cases: &[(&str, &[Value<'_>], &[Value<'_>])] = &[
            (
                "['0', '0x5']",
                &[Value::Unsigned(0), Value::Hex(5), Value::Text("0x00000000"), Value::Text("5")],
                &[Value::Hex(1), Value::Text(""), Value::Text("-"), Value::Null],
            ),
            (
                "[DeleteKey]",
                &[Value::Text("deletekey")],
                &[Value::Text("DeleteKeys"), Value::Unsigned(0)],
            ),
            (
                "{mask: 0x80000000, any_of: [0]}",
                &[Value::Hex(0), Value::Unsigned(0x104), Value::Text("0x103")],
                &[Value::Hex(0xC000_0022), Value::Text("0xc0000022"), Value::Text("x")],
            ),
            (
                "{from: 0xffff800000000000, to: 0xffffffffffffffff}",
                &[Value::Hex(0xFFFF_F801_0000_0000)],
                &[Value::Hex(0x7FFE_0000_0000), Value::Text("")],
            ),
            (
                "{prefix: ['\\Device\\NamedPipe\\']}",
                &[Value::Text("\\device\\namedpipe\\lsass")],
                &[Value::Text("\\Device\\NamedPipe"), Value::Text("C:\\Device\\NamedPipe\\x")],
            ),
            (
                "{form: named_stream}",
                &[Value::Text("\\Device\\HarddiskVolume3\\a.txt:Zone.Identifier:$DATA")],
                &[
                    Value::Text("\\Device\\HarddiskVolume3\\a.txt"),
                    Value::Text("\\Device\\HarddiskVolume3\\a.txt::$DATA"),
                    Value::Text("\\Device\\HarddiskVolume3\\folder:$I30:$INDEX_ALLOCATION"),
                    Value::Text("C:"),
                    Value::Text("C:\\a.txt"),
                ],
            ),
            (
                "{form: device}",
                &[
                    Value::Text("\\Device\\HarddiskVolume12"),
                    Value::Text("\\device\\harddisk0\\dr0"),
                    Value::Text("\\Device\\Harddisk1\\Partition2"),
                ],
                &[
                    Value::Text("\\Device\\HarddiskVolume12\\"),
                    Value::Text("\\Device\\HarddiskVolumeShadowCopy1"),
                    Value::Text("\\Device\\Harddisk0"),
                    Value::Text("\\Device\\Harddisk0\\DR0\\x"),
                ],
            ),
        ];
        let mut scratch = String::new();
        for (condition, yes, no) in cases {
            let test = Test::new(&serde_yaml::from_str(condition).unwrap());
            for (values, expected) in [(yes, true), (no, false)] {
                for value in *values {
                    assert_eq!(test.holds(value, &mut scratch), expected, "{condition} {value:?}");
                }
            }
        }
        assert!(serde_yaml::from_str::<Condition>("{prefix: [a], mask: 1}").is_err());
        let words = |text: &str| serde_yaml::from_str::<Condition>(text).unwrap().words();
        assert_eq!(
            words("{mask: 0x1000, any_of: [0, 0x1000]}"),
            ["0x0 in the bits 0x1000", "0x1000 in the bits 0x1000"]
        );
        assert_eq!(words("{prefix: [a]}"), ["a*"]);
    }
}
