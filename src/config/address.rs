//! Where the daemon may be: one address when somebody named one, otherwise every usual socket.
//!
//! An address that was named is never second-guessed: if it does not answer, the screen says so
//! instead of showing another daemon's containers. Only the guesses are tried one after another.
//! Addresses stay text here; `docker::Endpoint` parses them.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::Origin;

/// One address and why it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// For example `unix:///var/run/docker.sock` or `tcp://10.0.0.5:2375`.
    pub uri: String,
    /// Who proposes it, for the unreachable screen.
    pub reason: String,
    /// The socket file, when the address is a local one.
    pub socket: Option<PathBuf>,
}

impl Candidate {
    fn new(uri: &str, reason: impl Into<String>) -> Self {
        let socket = uri.strip_prefix("unix://").map(PathBuf::from);
        let socket = socket.or_else(|| uri.starts_with('/').then(|| PathBuf::from(uri)));
        Self { uri: uri.to_owned(), reason: reason.into(), socket }
    }
}

/// The addresses to try, best first, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerAddress {
    /// At least one; exactly one when `named`.
    pub candidates: Vec<Candidate>,
    /// Whether somebody chose the address, so that no other may be tried.
    pub named: bool,
}

impl DockerAddress {
    /// The addresses whose socket exists now, remote ones included; all of them when none does,
    /// so that the attempt produces the error worth showing. `exists` looks at the file system.
    pub fn to_try(&self, exists: impl Fn(&Path) -> bool) -> Vec<&Candidate> {
        let there = |c: &&Candidate| c.socket.as_deref().is_none_or(&exists);
        let found: Vec<_> = self.candidates.iter().filter(there).collect();
        if found.is_empty() { self.candidates.iter().collect() } else { found }
    }
}

/// Chooses by rank: flag, `LOGCAP_DOCKER`, file (these three arrive as `configured`),
/// `DOCKER_HOST`, the Docker CLI's context, the usual sockets.
pub(super) fn resolve(
    environment: &Environment,
    configured: Option<(&str, &Origin)>,
) -> DockerAddress {
    let named = |uri: &str, reason: String| DockerAddress {
        candidates: vec![Candidate::new(uri, reason)],
        named: true,
    };
    if let Some((uri, origin)) = configured {
        return named(uri, format!("set by {origin}"));
    }
    if let Some(uri) = environment.var("DOCKER_HOST") {
        return named(uri, "set by $DOCKER_HOST".to_owned());
    }
    if let Some(context) = &environment.docker_context {
        return named(&context.host, format!("Docker context {:?}", context.name));
    }
    DockerAddress { candidates: usual_sockets(environment), named: false }
}

fn usual_sockets(environment: &Environment) -> Vec<Candidate> {
    let uid = environment.uid;
    let mut places =
        vec![(PathBuf::from("/var/run/docker.sock"), "Docker's usual socket".to_owned())];
    let runtime = environment.runtime_dir.clone();
    let runtime = runtime.unwrap_or_else(|| PathBuf::from(format!("/run/user/{uid}")));
    places.push((runtime.join("docker.sock"), "rootless Docker".to_owned()));
    if let Some(home) = &environment.home {
        places.push((home.join(".docker/run/docker.sock"), "Docker Desktop".to_owned()));
        places.push((home.join(".docker/desktop/docker.sock"), "Docker Desktop".to_owned()));
        places.push((home.join(".colima/default/docker.sock"), "Colima".to_owned()));
        places.push((home.join(".orbstack/run/docker.sock"), "OrbStack".to_owned()));
    }
    places.push((PathBuf::from("/run/podman/podman.sock"), "Podman".to_owned()));
    places.push((runtime.join("podman/podman.sock"), "rootless Podman".to_owned()));
    places
        .into_iter()
        .map(|(path, why)| Candidate::new(&format!("unix://{}", path.display()), why))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::context::DockerContext;

    fn first(address: &DockerAddress) -> (&str, &str) {
        (&address.candidates[0].uri, &address.candidates[0].reason)
    }

    #[test]
    fn the_ranks_hold() {
        let mut environment = Environment::bare("/home/u");
        assert_eq!(first(&resolve(&environment, None)).0, "unix:///var/run/docker.sock");
        environment.docker_context =
            Some(DockerContext { name: "colima".into(), host: "unix:///c.sock".into() });
        let by_context = resolve(&environment, None);
        assert_eq!(first(&by_context), ("unix:///c.sock", "Docker context \"colima\""));
        let environment = environment.with("DOCKER_HOST", "tcp://h:1");
        let by_host = resolve(&environment, None);
        assert_eq!(first(&by_host), ("tcp://h:1", "set by $DOCKER_HOST"));
        let flag = resolve(&environment, Some(("tcp://flag:2", &Origin::Flag("--docker"))));
        assert_eq!(first(&flag), ("tcp://flag:2", "set by --docker"));
        assert!(flag.named && by_host.named && by_context.named);
        assert_eq!(flag.candidates.len(), 1, "a named address is never second-guessed");
    }

    #[test]
    fn guesses_include_rootless_docker_and_podman() {
        let mut environment = Environment::bare("/home/u");
        environment.runtime_dir = Some("/run/user/7".into());
        let all = resolve(&environment, None);
        assert!(!all.named);
        let exists = |p: &Path| p == Path::new("/run/user/7/podman/podman.sock");
        let found = all.to_try(exists);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].reason, "rootless Podman");
        let rootless = "unix:///run/user/7/docker.sock";
        assert!(all.candidates.iter().any(|c| c.uri == rootless));
        assert_eq!(all.to_try(|_| false).len(), all.candidates.len(), "none: all are tried");
    }
}
