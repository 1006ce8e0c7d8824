//! Schemas that events carry themselves, kept by the very bytes that describe them.
//!
//! A TraceLogging event repeats its description each time. Reading it costs more than decoding the payload,
//! so what it came to is kept under its bytes: they are compared in whole, nothing is guessed from a hash.
//! Whoever writes events chooses the bytes, so the memory is bounded; when it is used up, all is forgotten.

use std::sync::Arc;

use etwatch_event::Guid;
use hashbrown::HashMap;

use crate::check::SchemaError;
use crate::prepared::Prepared;

/// What a description came to.
pub(crate) type Description = Result<Arc<Prepared>, SchemaError>;

/// Schemas by the bytes they came from, in bounded memory.
#[derive(Debug)]
pub(crate) struct Described {
    known: HashMap<Box<[u8]>, Description>,
    weight: usize,
    most: usize,
}

impl Described {
    /// Room for descriptions that take about `most` bytes of memory.
    pub(crate) fn new(most: usize) -> Self {
        Self { known: HashMap::new(), weight: 0, most }
    }
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Description> {
        self.known.get(key)
    }
    pub(crate) fn insert(&mut self, key: &[u8], description: Description) {
        let schema = description.as_ref().map_or(0, |prepared| prepared.schema().weight());
        let weight = 128 + key.len() + schema;
        if self.weight + weight > self.most {
            self.known.clear();
            self.weight = 0;
        }
        if weight <= self.most {
            self.weight += weight;
            self.known.insert(key.into(), description);
        }
    }
}

/// Writes to `key` what stands for all that a description depends on.
pub(crate) fn write_key(key: &mut Vec<u8>, guid: Guid, metadata: &[u8], traits: &[u8]) {
    key.clear();
    key.extend_from_slice(&guid.0);
    key.extend_from_slice(&metadata.len().to_le_bytes());
    key.extend_from_slice(metadata);
    key.extend_from_slice(traits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let mut described = Described::new(2_000);
        let mut largest = 0;
        for number in 0..100_u8 {
            described.insert(&[number], Err(SchemaError::TooManySchemas));
            assert!(described.get(&[number]).is_some(), "the last one is always kept");
            largest = largest.max(described.known.len());
        }
        assert_eq!(largest, 2_000 / 129);
        described.insert(&[0; 3_000], Err(SchemaError::TooManySchemas));
        assert!(described.get(&[0; 3_000]).is_none());
    }

    #[test]
    fn keys_of_different_parts_differ() {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        write_key(&mut first, Guid::default(), b"ab", b"c");
        write_key(&mut second, Guid::default(), b"a", b"bc");
        assert_ne!(first, second);
    }
}
