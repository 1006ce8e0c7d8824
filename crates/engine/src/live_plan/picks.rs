//! What is wanted of each source of the table, and by whom.

use std::collections::BTreeSet;

use super::table::LiveTable;

/// Who wants something: a rule, by its number, or a purpose.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wisher<'a> {
    Rule(usize),
    Purpose(&'a str),
}

/// What is wanted of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Pick {
    /// Which ids.
    pub(super) ids: BTreeSet<u16>,
    /// Whether all are wanted, also those that are not listed.
    pub(super) all_ids: bool,
    pub(super) rules: BTreeSet<usize>,
    pub(super) purposes: Vec<String>,
}

impl Pick {
    /// Whether anything is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.all_ids || !self.ids.is_empty()
    }
    fn add_wisher(&mut self, wisher: Wisher<'_>) {
        match wisher {
            Wisher::Rule(rule) => {
                self.rules.insert(rule);
            }
            Wisher::Purpose(purpose) => {
                if self.purposes.iter().all(|known| known != purpose) {
                    self.purposes.push(purpose.to_owned());
                }
            }
        }
    }
    /// More ids are wanted.
    pub(super) fn add(&mut self, ids: impl IntoIterator<Item = u16>, wisher: Wisher<'_>) {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_some() {
            self.add_wisher(wisher);
        }
        self.ids.extend(ids);
    }
    /// All ids are wanted.
    pub(super) fn add_all(&mut self, wisher: Wisher<'_>) {
        self.all_ids = true;
        self.add_wisher(wisher);
    }
}

/// What is wanted, by the places of the table's rows.
#[derive(Clone, Debug)]
pub(super) struct Picks {
    pub(super) providers: Vec<Pick>,
    pub(super) channels: Vec<Pick>,
}

impl Picks {
    /// Nothing yet.
    pub(super) fn new(table: &LiveTable) -> Self {
        let none = |count| vec![Pick::default(); count];
        Self { providers: none(table.providers.len()), channels: none(table.channels.len()) }
    }
}
