//! The fault matrix on a real daemon: rotation at every size, a slow reader, truncated and corrupt
//! files, lives and deaths of containers, drivers, few descriptors, many containers. Whatever
//! happens, no line is lost without a gap, none is stored twice, and a line that is written
//! afterwards arrives.
//!
//! All on a daemon of the test's own. `LOGCAP_LIVE_MATRIX=1` is the long run: every combination of
//! sizes, files and compression at up to 20,000 lines a second, longer stops, 200 containers.
//! What a container wrote is known from the numbers in its lines, so nothing depends on files that
//! the daemon has rotated away. Slowness is never a failure: a gap that covers a loss passes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::model::{ContainerId, Direction, From, Row, Seam, State, TaskHealth};
use logcap_tui::store::{PageLimit, StoreReader};
use support::program::setting;
use support::stored::Checked;
use support::{Container, Lab, Program, SecondDaemon, Spec, oracle, stored, truth, wait_until};

const MINUTE: Duration = Duration::from_mins(1);

fn is_long() -> bool {
    setting("LOGCAP_LIVE_MATRIX", 0) > 0
}

/// A daemon, the program that captures it, and the containers. Dropped in this order.
struct Scene {
    program: Option<Program>,
    lab: Lab,
    writers: Vec<Writer>,
    data: PathBuf,
    _folder: tempfile::TempDir,
    second: SecondDaemon,
}

/// A container that writes `lines` numbered lines and then waits.
struct Writer {
    name: String,
    lines: u64,
    container: Container,
}

/// A writer's log at the end of a test.
#[derive(Debug)]
struct Judged {
    name: String,
    checked: Checked,
    /// Number of the oldest line that the daemon still has.
    oldest: Option<u64>,
}

impl Judged {
    /// Whether the daemon no longer has what was written first: its files were rotated away, or
    /// somebody emptied them.
    fn lost_its_front(&self) -> bool {
        self.oldest != Some(0)
    }

    /// Nothing lost in silence, doubled or altered. Where files rotate away, the record behind the
    /// stored end can be the very first that the daemon still has; whether another stood between
    /// the two nobody can know, so the gap that must stand there is no fault when none did. Of a
    /// log that the daemon has from its first line on it can be known.
    fn is_clean(&self) -> bool {
        let false_gaps = if self.lost_its_front() { 0 } else { self.checked.false_gaps };
        Checked { false_gaps, ..self.checked.clone() }.is_clean()
    }
}

#[test]
fn control_only_a_log_that_lost_its_front_may_have_a_gap_over_nothing() {
    let judged = |oldest, false_gaps, lost| {
        let checked = Checked { lost, false_gaps, ..Checked::default() };
        Judged { name: String::new(), checked, oldest }.is_clean()
    };
    assert!(judged(Some(0), 0, 0) && judged(Some(7), 0, 0));
    assert!(judged(Some(7), 1, 0) && !judged(Some(0), 1, 0));
    assert!(!judged(Some(0), 0, 1) && !judged(Some(7), 1, 1), "a loss is never excused");
}

impl Scene {
    fn new(test: &str) -> Self {
        let second = SecondDaemon::start();
        let lab = Lab::on(&second.daemon, test);
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self { program: None, lab, writers: Vec::new(), data, _folder: folder, second }
    }

    fn capture(&mut self, options: &[&str]) {
        self.program = Some(Program::capture(&self.second.daemon, &self.data, options));
    }

    fn program(&self) -> &Program {
        self.program.as_ref().unwrap()
    }

    /// Starts a writer; the flags are those of its specification.
    fn write(&mut self, name: &str, rate: u64, seconds: u64, with: impl FnOnce(Spec) -> Spec) {
        let lines = rate * seconds;
        let script = format!("gen --lines {lines} --rate {rate}; : > /tmp/done; exec sleep 100000");
        let container = self.lab.run(&with(Spec::new(name, ["sh", "-c", &script])));
        self.writers.push(Writer { name: name.to_owned(), lines, container });
    }

    fn writer(&self, name: &str) -> &Writer {
        self.writers.iter().find(|w| w.name == name).unwrap()
    }

    fn exec(&self, container: &Container, script: &str) -> bool {
        let exec = ["exec", &container.id, "sh", "-c", script];
        self.lab.daemon.try_docker(&exec).status.success()
    }

    /// Waits until every writer has written its lines.
    fn wait_until_written(&self) {
        for writer in &self.writers {
            wait_until(&format!("{} has written", writer.name), 5 * MINUTE, || {
                self.exec(&writer.container, "[ -e /tmp/done ]")
            });
        }
    }

    /// Every writer writes one more line, and each of them arrives in the store.
    fn assert_fresh_lines_arrive(&self) {
        let began = Instant::now();
        for Writer { name, lines, container } in &self.writers {
            let script = format!("gen --from {lines} --lines 1 > /proc/1/fd/1");
            assert!(self.exec(container, &script), "{name} writes its last line");
        }
        for Writer { name, lines, container } in &self.writers {
            let what = format!("the fresh line {lines} of {name}");
            let arrived = || newest_numbers(&self.data, container).contains(lines);
            wait_or(&what, 2 * MINUTE, arrived, || {
                format!("{:#?}\n{:#?}", self.row(container), self.seams(container))
            });
        }
        eprintln!("fresh lines of {} containers in {:?}", self.writers.len(), began.elapsed());
    }

    fn row(&self, container: &Container) -> Option<MonitorRow> {
        self.program.as_ref().and_then(|program| program.row(container))
    }

    fn seams(&self, container: &Container) -> Vec<Seam> {
        seams(&self.data, container)
    }

    /// Checks the books, ends the program, and judges every writer.
    fn end(mut self) -> Vec<Judged> {
        for row in &self.program().snapshot().monitors {
            assert!(row.flow.is_conserved(), "{}: {:?}", row.name, row.flow);
            assert_eq!(row.panics, 0, "{}", row.name);
            let (reads, reopens, doubts) = (&row.reads_by, &row.reopens_by, &row.doubts_by);
            eprintln!("{}: reads {reads:?} reopens {reopens:?} doubts {doubts:?}", row.name);
        }
        assert_eq!(self.program.take().unwrap().stop(), Some(0));
        let judged = self.writers.iter().map(|writer| {
            let checked = stored::check(&self.data, &writer.container.id, Some(writer.lines + 1));
            let Checked { lines, gaps, reported, .. } = &checked;
            eprintln!("{:<20} {lines:>8} lines, {gaps} gaps with {reported} lost", writer.name);
            for seam in self.seams(&writer.container).iter().filter(|s| s.what.kind.is_gap()) {
                eprintln!("    {:?} {:?}: {}", seam.what.lost, seam.what.away, seam.what.detail);
            }
            let oldest = oldest(&writer.container);
            Judged { name: writer.name.clone(), checked, oldest }
        });
        judged.collect()
    }
}

/// Waits, and explains itself when it was in vain.
#[track_caller]
fn wait_or(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> bool,
    explain: impl Fn() -> String,
) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < deadline, "{what}: not within {deadline:?}\n{}", explain());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn seams(data: &Path, container: &Container) -> Vec<Seam> {
    let reader = StoreReader::open(data).unwrap();
    let id = ContainerId::new(container.id.clone()).unwrap();
    let Some(log) = reader.log_by_container(&id).unwrap() else { return Vec::new() };
    reader.seams(Some(log.id)).unwrap().into_iter().map(|(_, seam)| seam).collect()
}

/// The numbers in the newest lines of a stored log.
fn newest_numbers(data: &Path, container: &Container) -> Vec<u64> {
    let reader = StoreReader::open(data).unwrap();
    let id = ContainerId::new(container.id.clone()).unwrap();
    let Some(log) = reader.log_by_container(&id).unwrap() else { return Vec::new() };
    let limit = PageLimit { rows: 5, bytes: 1 << 20, line_cap: 1 << 20 };
    let page = reader.page(&[log.id], From::Newest, Direction::Older, limit).unwrap();
    let lines = page.rows.iter().filter_map(|row| match row {
        Row::Line(line) => oracle::generated(&line.text),
        Row::Seam(_) => None,
    });
    lines.map(|(_, seq)| seq).collect()
}

/// Number of the oldest line that the daemon still has, by its files where they are json. Of a single
/// file it keeps the one before, and never reads it.
fn oldest(container: &Container) -> Option<u64> {
    let files = container.inspect(r#"{{index .HostConfig.LogConfig.Config "max-file"}}"#);
    let in_files = container.log_file().exists() && files != "1";
    let lines = if in_files { truth::lines(&container.truth()) } else { container.told() };
    lines.iter().find_map(|line| oracle::generated(&line.text)).map(|(_, seq)| seq)
}

#[track_caller]
fn assert_clean(judged: &[Judged]) {
    let wrong: Vec<_> = judged.iter().filter(|log| !log.is_clean()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The control of what is about rotation: files were rotated away, and of these logs only.
#[track_caller]
fn assert_rotated_away(judged: &[Judged], rotates: impl Fn(&str) -> bool) {
    for log in judged {
        let Judged { name, oldest, .. } = log;
        assert_eq!(log.lost_its_front(), rotates(name), "{name}: the oldest line is {oldest:?}");
    }
}

fn lives(row: &MonitorRow) -> bool {
    matches!(row.state, State::Live { .. }) && row.health == TaskHealth::Running
}

/// What a rotating container is made of: size, files, compressed, lines a second.
type Rotating = (&'static str, u32, bool, u64);

const FAST: &[Rotating] = &[
    ("16k", 1, false, 300),
    ("16k", 2, true, 500),
    ("16k", 5, false, 1000),
    ("64k", 2, true, 1000),
    ("1m", 1, false, 1000),
    ("1m", 2, true, 2000),
    ("1m", 5, false, 6000),
];

/// Each size, number of files and compression at these rates.
fn every(rates: &[(&'static str, u64)]) -> Vec<Rotating> {
    let mut all = Vec::new();
    for (size, rate) in rates {
        for files in [1, 2, 5] {
            for compress in [false, true] {
                // Docker refuses to compress where there is no second file.
                if !compress || files > 1 {
                    all.push((*size, files, compress, *rate));
                }
            }
        }
    }
    all
}

/// All of them: at rates at which the machine and not its load is what is tested, and as fast as
/// containers are asked to write, a few at a time.
fn long() -> Vec<Vec<Rotating>> {
    let gentle = every(&[("16k", 1000), ("64k", 2000), ("256k", 5000)]);
    let fast = every(&[("16k", 20_000), ("64k", 20_000), ("256k", 20_000), ("1m", 20_000)]);
    let batches = gentle.chunks(5).chain(fast.chunks(2));
    batches.map(<[_]>::to_vec).collect()
}

#[test]
#[ignore = "needs a Docker daemon"]
fn file_rotation_at_every_size_loses_nothing_in_silence() {
    let (batches, seconds) = if is_long() { (long(), 30) } else { (vec![FAST.to_vec()], 10) };
    for batch in batches {
        let mut scene = Scene::new("rotation");
        scene.capture(&["--probe", "5s"]);
        for (size, files, compress, rate) in batch {
            let packed = if compress { "-gz" } else { "" };
            scene.write(&format!("json-{size}x{files}{packed}"), rate, seconds, |spec| {
                let spec = spec.driver("json-file").opt("max-size", size);
                let spec = spec.opt("max-file", &files.to_string());
                if compress { spec.opt("compress", "true") } else { spec }
            });
        }
        scene.write("local", 1000, seconds, |spec| spec.driver("local"));
        scene.write("local-64kx2", 300, seconds, |spec| {
            spec.driver("local").opt("max-size", "64k").opt("max-file", "2")
        });
        scene.write("tty-64kx3", 200, seconds, |spec| {
            spec.tty().opt("max-size", "64k").opt("max-file", "3")
        });
        scene.wait_until_written();
        scene.assert_fresh_lines_arrive();
        let judged = scene.end();
        assert_clean(&judged);
        // A file of `local` takes 20 MB unless it is told otherwise.
        assert_rotated_away(&judged, |name| name != "local");
    }
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_reader_that_stands_still_while_files_rotate_loses_nothing_in_silence() {
    let stops = if is_long() { vec![5, 20, 60] } else { vec![5] };
    let seconds = stops.iter().sum::<u64>() + 10;
    let mut scene = Scene::new("slow");
    scene.capture(&["--probe", "5s"]);
    scene.write("trusted", 1000, seconds, |spec| spec);
    scene.write("json-16kx2", 1000, seconds, |spec| {
        spec.opt("max-size", "16k").opt("max-file", "2")
    });
    scene.write("json-1mx3", 2000, seconds, |spec| spec.opt("max-size", "1m").opt("max-file", "3"));
    scene.write("local", 1000, seconds, |spec| spec.driver("local"));
    for seconds in stops {
        wait_until("all are live and have moved", MINUTE, || {
            let live = |w: &Writer| {
                scene.row(&w.container).is_some_and(|r| lives(&r) && r.flow.stored > 1000)
            };
            scene.writers.iter().all(live)
        });
        let began = Instant::now();
        let stopped = scene.program().stopped();
        wait_until("the program stood still long enough", 2 * MINUTE, || {
            began.elapsed() >= Duration::from_secs(seconds)
        });
        drop(stopped);
    }
    scene.wait_until_written();
    scene.assert_fresh_lines_arrive();
    let judged = scene.end();
    assert_clean(&judged);
    assert_rotated_away(&judged, |name| name.starts_with("json-"));
    let of = |name| &judged.iter().find(|log| log.name == name).unwrap().checked;
    assert!(of("trusted").is_complete(), "what cannot rotate is complete: {:?}", of("trusted"));
    // The control: five seconds at this rate are twenty files.
    assert!(of("json-16kx2").reported > 0, "files that were rotated away: {:?}", of("json-16kx2"));
}

/// Appends to the daemon's file from outside, as a full disk or a power cut would leave it.
fn append(file: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(bytes).unwrap();
}

fn truncate(file: &Path) {
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(0).unwrap();
}

#[test]
#[ignore = "needs a Docker daemon"]
fn truncated_and_corrupt_files_stop_nothing_and_hide_nothing() {
    let seconds = if is_long() { 60 } else { 12 };
    let mut scene = Scene::new("broken");
    scene.capture(&["--probe", "5s"]);
    let rotating = |spec: Spec| spec.opt("max-size", "64k").opt("max-file", "3");
    scene.write("truncated", 200, seconds, |spec| spec);
    scene.write("truncated-rotated", 200, seconds, rotating);
    scene.write("half-record", 200, seconds, |spec| spec);
    scene.write("half-record-rotated", 200, seconds, rotating);
    scene.write("zeros", 200, seconds, |spec| spec);
    // The second file is the first that the daemon opens without O_APPEND.
    let rotated = |w: &Writer| PathBuf::from(format!("{}.1", w.container.log_file().display()));
    wait_until("all are live and two have rotated", MINUTE, || {
        let live = |w: &Writer| scene.row(&w.container).is_some_and(|r| lives(&r));
        let names = ["truncated-rotated", "half-record-rotated"];
        scene.writers.iter().all(live) && names.iter().all(|n| rotated(scene.writer(n)).exists())
    });
    for name in ["truncated", "truncated-rotated"] {
        truncate(&scene.writer(name).container.log_file());
    }
    for name in ["half-record", "half-record-rotated"] {
        append(&scene.writer(name).container.log_file(), br#"{"log":"abc"#);
    }
    append(&scene.writer("zeros").container.log_file(), &[0; 4096]);
    scene.wait_until_written();
    scene.assert_fresh_lines_arrive();
    let ended = scene.end();
    assert_clean(&ended);
    // Without a gap the rubbish would have cost nothing, and this would test nothing.
    for Judged { name, checked, .. } in ended.iter().filter(|log| log.name == "half-record") {
        assert!(checked.gaps > 0 && checked.reported > 0, "{name}: {checked:?}");
    }
}

/// A container whose every run writes numbered lines under another name until it is ended.
fn restless(name: &str) -> Spec {
    let script = "exec gen --run $(cat /proc/sys/kernel/random/uuid) --forever --rate 300";
    Spec::new(name, ["sh", "-c", script])
}

#[test]
#[ignore = "needs a Docker daemon"]
fn lives_and_deaths_of_containers_lose_nothing() {
    let rounds = if is_long() { 20 } else { 3 };
    let mut scene = Scene::new("lives");
    scene.capture(&["--probe", "5s"]);
    let verbs = ["restart", "stop", "kill", "pause"];
    let all: Vec<_> = verbs.iter().map(|verb| scene.lab.run(&restless(verb))).collect();
    let removed = scene.lab.run(&restless("removed"));
    let own = scene.lab.run(&Spec::generator("own", "--lines 2000 --rate 1000").rm());
    let moved = |c: &Container, by: u64| {
        let before = scene.row(c).map_or(0, |row| row.flow.stored);
        wait_or(
            "it lives and moves",
            MINUTE,
            || scene.row(c).is_some_and(|r| lives(&r) && r.flow.stored > before + by),
            || format!("{:#?}", scene.row(c)),
        );
    };
    for _ in 0..rounds {
        for (verb, container) in verbs.iter().zip(&all) {
            moved(container, 100);
            container.docker(verb);
            match *verb {
                "stop" | "kill" => container.docker("start"),
                "pause" => container.docker("unpause"),
                _ => {}
            }
        }
    }
    moved(&removed, 100);
    let before = truth::lines(&removed.truth()).len();
    removed.remove();
    for container in &all {
        moved(container, 100);
        container.docker("kill");
    }
    wait_until("all are at their end and the removed ones are gone", 2 * MINUTE, || {
        let ended = |c: &Container| {
            scene.row(c).is_some_and(|r| !r.running && matches!(r.state, State::Ended { .. }))
        };
        all.iter().all(ended) && scene.row(&removed).is_none() && scene.row(&own).is_none()
    });
    assert_eq!(scene.program.take().unwrap().stop(), Some(0));
    for container in &all {
        let lines = truth::lines(&container.truth());
        let verdict = oracle::judge(&lines, &stored::items(&scene.data, &container.id));
        let (name, runs) = (&container.name, rounds + 1);
        eprintln!("{name}: {} lines in about {runs} runs: {verdict:?}", lines.len());
        assert!(verdict.is_complete() && lines.len() > 300, "{name}: {verdict:?}");
    }
    let last = stored::check(&scene.data, &removed.id, None);
    assert!(last.is_clean() && last.lines >= before as u64, "removed: {before} {last:?}");
    let own = stored::check(&scene.data, &own.id, Some(2000));
    assert!(own.is_clean(), "removed by itself: {own:?}");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn containers_that_remove_themselves_are_captured_to_their_last_line() {
    let (rounds, at_once) = if is_long() { (20, 10) } else { (3, 10) };
    let mut scene = Scene::new("own");
    scene.capture(&["--probe", "5s"]);
    let mut all = Vec::new();
    for round in 0..rounds {
        let rate = [20, 200, 2000][round % 3];
        let flags = format!("--lines {} --rate {rate}", 2 * rate + 1);
        let run = |n| scene.lab.run(&Spec::generator(&format!("own-{round}-{n}"), &flags).rm());
        let some: Vec<_> = (0..at_once).map(run).collect();
        wait_until("they are gone", MINUTE, || some.iter().all(|c| scene.row(c).is_none()));
        all.extend(some.into_iter().map(|container| (container, 2 * rate + 1)));
    }
    assert_eq!(scene.program.take().unwrap().stop(), Some(0));
    let check = |c: &Container, lines| stored::check(&scene.data, &c.id, Some(lines));
    let all: Vec<_> = all.iter().map(|(c, lines)| (check(c, *lines), c)).collect();
    let whole = all.iter().filter(|(checked, _)| checked.is_complete()).count();
    eprintln!("{whole} of {} are whole", all.len());
    for (checked, container) in all.iter().filter(|(checked, _)| !checked.is_complete()) {
        eprintln!("{}: {checked:?}", container.name);
        let reader = StoreReader::open(&scene.data).unwrap();
        let log = reader.log_by_container(&ContainerId::new(&container.id).unwrap()).unwrap();
        let log = log.map(|row| row.id);
        for event in reader.events(10_000).unwrap().iter().filter(|e| e.log == log) {
            eprintln!("    {event:?}");
        }
    }
    assert_eq!(whole, all.len());
}

/// A syslog that takes everything, so that no container waits for a full socket.
struct Heard {
    over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Heard {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let listener = std::thread::spawn(move || {
            let mut message = vec![0; 1 << 16];
            while !stop.load(Ordering::Relaxed) {
                let _ = socket.recv(&mut message);
            }
        });
        Self { over, listener: Some(listener) }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.listener.take().map(JoinHandle::join);
    }
}

#[test]
#[ignore = "needs a Docker daemon"]
fn drivers_are_captured_as_far_as_they_can_be_read() {
    let mut scene = Scene::new("drivers");
    let syslog = scene.data.with_extension("syslog");
    let _heard = Heard::at(&syslog);
    scene.capture(&["--probe", "5s"]);
    scene.write("cached", 300, 5, |spec| {
        spec.driver("syslog").opt("syslog-address", &format!("unixgram://{}", syslog.display()))
    });
    scene.write("ring", 2000, 5, |spec| {
        spec.driver("json-file").opt("mode", "non-blocking").opt("max-buffer-size", "4k")
    });
    let none = scene.lab.run(&Spec::generator("none", "--forever --rate 10").driver("none"));
    scene.wait_until_written();
    let unreadable = |r: MonitorRow| matches!(r.state, State::Unreadable { .. });
    wait_until("none is unreadable", MINUTE, || scene.row(&none).is_some_and(unreadable));
    scene.assert_fresh_lines_arrive();
    for writer in &scene.writers {
        let class = scene.row(&writer.container).unwrap().guarantee.as_str();
        assert_eq!(class, "lossy by configuration", "{}", writer.name);
    }
    // What a ring dropped the numbers call lost, and nobody can know better: the daemon writes its
    // cache through one as well. What the daemon has must be there.
    let (ring, cached) = (scene.writer("ring"), scene.writer("cached"));
    let had = [(ring, truth::lines(&ring.container.truth())), (cached, cached.container.told())];
    for (Writer { name, lines, container }, had) in had {
        let verdict = oracle::judge(&had, &stored::items(&scene.data, &container.id));
        assert!(verdict.is_complete() && !had.is_empty(), "{name}: {verdict:?}");
        eprintln!("{name}: {} of {} lines reached the daemon", had.len(), lines + 1);
    }
    scene.writers.retain(|writer| writer.name == "cached");
    for Judged { name, checked, .. } in scene.end() {
        assert_eq!((checked.behind, checked.altered), (0, 0), "{name}: {checked:?}");
    }
}

#[test]
#[ignore = "needs a Docker daemon"]
fn many_containers_and_few_descriptors_lose_nothing() {
    let crowd = setting("LOGCAP_LIVE_CROWD", if is_long() { 200 } else { 20 });
    let mut scene = Scene::new("crowd");
    let rotating = |spec: Spec| spec.opt("max-size", "1m").opt("max-file", "3");
    for n in 0..crowd {
        let with = if n % 2 == 0 { |spec| spec } else { rotating };
        scene.write(&format!("c{n}"), 20, 10, with);
    }
    // With the long crowd the daemon is out of inotify instances, and we are not of descriptors.
    let fds = if is_long() { 4096 } else { 64 };
    let options = ["--probe", "5s"];
    let program = Program::launch_within(&scene.second.daemon, &scene.data, fds, &options);
    scene.program = Some(program.ready());
    scene.wait_until_written();
    scene.assert_fresh_lines_arrive();
    let process = scene.program().snapshot().process;
    eprintln!("{crowd} containers with {:?} of {:?} descriptors", process.fds, process.fd_limit);
    assert_eq!(process.fd_limit, Some(u64::from(fds)));
    let judged = scene.end();
    assert_eq!(judged.len() as u64, crowd);
    for Judged { name, checked, .. } in &judged {
        assert!(checked.is_complete(), "{name}: {checked:?}");
    }
}

#[test]
#[ignore = "needs a Docker daemon"]
fn eight_containers_are_verified_and_a_daemon_that_stands_still_is_not() {
    let watch = setting("LOGCAP_LIVE_SECONDS", 8);
    let mut scene = Scene::new("verify");
    scene.capture(&["--probe", "5s"]);
    for n in 0..4 {
        scene.write(&format!("plain{n}"), 50, watch + 5, |spec| spec);
        scene.write(&format!("rotating{n}"), 50, watch + 5, |spec| {
            spec.opt("max-size", "256k").opt("max-file", "5")
        });
    }
    wait_until("all are live", MINUTE, || {
        scene.writers.iter().all(|w| scene.row(&w.container).is_some_and(|r| lives(&r)))
    });
    let (code, report) = scene.program().verify(&["--for", &format!("{watch}s")]);
    eprintln!("verify for {watch} s: {} samples", report["samples"]);
    assert_eq!((code, &report["ok"]), (Some(0), &true.into()), "{report:#}");
    assert_eq!(report["containers"], 8);

    let paused = scene.second.paused();
    let (code, report) = scene.program().verify(&["--for", "14s"]);
    drop(paused);
    let rules = report["rules"].as_array().unwrap();
    let broken = rules.iter().filter(|r| r["ok"] == false).filter_map(|r| r["rule"].as_str());
    assert_eq!((code, broken.collect()), (Some(1), vec!["evidence"]), "{report:#}");
    scene.wait_until_written();
    scene.assert_fresh_lines_arrive();
    let judged = scene.end();
    assert!(judged.iter().all(|log| log.checked.is_complete()), "{judged:#?}");
}
