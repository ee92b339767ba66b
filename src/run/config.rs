//! `config`: shows, checks and prints the configuration.

use logcap_tui::cli::{ConfigCommand, GlobalOptions};
use logcap_tui::config::{self, DEFAULT_FILE, Environment};
use logcap_tui::tui::KeyMap;

use super::{Failure, Outcome, print, say};

/// Runs the command.
pub(super) fn run(
    environment: &Environment,
    global: &GlobalOptions,
    command: Option<ConfigCommand>,
) -> Result<Outcome, Failure> {
    if command == Some(ConfigCommand::Default) {
        return print(DEFAULT_FILE.as_bytes());
    }
    let config = config::load(environment, &global.overrides())?;
    let keys = KeyMap::with(&config.keys).map_err(|error| Failure::Argument(error.to_string()))?;
    for warning in &config.warnings {
        say(warning);
    }
    match command {
        None | Some(ConfigCommand::Show) => print(config.show().as_bytes()),
        Some(ConfigCommand::Check | ConfigCommand::Default) => Ok(Outcome::Done),
        Some(ConfigCommand::Paths) => print(config.show_paths().as_bytes()),
        Some(ConfigCommand::Keys) => print(keys.to_markdown().as_bytes()),
    }
}
