//! Which records are wanted, by their header alone.
//!
//! Windows filters as well, but may refuse to, and does not know processes by name; so all that a session was asked
//! for is asked again here. The provider is looked up in a small hash table; it knows its ids as bits, its
//! masks and its level. Processes are asked last, see [`super::images`].
//!
//! What passes unseen: all records of a session without providers; records of the kernel and classic ones, whose
//! header names a class of events and not the provider that was enabled; and manifests that a provider writes
//! into its own events, which explain others.

use etwatch_event::{Guid, RawForm, RawHeader};

use super::counters::Filtered;
use super::images::ProcessFilter;
use super::settings::{ProviderSettings, SessionSettings};
use crate::etl::MANIFEST_ID;

/// The filter of a session.
#[derive(Debug)]
pub struct HeaderFilter {
    /// A power of two of places, at most half of them taken.
    providers: Box<[Option<Provider>]>,
    has_providers: bool,
    processes: ProcessFilter,
}

#[derive(Clone, Debug)]
struct Provider {
    guid: Guid,
    any: u64,
    all: u64,
    level: u8,
    /// Bits of the ids that are wanted; `None` is all.
    ids: Option<Box<[u64]>>,
}

impl HeaderFilter {
    /// The filter that these settings ask for.
    #[must_use]
    pub fn new(settings: &SessionSettings, processes: ProcessFilter) -> Self {
        let places = (2 * settings.providers.len()).next_power_of_two();
        let has_providers = !settings.providers.is_empty();
        let providers = vec![None; places].into();
        let mut filter = Self { providers, has_providers, processes };
        for provider in &settings.providers {
            filter.insert(Provider::new(provider));
        }
        filter
    }

    /// Adds a provider; of two with the same GUID the first holds.
    fn insert(&mut self, provider: Provider) {
        let first = place(provider.guid);
        let count = self.providers.len();
        for step in 0..count {
            match self.providers.get_mut((first + step) & (count - 1)) {
                Some(Some(taken)) if taken.guid != provider.guid => {}
                Some(free @ None) => return *free = Some(provider),
                _ => return,
            }
        }
    }

    fn find(&self, guid: Guid) -> Option<&Provider> {
        let mut at = place(guid);
        loop {
            // Half of the places are free, so this ends.
            let provider = self.providers.get(at & (self.providers.len() - 1))?.as_ref()?;
            if provider.guid == guid {
                return Some(provider);
            }
            at += 1;
        }
    }

    /// Why a record with this header is not wanted; `None` if it is.
    #[must_use]
    pub fn refuses(&self, header: &RawHeader) -> Option<Filtered> {
        if header.form == RawForm::Event && self.has_providers {
            let Some(provider) = self.find(header.provider) else {
                return Some(Filtered::Provider);
            };
            if let Some(why) = provider.refuses(header) {
                return Some(why);
            }
        }
        (!self.processes.wants(header.process_id)).then_some(Filtered::Process)
    }
}

impl Provider {
    fn new(settings: &ProviderSettings) -> Self {
        let ids = settings.ids.iter().max().map(|most| {
            let mut bits = vec![0; usize::from(*most) / 64 + 1];
            for id in &settings.ids {
                if let Some(word) = bits.get_mut(usize::from(*id) / 64) {
                    *word |= 1_u64 << (id % 64);
                }
            }
            bits.into()
        });
        let ProviderSettings { any, all, level, .. } = *settings;
        Self { guid: settings.provider, any, all, level, ids }
    }

    fn refuses(&self, header: &RawHeader) -> Option<Filtered> {
        if header.id == MANIFEST_ID {
            return None;
        }
        if let Some(ids) = &self.ids {
            let word = ids.get(usize::from(header.id) / 64).copied().unwrap_or(0);
            if word >> (header.id % 64) & 1 == 0 {
                return Some(Filtered::Id);
            }
        }
        if self.level != 0 && header.level > self.level {
            return Some(Filtered::Level);
        }
        let keyword = header.keyword;
        let has_any = self.any == 0 || keyword & self.any != 0;
        let passes = keyword == 0 || (has_any && keyword & self.all == self.all);
        (!passes).then_some(Filtered::Keyword)
    }
}

/// Where a provider is looked for first. The first four bytes of a GUID are random, or made to look so.
fn place(guid: Guid) -> usize {
    let first = guid.0.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    (first.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

#[cfg(test)]
mod tests;
