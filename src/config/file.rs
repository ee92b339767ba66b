//! The file's text to raw values with line numbers. Knows TOML and the table of keys, no meaning.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::error::{ConfigError, Origin};
use super::keys::{self, FREE_TABLES, Key, Kind, Raw};

/// What a file sets.
#[derive(Debug, Default)]
pub(super) struct FileLayer {
    pub(super) values: Vec<(&'static Key, Raw, Origin)>,
    pub(super) keys: BTreeMap<String, (Vec<String>, Origin)>,
    pub(super) themes: BTreeMap<String, BTreeMap<String, String>>,
}

/// Reads a file's text; problems are appended, what is right is kept.
pub(super) fn parse(path: &Path, text: &str, problems: &mut Vec<ConfigError>) -> FileLayer {
    let mut reader = Reader { path, text, problems, layer: FileLayer::default() };
    match DeTable::parse(text) {
        Ok(table) => reader.table("", table.get_ref()),
        Err(error) => {
            let at = reader.at(error.span().unwrap_or_default());
            let message = error.message().to_owned();
            reader.problems.push(ConfigError::Syntax { at, message });
        }
    }
    reader.layer
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    problems: &'a mut Vec<ConfigError>,
    layer: FileLayer,
}

impl Reader<'_> {
    fn at(&self, span: Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        Origin::File {
            path: self.path.to_owned(),
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = format!("{prefix}{}", name.get_ref());
            let at = self.at(name.span());
            match (value.get_ref(), keys::find(&full)) {
                (found, Some(key)) => self.value(key, found, at),
                (DeValue::Table(inner), None) if full == "keys" => self.remapped(inner),
                (DeValue::Table(inner), None) if full == "themes" => self.themes(inner),
                (DeValue::Table(inner), None) if is_table(&full) => {
                    self.table(&format!("{full}."), inner);
                }
                (found, None) if is_table(&full) || FREE_TABLES.contains(&full.as_str()) => {
                    self.wrong_type(&full, at, "a table", found);
                }
                (found, None) => self.unknown(full, at, found),
            }
        }
    }

    fn unknown(&mut self, key: String, at: Origin, found: &DeValue<'_>) {
        let tables = keys::KEYS.iter().filter_map(|k| Some(k.name.split_once('.')?.0));
        let nearest = match found {
            DeValue::Table(_) => keys::nearest_of(&key, tables.chain(FREE_TABLES)),
            _ => keys::nearest(&key),
        };
        self.problems.push(ConfigError::UnknownKey { at, key, nearest });
    }

    fn value(&mut self, key: &'static Key, found: &DeValue<'_>, at: Origin) {
        let raw = match (key.kind, found) {
            (Kind::Text | Kind::Size, DeValue::String(text)) => Some(Raw::Text(text.to_string())),
            (Kind::Size, DeValue::Integer(n)) => Some(Raw::Text(n.to_string())),
            (Kind::Flag, DeValue::Boolean(flag)) => Some(Raw::Flag(*flag)),
            (Kind::List, DeValue::String(text)) => Some(Raw::List(vec![text.to_string()])),
            (Kind::List, DeValue::Array(items)) => strings(items).map(Raw::List),
            _ => None,
        };
        if let Some(raw) = raw {
            self.layer.values.push((key, raw, at));
        } else {
            let kind = match key.kind {
                Kind::Text | Kind::Size => "a string",
                Kind::Flag => "true or false",
                Kind::List => "a list of strings",
            };
            let expected = format!("{kind} such as {}", key.example);
            self.wrong_type(key.name, at, &expected, found);
        }
    }

    fn remapped(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = self.at(name.span());
            let keys = match value.get_ref() {
                DeValue::String(text) => Some(vec![text.to_string()]),
                DeValue::Array(items) => strings(items),
                _ => None,
            };
            let action = name.get_ref().to_string();
            if let Some(keys) = keys {
                self.layer.keys.insert(action, (keys, at));
            } else {
                let expected = "a key or a list of keys such as [\"p\", \"ctrl-p\"]";
                self.wrong_type(&format!("keys.{action}"), at, expected, value.get_ref());
            }
        }
    }

    fn themes(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let theme = name.get_ref().to_string();
            let DeValue::Table(roles) = value.get_ref() else {
                let at = self.at(name.span());
                self.wrong_type(&format!("themes.{theme}"), at, "a table", value.get_ref());
                continue;
            };
            let mut colors = BTreeMap::new();
            for (role, color) in roles {
                if let DeValue::String(text) = color.get_ref() {
                    colors.insert(role.get_ref().to_string(), text.to_string());
                } else {
                    let key = format!("themes.{theme}.{}", role.get_ref());
                    let at = self.at(role.span());
                    self.wrong_type(&key, at, "a colour such as \"#5fafff\"", color.get_ref());
                }
            }
            self.layer.themes.insert(theme, colors);
        }
    }

    fn wrong_type(&mut self, key: &str, at: Origin, expected: &str, found: &DeValue<'_>) {
        let found = match found {
            DeValue::String(text) => format!("the string {text:?}"),
            DeValue::Integer(n) => format!("the integer {n}"),
            DeValue::Float(x) => format!("the number {x}"),
            DeValue::Boolean(b) => b.to_string(),
            DeValue::Datetime(d) => format!("the date {d}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let (key, expected) = (key.to_owned(), expected.to_owned());
        self.problems.push(ConfigError::Type { at, key, expected, found });
    }
}

fn is_table(name: &str) -> bool {
    keys::KEYS.iter().any(|k| k.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

fn strings(items: &DeArray<'_>) -> Option<Vec<String>> {
    let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    items.iter().map(text).collect()
}
