//! Plain scalars by the core schema of YAML 1.2: which texts are null, booleans and numbers.
//!
//! Words are spelt in three ways each, integers may be hexadecimal or octal, and a number that does not
//! fit is text. Older schemas' `yes`, `1_000` and `12:30:45` are text as well.

use super::Scalar;

/// What a plain scalar means in the core schema of YAML 1.2.
pub(crate) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "null" | "Null" | "NULL" | "~" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Boolean(true),
        "false" | "False" | "FALSE" => return Scalar::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::NotFinite,
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Scalar::NotFinite;
    }
    let digits =
        |text: &str, radix| !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    if let Some(hex) = text.strip_prefix("0x").filter(|hex| digits(hex, 16)) {
        return i128::from_str_radix(hex, 16).map_or(Scalar::Text, Scalar::Integer);
    }
    if let Some(octal) = text.strip_prefix("0o").filter(|octal| digits(octal, 8)) {
        return i128::from_str_radix(octal, 8).map_or(Scalar::Text, Scalar::Integer);
    }
    if digits(unsigned, 10) {
        return text.parse().map_or(Scalar::Text, Scalar::Integer);
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Scalar::Float(number),
            _ => Scalar::Text,
        };
    }
    Scalar::Text
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sound_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let sound_mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    sound_mantissa && sound_exponent
}
