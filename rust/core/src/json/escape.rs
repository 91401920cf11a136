//! What each dialect escapes, and as what.
//!
//! A dialect says which bytes are special once, for a word of eight bytes at a time; `string.rs`
//! runs everything through that one definition, short texts and tails included.

/// What is escaped in a string. Quote, backslash and U+0000 to U+001F always are: as `\"`, `\\`,
/// `\b`, `\t`, `\n`, `\f`, `\r`, else as `\u00XX`. The slash never is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Escape {
    /// Nothing else: as Pydantic.
    Utf8,
    /// U+0085, U+2028 and U+2029 too, which some clients take for line ends: the text of an event
    /// must survive a reader that cuts its lines as Python's `str.splitlines` does.
    Utf8LineSafe,
    /// U+007F and everything beyond ASCII too, as UTF-16 code units: as Python's `json.dumps`.
    Ascii,
}

/// A dialect, as the type that the loops are compiled for.
pub(super) trait Dialect {
    /// Marks the special bytes of `word`, eight bytes of text in little-endian order, by their
    /// highest bits. Zero if there is none; else the *lowest* mark is right, and those above it
    /// may be wrong: subtractions borrow from the bytes above a special one.
    fn marks(word: u64) -> u64;

    /// Writes the start of `text`, which is special, and returns how many bytes that was.
    fn write(buffer: &mut Vec<u8>, text: &[u8]) -> usize;
}

/// `word` with this byte in each place.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const HIGHEST_BITS: u64 = each(0x80);

/// Marks quote, backslash and control characters, and some bytes beyond ASCII: callers take those
/// out again or mark them all.
#[inline]
const fn ascii_marks(word: u64) -> u64 {
    // The exclusive or swaps the quote with the space, which puts it next to the controls.
    let controls_and_quote = (word ^ each(b'"' ^ b' ')).wrapping_sub(each(0x21));
    let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
    (controls_and_quote | backslash) & HIGHEST_BITS
}

pub(super) struct Utf8;

impl Dialect for Utf8 {
    #[inline]
    fn marks(word: u64) -> u64 {
        ascii_marks(word) & !word
    }

    #[inline]
    fn write(buffer: &mut Vec<u8>, text: &[u8]) -> usize {
        write_ascii(buffer, text[0]);
        1
    }
}

pub(super) struct Utf8LineSafe;

impl Dialect for Utf8LineSafe {
    /// Marks every 0xC2 and 0xE2: the first bytes of the three line ends, but of other characters
    /// too. Most texts have few; the last bytes of the three turn up all over CJK text.
    #[inline]
    fn marks(word: u64) -> u64 {
        let zero_if_first = (word | each(0xC2 ^ 0xE2)) ^ each(0xE2);
        let firsts = zero_if_first.wrapping_sub(each(1)) & !zero_if_first & HIGHEST_BITS;
        Utf8::marks(word) | firsts
    }

    #[inline]
    fn write(buffer: &mut Vec<u8>, text: &[u8]) -> usize {
        match *text {
            [0xC2, 0x85, ..] => {
                write_unit(buffer, 0x85);
                2
            }
            [0xE2, 0x80, 0xA8, ..] => {
                write_unit(buffer, 0x2028);
                3
            }
            [0xE2, 0x80, 0xA9, ..] => {
                write_unit(buffer, 0x2029);
                3
            }
            // Another character's first byte; the rest of it is not special and follows.
            [byte @ (0xC2 | 0xE2), ..] => {
                buffer.push(byte);
                1
            }
            _ => Utf8::write(buffer, text),
        }
    }
}

pub(super) struct Ascii;

impl Dialect for Ascii {
    #[inline]
    fn marks(word: u64) -> u64 {
        // Adding one carries U+007F into the highest bit, where bytes beyond ASCII have it already.
        ascii_marks(word) | ((word.wrapping_add(each(1)) | word) & HIGHEST_BITS)
    }

    /// Characters beyond ASCII seldom come alone: this writes all up to the next ASCII one.
    #[inline]
    fn write(buffer: &mut Vec<u8>, text: &[u8]) -> usize {
        if text[0].is_ascii() {
            return Utf8::write(buffer, text);
        }
        let mut rest = text;
        while let Some((character, after)) = split_wide(rest) {
            match character.checked_sub(0x1_0000) {
                None => write_unit(buffer, character),
                Some(offset) => {
                    write_unit(buffer, 0xD800 | (offset >> 10));
                    write_unit(buffer, 0xDC00 | (offset & 0x3FF));
                }
            }
            rest = after;
        }
        text.len() - rest.len()
    }
}

/// Splits off a first character that is not ASCII. `text` must be UTF-8 (it comes from a `str`),
/// which is why no sequence is checked.
#[inline]
fn split_wide(text: &[u8]) -> Option<(u32, &[u8])> {
    let low = |byte: u8| u32::from(byte & 0x3F);
    match *text {
        [a @ 0x80..=0xDF, b, ref rest @ ..] => Some(((u32::from(a & 0x1F) << 6) | low(b), rest)),
        [a @ 0xE0..=0xEF, b, c, ref rest @ ..] => {
            let character = (u32::from(a & 0xF) << 12) | (low(b) << 6) | low(c);
            Some((character, rest))
        }
        [a @ 0xF0..=0xFF, b, c, d, ref rest @ ..] => {
            let character = (u32::from(a & 0x7) << 18) | (low(b) << 12) | (low(c) << 6) | low(d);
            Some((character, rest))
        }
        _ => None,
    }
}

/// Writes a special ASCII character.
#[inline]
fn write_ascii(buffer: &mut Vec<u8>, byte: u8) {
    match LETTERS[usize::from(byte & 0x7F)] {
        0 => write_unit(buffer, u32::from(byte)),
        letter => buffer.extend_from_slice(&[b'\\', letter]),
    }
}

/// What follows the backslash for the characters that have a short escape; 0 for the others.
const LETTERS: [u8; 128] = {
    let mut letters = [0; 128];
    letters[0x08] = b'b';
    letters[0x09] = b't';
    letters[0x0A] = b'n';
    letters[0x0C] = b'f';
    letters[0x0D] = b'r';
    letters[b'"' as usize] = b'"';
    letters[b'\\' as usize] = b'\\';
    letters
};

/// Writes a UTF-16 code unit as `\uXXXX`.
#[inline]
fn write_unit(buffer: &mut Vec<u8>, unit: u32) {
    let digit = |shift: u32| b"0123456789abcdef"[(unit >> shift & 0xF) as usize];
    buffer.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}
