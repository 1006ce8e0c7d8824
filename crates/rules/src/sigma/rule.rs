//! A rule: its attributes, detections and conditions. Nothing is invented: a rule without a level has
//! none.

use std::borrow::Cow;
use std::fmt;

use etwatch_event::LogSource;

use crate::diagnostic::Problem;
use crate::sigma::attributes::{Attributes, Surroundings};
use crate::sigma::condition::Condition;
use crate::sigma::detection::Detection;
use crate::sigma::mapping::Mapping;
use crate::yaml::{Kind, Node};

/// How bad it is if the rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For the record.
    Informational,
    /// Rarely worth a look by itself.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at soon.
    High,
    /// To be looked at now.
    Critical,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Self; 5] =
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Sigma's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
    /// From Sigma's word, without case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How settled the rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Known to work.
    Stable,
    /// In use, may need tuning.
    Test,
    /// New.
    Experimental,
    /// Replaced or of no use; not loaded unless asked for.
    Deprecated,
    /// Can't be used as it is; not loaded unless asked for.
    Unsupported,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Stable, Self::Test, Self::Experimental, Self::Deprecated, Self::Unsupported];

    /// Sigma's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Test => "test",
            Self::Experimental => "experimental",
            Self::Deprecated => "deprecated",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A detection and its name.
#[derive(Clone, Debug)]
pub struct NamedDetection {
    /// The name that conditions use.
    pub name: String,
    /// What it looks for.
    pub detection: Detection,
}

/// A rule, checked and ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it says of itself.
    pub attributes: Attributes,
    /// What events it is about.
    pub log_source: LogSource,
    /// The detections, in order.
    pub detections: Vec<NamedDetection>,
    /// The conditions, any of which suffices.
    pub conditions: Vec<Condition>,
    /// The conditions as written.
    pub written_conditions: Vec<String>,
    /// Titles of the global filters that were joined to its conditions.
    pub filters: Vec<String>,
    /// The file it is in.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: usize,
    /// How many rules before it have its title and, like it, no id.
    pub namesake: u32,
    /// A number that changes when its document, or a filter that is joined to it, says something else.
    pub digest: u64,
}

impl Rule {
    /// What names the rule in ids of alerts: its id, else its title, with a number if rules without an
    /// id have had that title before.
    #[must_use]
    pub fn identity(&self) -> Cow<'_, str> {
        match (&self.attributes.id, self.namesake) {
            (Some(id), _) => Cow::Borrowed(id),
            (None, 0) => Cow::Borrowed(&self.attributes.title),
            (None, number) => Cow::Owned(format!("{} #{}", self.attributes.title, number + 1)),
        }
    }
}

/// Reads a rule from its document; file and line are filled in by the caller.
///
/// # Errors
/// The first [`Problem`] that makes it unusable. Warnings go to `around` either way.
pub fn parse(node: &Node, around: &mut Surroundings<'_>) -> Result<Rule, Problem> {
    let document = Mapping::of_document(node)?;
    let attributes = Attributes::parse(&document, around.warnings)?;
    let log_source = document.log_source(around.warnings)?;
    let (detections, conditions) = document.detections("detection", &[], around)?;
    Ok(Rule {
        attributes,
        log_source,
        detections,
        conditions,
        written_conditions: written_conditions(node),
        filters: Vec::new(),
        file: String::new(),
        line: 0,
        namesake: 0,
        digest: 0,
    })
}

fn written_conditions(node: &Node) -> Vec<String> {
    let condition = node.get("detection").and_then(|detection| detection.get("condition"));
    let written = match condition {
        Some(Node { kind: Kind::List(items), .. }) => items.as_slice(),
        other => other.map_or(&[][..], std::slice::from_ref),
    };
    written.iter().filter_map(|node| node.text().map(str::to_owned)).collect()
}
