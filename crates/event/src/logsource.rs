//! Log sources: what a rule is about and what an event is.
//!
//! A rule names any of category, product and service; an event carries a *set* of log sources,
//! since one Sysmon 13 is a `registry_set` and a `registry_event` and of the service `sysmon` at
//! once. A rule is eligible when one member of the set has everything that the rule names.

use std::fmt;

/// Category, product and service; in a rule an empty part is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogSource {
    /// Kind of activity, such as `process_creation`.
    pub category: Option<Box<str>>,
    /// What produces it, such as `windows`.
    pub product: Option<Box<str>>,
    /// A log of that product, such as `security`.
    pub service: Option<Box<str>>,
}

impl LogSource {
    /// From its parts, lower-cased, as Sigma compares them.
    #[must_use]
    pub fn new(category: Option<&str>, product: Option<&str>, service: Option<&str>) -> Self {
        let lower = |text: Option<&str>| text.map(|text| text.to_lowercase().into_boxed_str());
        Self { category: lower(category), product: lower(product), service: lower(service) }
    }

    /// Whether an event of log source `event` is one that this (a rule's) log source asks for:
    /// each part named here is equal there.
    ///
    /// ```
    /// use etwatch_event::LogSource;
    /// let event = LogSource::new(Some("process_creation"), Some("windows"), Some("sysmon"));
    /// assert!(LogSource::new(Some("process_creation"), None, None).covers(&event));
    /// assert!(!LogSource::new(None, Some("windows"), Some("security")).covers(&event));
    /// ```
    #[must_use]
    pub fn covers(&self, event: &Self) -> bool {
        let part =
            |rule: &Option<Box<str>>, event: &Option<Box<str>>| rule.is_none() || rule == event;
        part(&self.category, &event.category)
            && part(&self.product, &event.product)
            && part(&self.service, &event.service)
    }
}

impl fmt::Display for LogSource {
    /// `product/category/service`, an absent part being left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.product, &self.category, &self.service];
        let mut first = true;
        for part in parts.into_iter().flatten() {
            write!(f, "{}{part}", if first { "" } else { "/" })?;
            first = false;
        }
        if first { f.write_str("none") } else { Ok(()) }
    }
}

/// Number of a [`LogSourceSet`] in a vocabulary. Zero is the empty set: nothing is known of the
/// event's kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct LogSourceSetId(pub(crate) u32);

impl LogSourceSetId {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// The set at an index of [`crate::Vocabulary::sets`].
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok().map(Self)
    }
    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The log sources that events of one kind carry at once, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogSourceSet {
    members: Box<[LogSource]>,
}

impl LogSourceSet {
    /// From its members; order and doubles do not matter.
    #[must_use]
    pub fn new(mut members: Vec<LogSource>) -> Self {
        members.sort();
        members.dedup();
        Self { members: members.into() }
    }
    /// The members, sorted.
    #[must_use]
    pub fn members(&self) -> &[LogSource] {
        &self.members
    }
    /// Whether a rule with log source `rule` applies to events with this set.
    #[must_use]
    pub fn fits(&self, rule: &LogSource) -> bool {
        self.members.iter().any(|member| rule.covers(member))
    }
}
