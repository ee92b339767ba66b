//! Starts an engine: makes its channels, its tasks and its supervisor, and hands out the handle.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};

use super::departed;
use super::discovery::{Discovery, Way};
use super::handle::EngineHandle;
use super::picture::Painter;
use super::registry::Registry;
use super::shared::{Setup, Shared};
use super::snapshot::EngineSnapshot;
use super::supervisor::{Ears, Supervisor, Voices};
use super::tasks::{TaskKind, Tasks};
use crate::config::Filter;
use crate::model::ContainerId;

/// A server that runs as one of the engine's tasks, given the handle.
pub type Server = Box<dyn FnOnce(EngineHandle) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What to capture and from where.
pub struct Plan {
    /// Addresses of the daemon, best first, at least one.
    pub ways: Vec<Way>,
    /// Which containers.
    pub filter: Filter,
    /// The container that this program itself runs in.
    pub own: Option<ContainerId>,
    /// Where the store is, for the screen.
    pub store_path: String,
    /// Bytes that retention allows.
    pub store_limit: Option<u64>,
    /// Servers to run.
    pub servers: Vec<Server>,
}

/// Why no engine could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no address to try.
    #[error("no address of a Docker daemon to try; name one with --docker")]
    NoWay,
}

/// A running engine.
pub struct Engine {
    handle: EngineHandle,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
    finder: AbortHandle,
}

impl Engine {
    /// Starts capturing. Must be called inside a runtime.
    pub fn start(setup: Setup, plan: Plan) -> Result<Self, StartError> {
        let fallback = plan.ways.first().ok_or(StartError::NoWay)?.docker.clone();
        let (linked, link) = watch::channel(None);
        let (population, populated) = watch::channel(0);
        let (suspect, suspected) = watch::channel(0);
        let (snapshots, pictures) = watch::channel(Arc::new(EngineSnapshot::default()));
        let (stop, stopped) = watch::channel(false);
        // Full: discovery waits; the supervisor takes one within a tick.
        let (find, found) = mpsc::channel(64);
        // Full: the monitor that tells waits; nothing else does.
        let (tell, told) = mpsc::channel(1024);
        // Full: the user is told to try again.
        let (command, commands) = mpsc::channel(64);
        let commits = setup.writer.commits();
        let started = setup.clock.wall();
        let (timing, clock) = (setup.timing, setup.clock.clone());
        let unended = departed::unended(&setup.reader).unwrap_or_else(|error| {
            tracing::warn!(%error, "what earlier engines have left without an end is not known");
            BTreeMap::new()
        });
        let shared = Shared::new(setup, fallback, link, populated);
        let handle = EngineHandle::new(pictures, commits, Some(command));
        let mut tasks = Tasks::default();
        let every = timing.reconcile.get();
        let discovery = Discovery::new(plan.ways, find, linked, suspected, every, unended);
        let finder = tasks.spawn(TaskKind::Discovery, discovery.clone().run());
        let servers = plan.servers.len();
        for server in plan.servers {
            tasks.spawn(TaskKind::Server, server(handle.clone()));
        }
        tracing::debug!(at = ?clock, "engine starts");
        let painter = Painter::new(started, (plan.store_path, plan.store_limit), servers);
        let registry = Registry::new(plan.filter, plan.own, timing);
        let ears = Ears { found, told, commands, stop: stopped };
        let voices = Voices { tell, suspect, population, snapshots };
        let supervisor =
            Supervisor::new(shared, registry, tasks, (ears, voices), (painter, discovery));
        let supervisor = super::tasks::spawn_supervisor(supervisor.run());
        Ok(Self { handle, stop, supervisor, finder })
    }

    /// What the outside may hold.
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// Ends the discovery task behind the supervisor's back, for tests of what it does then.
    #[doc(hidden)]
    pub fn abort_discovery(&self) {
        self.finder.abort();
    }

    /// Tells the supervisor to stop, so that a server that ends now is not taken for a failure.
    pub fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops: every monitor commits what it has and ends, within five seconds.
    pub async fn stop(self) {
        self.begin_stop();
        let _ = self.supervisor.await;
    }

    /// Ends at once, as a crash of the process would: no monitor commits or tells anything more.
    /// For tests; the stored cursors are all that is left.
    pub async fn kill(self) {
        self.supervisor.abort();
        let _ = self.supervisor.await;
    }
}
