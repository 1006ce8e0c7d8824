//! What was found for one event, in a buffer that is used again.

use std::ops::Range;

/// Names that an event lacks and that its host's memory has.
///
/// One value serves for all events: [`super::ObjectNames::take`] empties it first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    text: String,
    target_filename: Option<Range<usize>>,
    source_filename: Option<Range<usize>>,
    target_object: Option<Range<usize>>,
    destination_hostname: Option<Range<usize>>,
    /// The same process has asked for the same name and type within a second.
    pub is_duplicate_query: bool,
}

impl Found {
    /// Nothing is found, the memory is kept.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.target_filename = None;
        self.source_filename = None;
        self.target_object = None;
        self.destination_hostname = None;
        self.is_duplicate_query = false;
    }
    fn push(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }
    fn get(&self, range: Option<&Range<usize>>) -> Option<&str> {
        self.text.get(range?.clone())
    }
    pub(super) fn set_target_filename(&mut self, name: &str) {
        self.target_filename = Some(self.push(name));
    }
    pub(super) fn set_source_filename(&mut self, name: &str) {
        self.source_filename = Some(self.push(name));
    }
    /// Sets it to `path`, then, if there is one, a backslash and `rest`.
    pub(super) fn set_target_object(&mut self, path: &str, rest: Option<&str>) {
        let start = self.push(path).start;
        if let Some(rest) = rest {
            self.text.push('\\');
            self.text.push_str(rest);
        }
        self.target_object = Some(start..self.text.len());
    }
    pub(super) fn set_destination_hostname(&mut self, name: &str) {
        self.destination_hostname = Some(self.push(name));
    }

    /// Whether there is nothing to add to the event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.is_duplicate_query
    }
    /// The name of the file, as it was told when the file was opened or renamed.
    #[must_use]
    pub fn target_filename(&self) -> Option<&str> {
        self.get(self.target_filename.as_ref())
    }
    /// The name that a file had before it was renamed.
    #[must_use]
    pub fn source_filename(&self) -> Option<&str> {
        self.get(self.source_filename.as_ref())
    }
    /// The path of the key, and of the value in it, in Sysmon's spelling.
    #[must_use]
    pub fn target_object(&self) -> Option<&str> {
        self.get(self.target_object.as_ref())
    }
    /// A guess: the name that was last answered with this address.
    #[must_use]
    pub fn destination_hostname(&self) -> Option<&str> {
        self.get(self.destination_hostname.as_ref())
    }
}
