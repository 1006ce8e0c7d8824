//! Text for Windows and from it: UTF-16, ending with a NUL.

/// A text with its NUL. `None` if it has one inside, which would cut it short.
pub(super) fn wide(text: &str) -> Option<Vec<u16>> {
    let letters: Vec<u16> = text.encode_utf16().chain([0]).collect();
    (!text.contains('\0')).then_some(letters)
}

/// Letters in the order of bytes that this machine has; one that is none becomes U+FFFD.
pub(super) fn narrow(letters: &[[u8; 2]]) -> String {
    let letters = letters.iter().map(|letter| u16::from_ne_bytes(*letter));
    char::decode_utf16(letters).map(|letter| letter.unwrap_or('\u{fffd}')).collect()
}

/// The text up to the first NUL or the end.
pub(super) fn until_nul(letters: &[u16]) -> String {
    let length = letters.iter().position(|letter| *letter == 0).unwrap_or(letters.len());
    String::from_utf16_lossy(letters.get(..length).unwrap_or_default())
}

/// The texts of a list in which each ends with a NUL, and the list with an empty one.
pub(super) fn list(letters: &[u16]) -> impl Iterator<Item = String> {
    letters.split(|letter| *letter == 0).take_while(|text| !text.is_empty()).map(until_nul)
}
