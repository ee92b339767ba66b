//! Why a scenario cannot be read or played.

use std::io;

use crate::sim::server::SimError;

/// A scenario that cannot be read or played. The message says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario {file}: {source}; give the path of a scenario file")]
    Read {
        /// The path.
        file: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The file as a whole is not a scenario.
    #[error("{file} is no scenario: {source}")]
    File {
        /// The path.
        file: String,
        /// What is wrong, with its line.
        source: Box<toml::de::Error>,
    },
    /// One part of it is wrong.
    #[error("{file}: {part}: {problem}")]
    Part {
        /// The path.
        file: String,
        /// Which container, step or expectation, and its line.
        part: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The daemon did not do what a step ordered.
    #[error("{file}: {part}: {source}")]
    Daemon {
        /// The path.
        file: String,
        /// Which step, and its line.
        part: String,
        /// What went wrong.
        source: SimError,
    },
}
