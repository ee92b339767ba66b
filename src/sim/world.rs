//! Everything the simulated daemon knows, behind one lock.
//!
//! The lock is held for one synchronous step at a time and never across an await; whoever has to
//! wait takes a `watch` receiver out of it first. One lock is enough: a simulated daemon serves a
//! test, and a step is the copy of one record.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::model::{ContainerId, RunState};

use super::clock::Clock;
use super::container::{Container, ContainerSpec};
use super::events::{EventHub, container_event};
use super::faults::{Cut, Failure, Order, StreamState, Target};
use super::profile::Profile;
use super::route::{Endpoint, Route};

/// One request that arrived, refused ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSeen {
    /// The path with its version prefix, if it had one.
    pub path: String,
    /// The query, or empty.
    pub query: String,
    /// When, by the runtime's monotonic clock, so that spacing can be asserted.
    pub at: Instant,
}

/// How many requests are remembered; older ones are forgotten first.
const REMEMBERED_REQUESTS: usize = 65_536;

/// The state that verbs, routes and streams share.
#[derive(Debug, Clone)]
pub(super) struct Core(Arc<Mutex<World>>);

impl Core {
    pub(super) fn new(profile: Profile, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World::new(profile, seed))))
    }

    /// The world, for one step. A panic of another thread leaves it usable: the state is plain.
    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The daemon's state.
#[derive(Debug)]
pub(super) struct World {
    pub(super) profile: Profile,
    pub(super) seed: u64,
    pub(super) clock: Clock,
    /// In order of creation, removed ones included.
    pub(super) containers: Vec<Container>,
    index: BTreeMap<ContainerId, usize>,
    pub(super) events: EventHub,
    /// Log answers being sent, by number.
    pub(super) streams: BTreeMap<u64, StreamState>,
    pub(super) next_stream: u64,
    pub(super) failures: Vec<Failure>,
    pub(super) delays: BTreeMap<Endpoint, Duration>,
    pub(super) garbage_http: bool,
    /// Log answers claim the other kind of content.
    pub(super) lying: bool,
    /// So many lists break in the middle.
    pub(super) partial_lists: u32,
    pub(super) requests: VecDeque<RequestSeen>,
    pub(super) refused: Vec<String>,
    /// Cancelled to cut every connection; replaced at once by a fresh one.
    pub(super) connections: CancellationToken,
}

impl World {
    fn new(profile: Profile, seed: u64) -> Self {
        Self {
            profile,
            seed,
            clock: Clock::new(),
            containers: Vec::new(),
            index: BTreeMap::new(),
            events: EventHub::new(profile),
            streams: BTreeMap::new(),
            next_stream: 0,
            failures: Vec::new(),
            delays: BTreeMap::new(),
            garbage_http: false,
            lying: false,
            partial_lists: 0,
            requests: VecDeque::new(),
            refused: Vec::new(),
            connections: CancellationToken::new(),
        }
    }

    /// Creates a container under a new id and publishes `create`.
    pub(super) fn add(&mut self, spec: ContainerSpec) -> ContainerId {
        let number = self.containers.len();
        let id = derived_id(self.seed, number, &spec.name);
        let now = self.clock.stamp();
        self.index.insert(id.clone(), number);
        self.containers.push(Container::new(id.clone(), spec, now));
        self.publish(&id, "create", &[]);
        id
    }

    /// A container by full id, also when it is removed.
    pub(super) fn container(&self, id: &ContainerId) -> Option<&Container> {
        self.containers.get(*self.index.get(id)?)
    }

    /// The same, to change it.
    pub(super) fn container_mut(&mut self, id: &ContainerId) -> Option<&mut Container> {
        self.containers.get_mut(*self.index.get(id)?)
    }

    /// A container as a path names it: full id, then name, then prefix of the id.
    pub(super) fn find(&self, named: &str) -> Option<&Container> {
        let present = || self.containers.iter().filter(|container| !container.removed);
        let by_id = present().find(|container| container.id.as_str() == named);
        let by_name = || present().find(|c| c.spec.name == named.trim_start_matches('/'));
        let by_prefix = || present().find(|c| c.id.as_str().starts_with(named));
        by_id.or_else(by_name).or_else(by_prefix)
    }

    /// The containers that a fault is aimed at, removed ones excepted.
    pub(super) fn each(&mut self, target: &Target, mut act: impl FnMut(&mut Container)) {
        let aimed = self.containers.iter_mut().filter(|c| !c.removed && target.hits(&c.id));
        aimed.for_each(|container| {
            act(container);
            container.touch();
        });
    }

    /// Starts or restarts a container.
    pub(super) fn start(&mut self, id: &ContainerId) {
        let now = self.clock.stamp();
        let Some(container) = self.container_mut(id).filter(|c| !c.removed && !c.is_running())
        else {
            return;
        };
        container.run = RunState::Running;
        container.restarting = false;
        container.started_at = Some(now);
        container.touch();
        self.publish(id, "start", &[]);
    }

    /// Ends a container's run, and the container too if it is `--rm`.
    pub(super) fn die(&mut self, id: &ContainerId, exit_code: i64) {
        let now = self.clock.stamp();
        let Some(container) = self.container_mut(id).filter(|c| c.is_running()) else { return };
        container.end_run(now, exit_code);
        let auto_remove = container.spec.auto_remove;
        self.publish(id, "die", &[("exitCode", exit_code.to_string())]);
        if auto_remove {
            self.remove(id);
        }
    }

    /// Ends a container's run and leaves it to its restart policy, as moby's monitor does: the
    /// restart is counted before `die` is told.
    pub(super) fn crash_and_wait(&mut self, id: &ContainerId) {
        let Some(container) = self.container_mut(id).filter(|c| c.is_running()) else { return };
        container.restart_count += 1;
        container.restarting = true;
        self.die(id, 1);
    }

    /// Removes a container, by force if it runs.
    pub(super) fn remove(&mut self, id: &ContainerId) {
        if self.container(id).is_some_and(Container::is_running) {
            self.die(id, 137);
        }
        let Some(container) = self.container_mut(id).filter(|c| !c.removed) else { return };
        container.removed = true;
        container.touch();
        self.publish(id, "destroy", &[]);
    }

    /// Removes a container of which a bounded read comes too late.
    pub(super) fn remove_if_due(&mut self, id: &ContainerId) {
        if self.container_mut(id).is_some_and(|container| container.faults.comes_too_late()) {
            self.remove(id);
        }
    }

    /// Publishes an event of a container.
    pub(super) fn publish(&mut self, id: &ContainerId, action: &str, extra: &[(&str, String)]) {
        let now = self.clock.stamp();
        let Some(container) = self.container(id) else { return };
        let action = self.profile.event_action(action);
        let line = container_event(container, action, extra, now);
        self.events.publish(now, &line);
    }

    /// Whether the next list breaks in the middle.
    pub(super) fn breaks_list(&mut self) -> bool {
        let breaks = self.partial_lists > 0;
        self.partial_lists = self.partial_lists.saturating_sub(1);
        breaks
    }

    /// Cuts every connection. The answers being sent are told as well, so that none of them can
    /// still end cleanly because of what happens next.
    pub(super) fn cut_connections(&mut self) {
        for stream in self.streams.values_mut() {
            stream.orders.push_front(Order::Cut(Cut::Reset));
        }
        std::mem::take(&mut self.connections).cancel();
    }

    /// Remembers a request.
    pub(super) fn saw(&mut self, path: &str, query: &str) {
        if self.requests.len() >= REMEMBERED_REQUESTS {
            self.requests.pop_front();
        }
        let (path, query) = (path.to_owned(), query.to_owned());
        self.requests.push_back(RequestSeen { path, query, at: Instant::now() });
    }

    /// Takes the failure ordered for this request, if there is one.
    pub(super) fn ordered_failure(&mut self, route: &Route<'_>) -> Option<u16> {
        let id = self.find(route.container).map(|container| container.id.clone());
        let hit = self.failures.iter_mut().find(|failure| {
            failure.left > 0
                && failure.endpoint == route.endpoint
                && match &id {
                    Some(id) => failure.target.hits(id),
                    None => failure.target == Target::All,
                }
        })?;
        hit.left -= 1;
        let status = hit.status;
        self.failures.retain(|failure| failure.left > 0);
        Some(status)
    }
}

/// 64 hex digits that look like Docker's and follow from the seed alone.
#[expect(clippy::expect_used, reason = "64 hex digits are always a valid id")]
fn derived_id(seed: u64, number: usize, name: &str) -> ContainerId {
    let part = |k: u8| xxh3_128_with_seed(format!("{number} {k} {name}").as_bytes(), seed);
    ContainerId::new(format!("{:032x}{:032x}", part(0), part(1))).expect("64 hex digits")
}
