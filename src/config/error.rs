//! What can be wrong with a configuration, always with its place and with what would be allowed.

use std::fmt;
use std::path::PathBuf;

use crate::model::timing::TimingError;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
    },
    /// An environment variable.
    Env(String),
    /// A command line flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => write!(f, "${name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One problem of a configuration. All are permanent: only a human can resolve them.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named, or that exists, cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{at}: {message}")]
    Syntax {
        /// The line.
        at: Origin,
        /// The parser's words.
        message: String,
    },
    /// A key that does not exist.
    #[error("{at}: unknown key `{key}`{}", nearest.as_ref()
        .map_or_else(|| "; `logcap-tui config default` lists all keys".to_owned(),
            |n| format!("; did you mean `{n}`?")))]
    UnknownKey {
        /// The line.
        at: Origin,
        /// The key as written.
        key: String,
        /// The valid key that looks most like it, if any does.
        nearest: Option<String>,
    },
    /// A value of the wrong TOML type.
    #[error("{at}: `{key}` expects {expected}, found {found}")]
    Type {
        /// The line.
        at: Origin,
        /// The key.
        key: String,
        /// Type and example.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A value of the right type that is not allowed.
    #[error("{at}: `{key}` = {value:?} is not allowed: expected {allowed}")]
    Value {
        /// Where it came from.
        at: Origin,
        /// The key.
        key: String,
        /// The value as written.
        value: String,
        /// What would be allowed.
        allowed: String,
    },
    /// A probe interval from which no valid set of deadlines follows.
    #[error("{at}: `probe` = {value:?} is not allowed: {source}")]
    Timing {
        /// Where it came from.
        at: Origin,
        /// The value as written.
        value: String,
        /// The violated relation or range.
        source: TimingError,
    },
    /// Two keys that contradict each other.
    #[error("{at}: `{key}` = {value:?} contradicts `{other}` = {other_value:?}: {rule}")]
    Contradiction {
        /// Where the first came from.
        at: Origin,
        /// The first key.
        key: String,
        /// Its value.
        value: String,
        /// The second key.
        other: String,
        /// Its value.
        other_value: String,
        /// The relation that must hold.
        rule: String,
    },
    /// The platform names no directory, usually because `HOME` is unset.
    #[error("no {what} directory is known here (is HOME set?): give {remedy}")]
    NoDirectory {
        /// Which one.
        what: &'static str,
        /// The flag or variable to use.
        remedy: &'static str,
    },
}

/// All problems of a configuration, at least one.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
