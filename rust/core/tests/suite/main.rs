//! The crate's promises, held against naive twins, the HTML Standard's examples and the Web
//! Platform Tests' cases. One module per module of the crate, in one binary so that it links once.

mod field;
mod frame;
mod json;
mod line;
mod parse;
mod strategy;
mod template;
mod twin;
mod wpt;
