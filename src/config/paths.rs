//! Files and directories: which file is read, where data lives, where the socket stands.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::Origin;
use super::values::Overrides;

/// Longest socket path used. The kernel's `sun_path` holds 108 bytes including the end; macOS 104.
const SOCKET_PATH_MAX: usize = 100;

/// The program's files and directories, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The configuration file, whether or not it exists; `None` where the platform has no place.
    pub config_file: Option<PathBuf>,
    /// Whether the file was read.
    pub config_read: bool,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The running engine's socket: in the data directory, or in the runtime directory when that
    /// path would be too long for a socket address.
    pub engine_socket: PathBuf,
}

/// The configuration file, and whether somebody named it (then it must exist).
pub(super) fn config_file(environment: &Environment, flags: &Overrides) -> (Option<PathBuf>, bool) {
    let named = flags.config.clone();
    let named = named.or_else(|| environment.var("LOGCAP_CONFIG").map(PathBuf::from));
    match named {
        Some(path) => (Some(environment.cwd.join(path)), true),
        None => (environment.config_dir.as_ref().map(|d| d.join("config.toml")), false),
    }
}

/// A path as written: `~/` is the home, and a relative one is relative to the file that says it,
/// else to the working directory.
pub(super) fn absolute(environment: &Environment, text: &str, origin: &Origin) -> PathBuf {
    if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), &environment.home) {
        return home.join(rest);
    }
    match origin {
        Origin::File { path, .. } => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            environment.cwd.join(folder).join(text)
        }
        _ => environment.cwd.join(text),
    }
}

/// The engine's socket for a data directory. The fallback carries a hash of the directory, so that
/// two engines of one user never share an address.
pub(super) fn engine_socket(environment: &Environment, data_dir: &Path) -> PathBuf {
    let fits = |path: &Path| path.as_os_str().len() <= SOCKET_PATH_MAX;
    let inside = data_dir.join("engine.sock");
    if fits(&inside) {
        return inside;
    }
    let hash = xxhash_rust::xxh3::xxh3_64(data_dir.as_os_str().as_encoded_bytes());
    let name = format!("logcap-tui-{hash:016x}.sock");
    environment
        .runtime_dir
        .iter()
        .map(|dir| dir.join(&name))
        .find(|path| fits(path))
        .unwrap_or_else(|| {
            let folder = format!("logcap-tui-{}", environment.uid);
            let temp = environment.temp_dir.join(&folder).join(&name);
            if fits(&temp) { temp } else { Path::new("/tmp").join(folder).join(name) }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_data_directory_moves_the_socket_to_the_runtime_directory() {
        let mut environment = Environment::bare("/home/u");
        let short = engine_socket(&environment, Path::new("/srv/logs"));
        assert_eq!(short, Path::new("/srv/logs/engine.sock"));

        let long = PathBuf::from(format!("/srv/{}", "x".repeat(100)));
        environment.runtime_dir = Some("/run/user/1000".into());
        let moved = engine_socket(&environment, &long);
        assert!(moved.starts_with("/run/user/1000"), "{}", moved.display());
        let other = engine_socket(&environment, &long.join("y"));
        assert_ne!(moved, other, "two data directories, two sockets");

        environment.runtime_dir = None;
        environment.temp_dir = PathBuf::from(format!("/{}", "t".repeat(120)));
        let last = engine_socket(&environment, &long);
        assert!(last.starts_with("/tmp/logcap-tui-1000"), "{}", last.display());
        assert!(last.as_os_str().len() <= SOCKET_PATH_MAX);
    }

    #[test]
    fn paths_in_the_file_are_relative_to_the_file() {
        let environment = Environment::bare("/home/u");
        let file = Origin::File { path: "/etc/logcap/config.toml".into(), line: 3 };
        let at = |text, origin: &Origin| absolute(&environment, text, origin);
        assert_eq!(at("data", &file), Path::new("/etc/logcap/data"));
        assert_eq!(at("data", &Origin::Flag("--data-dir")), Path::new("/home/u/data"));
        assert_eq!(at("~/data", &file), Path::new("/home/u/data"));
        assert_eq!(at("/data", &file), Path::new("/data"));
    }
}
