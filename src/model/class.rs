//! The guarantee class: what a container's logging configuration lets anyone promise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How complete a capture can be, given driver and mode (docs/CAPTURE.md, "Limits").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Every record the container wrote reaches the daemon's log: json-file or local, blocking.
    Exact,
    /// The daemon may drop lines before its log: non-blocking mode or a dual-logging cache.
    LossyByConfiguration,
    /// The log can vanish or thin out by design: journald, `--rm` containers, one-file rotation.
    BestEffort,
    /// The driver cannot be read (`none`, cache disabled): nothing to capture.
    Unreadable,
}

impl Guarantee {
    /// Short words for the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::LossyByConfiguration => "lossy by configuration",
            Self::BestEffort => "best effort",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A container's `HostConfig.LogConfig`, with the daemon's defaults already merged by inspect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogConfig {
    /// Driver name, for example `json-file`.
    pub driver: String,
    /// Driver options as given, for example `max-size = 10m`.
    pub options: BTreeMap<String, String>,
}

impl LogConfig {
    fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    /// Whether a follow may commit: only json-file without `max-size` can never rotate its file
    /// (docs/CAPTURE.md, "Axiom").
    pub fn is_trusted(&self) -> bool {
        self.driver == "json-file" && matches!(self.option("max-size"), None | Some("" | "-1"))
    }

    /// Whether rotated files are compressed, so that a tail without `since` decompresses them all
    /// on daemons up to 27.3.
    pub fn is_compressed(&self) -> bool {
        match self.driver.as_str() {
            "local" => self.option("compress") != Some("false"),
            "json-file" => self.option("compress") == Some("true"),
            _ => false,
        }
    }

    /// Bytes that the daemon keeps at most over all files, if the driver rotates and the sizes parse.
    pub fn retention_bytes(&self) -> Option<u64> {
        let files = match self.driver.as_str() {
            "local" => "5",
            _ => "1",
        };
        let files: u64 = self.option("max-file").unwrap_or(files).parse().ok()?;
        Some(self.file_bytes()?.saturating_mul(files))
    }

    /// Bytes after which the daemon begins another file.
    pub fn file_bytes(&self) -> Option<u64> {
        let size = match self.driver.as_str() {
            "local" => "20m",
            "json-file" => "",
            _ => return None,
        };
        parse_size(self.option("max-size").unwrap_or(size))
    }

    /// Bytes that the daemon certainly keeps once it has dropped a file: all its files but one.
    /// `None` where it keeps a single one.
    pub fn full_files_bytes(&self) -> Option<u64> {
        let (all, one) = (self.retention_bytes()?, self.file_bytes()?);
        all.checked_sub(one).filter(|bytes| *bytes > 0)
    }

    /// Whether the daemon writes labels or a tag into each record.
    pub fn adds_to_records(&self) -> bool {
        let adds = ["tag", "labels", "labels-regex", "env", "env-regex"];
        adds.iter().any(|name| self.option(name).is_some())
    }

    /// The class that this configuration allows, given whether the container removes itself.
    pub fn guarantee(&self, auto_remove: bool) -> Guarantee {
        if self.driver == "none" || self.option("cache-disabled") == Some("true") {
            Guarantee::Unreadable
        } else if self.option("mode") == Some("non-blocking") || self.is_foreign() {
            Guarantee::LossyByConfiguration
        } else if auto_remove || self.driver == "journald" || self.retention_is_one_file() {
            Guarantee::BestEffort
        } else {
            Guarantee::Exact
        }
    }

    /// Whether the driver sends records elsewhere, so that what can be read is a cache of the daemon's,
    /// if it keeps one.
    pub fn is_foreign(&self) -> bool {
        let own = ["json-file", "local", "journald", "none", "k8s-file"];
        !own.contains(&self.driver.as_str())
    }

    fn retention_is_one_file(&self) -> bool {
        self.driver == "json-file"
            && !self.is_trusted()
            && matches!(self.option("max-file"), None | Some("1"))
    }
}

/// Docker's size syntax for log options: digits and an optional `b`, `k`, `m`, `g`. Decimal, as
/// json-file reads it (`units.FromHumanSize`); the smaller reading is also the safe one.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.trim_end_matches('b').trim_end_matches('i');
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k') => (text.get(..at)?, 1_000),
        (at, 'm') => (text.get(..at)?, 1_000_000),
        (at, 'g') => (text.get(..at)?, 1_000_000_000),
        _ => (text, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(driver: &str, options: &[(&str, &str)]) -> LogConfig {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LogConfig { driver: driver.to_owned(), options }
    }

    #[test]
    fn only_json_file_without_a_size_limit_is_trusted() {
        assert!(config("json-file", &[]).is_trusted());
        assert!(!config("json-file", &[("max-size", "1m")]).is_trusted());
        assert!(!config("local", &[]).is_trusted());
        assert!(!config("journald", &[]).is_trusted());
    }

    #[test]
    fn retention_is_size_times_files() {
        assert_eq!(config("local", &[]).retention_bytes(), Some(100_000_000));
        let two = config("json-file", &[("max-size", "1m"), ("max-file", "2")]);
        assert_eq!(two.retention_bytes(), Some(2_000_000));
        assert_eq!(config("json-file", &[]).retention_bytes(), None);
    }

    #[test]
    fn classes_follow_driver_and_mode() {
        assert_eq!(config("json-file", &[]).guarantee(false), Guarantee::Exact);
        assert_eq!(config("json-file", &[]).guarantee(true), Guarantee::BestEffort);
        assert_eq!(config("none", &[]).guarantee(false), Guarantee::Unreadable);
        let ring = config("json-file", &[("mode", "non-blocking")]);
        assert_eq!(ring.guarantee(false), Guarantee::LossyByConfiguration);
        assert_eq!(config("fluentd", &[]).guarantee(false), Guarantee::LossyByConfiguration);
    }
}
