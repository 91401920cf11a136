//! The slow and literal versions of the JSON writers: strings character by character, floats from
//! the standard library's digits.

use eventwire_core::json::{Escape, FloatFormat};

/// [`eventwire_core::json::string`].
pub(crate) fn string(text: &str, escape: Escape) -> String {
    let body: String = text.chars().map(|it| character(it, escape)).collect();
    format!("\"{body}\"")
}

fn character(character: char, escape: Escape) -> String {
    let escaped = match escape {
        Escape::Utf8 => false,
        Escape::Utf8LineSafe => ['\u{85}', '\u{2028}', '\u{2029}'].contains(&character),
        Escape::Ascii => character >= '\u{7f}',
    };
    match character {
        '"' => r#"\""#.to_owned(),
        '\\' => r"\\".to_owned(),
        '\u{8}' => r"\b".to_owned(),
        '\t' => r"\t".to_owned(),
        '\n' => r"\n".to_owned(),
        '\u{c}' => r"\f".to_owned(),
        '\r' => r"\r".to_owned(),
        _ if escaped || character < ' ' => {
            let units = character.encode_utf16(&mut [0; 2]).to_vec();
            let units: Vec<String> = units.iter().map(|it| format!(r"\u{it:04x}")).collect();
            units.concat()
        }
        _ => character.to_string(),
    }
}

/// [`eventwire_core::json::float`].
pub(crate) fn float(value: f64, format: FloatFormat) -> String {
    let scientific = shortest(value);
    let (mantissa, exponent) = scientific.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    let (fixed_from, exponent_width) = match format {
        FloatFormat::Pydantic => (-5, 2),
        FloatFormat::Python => (-4, 3),
    };
    if !(fixed_from..16).contains(&exponent) {
        // The width includes the sign.
        return format!("{mantissa}e{exponent:+0exponent_width$}");
    }
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits = mantissa.replace(['-', '.'], "");
    if let Ok(exponent) = usize::try_from(exponent) {
        let digits = format!("{digits:0<width$}", width = exponent + 2);
        let (whole, fraction) = digits.split_at(exponent + 1);
        format!("{sign}{whole}.{fraction}")
    } else {
        let zeros = "0".repeat(usize::try_from(-exponent).unwrap() - 1);
        format!("{sign}0.{zeros}{digits}")
    }
}

/// The fewest digits that read back as `value`, with an exponent, as the standard library writes
/// them. But of two that are equally close it takes the larger where others take the even one,
/// which it only takes when told how many digits to write. (These in turn may not read back: just
/// below a power of two floats are denser than just above.)
fn shortest(value: f64) -> String {
    let shortest = format!("{value:e}");
    let mantissa = shortest.split('e').next().unwrap();
    let precision = mantissa.split_once('.').map_or(0, |(_, it)| it.len());
    let even = format!("{value:.precision$e}");
    if even.parse() == Ok(value) {
        even
    } else {
        shortest
    }
}
