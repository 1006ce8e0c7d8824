//! Plain LZ77 of XPRESS by its definition (MS-XCA 2.3 and 2.4): a packer that tries all it may repeat, and an
//! unpacker that goes byte by byte.
//!
//! A stream is groups of 32 flags, highest first: 0 is a byte, 1 a match, of which 16 bits tell the
//! distance and, if it is short, the length. Longer ones go on in half a byte, a byte, 16 bits, 32 bits;
//! two matches share the byte of their halves.

/// What a stream is made of.
#[derive(Clone, Copy, Debug)]
pub enum Token {
    /// A byte.
    Literal(u8),
    /// Distance and length.
    Match(usize, usize),
}

/// The shortest match.
pub const SHORTEST: usize = 3;
/// The furthest that a match reaches back.
pub const FURTHEST: usize = 8_192;

/// The stream of these tokens.
#[must_use]
pub fn encode(tokens: &[Token]) -> Vec<u8> {
    let (mut out, mut half) = (Vec::new(), None);
    for group in tokens.chunks(32) {
        let place = out.len();
        let mut flags = u32::MAX;
        out.extend([0; 4]);
        for (bit, token) in group.iter().enumerate() {
            match *token {
                Token::Literal(byte) => {
                    flags &= !(1 << (31 - bit));
                    out.push(byte);
                }
                Token::Match(distance, length) => {
                    encode_match(&mut out, &mut half, distance - 1, length - SHORTEST);
                }
            }
        }
        out[place..place + 4].copy_from_slice(&flags.to_le_bytes());
    }
    out
}

fn encode_match(out: &mut Vec<u8>, half: &mut Option<usize>, distance: usize, length: usize) {
    let word = u16::try_from(distance << 3 | length.min(7)).unwrap();
    out.extend(word.to_le_bytes());
    let Some(more) = length.checked_sub(7) else { return };
    let low = u8::try_from(more.min(15)).unwrap();
    match half.take() {
        Some(place) => out[place] |= low << 4,
        None => {
            *half = Some(out.len());
            out.push(low);
        }
    }
    let Some(more) = more.checked_sub(15) else { return };
    out.push(u8::try_from(more.min(255)).unwrap());
    if more >= 255 {
        match u16::try_from(length) {
            Ok(length) => out.extend(length.to_le_bytes()),
            Err(_) => {
                out.extend([0, 0]);
                out.extend(u32::try_from(length).unwrap().to_le_bytes());
            }
        }
    }
}

/// What tokens stand for, byte by byte.
#[must_use]
pub fn expand(tokens: &[Token]) -> Vec<u8> {
    let mut out = Vec::new();
    for token in tokens {
        match *token {
            Token::Literal(byte) => out.push(byte),
            Token::Match(distance, length) => repeat(&mut out, distance, length),
        }
    }
    out
}

fn repeat(out: &mut Vec<u8>, distance: usize, length: usize) {
    (0..length).for_each(|_| out.push(out[out.len() - distance]));
}

/// Takes the longest match at each place that reaches back `furthest` bytes, at most [`FURTHEST`].
#[must_use]
pub fn tokens_of(data: &[u8], furthest: usize) -> Vec<Token> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < data.len() {
        let length_at = |distance: &usize| {
            let earlier = &data[at - distance..];
            data[at..].iter().zip(earlier).take_while(|(a, b)| a == b).count()
        };
        let best = (1..=at.min(furthest).min(FURTHEST)).max_by_key(length_at);
        match best.map(|distance| (distance, length_at(&distance))) {
            Some((distance, length)) if length >= SHORTEST => {
                tokens.push(Token::Match(distance, length));
                at += length;
            }
            _ => {
                tokens.push(Token::Literal(data[at]));
                at += 1;
            }
        }
    }
    tokens
}

/// The `length` bytes that `input` stands for; `None` if it stands for more or fewer, or for none at all.
#[must_use]
pub fn unpack_plainly(input: &[u8], length: usize) -> Option<Vec<u8>> {
    let (mut input, mut half, mut out) = (Input(input), None, Vec::new());
    let (mut flags, mut left) = (0, 0);
    while out.len() < length {
        if left == 0 {
            (flags, left) = (input.number(4)?, 32);
        }
        left -= 1;
        if flags >> left & 1 == 0 {
            out.push(input.byte()?);
            continue;
        }
        let word = input.number(2)?;
        let distance = (word >> 3) + 1;
        let bytes = SHORTEST + if word & 7 < 7 { word & 7 } else { input.long(&mut half)? };
        if distance > out.len() || bytes > length - out.len() {
            return None;
        }
        repeat(&mut out, distance, bytes);
    }
    // A writer may leave flags without anything behind them.
    let is_whole = input.0.is_empty() || left == 0 && input.0 == [0xff; 4];
    is_whole.then_some(out)
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
    /// A number of so many bytes, the low one first.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let mut number = 0;
        for place in 0..bytes {
            number |= usize::from(self.byte()?) << (8 * place);
        }
        Some(number)
    }
    /// The length of a match, less [`SHORTEST`], from its half byte on.
    fn long(&mut self, half: &mut Option<u8>) -> Option<usize> {
        let low = match half.take() {
            Some(high) => high,
            None => {
                let both = self.byte()?;
                *half = Some(both >> 4);
                both & 15
            }
        };
        if low < 15 {
            return Some(7 + usize::from(low));
        }
        let byte = self.byte()?;
        if byte < 255 {
            return Some(7 + 15 + usize::from(byte));
        }
        let whole = match self.number(2)? {
            0 => self.number(4)?,
            whole => whole,
        };
        // What fits half a byte is written there.
        (whole >= 7 + 15).then_some(whole)
    }
}
