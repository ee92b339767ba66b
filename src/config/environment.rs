//! Everything that is read of the surroundings, captured once into a value.
//!
//! Tests build one with [`Environment::bare`]; only `main` calls [`Environment::capture`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::context::{self, DockerContext};

/// Variables, directories and identity of this process at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// All variables that are valid UTF-8.
    pub vars: BTreeMap<String, String>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The platform's configuration directory of this program.
    pub config_dir: Option<PathBuf>,
    /// The platform's data directory of this program.
    pub data_dir: Option<PathBuf>,
    /// The user's runtime directory (`XDG_RUNTIME_DIR`), where sockets belong.
    pub runtime_dir: Option<PathBuf>,
    /// Where temporary files go.
    pub temp_dir: PathBuf,
    /// Real user id; zero also where there are none.
    pub uid: u32,
    /// Working directory, which relative paths of flags and variables are relative to.
    pub cwd: PathBuf,
    /// The Docker CLI's current context, when it is not the default one.
    pub docker_context: Option<DockerContext>,
}

impl Environment {
    /// Reads the process's environment. The one place that does.
    pub fn capture() -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let vars: BTreeMap<_, _> = std::env::vars_os().filter_map(utf8).collect();
        let base = directories::BaseDirs::new();
        let project = directories::ProjectDirs::from("", "", "logcap-tui");
        let home = base.as_ref().map(|b| b.home_dir().to_owned());
        let docker_context = context::current(&vars, home.as_deref());
        Self {
            config_dir: project.as_ref().map(|p| p.config_dir().to_owned()),
            data_dir: project.as_ref().map(|p| p.data_dir().to_owned()),
            runtime_dir: base.as_ref().and_then(|b| b.runtime_dir()).map(ToOwned::to_owned),
            temp_dir: std::env::temp_dir(),
            uid: rustix::process::getuid().as_raw(),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            vars,
            home,
            docker_context,
        }
    }

    /// An environment with nothing but usual directories below `home`; for tests and the demo.
    pub fn bare(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self {
            config_dir: Some(home.join(".config/logcap-tui")),
            data_dir: Some(home.join(".local/share/logcap-tui")),
            temp_dir: PathBuf::from("/tmp"),
            uid: 1000,
            cwd: home.clone(),
            home: Some(home),
            ..Self::default()
        }
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable that is set to something; an empty one counts as unset.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }
}
