//! Numbers as people read them, in few columns that do not dance: ages, clocks, counts, bytes.
//!
//! Everything here is a display: it rounds. Exact values are in `--json`.

use std::time::Duration;

/// The age of a fact: `0.2s`, `12.0s`, `1m02s`, `3h12m`, `2d04h`.
pub fn age(duration: Duration) -> String {
    if duration < Duration::from_mins(1) {
        let tenths = duration.as_millis() / 100;
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    clock(duration)
}

/// A span in whole seconds: `4s`, `4m59s`, `10m`, `3h12m`, `2d04h`.
pub fn clock(duration: Duration) -> String {
    let s = duration.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3_600 if s.is_multiple_of(60) => format!("{}m", s / 60),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d{:02}h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// A count in at most five columns: `999`, `1.2k`, `88.1k`, `880k`, `12.1M`.
pub fn count(n: u64) -> String {
    const UNITS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if n < 1_000 {
        return n.to_string();
    }
    let (mut tenths, mut unit) = (n / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1_000, unit + 1);
    }
    let suffix = UNITS.get(unit).copied().unwrap_or_default();
    if tenths >= 1_000 {
        format!("{}{suffix}", tenths / 10)
    } else {
        format!("{}.{}{suffix}", tenths / 10, tenths % 10)
    }
}

/// A rate: one decimal below ten, a count above, `0` for nothing.
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.05 {
        "0".to_owned()
    } else if per_second < 9.95 {
        format!("{per_second:.1}")
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "finite, >= 10"
        )]
        let whole = per_second.round() as u64;
        count(whole)
    }
}

/// Bytes in binary units: `512 B`, `38 MiB`, `1.2 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1_024 {
        return format!("{n} B");
    }
    let (mut value, mut unit) = (n, 0);
    while value >= 1_024 * 1_024 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1_024, unit + 1);
    }
    let suffix = UNITS.get(unit).copied().unwrap_or_default();
    let (whole, tenth) = (value / 1_024, value % 1_024 * 10 / 1_024);
    if whole >= 10 { format!("{whole} {suffix}") } else { format!("{whole}.{tenth} {suffix}") }
}

/// An exact number with separators: `48,200,113`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of days: `6 hours`, `1.5 days`, `61 days`, `3 years`.
pub fn days(days: f64) -> String {
    match days {
        d if d < 0.0 || d.is_nan() => "0 days".to_owned(),
        d if d < 1.0 => format!("{:.0} hours", d * 24.0),
        d if d < 10.0 => format!("{d:.1} days"),
        d if d < 730.0 => format!("{d:.0} days"),
        d if d < 36_500.0 => format!("{:.0} years", d / 365.0),
        _ => "over 100 years".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_clocks() {
        let s = Duration::from_secs;
        assert_eq!(age(Duration::from_millis(240)), "0.2s");
        assert_eq!(age(s(12)), "12.0s");
        assert_eq!(age(s(62)), "1m02s");
        assert_eq!(clock(s(600)), "10m");
        assert_eq!(clock(s(11_520)), "3h12m");
        assert_eq!(clock(s(187_200)), "2d04h");
    }

    #[test]
    fn counts_fit_five_columns() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (1_249, "1.2k"),
            (88_123, "88.1k"),
            (880_000, "880k"),
            (999_999, "999k"),
            (1_000_000, "1.0M"),
            (12_100_000, "12.1M"),
        ] {
            assert_eq!(count(n), text);
        }
        for shift in 0..64 {
            assert!(count(1 << shift).len() <= 5, "{}", count(1 << shift));
        }
        assert!(count(u64::MAX).len() <= 5);
    }

    #[test]
    fn bytes_and_groups() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(38 << 20), "38 MiB");
        assert_eq!(bytes(1_288_490_188), "1.1 GiB");
        assert_eq!(grouped(48_200_113), "48,200,113");
        assert_eq!(grouped(12), "12");
        assert_eq!(
            (rate(0.0), rate(4.25), rate(4_100.0)),
            ("0".into(), "4.2".into(), "4.1k".into())
        );
    }
}
