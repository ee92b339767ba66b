//! Raw values to one typed [`Config`]: what each key means, which values are absurd, and which keys
//! contradict each other. The layers themselves are in `values`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::Environment;
use super::error::{ConfigError, ConfigErrors, Origin};
use super::filter::Filter;
use super::keys::Raw;
use super::paths::{self, Paths};
use super::typed::{ColorDepth, Config, Durability, History, Store, TimestampStyle, Ui};
use super::units::{self, Allowed};
use super::values::{Overrides, Values};
use super::{address, file, show};
use crate::model::Timing;

/// The built-in themes; `ui.theme` may also name a user theme.
const THEMES: [&str; 4] = ["dark", "light", "mono", "high-contrast"];

pub(super) fn resolve(
    environment: &Environment,
    text: Option<(&Path, &str)>,
    flags: &Overrides,
) -> Result<Config, ConfigErrors> {
    let mut problems = Vec::new();
    let layer = text.map(|(path, text)| file::parse(path, text, &mut problems)).unwrap_or_default();
    let mut values = Values::new(problems);
    for (key, raw, origin) in layer.values {
        values.set(key, raw, origin);
    }
    let warnings = values.environment(environment);
    values.flags(flags);

    let user_themes: Vec<_> = layer.themes.keys().map(String::as_str).collect();
    let paths = values.paths(environment, text.is_some(), flags);
    let config = Config {
        docker: address::resolve(environment, values.text("docker.uri")),
        filter: values.filter(),
        history: values.typed("history", units::history).unwrap_or(History::Auto),
        timing: values.timing(),
        store: values.store(),
        listen: values.listen(),
        log_file: values.text("log_file").map(|(t, at)| paths::absolute(environment, t, at)),
        log_level: values.typed("log_level", units::log_level).unwrap_or_default(),
        ui: values.ui(environment, &user_themes),
        settings: show::settings(&values.entries, &layer.keys, &layer.themes),
        keys: layer.keys.into_iter().map(|(action, (keys, _))| (action, keys)).collect(),
        themes: layer.themes,
        paths,
        warnings,
    };
    if values.problems.is_empty() { Ok(config) } else { Err(ConfigErrors(values.problems)) }
}

impl Values {
    fn filter(&mut self) -> Filter {
        type Add = fn(&mut Filter, &str) -> Result<(), Allowed>;
        let rules: [(&str, Add); 3] = [
            ("filter.include", Filter::include),
            ("filter.exclude", Filter::exclude),
            ("filter.labels", Filter::label),
        ];
        let mut filter = Filter::default();
        for (name, add) in rules {
            let Some((Raw::List(items), origin)) = self.entries.get(name).cloned() else {
                continue;
            };
            for item in &items {
                if let Err(allowed) = add(&mut filter, item) {
                    self.refuse(name, item, origin.clone(), allowed);
                }
            }
        }
        filter
    }

    fn timing(&mut self) -> Timing {
        let probe = self.typed("probe", units::duration);
        match probe.map_or(Ok(Timing::default()), Timing::from_probe) {
            Ok(timing) => timing,
            Err(source) => {
                let (value, at) = self
                    .text("probe")
                    .map_or_else(Default::default, |(t, at)| (t.to_owned(), Some(at.clone())));
                let at = at.unwrap_or(Origin::Default);
                self.problems.push(ConfigError::Timing { at, value, source });
                Timing::default()
            }
        }
    }

    fn store(&mut self) -> Store {
        let durability = self.typed("store.durability", units::durability);
        let max_bytes = self.typed("store.max_bytes", units::quota).flatten();
        let max_age: Option<Duration> = self.typed("store.max_age", units::age).flatten();
        let floor = self.typed("store.floor_per_log", units::floor).unwrap_or_default();
        if max_bytes.is_some_and(|max| floor > max / 2) {
            self.contradiction(
                "store.floor_per_log",
                "store.max_bytes",
                "one log's floor may take at most half of the whole store",
            );
        }
        let durability = durability.unwrap_or(Durability::Full);
        let min_free = self.typed("store.min_free", units::reserve).unwrap_or_default();
        Store { durability, max_bytes, max_age, floor_per_log: floor, min_free }
    }

    fn listen(&mut self) -> Option<std::net::SocketAddr> {
        self.text("listen")?;
        let address = self.typed("listen", units::listen)?;
        if !address.ip().is_loopback() && !self.flag("listen_public") {
            self.contradiction(
                "listen",
                "listen_public",
                "an address beyond the loopback shows names, states and line counts of your \
                 containers to everyone who can reach it; set listen_public = true \
                 (--listen-public) if that is meant",
            );
        }
        Some(address)
    }

    fn ui(&mut self, environment: &Environment, user_themes: &[&str]) -> Ui {
        let theme = self.typed("ui.theme", |text| {
            let known = THEMES.contains(&text) || user_themes.contains(&text);
            let all = THEMES.iter().chain(user_themes).copied().collect::<Vec<_>>().join(", ");
            if known { Ok(text.to_owned()) } else { Err(Allowed::new(format!("one of {all}"))) }
        });
        Ui {
            theme: theme.unwrap_or_default(),
            mouse: self.flag("ui.mouse"),
            timestamps: self
                .typed("ui.timestamps", units::timestamps)
                .unwrap_or(TimestampStyle::Time),
            utc: self.flag("ui.utc"),
            colors: color_depth(environment),
        }
    }

    fn paths(&mut self, environment: &Environment, config_read: bool, flags: &Overrides) -> Paths {
        let data_dir = match self.text("store.dir") {
            Some((text, at)) => Some(paths::absolute(environment, text, at)),
            None => environment.data_dir.clone(),
        };
        let data_dir = data_dir.unwrap_or_else(|| {
            let remedy = "--data-dir or $LOGCAP_DATA_DIR";
            self.problems.push(ConfigError::NoDirectory { what: "data", remedy });
            PathBuf::new()
        });
        Paths {
            config_file: paths::config_file(environment, flags).0,
            config_read,
            engine_socket: paths::engine_socket(environment, &data_dir),
            data_dir,
        }
    }
}

fn color_depth(environment: &Environment) -> ColorDepth {
    if environment.var("NO_COLOR").is_some() || environment.var("TERM") == Some("dumb") {
        return ColorDepth::None;
    }
    match environment.var("COLORTERM") {
        Some("truecolor" | "24bit") => ColorDepth::True,
        _ => ColorDepth::Sixteen,
    }
}
