//! The timestamp in front of every record: RFC 3339 with nanoseconds, and what it becomes.
//!
//! Docker writes exactly 30 characters in UTC (`2006-01-02T15:04:05.000000000Z`), Podman writes the
//! local offset and sometimes fewer digits. The first form is the hot path of the whole capture:
//! neighbouring records mostly share their second, so its date is computed once per second and only
//! the nine digits are read for each record. Nothing here allocates.

use crate::model::Timestamp;

/// Longest timestamp accepted, in characters: nine digits and a numeric offset.
pub const MAX_STAMP: usize = 35;

const SECOND: i64 = 1_000_000_000;

/// Parses timestamps and remembers the last second.
#[derive(Debug, Clone, Default)]
pub struct Stamps {
    second: [u8; 19],
    seconds: Option<i64>,
}

impl Stamps {
    /// Splits `payload` into its timestamp and what follows the space behind it.
    pub fn split<'a>(&mut self, payload: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        if let Some((head, content)) = payload.split_first_chunk::<31>()
            && head[19] == b'.'
            && head[29] == b'Z'
            && head[30] == b' '
            && let Some(ts) = self.fixed(head)
        {
            return Some((ts, content));
        }
        let head = payload.get(..=MAX_STAMP).unwrap_or(payload);
        let space = memchr::memchr(b' ', head)?;
        Some((parse_any(payload.get(..space)?)?, payload.get(space + 1..)?))
    }

    fn fixed(&mut self, head: &[u8; 31]) -> Option<Timestamp> {
        let seconds = match self.seconds {
            Some(seconds) if self.second == head[..19] => seconds,
            _ => self.remember(head)?,
        };
        let mut nanos = 0i64;
        for byte in &head[20..29] {
            nanos = nanos * 10 + i64::from(digit(*byte)?);
        }
        seconds.checked_mul(SECOND)?.checked_add(nanos).map(Timestamp)
    }

    #[cold]
    fn remember(&mut self, head: &[u8; 31]) -> Option<i64> {
        let mut text = [0; 20];
        text[..19].copy_from_slice(&head[..19]);
        text[19] = b'Z';
        // Without its colons the time is shorter, and a fraction of its own would fit in.
        if text[13] != b':' || text[16] != b':' {
            return None;
        }
        let seconds = parse_any(&text)?.0 / SECOND;
        self.second.copy_from_slice(&head[..19]);
        self.seconds = Some(seconds);
        Some(seconds)
    }
}

fn digit(byte: u8) -> Option<u8> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(value)
}

/// Whether `byte` can stand in a timestamp.
pub(crate) fn in_stamp(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'T' | b'.' | b'Z' | b'+')
}

/// Any RFC 3339 timestamp. Years that do not fit into 64 bits of nanoseconds are refused.
pub fn parse_any(text: &[u8]) -> Option<Timestamp> {
    let shape = text.len() <= MAX_STAMP
        && text.get(10) == Some(&b'T')
        && text.iter().all(|byte| in_stamp(*byte));
    let text = std::str::from_utf8(text).ok().filter(|_| shape)?;
    let stamp: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(stamp.as_nanosecond()).ok().map(Timestamp)
}

/// Docker's `since`: seconds and exactly nine digits, because older daemons scale fewer digits in
/// floating point.
pub fn since_docker(ts: Timestamp) -> String {
    format!("{}.{:09}", ts.0.div_euclid(SECOND), ts.0.rem_euclid(SECOND))
}

/// Podman's `since`: RFC 3339, because it reads the decimal form as a floating point number.
pub fn since_podman(ts: Timestamp) -> String {
    ts.to_rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ts(payload: &str) -> Option<(i64, String)> {
        let (ts, content) = Stamps::default().split(payload.as_bytes())?;
        Some((ts.0, String::from_utf8_lossy(content).into_owned()))
    }

    #[test]
    fn docker_and_podman_forms_are_understood() {
        let at = 1_136_214_245_000_000_007;
        assert_eq!(ts("2006-01-02T15:04:05.000000007Z hi"), Some((at, "hi".into())));
        assert_eq!(ts("2006-01-02T17:04:05.000000007+02:00 hi"), Some((at, "hi".into())));
        assert_eq!(ts("2006-01-02T15:04:05Z "), Some((at - 7, String::new())));
        assert_eq!(ts("2006-01-02T15:04:05.5Z  x"), Some((at - 7 + 500_000_000, " x".into())));
    }

    #[test]
    fn the_first_second_that_fits_is_read_like_the_others() {
        let first = "1677-09-21T00:12:43.145224192Z x";
        assert_eq!(ts(first), Some((i64::MIN, "x".into())), "its whole second does not fit");
        assert_eq!(ts("1677-09-21T00:12:43.145224191Z x"), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "hello world",
            "2006-01-02T15:04:05.000000007Z",
            "2006-13-02T15:04:05.000000007Z x",
            "2006-01-02T15:04:05.00000000xZ x",
            "9999-01-02T15:04:05.000000007Z x",
            "2006-01-02 15:04:05Z x",
            "2006-01-02T15:04:05[UTC] x",
            "2006-01-02T150405.0.000000007Z x",
        ] {
            assert_eq!(ts(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn since_has_the_form_that_each_daemon_reads_exactly() {
        let at = Timestamp(1_136_214_245_000_000_007);
        assert_eq!(since_docker(at), "1136214245.000000007");
        assert_eq!(since_podman(at), "2006-01-02T15:04:05.000000007Z");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(first in 0i64..4_000_000_000 * SECOND, step in 0i64..3 * SECOND) {
            let mut stamps = Stamps::default();
            for at in [first, first + step] {
                let line = format!("{} x", Timestamp(at).to_rfc3339());
                prop_assert_eq!(stamps.split(line.as_bytes()), Some((Timestamp(at), b"x".as_slice())));
            }
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Stamps::default().split(&bytes);
        }
    }
}
