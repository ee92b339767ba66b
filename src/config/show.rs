//! `config show` and `config paths`: every key with its value and where it came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::error::Origin;
use super::keys::{KEYS, Raw};
use super::typed::{Config, Setting};

type Entries = BTreeMap<&'static str, (Raw, Origin)>;

/// All settings in the order of the table, remapped keys and themes behind them.
pub(super) fn settings(
    entries: &Entries,
    keys: &BTreeMap<String, (Vec<String>, Origin)>,
    themes: &BTreeMap<String, BTreeMap<String, String>>,
) -> Vec<Setting> {
    let known = KEYS.iter().filter_map(|key| {
        let (raw, origin) = entries.get(key.name)?;
        Some(Setting { key: key.name.to_owned(), value: toml(raw), origin: origin.clone() })
    });
    let remapped = keys.iter().map(|(action, (list, origin))| Setting {
        key: format!("keys.{action}"),
        value: toml(&Raw::List(list.clone())),
        origin: origin.clone(),
    });
    let mut all: Vec<_> = known.chain(remapped).collect();
    if !themes.is_empty() {
        let names: Vec<_> = themes.keys().cloned().collect();
        let origin = all.iter().find_map(|s| match &s.origin {
            Origin::File { path, .. } => Some(Origin::File { path: path.clone(), line: 1 }),
            _ => None,
        });
        let origin = origin.unwrap_or(Origin::Default);
        all.push(Setting { key: "themes".to_owned(), value: names.join(", "), origin });
    }
    all
}

/// A value as TOML; empty when unset.
fn toml(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) if text.is_empty() => String::new(),
        Raw::Text(text) => ::toml::Value::String(text.clone()).to_string(),
        Raw::Flag(flag) => flag.to_string(),
        Raw::List(items) => {
            ::toml::Value::Array(items.iter().cloned().map(::toml::Value::String).collect())
                .to_string()
        }
    }
}

/// A value for a message that quotes it itself.
pub(super) fn plain(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => text.clone(),
        Raw::Flag(flag) => flag.to_string(),
        Raw::List(items) => items.join(", "),
    }
}

impl Config {
    /// Every key, its value and its origin in aligned columns, one key a line.
    pub fn show(&self) -> String {
        let shown = |s: &Setting| {
            if s.value.is_empty() { "(unset)".to_owned() } else { s.value.clone() }
        };
        let key_width = self.settings.iter().map(|s| s.key.len()).max().unwrap_or(0);
        let value_width =
            self.settings.iter().map(|s| shown(s).chars().count()).max().unwrap_or(0).min(48);
        let mut text = String::new();
        for setting in &self.settings {
            let (key, value, origin) = (&setting.key, shown(setting), &setting.origin);
            let _ = writeln!(text, "{key:key_width$}  {value:value_width$}  {origin}");
        }
        text
    }

    /// The files and directories in use, one a line.
    pub fn show_paths(&self) -> String {
        let file = match (&self.paths.config_file, self.paths.config_read) {
            (Some(path), true) => path.display().to_string(),
            (Some(path), false) => format!("{} (does not exist)", path.display()),
            (None, _) => "(no place known)".to_owned(),
        };
        let log = self.log_file.as_ref().map_or("(none)".to_owned(), |p| p.display().to_string());
        format!(
            "config file    {file}\ndata directory {}\nengine socket  {}\nlog file       {log}\n",
            self.paths.data_dir.display(),
            self.paths.engine_socket.display(),
        )
    }
}
