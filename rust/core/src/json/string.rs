//! Strings.
//!
//! Most strings of a stream are a token long and have nothing to escape, so that case comes first:
//! a text of up to 32 bytes is checked in at most four words, which overlap instead of leaving a
//! tail, and copied by fixed-size pieces that overlap likewise, without a call to `memcpy`. A
//! longer text is scanned four words at a time, in arithmetic that LLVM turns into vector code,
//! and what lies between two escapes is copied whole.
//!
//! `benches/json.rs`, on x86-64 without AVX: a token takes 3.4 ns (`serde_json` 5.3, `memcpy` 3.7),
//! 4 kB of plain ASCII 155 ns (`serde_json` 1040, `memcpy` 40), 4 kB with 82 escapes 520 ns
//! (`serde_json` 1110). Rejected:
//!
//! - A table look-up per byte, as `serde_json` has: 1000 ns for plain 4 kB.
//! - One word at a time: 360 ns.
//! - Comparing bytes in blocks and leaving all to LLVM: 215, 220, 140 ns in blocks of 16, 32, 64,
//!   but 520, 635, 650 ns with escapes, where a hit is to be located in another way. The special
//!   bytes would have to be said twice, too.
//! - Copying each block while it is scanned and taking back what follows a hit: 285 ns in blocks of
//!   16, 230 in blocks of 32, 590 and 630 with escapes.
//! - One path for texts of all lengths: tokens take 1.4 times as long.
//! - Scanning in blocks again right after an escape: 52 instead of 40 ns for 63 bytes of JSON in
//!   JSON (`serde_json` 39, the one kind of text where its table is not behind).

use super::escape::{Ascii, Dialect, Escape, Utf8, Utf8LineSafe};

/// Writes `text` as a JSON string, quotes included.
#[inline]
pub fn string(buffer: &mut Vec<u8>, text: &str, escape: Escape) {
    // The quotes, and a word that is cut to size: then what follows finds its room made.
    buffer.reserve(2 + text.len() + 8);
    buffer.push(b'"');
    string_body(buffer, text, escape);
    buffer.push(b'"');
}

/// Writes what stands between the quotes of a JSON string, for a caller that puts more between
/// them or keeps it to write often.
#[inline]
pub fn string_body(buffer: &mut Vec<u8>, text: &str, escape: Escape) {
    match escape {
        Escape::Utf8 => body::<Utf8>(buffer, text.as_bytes()),
        Escape::Utf8LineSafe => body::<Utf8LineSafe>(buffer, text.as_bytes()),
        Escape::Ascii => body::<Ascii>(buffer, text.as_bytes()),
    }
}

/// Writes JSON that is written already, with U+0085, U+2028 and U+2029 as `\uXXXX`: what
/// [`Escape::Utf8LineSafe`] would have written. (In JSON they stand nowhere but in strings.)
pub fn line_safe(buffer: &mut Vec<u8>, json: &str) {
    let mut rest = json;
    while let Some(at) = rest.find(['\u{85}', '\u{2028}', '\u{2029}']) {
        let (plain, from) = rest.split_at(at);
        buffer.extend_from_slice(plain.as_bytes());
        let length = Utf8LineSafe::write(buffer, from.as_bytes());
        rest = &from[length..];
    }
    buffer.extend_from_slice(rest.as_bytes());
}

#[inline]
fn body<D: Dialect>(buffer: &mut Vec<u8>, text: &[u8]) {
    if !append_short_and_plain::<D>(buffer, text) {
        escaped::<D>(buffer, text);
    }
}

/// Alternates between what needs no escape and what does.
fn escaped<D: Dialect>(buffer: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        // Where there is one escape, the next is mostly near.
        if let Some(head) = rest.first_chunk()
            && let marks = D::marks(u64::from_le_bytes(*head))
            && marks != 0
        {
            append_start(buffer, *head, lowest(marks));
            rest = &rest[lowest(marks)..];
        } else if let Some(at) = find::<D>(rest) {
            append(buffer, &rest[..at]);
            rest = &rest[at..];
        } else {
            return append(buffer, rest);
        }
        rest = &rest[D::write(buffer, rest)..];
    }
}

/// Appends `text` and returns true if it has no more than 32 bytes and none of them is special.
#[inline]
fn append_short_and_plain<D: Dialect>(buffer: &mut Vec<u8>, text: &[u8]) -> bool {
    if text.len() > 32 {
        return false;
    }
    if let (Some(head), Some(tail)) = ends::<16>(text) {
        if marks::<D>(head) | marks::<D>(tail) != 0 {
            return false;
        }
        append_ends(buffer, head, tail, text.len());
    } else if let (Some(head), Some(tail)) = ends::<8>(text) {
        if marks::<D>(head) | marks::<D>(tail) != 0 {
            return false;
        }
        append_ends(buffer, head, tail, text.len());
    } else {
        let word = padded(text);
        if D::marks(word) != 0 {
            return false;
        }
        append_start(buffer, word.to_le_bytes(), text.len());
    }
    true
}

/// The position of the first special byte.
#[inline]
fn find<D: Dialect>(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks();
    let (blocks, _) = words.as_chunks::<4>();
    let plain = blocks
        .iter()
        .take_while(|block| marks::<D>(block.as_flattened()) == 0)
        .count();
    let mut at = plain * 32;
    for word in &words[plain * 4..] {
        let marks = D::marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(at + lowest(marks));
        }
        at += 8;
    }
    // The tail, with bytes before it that are known not to be special; or the whole short text.
    let (start, tail) = match text.last_chunk() {
        Some(tail) => (text.len() - 8, u64::from_le_bytes(*tail)),
        None => (0, padded(text)),
    };
    match D::marks(tail) {
        0 => None,
        marks => Some(start + lowest(marks)),
    }
}

/// Which byte of a word the lowest mark is on.
#[inline]
const fn lowest(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// The marks of all words of `block`, one over the other. Its length must be a multiple of eight.
#[inline]
fn marks<D: Dialect>(block: &[u8]) -> u64 {
    let (words, _) = block.as_chunks();
    words
        .iter()
        .fold(0, |marks, word| marks | D::marks(u64::from_le_bytes(*word)))
}

/// Fewer than eight bytes as a word, filled up with spaces, which nobody escapes.
#[inline]
fn padded(text: &[u8]) -> u64 {
    let length = text.len();
    let at = |place: usize| u64::from(text[place]) << (8 * place);
    let bytes = if let (Some(head), Some(tail)) = ends::<4>(text) {
        let tail = u64::from(u32::from_le_bytes(*tail)) << (8 * (length - 4));
        u64::from(u32::from_le_bytes(*head)) | tail
    } else if length > 0 {
        at(0) | at(length / 2) | at(length - 1)
    } else {
        0
    };
    bytes | (u64::from_le_bytes([b' '; 8]) << (8 * length))
}

/// The first and the last `N` bytes, which may overlap.
#[inline]
fn ends<const N: usize>(text: &[u8]) -> (Option<&[u8; N]>, Option<&[u8; N]>) {
    (text.first_chunk(), text.last_chunk())
}

/// Appends JSON that is written already, such as the keys of an object.
///
/// [`Vec::extend_from_slice`] would do, but pieces are mostly too short to be worth the call of
/// `memcpy` that it makes.
#[inline]
pub fn append(buffer: &mut Vec<u8>, text: &[u8]) {
    if text.len() > 32 {
        buffer.extend_from_slice(text);
    } else if let (Some(head), Some(tail)) = ends::<16>(text) {
        append_ends(buffer, head, tail, text.len());
    } else if let (Some(head), Some(tail)) = ends::<8>(text) {
        append_ends(buffer, head, tail, text.len());
    } else {
        append_start(buffer, padded(text).to_le_bytes(), text.len());
    }
}

/// Appends a text of `length` bytes, `N` to `2 * N`, as its first `N` and its last, which may
/// overlap.
#[inline]
fn append_ends<const N: usize>(
    buffer: &mut Vec<u8>,
    head: &[u8; N],
    tail: &[u8; N],
    length: usize,
) {
    buffer.extend_from_slice(head);
    buffer.truncate(buffer.len() + length - 2 * N);
    buffer.extend_from_slice(tail);
}

/// Appends the first `length` bytes of a word.
#[inline]
fn append_start(buffer: &mut Vec<u8>, word: [u8; 8], length: usize) {
    buffer.extend_from_slice(&word);
    buffer.truncate(buffer.len() - 8 + length);
}
