//! A scene: a daemon of the test's own, containers that write numbered lines until they are
//! stopped, the program that captures them, and the judgement at the end.
//!
//! The judgement is always the same: what the daemon has on its disk must be in the store once and
//! in order, and every gap must be justified. The parts are fields, so that a test can do to each
//! of them what it is about.

use std::path::PathBuf;
use std::time::Duration;

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::model::{ContainerId, EventKind, Seam, State, TaskHealth};
use logcap_tui::store::StoreReader;

use super::daemon::Daemon;
use super::lab::{Container, Lab, Spec};
use super::oracle::{self, Item, OracleLine, Verdict};
use super::program::{Program, row};
use super::second::SecondDaemon;
use super::{stored, truth, wait_until};

const MINUTE: Duration = Duration::from_mins(1);

/// A daemon, the containers on it, and the program that captures them. Dropped in this order.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The program, while it runs.
    pub(crate) program: Option<Program>,
    /// Every container, in the order of their start.
    pub(crate) containers: Vec<Container>,
    /// Where they are run.
    pub(crate) lab: Lab,
    /// The program's data directory.
    pub(crate) data: PathBuf,
    /// The daemon.
    pub(crate) second: SecondDaemon,
    _folder: tempfile::TempDir,
}

/// A container whose every run writes numbered lines under another name until it is stopped.
pub(crate) fn writer(name: &str, flags: &str) -> Spec {
    let uuid = "$(cat /proc/sys/kernel/random/uuid)";
    Spec::new(name, ["sh", "-c", &format!("exec gen --run {uuid} --forever {flags}")])
}

/// A container that writes three lines, and others only when [`Scene::speak`] lets it.
pub(crate) fn quiet(name: &str) -> Spec {
    Spec::new(name, ["sh", "-c", "gen --run 0 --lines 3; exec sleep 100000"])
}

/// Whether a monitor listens, with fresh evidence.
pub(crate) fn lives(row: &MonitorRow) -> bool {
    matches!(row.state, State::Live { .. }) && row.health == TaskHealth::Running
}

impl Scene {
    /// On a daemon without options.
    pub(crate) fn new(test: &str) -> Self {
        Self::on(SecondDaemon::start(), test)
    }

    /// On this daemon.
    pub(crate) fn on(second: SecondDaemon, test: &str) -> Self {
        let lab = Lab::on(&second.daemon, test);
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self { program: None, containers: Vec::new(), lab, data, second, _folder: folder }
    }

    /// Starts a container.
    #[track_caller]
    pub(crate) fn run(&mut self, spec: &Spec) -> Container {
        let container = self.lab.run(spec);
        self.containers.push(container.clone());
        container
    }

    /// Starts the program on the way to the daemon that this address is; everything there is to
    /// read is to be captured.
    #[track_caller]
    pub(crate) fn capture(&mut self, daemon: &Daemon) {
        let options = ["--history", "all", "--probe", "5s"];
        self.program = Some(Program::capture(daemon, &self.data, &options));
    }

    /// The running program.
    #[track_caller]
    pub(crate) fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    /// Its picture of a container.
    #[track_caller]
    pub(crate) fn row(&self, container: &Container) -> MonitorRow {
        self.program().row(container).expect("the container has a monitor")
    }

    /// Waits until the whole picture is as it should be, and shows it if that never happens.
    #[track_caller]
    pub(crate) fn wait(
        &self,
        what: &str,
        deadline: Duration,
        holds: impl Fn(&EngineSnapshot) -> bool,
    ) -> EngineSnapshot {
        let (mut last, start) = (None, std::time::Instant::now());
        loop {
            match self.program().try_snapshot() {
                Some(snapshot) if holds(&snapshot) => return snapshot,
                Some(snapshot) => last = Some(snapshot),
                None => {}
            }
            assert!(start.elapsed() < deadline, "{what}: not within {deadline:?}\n{last:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until every container's monitor listens, and has stored more than before where the
    /// container writes by itself.
    #[track_caller]
    pub(crate) fn wait_until_all_move(&self, deadline: Duration) {
        let lines = |container: &Container| std::fs::metadata(container.log_file()).unwrap().len();
        let before: Vec<_> = self
            .containers
            .iter()
            .map(|c| (c, lines(c), self.program().row(c).map_or(0, |r| r.stored_total)))
            .collect();
        self.wait("every monitor listens and stores", deadline, |snapshot| {
            before.iter().all(|(container, written, stored)| {
                let moves = |r: MonitorRow| {
                    let more = r.stored_total > *stored || lines(container) == *written;
                    lives(&r) && more
                };
                row(snapshot, container).is_some_and(moves)
            })
        });
    }

    /// Lets a container of [`quiet`] write one line, the `n`th, and waits until it is stored.
    #[track_caller]
    pub(crate) fn speak(&self, container: &Container, n: u64, deadline: Duration) {
        let stored = self.row(container).stored_total;
        let script = format!("gen --run 0 --from {n} --lines 1 > /proc/1/fd/1");
        self.lab.daemon.docker(&["exec", &container.id, "sh", "-c", &script]);
        let what = format!("line {n} of {} is stored", container.name);
        self.wait(&what, deadline, |snapshot| {
            row(snapshot, container).is_some_and(|r| r.stored_total > stored)
        });
    }

    /// What the store has on its timeline of this kind.
    pub(crate) fn events(&self, kind: EventKind) -> Vec<String> {
        let events = StoreReader::open(&self.data).unwrap().events(100_000).unwrap();
        let of_kind = events.into_iter().filter(|event| event.kind == kind);
        of_kind.map(|event| format!("{} {}", event.container, event.cause)).collect()
    }

    /// The seams of a container's stored log that claim a loss.
    pub(crate) fn gaps(&self, container: &Container) -> Vec<Seam> {
        let reader = StoreReader::open(&self.data).unwrap();
        let id = ContainerId::new(container.id.clone()).unwrap();
        let Some(log) = reader.log_by_container(&id).unwrap() else { return Vec::new() };
        let all = reader.seams(Some(log.id)).unwrap().into_iter().map(|(_, seam)| seam);
        all.filter(|seam| seam.what.kind.is_gap()).collect()
    }

    /// Stops every container, waits until their logs are read to the end, holds the books to
    /// account and ends the program.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.containers.iter().for_each(Container::stop_now);
        let containers = &self.containers;
        let snapshot = self.wait("every end is read", 2 * MINUTE, |snapshot| {
            let ended = |c| {
                let ended = |r: MonitorRow| !r.running && matches!(r.state, State::Ended { .. });
                row(snapshot, c).is_some_and(ended)
            };
            containers.iter().all(ended)
        });
        assert_eq!(snapshot.tasks.expected, snapshot.tasks.actual);
        assert_eq!(snapshot.totals.panics, 0);
        for monitor in &snapshot.monitors {
            assert!(
                monitor.flow.is_conserved() && monitor.flow.in_flight == 0,
                "{}: {:?}",
                monitor.name,
                monitor.flow
            );
            eprintln!(
                "{}: reads {:?}, reopens {:?}, doubts {:?}, {} errors",
                monitor.name,
                monitor.reads_by,
                monitor.reopens_by,
                monitor.doubts_by,
                monitor.errors
            );
        }
        assert_eq!(self.program.take().unwrap().stop(), Some(0));
    }

    /// The lines that the daemon has of a container.
    pub(crate) fn truth(container: &Container) -> Vec<OracleLine> {
        match container.inspect("{{.Config.Tty}}").as_str() {
            "true" => truth::terminal_lines(&container.truth()),
            _ => truth::lines(&container.truth()),
        }
    }

    /// Judges what is stored of a container by what the daemon has.
    pub(crate) fn judge(&self, container: &Container) -> Verdict {
        oracle::judge(&Self::truth(container), &self.items(container))
    }

    /// What is stored of a container.
    pub(crate) fn items(&self, container: &Container) -> Vec<Item> {
        stored::items(&self.data, &container.id)
    }

    /// Every line of every container is stored once, in order, and nothing is called missing.
    #[track_caller]
    pub(crate) fn assert_complete(&self) {
        for container in &self.containers {
            let (lines, verdict) = (Self::truth(container).len(), self.judge(container));
            let numbers = stored::check(&self.data, &container.id, None);
            eprintln!("{}: {lines} lines, {verdict:?}", container.name);
            assert!(verdict.is_complete(), "{}: {verdict:?} {numbers:?}", container.name);
            assert!(lines > 0 && numbers.lines == lines as u64, "{}: {numbers:?}", container.name);
            assert!(self.gaps(container).is_empty(), "{:#?}", self.gaps(container));
        }
    }
}

/// Waits for a time, which is what a fault that lasts so long needs.
pub(crate) fn let_pass(what: &str, time: Duration) {
    let start = std::time::Instant::now();
    wait_until(what, time + MINUTE, || start.elapsed() >= time);
}
