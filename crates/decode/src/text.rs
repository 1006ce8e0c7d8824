//! Text of Windows to UTF-8, losing nothing silently.
//!
//! Nearly all text of events is ASCII in 16-bit units, so that case is found with one pass that the compiler
//! turns into vector instructions and copied with a second one. Everything else goes letter by letter. What
//! is no text (half of a surrogate pair, half of a unit, broken UTF-8) becomes U+FFFD, one for each.

/// Room for one text, used again and again.
#[derive(Clone, Debug, Default)]
pub struct Room {
    bytes: Vec<u8>,
}

impl Room {
    /// The UTF-16 text in `units`, two bytes each, low byte first.
    pub fn utf16(&mut self, units: &[u8]) -> &str {
        self.bytes.clear();
        let (pairs, odd) = units.as_chunks::<2>();
        let seen = pairs.iter().fold(0, |seen, pair| seen | u16::from_le_bytes(*pair));
        if seen < 0x80 {
            self.bytes.extend(pairs.iter().map(|[low, _]| *low));
        } else {
            let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
            for letter in char::decode_utf16(units) {
                self.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        if !odd.is_empty() {
            self.push(char::REPLACEMENT_CHARACTER);
        }
        self.text()
    }
    /// The text in Windows' code page 1252.
    pub fn ansi<'a>(&'a mut self, bytes: &'a [u8]) -> &'a str {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => text,
            _ => {
                self.bytes.clear();
                bytes.iter().for_each(|byte| self.push(windows_1252(*byte)));
                self.text()
            }
        }
    }
    /// The text in UTF-8.
    pub fn utf8<'a>(&'a mut self, bytes: &'a [u8]) -> &'a str {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return text;
        }
        self.bytes.clear();
        for chunk in bytes.utf8_chunks() {
            self.bytes.extend_from_slice(chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                self.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.text()
    }
    /// What is shown of `value`.
    pub fn show(&mut self, value: &dyn std::fmt::Display) -> &str {
        use std::io::Write as _;
        self.bytes.clear();
        // Writing to a Vec can't fail.
        let _ = write!(self.bytes, "{value}");
        self.text()
    }
    fn push(&mut self, letter: char) {
        self.bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    /// INVARIANT: only whole letters are ever pushed, so this is always text.
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

/// The bytes of UTF-16 text before its NUL; `None` if there is no NUL.
#[must_use]
pub fn before_nul_utf16(bytes: &[u8]) -> Option<&[u8]> {
    // Four units at a time: taking 1 from each borrows into its highest bit only where it was zero.
    const ONES: u64 = 0x0001_0001_0001_0001;
    const HIGHEST: u64 = 0x8000_8000_8000_8000;
    let clear = |block: &&[u8; 8]| {
        let units = u64::from_le_bytes(**block);
        units.wrapping_sub(ONES) & !units & HIGHEST == 0
    };
    let (blocks, _) = bytes.as_chunks::<8>();
    let at = blocks.iter().take_while(clear).count() * 8;
    let (units, _) = bytes.get(at..)?.as_chunks::<2>();
    let unit = units.iter().position(|unit| *unit == [0, 0])?;
    bytes.get(..at + unit * 2)
}

/// `bytes` of UTF-16 without the NULs at its end.
#[must_use]
pub fn trim_nul_utf16(mut bytes: &[u8]) -> &[u8] {
    while bytes.len().is_multiple_of(2)
        && let Some((rest, [0, 0])) = bytes.split_last_chunk::<2>()
    {
        bytes = rest;
    }
    bytes
}

/// `bytes` of 8-bit text without the NULs at its end.
#[must_use]
pub fn trim_nul(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = bytes {
        bytes = rest;
    }
    bytes
}

/// What a byte of Windows' code page 1252 stands for; the five that stand for nothing keep their number.
fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let place = byte.checked_sub(0x80).map(usize::from);
    place.and_then(|place| FROM_80.get(place).copied()).unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utf16(bytes: &[u8]) -> String {
        Room::default().utf16(bytes).to_owned()
    }
    fn bytes_of(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn what_is_no_utf_16_is_replaced_and_the_rest_kept() {
        let half = [bytes_of("a"), vec![0x3d, 0xd8], bytes_of("b")].concat();
        assert_eq!(utf16(&half), "a\u{fffd}b");
        assert_eq!(utf16(&[b'a', 0, b'b']), "a\u{fffd}");
        assert_eq!(utf16(&bytes_of("a\0b")), "a\0b");
    }

    #[test]
    fn a_nul_is_a_whole_unit() {
        // U+6100 U+0061: the zeros of both stand side by side, but belong to two units.
        assert_eq!(
            before_nul_utf16(&[0x61, 0, 0, 0x61, 0, 0, 9, 9]),
            Some(&[0x61, 0, 0, 0x61][..])
        );
        assert_eq!(before_nul_utf16(&[0x00, 0x61, 0x61, 0]), None);
        assert_eq!(before_nul_utf16(&[0x61, 0, 0]), None);
        assert_eq!(before_nul_utf16(&[0, 0]), Some(&[][..]));
        assert_eq!(trim_nul_utf16(&[0x61, 0, 0, 0, 0, 0]), [0x61, 0]);
        assert_eq!(trim_nul_utf16(&[0, 0]), []);
        assert_eq!(trim_nul_utf16(&[0x61, 0, 0]), [0x61, 0, 0]);
    }

    #[test]
    fn ansi_is_windows_1252() {
        let mut room = Room::default();
        assert_eq!(room.ansi(b"caf\xe9 \x80 \x81"), "café € \u{81}");
        assert_eq!(room.ansi(b"plain"), "plain");
        assert_eq!(room.utf8(b"caf\xc3\xa9 \xff"), "café \u{fffd}");
    }

    proptest! {
        #[test]
        fn text_comes_back(text in "\\PC{0,20}") {
            prop_assert_eq!(utf16(&bytes_of(&text)), text);
        }
        #[test]
        fn the_nul_is_the_first_one(units in prop::collection::vec(0_u16..3, 0..12)) {
            let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let first = units.iter().position(|unit| *unit == 0);
            prop_assert_eq!(before_nul_utf16(&bytes).map(<[u8]>::len), first.map(|at| at * 2));
        }
    }
}
