//! What is told of an event, kept small until an alert asks for it.
//!
//! A window keeps what is to be told of each contribution for as long as it lasts, which may be a day, and hardly
//! ever tells it. Nearly all of such a text is the same for many events: the rule, the program, where the event came
//! from. So it is kept as a *template*, which all of them share, with holes, and the *own* texts that fill them:
//!
//! ```text
//! template  {"time":"␁","rule":{"title":"Unsigned Image"},"process":{"pid":␀},"matched":{"Image":"␀"}}
//! own       4180␀C:\\x.dll
//! ```
//!
//! The time is that of the contribution, which keeps it anyway. The marks are control characters, which no text of
//! JSON has in it. Which templates are shared is a matter of the one who writes: one in which a value differs from
//! event to event is of no use to the next, so there are at most so many, and what has none is a text by itself.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::sync::Arc;

use etwatch_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bytes::of_block;

/// Stands in a template where an own text belongs, and between the own texts.
pub const HOLE: char = '\0';
/// Stands in a template where the time of the event belongs.
pub const TIME: char = '\u{1}';

/// Templates that one writer keeps; with more, texts stand by themselves.
const MOST_TEMPLATES: usize = 4_096;
/// Texts after which templates are gathered anew, so that those that are not used any more can go.
const GENERATION: usize = 1 << 18;

/// A text with holes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Template(Arc<Box<str>>);

impl Borrow<str> for Template {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What is told of an event: one JSON object, or several with commas between them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "SavedEvidence", into = "SavedEvidence")]
pub struct Evidence {
    /// None if the own text is all.
    template: Option<Template>,
    /// Not shared: hardly any contribution is kept twice, and two counts would take a quarter more.
    own: Box<str>,
}

/// As it is saved: template and own texts.
#[derive(Serialize, Deserialize)]
struct SavedEvidence(Option<String>, String);

impl From<SavedEvidence> for Evidence {
    fn from(SavedEvidence(template, own): SavedEvidence) -> Self {
        let template = template.map(|text| Template(Arc::new(text.into())));
        Self { template, own: own.into() }
    }
}

impl From<Evidence> for SavedEvidence {
    fn from(evidence: Evidence) -> Self {
        let template = evidence.template.map(|template| template.0.to_string());
        Self(template, evidence.own.into())
    }
}

impl PartialEq for Evidence {
    fn eq(&self, other: &Self) -> bool {
        self.template == other.template && self.own == other.own
    }
}

impl Eq for Evidence {}

impl From<&str> for Evidence {
    /// A text by itself.
    fn from(text: &str) -> Self {
        Self { template: None, own: text.into() }
    }
}

impl Evidence {
    /// The whole text; `time` is that of the event.
    #[must_use]
    pub fn text(&self, time: Timestamp) -> String {
        match &self.template {
            None => self.own.to_string(),
            Some(template) => filled(&template.0, &self.own, time),
        }
    }
    /// Bytes of memory, without the template, of which there are few.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_block(self.own.len())
    }
    /// Uses the template that `templates` has with the same text.
    pub(crate) fn share(&mut self, templates: &mut Templates, time: Timestamp) {
        let Some(template) = &mut self.template else { return };
        match templates.get(&template.0) {
            Some(known) => *template = known,
            None => {
                // Nobody else has it, and nobody knows how many more there are.
                *self = Self::from(&*filled(&template.0, &self.own, time));
            }
        }
    }
}

/// A template with its holes filled.
fn filled(template: &str, own: &str, time: Timestamp) -> String {
    let mut text = String::with_capacity(template.len() + own.len() + 32);
    let mut own = own.split(HOLE);
    for part in template.split_inclusive([HOLE, TIME]) {
        if let Some(part) = part.strip_suffix(HOLE) {
            text.push_str(part);
            text.push_str(own.next().unwrap_or_default());
        } else if let Some(part) = part.strip_suffix(TIME) {
            text.push_str(part);
            text.push_str(&time.to_string());
        } else {
            text.push_str(part);
        }
    }
    text
}

/// The templates of one writer.
#[derive(Debug, Default)]
pub struct Templates {
    known: HashSet<Template>,
    /// How often one was asked for since they were last gathered.
    asked: usize,
}

impl Templates {
    /// What is told of an event of a time: `template` with the texts of `own` in its holes, see the header.
    pub fn evidence(&mut self, template: &str, own: &str, time: Timestamp) -> Evidence {
        match self.get(template) {
            Some(template) => Evidence { template: Some(template), own: own.into() },
            None => Evidence::from(&*filled(template, own, time)),
        }
    }

    fn get(&mut self, text: &str) -> Option<Template> {
        self.asked += 1;
        if self.asked > GENERATION {
            *self = Self { asked: 1, ..Self::default() };
        }
        if let Some(known) = self.known.get(text) {
            return Some(known.clone());
        }
        if self.known.len() >= MOST_TEMPLATES {
            return None;
        }
        let template = Template(Arc::new(text.into()));
        self.known.insert(template.clone());
        Some(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_in_order_and_templates_are_shared() {
        let mut templates = Templates::default();
        let time = Timestamp::UNIX_EPOCH;
        let one = templates.evidence("{\"t\":\"\u{1}\",\"a\":\0,\"b\":\"\0\"}", "1\0x", time);
        let other = templates.evidence("{\"t\":\"\u{1}\",\"a\":\0,\"b\":\"\0\"}", "2\0", time);
        assert_eq!(one.text(time), format!("{{\"t\":\"{time}\",\"a\":1,\"b\":\"x\"}}"));
        assert_eq!(other.text(time), format!("{{\"t\":\"{time}\",\"a\":2,\"b\":\"\"}}"));
        let of = |evidence: &Evidence| Arc::as_ptr(&evidence.template.as_ref().unwrap().0);
        assert_eq!(of(&one), of(&other));
        assert_eq!(templates.evidence("plain", "", time).text(time), "plain");
        assert_eq!(Evidence::from("a\u{1}\0b").text(time), "a\u{1}\0b");
    }

    #[test]
    fn without_room_for_its_template_a_text_stands_by_itself() {
        let mut templates = Templates::default();
        let time = Timestamp::UNIX_EPOCH;
        for number in 0..2 * MOST_TEMPLATES {
            let evidence = templates.evidence(&format!("{number}:\0:\u{1}"), "own", time);
            assert_eq!(evidence.text(time), format!("{number}:own:{time}"));
            assert_eq!(evidence.template.is_some(), number < MOST_TEMPLATES);
        }
        for _ in 0..GENERATION {
            templates.evidence("again:\0", "own", time);
        }
        assert_eq!(templates.known.len(), 1);
    }
}
