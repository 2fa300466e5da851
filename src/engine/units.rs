//! Numbers are parsed and written here. ε has three spellings: a share of the pixel range [0, 1], a multiple of 1/255,
//! and grey levels of an 8-bit picture.

use super::{Error, Result};

/// The grey levels from black to white in an 8-bit picture, without black itself.
pub const LEVELS: f32 = 255.0;

/// Parses `0.007` or `8/255`: a finite number of at least zero, in units of the pixel range [0, 1]. Fails for anything
/// else.
pub fn parse_eps(text: &str) -> Result<f32> {
    let number = |t: &str| t.trim().parse::<f32>().ok();
    let value = match text.split_once('/') {
        Some((over, under)) => number(over).zip(number(under)).map(|(over, under)| over / under),
        None => number(text),
    };
    match value {
        Some(eps) if eps.is_finite() && eps >= 0.0 => Ok(eps),
        _ => Err(Error::Argument(format!(
            "ε is {text:?}; expected a number of at least 0 in units of the pixel range [0, 1], such as 0.007 or 8/255"
        ))),
    }
}

/// Refuses an ε in L∞ that is more than the whole range of a pixel: most likely it is meant in grey levels.
///
/// # Errors
/// [`Error::Argument`], which asks whether grey levels were meant.
pub fn check_pixel_eps(eps: f32) -> Result<()> {
    if eps <= 1.0 {
        return Ok(());
    }
    let levels = eps / LEVELS;
    let meant = if levels <= 1.0 {
        format!("; did you mean {eps}/255, which is {}?", grey_levels(levels))
    } else {
        String::new()
    };
    Err(Error::Argument(format!("ε is {eps}, but pixels only reach from 0 (black) to 1 (white){meant}")))
}

/// Says ε as people compare it: `0.0314 = 8.00/255 = 8 grey levels`.
pub fn describe_eps(eps: f32) -> String {
    format!("{eps:.4} = {:.2}/255 = {}", eps * LEVELS, grey_levels(eps))
}

/// Returns "less than one grey level", "1 grey level", "8 grey levels", "17.9 grey levels".
pub fn grey_levels(eps: f32) -> String {
    let levels = eps * LEVELS;
    let whole = levels.round();
    if eps == 0.0 {
        "no change".into()
    } else if levels < 0.995 {
        "less than one grey level".into()
    } else if (levels - whole).abs() < 0.005 {
        format!("{whole} grey level{}", if whole == 1.0 { "" } else { "s" })
    } else {
        format!("{levels:.1} grey levels")
    }
}

/// Returns "99.9 %", "<0.1 %", "100 %": never a rounded 100 for what is less.
pub fn per_cent(share: f32) -> String {
    let value = share * 100.0;
    if value >= 99.95 && share < 1.0 {
        ">99.9 %".into()
    } else if value > 0.0 && value < 0.05 {
        "<0.1 %".into()
    } else {
        format!("{value:.1} %")
    }
}

/// Writes three significant digits, with an exponent only where needed: "0.1", "0.00123", "2.5e-6".
pub fn short(value: f32) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..4.0).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let decimals = (2.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Returns "1 picture", "25 pictures".
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Returns "46.8 MB", "12 kB".
pub fn megabytes(bytes: u64) -> String {
    if bytes < 100_000 { format!("{} kB", bytes.div_ceil(1000)) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eps_is_a_number_or_a_fraction() {
        assert_eq!(parse_eps("0.007").unwrap(), 0.007);
        assert_eq!(parse_eps("8/255").unwrap(), 8.0 / 255.0);
        assert_eq!(parse_eps(" 1 / 255 ").unwrap(), 1.0 / 255.0);
        for bad in ["-1", "NaN", "abc", "", "inf", "1/0", "-1/255", "1/2/3"] {
            let message = parse_eps(bad).unwrap_err().to_string();
            assert!(message.contains("8/255") && message.lines().count() == 1, "{bad}: {message}");
        }
    }

    #[test]
    fn more_than_the_whole_range_is_taken_for_grey_levels() {
        assert!(check_pixel_eps(0.0).is_ok() && check_pixel_eps(1.0).is_ok());
        let message = |eps: f32| check_pixel_eps(eps).unwrap_err().to_string();
        assert!(message(8.0).contains("did you mean 8/255, which is 8 grey levels?"));
        assert!(!message(300.0).contains("did you mean"));
    }

    #[test]
    fn numbers_are_told_as_people_compare_them() {
        let told = [
            (describe_eps(8.0 / 255.0), "0.0314 = 8.00/255 = 8 grey levels"),
            (grey_levels(0.0), "no change"),
            (grey_levels(1.0 / 255.0), "1 grey level"),
            (grey_levels(0.001), "less than one grey level"),
            (grey_levels(0.07), "17.9 grey levels"),
            (per_cent(1.0), "100.0 %"),
            (per_cent(0.99999), ">99.9 %"),
            (per_cent(0.976), "97.6 %"),
            (per_cent(0.0001), "<0.1 %"),
            (per_cent(0.0), "0.0 %"),
            (counted(1, "picture"), "1 picture"),
            (counted(0, "picture"), "0 pictures"),
        ];
        for (found, expected) in told {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn short_keeps_three_digits() {
        for (value, text) in
            [(0.1, "0.1"), (0.00123, "0.00123"), (12.345, "12.3"), (100.0, "100"), (2.5e-6, "2.50e-6"), (0.0, "0")]
        {
            assert_eq!(short(value), text);
        }
    }
}
