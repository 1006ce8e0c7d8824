//! The fields that payloads have: those of all layouts of an event, whatever their version.

use std::collections::{BTreeSet, HashMap};

use etwatch_decode::table::{Entry, Tables};

/// The fields of payloads, by provider or class.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    /// By name in small letters.
    owners: HashMap<String, HashMap<u32, BTreeSet<String>>>,
}

impl Layouts {
    /// Those of our tables.
    pub(super) fn new(tables: &Tables<'_>) -> Self {
        let mut new = Self::default();
        for Entry { number, schema, .. } in tables.entries() {
            let owner = new.owners.entry(schema.provider.to_ascii_lowercase()).or_default();
            let fields = owner.entry(number.into()).or_default();
            for field in schema.own_fields() {
                fields.insert(field.name.to_string());
                // As normalisation offers them.
                if field.name.contains(' ') {
                    fields.insert(field.name.replace(' ', ""));
                }
            }
        }
        new
    }

    /// Whether anything is known of a provider or class.
    pub(super) fn knows(&self, owner: &str) -> bool {
        self.owners.contains_key(&owner.to_ascii_lowercase())
    }

    /// The ids of a provider's events.
    pub(super) fn ids(&self, owner: &str) -> Vec<u32> {
        let events = self.owners.get(&owner.to_ascii_lowercase()).into_iter().flatten();
        let mut ids: Vec<_> = events.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// The fields of the events with these ids; `None` if no layout of them is known.
    pub(super) fn fields(&self, owner: &str, ids: &[u32]) -> Option<BTreeSet<String>> {
        let events = self.owners.get(&owner.to_ascii_lowercase())?;
        let known: Vec<_> = ids.iter().filter_map(|id| events.get(id)).collect();
        (!known.is_empty()).then(|| known.into_iter().flatten().cloned().collect())
    }
}
