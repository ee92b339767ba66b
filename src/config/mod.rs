//! From a file, the environment and flags to one validated [`Config`] in which every value knows
//! where it came from.
//!
//! This is the only module that reads the environment and asks for directories: it does so once,
//! into an [`Environment`] value, and from there on everything is a pure function of that value,
//! the file's text and the flags. So every rule here is tested without touching the machine.
//!
//! The layers, later ones win: built-in default, file, `LOGCAP_*` variable, flag. All problems of
//! all layers are reported together, each with its place and with what would be allowed, because
//! nobody likes to fix a file one error at a time.
//!
//! What it does not do: it opens no socket, creates no directory and parses no key names or Docker
//! addresses beyond choosing them; their owners (`tui`, `docker`, `store`) do.

pub mod address;
mod context;
pub mod environment;
pub mod error;
mod file;
pub mod filter;
mod keys;
pub mod paths;
mod resolve;
mod show;
mod typed;
mod units;
mod values;

pub use address::{Candidate, DockerAddress};
pub use environment::Environment;
pub use error::{ConfigError, ConfigErrors, Origin};
pub use filter::{Decision, Filter};
pub use paths::Paths;
pub use typed::{ColorDepth, Config, Durability, History, Setting, Store, TimestampStyle, Ui};
pub use values::Overrides;

/// The commented file with every key at its default; `config default` prints it.
pub const DEFAULT_FILE: &str = include_str!("../../assets/config.toml");

/// Reads the file that flags, environment or platform name, and resolves all layers.
///
/// A file at the platform's place may be missing; one that was named must exist.
///
/// # Errors
/// Every problem of every layer, in the order of the layers.
pub fn load(environment: &Environment, flags: &Overrides) -> Result<Config, ConfigErrors> {
    let (path, named) = paths::config_file(environment, flags);
    let text = match path.as_deref().map(std::fs::read_to_string) {
        Some(Ok(text)) => Some(text),
        Some(Err(e)) if e.kind() == std::io::ErrorKind::NotFound && !named => None,
        Some(Err(source)) => {
            let path = path.unwrap_or_default();
            return Err(ConfigError::Unreadable { path, source }.into());
        }
        None => None,
    };
    resolve(environment, path.as_deref().zip(text.as_deref()), flags)
}

/// The same from a file's text; pure.
///
/// # Errors
/// Every problem of every layer, in the order of the layers.
pub fn resolve(
    environment: &Environment,
    file: Option<(&std::path::Path, &str)>,
    flags: &Overrides,
) -> Result<Config, ConfigErrors> {
    resolve::resolve(environment, file, flags)
}
