//! The `logcap-tui` binary: parses, sets hooks, starts the runtime, dispatches, and maps outcomes
//! to exit codes. What the commands do is in `run`; what they do it with is the library.

mod run;

use std::process::ExitCode;

use clap::Parser;
use logcap_tui::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let code = if error.use_stderr() { run::Outcome::Usage } else { run::Outcome::Done };
            return code.into();
        }
    };
    // Before anything can panic: a report in plain words, and the terminal restored first.
    let hooks = color_eyre::config::HookBuilder::default().display_env_section(false).install();
    if let Err(error) = hooks {
        run::say(&format!("cannot set up error reports: {error}"));
    }
    match run::dispatch(cli) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            run::say(&failure.to_string());
            failure.outcome().into()
        }
    }
}
