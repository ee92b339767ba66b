//! One simulated daemon, one store and the engine between them; what to wait for; the verdict.
//!
//! Shared by the test targets that drive the engine on the simulator; each declares `oracle` beside
//! it. Not part of `mod.rs`, which is about real daemons.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logcap_tui::config::{Filter, History};
use logcap_tui::docker::link::BoxFuture;
use logcap_tui::docker::{Connect, Docker, Endpoint, Wire};
use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{
    Clock, Command, CommandAnswer, Engine, EngineHandle, EngineSnapshot, Plan, Setup, Targets,
    Verb, Way,
};
use logcap_tui::model::{
    BeatKind, ContainerId, EventKind, Moment, Seam, SeamKind, State, TaskHealth, TimelineEvent,
    Timestamp, Timing, Waiting,
};
use logcap_tui::sim::{Profile, Sim, SimRecord};
use logcap_tui::store::{Durability, LogRow, Retention, Store, StoreError, StoreOptions};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::oracle::{Item, OracleLine, Verdict, judge};

/// No wait takes longer, unless the test says so.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A daemon with an engine that captures it.
pub(crate) struct Lab {
    pub(crate) sim: Sim,
    pub(crate) timing: Timing,
    history: History,
    patience: Duration,
    dir: TempDir,
    running: Option<Running>,
    pub(crate) trap: Arc<Trap>,
}

/// Makes whoever opens the next connection panic, once it is set.
#[derive(Debug, Default)]
pub(crate) struct Trap {
    pub(crate) is_set: AtomicBool,
    /// How many panicked.
    sprung: AtomicU32,
}

/// The way to the daemon, over a trap.
struct Trapped(Endpoint, Arc<Trap>);

impl Connect for Trapped {
    fn connect(&self) -> BoxFuture<'_, std::io::Result<Wire>> {
        if self.1.is_set.swap(false, Ordering::SeqCst) {
            self.1.sprung.fetch_add(1, Ordering::SeqCst);
            panic!("it walked into a trap");
        }
        self.0.connect()
    }
}

struct Running {
    engine: Engine,
    store: Store,
    clock: Clock,
}

impl Lab {
    /// A daemon without containers and no engine yet.
    pub(crate) fn new(profile: Profile, factor: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sim = Sim::start(&dir.path().join("docker.sock"), profile).unwrap();
        Self::around(sim, dir, factor)
    }

    /// A lab around a daemon whose socket is in this folder; the store goes there too.
    pub(crate) fn around(sim: Sim, dir: TempDir, factor: u32) -> Self {
        let timing = Timing::from_probe(Timing::PROBE_MIN).unwrap().accelerated(factor);
        Self {
            sim,
            timing,
            history: History::All,
            patience: DEADLINE,
            dir,
            running: None,
            trap: Arc::default(),
        }
    }

    /// Whether the engine runs.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// With another deadline for every wait.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// With another policy for first sight.
    pub(crate) fn history(self, history: History) -> Self {
        Self { history, ..self }
    }

    /// The folder of the store.
    pub(crate) fn store_dir(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Starts the engine and waits for its first reconcile.
    pub(crate) async fn start(&mut self) {
        let store = open_store(self.store_dir());
        let clock = Clock::system();
        let setup = Setup {
            writer: store.writer.clone(),
            reader: store.reader.clone(),
            clock: clock.clone(),
            timing: self.timing,
            history: self.history,
            host: "sim".to_owned(),
            fd_limit: 1024,
        };
        let uri = format!("unix://{}", self.sim.socket().display());
        let endpoint: Endpoint = uri.parse().unwrap();
        let way = Arc::new(Trapped(endpoint.clone(), Arc::clone(&self.trap)));
        let docker = Docker::with_connector(way, endpoint, &self.timing).unwrap();
        let plan = Plan {
            ways: vec![Way { docker, uri, reason: "test".to_owned() }],
            filter: Filter::default(),
            own: None,
            store_path: self.store_dir().display().to_string(),
            store_limit: None,
            servers: Vec::new(),
        };
        let engine = Engine::start(setup, plan).unwrap();
        self.running = Some(Running { engine, store, clock });
        self.wait_for("the first reconcile", |s| s.ready).await;
    }

    /// Stops the engine and closes the store; how long the engine took.
    pub(crate) async fn stop(&mut self) -> Duration {
        let running = self.running.take().unwrap();
        let begun = std::time::Instant::now();
        running.engine.stop().await;
        let took = begun.elapsed();
        running.store.shutdown().unwrap();
        took
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn handle(&self) -> EngineHandle {
        self.running().engine.handle()
    }

    pub(crate) fn abort_discovery(&self) {
        self.running().engine.abort_discovery();
    }

    pub(crate) fn snapshot(&self) -> Arc<EngineSnapshot> {
        self.handle().snapshot()
    }

    pub(crate) fn now(&self) -> Moment {
        self.running().clock.now()
    }

    /// Waits until a picture fulfils the condition.
    pub(crate) async fn wait_for(
        &self,
        what: &str,
        condition: impl Fn(&EngineSnapshot) -> bool,
    ) -> Arc<EngineSnapshot> {
        self.wait_within(what, self.patience, condition).await
    }

    /// The same with another deadline.
    pub(crate) async fn wait_within(
        &self,
        what: &str,
        deadline: Duration,
        condition: impl Fn(&EngineSnapshot) -> bool,
    ) -> Arc<EngineSnapshot> {
        let mut pictures = self.handle().snapshots();
        let waited = timeout(deadline, pictures.wait_for(|s| condition(s))).await;
        match waited {
            Ok(picture) => Arc::clone(&picture.unwrap()),
            Err(_) => {
                panic!("no {what} within {deadline:?}:\n{}", describe(&self.snapshot()))
            }
        }
    }

    /// Waits until one monitor fulfils the condition.
    pub(crate) async fn wait_row(
        &self,
        what: &str,
        id: &ContainerId,
        condition: impl Fn(&MonitorRow) -> bool,
    ) -> Arc<MonitorRow> {
        let snapshot = self.wait_for(what, |s| row(s, id).is_some_and(|row| condition(row))).await;
        Arc::clone(row(&snapshot, id).unwrap())
    }

    /// Waits until something else than a picture holds, looking at each new picture.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        self.wait_for(what, |_| condition()).await;
    }

    /// Waits until everything that was emitted before this call is proved to be stored, or its
    /// log is at its end, and checks the books.
    pub(crate) async fn rest(&self) -> Arc<EngineSnapshot> {
        let mark = self.now();
        let done = |row: &Arc<MonitorRow>| match &row.state {
            State::Live { .. } => {
                row.beat.is_some_and(|beat| beat.kind == BeatKind::Verified && beat.at > mark)
            }
            State::Ended { .. } => !row.running,
            State::Unreadable { .. } | State::Waiting { why: Waiting::Paused } => true,
            _ => false,
        };
        // Nothing is written meanwhile, so what was proved stays proved.
        let proved = Mutex::new(BTreeSet::new());
        let at_rest = |s: &EngineSnapshot| {
            let mut proved = proved.lock().unwrap();
            proved.extend(s.monitors.iter().filter(|row| done(row)).map(|row| row.id.clone()));
            s.at > mark
                && s.monitors.iter().all(|row| proved.contains(&row.id))
                && s.monitors.iter().all(|m| m.flow.in_flight == 0)
                && s.tasks.expected == s.tasks.actual
        };
        let snapshot = self.wait_for("rest", at_rest).await;
        for row in &snapshot.monitors {
            assert!(row.flow.is_conserved(), "{}: {:?}", row.name, row.flow);
        }
        let panics: u64 = snapshot.monitors.iter().map(|row| row.panics).sum();
        assert_eq!(panics, u64::from(self.trap.sprung.load(Ordering::SeqCst)), "panics");
        assert!(snapshot.totals.flow.is_conserved(), "{:?}", snapshot.totals.flow);
        snapshot
    }

    /// Gives an order and expects that nobody refuses it.
    pub(crate) async fn order(&self, verb: Verb, targets: Targets) -> CommandAnswer {
        let meant = targets.clone();
        let answer = self.handle().command(Command { verb, targets }).await.unwrap();
        assert!(answer.refused.is_empty(), "{answer:?}");
        if verb == Verb::Resume {
            // A monitor that is still paused counts as one that rests.
            let is_paused = |row: &Arc<MonitorRow>| {
                let is_meant = match &meant {
                    Targets::All => true,
                    Targets::Only(ids) => ids.contains(&row.id),
                };
                is_meant && matches!(row.state, State::Waiting { why: Waiting::Paused })
            };
            self.wait_for("the end of the pause", |s| !s.monitors.iter().any(is_paused)).await;
        }
        answer
    }

    /// The row of a container's log.
    pub(crate) fn log(&self, id: &ContainerId) -> LogRow {
        self.running().store.reader.log_by_container(id).unwrap().unwrap()
    }

    /// How many records of a container are stored.
    pub(crate) fn stored(&self, id: &ContainerId) -> u64 {
        let log = self.running().store.reader.log_by_container(id).unwrap();
        log.map_or(0, |log| log.records)
    }

    /// The seams of a container's log, in order.
    pub(crate) fn seams(&self, id: &ContainerId) -> Vec<Seam> {
        let log = self.log(id).id;
        let seams = self.running().store.reader.seams(Some(log)).unwrap();
        seams.into_iter().map(|(_, seam)| seam).collect()
    }

    /// The same, and none where nothing of the container was ever stored.
    pub(crate) fn seams_if_any(&self, id: &ContainerId) -> Vec<Seam> {
        let log = self.running().store.reader.log_by_container(id).unwrap();
        if log.is_some() { self.seams(id) } else { Vec::new() }
    }

    /// Whether one of the stored records of a container has this content.
    pub(crate) fn holds(&self, id: &ContainerId, bytes: &[u8]) -> bool {
        let has = |item: &Item| matches!(item, Item::Line(line) if line.text.starts_with(bytes));
        self.items(id).iter().any(has)
    }

    /// Its seams of one kind.
    pub(crate) fn seams_of(&self, id: &ContainerId, kind: SeamKind) -> Vec<Seam> {
        let mut seams = self.seams(id);
        seams.retain(|seam| seam.what.kind == kind);
        seams
    }

    /// The timeline, oldest first.
    pub(crate) fn events(&self) -> Vec<TimelineEvent> {
        self.running().store.reader.events(100_000).unwrap()
    }

    pub(crate) fn count_events(&self, kind: EventKind) -> usize {
        self.events().iter().filter(|event| event.kind == kind).count()
    }

    /// What the store holds of a container, in order, with its seams.
    fn items(&self, id: &ContainerId) -> Vec<Item> {
        let reader = &self.running().store.reader;
        let Some(log) = reader.log_by_container(id).unwrap() else { return Vec::new() };
        let mut items = loop {
            match self.lines(log.id) {
                Ok(lines) => break lines,
                // Merged between listing and decoding: list again.
                Err(StoreError::Gone { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        for seam in self.seams(id) {
            // A seam stands right behind `after_seq`; no record has its place.
            let place = (seam.after_seq.0, 1);
            match seam.what.kind {
                SeamKind::Gap | SeamKind::Damaged => items.push((place, Item::Gap)),
                SeamKind::NotTaken | SeamKind::Evicted => items.push((place, Item::Excused)),
                SeamKind::Joined => {}
            }
        }
        items.sort_by_key(|(place, _)| *place);
        items.into_iter().map(|(_, item)| item).collect()
    }

    fn lines(&self, log: logcap_tui::model::LogId) -> Result<Vec<((i64, u8), Item)>, StoreError> {
        let reader = &self.running().store.reader;
        let mut lines = Vec::new();
        for block in reader.blocks(Some(&[log]), None, None)? {
            let block = match reader.decode(&block) {
                // Its seam has to say so.
                Err(StoreError::Damaged { .. }) => continue,
                block => block?,
            };
            for record in block.records() {
                let line = line(record.fd, record.ts, record.newline, record.bytes);
                lines.push(((record.seq.0, 0), Item::Line(line)));
            }
        }
        Ok(lines)
    }

    /// Compares everything that was emitted with everything that is stored.
    pub(crate) fn verdict(&self, id: &ContainerId) -> Verdict {
        self.verdict_behind(id, 0)
    }

    /// The same without the first records, which were gone before anybody looked.
    pub(crate) fn verdict_behind(&self, id: &ContainerId, gone: usize) -> Verdict {
        assert_eq!(self.sim.refused(), Vec::<String>::new(), "only GET is ever sent");
        let reader = &self.running().store.reader;
        let tty = reader.log_by_container(id).unwrap().is_some_and(|log| log.identity.tty);
        // Podman says the second of a record and no more.
        let step = if self.sim.profile().is_podman() { 1_000_000_000 } else { 1 };
        let truth = |record: &SimRecord| {
            let ts = Timestamp(record.ts.0 - record.ts.0.rem_euclid(step));
            // On a terminal the carriage return belongs to the line's end.
            let cr = tty && record.newline;
            let bytes = record.bytes.strip_suffix(b"\r").filter(|_| cr).unwrap_or(&record.bytes);
            line(record.fd, ts, record.newline, bytes)
        };
        let truth: Vec<OracleLine> = self.sim.records(id).iter().skip(gone).map(truth).collect();
        judge(&truth, &self.items(id))
    }

    /// Every record once, in order, unchanged, and no gap.
    pub(crate) fn assert_complete(&self, id: &ContainerId) {
        let verdict = self.verdict(id);
        assert!(verdict.is_complete(), "{verdict:?}\n{:#?}", self.seams(id));
    }

    /// The same for every container that the engine captures, after coming to rest.
    pub(crate) async fn assert_all_complete(&self) {
        for row in &self.rest().await.monitors {
            self.assert_complete(&row.id);
        }
    }

    /// Connections that the daemon holds open.
    pub(crate) fn connections(&self) -> usize {
        let socket = self.sim.socket().display().to_string();
        let all = std::fs::read_to_string("/proc/net/unix").unwrap();
        // The listener is one of them.
        all.lines().filter(|line| line.ends_with(&socket)).count().saturating_sub(1)
    }

    /// Makes containers write a line each, again and again, until the load is stopped.
    pub(crate) fn load(&self, ids: &[ContainerId], every: Duration, lines: usize) -> Load {
        let (sim, ids, stop) = (self.sim.clone(), ids.to_vec(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut ticks = interval(every);
            let mut written = 0;
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                for id in &ids {
                    sim.emit_many(id, lines, |n| format!("load line {}", written + n));
                }
                written += lines;
            }
            written
        });
        Load { stop, task }
    }
}

/// Containers that write.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<usize>,
}

impl Load {
    /// Ends it; how many lines each container wrote.
    pub(crate) async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        timeout(DEADLINE, self.task).await.unwrap().unwrap()
    }
}

/// The record as the oracle compares it: its newline is part of its text.
fn line(
    fd: logcap_tui::model::Fd,
    ts: logcap_tui::model::Timestamp,
    newline: bool,
    bytes: &[u8],
) -> OracleLine {
    let mut text = bytes.to_vec();
    text.extend(newline.then_some(b'\n'));
    OracleLine { fd, ts, text }
}

fn open_store(dir: PathBuf) -> Store {
    let options = StoreOptions {
        dir,
        durability: Durability::Normal,
        retention: Retention::default(),
        host: "sim".to_owned(),
        engine_addr: String::new(),
    };
    let now = || logcap_tui::model::Timestamp::from_system(std::time::SystemTime::now());
    Store::open(options, Arc::new(now)).unwrap()
}

/// One monitor of a picture.
pub(crate) fn row<'a>(
    snapshot: &'a EngineSnapshot,
    id: &ContainerId,
) -> Option<&'a Arc<MonitorRow>> {
    snapshot.monitors.iter().find(|row| row.id == *id)
}

/// Live, with fresh evidence.
pub(crate) fn is_live(row: &MonitorRow) -> bool {
    matches!(row.state, State::Live { .. }) && row.health == TaskHealth::Running
}

/// Everything that may explain why a wait was in vain.
pub(crate) fn describe(s: &EngineSnapshot) -> String {
    let mut text = format!("at {:?} {:?} {:?}\n", s.at, s.docker.link, s.tasks);
    for row in &s.monitors {
        let _ = write!(
            text,
            "{}: {:?} {:?} beat {:?} {:?} reads {:?} reopens {:?} doubts {:?} backfill {:?} \
             failure {:?}\n  {:?}\n",
            row.name,
            row.state,
            row.health,
            row.beat,
            row.flow,
            row.reads_by,
            row.reopens_by,
            row.doubts_by,
            row.backfill,
            row.failure,
            row.transitions,
        );
    }
    text
}
