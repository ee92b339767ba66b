//! Puts an engine together from the configuration: the store, the ways to the daemon, the servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use logcap_tui::config::{Config, Durability};
use logcap_tui::docker::{Docker, Endpoint};
use logcap_tui::engine::{Clock, Engine, Plan, Server, Setup, Way, process};
use logcap_tui::model::Timestamp;
use logcap_tui::serve::{Served, serve_listener, serve_unix};
use logcap_tui::store::{Retention, Store, StoreOptions};
use tokio_util::sync::CancellationToken;

use super::Failure;

/// Time until a socket that could not be bound is tried again.
const SOCKET_AGAIN: Duration = Duration::from_secs(5);

/// A running engine with the store it writes to.
pub(super) struct Running {
    pub(super) engine: Engine,
    pub(super) store: Store,
    servers: CancellationToken,
}

impl Running {
    /// Stops in order: monitors commit, servers close, the store syncs.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.engine.begin_stop();
        // They take their socket away, and nobody asks an engine that stops.
        self.servers.cancel();
        self.engine.stop().await;
        // Nothing else runs any more that could be kept waiting by the last sync.
        Ok(self.store.shutdown()?)
    }
}

/// Opens the store and takes its lock.
pub(super) fn open_store(config: &Config) -> Result<Store, Failure> {
    let options = StoreOptions {
        dir: config.paths.data_dir.clone(),
        durability: match config.store.durability {
            Durability::Full => logcap_tui::store::Durability::Full,
            Durability::Normal => logcap_tui::store::Durability::Normal,
        },
        retention: Retention {
            max_bytes: config.store.max_bytes,
            max_age: config.store.max_age,
            floor_per_log: config.store.floor_per_log,
            min_free: config.store.min_free,
        },
        host: process::host_name(),
        engine_addr: config.paths.engine_socket.display().to_string(),
    };
    let clock = Arc::new(|| Timestamp::from_system(SystemTime::now()));
    Ok(Store::open(options, clock)?)
}

/// The ways to the daemon, best first.
pub(super) fn ways(config: &Config) -> Result<Vec<Way>, Failure> {
    let mut ways = Vec::new();
    for candidate in config.docker.to_try(std::path::Path::exists) {
        let endpoint: Endpoint = candidate
            .uri
            .parse()
            .map_err(|error| Failure::Argument(format!("{}: {error}", candidate.reason)))?;
        let docker = Docker::new(endpoint, &config.timing)
            .map_err(|error| Failure::Argument(error.to_string()))?;
        ways.push(Way { docker, uri: candidate.uri.clone(), reason: candidate.reason.clone() });
    }
    Ok(ways)
}

/// Starts capturing.
pub(super) async fn start(config: &Config, store: Store) -> Result<Running, Failure> {
    let clock = Clock::system();
    let setup = Setup {
        writer: store.writer.clone(),
        reader: store.reader.clone(),
        clock: clock.clone(),
        timing: config.timing,
        history: config.history,
        host: process::host_name(),
        fd_limit: process::raise_fd_limit(),
    };
    let token = CancellationToken::new();
    let mut servers = vec![unix_server(config.paths.engine_socket.clone(), &clock, &token)];
    if let Some(address) = config.listen {
        servers.push(tcp_server(address, &clock, &token).await?);
    }
    let plan = Plan {
        ways: ways(config)?,
        filter: config.filter.clone(),
        own: process::own_container(),
        store_path: config.paths.data_dir.display().to_string(),
        store_limit: config.store.max_bytes,
        servers,
    };
    let engine =
        Engine::start(setup, plan).map_err(|error| Failure::Argument(error.to_string()))?;
    Ok(Running { engine, store, servers: token })
}

fn unix_server(path: PathBuf, clock: &Clock, token: &CancellationToken) -> Server {
    let (clock, token) = (clock.clone(), token.clone());
    Box::new(move |handle| {
        let served = Served { handle, clock: Arc::new(move || clock.now()) };
        Box::pin(async move {
            let mut said = None;
            while let Err(error) = serve_unix(&path, served.clone(), token.clone()).await {
                let words = error.to_string();
                if said.as_ref() != Some(&words) {
                    tracing::error!(error = words, "status and viewers cannot reach this engine");
                    said = Some(words);
                }
                tokio::select! {
                    () = token.cancelled() => return,
                    () = tokio::time::sleep(SOCKET_AGAIN) => {}
                }
            }
        })
    })
}

/// The configuration has refused public addresses that nobody asked for.
/// Binds at once, so that a wrong address is an error of the command line, not a log line.
async fn tcp_server(
    address: SocketAddr,
    clock: &Clock,
    token: &CancellationToken,
) -> Result<Server, Failure> {
    let bound = logcap_tui::serve::bind_tcp(address, true).await;
    let listener = bound.map_err(|error| Failure::Argument(error.to_string()))?;
    let (clock, token) = (clock.clone(), token.clone());
    Ok(Box::new(move |handle| {
        let served = Served { handle, clock: Arc::new(move || clock.now()) };
        Box::pin(serve_listener(listener, served, token))
    }))
}
