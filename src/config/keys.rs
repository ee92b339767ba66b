//! The table of keys: name, variables, type and default of everything that can be set.
//!
//! File reader, variables, flags, `config show` and the test of the default file all walk this
//! one table, so a key cannot exist in one of them only.

use super::units::Allowed;

/// A value before it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    Flag(bool),
    List(Vec<String>),
}

/// The TOML type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Text, or a plain number of bytes.
    Size,
    Flag,
    List,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// A shorter variable than the one derived from the name.
    pub(super) alias: Option<&'static str>,
    pub(super) kind: Kind,
    /// Empty means unset.
    pub(super) default: &'static str,
    /// An example as TOML, for messages.
    pub(super) example: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, example: &'static str) -> Key {
    Key { name, alias: None, kind, default, example }
}

impl Key {
    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// The variable named after the key, `LOGCAP_STORE_MAX_AGE` for `store.max_age`.
    pub(super) fn variable(&self) -> String {
        format!("LOGCAP_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    pub(super) fn default_value(&self) -> Raw {
        match self.kind {
            Kind::Text | Kind::Size => Raw::Text(self.default.to_owned()),
            Kind::Flag => Raw::Flag(self.default == "true"),
            Kind::List => Raw::List(Vec::new()),
        }
    }

    /// Reads a variable's or flag's text as this key's type. Lists are separated by commas.
    pub(super) fn parse_text(&self, text: &str) -> Result<Raw, Allowed> {
        match self.kind {
            Kind::Text | Kind::Size => Ok(Raw::Text(text.to_owned())),
            Kind::List => {
                let items = text.split(',').map(str::trim).filter(|i| !i.is_empty());
                Ok(Raw::List(items.map(ToOwned::to_owned).collect()))
            }
            Kind::Flag => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(Raw::Flag(true)),
                "false" | "0" | "no" | "off" => Ok(Raw::Flag(false)),
                _ => Err(Allowed::new("true or false")),
            },
        }
    }
}

/// Every key, in the order of the default file. The tables `keys` and `themes` have free names and
/// stand beside it.
pub(super) const KEYS: &[Key] = &[
    key("docker.uri", Kind::Text, "", "\"unix:///var/run/docker.sock\"").alias("LOGCAP_DOCKER"),
    key("filter.include", Kind::List, "", "[\"shop-*\"]").alias("LOGCAP_INCLUDE"),
    key("filter.exclude", Kind::List, "", "[\"*-test\"]").alias("LOGCAP_EXCLUDE"),
    key("filter.labels", Kind::List, "", "[\"team=shop\"]").alias("LOGCAP_LABELS"),
    key("history", Kind::Text, "auto", "\"auto\""),
    key("probe", Kind::Text, "30s", "\"30s\""),
    key("store.dir", Kind::Text, "", "\"/srv/logs\"").alias("LOGCAP_DATA_DIR"),
    key("store.durability", Kind::Text, "full", "\"full\""),
    key("store.max_bytes", Kind::Size, "20GB", "\"20GB\""),
    key("store.max_age", Kind::Text, "90d", "\"90d\""),
    key("store.floor_per_log", Kind::Size, "16MB", "\"16MB\""),
    key("store.min_free", Kind::Size, "500MB", "\"500MB\""),
    key("listen", Kind::Text, "", "\"127.0.0.1:8401\""),
    key("listen_public", Kind::Flag, "false", "true"),
    key("log_file", Kind::Text, "", "\"/var/log/logcap-tui.log\""),
    key("log_level", Kind::Text, "info", "\"info\""),
    key("ui.theme", Kind::Text, "dark", "\"dark\""),
    key("ui.mouse", Kind::Flag, "true", "true"),
    key("ui.timestamps", Kind::Text, "time", "\"time\""),
    key("ui.utc", Kind::Flag, "false", "true"),
];

/// Tables whose names are the user's.
pub(super) const FREE_TABLES: [&str; 2] = ["keys", "themes"];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}

/// The valid name that looks most like a wrong one, if any is close enough to be meant.
pub(super) fn nearest(name: &str) -> Option<String> {
    nearest_of(name, KEYS.iter().map(|k| k.name).chain(FREE_TABLES))
}

/// The same among any names. A name with the right last part but a wrong or missing table counts as
/// close: `max_age` means `store.max_age`.
pub(super) fn nearest_of<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let last = |n: &'a str| n.rsplit('.').next().unwrap_or(n);
    let wanted = name.rsplit('.').next().unwrap_or(name);
    let score = |n: &'a str| {
        let whole = strsim::jaro_winkler(name, n);
        whole.max(strsim::jaro_winkler(wanted, last(n)) * 0.99)
    };
    names
        .map(|n| (score(n), n))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.8)
        .map(|(_, n)| n.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_meant_one() {
        for (wrong, right) in [
            ("store.maxage", "store.max_age"),
            ("max_age", "store.max_age"),
            ("filters.include", "filter.include"),
            ("docker.url", "docker.uri"),
            ("prob", "probe"),
            ("ui.timestamp", "ui.timestamps"),
        ] {
            assert_eq!(nearest(wrong).as_deref(), Some(right), "{wrong}");
        }
        assert_eq!(nearest("qqqqqq"), None);
    }

    #[test]
    fn variables_follow_from_names() {
        assert_eq!(find("store.max_age").unwrap().variable(), "LOGCAP_STORE_MAX_AGE");
    }
}
