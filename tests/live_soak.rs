//! The soak: fifty containers on a real daemon, with rotations, restarts and faults all the time.
//! Resident memory, file descriptors and tasks must stay where they were, and every line must be
//! in the store once, in order, or inside a reported gap.
//!
//! `LOGCAP_SOAK_MINUTES` is its length, 1 unless set; 30 is the run of the acceptance.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use logcap_tui::engine::{EngineSnapshot, Verb};
use logcap_tui::model::{Fd, State, Timestamp};
use support::program::{row, setting};
use support::{
    Container, Item, Lab, OracleLine, Program, Scene, SecondDaemon, Spec, Verdict, oracle, stored,
    wait_until,
};

const MINUTE: Duration = Duration::from_mins(1);
const CONTAINERS: usize = 50;
/// Between two faults.
const PEACE: Duration = Duration::from_secs(6);
/// Growth of resident memory between the first and the last third that is still called flat: the
/// store's caches and the allocator breathe.
const RSS_SLACK: u64 = 16 << 20;

/// What a container does, by its number.
fn spec(n: usize) -> Spec {
    let uuid = "$(cat /proc/sys/kernel/random/uuid)";
    let name = format!("soak{n:02}");
    let run = |more: &str| {
        let script = format!("exec gen --run {uuid} --forever {more}");
        Spec::new(&name, ["sh", "-c", &script]).flag("--restart=always")
    };
    match n % 10 {
        0 => run("--rate 300"),
        1 => run("--rate 50 --both"),
        2 => run("--rate 20").tty(),
        3 => run("--rate 100 --len 200").opt("max-size", "256k").opt("max-file", "3"),
        4 => run("--rate 30").driver("local"),
        5 => run("--rate 1 --len 40000"),
        6 => run("--rate 1"),
        // A crash loop whose daemon waits longer and longer between two runs.
        7 => run("--rate 50 --crash-after 200"),
        8 => run("--rate 20 --crlf"),
        // One line of each run, then silence.
        _ => {
            let script = format!("exec gen --run {uuid} --lines 1 --linger 1000000");
            Spec::new(&name, ["sh", "-c", &script]).flag("--restart=always")
        }
    }
}

/// One look at the engine.
#[derive(Clone, Copy)]
struct Sample {
    rss: u64,
    fds: u64,
    tasks: (usize, usize),
    monitors: usize,
}

fn sample(snapshot: &EngineSnapshot) -> Sample {
    Sample {
        rss: snapshot.process.rss.unwrap(),
        fds: snapshot.process.fds.unwrap(),
        tasks: (snapshot.tasks.expected, snapshot.tasks.actual),
        monitors: snapshot.monitors.len(),
    }
}

/// The next fault. Deterministic, so that a failing soak can be run again.
fn fault(round: usize, second: &mut SecondDaemon, program: &Program, containers: &[Container]) {
    let container = &containers[round * 7 % containers.len()];
    match round % 8 {
        0 => container.docker("restart"),
        1 => drop(program.order(Verb::Reopen, container)),
        2 => drop(program.order(Verb::Restart, container)),
        3 => container.docker("kill"),
        4 => {
            drop(program.order(Verb::Pause, container));
            wait_until("a while", MINUTE, passed(Duration::from_secs(2)));
            drop(program.order(Verb::Resume, container));
        }
        5 => {
            let still = second.paused();
            wait_until("three seconds", MINUTE, passed(Duration::from_secs(3)));
            drop(still);
        }
        6 => {
            container.docker("stop");
            container.docker("start");
        }
        _ if round % 16 == 15 => second.restart(),
        _ => container.docker("restart"),
    }
}

fn passed(time: Duration) -> impl FnMut() -> bool {
    let start = Instant::now();
    move || start.elapsed() >= time
}

fn settled(snapshot: &EngineSnapshot) -> bool {
    let past_opening =
        |state: &State| !matches!(state, State::Waiting { .. } | State::Reading { .. });
    let settled = snapshot.monitors.iter().filter(|m| past_opening(&m.state)).count();
    // A crash loop may be anywhere.
    snapshot.monitors.len() == CONTAINERS && settled >= CONTAINERS - CONTAINERS / 10
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// First and last third of the samples.
fn thirds(samples: &[Sample], of: fn(&Sample) -> u64) -> (u64, u64) {
    let third = samples.len() / 3;
    let first = median(samples[..third].iter().map(of));
    (first, median(samples[samples.len() - third..].iter().map(of)))
}

#[test]
#[ignore = "needs a Docker daemon"]
fn fifty_containers_under_faults_stay_flat_and_lose_nothing_in_silence() {
    let length = MINUTE * u32::try_from(setting("LOGCAP_SOAK_MINUTES", 1)).unwrap();
    let mut second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "soak");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let program = Program::capture(&second.daemon, &data, &["--probe", "10s"]);
    let containers: Vec<Container> = (0..CONTAINERS).map(|n| lab.run(&spec(n))).collect();
    wait_until("every container has a monitor", 3 * MINUTE, || settled(&program.snapshot()));

    let (start, mut last_fault, mut round) = (Instant::now(), Instant::now(), 0);
    let mut samples: Vec<Sample> = Vec::new();
    let mut asked = Instant::now();
    wait_until("the soak's end", length + 5 * MINUTE, || {
        if asked.elapsed() >= Duration::from_secs(1) {
            asked = Instant::now();
            samples.push(sample(&program.snapshot()));
        }
        if last_fault.elapsed() >= PEACE {
            fault(round, &mut second, &program, &containers);
            round += 1;
            last_fault = Instant::now();
        }
        start.elapsed() >= length
    });
    drop_last(&program, &containers);
    let last = program.snapshot();
    print(&last, &samples, round);
    assert!(last.monitors.iter().all(|m| m.flow.is_conserved() && m.flow.in_flight == 0));
    assert_eq!((last.tasks.actual, last.monitors.len()), (last.tasks.expected, CONTAINERS));
    assert_eq!(program.stop(), Some(0));

    let off = samples.iter().filter(|s| s.tasks.0 != s.tasks.1 || s.monitors != CONTAINERS);
    assert_eq!(off.count(), 0, "of {} samples", samples.len());
    let ((rss_first, rss_last), (fds_first, fds_last)) =
        (thirds(&samples, |s| s.rss), thirds(&samples, |s| s.fds));
    assert!(rss_last <= rss_first + RSS_SLACK, "memory {rss_first} then {rss_last}");
    assert!(fds_last <= fds_first + 4, "descriptors {fds_first} then {fds_last}");
    judge(&data, &containers);
}

/// Stops every container and waits until its end is read. Between two runs a crash loop has ended as
/// well, so the last record tells; if that does not come within a minute, the judge will say so.
fn drop_last(program: &Program, containers: &[Container]) {
    containers.iter().for_each(Container::stop_now);
    let last: Vec<_> = containers.iter().map(last_stamp).collect();
    let mut hopeless = passed(MINUTE);
    wait_until("every end is read", 3 * MINUTE, || {
        let (snapshot, given_up) = (program.snapshot(), hopeless());
        let ended = |(c, last): (&Container, &Option<Timestamp>)| {
            row(&snapshot, c).is_some_and(|r| {
                let ended = !r.running && matches!(r.state, State::Ended { .. });
                ended && (given_up || r.last_record >= *last)
            })
        };
        containers.iter().zip(&last).all(ended)
    });
}

/// The stamp of the last record that the daemon has of a container.
fn last_stamp(container: &Container) -> Option<Timestamp> {
    if container.log_file().exists() {
        return container.truth_tail().last().map(|record| record.ts);
    }
    container.told().last().map(|line| line.ts)
}

fn print(last: &EngineSnapshot, samples: &[Sample], faults: usize) {
    let mib = |s: &Sample| s.rss >> 20;
    eprintln!(
        "{faults} faults, {} samples: memory {:?} MiB (most {}), descriptors {:?} (most {}), tasks {:?}",
        samples.len(),
        thirds(samples, mib),
        samples.iter().map(mib).max().unwrap(),
        thirds(samples, |s| s.fds),
        samples.iter().map(|s| s.fds).max().unwrap(),
        samples.last().unwrap().tasks,
    );
    let totals = &last.totals;
    eprintln!(
        "received {}, stored {}, gaps {}",
        totals.flow.received, totals.flow.stored, totals.gaps
    );
}

/// The logs of which the daemon keeps only the end. The files of `local` hold 100 MB, which takes
/// nine hours to fill.
fn rotates(n: usize) -> bool {
    n % 10 == 3
}

/// What the daemon has of a container now: its files, or what it tells where they are not json.
fn kept(container: &Container) -> Vec<OracleLine> {
    if container.log_file().exists() { Scene::truth(container) } else { container.told() }
}

/// What is stored against what the daemon has. Of a log that rotates that is the end only, so what
/// is stored before it is left to the numbers, and a gap may hide what the daemon has no more.
fn compare(kept: &[OracleLine], items: &[Item], rotates: bool) -> Verdict {
    if !rotates {
        return oracle::judge(kept, items);
    }
    let had: HashSet<&OracleLine> = kept.iter().collect();
    let gone = |item: &Item| matches!(item, Item::Line(line) if !had.contains(line));
    let from = items.iter().rposition(gone).map_or(0, |at| at + 1);
    Verdict { false_gaps: 0, reported: 0, ..oracle::judge(kept, &items[from..]) }
}

/// Every log by what the daemon has, which knows where a run ended, and by the generator's own
/// numbers, which reach back to what was rotated away.
fn judge(data: &Path, containers: &[Container]) {
    let (mut written, mut lines, mut gaps, mut wrong) = (0, 0, 0, Vec::new());
    for (n, container) in containers.iter().enumerate() {
        let (had, items) = (kept(container), stored::items(data, &container.id));
        let verdict = compare(&had, &items, rotates(n));
        let checked = stored::check(data, &container.id, None);
        // Where files were rotated away only the numbers tell how much there was.
        let emitted = if rotates(n) { checked.lines + checked.reported } else { had.len() as u64 };
        (written, lines, gaps) = (written + emitted, lines + checked.lines, gaps + checked.gaps);
        // A kill may cut a line that is longer than what a pipe takes at once.
        let cut = n % 10 == 5;
        let right = verdict.is_complete()
            && checked.lost == 0
            && checked.behind == 0
            && checked.false_gaps == 0
            && (cut || checked.altered == 0)
            && (rotates(n) || (checked.gaps, checked.lines) == (0, emitted))
            && !had.is_empty()
            && checked.lines > 0;
        if !right {
            wrong.push(format!("{}: {verdict:?} {checked:?}", container.name));
        }
    }
    eprintln!("{written} lines written, {lines} in {} logs, {gaps} gaps", containers.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    control(&kept(&containers[0]), &stored::items(data, &containers[0].id));
}

/// The control: the same log without the end of its first run, or of its last, is told.
fn control(had: &[OracleLine], items: &[Item]) {
    let run = |item: &Item| match item {
        Item::Line(line) => oracle::generated(&line.text).map(|((run, _), _)| run),
        Item::Gap | Item::Excused => None,
    };
    let first = items.iter().find_map(run);
    let ends = [items.iter().rposition(|item| run(item) == first), items.len().checked_sub(1)];
    for end in ends {
        let mut less = items.to_vec();
        less.remove(end.unwrap());
        assert_eq!(compare(had, &less, false).lost_unreported, 1, "control: {end:?} is lost");
    }
}

#[test]
fn control_a_lost_end_of_a_run_is_told() {
    let line = |n: u8| {
        let text = format!("run {} line {n}", n / 5).into_bytes();
        OracleLine { fd: Fd::Stdout, ts: Timestamp(i64::from(n)), text }
    };
    let all: Vec<_> = (0..10).map(line).collect();
    let without = |lost: &[usize]| -> Vec<Item> {
        let left = all.iter().enumerate().filter(|(n, _)| !lost.contains(n));
        left.map(|(_, line)| Item::Line(line.clone())).collect()
    };
    // What a log that rotates has no more is not asked of it.
    for (had, rotates) in [(&all[..], false), (&all[3..], true)] {
        assert!(compare(had, &without(&[]), rotates).is_complete());
        for end in [4, 9] {
            assert_eq!(compare(had, &without(&[end]), rotates).lost_unreported, 1, "{end}");
        }
        assert_eq!(compare(had, &without(&[4, 9]), rotates).lost_unreported, 2);
    }
    let mut honest = without(&[2, 3]);
    honest.insert(2, Item::Gap);
    assert!(compare(&all[3..], &honest, true).is_complete(), "a gap hides what is there as well");
    assert!(!compare(&all, &honest, false).is_complete());
}
