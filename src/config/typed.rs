//! The validated configuration: what every other module receives.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::address::DockerAddress;
use super::error::Origin;
use super::filter::Filter;
use super::paths::Paths;
use crate::model::Timing;

/// Everything that can be set, valid as a whole. Made only by [`super::load`] and
/// [`super::resolve()`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where the daemon may be.
    pub docker: DockerAddress,
    /// Which containers are captured.
    pub filter: Filter,
    /// What is taken of a log at first sight.
    pub history: History,
    /// All deadlines, from the one knob `probe`.
    pub timing: Timing,
    /// Storage and retention.
    pub store: Store,
    /// The TCP address of `/health` and `/metrics`; `None`: only the unix socket answers.
    pub listen: Option<SocketAddr>,
    /// The program's own log file.
    pub log_file: Option<PathBuf>,
    /// Filter of the program's own log, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log_level: String,
    /// The screen.
    pub ui: Ui,
    /// Remapped keys: action to key texts, as written. The screen parses them.
    pub keys: BTreeMap<String, Vec<String>>,
    /// User themes: name to role to colour text, as written. The screen parses them.
    pub themes: BTreeMap<String, BTreeMap<String, String>>,
    /// Files and directories.
    pub paths: Paths,
    /// Every key with its value and origin, in the order of the default file.
    pub settings: Vec<Setting>,
    /// What is odd but no error, for example a `LOGCAP_*` variable that nothing reads.
    pub warnings: Vec<String>,
}

/// What is taken of a log at first sight (docs/CAPTURE.md, "First sight").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The newest 1,000 records at once, then politely back to 100,000.
    Auto,
    /// Everything the daemon has.
    All,
    /// This many records.
    Tail(u64),
    /// Nothing: only what comes from now on.
    Now,
}

/// How commits reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is synced: survives a power loss.
    Full,
    /// Synced at checkpoints: survives a crash of the program, may lose seconds at a power loss
    /// (they are read again while the daemon still has them).
    Normal,
}

/// Storage and retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// How commits reach the disk.
    pub durability: Durability,
    /// Bytes on disk at most; `None`: no limit.
    pub max_bytes: Option<u64>,
    /// Age at most; `None`: no limit.
    pub max_age: Option<Duration>,
    /// Bytes on disk that each log keeps while others push.
    pub floor_per_log: u64,
    /// Bytes of the disk that stay free; 0: not looked at.
    pub min_free: u64,
}

/// How the time of a line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampStyle {
    /// Time of day.
    Time,
    /// Age.
    Relative,
    /// Not at all.
    Off,
}

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorDepth {
    /// `NO_COLOR` is set, or the terminal is dumb.
    None,
    /// The sixteen of old.
    Sixteen,
    /// 24 bit (`COLORTERM`).
    True,
}

/// The screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ui {
    /// A built-in theme's name or one of [`Config::themes`].
    pub theme: String,
    /// Whether the mouse is captured at start.
    pub mouse: bool,
    /// How times are shown.
    pub timestamps: TimestampStyle,
    /// UTC instead of local time.
    pub utc: bool,
    /// What the environment says of the terminal.
    pub colors: ColorDepth,
}

/// One key as `config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Full name, for example `store.max_age`.
    pub key: String,
    /// The value as TOML; empty when unset.
    pub value: String,
    /// Which layer won.
    pub origin: Origin,
}
