//! What the single-line fields of a frame may hold.
//!
//! Each field is a type of its own with a private content, and its constructors are the only way
//! in: whoever holds an [`EventName`] holds a value that was checked, so the frame writer neither
//! checks again nor can be handed a value that would end the field, or the event, early. `data` and
//! comments need no type: every text is legal, a line end in it only starts another line.

use std::fmt;

use memchr::{memchr, memchr2, memchr3};

/// Why a value cannot be written into its field.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// The event name has a CR or LF.
    EventLineBreak,
    /// The event id has a CR or LF.
    IdLineBreak,
    /// The event id has a U+0000: a receiver would ignore the whole field.
    IdNull,
    /// The reconnection time is something other than one or more ASCII digits.
    RetryNotDigits,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EventLineBreak => "SSE 'event' must be a single line",
            Self::IdLineBreak => "SSE 'id' must be a single line",
            Self::IdNull => "SSE 'id' must not contain null characters",
            Self::RetryNotDigits => "SSE 'retry' must be a non-negative integer",
        })
    }
}

impl std::error::Error for FieldError {}

/// The value of an `event` field: a text without CR and LF.
///
/// The empty name is legal; a receiver reads it as `message`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct EventName<'a>(&'a str);

impl<'a> EventName<'a> {
    /// Checks a text.
    ///
    /// # Errors
    ///
    /// [`FieldError::EventLineBreak`] if it has a CR or LF.
    #[inline]
    pub fn new(name: &'a str) -> Result<Self, FieldError> {
        match memchr2(b'\r', b'\n', name.as_bytes()) {
            None => Ok(Self(name)),
            Some(_) => Err(FieldError::EventLineBreak),
        }
    }

    /// The text that was checked.
    #[inline]
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// The value of an `id` field: a text without CR, LF and U+0000.
///
/// The empty id is legal; a receiver forgets the last event id when it reads it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct EventId<'a>(&'a str);

impl<'a> EventId<'a> {
    /// Checks a text.
    ///
    /// # Errors
    ///
    /// [`FieldError::IdNull`] if it has a U+0000, also when a line break comes before it (`fastapi`
    /// checks in this order); else [`FieldError::IdLineBreak`] if it has a CR or LF.
    #[inline]
    pub fn new(id: &'a str) -> Result<Self, FieldError> {
        let bytes = id.as_bytes();
        // One scan for a legal id; which of the two errors it is matters only to an illegal one.
        match memchr3(b'\0', b'\r', b'\n', bytes) {
            None => Ok(Self(id)),
            Some(at) if memchr(b'\0', &bytes[at..]).is_some() => Err(FieldError::IdNull),
            Some(_) => Err(FieldError::IdLineBreak),
        }
    }

    /// The text that was checked.
    #[inline]
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// The value of a `retry` field: one or more ASCII digits, in milliseconds.
///
/// Digits and not a number, because neither the standard nor Python bounds the integer.
#[derive(Copy, Clone, Debug)]
pub struct Retry<'a>(Digits<'a>);

/// As many digits as the largest `u64` has.
const WIDTH: usize = 20;

#[derive(Copy, Clone, Debug)]
enum Digits<'a> {
    /// Right-aligned digits from `start` on. Kept here, because a number has no text to borrow and
    /// a frame should not cost an allocation for it.
    Own {
        digits: [u8; WIDTH],
        start: usize,
    },
    Borrowed(&'a [u8]),
}

impl<'a> Retry<'a> {
    /// Writes out a number, which is always legal.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        let mut digits = [b'0'; WIDTH];
        let mut start = WIDTH;
        let mut rest = millis;
        loop {
            start -= 1;
            digits[start] += (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return Self(Digits::Own { digits, start });
            }
        }
    }

    /// Checks digits. They are kept as they are, leading zeros and all, and may be more than fit
    /// into any machine integer.
    ///
    /// # Errors
    ///
    /// [`FieldError::RetryNotDigits`] if the text is empty or has anything but ASCII digits: a
    /// sign, a space or a digit of another script included.
    pub fn from_digits(digits: &'a str) -> Result<Self, FieldError> {
        let digits = digits.as_bytes();
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(Digits::Borrowed(digits)))
        } else {
            Err(FieldError::RetryNotDigits)
        }
    }

    /// The digits, as they stand in a frame.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Digits::Own { digits, start } => &digits[*start..],
            Digits::Borrowed(digits) => digits,
        }
    }
}
