//! Text to typed values: durations, sizes, history, addresses. Pure, and each refusal says what
//! would have been allowed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::typed::{Durability, History, TimestampStyle};

/// What would have been allowed, as the end of the sentence "expected ...".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allowed(pub(super) String);

impl Allowed {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

const HOUR: Duration = Duration::from_hours(1);
const CENTURY: Duration = Duration::from_hours(24 * 365 * 100);
const MEBI: u64 = 1 << 20;
const PEBI: u64 = 1 << 50;

/// A humantime duration without bounds.
pub(super) fn duration(text: &str) -> Result<Duration, Allowed> {
    humantime::parse_duration(text.trim())
        .map_err(|_| Allowed::new("a duration such as \"30s\", \"5m\" or \"2h\""))
}

/// How long captured lines are kept; `None` for ever.
pub(super) fn age(text: &str) -> Result<Option<Duration>, Allowed> {
    let allowed = "a duration from \"1h\" to 100 years such as \"90d\", or \"off\"";
    if is_off(text) {
        return Ok(None);
    }
    let age = duration(text).map_err(|_| Allowed::new(allowed))?;
    if (HOUR..=CENTURY).contains(&age) { Ok(Some(age)) } else { Err(Allowed::new(allowed)) }
}

/// How much may be stored; `None` without bound.
pub(super) fn quota(text: &str) -> Result<Option<u64>, Allowed> {
    let allowed = "a size from \"64MiB\" to \"1PiB\" such as \"20GB\", or \"off\"";
    if is_off(text) {
        return Ok(None);
    }
    match bytes(text) {
        Some(size) if (64 * MEBI..=PEBI).contains(&size) => Ok(Some(size)),
        _ => Err(Allowed::new(allowed)),
    }
}

/// What every log keeps whatever the others do.
pub(super) fn floor(text: &str) -> Result<u64, Allowed> {
    match bytes(text) {
        Some(size) if size <= PEBI => Ok(size),
        _ => Err(Allowed::new("a size from \"0\" to \"1PiB\" such as \"16MB\"")),
    }
}

/// How much of the disk stays free; 0 does not look at it.
pub(super) fn reserve(text: &str) -> Result<u64, Allowed> {
    match bytes(text) {
        _ if is_off(text) => Ok(0),
        Some(size) if size <= PEBI => Ok(size),
        _ => Err(Allowed::new("a size up to \"1PiB\" such as \"500MB\", or \"off\"")),
    }
}

fn is_off(text: &str) -> bool {
    matches!(text.trim(), "off" | "none" | "unlimited")
}

/// Digits with an optional fraction and unit; `kB MB GB TB` are powers of 1000 and
/// `KiB MiB GiB TiB` powers of 1024, as everywhere but in Docker's own options.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "p" | "pb" => 1_000_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => MEBI,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "pib" => PEBI,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    if fraction.is_empty() {
        return Some(whole);
    }
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(factor) / u128::from(scale);
    whole.checked_add(u64::try_from(part).ok()?)
}

/// The policy of first sight.
pub(super) fn history(text: &str) -> Result<History, Allowed> {
    let allowed = || Allowed::new("\"auto\", \"all\", \"now\" or \"tail N\" with N of at least 1");
    match text.trim() {
        "auto" => Ok(History::Auto),
        "all" => Ok(History::All),
        "now" => Ok(History::Now),
        other => {
            let count = other.strip_prefix("tail").ok_or_else(allowed)?;
            let count = count.trim_start_matches([' ', '=', ':']).replace('_', "");
            let count = count.parse().ok().filter(|n| *n > 0).ok_or_else(allowed)?;
            Ok(History::Tail(count))
        }
    }
}

/// `ADDR:PORT`, or a port alone, which means the loopback.
pub(super) fn listen(text: &str) -> Result<SocketAddr, Allowed> {
    let text = text.trim();
    let text = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| Allowed::new("an address such as \"127.0.0.1:8401\", or a port"))
}

/// How commits reach the disk.
pub(super) fn durability(text: &str) -> Result<Durability, Allowed> {
    match text.trim() {
        "full" => Ok(Durability::Full),
        "normal" => Ok(Durability::Normal),
        _ => Err(Allowed::new("\"full\" or \"normal\"")),
    }
}

/// How times are written beside lines.
pub(super) fn timestamps(text: &str) -> Result<TimestampStyle, Allowed> {
    match text.trim() {
        "time" => Ok(TimestampStyle::Time),
        "relative" => Ok(TimestampStyle::Relative),
        "off" => Ok(TimestampStyle::Off),
        _ => Err(Allowed::new("\"time\", \"relative\" or \"off\"")),
    }
}

/// A tracing filter such as `info` or `warn,logcap_tui::engine=debug`.
pub(super) fn log_level(text: &str) -> Result<String, Allowed> {
    let text = text.trim();
    let valid = !text.is_empty() && tracing_subscriber::EnvFilter::try_new(text).is_ok();
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let known = text.contains('=') || levels.contains(&text.to_ascii_lowercase().as_str());
    if valid && known {
        return Ok(text.to_owned());
    }
    let allowed = "off, error, warn, info, debug, trace, or a list such as \
                   \"warn,logcap_tui::engine=debug\"";
    Err(Allowed::new(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_know_both_families_of_units() {
        assert_eq!(bytes("20GB"), Some(20_000_000_000));
        assert_eq!(bytes("1.5 GiB"), Some(3 << 29));
        assert_eq!(bytes("4096"), Some(4096));
        for bad in ["", "GB", "1 parsec", "-1", "99999999999999PB", "1.2.3GB"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn bounds_refuse_the_absurd() {
        assert!(quota("1MB").is_err(), "a store must hold at least something");
        assert_eq!(quota("off"), Ok(None));
        assert!(age("10s").is_err());
        assert_eq!(age("90d"), Ok(Some(Duration::from_hours(90 * 24))));
        assert!(age("101 years").is_err());
    }

    #[test]
    fn history_takes_a_count() {
        assert_eq!(history("tail 500"), Ok(History::Tail(500)));
        assert_eq!(history("tail 10_000"), Ok(History::Tail(10_000)));
        for bad in ["tail", "tail 0", "tail -4", "yes", ""] {
            assert!(history(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_alone_listens_on_the_loopback_only() {
        for text in ["8401", ":8401", "localhost:8401", "127.0.0.1:8401"] {
            assert_eq!(listen(text).unwrap().to_string(), "127.0.0.1:8401");
        }
        assert!(listen("nowhere").is_err());
    }

    #[test]
    fn levels_are_words_or_directives() {
        assert!(log_level("warn,logcap_tui::engine=debug").is_ok());
        assert!(log_level("loud").is_err());
    }
}
