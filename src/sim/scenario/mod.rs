//! Scenarios: what happens to a simulated daemon, one step after another, as a TOML file.
//!
//! A file names a daemon version, containers, steps in order and what must hold at the end:
//!
//! ```
//! let scenario = logcap_tui::sim::Scenario::parse("example.toml", r#"
//! title = "A follow that says nothing any more"
//! daemon = "moby24"
//! containers = [{ name = "web" }]
//! steps = [
//!     "start-capture",
//!     { write = { to = "web", lines = 50 } },
//!     { until = { of = "web", stored = 50 } },
//!     { stall-follows = "web" },
//!     { write = { to = "web", lines = 100, text = "unheard {n}" } },
//!     { until = { of = "web", stored = 150 } },
//!     "heal",
//! ]
//! expect = [{ of = "web", log = "complete" }]
//! "#)?;
//! assert_eq!(scenario.steps.len(), 7);
//! # Ok::<(), logcap_tui::sim::ScenarioError>(())
//! ```
//!
//! Unknown words are refused, and so is a file that judges nothing. Playing is in `player`; steps
//! that concern whoever captures (start it, pause it, wait for what it shows) are handed back to
//! the caller as [`Ask`], because this module knows no engine: a test judges by them, and a demo
//! just shows them. docs/SIMULATOR.md lists every step.

mod error;
mod expect;
mod player;
mod step;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Spanned, Value};

use super::container::ContainerSpec;
use super::profile::Profile;
use super::server::{Sim, SimError};

pub use error::ScenarioError;
pub use expect::{Expectation, LogWord};
pub use player::{Ask, Played, Player, Until};
pub use step::Step;

/// The name that stands for every container.
const ALL: &str = "all";

/// A scenario, read and checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where it was read, for messages.
    pub file: String,
    /// One sentence.
    pub title: String,
    /// The row of the hazard table that it plays, if it plays one.
    pub hazard: Option<u8>,
    /// Which daemon.
    pub daemon: Profile,
    /// Decides ids and what a follow repeats.
    pub seed: u64,
    /// The containers that exist at the beginning.
    pub containers: Vec<Containers>,
    /// What happens, in order.
    pub steps: Vec<Line>,
    /// What must hold at the end.
    pub expect: Vec<Expectation>,
}

/// A step as it stands in its file.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it stands in the file: its line, from 1.
    pub at: usize,
    /// Its own text.
    pub text: String,
    /// What it means.
    pub step: Step,
}

/// One container, or several of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Containers {
    /// Its name; copies are named `name-1`, `name-2` ...
    pub name: String,
    /// How many of them.
    #[serde(default = "one")]
    pub copies: usize,
    /// Image, if it matters.
    image: Option<String>,
    /// Log driver.
    driver: Option<String>,
    /// Log option of the same name.
    max_size: Option<String>,
    /// Log option of the same name.
    max_file: Option<usize>,
    /// Log option of the same name.
    compress: Option<bool>,
    /// Log option of the same name.
    mode: Option<String>,
    /// With a terminal.
    #[serde(default)]
    tty: bool,
    /// `--rm`.
    #[serde(default)]
    rm: bool,
}

fn one() -> usize {
    1
}

impl Containers {
    /// What each of them is created as.
    pub fn specs(&self) -> impl Iterator<Item = ContainerSpec> {
        (1..=self.copies).map(|n| {
            let name = match self.copies {
                1 => self.name.clone(),
                _ => format!("{}-{n}", self.name),
            };
            self.options()
                .into_iter()
                .fold(self.plain(name), |spec, (key, value)| spec.option(key, &value))
        })
    }

    fn plain(&self, name: String) -> ContainerSpec {
        let mut spec = ContainerSpec::named(name);
        (spec.tty, spec.auto_remove) = (self.tty, self.rm);
        if let Some(driver) = &self.driver {
            spec = spec.driver(driver);
        }
        match &self.image {
            Some(image) => spec.image(image),
            None => spec,
        }
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        let options = [
            ("max-size", self.max_size.clone()),
            ("max-file", self.max_file.map(|n| n.to_string())),
            ("compress", self.compress.map(|on| on.to_string())),
            ("mode", self.mode.clone()),
        ];
        options.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// A file before its parts are understood, so that an error can name the part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: String,
    hazard: Option<u8>,
    daemon: Profile,
    #[serde(default)]
    seed: u64,
    containers: Vec<Spanned<Value>>,
    steps: Vec<Spanned<Value>>,
    expect: Vec<Spanned<Value>>,
}

impl Scenario {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(source) => Err(ScenarioError::Read { file, source }),
        }
    }

    /// The same from its text; `file` is only for messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let raw: Raw = toml::from_str(text).map_err(|source| ScenarioError::File {
            file: file.to_owned(),
            source: Box::new(source),
        })?;
        let part = Part { file, text };
        let containers = part.all::<Containers>("container", &raw.containers)?;
        let steps = part.all::<Step>("step", &raw.steps)?;
        let expect = part.all::<Expectation>("expectation", &raw.expect)?;
        let lines = steps.into_iter().zip(&raw.steps).map(|(step, at)| Line {
            at: part.line(at),
            text: part.text(at),
            step,
        });
        let scenario = Self {
            file: file.to_owned(),
            title: raw.title,
            hazard: raw.hazard,
            daemon: raw.daemon,
            seed: raw.seed,
            containers,
            steps: lines.collect(),
            expect,
        };
        scenario.check()?;
        Ok(scenario)
    }

    /// A daemon of this scenario's version and seed, without containers.
    pub fn start(&self, socket: &Path) -> Result<Sim, SimError> {
        Sim::start_seeded(socket, self.daemon, self.seed)
    }

    /// Every container is named before it is used, and judged.
    fn check(&self) -> Result<(), ScenarioError> {
        let problem = |part: String, problem: String| {
            Err(ScenarioError::Part { file: self.file.clone(), part, problem })
        };
        let mut known: BTreeSet<&str> = BTreeSet::from([ALL]);
        known.extend(self.containers.iter().map(|c| c.name.as_str()));
        for (n, line) in (1..).zip(&self.steps) {
            if let Step::Run(container) = &line.step {
                known.insert(&container.name);
            }
            if let Some(name) = line.step.target().filter(|name| !known.contains(name)) {
                let part = format!("step {n} (line {})", line.at);
                return problem(part, unknown(name, &known));
            }
        }
        for (n, expectation) in (1..).zip(&self.expect) {
            if !known.contains(expectation.of.as_str()) {
                return problem(format!("expectation {n}"), unknown(&expectation.of, &known));
            }
        }
        let judged: BTreeSet<&str> = self.expect.iter().map(|e| e.of.as_str()).collect();
        known.remove(ALL);
        match known.into_iter().find(|name| !judged.contains(name) && !judged.contains(ALL)) {
            Some(name) => problem(
                "expect".to_owned(),
                format!("nothing is expected of {name:?}; say what its log must be at the end"),
            ),
            None if judged.is_empty() => {
                problem("expect".to_owned(), "a scenario must expect something".to_owned())
            }
            None => Ok(()),
        }
    }
}

fn unknown(name: &str, known: &BTreeSet<&str>) -> String {
    let known: Vec<&str> = known.iter().copied().collect();
    format!("there is no container {name:?} here; name one of: {}", known.join(", "))
}

/// Where parts of a file are understood and their errors located.
struct Part<'a> {
    file: &'a str,
    text: &'a str,
}

impl Part<'_> {
    fn all<T: DeserializeOwned>(
        &self,
        what: &str,
        items: &[Spanned<Value>],
    ) -> Result<Vec<T>, ScenarioError> {
        let understood = (1..).zip(items).map(|(n, item)| {
            T::deserialize(item.get_ref().clone()).map_err(|error| ScenarioError::Part {
                file: self.file.to_owned(),
                part: format!("{what} {n} (line {})", self.line(item)),
                problem: error.message().to_owned(),
            })
        });
        understood.collect()
    }

    fn line<T>(&self, item: &Spanned<T>) -> usize {
        let before = self.text.get(..item.span().start).unwrap_or_default();
        1 + before.bytes().filter(|byte| *byte == b'\n').count()
    }

    fn text<T>(&self, item: &Spanned<T>) -> String {
        let text = self.text.get(item.span()).unwrap_or_default();
        let table = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let word = || text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = table.or_else(word).unwrap_or(text);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests;
