//! Any bytes as a packed stream: unpacked to as many bytes as were asked for, the same that the definition
//! gives, or refused. What was packed comes out again.

use etwatch_capture::etl::{XpressError, unpack};

use super::choices::Choices;
use super::xpress::{FURTHEST, SHORTEST, Token, encode, expand, tokens_of, unpack_plainly};

/// Bytes that are packed by trying all that may be repeated.
const MOST_PACKED: usize = 400;
/// Bytes that chosen tokens stand for.
const MOST_EXPANDED: usize = 20_000;

/// The first byte says what the others are: a length and a stream, tokens, or what is to be packed.
pub fn check(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    match choices.below(3) {
        0 => check_stream(&mut choices),
        1 => check_tokens(&tokens(&mut choices)),
        _ => {
            let times = 1 + choices.below(8);
            let data = choices.rest();
            let data = data.get(..MOST_PACKED / times).unwrap_or(data).repeat(times);
            let tokens = tokens_of(&data, FURTHEST);
            assert_eq!(expand(&tokens), data);
            check_tokens(&tokens);
        }
    }
}

fn check_stream(choices: &mut Choices<'_>) {
    // Up to a quarter of a megabyte, or more than there can be.
    let length = match choices.number() {
        0xffff => usize::MAX,
        length => usize::from(length) << choices.below(3),
    };
    let unpacked = unpacked(choices.rest(), length);
    if length == usize::MAX {
        return assert_eq!(unpacked, Err(XpressError::TooMuch { length }));
    }
    assert_eq!(unpacked.ok(), unpack_plainly(choices.rest(), length));
}

/// Bytes and matches that reach back no further than there are bytes.
fn tokens(choices: &mut Choices<'_>) -> Vec<Token> {
    let (mut tokens, mut written) = (Vec::new(), 0);
    while !choices.rest().is_empty() && written < MOST_EXPANDED {
        let how = choices.byte();
        if how < 0x60 || written == 0 {
            tokens.push(Token::Literal(how));
            written += 1;
            continue;
        }
        // Half of them near, where copies overlap.
        let far = if how & 1 == 0 { choices.byte().into() } else { choices.number().into() };
        let distance = 1 + usize::min(far, FURTHEST - 1) % written;
        let length = match how >> 5 {
            7 => usize::from(choices.number()) * 2,
            6 => choices.number().into(),
            5 => choices.byte().into(),
            _ => choices.below(20),
        };
        tokens.push(Token::Match(distance, SHORTEST + length));
        written += SHORTEST + length;
    }
    tokens
}

fn check_tokens(tokens: &[Token]) {
    let (packed, whole) = (encode(tokens), expand(tokens));
    let length = whole.len();
    assert!(unpack_plainly(&packed, length).as_ref() == Some(&whole));
    assert!(unpacked(&packed, length).as_ref() == Ok(&whole));
    assert!(unpacked(&packed, length + 1).is_err());
    if length > 0 {
        assert!(unpacked(&packed, length - 1).is_err());
        assert!(unpacked(&packed[..packed.len() - 1], length).is_err());
    }
}

/// Unpacks into a room that was used before.
fn unpacked(input: &[u8], length: usize) -> Result<Vec<u8>, XpressError> {
    let mut room = vec![0xa5; 50];
    let unpacked = unpack(input, length, &mut room)?;
    assert_eq!(unpacked.len(), length);
    Ok(unpacked.to_vec())
}
