//! What is left of the matrix on real daemons: one whose containers outlive it (`--live-restore`),
//! one with few descriptors, a capture that is starved of the processor, a log file that is removed
//! from outside, a container that dies as often as it is started, and a real Podman.
//!
//! All on daemons of the test's own. The truth is what the daemon has in its own files; of a file
//! that was removed it is what whoever still has it open can read, and on Podman it is the numbers
//! in the lines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::{Link, MonitorRow};
use logcap_tui::model::{EventKind, State};
use support::program::{row, setting};
use support::scene::{let_pass, lives, quiet, writer};
use support::starved::{Starved, share};
use support::{
    Container, Item, Lab, OracleLine, Podman, Program, Scene, SecondDaemon, Spec, oracle, stored,
    truth, wait_until,
};

/// How a daemon goes, and its name.
type Way = (&'static str, fn(&mut SecondDaemon));

const MINUTE: Duration = Duration::from_mins(1);

/// Waits until a container's monitor listens and has stored more than before.
#[track_caller]
fn wait_until_it_moves(scene: &Scene, container: &Container) {
    let before = scene.row(container).stored_total;
    let moves = |r: MonitorRow| lives(&r) && r.stored_total > before;
    let what = format!("{} is captured", container.name);
    scene.wait(&what, MINUTE, |snapshot| row(snapshot, container).is_some_and(moves));
}

/// Which run of which process this is: the same as long as nobody starts the container again.
fn life(container: &Container) -> String {
    container.inspect("{{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}")
}

#[test]
#[ignore = "needs a Docker daemon"]
fn containers_that_outlive_their_daemon_are_captured_on() {
    let mut scene = Scene::on(SecondDaemon::start_with(&["--live-restore"]), "restore");
    let busy = scene.run(&writer("busy", "--rate 500"));
    scene.run(&writer("both", "--rate 50 --both"));
    scene.run(&writer("tty", "--rate 50").tty());
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    let before: Vec<_> = scene.containers.iter().map(life).collect();
    let size = || std::fs::metadata(busy.log_file()).unwrap().len();
    let ways: [Way; 2] = [("killed", SecondDaemon::kill), ("stopped", SecondDaemon::stop)];
    for (nth, (way, end)) in (0..).zip(ways) {
        end(&mut scene.second);
        let (began, written) = (Instant::now(), size());
        let is_down = |s: &EngineSnapshot| matches!(s.docker.link, Link::Down { .. });
        scene.wait("its absence is named", MINUTE, is_down);
        let named = began.elapsed();
        let_pass("the daemon is away", Duration::from_secs(3));
        assert_eq!(size(), written, "control: nobody writes the log meanwhile");
        scene.second.start_again();
        let back = Instant::now();
        scene.wait_until_all_move(MINUTE);
        eprintln!("{way}: named after {named:?}, captured {:?} after it is back", back.elapsed());
        scene.speak(&quiet, 3 + nth, MINUTE);
    }
    let after: Vec<_> = scene.containers.iter().map(life).collect();
    assert_eq!(after, before, "control: no container was started again");
    let totals = scene.program().snapshot().totals;
    assert_eq!((totals.timeouts, totals.gaps), (0, 0));
    scene.stop();
    scene.assert_complete();
    let down = scene.events(EventKind::DaemonDown);
    assert_eq!(down.len(), 2, "{down:?}");
    assert_eq!(scene.events(EventKind::MonitorFailed), [""; 0], "the loss is nobody's failure");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_starved_program_is_late_and_loses_nothing() {
    let mut scene = Scene::new("hungry");
    scene.run(&writer("busy", "--rate 500"));
    // So that it would use more than it gets.
    scene.run(&writer("more", "--rate 2000"));
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    let pid = scene.program().pid();
    let well_fed = share(pid, Duration::from_secs(3));
    let before = scene.program().snapshot();
    let quota = Starved::by_quota(&[pid]);
    let way = if quota.is_some() { "a quota" } else { "signals" };
    let starved = quota.unwrap_or_else(|| Starved::by_signals(&[pid]));
    let fed = share(pid, Duration::from_secs(10));
    let hungry = scene.program().try_snapshot();
    drop(starved);
    let began = Instant::now();
    // Control: it was starved, and the load was such that it would have used more.
    assert!(fed < 0.2 && well_fed > 1.5 * fed, "{way}: {well_fed:.2} then {fed:.2}");
    scene.wait_until_all_move(MINUTE);
    scene.wait("all evidence is fresh", MINUTE, |s| {
        s.coverage.matched == 3 && s.coverage.fresh == 3 && s.is_healthy()
    });
    let well = began.elapsed();
    scene.speak(&quiet, 3, MINUTE);
    let stored = |s: &EngineSnapshot| s.totals.flow.stored - before.totals.flow.stored;
    eprintln!(
        "{way}: {:.0} % of a processor, then {:.0} % for 10 s with {:?} records stored, {:?}; \
         well after {well:?}",
        well_fed * 100.0,
        fed * 100.0,
        hungry.as_ref().map(stored),
        hungry.as_ref().map(EngineSnapshot::phases)
    );
    let totals = scene.program().snapshot().totals;
    assert_eq!((totals.timeouts, totals.gaps), (0, 0), "late is not lost");
    scene.stop();
    scene.assert_complete();
}

/// What was written into a log file, also when it has no name any more.
fn lines_of(mut file: &File) -> Vec<OracleLine> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    truth::lines(&truth::records(&bytes))
}

/// What a monitor has to say of its container, and how old its evidence is.
fn words(snapshot: &EngineSnapshot, container: &Container) -> String {
    let row = row(snapshot, container).expect("it has a monitor");
    let proved = row.beat.map(|beat| (beat.kind, snapshot.at.since(beat.at)));
    let (stored, gaps, errors) = (row.stored_total, row.gaps, row.errors);
    let cause = row.failure.map(|failure| failure.cause);
    format!(
        "{:?}/{:?}, {proved:?}, {stored} stored, {gaps} gaps, {errors} errors, {cause:?}",
        row.phase, row.health
    )
}

/// The daemon writes on into a file without a name and reads by a name without a file: until the
/// container starts again nobody can read what it writes.
#[test]
#[ignore = "needs a Docker daemon"]
fn a_log_file_that_is_removed_from_outside_is_named_and_costs_nobody_else() {
    let mut scene = Scene::new("unlinked");
    let gone = scene.run(&writer("gone", "--rate 100"));
    let busy = scene.run(&writer("busy", "--rate 500"));
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    let before = scene.row(&gone);
    assert!(before.failure.is_none() && before.gaps == 0, "control: {:?}", before.failure);
    let removed = File::open(gone.log_file()).unwrap();
    std::fs::remove_file(gone.log_file()).unwrap();
    let began = Instant::now();
    let named = scene.wait("the removed file is named", MINUTE, |snapshot| {
        row(snapshot, &gone).is_some_and(|r| r.failure.is_some() || r.gaps > 0)
    });
    eprintln!("named after {:?}: {}", began.elapsed(), words(&named, &gone));
    let_pass("the file is away for more than a probe", Duration::from_secs(6));
    let meanwhile = scene.program().snapshot();
    eprintln!("6 s later: {}", words(&meanwhile, &gone));
    let beat = |picture| row(picture, &gone).and_then(|r| r.beat).map(|beat| beat.at);
    assert_eq!(beat(&meanwhile), beat(&named), "what cannot be read proves nothing");
    for other in [&busy, &quiet] {
        assert!(row(&meanwhile, other).is_some_and(|r| lives(&r)), "{}", words(&meanwhile, other));
    }
    wait_until_it_moves(&scene, &busy);
    scene.speak(&quiet, 3, MINUTE);
    gone.docker("restart");
    let back = Instant::now();
    // A monitor in quarantine tries once a minute.
    scene.wait_until_all_move(2 * MINUTE);
    let after = scene.program().snapshot();
    eprintln!("live {:?} after the next start: {}", back.elapsed(), words(&after, &gone));
    scene.stop();
    judge_removed(&scene, &gone, &removed);
    scene.containers.retain(|container| container.id != gone.id);
    scene.assert_complete();
}

/// What the removed file had and was not read is inside a gap, and nothing else is missing.
fn judge_removed(scene: &Scene, gone: &Container, removed: &File) {
    let (first, second) = (lines_of(removed), Scene::truth(gone));
    let lines: Vec<_> = first.iter().chain(&second).cloned().collect();
    let mut items = scene.items(gone);
    let verdict = oracle::judge(&lines, &items);
    let numbers = stored::check(&scene.data, &gone.id, None);
    let written = (first.len(), second.len());
    eprintln!("lines in the removed file and in the next: {written:?}; {verdict:?}");
    for gap in scene.gaps(gone) {
        eprintln!("    {:?} {:?}: {}", gap.what.lost, gap.what.away, gap.what.detail);
    }
    assert!(!first.is_empty() && !second.is_empty(), "control: there are two files");
    assert_eq!((numbers.behind, numbers.altered), (0, 0), "{numbers:?}");
    assert!(verdict.is_clean() && verdict.reported > 100, "{verdict:?}");
    // Control: without its gaps the store would have a silent loss.
    items.retain(|item| *item != Item::Gap);
    assert_eq!(oracle::judge(&lines, &items).lost_unreported, verdict.reported);
}

/// How many monitors have the same failure; a path in it is cut off.
fn causes(snapshot: &EngineSnapshot) -> BTreeMap<String, usize> {
    let mut causes = BTreeMap::new();
    for failure in snapshot.monitors.iter().filter_map(|m| m.failure.as_ref()) {
        let cause = failure.cause.split(" /").next().unwrap_or_default();
        *causes.entry(cause.to_owned()).or_default() += 1;
    }
    causes
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_daemon_out_of_descriptors_is_named_and_costs_nothing() {
    let mut scene = Scene::new("descriptors");
    for n in 0..29 {
        scene.run(&writer(&format!("w{n}"), "--rate 20"));
    }
    let quiet = scene.run(&quiet("quiet"));
    let uncaptured = scene.second.descriptors();
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    let (before, open) = (scene.program().snapshot(), scene.second.descriptors());
    assert!(causes(&before).is_empty() && open > uncaptured, "control: {:?}", causes(&before));
    // It has more than that open, so that it can neither open a file nor take a connection.
    let limited = scene.second.limited(uncaptured);
    let began = Instant::now();
    let named = scene.wait("every monitor says what fails", MINUTE, |snapshot| {
        let down = matches!(snapshot.docker.link, Link::Down { .. });
        down || snapshot.monitors.iter().all(|m| m.failure.is_some())
    });
    let took = began.elapsed();
    eprintln!("{uncaptured} of {open} descriptors: named after {took:?}, {:?}", named.phases());
    eprintln!("    {:?}, {:?}", named.docker.link, causes(&named));
    let blames_daemon = causes(&named).keys().any(|cause| cause.contains("the daemon"));
    assert!(blames_daemon || matches!(named.docker.link, Link::Down { .. }));
    assert_eq!(named.monitors.len(), scene.containers.len(), "nobody is forgotten");
    drop(limited);
    let back = Instant::now();
    // A monitor in quarantine tries once a minute.
    scene.wait_until_all_move(2 * MINUTE);
    let (took, open) = (back.elapsed(), scene.second.descriptors());
    eprintln!("live {took:?} after it may open more, with {open}");
    scene.speak(&quiet, 3, MINUTE);
    let totals = scene.program().snapshot().totals;
    assert_eq!((totals.timeouts, totals.gaps), (0, 0));
    scene.stop();
    scene.assert_complete();
}

/// Starts a container again and again while this time passes: every other run is killed at once,
/// the others end by themselves. How many runs there were, and how many of them were killed.
fn crash_loop(scene: &Scene, container: &Container, time: Duration) -> (usize, usize) {
    let (mut runs, mut killed, began) = (0, 0, Instant::now());
    while began.elapsed() < time {
        container.docker("start");
        if runs % 2 == 0 {
            // It may be over already.
            let kill = scene.second.daemon.try_docker(&["kill", &container.id]);
            killed += usize::from(kill.status.success());
        }
        container.wait();
        runs += 1;
    }
    (runs, killed)
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_container_that_dies_as_often_as_it_is_started_is_captured_whole() {
    let mut scene = Scene::new("loop");
    let busy = scene.run(&writer("busy", "--rate 500"));
    let uuid = "$(cat /proc/sys/kernel/random/uuid)";
    // A run of its own takes a tenth of a second.
    let script = format!("exec gen --run {uuid} --lines 20 --rate 200");
    let looping = scene.run(&Spec::new("looping", ["sh", "-c", &script]));
    looping.wait();
    scene.capture(&scene.second.daemon.clone());
    wait_until_it_moves(&scene, &busy);
    let time = Duration::from_secs(if setting("LOGCAP_LIVE_MATRIX", 0) > 0 { 60 } else { 12 });
    let (runs, killed) = crash_loop(&scene, &looping, time);
    assert!(runs > 10 && (1..runs).contains(&killed), "control: {runs} runs, {killed} killed");
    wait_until_it_moves(&scene, &busy);
    let last = Scene::truth(&looping).pop().map(|line| line.ts);
    let began = Instant::now();
    scene.wait("the last run is stored to its end", MINUTE, |snapshot| {
        let is_whole = |r: MonitorRow| r.last_record == last && !r.running;
        row(snapshot, &looping).is_some_and(is_whole)
    });
    let took = began.elapsed();
    let totals = scene.program().snapshot().totals;
    eprintln!("{runs} runs in {time:?}, {killed} of them killed; stored {took:?} after the last");
    assert_eq!((totals.timeouts, totals.gaps), (0, 0));
    scene.stop();
    scene.assert_complete();
    // A run that was killed before its first line has left none.
    let stored = stored::check(&scene.data, &looping.id, None).next.len();
    eprintln!("lines of {stored} runs");
    assert!((runs - killed..=runs + 1).contains(&stored), "{stored} of {runs} runs");
}

/// What is no text: json-file makes other characters of it, `local` keeps it. Lines that are longer
/// than what the daemon's copier reads at once, cut inside of characters; on a terminal their pieces
/// come with a stamp in the middle of the line, and nothing else tells them apart.
#[test]
#[ignore = "needs a Docker daemon"]
fn bytes_that_are_no_text_and_long_lines_are_stored_as_the_daemon_has_them() {
    const ROUNDS: usize = 40;
    let script = format!(
        r#"long() {{ printf x; yes "$(printf '\303\251')" | head -n $1 | busybox tr -d '\n'; printf '%b' "$2"; echo; }}
        n=0; while [ $n -lt {ROUNDS} ]; do
            printf '\377\376 %d \302\n' $n; printf 'a\000b\033[31m\tc\rd %d\n' $n; echo
            long 7 ''; long 8191 ''; long 8192 ''; long 20000 ''; long 30000 '\0377\0302 end'
            n=$((n+1)); sleep 0.05
        done
        printf 'no newline at the end'; exec sleep 100000"#
    );
    let mut scene = Scene::new("bytes");
    scene.capture(&scene.second.daemon.clone());
    let spec = |name: &str| Spec::new(name, ["sh", "-c", &script]);
    let small = |spec: Spec| spec.opt("max-size", "10m").opt("max-file", "3");
    let json = [
        scene.run(&spec("plain")),
        scene.run(&small(spec("rotating"))),
        scene.run(&spec("tty").tty()),
        scene.run(&small(spec("tty-rotating")).tty()),
    ];
    let local = scene.run(&spec("local").driver("local"));
    let lines = ROUNDS * 8;
    wait_until("all is written", MINUTE, || {
        // Docker 20.10 leaves out the newline of a long line of `local`.
        let told = local.told();
        let is_over = told.len() >= ROUNDS * 5 && told[told.len() - 1].text.ends_with(b" end");
        is_over && json.iter().map(Scene::truth).all(|truth| truth.len() >= lines)
    });
    scene.stop();
    for container in &json {
        let (truth, mut stored) = (Scene::truth(container), scene.items(container));
        // Of 8,191 letters and the first an `x`, only the newline is in another piece (docs/CAPTURE.md,
        // limits).
        let is_cut = |text: &[u8]| text.len() == 16_384 && text.ends_with(b"\r");
        for item in &mut stored {
            match item {
                Item::Line(line) if is_cut(&line.text) => drop(line.text.pop()),
                _ => {}
            }
        }
        let verdict = oracle::judge(&truth, &stored);
        eprintln!("{}: {} lines, {verdict:?}", container.name, truth.len());
        assert!(verdict.is_complete() && truth.len() > lines, "{}: {verdict:?}", container.name);
        assert_eq!(scene.gaps(container), [], "{}", container.name);
        // The control: what has to be hard is.
        let has = |part: &[u8]| truth.iter().any(|l| l.text.windows(part.len()).any(|p| p == part));
        assert!(has("\u{fffd}".as_bytes()) && has(b"a\0b\x1b[31m\tc\rd"), "{}", container.name);
        assert!(truth.iter().any(|line| line.text.len() > 60_000), "{}", container.name);
    }
    assert_as_written(&scene.items(&local), ROUNDS);
}

/// Of `local` the bytes are those that were written.
fn assert_as_written(stored: &[Item], rounds: usize) {
    let texts = stored.iter().filter_map(|item| match item {
        Item::Line(line) => Some(&line.text[..]),
        Item::Gap | Item::Excused => None,
    });
    let texts: Vec<&[u8]> = texts.collect();
    for n in 0..rounds {
        let raw = [&b"\xff\xfe "[..], n.to_string().as_bytes(), b" \xc2"].concat();
        assert_eq!(texts[n * 8], raw, "{n}");
        for (k, chars) in [(3, 7), (4, 8_191), (5, 8_192), (6, 20_000)] {
            assert_eq!(texts[n * 8 + k], format!("x{}", "\u{e9}".repeat(chars)).as_bytes(), "{n}");
        }
        let end = [format!("x{}", "\u{e9}".repeat(30_000)).as_bytes(), b"\xff\xc2 end"].concat();
        assert_eq!(texts[n * 8 + 7], end, "{n}");
    }
    assert_eq!(texts.len(), rounds * 8 + 1);
}

/// Podman keeps its logs in another form and stamps them by whole seconds, so that all lines of a
/// second tie.
#[test]
#[ignore = "needs Podman 4.3"]
fn a_container_of_podman_is_captured_once_and_in_order() {
    const LINES: u64 = 2000;
    let podman = Podman::start();
    let lab = Lab::on(&podman.daemon, "odds");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = ["--history", "all", "--probe", "5s"];
    let program = Program::capture(&podman.daemon, &data, &options);
    let link = program.snapshot().docker.link;
    assert!(matches!(&link, Link::Up { version, .. } if version.contains("Podman")), "{link:?}");
    let script = format!("gen --lines {LINES} --rate 1000; exec sleep 100000");
    let container = lab.run(&Spec::new("numbered", ["sh", "-c", &script]));
    let wait_for = |lines: u64| {
        let live = |r: MonitorRow| lives(&r) && r.stored_total >= lines;
        let what = format!("{lines} lines are stored and it is live");
        wait_until(&what, MINUTE, || program.row(&container).is_some_and(live));
    };
    wait_for(LINES);
    let_pass("a silence of more than a probe", Duration::from_secs(6));
    let began = Instant::now();
    for n in LINES..LINES + 3 {
        let write = format!("gen --from {n} --lines 1 > /proc/1/fd/1");
        podman.daemon.docker(&["exec", &container.id, "sh", "-c", &write]);
        wait_for(n + 1);
    }
    eprintln!("three later lines, one by one, in {:?}", began.elapsed());
    container.stop_now();
    wait_until("its end is read", MINUTE, || {
        let ended = |r: MonitorRow| !r.running && matches!(r.state, State::Ended { .. });
        program.row(&container).is_some_and(ended)
    });
    let snapshot = program.snapshot();
    assert!(snapshot.monitors.iter().all(|m| m.flow.is_conserved() && m.flow.in_flight == 0));
    assert_eq!((snapshot.totals.panics, snapshot.totals.timeouts), (0, 0));
    assert_eq!(program.stop(), Some(0));
    let checked = stored::check(&data, &container.id, Some(LINES + 3));
    assert!(checked.is_complete() && checked.lines == LINES + 3, "{checked:?}");
    // Control: a line more would be missed.
    assert_eq!(stored::check(&data, &container.id, Some(LINES + 4)).lost, 1);
}

/// Its tails merge the pieces of long lines, and the default is to take the newest lines first.
#[test]
#[ignore = "needs Podman 4.3"]
fn long_lines_of_podman_are_taken_as_they_are() {
    const LINES: u64 = 300;
    let podman = Podman::start();
    let lab = Lab::on(&podman.daemon, "odds");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let script =
        format!("gen --lines {LINES} --rate 100 --len 20000; : > /tmp/done; exec sleep 100000");
    let container = lab.run(&Spec::new("long", ["sh", "-c", &script]));
    wait_until("all is written", MINUTE, || {
        let exec = ["exec", &container.id, "sh", "-c", "[ -e /tmp/done ]"];
        podman.daemon.try_docker(&exec).status.success()
    });
    let program = Program::capture(&podman.daemon, &data, &["--history", "tail 40"]);
    wait_until("it is live", MINUTE, || program.row(&container).is_some_and(|r| lives(&r)));
    let before = program.row(&container).unwrap().stored_total;
    let write = format!("gen --from {LINES} --lines 1 --len 20000 > /proc/1/fd/1");
    podman.daemon.docker(&["exec", &container.id, "sh", "-c", &write]);
    wait_until("a later line is stored", MINUTE, || {
        program.row(&container).is_some_and(|r| lives(&r) && r.stored_total > before)
    });
    assert_eq!(program.stop(), Some(0));
    let checked = stored::check(&data, &container.id, None);
    eprintln!("{checked:?}");
    let numbers = checked.next.values().copied().collect::<Vec<_>>();
    assert_eq!((checked.altered, checked.gaps, numbers), (0, 0, vec![LINES + 1]), "{checked:?}");
    // At least what was asked for, and no more than the seconds that it began in.
    assert!((41..LINES).contains(&checked.lines), "{checked:?}");
}
