//! Rules and events out of decisions.

use etwatch_event::batch::EventBuilder;
use etwatch_event::{FieldId, RawValue, Timestamp, Value};

use super::super::choices::{Choices, quoted};

/// Fields of rules and events; the last is in no rule's layout.
pub const FIELDS: [&str; 6] = ["EventID", "Image", "CommandLine", "User", "Länge", "Other"];
/// The log sources of each set that events have: category and service.
pub const EVENT_SOURCES: [&[(Option<&str>, Option<&str>)]; 4] = [
    &[(Some("process_creation"), None)],
    &[(Some("process_creation"), None), (None, Some("security"))],
    &[(None, Some("security"))],
    &[],
];
/// Events of an input.
pub const EVENTS: usize = 4;

const RULES: usize = 4;
const RULE_SOURCES: [&str; 4] = [
    "{category: process_creation, product: windows}",
    "{product: windows}",
    "{product: windows, service: security}",
    "{category: process_creation}",
];
const NAMES: [&str; 3] = ["a", "b", "c"];
/// Modifiers of texts.
const CHAINS: [&str; 16] = [
    "",
    "|contains",
    "|startswith",
    "|endswith",
    "|contains|all",
    "|contains|cased",
    "|endswith|cased",
    "|cased",
    "|contains|windash",
    "|windash",
    "|neq",
    "|contains|neq",
    "|base64offset|contains",
    "|wide|base64|startswith",
    "|fieldref",
    "|fieldref|endswith",
];
/// What texts are made of; letters whose other case is of other length, wildcards, escapes.
const PIECES: [&str; 32] = [
    "a",
    "b",
    "ab",
    "abcd",
    "cmd.exe",
    r"\cmd.exe",
    "K",
    "k",
    "\u{212a}",
    "s",
    "\u{17f}",
    "ß",
    "ẞ",
    "É",
    "é",
    "Σ",
    "ς",
    "İ",
    "ı",
    "-",
    "/",
    " -e",
    "\u{2013}",
    "*",
    "?",
    "\\",
    " ",
    "0",
    "1",
    "\n",
    "powershell",
    "ⱥ",
];
const REGEX_CHAINS: [&str; 4] = ["|re", "|re|i", "|re|m|s", "|re|neq"];
const REGEX_PIECES: [&str; 32] = [
    "a",
    "b",
    "abc",
    "cmd",
    ".",
    ".*",
    "a+",
    "(?:ab|cd)",
    "(abc|abcd)",
    "[k-m]",
    "[^a]",
    "^",
    "$",
    r"\b",
    r"\w",
    r"\d{1,2}",
    "(?:ſ|é)",
    "K",
    "(?i:k)",
    "x?",
    "|",
    r"\.exe",
    "(?i)",
    "É",
    "s",
    "[aA]",
    r"\s",
    "(abc)+",
    "(?:b|)",
    "{2}",
    r"\\",
    "(?s-i:.)",
];
/// Whole values that are no text, with a modifier they go with.
const OTHERS: [(&str, &str); 24] = [
    ("", "0"),
    ("", "1"),
    ("", "01"),
    ("", "-1"),
    ("", "-0"),
    ("", "1.5"),
    ("", "1e3"),
    ("", "0x10"),
    ("", "4688"),
    ("", "9007199254740993"),
    ("", "18446744073709551616"),
    ("", "null"),
    ("", "true"),
    ("", "False"),
    ("|neq", "1"),
    ("|neq", "null"),
    ("|exists", "true"),
    ("|exists", "false"),
    ("|lt", "2"),
    ("|gte", "1.5"),
    ("|gt", "-1"),
    ("|cidr", "10.0.0.0/8"),
    ("|hour", "0"),
    ("|year|lte", "1970"),
];

/// Makes rules and events.
pub struct Generator<'a> {
    /// What is decided.
    pub choices: Choices<'a>,
    /// Texts that rules look for.
    wishes: Vec<String>,
}

impl<'a> Generator<'a> {
    /// Nothing is made yet.
    pub fn new(choices: Choices<'a>) -> Self {
        Self { choices, wishes: Vec::new() }
    }

    /// Some rules as documents of a file.
    pub fn rules(&mut self) -> String {
        let count = 1 + self.choices.below(RULES);
        let one = |number| {
            let source = *self.choices.pick(&RULE_SOURCES);
            let detections: String = NAMES.map(|name| self.detection(name)).concat();
            let condition = self.condition(0);
            format!(
                "title: r{number}\nlogsource: {source}\ndetection:\n{detections}  condition: {condition}\n"
            )
        };
        (0..count).map(one).collect::<Vec<_>>().join("---\n")
    }

    fn condition(&mut self, depth: usize) -> String {
        let kind = if depth > 2 { 0 } else { self.choices.below(10) };
        let mut part = || self.condition(depth + 1);
        match kind {
            4 | 5 => format!("({} and {})", part(), part()),
            6 | 7 => format!("({} or {})", part(), part()),
            8 => format!("not {}", part()),
            9 => (*self.choices.pick(&["1 of them", "all of them"])).to_owned(),
            _ => (*self.choices.pick(&NAMES)).to_owned(),
        }
    }

    fn detection(&mut self, name: &str) -> String {
        let items = |this: &mut Self| {
            let count = this.choices.below(2);
            (0..=count).map(|number| this.item(number)).collect::<Vec<_>>().join(", ")
        };
        match self.choices.below(8) {
            0 => format!("  {name}: [{}]\n", self.texts()),
            1 => format!("  {name}: [{{{}}}, {{{}}}]\n", items(self), items(self)),
            2 => format!("  {name}: {{\"|all\": [{}]}}\n", self.texts()),
            3 => format!("  {name}: {{\"|re\": {}}}\n", self.regex()),
            _ => format!("  {name}: {{{}}}\n", items(self)),
        }
    }

    /// A field with modifiers and values; its number decides the field's, so that no key comes twice.
    fn item(&mut self, number: usize) -> String {
        let field = FIELDS[number * 2 + self.choices.below(2)];
        match self.choices.below(8) {
            0 | 1 => {
                let (chain, value) = self.choices.pick(&OTHERS);
                self.wishes.push((*value).to_owned());
                format!("\"{field}{chain}\": {value}")
            }
            2 => {
                let chain = *self.choices.pick(&REGEX_CHAINS);
                format!("\"{field}{chain}\": {}", self.regex())
            }
            _ => {
                let chain = *self.choices.pick(&CHAINS);
                if chain.starts_with("|fieldref") {
                    return format!("\"{field}{chain}\": {}", self.choices.pick(&FIELDS));
                }
                format!("\"{field}{chain}\": [{}]", self.texts())
            }
        }
    }

    fn texts(&mut self) -> String {
        let count = self.choices.below(3);
        let one = |_| {
            let text = self.text(&PIECES);
            self.wishes.push(text.clone());
            quoted(&text)
        };
        (0..=count).map(one).collect::<Vec<_>>().join(", ")
    }

    fn regex(&mut self) -> String {
        let text = self.text(&REGEX_PIECES);
        let letters = |c: &char| !"()?:*+[]|^$\\{}".contains(*c);
        self.wishes.push(text.chars().filter(letters).collect());
        quoted(&text)
    }

    fn text(&mut self, pieces: &[&str]) -> String {
        let count = 1 + self.choices.below(4);
        (0..count).map(|_| *self.choices.pick(pieces)).collect()
    }

    /// An event with values in some of the fields.
    pub fn event(&mut self, mut event: EventBuilder<'_>, fields: &[FieldId]) {
        for _ in 0..self.choices.below(6) {
            let field = *self.choices.pick(fields);
            self.push(&mut event, field);
        }
        if self.choices.below(4) == 1 {
            let text = self.value();
            event.push_named("named by no rule", Value::Text(&text));
        }
        event.finish();
    }

    fn push(&mut self, event: &mut EventBuilder<'_>, field: FieldId) {
        let text = self.value();
        let number = self.choices.byte();
        let kind = self.choices.below(20);
        let value = match (kind, text.parse::<f64>()) {
            (1, _) => Value::Null,
            (2, _) => Value::Boolean(number & 1 == 1),
            (3, _) => Value::Unsigned(number.into()),
            (4, _) => Value::Signed(-i64::from(number)),
            (5, _) => Value::Float(f64::from(number) / 2.0),
            (6, _) => Value::Ip([10, 0, 0, number].into()),
            (7, _) => Value::Bytes(text.as_bytes()),
            (8, _) => Value::Structure,
            (9, _) => Value::Time(Timestamp::UNIX_EPOCH),
            (10, _) => return event.push_raw(field, RawValue::Empty),
            (11..15, Ok(float)) => Value::Float(float),
            (15..19, Ok(float)) if float.fract() == 0.0 && float >= 0.0 =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it saturates"
                )]
                Value::Unsigned(float as u64)
            }
            _ => Value::Text(&text),
        };
        event.push(field, value);
    }

    /// What a rule looks for, changed in some way, or another text.
    fn value(&mut self) -> String {
        if self.wishes.is_empty() {
            return self.text(&PIECES);
        }
        let mut wish = self.choices.pick(&self.wishes).clone();
        if self.choices.below(2) == 1 {
            let filling = *self.choices.pick(&PIECES);
            wish = wish.replace('*', filling).replace('?', "ß").replace("\\\\", "\\");
        }
        match self.choices.below(10) {
            1 => wish.to_uppercase(),
            2 => wish.to_lowercase(),
            3 => format!("{}{wish}", self.choices.pick(&PIECES)),
            4 => format!("{wish}{}", self.choices.pick(&PIECES)),
            5 => format!("{0}{wish}{0}", self.choices.pick(&PIECES)),
            6 => wish.chars().skip(1).collect(),
            7 => wish.replace('k', "\u{212a}").replace('s', "\u{17f}"),
            8 => self.text(&PIECES),
            _ => wish,
        }
    }
}
