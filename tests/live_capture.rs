//! The main job on a real daemon: twelve containers of mixed kinds under `capture`, and every line
//! of each in the store exactly once and in order, but for gaps that say so.
//!
//! The daemon is the test's own: the machine's rotates every json-file log. `LOGCAP_LIVE_SECONDS`
//! is how long the generators write, 45 unless set; 600 is the run of the acceptance.
//!
//! Some have a twin that writes the same at the same time and is excluded from capture, so that a
//! container that our reads slow down is told from one that the machine slows down.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::time::{Duration, Instant};

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::model::{BeatKind, LiveSource, Lost, Moment, Row, State, TaskHealth};
use logcap_tui::store::StoreReader;
use support::program::{row, setting};
use support::stored::Checked;
use support::{Container, Lab, Program, SecondDaemon, Spec, oracle, stored, truth, wait_until};

const MINUTE: Duration = Duration::from_mins(1);
const BUSY: u64 = 20_000;
/// Those whose log the daemon locks, unpacks or rotates while it is read.
const WITH_TWIN: [&str; 3] = ["tty", "local", "json2"];
/// End of a twin's name.
const TWIN: &str = "-twin";
/// Lines of one run of the crash loop.
const CRASH: u64 = 20;

/// What a kind of container writes.
#[derive(Clone, Copy)]
enum Kind {
    /// Numbered lines at this rate for the length of the run, then silence.
    Paced(u64),
    /// The same line at this rate.
    Identical(u64),
    /// One line.
    Quiet,
    /// Runs of [`CRASH`] lines for ever.
    Crashing,
    /// Nothing that could be read.
    Unreadable,
}

struct Member {
    name: &'static str,
    kind: Kind,
    container: Container,
}

impl Kind {
    /// Lines of each stream, if they are known.
    fn lines(self, seconds: u64) -> Option<u64> {
        match self {
            Self::Paced(rate) | Self::Identical(rate) => Some(rate * seconds),
            Self::Quiet => Some(1),
            Self::Crashing => Some(CRASH),
            Self::Unreadable => None,
        }
    }
}

/// The twelve. All but the crash loop and the self-removing one stay when they have written.
fn twelve(lab: &Lab, seconds: u64) -> Vec<Member> {
    let start = |(name, kind, spec)| Member { name, kind, container: lab.run(&spec) };
    specs(seconds).into_iter().map(start).collect()
}

fn specs(seconds: u64) -> Vec<(&'static str, Kind, Spec)> {
    let paced = |name, rate: u64, more: &str| {
        let lines = rate * seconds;
        let linger = if more.contains("--linger") { "" } else { "--linger 100000" };
        let arguments = format!("--lines {lines} --rate {rate} {linger} {more}");
        (name, Kind::Paced(rate), Spec::generator(name, &arguments))
    };
    let plain = |(name, kind, spec)| (name, kind, spec);
    let with = |(name, kind, spec): (_, _, Spec), add: fn(Spec) -> Spec| (name, kind, add(spec));
    let same = format!("--lines {} --rate 500 --identical --linger 100000", 500 * seconds);
    let run = "$(cat /proc/sys/kernel/random/uuid)";
    let crash = format!("exec gen --run {run} --lines 1000 --crash-after {CRASH}");
    vec![
        plain(paced("busy", BUSY, "")),
        ("quiet", Kind::Quiet, Spec::generator("quiet", "--lines 1 --linger 100000")),
        with(paced("tty", 50, ""), Spec::tty),
        plain(paced("race", 500, "--both")),
        plain(paced("long", 3, "--len 100000")),
        (
            "crash",
            Kind::Crashing,
            Spec::new("crash", ["sh", "-c", &crash]).flag("--restart=always"),
        ),
        with(paced("rm", 200, "--linger 0"), Spec::rm),
        ("none", Kind::Unreadable, Spec::generator("none", "--forever --rate 10").driver("none")),
        with(paced("local", 1000, ""), |spec| spec.driver("local")),
        with(paced("json2", 1000, ""), |spec| spec.opt("max-size", "1m").opt("max-file", "2")),
        with(paced("json3", BUSY, ""), |spec| spec.opt("max-size", "1m").opt("max-file", "3")),
        ("same", Kind::Identical(500), Spec::generator("same", &same)),
    ]
}

/// The twins: the same specification under another name.
fn twins(lab: &Lab, seconds: u64) -> Vec<Member> {
    let twin = |(name, kind, spec): (_, _, Spec)| {
        let container = lab.run(&spec.named(&format!("{name}{TWIN}")));
        Member { name, kind, container }
    };
    let all = specs(seconds).into_iter();
    all.filter(|(name, ..)| WITH_TWIN.contains(name)).map(twin).collect()
}

/// Whether a container wrote clearly slower than its twin.
fn is_slowed(rate: f64, twin: f64) -> bool {
    rate < 0.9 * twin
}

/// The text of the last record of a log as the daemon tells it.
fn last_record(lab: &Lab, container: &Container) -> Vec<u8> {
    let output = lab.daemon.try_docker(&["logs", "--tail", "1", &container.id]);
    let mut text = [output.stdout, output.stderr].concat();
    while text.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
        text.pop();
    }
    text
}

/// Whether the last line of a generator is in the daemon's log.
fn has_written(lab: &Lab, member: &Member, seconds: u64) -> bool {
    let (Kind::Paced(_), Some(lines)) = (member.kind, member.kind.lines(seconds)) else {
        return true;
    };
    let gone = !lab.daemon.try_docker(&["inspect", &member.container.id]).status.success();
    let text = String::from_utf8_lossy(&last_record(lab, &member.container)).into_owned();
    let seq = text.split(' ').nth(2).and_then(|seq| seq.parse::<u64>().ok());
    // The last record of a long line is not its beginning; its size tells nothing either.
    gone || seq.is_some_and(|seq| seq + 1 == lines) || member.name == "long" && seq.is_none()
}

/// What the daemon's own stamps say of the pace of a paced container, over what it retains.
fn pace(container: &Container) -> (f64, Duration) {
    let mut check = stored::Check::default();
    for line in container.told() {
        check.line(line.ts, &line.text);
    }
    let checked = check.finish(None);
    (checked.rate(), checked.longest_tick)
}

/// What was seen at every look at the snapshot while the generators wrote.
#[derive(Debug, Default)]
struct Watched {
    last: Moment,
    samples: u32,
    /// Expected and actual tasks where they differed.
    task_mismatches: Vec<(usize, usize)>,
    /// Monitors whose received records were not all accounted for.
    unconserved: Vec<String>,
    rss: u64,
    fds: u64,
    stale: Vec<String>,
}

impl Watched {
    fn look(&mut self, snapshot: &EngineSnapshot) {
        if snapshot.at == self.last {
            return;
        }
        self.last = snapshot.at;
        self.samples += 1;
        if snapshot.tasks.expected != snapshot.tasks.actual {
            self.task_mismatches.push((snapshot.tasks.expected, snapshot.tasks.actual));
        }
        for monitor in snapshot.monitors.iter().filter(|m| !m.flow.is_conserved()) {
            self.unconserved.push(format!("{} {:?}", monitor.name, (&monitor.state, monitor.flow)));
        }
        self.rss = self.rss.max(snapshot.process.rss.unwrap_or(0));
        self.fds = self.fds.max(snapshot.process.fds.unwrap_or(0));
        for monitor in &snapshot.monitors {
            if matches!(monitor.health, TaskHealth::Failed | TaskHealth::Quarantined) {
                self.stale.push(format!("{} {}", monitor.name, monitor.phase.as_str()));
            }
        }
    }
}

#[test]
#[ignore = "needs a Docker daemon"]
fn twelve_kinds_of_containers_are_captured_line_by_line() {
    let seconds = setting("LOGCAP_LIVE_SECONDS", 45);
    let second = SecondDaemon::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let excluded = format!("*{TWIN}");
    let options = ["--probe", "5s", "--exclude", &excluded];
    let program = Program::capture(&second.daemon, &data, &options);
    let lab = Lab::on(&second.daemon, "twelve");
    let began = Instant::now();
    let (members, twins) = (twelve(&lab, seconds), twins(&lab, seconds));
    let watched = watch(&program, &lab, &members, seconds, began);
    eprintln!("written in {:?}: {watched:#?}", began.elapsed());

    let rest = Instant::now();
    at_rest(&program, &members, seconds);
    eprintln!("everything verified after {:?}", rest.elapsed());
    quiet_is_verified(&program, &members);
    let crash = members.iter().find(|m| m.name == "crash").unwrap();
    crash.container.stop_now();
    // The file of the crash loop is needed before it is removed; the store after it is closed.
    let crash_truth = truth::lines(&crash.container.truth());
    let written = crash_truth.len() as u64;
    // Between two runs it has ended as well: a last one may have begun just now.
    wait_until("the crash loop's end is read", MINUTE, || {
        program.row(&crash.container).is_some_and(|row| {
            matches!(row.state, State::Ended { .. }) && row.stored_total >= written
        })
    });
    let last = program.snapshot();
    report(&last);
    assert_eq!(program.stop(), Some(0));
    for (log, seam) in StoreReader::open(&data).unwrap().seams(None).unwrap() {
        eprintln!("seam in log {}: {seam:?}", log.0);
    }

    let mut wrong = Vec::new();
    for member in &members {
        let checked = judged(&data, member, seconds);
        eprintln!(
            "{:<6} {:>8} lines, {} gaps with {} lost, {:.0} lines/s, longest tick {:?}",
            member.name,
            checked.lines,
            checked.gaps,
            checked.reported,
            checked.rate(),
            checked.longest_tick
        );
        if !is_right(member, &checked, seconds) {
            wrong.push(format!("{}: {checked:?}", member.name));
        }
    }
    wrong.extend(slowed(&data, &members, &twins, seconds));
    let verdict = oracle::judge(&crash_truth, &stored::items(&data, &crash.container.id));
    assert!(verdict.is_complete() && crash_truth.len() > 20, "crash loop: {verdict:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(watched.task_mismatches, [], "of {} samples", watched.samples);
    assert_eq!((watched.unconserved.len(), watched.stale.len()), (0, 0), "{watched:#?}");
    assert!(watched.samples > 20, "the samples say something: {}", watched.samples);
}

/// Who wrote slower than the twin that nobody reads.
fn slowed(
    data: &std::path::Path,
    members: &[Member],
    twins: &[Member],
    seconds: u64,
) -> Vec<String> {
    let mut slowed = Vec::new();
    for twin in twins {
        let (rate, tick) = pace(&twin.container);
        let member = members.iter().find(|m| m.name == twin.name).unwrap();
        let ours = judged(data, member, seconds);
        eprintln!(
            "{:<6} {:.0} lines/s, longest tick {:?}; its twin without us {rate:.0}, {tick:?}",
            twin.name,
            ours.rate(),
            ours.longest_tick
        );
        if is_slowed(ours.rate(), rate) {
            slowed.push(format!("{} was slowed: {:.0} of {rate:.0}", twin.name, ours.rate()));
        }
    }
    assert!(is_slowed(850.0, 1_000.0), "control: what is slower is seen");
    slowed
}

fn watch(
    program: &Program,
    lab: &Lab,
    members: &[Member],
    seconds: u64,
    began: Instant,
) -> Watched {
    let mut watched = Watched::default();
    let mut asked = Instant::now();
    wait_until("all is written", Duration::from_secs(seconds * 2) + 2 * MINUTE, || {
        watched.look(&program.snapshot());
        let over = began.elapsed() > Duration::from_secs(seconds);
        if !over || asked.elapsed() < Duration::from_secs(1) {
            return false;
        }
        asked = Instant::now();
        members.iter().all(|m| has_written(lab, m, seconds))
    });
    watched
}

/// Waits until nothing is under way any more, and counts.
fn at_rest(program: &Program, members: &[Member], seconds: u64) {
    let rests = |snapshot: &EngineSnapshot| {
        snapshot.monitors.iter().all(|m| {
            let crashing = m.name.ends_with("crash");
            let verified = m.beat.is_some_and(|b| b.kind == BeatKind::Verified);
            let live = matches!(m.state, State::Live { .. }) && verified && m.flow.in_flight == 0;
            let over = matches!(m.state, State::Ended { .. } | State::Unreadable { .. });
            crashing || live || over
        })
    };
    let mut last = program.snapshot();
    // On a machine that the writing kept busy, the daemon still has to be read.
    wait_until("everything is verified", MINUTE + Duration::from_secs(seconds), || {
        last = program.snapshot();
        rests(&last)
    });
    assert!(last.monitors.iter().all(|m| m.flow.is_conserved()), "{:#?}", last.monitors);
    let (readable, none) = (members.len() - 2, &members[7]);
    let running = last.monitors.iter().filter(|m| m.health == TaskHealth::Running);
    let running = running.filter(|m| !m.name.ends_with("crash")).count();
    assert_eq!(running, readable - 1, "all but none, crash and the removed one run");
    let none = row(&last, &none.container).unwrap();
    assert!(matches!(none.state, State::Unreadable { .. }), "{:?}", none.state);
}

fn quiet_is_verified(program: &Program, members: &[Member]) {
    let snapshot = program.snapshot();
    let quiet = row(&snapshot, &members[1].container).unwrap();
    // The follows of 20.10 ring only, whatever the log.
    assert!(matches!(quiet.state, State::Live { source: LiveSource::Bell }), "{:?}", quiet.state);
    let beat = quiet.beat.unwrap();
    assert_eq!(beat.kind, BeatKind::Verified);
    assert!(snapshot.at.since(beat.at) <= 2 * snapshot.probe, "{beat:?} at {:?}", snapshot.at);
    assert_eq!((quiet.timeouts, quiet.restarts, quiet.errors), (0, 0, 0));
    // A reopen by plan is due every twenty probe intervals; any other would be a doubt.
    let unplanned = quiet.reopens_by.iter().filter(|(cause, _)| cause != "planned");
    assert_eq!(unplanned.count(), 0, "{:?}", quiet.reopens_by);
    let probes = quiet.reads_by.iter().find(|(cause, _)| cause == "probe").map_or(0, |(_, n)| *n);
    assert!(probes >= 5, "a probe every five seconds: {:?}", quiet.reads_by);
    assert_eq!(quiet.flow.stored, 1);
    eprintln!("quiet: verified by {probes} probes, never timed out");
}

fn report(snapshot: &EngineSnapshot) {
    for m in &snapshot.monitors {
        eprintln!(
            "{:<40} {:<12} stored {:>8} overlap {:>8} discarded {:>6} gaps {} reads {:?} reopens {:?} doubts {:?}",
            m.name,
            m.phase.as_str(),
            m.flow.stored,
            m.flow.overlap,
            m.flow.discarded,
            m.gaps,
            m.reads_by,
            m.reopens_by,
            m.doubts_by
        );
        for change in m.transitions.iter().filter(|_| m.gaps > 0) {
            eprintln!(
                "    {} {:?} to {:?}: {}",
                change.wall.to_rfc3339(),
                change.from,
                change.to,
                change.cause
            );
        }
    }
    let store = &snapshot.store;
    eprintln!(
        "commits {} p50 {:.1} ms p99 {:.1} ms, busy {:.2}, {} MiB raw in {} MiB",
        store.commits,
        store.commit_p50_ms,
        store.commit_p99_ms,
        store.busy,
        store.raw_bytes >> 20,
        store.disk_bytes >> 20
    );
}

fn judged(data: &std::path::Path, member: &Member, seconds: u64) -> Checked {
    let mut checked = stored::check(data, &member.container.id, member.kind.lines(seconds));
    if begins_in_doubt(data, member) {
        checked.false_gaps = checked.false_gaps.saturating_sub(1);
    }
    checked
}

/// Whether a log begins with its first line behind a gap of kind `unknown`: when so much was written
/// before the first read that files may have been rotated away, nobody can know (docs/CAPTURE.md).
fn begins_in_doubt(data: &std::path::Path, member: &Member) -> bool {
    let (mut first, mut line) = (None, None);
    stored::walk(data, &member.container.id, |row| match row {
        Row::Seam(placed) if line.is_none() => {
            first.get_or_insert(placed.seam.what.lost == Some(Lost::Unknown));
        }
        Row::Line(stored) if line.is_none() => line = oracle::generated(&stored.text),
        _ => {}
    });
    first == Some(true) && line.is_some_and(|(_, seq)| seq == 0)
}

/// Whether the store has what the generator wrote.
fn is_right(member: &Member, checked: &Checked, seconds: u64) -> bool {
    let lines = member.kind.lines(seconds).unwrap_or(0);
    let streams = if member.name == "race" { 2 } else { 1 };
    match member.kind {
        Kind::Unreadable => checked.lines == 0,
        Kind::Identical(_) => checked.lines == lines && checked.gaps == 0,
        // Its runs are judged by the daemon's file.
        Kind::Crashing => checked.altered == 0 && checked.behind == 0,
        // The only log that the daemon can rotate away between two reads.
        Kind::Paced(_) if member.name == "json3" => {
            checked.is_clean() && checked.lines + checked.reported == lines
        }
        Kind::Paced(_) | Kind::Quiet => checked.is_complete() && checked.lines == lines * streams,
    }
}
