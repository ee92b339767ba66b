//! The supervisor: the one owner of all monitors.
//!
//! Its loop has three phases: wait for one of a closed set of things to happen, let the registry
//! decide, do what it decided. It never waits while doing: orders are levels in watch channels,
//! timeline rows are dropped and counted when the store's queue is full, and monitors wait for the
//! supervisor, never the other way round.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::capture::Capture;
use super::discovery::{Discovery, Found};
use super::handle::CommandRequest;
use super::meter::Meter;
use super::orders::{Desired, MonitorEvent, Orders};
use super::picture::Painter;
use super::registry::{Effect, Now, Registry, STOP_WITHIN, TaskEnd, event};
use super::report::MonitorReport;
use super::shared::Shared;
use super::snapshot::{Blind, DockerView, EngineSnapshot, Link};
use super::tasks::{Ended, TaskKind, Tasks};
use crate::model::{ContainerId, EventKind, Moment, MonitorEpoch, TimelineEvent};

/// Time between two pictures.
const TICK: Duration = Duration::from_millis(250);

/// Rest before discovery is started again.
const DISCOVERY_REST: Duration = Duration::from_secs(1);
/// For how long a store must have been quick, in times of what is slow, before it is called well again.
const QUICK: u32 = 4;
/// What the timeline says of a slow store.
const SLOW: &str = "a commit takes longer than it should; records wait for it";

/// The supervisor's ends of its channels.
pub(super) struct Ears {
    pub(super) found: mpsc::Receiver<Found>,
    pub(super) told: mpsc::Receiver<MonitorEvent>,
    pub(super) commands: mpsc::Receiver<CommandRequest>,
    pub(super) stop: watch::Receiver<bool>,
}

/// The supervisor's voices.
pub(super) struct Voices {
    pub(super) tell: mpsc::Sender<MonitorEvent>,
    pub(super) suspect: watch::Sender<u64>,
    pub(super) population: watch::Sender<usize>,
    pub(super) snapshots: watch::Sender<Arc<EngineSnapshot>>,
}

/// The channels and the handle of one running monitor.
struct Line {
    wish: watch::Sender<Desired>,
    report: watch::Receiver<MonitorReport>,
    task: AbortHandle,
}

/// What can happen.
enum Event {
    Found(Found),
    Told(MonitorEvent),
    Command(CommandRequest),
    Ended(Ended),
    Tick,
    Stop,
    GiveUp,
}

/// Owns all monitors.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    registry: Registry,
    tasks: Tasks,
    lines: BTreeMap<ContainerId, Line>,
    ears: Ears,
    voices: Voices,
    painter: Painter,
    /// To start again, should it end.
    discovery: Discovery,
    docker: DockerView,
    attempts: u32,
    stopping: Option<Instant>,
    store_trouble: Option<EventKind>,
    /// When it was seen last.
    store_trouble_at: Moment,
    /// Events put on the timeline, by kind.
    told: BTreeMap<EventKind, u64>,
}

impl Supervisor {
    pub(super) fn new(
        shared: Arc<Shared>,
        registry: Registry,
        tasks: Tasks,
        (ears, voices): (Ears, Voices),
        (painter, discovery): (Painter, Discovery),
    ) -> Self {
        Self {
            shared,
            registry,
            tasks,
            lines: BTreeMap::new(),
            ears,
            voices,
            painter,
            discovery,
            docker: DockerView::default(),
            attempts: 0,
            stopping: None,
            store_trouble: None,
            store_trouble_at: Moment(Duration::ZERO),
            told: BTreeMap::new(),
        }
    }

    /// Runs until told to stop and every monitor has ended, or the stop deadline has passed.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.timeline(EventKind::EngineStarted, "");
        loop {
            let give_up =
                self.stopping.unwrap_or_else(|| Instant::now() + Duration::from_hours(24));
            let happened = tokio::select! {
                biased;
                _ = self.ears.stop.wait_for(|stop| *stop), if self.stopping.is_none() => Event::Stop,
                ended = self.tasks.next_ended() => Event::Ended(ended),
                Some(request) = self.ears.commands.recv() => Event::Command(request),
                Some(found) = self.ears.found.recv() => Event::Found(found),
                _ = ticks.tick() => Event::Tick,
                Some(told) = self.ears.told.recv() => Event::Told(told),
                () = sleep_until(give_up) => Event::GiveUp,
            };
            let effects = self.decide(happened);
            self.perform(effects);
            let left = self.registry.is_empty() || give_up <= Instant::now();
            if self.stopping.is_some() && left {
                break;
            }
        }
        self.tasks.abort_all();
        self.timeline(EventKind::EngineStopped, "");
        self.paint();
    }

    fn now(&self) -> Now {
        Now { at: self.shared.clock.now(), wall: self.shared.clock.wall() }
    }

    fn decide(&mut self, happened: Event) -> Vec<Effect> {
        let now = self.now();
        match happened {
            Event::Found(found) => self.found(found, now),
            Event::Told(told) => {
                self.look_at(&told.id);
                self.registry.told(&told.id, told.epoch, told.what, now)
            }
            Event::Command(request) => {
                let (answer, effects) = self.registry.command(&request.command, now);
                let _ = request.answer.send(answer);
                effects
            }
            Event::Ended(ended) => self.ended(ended, now),
            Event::Tick => self.tick(now),
            Event::Stop => {
                self.stopping = Some(Instant::now() + STOP_WITHIN);
                self.registry.stop_all(now)
            }
            Event::GiveUp => Vec::new(),
        }
    }

    fn found(&mut self, found: Found, now: Now) -> Vec<Effect> {
        match found {
            Found::Up { endpoint, info } => {
                let was_down = matches!(self.docker.link, Link::Down { .. });
                let since = match self.docker.link {
                    Link::Up { since, .. } => since,
                    _ => now.at,
                };
                let version = format!("{:?} {}", info.flavor, info.version);
                self.docker.endpoint = endpoint;
                self.attempts = 0;
                self.docker.link = Link::Up { since, version, api: info.api };
                if was_down {
                    self.timeline(EventKind::DaemonUp, "");
                }
                self.registry.daemon_up(now)
            }
            Found::Down { endpoint, error, hint, tried, retry_in } => {
                self.attempts += 1;
                let since = match &self.docker.link {
                    Link::Down { since, .. } => *since,
                    _ => now.at,
                };
                if !matches!(self.docker.link, Link::Down { .. }) {
                    self.timeline(EventKind::DaemonDown, &error);
                }
                let (retry_at, attempts) = (now.at.after(retry_in), self.attempts);
                self.docker.blind = None;
                self.docker.endpoint = endpoint;
                self.docker.link = Link::Down { since, error, hint, tried, retry_at, attempts };
                self.registry.daemon_down(now)
            }
            Found::Blind { what, error } => {
                self.blind(what, error, now.at);
                Vec::new()
            }
            Found::Sees => {
                if self.docker.blind.take().is_some() {
                    self.timeline(EventKind::DiscoveryRecovered, "");
                }
                Vec::new()
            }
            Found::All { containers, unseen } => self.registry.reconciled(containers, unseen, now),
            Found::Changed(info) => self.registry.container(*info, now),
            Found::Died(id) => self.registry.died(&id),
            Found::Gone(id) => self.registry.gone(&id, now),
            Found::Missed(name) => self.registry.missed(&name, now),
            Found::Departed(info) => self.registry.departed_before(*info, now),
        }
    }

    /// The daemon answers, but not what discovery asks.
    fn blind(&mut self, what: &str, error: String, now: Moment) {
        let since = self.docker.blind.as_ref().map(|blind| blind.since);
        if since.is_none() {
            self.timeline(EventKind::DiscoveryFailed, &format!("{what}: {error}"));
        }
        let since = since.unwrap_or(now);
        self.docker.blind = Some(Blind { since, what: what.to_owned(), error });
    }

    fn ended(&mut self, ended: Ended, now: Now) -> Vec<Effect> {
        let TaskKind::Monitor(id) = ended.kind else {
            if self.stopping.is_none() {
                self.replace_fixed(&ended);
            }
            return Vec::new();
        };
        self.look_at(&id);
        self.lines.remove(&id);
        let end = ended.panicked.map_or(TaskEnd::Finished, TaskEnd::Panicked);
        self.registry.task_ended(&id, &end, now)
    }

    /// A fixed task never ends by itself. Without discovery nothing new would be captured, so it is
    /// started again; without a server nobody is told, but the count of tasks shows it.
    fn replace_fixed(&mut self, ended: &Ended) {
        let kind = ended.kind.as_str();
        tracing::error!(kind, panicked = ?ended.panicked, "a task ended by itself");
        if ended.kind == TaskKind::Discovery {
            let cause = ended.panicked.as_deref().unwrap_or("it ended by itself");
            self.timeline(EventKind::MonitorPanicked, &format!("discovery: {cause}"));
            let again = self.discovery.clone().run_after(DISCOVERY_REST);
            self.tasks.spawn(TaskKind::Discovery, again);
        }
    }

    /// Takes the newest report of one monitor before something is decided about it.
    fn look_at(&mut self, id: &ContainerId) {
        let Some(line) = self.lines.get_mut(id) else { return };
        let report = line.report.borrow_and_update().clone();
        if let Some(entry) = self.registry.entry_mut(id) {
            entry.observe(report, self.shared.clock.now());
        }
    }

    fn tick(&mut self, now: Now) -> Vec<Effect> {
        let mut reports = Vec::new();
        for (id, line) in &mut self.lines {
            if line.report.has_changed().unwrap_or(false) {
                reports.push((id.clone(), line.report.borrow_and_update().clone()));
            }
        }
        self.voices
            .population
            .send_if_modified(|n| std::mem::replace(n, self.registry.len()) != self.registry.len());
        self.look_at_the_store();
        // Done before it is painted, so that a picture never shows a timeout whose event it lacks.
        let effects = self.registry.tick(reports, (self.shared.probe(), now));
        self.perform(effects);
        self.paint();
        Vec::new()
    }

    /// Puts on the timeline that the store begins to make trouble, or ends.
    fn look_at_the_store(&mut self) {
        let stats = self.shared.writer.stats();
        let trouble = match (&stats.blocked, self.shared.slow_store(&stats)) {
            (Some(why), _) => Some((EventKind::StoreBlocked, why.clone())),
            (None, Some(_)) => Some((EventKind::StoreSlow, SLOW.to_owned())),
            (None, None) => None,
        };
        let now = self.shared.clock.now();
        if trouble.is_some() {
            self.store_trouble_at = now;
        }
        let rest = self.shared.timing.slow_store.get() * QUICK;
        let was_slow = self.store_trouble == Some(EventKind::StoreSlow);
        if trouble.is_none() && was_slow && now.since(self.store_trouble_at) < rest {
            return;
        }
        let kind = trouble.as_ref().map(|(kind, _)| *kind);
        if std::mem::replace(&mut self.store_trouble, kind) != kind {
            let (kind, why) = trouble.unwrap_or((EventKind::StoreRecovered, String::new()));
            self.timeline(kind, &why);
        }
    }

    fn paint(&mut self) {
        let now = self.now();
        let picture = self.painter.paint(
            &self.shared,
            &self.registry,
            &self.tasks,
            (self.docker.clone(), &self.told),
            now,
        );
        self.voices.snapshots.send_replace(Arc::new(picture));
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Spawn(id) => self.spawn(&id),
                Effect::Wish(id) => self.wish(&id),
                Effect::Abort(id) => {
                    if let Some(line) = self.lines.get(&id) {
                        line.task.abort();
                    }
                }
                Effect::Event(event) => self.put_on_timeline(event),
                Effect::SuspectDaemon => self.voices.suspect.send_modify(|n| *n += 1),
            }
        }
    }

    fn spawn(&mut self, id: &ContainerId) {
        let Some(entry) = self.registry.entry_mut(id) else { return };
        let (epoch, whole, away): (MonitorEpoch, _, _) = (entry.epoch, entry.whole, entry.away);
        // One value, the newest: a late look misses nothing.
        let (wish, wishes) = watch::channel(entry.desired.clone());
        let (publish, report) = watch::channel(entry.report.clone());
        let meter = Meter::new(entry.report.clone(), publish, self.shared.clock.clone());
        let capture = Capture::new(
            Arc::clone(&self.shared),
            (epoch, whole, away),
            meter,
            Orders::new(wishes),
            self.voices.tell.clone(),
        );
        let task = self.tasks.spawn(TaskKind::Monitor(id.clone()), capture.run());
        self.lines.insert(id.clone(), Line { wish, report, task });
    }

    fn wish(&mut self, id: &ContainerId) {
        let Some(entry) = self.registry.entry_mut(id) else { return };
        if let Some(line) = self.lines.get(id) {
            line.wish.send_replace(entry.desired.clone());
        }
    }

    fn timeline(&mut self, kind: EventKind, cause: &str) {
        self.put_on_timeline(event(kind, "", cause, self.now()));
    }

    fn put_on_timeline(&mut self, event: TimelineEvent) {
        *self.told.entry(event.kind).or_default() += 1;
        self.shared.writer.event(event);
    }
}
