//! Where the daemon listens: parsing what users write, and the places worth trying when they wrote
//! nothing. Opens nothing and reads no environment; the caller passes what it found there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Docker's port for plain HTTP.
const DEFAULT_PORT: u16 = 2375;

/// Address of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// Plain HTTP over TCP, usually a socket proxy.
    Tcp {
        /// Name or address, without the brackets of IPv6.
        host: String,
        /// Port.
        port: u16,
    },
}

/// An address that this program cannot use, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A transport that is not built in.
    #[error("{uri:?} uses {scheme}, which is not supported: {hint}")]
    Unsupported {
        /// As typed.
        uri: String,
        /// Its scheme.
        scheme: String,
        /// What to do.
        hint: &'static str,
    },
    /// Not an address at all.
    #[error(
        "{0:?} is not an address of a daemon: expected unix:///path, /path, tcp://host:port or http://host:port"
    )]
    Invalid(String),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || EndpointError::Invalid(text.to_owned());
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "tcp" | "http" => parse_tcp(rest).ok_or_else(invalid),
            "unix" => Err(invalid()),
            _ => Err(EndpointError::Unsupported {
                uri: text.to_owned(),
                scheme: scheme.to_owned(),
                hint: hint_for(scheme),
            }),
        }
    }
}

fn hint_for(scheme: &str) -> &'static str {
    match scheme {
        "ssh" => {
            "forward the socket yourself (ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST) and use unix:///tmp/docker.sock"
        }
        "https" => "put a local proxy that ends TLS in front of it and use tcp://host:port",
        "npipe" => "named pipes exist on Windows only; run this program where the containers run",
        _ => "use unix:///path or tcp://host:port",
    }
}

fn parse_tcp(rest: &str) -> Option<Endpoint> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        (host, after.strip_prefix(':').or(after.is_empty().then_some(""))?)
    } else {
        rest.split_once(':').unwrap_or((rest, ""))
    };
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(safe) {
        return None;
    }
    let port = if port.is_empty() { DEFAULT_PORT } else { port.parse().ok()? };
    Some(Endpoint::Tcp { host: host.to_owned(), port })
}

impl Endpoint {
    /// The value of the `Host` header: a unix socket has no name of its own.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } => write!(f, "tcp://{}", self.authority()),
        }
    }
}

/// A place where a daemon may listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The address.
    pub endpoint: Endpoint,
    /// Why it is worth trying, for the message when none answers.
    pub reason: &'static str,
}

/// The default sockets in the order to try them. `runtime_dir` is `$XDG_RUNTIME_DIR`; without it
/// `/run/user/UID` is assumed, which is what systemd makes of it.
pub fn candidates(uid: u32, runtime_dir: Option<&Path>, home: Option<&Path>) -> Vec<Candidate> {
    let runtime =
        runtime_dir.map_or_else(|| PathBuf::from(format!("/run/user/{uid}")), Path::to_path_buf);
    let desktop = home.map(|home| home.join(".docker/run/docker.sock"));
    [
        (Some(PathBuf::from("/var/run/docker.sock")), "Docker of the system"),
        (Some(runtime.join("docker.sock")), "rootless Docker of this user"),
        (desktop, "Docker Desktop"),
        (Some(PathBuf::from("/run/podman/podman.sock")), "Podman of the system"),
        (Some(runtime.join("podman/podman.sock")), "rootless Podman of this user"),
    ]
    .into_iter()
    .filter_map(|(path, reason)| Some(Candidate { endpoint: Endpoint::Unix(path?), reason }))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_and_print_as_uris() {
        for (typed, shown) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("/run/x.sock", "unix:///run/x.sock"),
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
            ("http://proxy:1234/", "tcp://proxy:1234"),
            ("tcp://proxy", "tcp://proxy:2375"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
        ] {
            let endpoint: Endpoint = typed.parse().unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(shown.parse::<Endpoint>().unwrap(), endpoint);
        }
    }

    #[test]
    fn what_cannot_be_used_says_what_to_do() {
        for bad in ["", "docker.sock", "unix://relative", "tcp://", "tcp://h:port", "tcp://a b:1"] {
            assert!(matches!(bad.parse::<Endpoint>(), Err(EndpointError::Invalid(_))), "{bad:?}");
        }
        for (bad, word) in
            [("ssh://u@h", "forward"), ("https://h:2376", "TLS"), ("npipe:////./p", "Windows")]
        {
            let message = bad.parse::<Endpoint>().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn candidates_come_in_the_documented_order() {
        let all = candidates(7, None, Some(Path::new("/home/u")));
        let shown: Vec<_> = all.iter().map(|c| c.endpoint.to_string()).collect();
        assert_eq!(
            shown,
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/7/docker.sock",
                "unix:///home/u/.docker/run/docker.sock",
                "unix:///run/podman/podman.sock",
                "unix:///run/user/7/podman/podman.sock",
            ]
        );
        let other = candidates(7, Some(Path::new("/x")), None);
        assert_eq!(other.len(), 4);
        assert_eq!(other.get(1).unwrap().endpoint, Endpoint::Unix("/x/docker.sock".into()));
    }
}
