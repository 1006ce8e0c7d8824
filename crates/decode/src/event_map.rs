//! Names of values: read from `EVENT_MAP_INFO`, and looked up.
//!
//! A merged trace carries the maps of its providers in records of their own, each behind the GUID of the
//! provider. Fields name their map; [`crate::SchemaStore`] puts the two together.
//!
//! ```text
//! 0 offset of the map's name | 4 flags: 1, 8 value map, 2, 16 bit map | 8 entries | 12 type of the values
//! 16 entries: offset of the name, value; all offsets count from 0, names are UTF-16
//! ```

use std::fmt::Write as _;

use etwatch_event::Guid;

use crate::blob::Blob;
use crate::check::SchemaError;
use crate::schema::{FieldKind, Schema, ValueMap};

/// How many entries a map has at most.
const MOST_ENTRIES: usize = 65_536;
/// Flags of bit maps: of a manifest, of WMI, and WMI's flags.
const BITS: u32 = 0x2 | 0x10 | 0x20;
/// Flag of a map from patterns of text, which names no numbers.
const PATTERNS: u32 = 0x4;

impl ValueMap {
    /// Reads an `EVENT_MAP_INFO`. A map that names no numbers (patterns of text) has no entries.
    ///
    /// # Errors
    /// [`SchemaError`] if an offset lies outside of the bytes or there are too many entries.
    pub fn parse(bytes: &[u8]) -> Result<Self, SchemaError> {
        let blob = Blob(bytes);
        let flags = blob.u32("flags of the map", 4)?;
        let count = blob.size("entries of the map", 8)?;
        let texts = blob.u32("type of the map's values", 12)? != 0;
        let mut map = Self {
            name: blob.name("name of the map", 0)?,
            bits: flags & BITS != 0,
            entries: Vec::new(),
        };
        if flags & PATTERNS != 0 || texts {
            return Ok(map);
        }
        if count > MOST_ENTRIES {
            return Err(blob.cut("entries of the map", 8));
        }
        for place in (16..).step_by(8).take(count) {
            let name = blob.name("name of a value", place)?;
            map.entries.push((blob.u32("value", place + 4)?, name));
        }
        Ok(map)
    }
    /// Reads what a merged trace holds: the GUID of the provider, then an `EVENT_MAP_INFO`.
    ///
    /// # Errors
    /// As [`ValueMap::parse`].
    pub fn parse_of_provider(bytes: &[u8]) -> Result<(Guid, Self), SchemaError> {
        let guid = Blob(bytes).array("provider of the map", 0)?;
        Ok((Guid(guid), Self::parse(bytes.get(16..).unwrap_or_default())?))
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        512 + self.entries.iter().map(|(_, name)| 64 + name.len()).sum::<usize>()
    }
    /// Appends the name of `number` to `out`: one name, or those of the bits that are set, joined by `, `
    /// with what has no name behind them in hex. False, and nothing appended, if nothing has a name.
    pub fn push_name(&self, number: u64, out: &mut String) -> bool {
        let exact = self.entries.iter().find(|(value, _)| u64::from(*value) == number);
        if let Some((_, name)) = exact {
            out.push_str(name);
            return true;
        }
        if !self.bits {
            return false;
        }
        let mut rest = number;
        for (value, name) in &self.entries {
            let bits = u64::from(*value);
            if bits != 0 && number & bits == bits {
                if rest != number {
                    out.push_str(", ");
                }
                out.push_str(name);
                rest &= !bits;
            }
        }
        let named = rest != number;
        if named && rest != 0 {
            // Writing to a String can't fail.
            let _ = write!(out, ", {rest:#x}");
        }
        named
    }
}

impl Schema {
    /// Appends what the value `number` of the field at `field` is called, see [`ValueMap::push_name`];
    /// false if it has no name.
    pub fn value_name(&self, field: usize, number: u64, out: &mut String) -> bool {
        match self.fields.get(field).map(|field| &field.kind) {
            Some(FieldKind::Value(_, _, Some(map))) => map.push_name(number, out),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(bits: bool) -> ValueMap {
        let entries = [(1, "one"), (2, "two"), (4, "four"), (6, "both")];
        let entries = entries.map(|(number, name)| (number, name.into())).to_vec();
        ValueMap { name: "M".into(), bits, entries }
    }

    /// The bytes that [`ValueMap::parse`] reads, names with the blank that Windows' tools append.
    fn blob(map: &ValueMap) -> Vec<u8> {
        let mut names = Vec::new();
        let behind = 16 + 8 * map.entries.len();
        let mut place = |name: &str| {
            let at = u32::try_from(behind + names.len()).unwrap();
            names.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
            names.extend([b' ', 0, 0, 0]);
            at
        };
        let flags = if map.bits { 2 } else { 1 };
        let mut numbers =
            vec![place(&map.name), flags, u32::try_from(map.entries.len()).unwrap(), 0];
        for (number, name) in &map.entries {
            numbers.extend([place(name), *number]);
        }
        [numbers.into_iter().flat_map(u32::to_le_bytes).collect(), names].concat()
    }

    #[test]
    fn a_map_comes_back_from_its_bytes() {
        for bits in [false, true] {
            let bytes = blob(&map(bits));
            assert_eq!(ValueMap::parse(&bytes), Ok(map(bits)));
            let of_provider = [&[7; 16], &*bytes].concat();
            assert_eq!(ValueMap::parse_of_provider(&of_provider), Ok((Guid([7; 16]), map(bits))));
            for cut in 0..bytes.len() {
                let cut = bytes.get(..cut).unwrap();
                assert!(matches!(ValueMap::parse(cut), Err(SchemaError::Cut { .. })));
            }
        }
    }

    #[test]
    fn a_number_of_entries_that_can_not_be_is_refused() {
        let mut bytes = blob(&map(false));
        bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(ValueMap::parse(&bytes).is_err());
        bytes[8..12].copy_from_slice(&60_000_u32.to_le_bytes());
        assert!(ValueMap::parse(&bytes).is_err());
    }

    #[test]
    fn values_and_bits_have_names() {
        let table = [
            (false, 2, Some("two")),
            (false, 3, None),
            (true, 1, Some("one")),
            (true, 3, Some("one, two")),
            (true, 6, Some("both")),
            (true, 0x15, Some("one, four, 0x10")),
            (true, 0x8000_0000_0000_0001, Some("one, 0x8000000000000000")),
            (true, 0x10, None),
            (true, 0, None),
        ];
        for (bits, number, name) in table {
            let mut out = String::new();
            assert_eq!(map(bits).push_name(number, &mut out), name.is_some(), "{number}");
            assert_eq!(out, name.unwrap_or_default());
        }
    }
}
