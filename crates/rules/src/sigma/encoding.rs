//! Encodings of rule values: UTF-16 and base64.
//!
//! `base64offset` finds a text inside longer base64, where it can begin at any of three positions
//! of a group of three bytes: the text is encoded behind 0, 1 and 2 filler bytes, then the
//! characters that depend on what stands before or behind are cut off.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How a value is turned into code units before base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wide {
    /// UTF-16, little endian (`wide`, `utf16le`).
    LittleEndian,
    /// UTF-16, big endian.
    BigEndian,
    /// UTF-16, little endian, behind a byte order mark.
    WithMark,
}

/// The bytes of a text, in UTF-8 or in UTF-16.
#[must_use]
pub fn bytes(text: &str, wide: Option<Wide>) -> Vec<u8> {
    match wide {
        None => text.as_bytes().to_vec(),
        Some(Wide::LittleEndian) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(Wide::BigEndian) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Some(Wide::WithMark) => {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        }
    }
}

/// Base64 of the bytes, padded.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The three forms in which the bytes can occur inside longer base64.
///
/// ```
/// let forms = etwatch_rules::sigma::encoding::base64_offsets(b"foobar");
/// assert_eq!(forms, ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
/// ```
#[must_use]
pub fn base64_offsets(bytes: &[u8]) -> [String; 3] {
    const CUT_BEFORE: [usize; 3] = [0, 2, 3];
    const CUT_BEHIND: [usize; 3] = [0, 3, 2];
    [0_usize, 1, 2].map(|shift| {
        let mut shifted = vec![b' '; shift];
        shifted.extend_from_slice(bytes);
        let encoded = STANDARD.encode(&shifted);
        let behind = CUT_BEHIND.get(shifted.len() % 3).copied().unwrap_or(0);
        let before = CUT_BEFORE.get(shift).copied().unwrap_or(0);
        encoded.get(before..encoded.len().saturating_sub(behind)).unwrap_or_default().to_owned()
    })
}
