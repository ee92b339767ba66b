//! Discovery: finds the daemon, and which containers exist.
//!
//! Events are hints (the daemon keeps 256 of all kinds and drops them for a slow reader); the
//! truth is the list. So: subscribe first, then list and inspect, then apply events, and list again
//! every 30 seconds and at each reconnect. Only an answer of 404 or a destroy event removes a
//! container; a failing inspect is the daemon's health, not the container's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::departed::Unended;
use super::shared::Linked;
use crate::docker::{DaemonInfo, Docker, DockerError, DockerEvent, DockerEventKind, Listed};
use crate::model::{ContainerId, ContainerInfo, RunState};

/// First and longest wait between two attempts to reach the daemon.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// What a daemon may refuse, as the screen says it.
const EVENTS: &str = "cannot follow events";
const LIST: &str = "cannot list containers";
const INSPECT: &str = "cannot inspect containers";
const PING: &str = "cannot be asked for its version";
/// Inspects at once.
const INSPECTS: usize = 8;

/// An address to try, and why it is one.
#[derive(Debug, Clone)]
pub struct Way {
    /// The daemon there.
    pub docker: Docker,
    /// The address as a URI.
    pub uri: String,
    /// Who proposes it.
    pub reason: String,
}

/// What discovery tells the supervisor.
#[derive(Debug)]
pub enum Found {
    /// The daemon answers.
    Up {
        /// Where.
        endpoint: String,
        /// What it said of itself.
        info: DaemonInfo,
    },
    /// The daemon does not answer.
    Down {
        /// The address that failed last.
        endpoint: String,
        /// In plain words.
        error: String,
        /// What to do.
        hint: String,
        /// Every address tried, with its reason.
        tried: Vec<String>,
        /// Until the next attempt.
        retry_in: Duration,
    },
    /// The daemon answers, but not this.
    Blind {
        /// What cannot be asked.
        what: &'static str,
        /// In the daemon's words.
        error: String,
    },
    /// Everything that exists could be seen.
    Sees,
    /// All containers that exist.
    All {
        /// As inspected.
        containers: Vec<ContainerInfo>,
        /// Those that are listed and could never be inspected.
        unseen: Vec<ContainerId>,
    },
    /// One container as it is now.
    Changed(Box<ContainerInfo>),
    /// A container stopped.
    Died(ContainerId),
    /// A container is gone.
    Gone(ContainerId),
    /// A container was started and is gone before it could be inspected.
    Missed(String),
    /// A container whose log has no end was removed before this engine found its daemon.
    Departed(Box<ContainerInfo>),
}

/// The discovery task. A clone finds everything anew.
#[derive(Clone)]
pub struct Discovery {
    ways: Vec<Way>,
    found: mpsc::Sender<Found>,
    linked: watch::Sender<Option<Linked>>,
    /// Moves when somebody doubts that the daemon is there.
    suspect: watch::Receiver<u64>,
    /// Time between two lists.
    reconcile: Duration,
    known: BTreeMap<ContainerId, ContainerInfo>,
    /// Those that could not be inspected when an event told of them.
    doubted: BTreeSet<ContainerId>,
    /// Containers of earlier engines that were not looked for yet.
    unended: BTreeMap<ContainerId, Unended>,
    /// The id of the daemon that answered.
    daemon: String,
    /// Until another try, where not everything can be inspected.
    again: Duration,
}

/// Why a daemon is not watched any more.
struct Lost {
    /// What could not be asked.
    what: &'static str,
    error: DockerError,
    /// Until then it was watched for so long.
    after: Duration,
    /// It had told which containers exist.
    listed: bool,
}

impl Lost {
    /// Whether it would be asked again and again without a pause.
    fn is_too_soon(&self) -> bool {
        !self.listed || self.after < RETRY.1
    }
}

impl Discovery {
    /// A discovery that tries `ways` in order, and looks there for what earlier engines have left
    /// without an end.
    pub fn new(
        ways: Vec<Way>,
        found: mpsc::Sender<Found>,
        linked: watch::Sender<Option<Linked>>,
        suspect: watch::Receiver<u64>,
        reconcile: Duration,
        unended: BTreeMap<ContainerId, Unended>,
    ) -> Self {
        Self {
            ways,
            found,
            linked,
            suspect,
            reconcile,
            known: BTreeMap::new(),
            doubted: BTreeSet::new(),
            unended,
            daemon: String::new(),
            again: RETRY.0,
        }
    }

    /// The same after a rest, in place of one that has ended.
    pub async fn run_after(self, rest: Duration) {
        tokio::time::sleep(rest).await;
        self.run().await;
    }

    /// Runs until nobody listens.
    pub async fn run(mut self) {
        let mut wait = RETRY.0;
        // How the daemon that answered last was lost.
        let mut before: Option<Lost> = None;
        while !self.found.is_closed() {
            match self.connect().await {
                Ok(docker) => {
                    if let Some(lost) = before.take().filter(Lost::is_too_soon) {
                        if !lost.listed {
                            self.tell_blind(lost.what, &lost.error).await;
                        }
                        tokio::time::sleep(wait).await;
                        wait = (wait * 2).min(RETRY.1);
                    } else {
                        wait = RETRY.0;
                    }
                    let lost = self.watch(&docker).await;
                    tracing::warn!(what = lost.what, error = %lost.error, "lost the daemon");
                    // The next attempt tells whether it is down or just cut the stream.
                    before = Some(lost);
                }
                Err(failed) => {
                    before = None;
                    self.tell_down(failed, wait).await;
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Finds the first address that answers.
    async fn connect(&mut self) -> Result<Docker, Vec<(Way, DockerError)>> {
        let mut failed = Vec::new();
        for way in &self.ways {
            match way.docker.hello().await {
                Ok(info) => {
                    let docker = way.docker.clone();
                    let endpoint = way.uri.clone();
                    let chosen = endpoint.clone();
                    self.daemon = info.identity();
                    let link = Linked { docker: docker.clone(), info: Arc::new(info.clone()) };
                    self.linked.send_replace(Some(link));
                    let _ = self.found.send(Found::Up { endpoint, info }).await;
                    // From now on this is the daemon: while it restarts, another one that answers
                    // would look as if every container had been removed.
                    self.ways.retain(|way| way.uri == chosen);
                    return Ok(docker);
                }
                Err(error) => failed.push((way.clone(), error)),
            }
        }
        Err(failed)
    }

    async fn tell_blind(&self, what: &'static str, error: &DockerError) {
        let _ = self.found.send(Found::Blind { what, error: error.to_string() }).await;
    }

    async fn tell_down(&self, failed: Vec<(Way, DockerError)>, retry_in: Duration) {
        let tried = failed
            .iter()
            .map(|(way, error)| format!("{} ({}): {}", way.uri, way.reason, plain(error).0))
            .collect();
        // An address that exists and refuses says more than one that does not exist.
        let refused =
            |(_, e): &&(Way, DockerError)| matches!(e, DockerError::PermissionDenied { .. });
        let worst = failed.iter().find(refused).or_else(|| failed.first());
        let (endpoint, (error, hint)) = worst.map_or_else(
            || {
                (
                    String::new(),
                    ("no address to try".to_owned(), "name one with --docker".to_owned()),
                )
            },
            |(way, error)| (way.uri.clone(), plain(error)),
        );
        let _ = self.found.send(Found::Down { endpoint, error, hint, tried, retry_in }).await;
    }

    /// Watches a daemon that answered until it does not.
    async fn watch(&mut self, docker: &Docker) -> Lost {
        let (begun, mut listed) = (Instant::now(), false);
        let lost = |what, error, listed| Lost { what, error, after: begun.elapsed(), listed };
        let mut events = match docker.events().await {
            Ok(events) => events,
            Err(error) => return lost(EVENTS, error, listed),
        };
        let mut next_list = Instant::now();
        loop {
            let (what, seen) = tokio::select! {
                biased;
                event = events.next() => match event {
                    Ok(event) => (INSPECT, self.event(docker, event).await),
                    Err(error) => (EVENTS, Err(error)),
                },
                _ = self.suspect.changed() => (PING, docker.hello().await.map(|_| true)),
                () = sleep_until(next_list) => {
                    next_list = Instant::now() + self.reconcile;
                    let seen = self.reconcile(docker).await;
                    listed |= seen.is_ok();
                    (LIST, seen)
                }
            };
            match seen {
                Ok(true) => {}
                // What could not be inspected is asked for again soon.
                Ok(false) => next_list = next_list.min(Instant::now() + self.soon()),
                Err(error) => return lost(what, error, listed),
            }
        }
    }

    /// Lists and inspects what is new or changed, then tells everything that exists, and what was
    /// removed before this engine came. Says whether all that runs could be seen.
    async fn reconcile(&mut self, docker: &Docker) -> Result<bool, DockerError> {
        let listed = docker.list().await?;
        // One that ended lately may have run meanwhile, unseen for want of its events.
        let stale = |l: &&Listed| {
            self.known.get(&l.id).is_none_or(|known| {
                let runs = known.run == RunState::Running;
                let differs = known.name != l.name || l.running != runs;
                differs || !(l.running || l.long_over) || self.doubted.contains(&l.id)
            })
        };
        let mut ids: Vec<ContainerId> = listed.iter().filter(stale).map(|l| l.id.clone()).collect();
        // A list that lacks a container is a hint, too; only a 404 removes it.
        let is_listed = |id: &ContainerId| listed.iter().any(|l| l.id == *id);
        ids.extend(self.known.keys().filter(|id| !is_listed(id)).cloned());
        let mut inspected = stream::iter(ids)
            .map(|id| async move { (docker.inspect(&id).await, id) })
            .buffer_unordered(INSPECTS);
        let (mut seen, mut unseen) = (true, Vec::new());
        while let Some((info, id)) = inspected.next().await {
            match info {
                Ok(info) => {
                    self.doubted.remove(&id);
                    self.known.insert(id, info);
                }
                Err(error) if error.is_not_found() => {
                    self.doubted.remove(&id);
                    self.known.remove(&id);
                }
                Err(error) if error.means_daemon_down() => return Err(error),
                Err(error) => {
                    tracing::warn!(container = %id, %error, INSPECT);
                    // What does not run writes nothing, and is asked for with the next list.
                    if listed.iter().any(|l| l.id == id && l.running) {
                        seen = false;
                        self.tell_blind(INSPECT, &error).await;
                    }
                    if !self.known.contains_key(&id) {
                        unseen.push(id);
                    }
                }
            }
        }
        let containers = self.known.values().cloned().collect();
        let _ = self.found.send(Found::All { containers, unseen }).await;
        self.again = if seen { RETRY.0 } else { (self.again * 2).min(RETRY.1) };
        if seen {
            let _ = self.found.send(Found::Sees).await;
        }
        self.look_for_unended(docker, is_listed).await?;
        Ok(seen)
    }

    /// Looks for containers of earlier engines that are not listed.
    async fn look_for_unended(
        &mut self,
        docker: &Docker,
        is_listed: impl Fn(&ContainerId) -> bool,
    ) -> Result<(), DockerError> {
        // What is known is captured.
        self.unended.retain(|id, _| !self.known.contains_key(id));
        let here = self.unended.iter().filter(|(_, left)| left.daemon == self.daemon);
        let ids: Vec<ContainerId> =
            here.map(|(id, _)| id.clone()).filter(|id| !is_listed(id)).collect();
        let mut inspected = stream::iter(ids)
            .map(|id| async move { (docker.inspect(&id).await, id) })
            .buffer_unordered(INSPECTS);
        while let Some((info, id)) = inspected.next().await {
            match info {
                Err(error) if error.is_not_found() => {
                    if let Some(left) = self.unended.remove(&id) {
                        let _ = self.found.send(Found::Departed(Box::new(left.info))).await;
                    }
                }
                Err(error) if error.means_daemon_down() => return Err(error),
                // It is asked for with the next list.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Until what could not be inspected is asked for again.
    fn soon(&self) -> Duration {
        self.again.min(self.reconcile)
    }

    /// Applies an event; applying one twice changes nothing. Says whether the container could be
    /// seen.
    async fn event(&mut self, docker: &Docker, event: DockerEvent) -> Result<bool, DockerError> {
        let told = match event.kind {
            DockerEventKind::Start | DockerEventKind::Rename => {
                match docker.inspect(&event.id).await {
                    Ok(info) => {
                        self.known.insert(event.id, info.clone());
                        Found::Changed(Box::new(info))
                    }
                    Err(error) if error.is_not_found() && !self.known.contains_key(&event.id) => {
                        Found::Missed(event.name)
                    }
                    Err(error) if error.means_daemon_down() => return Err(error),
                    Err(error) => return Ok(self.doubt(event.id, &error)),
                }
            }
            DockerEventKind::Die => return self.died(docker, event.id).await,
            DockerEventKind::Destroy => {
                self.known.remove(&event.id);
                Found::Gone(event.id)
            }
            _ => return Ok(true),
        };
        let _ = self.found.send(told).await;
        Ok(true)
    }

    /// What an event told of could not be inspected: the next list looks at it whatever it seems to be.
    /// Whether nothing is left to be seen of it.
    fn doubt(&mut self, id: ContainerId, error: &DockerError) -> bool {
        if !error.is_not_found() {
            self.doubted.insert(id);
        }
        error.is_not_found()
    }

    async fn died(&mut self, docker: &Docker, id: ContainerId) -> Result<bool, DockerError> {
        let _ = self.found.send(Found::Died(id.clone())).await;
        match docker.inspect(&id).await {
            Ok(info) => {
                self.known.insert(id, info.clone());
                let _ = self.found.send(Found::Changed(Box::new(info))).await;
                Ok(true)
            }
            Err(error) if error.means_daemon_down() => Err(error),
            Err(error) => Ok(self.doubt(id, &error)),
        }
    }
}

/// What happened, and what to do about it.
fn plain(error: &DockerError) -> (String, String) {
    match error {
        DockerError::Unreachable { words, hint, .. } => (words.clone(), hint.clone()),
        DockerError::PermissionDenied { hint, .. } => {
            ("permission denied".to_owned(), hint.clone())
        }
        other => {
            (other.to_string(), "check that this address is a Docker or Podman API".to_owned())
        }
    }
}

/// Asks each way once whether a daemon answers there, for modes that cannot wait. The error has a
/// line for each way, and then what to do.
pub async fn first_answer(ways: &[Way], within: Duration) -> Result<(), Vec<String>> {
    let (mut failed, mut hints) = (Vec::new(), Vec::new());
    for way in ways {
        let (words, hint) = match timeout(within, way.docker.hello()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => plain(&error),
            Err(_) => ("no answer".to_owned(), "is the daemon busy, or hanging?".to_owned()),
        };
        failed.push(format!("{} ({}): {words}", way.uri, way.reason));
        // Many addresses fail for the same reason, and one piece of advice is enough.
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    failed.extend(hints);
    Err(failed)
}
