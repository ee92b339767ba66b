//! What the containers of the demo write: lines in the manner of programs that everybody knows.
//!
//! A voice is a pure function of its dice and of how often it has spoken. The lines are invented,
//! and so are the addresses in them (the ranges reserved for documentation).

mod services;
mod shop;
mod strangers;

use crate::model::Fd;

use super::dice::Dice;

/// One line that a container writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) fd: Fd,
    pub(super) text: String,
}

fn out(text: impl Into<String>) -> Said {
    Said { fd: Fd::Stdout, text: text.into() }
}

fn err(text: impl Into<String>) -> Said {
    Said { fd: Fd::Stderr, text: text.into() }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// A web shop's front: an access log with colours, and what the application says.
    Web,
    /// A database, all of it on stderr.
    Database,
    /// A queue worker with tracebacks.
    Worker,
    /// A scheduler: silent, then several lines at once.
    Cron,
    /// A game on a terminal.
    Game,
    /// A program that starts, fails and gives up.
    Webhook,
    /// Structured lines in JSON.
    Collector,
    /// Says hello, and nothing more.
    Vault,
    /// A job that counts to its end.
    Migration,
    /// An edge cache: many short lines.
    Edge,
    /// Chat in many languages.
    Chat,
    /// Structured lines as key=value.
    Auth,
}

impl Voice {
    /// What a run begins with.
    pub(super) fn hello(self, dice: &mut Dice, run: u64) -> Vec<Said> {
        match self {
            Self::Web => shop::web_hello(dice, run),
            Self::Database => shop::database_hello(),
            Self::Worker => shop::worker_hello(dice),
            Self::Cron => vec![out("crond: started, 4 jobs from /etc/crontabs/root")],
            Self::Game => strangers::game_hello(),
            Self::Webhook => services::webhook_hello(run),
            Self::Collector => vec![services::json("info", "starting", ",\"version\":\"2.14.0\"")],
            Self::Vault => services::vault_hello(),
            Self::Migration => services::migration_hello(dice),
            Self::Edge => vec![out("edge: listening on :8080, cache 512 MiB, origin shop/web")],
            Self::Chat => vec![out("chat: 12 rooms restored, 3 languages loaded")],
            Self::Auth => services::auth_hello(),
        }
    }

    /// What it says the `turn`th time in this run.
    pub(super) fn speak(self, dice: &mut Dice, turn: u64) -> Vec<Said> {
        match self {
            Self::Web => shop::web(dice),
            Self::Database => shop::database(dice),
            Self::Worker => shop::worker(dice),
            Self::Cron => shop::cron(dice),
            Self::Game => strangers::game(dice),
            Self::Webhook => services::webhook(dice, turn),
            Self::Collector => services::collector(dice),
            Self::Vault => Vec::new(),
            Self::Migration => services::migration(dice, turn),
            Self::Edge => services::edge(dice),
            Self::Chat => strangers::chat(dice),
            Self::Auth => services::auth(dice),
        }
    }

    /// What a run ends with.
    pub(super) fn goodbye(self, dice: &mut Dice) -> Vec<Said> {
        match self {
            Self::Web => vec![out("SIGTERM received, draining 3 connections"), out("bye")],
            Self::Webhook => services::webhook_goodbye(dice),
            Self::Migration => vec![out("migrate: \x1b[32mdone\x1b[0m, schema is current")],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voice_but_the_quiet_one_has_much_to_say() {
        let all = [
            Voice::Web,
            Voice::Database,
            Voice::Worker,
            Voice::Cron,
            Voice::Game,
            Voice::Webhook,
            Voice::Collector,
            Voice::Migration,
            Voice::Edge,
            Voice::Chat,
            Voice::Auth,
        ];
        for voice in all {
            let mut dice = Dice::new(1, "a voice");
            let turns: Vec<Vec<Said>> = (0..200).map(|turn| voice.speak(&mut dice, turn)).collect();
            let lines: std::collections::BTreeSet<&str> =
                turns.iter().flatten().map(|said| said.text.as_str()).collect();
            assert!(lines.len() > 5, "{voice:?} says only {lines:?}");
            assert!(!voice.hello(&mut dice, 1).is_empty(), "{voice:?}");
            assert!(lines.iter().all(|line| !line.contains('\n')), "{voice:?}: one line each");
        }
        let mut dice = Dice::new(1, "a voice");
        assert!(Voice::Vault.speak(&mut dice, 1).is_empty());
    }
}
