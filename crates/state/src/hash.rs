//! Hashes of things of which nothing else is kept.
//!
//! They lie in saved state and decide what is counted, so they have to be the same in each run and on each machine;
//! and who is watched must not be able to choose two things with one hash. So there is a key, which is made of the time
//! of the first event that something is hashed for: the same in each replay, and to 100 ns hard to foresee.
//!
//! Eight bytes at a time are mixed into a state by a multiplication whose upper and lower half are put together, as in
//! wyhash (Wang Yi, 2019) and its relatives.

use std::net::IpAddr;

use etwatch_event::Timestamp;

/// Odd numbers without a pattern: digits of the fractional parts of √2 and √3.
const FIRST: u64 = 0x6a09_e667_f3bc_c909;
const SECOND: u64 = 0xbb67_ae85_84ca_a73b;

/// Makes hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hasher {
    pub(crate) key: u64,
}

impl Hasher {
    /// With a key made of a time.
    pub(crate) fn new(time: Timestamp) -> Self {
        Self { key: mix(time.filetime() ^ FIRST, SECOND) }
    }

    /// Of bytes.
    pub(crate) fn hash(self, bytes: &[u8]) -> u64 {
        self.hash_words(bytes, |_| {})
    }
    /// Of a text in which large and small letters of ASCII are alike.
    pub(crate) fn hash_folded(self, text: &str) -> u64 {
        self.hash_words(text.as_bytes(), <[u8]>::make_ascii_lowercase)
    }
    /// Of one end of a connection.
    pub(crate) fn hash_end(self, address: IpAddr, port: Option<u64>) -> u64 {
        self.hash(&end(address, port))
    }

    fn hash_words(self, bytes: &[u8], fold: impl Fn(&mut [u8])) -> u64 {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut state = self.key ^ mix(length ^ FIRST, SECOND);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(place, byte)| *place = *byte);
            fold(&mut word);
            state = mix(state ^ u64::from_le_bytes(word), (FIRST ^ self.key) | 1);
        }
        mix(state ^ SECOND, FIRST)
    }
}

/// One end of a connection as bytes, in which all addresses and ports differ.
pub(crate) fn end(address: IpAddr, port: Option<u64>) -> [u8; 26] {
    let mut bytes = [0; 26];
    let family = match address {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 6,
    };
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let port_bytes = port.unwrap_or(0).to_le_bytes();
    let told = [family, u8::from(port.is_some())];
    let all = told.into_iter().chain(address.octets()).chain(port_bytes);
    bytes.iter_mut().zip(all).for_each(|(place, byte)| *place = byte);
    bytes
}

/// Both halves of a product put together.
fn mix(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(product >> 64).unwrap_or(0);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_all_machines_and_other_things_have_others() {
        let hasher = Hasher::new(Timestamp::from_filetime(133_000_000_000_000_000));
        // Saved state holds such hashes: when this changes, its version has to.
        assert_eq!(hasher.hash(b"C:\\Windows"), 15488510957134977728);
        assert_eq!(
            hasher.hash_folded("C:\\WINDOWS\\a.dll"),
            hasher.hash_folded("c:\\windows\\A.dll")
        );
        assert_ne!(hasher.hash(b"ab"), hasher.hash(b"ab\0"));
        let address = |text: &str| text.parse::<IpAddr>().unwrap_or(IpAddr::from([0; 4]));
        let ends = [
            hasher.hash_end(address("192.0.2.1"), Some(443)),
            hasher.hash_end(address("192.0.2.1"), None),
            hasher.hash_end(address("192.0.2.1"), Some(0)),
            hasher.hash_end(address("::ffff:192.0.2.1"), Some(443)),
            Hasher::new(Timestamp::UNKNOWN).hash_end(address("192.0.2.1"), Some(443)),
        ];
        let mut unique = ends.to_vec();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ends.len());
    }

    #[test]
    fn many_things_that_are_alike_have_hashes_of_their_own() {
        let hasher = Hasher::new(Timestamp::from_filetime(1));
        let mut all: Vec<u64> =
            (0..200_000_u32).map(|number| hasher.hash(&number.to_le_bytes())).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200_000);
        // Each bit is set in about half of them.
        for bit in 0..64 {
            let set = all.iter().filter(|hash| *hash >> bit & 1 == 1).count();
            assert!((99_000..101_000).contains(&set), "{bit}: {set}");
        }
    }
}
