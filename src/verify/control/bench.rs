//! The bench of the controls: a simulated daemon, an engine on it with a store of its own, and its
//! socket, all in a directory that goes with it.
//!
//! Deadlines are a fifth of the shortest that a user may configure, so that an engine times out
//! within seconds; everything else is as in real life.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::{Finding, Judge, Rule, Sample};
use super::snare::{Snare, Snared};
use crate::config::{Filter, History};
use crate::docker::{Docker, Endpoint};
use crate::engine::{Clock, Engine, Plan, Server, Setup, Way};
use crate::model::{ContainerId, Timestamp, Timing};
use crate::serve::{Served, fetch_unix, serve_unix};
use crate::sim::{ContainerSpec, Profile, Sim};
use crate::store::{Durability, Retention, Store, StoreOptions};

/// How much faster than the shortest real deadlines.
const FACTOR: u32 = 5;
/// Time between two samples.
const EVERY: Duration = Duration::from_millis(100);
/// For anything to be seen; generous, because only a failed control ever takes as long.
const PATIENCE: Duration = Duration::from_mins(2);

/// Why a control could not be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct ControlError {
    /// What was attempted.
    what: &'static str,
    /// Why it failed.
    reason: String,
}

/// Names what was attempted in an error of any kind.
fn failed<E: ToString>(what: &'static str) -> impl Fn(E) -> ControlError {
    move |error| ControlError { what, reason: error.to_string() }
}

/// An engine under control.
pub(super) struct Bench {
    pub(super) sim: Sim,
    /// A container whose log never rotates.
    pub(super) plain: ContainerId,
    /// A container whose log can rotate away.
    pub(super) rotating: ContainerId,
    engine: Option<Engine>,
    store: Option<Store>,
    servers: CancellationToken,
    /// Ends the task that an engine is told to expect for ever.
    pub(super) lose_a_task: CancellationToken,
    /// On the engine's way to the daemon.
    pub(super) snare: Arc<Snare>,
    dir: TempDir,
}

impl Bench {
    /// Starts everything, with two containers that write.
    pub(super) fn start() -> Result<Self, ControlError> {
        let dir = tempfile::tempdir().map_err(failed("make a directory"))?;
        let sim = Sim::start(&dir.path().join("docker.sock"), Profile::Moby20_10)
            .map_err(failed("start the simulated daemon"))?;
        let plain = sim.run(ContainerSpec::named("control/plain"));
        let rotating = sim.run(ContainerSpec::named("control/rotating").rotating("16k", 2));
        for id in [&plain, &rotating] {
            sim.emit_many(id, 20, |n| format!("line {n} of a container under control"));
        }
        let store = open_store(dir.path().join("store"))?;
        let servers = CancellationToken::new();
        let lose_a_task = CancellationToken::new();
        let snare = Arc::default();
        let mut bench = Self {
            sim,
            plain,
            rotating,
            engine: None,
            store: None,
            servers,
            lose_a_task,
            snare,
            dir,
        };
        bench.engine = Some(bench.start_engine(&store)?);
        bench.store = Some(store);
        Ok(bench)
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("engine.sock")
    }

    fn start_engine(&self, store: &Store) -> Result<Engine, ControlError> {
        let shortest = Timing::from_probe(Timing::PROBE_MIN).map_err(failed("find deadlines"))?;
        let timing = shortest.accelerated(FACTOR);
        let clock = Clock::system();
        let uri = format!("unix://{}", self.sim.socket().display());
        let endpoint: Endpoint = uri.parse().map_err(failed("name the simulated daemon"))?;
        let way = Arc::new(Snared(endpoint.clone(), Arc::clone(&self.snare)));
        let docker = Docker::with_connector(way, endpoint, &timing)
            .map_err(failed("reach the simulated daemon"))?;
        let setup = Setup {
            writer: store.writer.clone(),
            reader: store.reader.clone(),
            clock: clock.clone(),
            timing,
            history: History::All,
            host: "control".to_owned(),
            fd_limit: 1024,
        };
        let plan = Plan {
            ways: vec![Way { docker, uri, reason: "control".to_owned() }],
            filter: Filter::default(),
            own: None,
            store_path: self.dir.path().display().to_string(),
            store_limit: None,
            servers: vec![self.server(clock), self.loser()],
        };
        Engine::start(setup, plan).map_err(failed("start an engine"))
    }

    fn server(&self, clock: Clock) -> Server {
        let (path, stop) = (self.socket(), self.servers.clone());
        Box::new(move |handle| {
            let served = Served { handle, clock: Arc::new(move || clock.now()) };
            Box::pin(async move {
                if let Err(error) = serve_unix(&path, served, stop).await {
                    tracing::error!(%error, "the engine under control cannot be asked");
                }
            })
        })
    }

    /// A task that the engine counts on and that can be made to end.
    fn loser(&self) -> Server {
        let (end, stop) = (self.lose_a_task.clone(), self.servers.clone());
        Box::new(move |_| {
            Box::pin(async move {
                tokio::select! {
                    () = end.cancelled() => {}
                    () = stop.cancelled() => {}
                }
            })
        })
    }

    /// One look at the engine, as `verify` takes it.
    pub(super) async fn sample(&self) -> Sample {
        match fetch_unix(&self.socket(), "/snapshot").await {
            Ok(body) => Sample::read(&body),
            Err(error) => Sample::Missing(error.to_string()),
        }
    }

    /// Waits for a sample, of several in a row, in which every rule holds.
    pub(super) async fn wait_for_order(&self) -> Result<Sample, ControlError> {
        let (began, mut judge, mut held) = (Instant::now(), Judge::new(false), 0);
        let mut last = Vec::new();
        while began.elapsed() < PATIENCE {
            let sample = self.sample().await;
            last = judge.judge(began.elapsed(), &sample);
            held = if last.is_empty() { held + 1 } else { 0 };
            if held >= 5 {
                return Ok(sample);
            }
            sleep(EVERY).await;
        }
        let reason = format!("something was wrong before the fault: {last:?}");
        Err(ControlError { what: "wait for everything to be in order", reason })
    }

    /// Watches until the rule fails, and returns what it found; `None` if it never did.
    pub(super) async fn wait_for_failure(&self, rule: Rule) -> Option<String> {
        let (began, mut judge) = (Instant::now(), Judge::new(false));
        while began.elapsed() < PATIENCE {
            let sample = self.sample().await;
            let findings = judge.judge(began.elapsed(), &sample);
            if let Some(figures) = figures_of(findings, rule) {
                return Some(figures);
            }
            sleep(EVERY).await;
        }
        None
    }

    /// Stops the engine alone; whoever asks it gets no answer from here on.
    pub(super) async fn stop_engine(&mut self) {
        self.snare.release();
        self.servers.cancel();
        if let Some(engine) = self.engine.take() {
            engine.stop().await;
        }
    }

    /// Ends everything.
    pub(super) async fn end(mut self) -> Result<(), ControlError> {
        self.stop_engine().await;
        let closed = self.store.take().map(Store::shutdown).transpose();
        closed.map(|_| ()).map_err(failed("close the store"))
    }
}

/// What was found against a rule, with the container it was about.
pub(super) fn figures_of(findings: Vec<Finding>, rule: Rule) -> Option<String> {
    let found = findings.into_iter().find(|finding| finding.rule == rule)?;
    Some(match found.container {
        Some(name) => format!("{name}: {}", found.figures),
        None => found.figures,
    })
}

fn open_store(dir: PathBuf) -> Result<Store, ControlError> {
    let options = StoreOptions {
        dir,
        durability: Durability::Normal,
        retention: Retention::default(),
        host: "control".to_owned(),
        engine_addr: String::new(),
    };
    let now = || Timestamp::from_system(SystemTime::now());
    Store::open(options, Arc::new(now)).map_err(failed("open a store"))
}
