//! The command line: definitions and help texts only; `main` acts on them.
//!
//! Values stay text here (`--probe 30s`), because `config` reads them by the same rules as the file
//! and the environment and can then name the origin of a mistake.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Overrides;

const AFTER_HELP: &str = "\
\x1b[1mExit codes:\x1b[0m
  0  ok (a broken pipe is ok)
  1  a check failed, or nothing was found
  2  the command line or the configuration is wrong
  3  Docker cannot be reached (commands without a screen)
  4  the store cannot be used

\x1b[1mDocker's address\x1b[0m without --docker:
  LOGCAP_DOCKER, the file, DOCKER_HOST, the Docker CLI's context, then the usual sockets of Docker,
  rootless Docker and Podman.

\x1b[1mFiles:\x1b[0m
  `logcap-tui config paths` prints them; `config default` prints a commented configuration.

logcap-tui only ever sends GET requests to Docker: it is safe behind a read-only socket proxy.";

const ABOUT: &str = "\
Captures every log line of every container, proves that none is missing, and searches them all.

Without a command it opens the dashboard, with the capture engine inside.
If an engine already runs on the same data directory, the dashboard becomes a viewer of it.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "logcap-tui", version, about = "Captures every container's log, and proves it",
    long_about = ABOUT, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// Options that every command knows.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do; the dashboard when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that every command knows. They win over `LOGCAP_*` variables and the file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    // One line each: with a longer help on any of them, every command would print all of them at
    // length. What needs more words stands in `AFTER_HELP`.
    /// Docker's address: <unix:///path>, tcp://host:port, or a socket's path
    #[arg(long, global = true, value_name = "URI")]
    pub docker: Option<String>,
    /// Where captured lines are kept
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Capture only containers whose name or project/service matches (repeatable)
    #[arg(long, global = true, value_name = "GLOB")]
    pub include: Vec<String>,
    /// Never capture containers whose name or project/service matches (repeatable)
    #[arg(long, global = true, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Capture only containers with this label (repeatable; all must hold)
    #[arg(long, global = true, value_name = "KEY[=VALUE]")]
    pub label: Vec<String>,
    /// Serve /health, /ready and /metrics, for example at 127.0.0.1:8401
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Allow --listen beyond the loopback: names, states and counts are then public, never lines
    #[arg(long, global = true)]
    pub listen_public: bool,
    /// Append the program's own log to this file
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<String>,
    /// What to take of a log at first sight: auto, all, now, "tail N"
    #[arg(long, global = true, value_name = "POLICY")]
    pub history: Option<String>,
    /// How often a quiet log must be proved quiet, 5s to 10m; all deadlines follow from it
    #[arg(long, global = true, value_name = "DURATION")]
    pub probe: Option<String>,
}

impl GlobalOptions {
    /// The flags as the top layer of the configuration.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            docker: self.docker.clone(),
            data_dir: self.data_dir.clone(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            label: self.label.clone(),
            listen: self.listen.clone(),
            listen_public: self.listen_public,
            log_file: self.log_file.clone(),
            history: self.history.clone(),
            probe: self.probe.clone(),
        }
    }
}

/// A command.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Capture without a screen, until stopped or, with --once, until everything is stored
    Capture(CaptureArgs),
    /// Search everything ever captured, newest first
    Search(SearchArgs),
    /// Show monitors and store, from the running engine, else from the store
    Status(StatusArgs),
    /// The dashboard on a simulated daemon: needs no Docker, and leaves nothing behind
    Demo(DemoArgs),
    /// Watch a running engine and fail unless every rule of capture holds in every sample
    Verify(VerifyArgs),
    /// Show, check or print the configuration
    Config {
        /// What to print; `show` when absent.
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `capture`
#[derive(Debug, Clone, Args)]
pub struct CaptureArgs {
    /// Capture all there is, verify it, and exit with a summary (1 if there are gaps or failures)
    #[arg(long)]
    pub once: bool,
    /// Print JSON: with --once one summary object, otherwise one object per event
    #[arg(long)]
    pub json: bool,
}

const SEARCH_EXAMPLES: &str = "\
\x1b[1mExamples:\x1b[0m
  logcap-tui search timeout
  logcap-tui search '\"connection reset\" -healthcheck' -c 'shop-*' --since -2h
  logcap-tui search '/user=\\d+/ level:error' --since 'yesterday 10:00' --until 14:03
  logcap-tui search 7f3a9c --count

Exit code 1 means that nothing was found.";

/// `search`
#[derive(Debug, Clone, Args)]
#[command(after_help = SEARCH_EXAMPLES)]
pub struct SearchArgs {
    /// Words, "phrases", /regexes/, -exclusions and fields; words that all occur in a line
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    pub query: String,
    /// Only containers whose name matches (repeatable)
    #[arg(short = 'c', long = "container", value_name = "GLOB")]
    pub containers: Vec<String>,
    /// Only lines from here on: RFC 3339, 14:03, -15m, "yesterday 10:00"
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only lines up to here
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Print the number of matching lines alone
    #[arg(long, conflicts_with_all = ["json", "raw"])]
    pub count: bool,
    /// Print one JSON object per hit: ts, container, `container_id`, stream, seq, level, line
    #[arg(long, conflicts_with = "raw")]
    pub json: bool,
    /// Print the lines' bytes as captured, nothing else
    #[arg(long)]
    pub raw: bool,
    /// Print at most this many hits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

/// `status`
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Print the engine's snapshot as one JSON object
    #[arg(long)]
    pub json: bool,
}

const DEMO_HELP: &str = "\
A dozen simulated containers live in this process and are captured into a temporary store, which is
removed at the end. Press ! to make something go wrong: cut streams, restart the daemon, rotate log
files away, and more; then watch how the engine notices, recovers and reports.

Nothing of the real Docker is touched; --docker and --data-dir have no meaning here.";

/// `demo`
#[derive(Debug, Clone, Args)]
#[command(after_help = DEMO_HELP)]
pub struct DemoArgs {
    /// Play this scenario instead of the town: tests/scenarios has one for each hazard
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    pub scenario: Option<PathBuf>,
    /// Another number, another life; the same number, the same lines
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

const VERIFY_RULES: &str = "\
It asks the engine twice a second for the picture that the screen shows, and exits 1 unless in
every sample: the engine answers with a current picture; every matched running container has
exactly one monitor; the evidence of every live monitor is fresher than its deadline; every running
container has evidence every two probe intervals; nothing failed, timed out or restarted
unreported; expected tasks are actual tasks; file descriptors are explained; every received record
is accounted for; no gap was recorded since the engine started. Missing data fails.";

/// `verify`
#[derive(Debug, Clone, Args)]
#[command(after_help = VERIFY_RULES)]
pub struct VerifyArgs {
    /// How long to watch
    #[arg(long = "for", value_name = "DURATION", default_value = "10m",
        value_parser = humantime::parse_duration)]
    pub watch: Duration,
    /// Recorded gaps are no failure
    #[arg(long)]
    pub allow_gaps: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Break every rule on purpose, on a simulated daemon, and fail unless each is seen to fail
    ///
    /// Needs neither Docker nor a running engine, takes about half a minute.
    #[arg(long, conflicts_with_all = ["watch", "allow_gaps"])]
    pub control: bool,
}

/// `config`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Every key with its value and where it came from
    Show,
    /// Exit 0 if the configuration is valid, else print every mistake with its line
    Check,
    /// A commented file with every key at its default
    Default,
    /// The files and directories in use
    Paths,
    /// Actions and the keys bound to them
    Keys,
}

/// A shell whose completions can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Elvish
    Elvish,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell")]
    PowerShell,
    /// Z shell
    Zsh,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Elvish => Self::Elvish,
            Shell::Fish => Self::Fish,
            Shell::PowerShell => Self::PowerShell,
            Shell::Zsh => Self::Zsh,
        }
    }
}

/// The completion script of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut command = <Cli as clap::CommandFactory>::command();
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::from(shell),
        &mut command,
        "logcap-tui",
        &mut script,
    );
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_is_the_dashboard() {
        let cli = Cli::try_parse_from(["logcap-tui", "--docker", "tcp://h:1"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.global.overrides().docker.as_deref(), Some("tcp://h:1"));
    }

    #[test]
    fn global_options_stand_before_or_behind_the_command() {
        let line = ["logcap-tui", "--probe", "9s", "capture", "--once", "--data-dir", "/d"];
        let cli = Cli::try_parse_from(line).unwrap();
        let flags = cli.global.overrides();
        assert_eq!((flags.probe.as_deref(), flags.data_dir.as_deref()), (Some("9s"), Some("/d")));
        assert!(matches!(cli.command, Some(Command::Capture(CaptureArgs { once: true, .. }))));
    }

    #[test]
    fn queries_and_times_may_begin_with_a_hyphen() {
        let line =
            ["logcap-tui", "search", "-healthcheck", "--since", "-15m", "-c", "a*", "-c", "b"];
        let cli = Cli::try_parse_from(line).unwrap();
        let Some(Command::Search(search)) = cli.command else { panic!("not a search") };
        assert_eq!(search.query, "-healthcheck");
        assert_eq!(search.since.as_deref(), Some("-15m"));
        assert_eq!(search.containers, ["a*", "b"]);
    }

    #[test]
    fn help_documents_the_exit_codes() {
        let help = <Cli as clap::CommandFactory>::command().render_help().to_string();
        for code in ["0  ok", "1  a check failed", "2  the command", "3  Docker", "4  the store"] {
            assert!(help.contains(code), "{code} is missing in\n{help}");
        }
    }

    #[test]
    fn every_shell_has_a_completion_script_and_the_shipped_ones_are_current() {
        for shell in Shell::value_variants() {
            assert!(completions(*shell).len() > 500, "{shell:?}");
        }
        let shipped = [
            (Shell::Bash, include_str!("../assets/completions/logcap-tui.bash")),
            (Shell::Fish, include_str!("../assets/completions/logcap-tui.fish")),
            (Shell::Zsh, include_str!("../assets/completions/_logcap-tui")),
        ];
        for (shell, text) in shipped {
            let current = completions(shell) == text.as_bytes();
            assert!(
                current,
                "assets/completions: run `logcap-tui completions` for {shell:?} again"
            );
        }
    }
}
