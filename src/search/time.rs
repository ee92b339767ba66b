//! Moments as typed for `--since` and `--until`. The clock and the time zone are arguments, in one
//! value; what has no zone of its own is local time.
//!
//! A time of day means today, also when it lies ahead: guessing yesterday would turn
//! `--until 23:59` into something that nobody wrote.

use jiff::civil::{Date, DateTime, Time};
use jiff::{ToSpan, ZonedDateTime};

use crate::model::Timestamp;

/// A moment that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the time {0:?}: write 2026-11-23T14:03:00Z, \"2026-11-23 14:03\", 2026-11-23, \
     14:03, \"yesterday 14:03\", or 15m for fifteen minutes ago"
)]
pub struct TimeError(pub String);

/// Reads a moment, relative to `now` and in its time zone.
pub fn parse_time(text: &str, now: &ZonedDateTime) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    let found = instant(text)
        .or_else(|| ago(text, now))
        .or_else(|| local(text, now).and_then(|at| zoned(at, now)));
    found.and_then(nanoseconds).ok_or_else(|| TimeError(text.to_owned()))
}

fn nanoseconds(at: jiff::Timestamp) -> Option<Timestamp> {
    i64::try_from(at.as_nanosecond()).ok().map(Timestamp)
}

/// RFC 3339: with an offset or `Z`.
fn instant(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok()
}

/// `15m`, `-15m`, `1h30m`, `now`.
fn ago(text: &str, now: &ZonedDateTime) -> Option<jiff::Timestamp> {
    if text == "now" {
        return Some(now.timestamp());
    }
    let length = humantime::parse_duration(text.strip_prefix('-').unwrap_or(text)).ok()?;
    now.timestamp().checked_sub(length).ok()
}

/// A date, a time of day, or both; a date alone is its first moment.
fn local(text: &str, now: &ZonedDateTime) -> Option<DateTime> {
    if let Some(time) = time_of_day(text) {
        return Some(now.date().to_datetime(time));
    }
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, time_of_day(time.trim())?),
        None => (text, Time::midnight()),
    };
    Some(day(date, now)?.to_datetime(time))
}

fn day(text: &str, now: &ZonedDateTime) -> Option<Date> {
    match text {
        "today" => Some(now.date()),
        "yesterday" => now.date().checked_sub(1.day()).ok(),
        _ => text.parse().ok().filter(|_| is_plain_date(text)),
    }
}

/// Only `2026-11-23`: the parser would also take a whole date-time and drop its time.
fn is_plain_date(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn time_of_day(text: &str) -> Option<Time> {
    let shape = |b: u8| b.is_ascii_digit() || matches!(b, b':' | b'.');
    if !text.contains(':') || !text.bytes().all(shape) {
        return None;
    }
    let padded = if text.find(':') == Some(1) { format!("0{text}") } else { text.to_owned() };
    padded.parse().ok()
}

/// An hour that a clock change skips or repeats is taken as calendars do.
fn zoned(at: DateTime, now: &ZonedDateTime) -> Option<jiff::Timestamp> {
    at.to_zoned_datetime(now.time_zone().clone()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> ZonedDateTime {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
        "2026-11-23T14:00:00Z".parse::<jiff::Timestamp>().unwrap().to_zoned_datetime(zone)
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, expected) in [
            ("2026-11-23T12:00:01.5Z", "2026-11-23T12:00:01.500000000Z"),
            ("2026-11-23T12:00:01+02:00", "2026-11-23T10:00:01.000000000Z"),
            ("14:03", "2026-11-23T12:03:00.000000000Z"),
            ("9:03:07", "2026-11-23T07:03:07.000000000Z"),
            ("23:59", "2026-11-23T21:59:00.000000000Z"),
            ("14:03:05.25", "2026-11-23T12:03:05.250000000Z"),
            ("15m", "2026-11-23T13:45:00.000000000Z"),
            ("-1h30m", "2026-11-23T12:30:00.000000000Z"),
            ("now", "2026-11-23T14:00:00.000000000Z"),
            ("yesterday 10:00", "2026-11-22T08:00:00.000000000Z"),
            ("yesterday", "2026-11-21T22:00:00.000000000Z"),
            ("today 00:30", "2026-11-22T22:30:00.000000000Z"),
            ("2026-11-20", "2026-11-19T22:00:00.000000000Z"),
            ("2026-11-20 10:00", "2026-11-20T08:00:00.000000000Z"),
            ("2026-11-20T10:00:05", "2026-11-20T08:00:05.000000000Z"),
        ] {
            let got = parse_time(text, &now()).map(Timestamp::to_rfc3339);
            assert_eq!(got.as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for text in ["", "14", "25:00", "tomorrow", "2026-13-01", "15", "-", "2026-11-20 x", "1403"]
        {
            let error = parse_time(text, &now()).expect_err(text).to_string();
            assert!(error.contains("yesterday 14:03"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_input_breaks_it(text in "[-0-9:TZa-z .+]{0,24}") {
            let _ = parse_time(&text, &now());
        }
    }
}
