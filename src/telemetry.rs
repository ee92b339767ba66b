//! Where the program's own `tracing` output goes: the Diagnostics tab or stderr, and a file beside
//! either. Never stdout: stdout belongs to results, and a capture that runs in a container and
//! wrote there would capture itself.
//!
//! The subscriber is global and set once per process; what it does with an event is decided here
//! and nowhere else.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// Which output is shown to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The Diagnostics tab: the terminal belongs to the dashboard.
    Dashboard,
    /// Standard error, for `capture`.
    Stderr,
    /// Nothing but the file: short commands that print results.
    Quiet,
}

/// What to set up.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Which output.
    pub output: Output,
    /// A filter in the syntax of `EnvFilter`, already validated by the configuration.
    pub level: &'a str,
    /// A file to append to.
    pub file: Option<&'a Path>,
    /// Whether stderr may have colours (`NO_COLOR` unset).
    pub colors: bool,
}

/// Why the program's own log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no filter.
    #[error("log_level {level:?} is not a filter: {source}")]
    Level {
        /// As given.
        level: String,
        /// The parser's words.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The file cannot be opened.
    #[error("cannot append to the log file {}: {source}; choose another with --log-file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A subscriber is set already.
    #[error("the program's log is set up twice")]
    Twice,
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Sets the global subscriber. Call once, before the first task is spawned.
///
/// # Errors
/// An unusable level or file, or a second call.
pub fn init(settings: &Settings<'_>) -> Result<(), TelemetryError> {
    let file = settings.file.map(open).transpose()?;
    let mut layers: Vec<BoxedLayer> = Vec::new();
    match settings.output {
        Output::Dashboard => {
            // The widget's own selectors narrow further, so it receives everything that passes.
            tui_logger::init_logger(tui_logger::LevelFilter::Trace)
                .map_err(|_| TelemetryError::Twice)?;
            tui_logger::set_default_level(tui_logger::LevelFilter::Trace);
            layers
                .push(tui_logger::TuiTracingSubscriberLayer.with_filter(filter(settings)?).boxed());
        }
        Output::Stderr => {
            let colors = settings.colors && io::stderr().is_terminal();
            let stderr = fmt::layer().with_writer(io::stderr).with_ansi(colors);
            layers.push(stderr.with_filter(filter(settings)?).boxed());
        }
        Output::Quiet => {}
    }
    if let Some(file) = file {
        let lines = fmt::layer().with_writer(Mutex::new(file)).with_ansi(false);
        layers.push(lines.with_filter(filter(settings)?).boxed());
    }
    tracing_subscriber::registry().with(layers).try_init().map_err(|_| TelemetryError::Twice)
}

/// The filter of one layer. The HTTP stack's chatter is kept out unless it is asked for by name.
fn filter(settings: &Settings<'_>) -> Result<EnvFilter, TelemetryError> {
    let quiet = "hyper=warn,hyper_util=warn,bollard=warn,h2=warn";
    let text = if settings.level.contains('=') {
        settings.level.to_owned()
    } else {
        format!("{},{quiet}", settings.level)
    };
    EnvFilter::try_new(text)
        .map_err(|source| TelemetryError::Level { level: settings.level.to_owned(), source })
}

/// Opens for appending, created for the owner alone: messages name containers.
fn open(path: &Path) -> Result<File, TelemetryError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| TelemetryError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<'a>(level: &'a str, file: Option<&'a Path>) -> Settings<'a> {
        Settings { output: Output::Quiet, level, file, colors: false }
    }

    #[test]
    fn a_plain_level_keeps_the_http_stack_quiet() {
        let plain = filter(&settings("debug", None)).unwrap().to_string();
        assert!(plain.contains("hyper=warn"), "{plain}");
        let named = filter(&settings("hyper=trace", None)).unwrap().to_string();
        assert_eq!(named, "hyper=trace");
    }

    #[test]
    fn a_file_that_cannot_be_opened_says_so() {
        let path = Path::new("/nonexistent/logcap.log");
        let error = init(&settings("info", Some(path))).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/logcap.log"), "{error}");
        assert!(error.contains("--log-file"), "{error}");
    }

    #[test]
    fn the_file_gets_what_passes_the_level_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.log");
        init(&settings("warn", Some(&path))).unwrap();
        tracing::warn!(answer = 42, "kept");
        tracing::info!("dropped");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("kept") && text.contains("answer=42"), "{text}");
        assert!(!text.contains("dropped"), "{text}");
        assert!(matches!(init(&settings("warn", None)), Err(TelemetryError::Twice)));
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
