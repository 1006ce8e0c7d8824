//! Hosts by number.
//!
//! A host is the `Computer` that events name, compared without case; events that name none are of the host
//! that their input was recorded on, whose name is not known. The host of the last event lies apart, since
//! most often the next event is of it too.

use std::collections::HashMap;

use etwatch_event::{Event, FieldId};

/// Hosts that are told apart.
const MOST: usize = 65_536;
/// Bytes of a host's name that are compared; a name in the DNS has no more than 255.
const NAME_BYTES: usize = 256;

/// All hosts.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// As they were first written; `None` for one whose name is not known.
    names: Vec<Option<Box<str>>>,
    by_name: HashMap<Box<str>, u32>,
    by_input: HashMap<u32, u32>,
    last: Option<(Box<str>, u32)>,
}

fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or(name)
}

impl Hosts {
    /// The number of the host of an event; `None` if there are too many hosts.
    pub(crate) fn of(&mut self, event: &Event<'_>) -> Option<u32> {
        let name = event.text(FieldId::COMPUTER).filter(|name| !name.is_empty());
        let Some(name) = name.map(cut) else { return self.of_input(event.origin().input) };
        if let Some((last, number)) = &self.last
            && **last == *name
        {
            return Some(*number);
        }
        let lower = name.to_lowercase().into_boxed_str();
        let number = match self.by_name.get(&lower) {
            Some(number) => *number,
            None => {
                let number = self.add(Some(name.into()))?;
                self.by_name.insert(lower, number);
                number
            }
        };
        self.last = Some((name.into(), number));
        Some(number)
    }

    fn of_input(&mut self, input: u32) -> Option<u32> {
        if let Some(number) = self.by_input.get(&input) {
            return Some(*number);
        }
        let number = self.add(None)?;
        self.by_input.insert(input, number);
        Some(number)
    }

    fn add(&mut self, name: Option<Box<str>>) -> Option<u32> {
        let number = u32::try_from(self.names.len()).ok().filter(|_| self.names.len() < MOST)?;
        self.names.push(name);
        Some(number)
    }

    /// The host with this name, or else the nameless one of this input.
    pub(crate) fn find(&self, name: Option<&str>, input: Option<u32>) -> Option<u32> {
        match name {
            Some(name) => self.by_name.get(cut(name).to_lowercase().as_str()).copied(),
            None => self.by_input.get(&input?).copied(),
        }
    }
    /// The name of a host.
    pub(crate) fn name(&self, number: u32) -> Option<&str> {
        self.names.get(number as usize)?.as_deref()
    }
    /// How many there are; their numbers are below it.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }
}
