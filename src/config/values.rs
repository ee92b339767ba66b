//! The layers as raw values: default, file, variable, flag, later ones win. What they mean is read
//! by `resolve`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::environment::Environment;
use super::error::{ConfigError, Origin};
use super::keys::{self, KEYS, Key, Raw};
use super::show;
use super::units::Allowed;

/// What the command line sets, still as text. An absent flag is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--docker`
    pub docker: Option<String>,
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--include`, repeated; replaces the lists of lower layers.
    pub include: Vec<String>,
    /// `--exclude`, likewise.
    pub exclude: Vec<String>,
    /// `--label`, likewise.
    pub label: Vec<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--listen-public`
    pub listen_public: bool,
    /// `--log-file`
    pub log_file: Option<String>,
    /// `--history`
    pub history: Option<String>,
    /// `--probe`
    pub probe: Option<String>,
}

/// The winning value of every key, and what was wrong on the way.
pub(super) struct Values {
    pub(super) entries: BTreeMap<&'static str, (Raw, Origin)>,
    pub(super) problems: Vec<ConfigError>,
}

impl Values {
    pub(super) fn new(problems: Vec<ConfigError>) -> Self {
        let entries = KEYS.iter().map(|k| (k.name, (k.default_value(), Origin::Default))).collect();
        Self { entries, problems }
    }

    pub(super) fn set(&mut self, key: &'static Key, raw: Raw, origin: Origin) {
        self.entries.insert(key.name, (raw, origin));
    }

    /// Takes every `LOGCAP_*` variable. One that nothing reads is a warning, not an error: other
    /// programs may own it.
    pub(super) fn environment(&mut self, environment: &Environment) -> Vec<String> {
        let mut used = vec!["LOGCAP_CONFIG".to_owned()];
        for key in KEYS {
            let names = [Some(key.variable()), key.alias.map(ToOwned::to_owned)];
            for name in names.into_iter().flatten() {
                if let Some(text) = environment.var(&name) {
                    let origin = Origin::Env(name.clone());
                    match key.parse_text(text) {
                        Ok(raw) => self.set(key, raw, origin),
                        Err(allowed) => self.refuse(key.name, text, origin, allowed),
                    }
                }
                used.push(name);
            }
        }
        let unread = |name: &&String| name.starts_with("LOGCAP_") && !used.contains(name);
        let warn = |name: &String| {
            let nearest = keys::nearest_of(name, used.iter().map(String::as_str));
            let hint = nearest.map(|n| format!("; did you mean ${n}?")).unwrap_or_default();
            format!("${name} is set but nothing reads it{hint}")
        };
        environment.vars.keys().filter(unread).map(warn).collect()
    }

    pub(super) fn flags(&mut self, flags: &Overrides) {
        let texts = [
            ("docker.uri", "--docker", &flags.docker),
            ("store.dir", "--data-dir", &flags.data_dir),
            ("listen", "--listen", &flags.listen),
            ("log_file", "--log-file", &flags.log_file),
            ("history", "--history", &flags.history),
            ("probe", "--probe", &flags.probe),
        ];
        for (name, flag, text) in texts {
            if let (Some(key), Some(text)) = (keys::find(name), text) {
                self.set(key, Raw::Text(text.clone()), Origin::Flag(flag));
            }
        }
        let lists = [
            ("filter.include", "--include", &flags.include),
            ("filter.exclude", "--exclude", &flags.exclude),
            ("filter.labels", "--label", &flags.label),
        ];
        for (name, flag, list) in lists {
            if let (Some(key), false) = (keys::find(name), list.is_empty()) {
                self.set(key, Raw::List(list.clone()), Origin::Flag(flag));
            }
        }
        if let (Some(key), true) = (keys::find("listen_public"), flags.listen_public) {
            self.set(key, Raw::Flag(true), Origin::Flag("--listen-public"));
        }
    }

    /// A text that is set.
    pub(super) fn text(&self, name: &str) -> Option<(&str, &Origin)> {
        match self.entries.get(name) {
            Some((Raw::Text(text), origin)) if !text.trim().is_empty() => Some((text, origin)),
            _ => None,
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.entries.get(name), Some((Raw::Flag(true), _)))
    }

    pub(super) fn refuse(&mut self, key: &str, value: &str, at: Origin, allowed: Allowed) {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.problems.push(ConfigError::Value { at, key, value, allowed: allowed.0 });
    }

    pub(super) fn typed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Allowed>,
    ) -> Option<T> {
        let (raw, origin) = self.entries.get(name).cloned()?;
        let Raw::Text(text) = raw else { return None };
        match parse(&text) {
            Ok(value) => Some(value),
            Err(allowed) => {
                self.refuse(name, &text, origin, allowed);
                None
            }
        }
    }

    pub(super) fn contradiction(&mut self, key: &str, other: &str, rule: &str) {
        let of = |name: &str| match self.entries.get(name) {
            Some((raw, origin)) => (show::plain(raw), origin.clone()),
            None => (String::new(), Origin::Default),
        };
        let ((value, at), (other_value, _)) = (of(key), of(other));
        let (key, other, rule) = (key.to_owned(), other.to_owned(), rule.to_owned());
        let problem = ConfigError::Contradiction { at, key, value, other, other_value, rule };
        self.problems.push(problem);
    }
}
