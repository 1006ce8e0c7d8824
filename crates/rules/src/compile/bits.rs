//! A field of bits that says of most keys that they are not in a table.
//!
//! It is small enough for the cache nearest to the processor, which the table is not. A key is a number
//! whose upper bits are as good as random.

/// Bits for each key, so that few others pass by chance.
const FOR_EACH: usize = 32;
/// The most bits.
const MOST: usize = 1 << 17;

/// Bits by key.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Box<[u64]>,
    shift: u32,
}

/// The upper bits of a key that `shift` leaves.
#[inline]
pub(super) fn top(key: u64, shift: u32) -> usize {
    usize::try_from(key >> shift).unwrap_or(0)
}

impl Bits {
    /// Bits for so many keys.
    pub(super) fn new(keys: usize) -> Self {
        let bits = (keys * FOR_EACH).next_power_of_two().clamp(64, MOST);
        Self { words: vec![0; bits / 64].into(), shift: 64 - bits.trailing_zeros() }
    }

    pub(super) fn set(&mut self, key: u64) {
        let bit = top(key, self.shift);
        if let Some(word) = self.words.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Whether the key may have been set.
    #[inline]
    pub(super) fn has(&self, key: u64) -> bool {
        let bit = top(key, self.shift);
        let word = self.words.get(bit / 64).copied().unwrap_or(0);
        word >> (bit % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_there_and_little_else() {
        let key = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bits = Bits::new(100);
        (0..100).for_each(|number| bits.set(key(number)));
        assert!((0..100).all(|number| bits.has(key(number))));
        assert!((100..1_100).filter(|number| bits.has(key(*number))).count() < 100);
    }
}
