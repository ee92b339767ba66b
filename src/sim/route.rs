//! From a request's path and query to one closed enum. Pure.
//!
//! Only what capture reads exists; everything else is dockerd's `page not found`.

use std::collections::HashMap;

use serde::Deserialize;

use crate::model::Timestamp;

use super::answer::Refusal;
use super::profile::Profile;

/// What kind of answer a request asks for; faults are addressed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `/_ping`
    Ping,
    /// `/version`
    Version,
    /// `/info`
    Info,
    /// `/containers/json`
    List,
    /// `/containers/{id}/json`
    Inspect,
    /// `/events`
    Events,
    /// `/containers/{id}/logs`
    Logs,
}

/// A request, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// Minor of the version in the path, if it has one.
    pub(super) api_minor: Option<u32>,
    pub(super) endpoint: Endpoint,
    /// Id, name or prefix, where the path names a container; empty otherwise.
    pub(super) container: &'a str,
}

impl<'a> Route<'a> {
    /// Understands a path, or says that there is no such page.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let (api_minor, path) = split_version(path);
        let mut parts = path.strip_prefix('/')?.split('/');
        let (endpoint, container) = match (parts.next()?, parts.next(), parts.next()) {
            ("_ping", None, None) => (Endpoint::Ping, ""),
            ("version", None, None) => (Endpoint::Version, ""),
            ("info", None, None) => (Endpoint::Info, ""),
            ("events", None, None) => (Endpoint::Events, ""),
            ("containers", Some("json"), None) => (Endpoint::List, ""),
            ("containers", Some(id), Some("json")) => (Endpoint::Inspect, id),
            ("containers", Some(id), Some("logs")) => (Endpoint::Logs, id),
            _ => return None,
        };
        parts.next().is_none().then_some(Self { api_minor, endpoint, container })
    }
}

fn split_version(path: &str) -> (Option<u32>, &str) {
    let version = path.strip_prefix("/v1.").and_then(|rest| {
        let (minor, _) = rest.split_once('/')?;
        Some((minor.parse().ok()?, rest.get(minor.len()..)?))
    });
    version.map_or((None, path), |(minor, rest)| (Some(minor), rest))
}

/// A query's parameters. Values are taken as they are: nothing that is read here needs decoding.
#[derive(Debug)]
pub(super) struct Params<'a>(HashMap<&'a str, &'a str>);

impl<'a> Params<'a> {
    pub(super) fn new(query: &'a str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect())
    }

    /// A value that is present and not empty.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied().filter(|value| !value.is_empty())
    }

    /// A boolean as Docker reads it: everything but these words is true.
    pub(super) fn flag(&self, key: &str) -> bool {
        let value = self.get(key).unwrap_or_default().to_ascii_lowercase();
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }
}

/// A bound in time; zero and absence mean none. Docker reads `SECONDS[.NANOS]`. Podman reads RFC
/// 3339 exactly, and numbers as floating point, which is off by up to 119 ns in this century.
pub(super) fn parse_time(
    value: Option<&str>,
    profile: Profile,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = value.filter(|text| *text != "0") else { return Ok(None) };
    let wrong = || Refusal::new(400, format!("invalid value for time: {text}"));
    if profile.is_podman() {
        return podman_time(text).map(Some).ok_or_else(wrong);
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().map_err(|_| wrong())?;
    let padded = format!("{fraction:0<9}");
    let nanos: i64 = padded.get(..9).unwrap_or("0").parse().map_err(|_| wrong())?;
    Ok(Some(Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))))
}

fn podman_time(text: &str) -> Option<Timestamp> {
    if let Ok(exact) = text.replace("%3A", ":").parse::<jiff::Timestamp>() {
        return i64::try_from(exact.as_nanosecond()).ok().map(Timestamp);
    }
    let number: f64 = text.parse().ok().filter(|n: &f64| n.abs() < 9e9)?;
    let (whole, fraction) = (number.trunc(), number.fract());
    #[expect(clippy::cast_possible_truncation, reason = "this loss is what is imitated")]
    let nanos = (whole as i64) * 1_000_000_000 + (fraction * 1e9) as i64;
    Some(Timestamp(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_understood_with_and_without_a_version() {
        let logs = |api_minor| Route { api_minor, endpoint: Endpoint::Logs, container: "web" };
        assert_eq!(Route::parse("/containers/web/logs"), Some(logs(None)));
        assert_eq!(Route::parse("/v1.41/containers/web/logs"), Some(logs(Some(41))));
        assert_eq!(Route::parse("/_ping").map(|r| r.endpoint), Some(Endpoint::Ping));
        assert_eq!(Route::parse("/containers/web/logs/more"), None);
        assert_eq!(Route::parse("/images/json"), None);
    }

    #[test]
    fn times_are_exact_with_nine_digits() {
        let time = |text| parse_time(Some(text), Profile::Moby29).map(|t| t.map(|t| t.0));
        assert_eq!(time("12"), Ok(Some(12_000_000_000)));
        assert_eq!(time("12.000000034"), Ok(Some(12_000_000_034)));
        assert_eq!(time("12.5"), Ok(Some(12_500_000_000)));
        assert_eq!(time("0"), Ok(None));
        assert!(time("2026-01-01T00:00:00Z").is_err());
    }

    #[test]
    fn podman_reads_numbers_as_floats_and_rfc_3339_exactly() {
        let time = |text| parse_time(Some(text), Profile::Podman4).unwrap().unwrap().0;
        assert_eq!(time("2026-01-01T00:00:00.000000001Z"), 1_767_225_600_000_000_001);
        assert_eq!(time("2026-01-01T02:00:00.000000001+02:00"), 1_767_225_600_000_000_001);
        let off = time("1767225600.123456789") - 1_767_225_600_123_456_789;
        assert!(off != 0 && off.abs() <= 239, "{off}");
        assert!(parse_time(Some("yesterday"), Profile::Podman4).is_err());
    }

    #[test]
    fn flags_are_docker_flags() {
        let params = Params::new("a=1&b=false&c=&d=true");
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(|k| params.flag(k)),
            [true, false, false, true, false]
        );
    }
}
