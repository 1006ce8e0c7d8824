//! Wildcards by their definition: a table of which beginnings of the pattern fit which beginnings of the
//! text. Slow, but nothing in it can go wrong by going back too little.

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// This character.
    One(char),
    /// One of these.
    OneOf(&'static [char]),
    /// Any one.
    Each,
    /// Any run.
    Run,
}

/// Whether the whole text is like the whole pattern; characters are compared by `same`.
pub fn like(pattern: &[Token], text: &str, same: impl Fn(char, char) -> bool) -> bool {
    let letters: Vec<char> = text.chars().collect();
    // Of the pattern up to some token: whether it fits the first 0, 1, 2, … characters.
    let mut fits: Vec<bool> = (0..=letters.len()).map(|length| length == 0).collect();
    for token in pattern {
        let before = fits.clone();
        for length in 0..=letters.len() {
            let one_less = length > 0 && before[length - 1];
            fits[length] = match token {
                Token::Run => before[length] || length > 0 && fits[length - 1],
                Token::Each => one_less,
                Token::One(wanted) => one_less && same(*wanted, letters[length - 1]),
                Token::OneOf(wanted) => one_less && wanted.contains(&letters[length - 1]),
            };
        }
    }
    fits[letters.len()]
}
