//! The Docker CLI's current context, because users of Docker Desktop, Colima or a remote host have
//! chosen their daemon there and expect every tool to follow.
//!
//! The CLI keeps `currentContext` in `config.json` and one `meta.json` per context in a folder
//! named by a hash of its name; searching all of them for the name needs no hash function.
//! Nothing here is an error: a file that cannot be read is a context that is not there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// A context that names a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerContext {
    /// Its name.
    pub name: String,
    /// The daemon's address.
    pub host: String,
}

#[derive(Deserialize)]
struct CliConfig {
    #[serde(rename = "currentContext")]
    current: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Endpoints")]
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: Option<String>,
}

/// The context that `DOCKER_CONTEXT` or the CLI's configuration selects; `None` for the default.
pub(super) fn current(
    vars: &BTreeMap<String, String>,
    home: Option<&Path>,
) -> Option<DockerContext> {
    let folder = match vars.get("DOCKER_CONFIG").filter(|v| !v.is_empty()) {
        Some(folder) => Path::new(folder).to_owned(),
        None => home?.join(".docker"),
    };
    let name = match vars.get("DOCKER_CONTEXT").filter(|v| !v.is_empty()) {
        Some(name) => name.clone(),
        None => read::<CliConfig>(&folder.join("config.json"))?.current?,
    };
    if name.is_empty() || name == "default" {
        return None;
    }
    let host = std::fs::read_dir(folder.join("contexts/meta"))
        .ok()?
        .filter_map(|entry| read::<Meta>(&entry.ok()?.path().join("meta.json")))
        .find(|meta| meta.name == name)
        .and_then(|mut meta| meta.endpoints.remove("docker")?.host)?;
    Some(DockerContext { name, host })
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_context_is_found_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let meta = home.path().join(".docker/contexts/meta/f24f");
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///c.sock"}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        let vars = BTreeMap::new();
        assert_eq!(current(&vars, Some(home.path())), None, "no config.json");

        let cli = home.path().join(".docker/config.json");
        std::fs::write(&cli, r#"{"currentContext":"colima","auths":{}}"#).unwrap();
        let found = current(&vars, Some(home.path())).unwrap();
        assert_eq!((found.name.as_str(), found.host.as_str()), ("colima", "unix:///c.sock"));

        let vars = BTreeMap::from([("DOCKER_CONTEXT".to_owned(), "default".to_owned())]);
        assert_eq!(current(&vars, Some(home.path())), None, "the variable wins");
        std::fs::write(&cli, "not json").unwrap();
        assert_eq!(current(&BTreeMap::new(), Some(home.path())), None);
    }
}
