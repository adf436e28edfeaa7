//! Decimal text to units of 10^-9, without floating point.

use gavel_types::Price;

/// Parses `"12.5"` to 12_500_000_000. None if it is not a plain decimal number, has more than nine
/// decimals, or does not fit.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<Price> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let mut value = whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?;
    if !fraction.is_empty() {
        let scale = 10_i64.pow(9 - fraction.len() as u32);
        value = value.checked_add(fraction.parse::<i64>().ok()? * scale)?;
    }
    Some(Price(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, nanos) in
            [("0", 0), ("1", 1_000_000_000), ("0.0001", 100_000), ("12.345678901", 12_345_678_901)]
        {
            assert_eq!(parse_decimal(text), Some(Price(nanos)), "{text}");
        }
        for text in ["", ".5", "-1", "1e3", "0.1234567890", "9300000000000000000", "1.2.3", " 1"] {
            assert_eq!(parse_decimal(text), None, "{text}");
        }
    }
}
