//! The configuration as a user meets it: layers, refusals and the default file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use std::path::Path;
use std::time::Duration;

use logcap_tui::config::{
    self, Config, ConfigErrors, DEFAULT_FILE, Environment, History, Origin, Overrides,
};

const FILE: &str = "/etc/logcap-tui/config.toml";

fn home() -> Environment {
    Environment::bare("/home/u")
}

fn resolve(
    text: &str,
    environment: &Environment,
    flags: &Overrides,
) -> Result<Config, ConfigErrors> {
    config::resolve(environment, Some((Path::new(FILE), text)), flags)
}

fn refused(text: &str) -> String {
    resolve(text, &home(), &Overrides::default()).unwrap_err().to_string()
}

fn origin<'a>(config: &'a Config, key: &str) -> &'a Origin {
    &config.settings.iter().find(|s| s.key == key).unwrap().origin
}

#[test]
fn later_layers_win_and_every_value_knows_its_origin() {
    let text = "probe = \"20s\"\nhistory = \"all\"\n[store]\nmax_age = \"7d\"\n";
    let environment = home().with("LOGCAP_PROBE", "40s").with("LOGCAP_STORE_MAX_AGE", "8d");
    let flags = Overrides { probe: Some("50s".into()), ..Overrides::default() };

    let config = resolve(text, &environment, &flags).unwrap();

    assert_eq!(config.timing.probe.get(), Duration::from_secs(50));
    assert_eq!(*origin(&config, "probe"), Origin::Flag("--probe"));
    assert_eq!(config.store.max_age, Some(Duration::from_hours(8 * 24)));
    assert_eq!(*origin(&config, "store.max_age"), Origin::Env("LOGCAP_STORE_MAX_AGE".into()));
    assert_eq!(config.history, History::All);
    assert_eq!(*origin(&config, "history"), Origin::File { path: FILE.into(), line: 2 });
    assert_eq!(*origin(&config, "ui.theme"), Origin::Default);
    let shown = config.show();
    assert!(
        shown.lines().any(|l| l.starts_with("history") && l.ends_with("config.toml:2")),
        "{shown}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    let message = refused("\n[store]\nmax_agee = \"7d\"\n");
    assert_eq!(
        message,
        format!("{FILE}:3: unknown key `store.max_agee`; did you mean `store.max_age`?")
    );
    let message = refused("[stoer]\nmax_age = \"7d\"\n");
    assert!(message.contains(":1: unknown key `stoer`; did you mean `store`?"), "{message}");
    let message = refused("zzzzzz = 1");
    assert!(message.contains("config default"), "{message}");
}

#[test]
fn a_wrong_type_names_key_expectation_and_finding() {
    let message = refused("probe = 30");
    assert_eq!(
        message,
        format!("{FILE}:1: `probe` expects a string such as \"30s\", found the integer 30")
    );
    assert!(refused("ui = 3").contains("`ui` expects a table, found the integer 3"));
    assert!(refused("[ui]\nmouse = \"yes\"").contains("`ui.mouse` expects true or false"));
    assert!(refused("[filter]\ninclude = [1]").contains("`filter.include` expects a list"));
    assert!(refused("[keys]\npause = 4").contains("`keys.pause` expects a key"));
}

#[test]
fn absurd_and_misordered_values_name_the_range_or_the_relation() {
    let message = refused("probe = \"1s\"");
    assert!(message.contains("`probe` = \"1s\""), "{message}");
    assert!(message.contains("outside 5s to 10m"), "{message}");
    assert!(refused("probe = \"soon\"").contains("expected a duration such as \"30s\""));
    assert!(refused("[store]\nmax_age = \"3s\"").contains("from \"1h\" to 100 years"));
    let message = refused("[store]\nmax_bytes = \"100MB\"\nfloor_per_log = \"90MB\"");
    assert!(message.contains("contradicts `store.max_bytes` = \"100MB\""), "{message}");
    assert!(refused("[store]\nmin_free = \"some\"").contains("such as \"500MB\", or \"off\""));
    assert!(refused("[ui]\ntheme = \"pink\"").contains("dark, light, mono, high-contrast"));
    assert!(refused("log_level = \"loud\"").contains("off, error, warn"));
}

#[test]
fn all_problems_are_reported_together() {
    let environment = home().with("LOGCAP_UI_MOUSE", "maybe");
    let error = resolve("probe = 3\nnope = 1", &environment, &Overrides::default()).unwrap_err();
    assert_eq!(error.0.len(), 3, "{error}");
    assert!(refused("probe = \n").contains(":1: "), "syntax errors have a line too");
}

#[test]
fn beyond_the_loopback_needs_a_second_word() {
    let public = "listen = \"0.0.0.0:8401\"";
    assert!(refused(public).contains("--listen-public"));
    let flags = Overrides { listen_public: true, ..Overrides::default() };
    let config = resolve(public, &home(), &flags).unwrap();
    assert_eq!(config.listen.unwrap().to_string(), "0.0.0.0:8401");
    let loopback = resolve("listen = \"8401\"", &home(), &Overrides::default()).unwrap();
    assert_eq!(loopback.listen.unwrap().to_string(), "127.0.0.1:8401");
}

#[test]
fn the_docker_address_has_ranks() {
    let file = "[docker]\nuri = \"tcp://file:1\"";
    let uri = |config: &Config| config.docker.candidates[0].uri.clone();
    let flags = Overrides { docker: Some("tcp://flag:1".into()), ..Overrides::default() };
    let environment = home().with("DOCKER_HOST", "tcp://host:1");
    let both = environment.clone().with("LOGCAP_DOCKER", "tcp://env:1");
    assert_eq!(uri(&resolve(file, &both, &flags).unwrap()), "tcp://flag:1");
    assert_eq!(uri(&resolve(file, &both, &Overrides::default()).unwrap()), "tcp://env:1");
    assert_eq!(uri(&resolve(file, &environment, &Overrides::default()).unwrap()), "tcp://file:1");
    assert_eq!(uri(&resolve("", &environment, &Overrides::default()).unwrap()), "tcp://host:1");
}

#[test]
fn a_variable_that_nothing_reads_is_a_warning() {
    let config = resolve("", &home().with("LOGCAP_PROB", "5s"), &Overrides::default()).unwrap();
    assert_eq!(
        config.warnings,
        ["$LOGCAP_PROB is set but nothing reads it; did you mean $LOGCAP_PROBE?"]
    );
}

#[test]
fn keys_and_themes_pass_through() {
    let text = "[ui]\ntheme = \"sea\"\n[keys]\npause = [\"p\", \"ctrl-p\"]\nquit = \"q\"\n\
                [themes.sea]\naccent = \"#5fafff\"\n";
    let config = resolve(text, &home(), &Overrides::default()).unwrap();
    assert_eq!(config.keys["pause"], ["p", "ctrl-p"]);
    assert_eq!(config.keys["quit"], ["q"]);
    assert_eq!(config.themes["sea"]["accent"], "#5fafff");
    assert_eq!(config.ui.theme, "sea");
    assert_eq!(*origin(&config, "keys.pause"), Origin::File { path: FILE.into(), line: 4 });
}

#[test]
fn the_default_file_says_what_the_program_does() {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest.to_owned(),
        _ => line.to_owned(),
    };
    let all: Vec<_> = DEFAULT_FILE.lines().map(uncommented).collect();
    let defaults = config::resolve(&home(), None, &Overrides::default()).unwrap();
    let from_file = resolve(&all.join("\n"), &home(), &Overrides::default()).unwrap();
    let as_is = resolve(DEFAULT_FILE, &home(), &Overrides::default()).unwrap();
    for (a, b) in defaults.settings.iter().zip(&from_file.settings) {
        assert_eq!((&a.key, &a.value), (&b.key, &b.value));
        assert_ne!(b.origin, Origin::Default, "{} is missing in the default file", b.key);
    }
    assert_eq!(defaults.settings, as_is.settings, "as shipped it sets nothing");
}

#[test]
fn the_documentation_lists_every_key_with_its_default() {
    let docs = include_str!("../docs/CONFIG.md");
    let defaults = config::resolve(&home(), None, &Overrides::default()).unwrap();
    for setting in &defaults.settings {
        let row = docs.lines().find(|l| l.starts_with(&format!("| `{}` |", setting.key)));
        let row = row.unwrap_or_else(|| panic!("docs/CONFIG.md does not list {}", setting.key));
        assert!(row.contains(&setting.value), "{row}: the default is {}", setting.value);
    }
}

#[test]
fn a_named_file_must_exist_and_an_unnamed_one_need_not() {
    let home = tempfile::tempdir().unwrap();
    let environment = Environment::bare(home.path());
    let config = config::load(&environment, &Overrides::default()).unwrap();
    assert!(!config.paths.config_read);
    assert_eq!(config.paths.data_dir, home.path().join(".local/share/logcap-tui"));
    assert!(config.show_paths().contains("does not exist"));

    let named = Overrides { config: Some("other.toml".into()), ..Overrides::default() };
    let message = config::load(&environment, &named).unwrap_err().to_string();
    assert!(message.contains("other.toml"), "{message}");
    std::fs::write(home.path().join("other.toml"), "[store]\ndir = \"here\"\n").unwrap();
    let config = config::load(&environment, &named).unwrap();
    assert_eq!(config.paths.data_dir, home.path().join("here"));
    assert!(config.paths.engine_socket.ends_with("engine.sock"));
}

#[test]
fn without_a_home_the_message_names_the_way_out() {
    let error = config::resolve(&Environment::default(), None, &Overrides::default()).unwrap_err();
    assert!(error.to_string().contains("--data-dir"), "{error}");
}
