//! One daemon, one store and one engine on one thread and one clock that stands still unless
//! everybody waits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use logcap_tui::config::{Filter, History};
use logcap_tui::docker::{Docker, Endpoint};
use logcap_tui::engine::{Clock, Command, Engine, EngineSnapshot, Plan, Setup, Targets, Verb, Way};
use logcap_tui::model::{ContainerId, Fd, Moment, Timestamp, Timing};
use logcap_tui::sim::{self, Profile, Sim};
use logcap_tui::store::{
    Durability, Retention, Store, StoreError, StoreOptions, StoreReader, StoreWriter,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::counters::Counters;
use crate::script::{Act, Kind, Script, Stall, Text, Who, Whom};
use crate::wire::Dialer;

/// What our wall clock shows when a simulation begins: 2026-01-01T00:00:00Z.
const WALL: i64 = 1_767_225_600_000_000_000;

/// How a container was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removed {
    Running,
    Stopped,
}

/// A container and what the script did to it.
pub(crate) struct Known {
    pub(crate) id: ContainerId,
    pub(crate) kind: Kind,
    removed: Option<Removed>,
    /// The engine that ran, and had a monitor for it, when it was removed.
    pub(crate) removed_under: Option<u64>,
    /// When it was started, if the daemon could not be reached then.
    started_unseen: Option<Timestamp>,
    pub(crate) cut_by_hand: bool,
    running: bool,
    /// The engine that ran, and had listed all containers, when it was created.
    pub(crate) born_under: Option<u64>,
    /// Our wall clock when it was started last.
    pub(crate) started: Timestamp,
    /// Lines written so far, for their numbers.
    written: usize,
    /// When a record could not be read any more, by its place in the truth.
    pub(crate) lost_at: BTreeMap<usize, Timestamp>,
    /// When each record of the truth was written.
    pub(crate) written_at: Vec<Timestamp>,
}

/// Everything that one simulation consists of.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) known: Vec<Known>,
    pub(crate) counters: Counters,
    pub(crate) timing: Timing,
    script: Script,
    dir: TempDir,
    origin: Instant,
    running: Option<Running>,
    /// Engines started so far.
    engines: u64,
    daemon_up: bool,
}

struct Running {
    engine: Engine,
    store: Store,
    work: JoinHandle<Result<(), StoreError>>,
    clock: Clock,
    watcher: JoinHandle<()>,
}

impl Known {
    pub(crate) fn is_running(&self) -> bool {
        self.running
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.is_some()
    }

    /// Whether it ran when it was removed, so that no read came behind its end.
    pub(crate) fn was_removed_running(&self) -> bool {
        self.removed == Some(Removed::Running)
    }
}

impl World {
    pub(crate) fn new(script: &Script) -> Self {
        let sim = Sim::in_memory(script.profile, script.seed).unwrap();
        let shared_memory = PathBuf::from("/dev/shm");
        let root = if shared_memory.is_dir() { shared_memory } else { std::env::temp_dir() };
        Self {
            sim,
            known: Vec::new(),
            counters: Counters::default(),
            timing: Timing::from_probe(script.probe).unwrap(),
            script: script.clone(),
            dir: tempfile::tempdir_in(root).unwrap(),
            origin: Instant::now(),
            running: None,
            engines: 0,
            daemon_up: true,
        }
    }

    /// Our wall clock.
    pub(crate) fn wall(&self) -> Timestamp {
        wall(self.origin)
    }

    /// Whether the daemon passes over damaged records in silence.
    pub(crate) fn says_nothing_of_damage(&self) -> bool {
        let silent = [Profile::Moby20_10, Profile::Moby27_4, Profile::Moby29];
        silent.contains(&self.script.profile)
    }

    /// Records of a log that are taken at first sight, at most.
    pub(crate) fn takes_at_first(&self) -> usize {
        match self.script.history {
            History::All => usize::MAX,
            History::Auto => 1_000,
            History::Tail(n) => usize::try_from(n.max(1)).unwrap(),
            History::Now => 1,
        }
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    pub(crate) fn start_engine(&mut self) {
        if self.running.is_some() {
            return;
        }
        let options = StoreOptions {
            dir: self.dir.path().join("store"),
            durability: Durability::Normal,
            retention: Retention { max_bytes: self.script.keep, ..Retention::default() },
            host: "sim".to_owned(),
            engine_addr: String::new(),
        };
        let origin = self.origin;
        let wall = Arc::new(move || wall(origin));
        let (store, work) = Store::open_inline(options, wall.clone()).unwrap();
        let work = tokio::spawn(work.run());
        let clock = Clock::new(wall);
        let setup = Setup {
            writer: store.writer.clone(),
            reader: store.reader.clone(),
            clock: clock.clone(),
            timing: self.timing,
            history: self.script.history,
            host: "sim".to_owned(),
            fd_limit: 1024,
        };
        let dialer = Dialer::new(self.sim.clone(), self.script.seed, self.script.choppy);
        let shown: Endpoint = "unix:///simulated.sock".parse().unwrap();
        let docker = Docker::with_connector(Arc::new(dialer), shown, &self.timing).unwrap();
        let plan = Plan {
            ways: vec![Way { docker, uri: "memory".to_owned(), reason: "test".to_owned() }],
            filter: Filter::default(),
            own: None,
            store_path: String::new(),
            store_limit: self.script.keep,
            servers: Vec::new(),
        };
        let engine = Engine::start(setup, plan).unwrap();
        self.engines += 1;
        let watcher = self.counters.watch(engine.handle().snapshots(), self.engines);
        self.running = Some(Running { engine, store, work, clock, watcher });
    }

    /// Ends the engine as a crash does.
    pub(crate) async fn kill_engine(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.work.abort();
        running.engine.kill().await;
        let _ = running.work.await;
        running.watcher.abort();
        // Tasks that were aborted are gone when everybody had a turn.
        sleep(Duration::from_millis(1)).await;
    }

    pub(crate) async fn stop_engine(&mut self) {
        let Some(running) = self.running.take() else { return };
        let begun = Instant::now();
        running.engine.stop().await;
        assert!(begun.elapsed() <= Duration::from_secs(6), "stopping took {:?}", begun.elapsed());
        running.watcher.abort();
        let (store, work) = (running.store, running.work);
        store.shutdown().unwrap();
        work.await.unwrap().unwrap();
    }

    pub(crate) fn snapshot(&self) -> Option<Arc<EngineSnapshot>> {
        self.running.as_ref().map(|running| running.engine.handle().snapshot())
    }

    pub(crate) fn engine_now(&self) -> Moment {
        self.running.as_ref().unwrap().clock.now()
    }

    /// The file of the store.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("store").join("logcap.db")
    }

    pub(crate) fn writer(&self) -> &StoreWriter {
        &self.running.as_ref().unwrap().store.writer
    }

    pub(crate) fn reader(&self) -> &StoreReader {
        &self.running.as_ref().unwrap().store.reader
    }

    /// Waits until a picture fulfils the condition; what is wrong if none does.
    pub(crate) async fn wait_for(
        &self,
        what: &str,
        within: Duration,
        condition: impl Fn(&EngineSnapshot) -> bool,
    ) -> Arc<EngineSnapshot> {
        let running = self.running.as_ref().unwrap();
        let mut pictures = running.engine.handle().snapshots();
        match timeout(within, pictures.wait_for(|s| condition(s))).await {
            Ok(picture) => Arc::clone(&picture.unwrap()),
            Err(_) => {
                panic!("no {what} within {within:?}:\n{}", describe(&self.snapshot().unwrap()))
            }
        }
    }

    /// Does one act.
    pub(crate) async fn act(&mut self, act: &Act) {
        self.counters.fault(&act.word());
        match act {
            Act::KillEngine => self.kill_engine().await,
            Act::StopEngine => self.stop_engine().await,
            Act::StartEngine => self.start_engine(),
            Act::StopDaemon => {
                self.sim.stop().await;
                self.daemon_up = false;
            }
            Act::StartDaemon => self.start_daemon().await,
            Act::RestartDaemon { containers_run_on } => {
                self.sim.restart_daemon(*containers_run_on);
                for known in &mut self.known {
                    known.running &= *containers_run_on;
                }
            }
            Act::Order(verb, whom) => self.order(*verb, *whom).await,
            Act::Run(kind) => drop(self.run(*kind)),
            Act::Recreate(who) => self.recreate(*who),
            Act::Emit { who, fd, lines, text } => self.emit(*who, *fd, *lines, *text),
            Act::Race { who, lines } => self.race(*who, *lines),
            // Nothing but a line of its own may be damaged by it.
            Act::Corrupt(who) if !self.known[*who].running => {}
            Act::Corrupt(who) => {
                let id = self.known[*who].id.clone();
                self.sim.corrupt_record(&id, self.sim.records(&id).len());
                self.emit(*who, Fd::Stdout, 1, Text::Numbered);
            }
            Act::Start(_)
            | Act::Die(_)
            | Act::Crash(_)
            | Act::CrashLoop { .. }
            | Act::Remove(_)
            | Act::Rename(_)
            | Act::Rotate { .. }
            | Act::Truncate(_) => self.live(act),
            _ => self.fault(act),
        }
        if let Some(who) = act.changes_files_of() {
            self.note_losses(who);
        }
    }

    pub(crate) async fn start_daemon(&mut self) {
        if !std::mem::replace(&mut self.daemon_up, true) {
            self.sim.restart().await.unwrap();
        }
    }

    pub(crate) async fn order(&self, verb: Verb, whom: Whom) {
        let Some(running) = &self.running else { return };
        let targets = match whom {
            Some(who) => Targets::Only(vec![self.known[who].id.clone()]),
            None => Targets::All,
        };
        // A refusal is an answer like any other; no answer at all is a failure.
        running.engine.handle().command(Command { verb, targets }).await.unwrap();
    }

    fn run(&mut self, kind: Kind) -> Who {
        let name = format!("c{}", self.known.len());
        self.run_named(kind, name)
    }

    fn run_named(&mut self, kind: Kind, name: String) -> Who {
        let ready = self.snapshot().is_some_and(|picture| picture.ready);
        let born_under = ready.then_some(self.engines);
        let mut spec = kind.spec(name);
        if self.script.profile.is_podman() && kind != Kind::Unreadable {
            spec = spec.driver("k8s-file");
        }
        let id = self.sim.run(spec);
        let (started, lost_at) = (self.wall(), BTreeMap::new());
        self.known.push(Known {
            id,
            kind,
            removed: None,
            removed_under: None,
            started_unseen: None,
            cut_by_hand: false,
            running: true,
            born_under,
            started,
            written: 0,
            lost_at,
            written_at: Vec::new(),
        });
        self.known.len() - 1
    }

    fn recreate(&mut self, who: Who) {
        self.remove(who);
        let kind = self.known[who].kind;
        self.run_named(kind, format!("c{who}"));
    }

    fn remove(&mut self, who: Who) {
        self.sim.remove(&self.known[who].id);
        self.removed(who);
    }

    fn removed(&mut self, who: Who) {
        let picture = self.snapshot();
        let engine = self.engines;
        let known = &mut self.known[who];
        let has_monitor = |p: Arc<EngineSnapshot>| p.monitors.iter().any(|row| row.id == known.id);
        let unseen = known.started_unseen.is_some() && !self.daemon_up;
        if !known.is_removed() && !unseen && picture.is_some_and(has_monitor) {
            known.removed_under = Some(engine);
        }
        let how = if known.running { Removed::Running } else { Removed::Stopped };
        known.removed.get_or_insert(how);
        known.running = false;
    }

    /// Whether this is the engine that runs.
    pub(crate) fn is_running(&self, engine: u64) -> bool {
        self.running.is_some() && self.engines == engine
    }

    fn live(&mut self, act: &Act) {
        let id = |who: &Who| self.known[*who].id.clone();
        match act {
            Act::Start(who) => {
                self.sim.start_container(&id(who));
                if !self.known[*who].is_removed() && !self.known[*who].running {
                    (self.known[*who].started, self.known[*who].running) = (self.wall(), true);
                    let unseen = (!self.daemon_up).then(|| self.wall());
                    self.known[*who].started_unseen = unseen;
                }
            }
            Act::Die(who) => {
                self.sim.die(&id(who));
                self.died(*who);
            }
            Act::Crash(who) => self.crash(*who),
            Act::CrashLoop { who, times } => {
                for _ in 0..*times {
                    self.emit(*who, Fd::Stderr, 1, Text::Numbered);
                    self.crash(*who);
                }
            }
            Act::Remove(who) => self.remove(*who),
            Act::Rename(who) => {
                let name = format!("renamed{who}-{}", self.elapsed().as_millis());
                self.sim.rename(&id(who), &name);
            }
            Act::Rotate { who, times } => {
                self.sim.rotate(&id(who), *times);
                self.known[*who].cut_by_hand = true;
            }
            Act::Truncate(who) => {
                self.sim.truncate(&id(who));
                self.known[*who].cut_by_hand = true;
            }
            other => unreachable!("{other:?}"),
        }
    }

    /// As a restart policy does it, which leaves a stopped container alone.
    fn crash(&mut self, who: Who) {
        if !self.known[who].running {
            return;
        }
        self.sim.crash(&self.known[who].id);
        self.died(who);
        if !self.known[who].is_removed() {
            (self.known[who].started, self.known[who].running) = (self.wall(), true);
        }
    }

    fn died(&mut self, who: Who) {
        let known = &mut self.known[who];
        if known.running && matches!(known.kind, Kind::AutoRemove(_)) {
            self.removed(who);
        } else {
            known.running = false;
        }
    }

    fn target(&self, whom: Whom) -> sim::Target {
        whom.map_or(sim::Target::All, |who| sim::Target::One(self.known[who].id.clone()))
    }

    fn fault(&self, act: &Act) {
        let sim = &self.sim;
        match act {
            Act::Cut(whom, cut) => sim.cut_streams(self.target(*whom), *cut),
            Act::CutConnections => sim.cut_connections(),
            Act::ErrorFrame(whom) => sim.error_frame(self.target(*whom), "simulated"),
            Act::Garbage(whom) => sim.garbage_frames(self.target(*whom)),
            Act::GiantLength(whom) => sim.giant_length(self.target(*whom)),
            Act::Stall(whom, Stall::Follows) => sim.stall_streams(self.target(*whom)),
            Act::Stall(whom, Stall::Reads) => sim.stall_reads(self.target(*whom)),
            Act::Stall(whom, Stall::ReadBodies) => sim.stall_read_bodies(self.target(*whom)),
            Act::Unstall(whom) => sim.unstall(self.target(*whom)),
            Act::Dribble(whom, on) => sim.dribble(self.target(*whom), *on),
            Act::Fail { whom, endpoint, status, times } => {
                sim.fail_next(self.target(*whom), *endpoint, *status, *times);
            }
            Act::DelayHeaders { endpoint, by } => sim.delay_headers(*endpoint, *by),
            Act::DropEvents(on) => sim.drop_events(*on),
            Act::DoubleEvents(on) => sim.dup_events(*on),
            Act::GarbageHttp(on) => sim.garbage_http(*on),
            Act::Freeze(whom) => sim.stall_forever(self.target(*whom)),
            Act::SkipRotations(whom) => sim.skip_rotations(self.target(*whom)),
            Act::ZeroLength(whom) => sim.zero_length_frame(self.target(*whom)),
            Act::FrameType(whom, kind) => sim.frame_type(self.target(*whom), *kind),
            Act::Lie(on) => sim.lie_content_type(*on),
            Act::PartialLists(times) => sim.list_partial(*times),
            Act::RingOverflow => sim.ring_overflow(),
            Act::Upgrade(profile) => sim.restart_as(*profile, true),
            Act::StepClock { seconds } => {
                sim.set_clock(Timestamp(sim.now().0 + seconds * 1_000_000_000));
            }
            Act::Tick(tick) => sim.set_tick(*tick),
            other => unreachable!("{other:?}"),
        }
    }

    /// A container writes lines of which no two are alike, unless that is the point.
    pub(crate) fn emit(&mut self, who: Who, fd: Fd, lines: usize, text: Text) {
        if !self.known[who].running {
            return;
        }
        let id = self.known[who].id.clone();
        let from = self.known[who].written;
        self.known[who].written += lines;
        let tty = self.known[who].kind.is_terminal();
        let tied = (text == Text::Tied).then(|| self.sim.now());
        for n in from..from + lines {
            let mut line = match text {
                Text::Numbered | Text::Unfinished => format!("c{who} line {n}").into_bytes(),
                Text::Same | Text::Tied => b"again".to_vec(),
                Text::Long(length) => {
                    let mut line = format!("c{who} long {n} ").into_bytes();
                    line.resize(length, b'x');
                    line
                }
                Text::Empty => Vec::new(),
                Text::Odd => format!("\u{1b}[31mc{who}\u{fffd} {n}\u{0}\\\"<\r").into_bytes(),
            };
            if text == Text::Odd && n % 2 == 0 {
                line.extend_from_slice(b"\xff\xc3");
            }
            if tty {
                line.push(b'\r');
            }
            self.sim.emit_raw(&id, fd, &line, text != Text::Unfinished, tied);
        }
    }

    /// Both outputs write at once: their timestamps are inverted among each other.
    fn race(&mut self, who: Who, lines: usize) {
        for n in 0..if self.known[who].running { lines } else { 0 } {
            let fd = if n % 2 == 0 { Fd::Stdout } else { Fd::Stderr };
            let id = self.known[who].id.clone();
            let number = self.known[who].written;
            self.known[who].written += 1;
            let now = self.sim.now().0;
            let stamp = if fd == Fd::Stderr { now - 400 } else { now };
            let line = format!("c{who} race {number}");
            self.sim.emit_raw(&id, fd, line.as_bytes(), true, Some(Timestamp(stamp)));
            self.sim.set_clock(Timestamp(now + 1_037));
        }
    }

    /// Remembers since when a record cannot be read any more: nothing but an act changes that.
    pub(crate) fn note_losses(&mut self, who: Who) {
        let now = self.wall();
        let known = &mut self.known[who];
        let records = self.sim.records(&known.id);
        known.written_at.resize(records.len(), now);
        for (at, record) in records.iter().enumerate() {
            if !record.retained {
                known.lost_at.entry(at).or_insert(now);
            }
        }
    }

    /// Undoes everything that can be undone.
    pub(crate) async fn heal(&mut self) {
        self.sim.heal();
        self.sim.set_tick(Duration::from_nanos(1_037));
        self.start_daemon().await;
        self.start_engine();
        self.order(Verb::Resume, None).await;
    }
}

fn wall(origin: Instant) -> Timestamp {
    Timestamp(WALL + i64::try_from(origin.elapsed().as_nanos()).unwrap())
}

/// Everything that may explain why a wait was in vain.
pub(crate) fn describe(s: &EngineSnapshot) -> String {
    use std::fmt::Write;
    let mut text = format!("at {:?} {:?} {:?}\n", s.at, s.docker.link, s.tasks);
    for row in &s.monitors {
        let _ = writeln!(
            text,
            "{} running {}: {:?} {:?} beat {:?} {:?} reads {:?} reopens {:?} doubts {:?} \
             backfill {:?} failure {:?}",
            row.name,
            row.running,
            row.state,
            row.health,
            row.beat,
            row.flow,
            row.reads_by,
            row.reopens_by,
            row.doubts_by,
            row.backfill,
            row.failure,
        );
        for t in &row.transitions {
            let _ = writeln!(text, "    {t:?}");
        }
    }
    text
}
