//! `json`

mod golden;
mod number;
mod string;
pub(crate) mod twin;
