//! JSON scalars, byte for byte as the two writers behind FastAPI's streams write them.
//!
//! Items of a declared type are written by Pydantic, all others by Python's `json.dumps`. The two
//! differ in what they escape ([`Escape`]) and in how they lay out floats ([`FloatFormat`]), not in
//! digits: both write the shortest ones that read back as the same float. Brackets, commas, colons
//! and the spaces after them are the caller's, who knows what it is walking over.
//!
//! ```
//! use eventwire_core::json::{self, Escape, FloatFormat};
//!
//! let mut compact = Vec::new();
//! json::string(&mut compact, "naïve\n", Escape::Utf8);
//! json::float(&mut compact, 0.000_01, FloatFormat::Pydantic);
//! assert_eq!(compact, "\"naïve\\n\"0.00001".as_bytes());
//!
//! let mut spaced = Vec::new();
//! json::string(&mut spaced, "naïve\n", Escape::Ascii);
//! json::float(&mut spaced, 0.000_01, FloatFormat::Python);
//! assert_eq!(spaced, br#""na\u00efve\n"1e-05"#);
//! ```

mod escape;
mod number;
mod string;

pub use escape::Escape;
pub use number::{FloatFormat, float, integer, unsigned};
pub use string::{append, line_safe, string, string_body};
