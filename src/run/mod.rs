//! The commands, one file each, and what they share: outcomes with their exit codes, failures in
//! plain words, and output that takes a broken pipe for success.

mod capture;
mod config;
mod dashboard;
mod demo;
mod engine;
mod search;
mod source;
mod status;
mod verify;
mod viewer;

use std::io::{self, Write};
use std::process::ExitCode;

use logcap_tui::cli::{self, Cli, Command, GlobalOptions};
use logcap_tui::config::{Config, ConfigErrors, Environment};
use logcap_tui::store::StoreError;
use logcap_tui::telemetry::{self, Output, TelemetryError};
use logcap_tui::tui::text;

/// How a command ended; the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Done = 0,
    /// A check failed, or nothing was found.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// No daemon answers, in a mode that cannot wait.
    Unreachable = 3,
    /// The store cannot be used.
    Store = 4,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// The program's own log cannot be written.
    #[error("{0}")]
    Telemetry(#[from] TelemetryError),
    /// An argument is wrong.
    #[error("{0}")]
    Argument(String),
    /// No daemon answers.
    #[error("no Docker daemon answers:\n  {}", .0.join("\n  "))]
    Unreachable(Vec<String>),
    /// The store cannot be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The terminal cannot be used, or what the demo needs behind it.
    #[error("{0}")]
    Screen(String),
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What.
        what: &'static str,
        /// Its words.
        source: io::Error,
    },
}

impl Failure {
    /// The exit code for this failure.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Config(_) | Self::Argument(_) => Outcome::Usage,
            Self::Unreachable(_) => Outcome::Unreachable,
            Self::Store(_) => Outcome::Store,
            Self::Telemetry(_) | Self::Screen(_) | Self::System { .. } => Outcome::Failed,
        }
    }
}

/// Carries out a command line.
pub(crate) fn dispatch(cli: Cli) -> Result<Outcome, Failure> {
    let environment = Environment::capture();
    let Cli { global, command } = cli;
    match command {
        None => {
            let config = prepared(&environment, &global, Output::Dashboard)?;
            runtime()?.block_on(dashboard::run(config))
        }
        Some(Command::Capture(args)) => {
            let config = prepared(&environment, &global, Output::Stderr)?;
            runtime()?.block_on(capture::run(config, &args))
        }
        Some(Command::Search(args)) => {
            let config = prepared(&environment, &global, Output::Quiet)?;
            search::run(&config, &args)
        }
        Some(Command::Status(args)) => {
            let config = prepared(&environment, &global, Output::Quiet)?;
            runtime()?.block_on(status::run(&config, &args))
        }
        Some(Command::Demo(args)) => demo::run(&environment, &global, &args),
        Some(Command::Verify(args)) => {
            let config = prepared(&environment, &global, Output::Quiet)?;
            runtime()?.block_on(verify::run(&config, &args))
        }
        Some(Command::Config { command }) => config::run(&environment, &global, command),
        Some(Command::Completions { shell }) => print(&cli::completions(shell)),
    }
}

/// Loads the configuration and starts the program's own log.
fn prepared(
    environment: &Environment,
    global: &GlobalOptions,
    output: Output,
) -> Result<Config, Failure> {
    let config = logcap_tui::config::load(environment, &global.overrides())?;
    telemetry::init(&telemetry::Settings {
        output,
        level: &config.log_level,
        file: config.log_file.as_deref(),
        colors: environment.var("NO_COLOR").is_none(),
    })?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|source| Failure::System { what: "cannot start the runtime", source })
}

/// Writes to standard output; a reader that went away is success.
fn print(bytes: &[u8]) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Outcome::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
        Err(source) => Err(Failure::System { what: "cannot write to standard output", source }),
    }
}

/// The width of a column of names: the longest name, and never so narrow that short tables jump.
fn names_width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    const NARROWEST: usize = 20;
    names.map(text::width).max().unwrap_or(0).max(NARROWEST)
}

/// A name in its column, by the cells that it takes on a terminal.
fn left(name: &str, columns: usize) -> String {
    text::left(&text::safe(name), columns)
}

/// Says something on standard error.
pub(crate) fn say(words: &str) {
    let _ = writeln!(io::stderr(), "logcap-tui: {words}");
}
