//! The stacks that the kernel keeps, by key and time.
//!
//! Most stacks occur many times, so newer versions of Windows write a key in their place and tell the
//! addresses once, most often when the kernel gives the stack up or recording ends: behind all the
//! records that name it. A recording is therefore searched for definitions first. The key may be used again
//! for another stack, so what it means depends on the time:
//!
//! ```text
//!   named        deleted: a b c      named      created: d e      named
//! ────●──────────────┼─────────────────●───────────┼────────────────●────▶ time
//!     └─▶ a b c ─────┘                 └─▶ ?       └────── d e ◀─────┘
//! ```
//!
//! Memory is bounded by forgetting all definitions when there are too many; what was forgotten is counted.

use std::ops::Range;

use etwatch_event::Timestamp;
use hashbrown::HashMap;

use crate::kernel::{StackKeyEvent, StackKeyOperation};

/// Addresses that are kept, 64 MiB of them.
const MOST_ADDRESSES: usize = 8 << 20;
/// Definitions that are kept, about 100 bytes each.
const MOST_DEFINITIONS: usize = 1 << 19;

/// What is known of the stacks that the kernel keeps.
#[derive(Debug, Default)]
pub struct StackKeys {
    /// By time within each key.
    definitions: HashMap<u64, Vec<Definition>>,
    count: usize,
    addresses: Vec<u64>,
    forgotten: u64,
}

#[derive(Clone, Debug)]
struct Definition {
    time: Timestamp,
    operation: StackKeyOperation,
    addresses: Range<usize>,
}

impl StackKeys {
    /// Keeps a definition; they must come in the order of time.
    pub fn take(&mut self, event: &StackKeyEvent<'_>) {
        let StackKeyEvent { context, operation, key, .. } = *event;
        if self.count >= MOST_DEFINITIONS || self.addresses.len() >= MOST_ADDRESSES {
            self.forgotten += u64::try_from(self.count).unwrap_or(u64::MAX);
            self.definitions.clear();
            self.addresses.clear();
            self.count = 0;
        }
        let start = self.addresses.len();
        self.addresses.extend(event.addresses());
        let addresses = start..self.addresses.len();
        let of_key = self.definitions.entry(key).or_default();
        let last = of_key.last().map_or(Timestamp::UNKNOWN, |last| last.time);
        of_key.push(Definition { time: context.time.max(last), operation, addresses });
        self.count += 1;
    }

    /// The addresses of the stack that a record of this time names by `key`, from the innermost call outwards.
    #[must_use]
    pub fn addresses(&self, key: u64, time: Timestamp) -> Option<&[u64]> {
        let of_key = self.definitions.get(&key)?;
        let (before, after) =
            of_key.split_at_checked(of_key.partition_point(|it| it.time < time))?;
        let is_create = |it: &&Definition| it.operation == StackKeyOperation::Create;
        let until = after.first().filter(|next| !is_create(next) || next.time == time);
        let definition = until.or_else(|| before.last().filter(is_create))?;
        self.addresses.get(definition.addresses.clone())
    }

    /// How many definitions are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }
    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// How many definitions were forgotten for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
