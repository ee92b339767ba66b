//! Keys are data: one table feeds dispatch, footer, help, `docs/KEYS.md` and remapping.
//!
//! A [`KeyMap`] is the table with the user's changes applied and checked: unknown action names are
//! refused with the nearest valid one, and no key may mean two things.

mod chord;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use chord::{Chord, InvalidChord};
pub use table::Action;

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Wherever monitors are shown: dashboard and logs.
    Monitors,
    /// The monitors table.
    Table,
    /// Wherever lines are shown: dashboard and logs.
    Logs,
    /// Movement in whatever has the focus.
    Move,
    /// Everywhere in the demo.
    Demo,
    /// Everywhere.
    Global,
}

impl Scope {
    /// All scopes in the order of the help.
    pub const ALL: [Self; 6] =
        [Self::Monitors, Self::Table, Self::Logs, Self::Move, Self::Demo, Self::Global];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Monitors => "Selected or current monitors",
            Self::Table => "Monitors table",
            Self::Logs => "Logs",
            Self::Move => "Moving",
            Self::Demo => "In the demo",
            Self::Global => "Everywhere",
        }
    }
}

/// One action with the keys that are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Its name in the config.
    pub name: &'static str,
    /// Where it counts.
    pub scope: Scope,
    /// The keys, the first one is shown in the footer.
    pub keys: Vec<Chord>,
    /// Word in the footer; empty for actions that only the help lists.
    pub hint: &'static str,
    /// Sentence in the help.
    pub help: &'static str,
}

impl Binding {
    /// All keys as the help shows them.
    pub fn keys_text(&self) -> String {
        self.keys.iter().map(Chord::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// Why a user's key map is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyMapError {
    /// No such action.
    #[error("there is no action {name:?}; the nearest is {nearest:?}")]
    UnknownAction {
        /// As typed.
        name: String,
        /// The most similar name.
        nearest: &'static str,
    },
    /// No such key.
    #[error("action {action:?}: {source}")]
    Chord {
        /// The action being bound.
        action: String,
        /// What is wrong with the key.
        source: InvalidChord,
    },
    /// One key, two meanings.
    #[error(
        "key {key} is bound to both {first:?} and {second:?}, and both count at once; \
         give one of them other keys in [keys], or none: {second} = []"
    )]
    Clash {
        /// The key.
        key: String,
        /// One meaning.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Without this one the screen could not be left.
    #[error("action \"quit\" must keep a key")]
    NoQuit,
}

/// The keys in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMap {
    bindings: Vec<Binding>,
}

impl Default for KeyMap {
    fn default() -> Self {
        let bindings = table::TABLE
            .iter()
            .map(|entry| Binding {
                action: entry.action,
                name: entry.name,
                scope: entry.scope,
                keys: entry.keys.iter().filter_map(|key| key.parse().ok()).collect(),
                hint: entry.hint,
                help: entry.help,
            })
            .collect();
        Self { bindings }
    }
}

impl KeyMap {
    /// The default keys with the user's: each named action gets exactly the keys listed, none for
    /// an empty list. A key that another action holds, by default or by name, is refused: all of
    /// them count at once somewhere, and an action that loses its key in silence is missed later.
    pub fn with(overrides: &BTreeMap<String, Vec<String>>) -> Result<Self, KeyMapError> {
        let mut map = Self::default();
        for (name, keys) in overrides {
            let chords = keys.iter().map(|key| key.parse()).collect::<Result<Vec<Chord>, _>>();
            let keys =
                chords.map_err(|source| KeyMapError::Chord { action: name.clone(), source })?;
            let binding = map.bindings.iter_mut().find(|b| b.name == name);
            let binding = binding.ok_or_else(|| unknown(name))?;
            binding.keys = keys;
        }
        map.checked()
    }

    fn checked(self) -> Result<Self, KeyMapError> {
        let mut seen: Vec<(Chord, &'static str)> = Vec::new();
        for binding in &self.bindings {
            for key in &binding.keys {
                if let Some((_, first)) = seen.iter().find(|(k, _)| k == key) {
                    let (key, second) = (key.to_string(), binding.name);
                    return Err(KeyMapError::Clash { key, first, second });
                }
                seen.push((*key, binding.name));
            }
        }
        let quits = |b: &Binding| b.action == Action::Quit && !b.keys.is_empty();
        if self.bindings.iter().any(quits) { Ok(self) } else { Err(KeyMapError::NoQuit) }
    }

    /// Every action, in the order of the table.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What `key` does where `scopes` count.
    pub fn action(&self, key: Chord, scopes: &[Scope]) -> Option<Action> {
        let counts = |b: &&Binding| scopes.contains(&b.scope) && b.keys.contains(&key);
        self.bindings.iter().find(counts).map(|b| b.action)
    }

    /// The first key of an action, for texts that mention it.
    pub fn key_of(&self, action: Action) -> String {
        let binding = self.bindings.iter().find(|b| b.action == action);
        binding
            .and_then(|b| b.keys.first())
            .map_or_else(|| "(unbound)".to_owned(), Chord::to_string)
    }

    /// The whole map as `docs/KEYS.md`.
    pub fn to_markdown(&self) -> String {
        let mut out = String::from(
            "# Keys\n\nGenerated from the key map (`src/tui/keymap/table.rs`) and held by a test.\n\
             Every action can be bound to other keys in the config: `[keys]`, then `action = [\"key\", …]`.\n",
        );
        for scope in Scope::ALL {
            let _ = write!(
                out,
                "\n## {}\n\n| keys | action | what it does |\n|---|---|---|\n",
                scope.title()
            );
            for b in self.bindings.iter().filter(|b| b.scope == scope) {
                let keys: Vec<_> = b.keys.iter().map(|k| format!("`{k}`")).collect();
                let _ = writeln!(out, "| {} | `{}` | {} |", keys.join(" "), b.name, b.help);
            }
        }
        out
    }
}

fn unknown(name: &str) -> KeyMapError {
    let nearest = table::TABLE
        .iter()
        .map(|entry| entry.name)
        .min_by_key(|valid| strsim::damerau_levenshtein(valid, name))
        .unwrap_or("quit");
    KeyMapError::UnknownAction { name: name.to_owned(), nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &[&str])]) -> Result<KeyMap, KeyMapError> {
        let own = |(name, keys): &(&str, &[&str])| {
            ((*name).to_owned(), keys.iter().map(|k| (*k).to_owned()).collect())
        };
        KeyMap::with(&pairs.iter().map(own).collect())
    }

    #[test]
    fn every_action_has_a_key_and_no_key_means_two_things() {
        let map = KeyMap::default();
        assert_eq!(map.clone().checked(), Ok(map.clone()));
        for (binding, entry) in map.bindings.iter().zip(table::TABLE) {
            assert_eq!(
                binding.keys.len(),
                entry.keys.len(),
                "{}: a key does not parse",
                entry.name
            );
            assert!(!binding.keys.is_empty() && !binding.help.is_empty());
        }
    }

    #[test]
    fn a_users_key_replaces_the_default_one() {
        let map = with(&[("restart", &["p", "f5"]), ("pause", &[])]).unwrap();
        let p = "p".parse().unwrap();
        assert_eq!(map.action(p, &[Scope::Monitors]), Some(Action::Restart));
        assert_eq!(map.action(p, &[Scope::Table]), None);
        assert_eq!(map.key_of(Action::Pause), "(unbound)");
    }

    #[test]
    fn a_key_that_a_default_holds_is_refused_in_every_scope() {
        let error = with(&[("find", &["p"])]).unwrap_err().to_string();
        assert!(error.contains("\"pause\"") && error.contains("\"find\""), "{error}");
        for (action, key) in [("pause", "j"), ("help", "s"), ("sort", "q"), ("select", "!")] {
            let refused = with(&[(action, &[key])]);
            assert!(matches!(refused, Err(KeyMapError::Clash { .. })), "{action} = {key}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = with(&[("restrat", &["r"])]).unwrap_err().to_string();
        assert!(error.contains("\"restart\""), "{error}");
        assert!(matches!(with(&[("pause", &["hyper-x"])]), Err(KeyMapError::Chord { .. })));
        let clash = with(&[("pause", &["x"]), ("restart", &["x"])]);
        assert!(matches!(clash, Err(KeyMapError::Clash { .. })));
        assert_eq!(with(&[("quit", &[])]), Err(KeyMapError::NoQuit));
    }
}
