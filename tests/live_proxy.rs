//! What stands between the program and a real daemon: answers that are cut, stalled and dribbled,
//! a socket that goes away, and a daemon that says it is a newer one.
//!
//! From Docker 23 on a follow of a log that cannot rotate is trusted: what it brings is stored as
//! it comes. The daemon at hand may be older, and then no follow is more than a bell; so the proxy
//! gives its version as 24. All else is the daemon's own, on a daemon of the test's own.
//!
//! `LOGCAP_LIVE_SEED` seeds the disturbances and `LOGCAP_LIVE_SECONDS` says how long they go on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use logcap_tui::engine::snapshot::{Link, MonitorRow};
use logcap_tui::engine::{EngineSnapshot, Verb};
use logcap_tui::model::{EventKind, LiveSource, Phase, State};
use support::program::{row, setting};
use support::proxy::{Asked, Fault, Loss, Plan};
use support::scene::{let_pass, lives, quiet, writer};
use support::{Container, Daemon, Proxy, Scene, stored, wait_until};

const MINUTE: Duration = Duration::from_mins(1);
/// The version whose follows are trusted.
const TRUSTED: u32 = 24;
/// Longest wait between two attempts to reach a daemon, with a probe interval of five seconds.
const BACKOFF_CAP: Duration = Duration::from_secs(5);

fn follows(row: &MonitorRow) -> bool {
    lives(row) && row.state == State::Live { source: LiveSource::Follow }
}

/// Whether these monitors listen to a follow that commits.
fn all_follow(snapshot: &EngineSnapshot, containers: &[&Container]) -> bool {
    containers.iter().all(|container| row(snapshot, container).is_some_and(|r| follows(&r)))
}

/// A busy and a quiet container behind a proxy that gives the daemon's version as 24, captured by
/// follows that commit.
fn trusted(test: &str) -> (Scene, Proxy, Container, Container) {
    let mut scene = Scene::new(test);
    let proxy = Proxy::telling(&scene.second.daemon, TRUSTED);
    let busy = scene.run(&writer("busy", "--rate 1000"));
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&proxy.daemon);
    let snapshot =
        scene.wait("both logs are followed", MINUTE, |s| all_follow(s, &[&busy, &quiet]));
    let Link::Up { version, .. } = &snapshot.docker.link else { panic!("{:?}", snapshot.docker) };
    assert!(version.contains("24."), "{version}");
    (scene, proxy, busy, quiet)
}

#[test]
#[ignore = "needs a Docker daemon"]
fn follows_that_commit_bring_every_line_once_over_reopens_and_restarts() {
    let (mut scene, _proxy, busy, quiet) = trusted("follow");
    let began = Instant::now();
    let mut spoken = 3;
    for round in 0..30 {
        let verb = if round % 3 == 2 { Verb::Restart } else { Verb::Reopen };
        for container in [&busy, &quiet] {
            // Not the count of reopens: a monitor that is on its way to a new follow does not
            // count an order for one.
            let opened = |r: &MonitorRow| r.stream.map(|stream| stream.opened);
            let before = opened(&scene.row(container));
            assert_eq!(scene.program().order(verb, container).done, 1);
            scene.wait(&format!("round {round}: {verb:?}, and it follows"), MINUTE, |snapshot| {
                row(snapshot, container).is_some_and(|r| opened(&r) > before && follows(&r))
            });
        }
        if round % 20 == 10 {
            scene.speak(&quiet, spoken, MINUTE);
            spoken += 1;
            let runs = |c: &Container| c.inspect("{{.State.StartedAt}}");
            let before = runs(&busy);
            busy.docker("restart");
            assert_ne!(runs(&busy), before);
        }
    }
    let took = began.elapsed();
    let reads = |r: &MonitorRow| r.reads_by.iter().map(|(_, n)| n).sum::<u64>();
    // At rest: what is stored now came without a read.
    scene.wait_until_all_move(MINUTE);
    let before = scene.row(&busy);
    let after = scene.wait("a thousand more are stored", MINUTE, |snapshot| {
        row(snapshot, &busy).is_some_and(|r| r.flow.stored > before.flow.stored + 1000)
    });
    let after = row(&after, &busy).unwrap();
    assert_eq!(reads(&after), reads(&before), "no read: the follow itself commits");
    assert_eq!((after.timeouts, after.errors), (0, 0), "{:?}", after.failure);
    eprintln!("{} reopens, {} restarts of a follow in {took:?}", after.reopens, after.restarts);
    scene.stop();
    scene.assert_complete();
}

/// Leaves one chunk out of the first follow that brings so many.
fn swallows(proxy: &Proxy) {
    let mut left = 1;
    proxy.disturb(move |asked| {
        let hit = asked == Asked::Follow && left > 0;
        left -= i32::from(hit);
        hit.then_some(Plan { fault: Fault::Swallow, after: 500, lasts: Duration::ZERO })
    });
}

/// The control of everything here: what a committing follow lacks is missing in the store and is
/// seen to be missing; where a follow is only a bell the same costs nothing.
#[test]
#[ignore = "needs a Docker daemon"]
fn a_frame_that_the_proxy_swallows_is_missed_where_follows_commit_and_nowhere_else() {
    for (told, lost) in [(true, 1), (false, 0)] {
        let mut scene = Scene::new("swallow");
        let daemon = &scene.second.daemon;
        let proxy = if told { Proxy::telling(daemon, TRUSTED) } else { Proxy::to(daemon) };
        let busy = scene.run(&writer("busy", "--rate 1000"));
        swallows(&proxy);
        scene.capture(&proxy.daemon);
        scene.wait("a chunk was swallowed", MINUTE, |_| {
            proxy.done().contains_key(&(Fault::Swallow, Asked::Follow))
        });
        let source = scene.row(&busy).state;
        scene.wait_until_all_move(MINUTE);
        scene.stop();
        let verdict = scene.judge(&busy);
        let checked = stored::check(&scene.data, &busy.id, None);
        eprintln!("as told: {told}, {source:?}: {verdict:?}");
        assert_eq!(verdict.lost_unreported, usize::from(lost > 0), "{source:?} {verdict:?}");
        assert_eq!(checked.lost, lost, "{source:?} {checked:?}");
    }
}

/// Random numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

const FAULTS: [Fault; 6] = [
    Fault::MidHeader,
    Fault::MidChunk,
    Fault::BetweenChunks,
    Fault::MidFrame,
    Fault::Stall,
    Fault::Dribble,
];

/// Hits every follow again and again, and some of everything else.
fn chaos(seed: u64) -> impl FnMut(Asked) -> Option<Plan> {
    let mut random = Random(seed | 1);
    move |asked| {
        let (of_ten, chunks) = match asked {
            Asked::Follow => (10, 3000),
            Asked::Read => (2, 300),
            Asked::Version | Asked::Other => (1, 2),
        };
        if random.below(10) >= of_ten {
            return None;
        }
        let fault = FAULTS[usize::try_from(random.below(6)).unwrap()];
        // Some are longer than the deadline of an answer's head and of its pieces, ten seconds.
        let lasts = Duration::from_secs(if random.below(10) == 0 { 12 } else { 2 });
        Some(Plan { fault, after: random.below(chunks), lasts })
    }
}

#[test]
#[ignore = "needs a Docker daemon"]
fn cut_stalled_and_dribbling_answers_lose_and_double_nothing() {
    let (seed, seconds) = (setting("LOGCAP_LIVE_SEED", 7), setting("LOGCAP_LIVE_SECONDS", 20));
    let (mut scene, proxy, busy, quiet) = trusted("chaos");
    // One whose follow is a bell although nothing rotates here, and one without frames.
    let wide = |spec: support::Spec| spec.opt("max-size", "100m").opt("max-file", "2");
    scene.run(&wide(writer("bell", "--rate 300 --both")));
    scene.run(&writer("tty", "--rate 50").tty());
    scene.run(&writer("more", "--rate 300 --both"));
    scene.run(&writer("long", "--rate 20 --len 40000"));
    scene.wait_until_all_move(MINUTE);

    eprintln!("LOGCAP_LIVE_SEED={seed}");
    proxy.disturb(chaos(seed));
    // What is open was begun in peace.
    proxy.cut_all();
    let_pass("the answers are disturbed", Duration::from_secs(seconds));
    // On a slow machine less is asked for in that time.
    let came = |fault| proxy.done().keys().any(|(done, _)| *done == fault);
    wait_until("every fault came", MINUTE, || FAULTS.into_iter().all(came));
    scene.wait("the busiest follow that commits is hit", MINUTE, |snapshot| {
        row(snapshot, &busy).is_some_and(|r| r.reopens + r.errors >= 3)
    });
    proxy.calm();
    let began = Instant::now();
    // A monitor in quarantine tries once a minute.
    scene.wait_until_all_move(2 * MINUTE);
    scene.speak(&quiet, 3, MINUTE);
    eprintln!("all is well {:?} after the last disturbance", began.elapsed());

    let done = proxy.done();
    for ((fault, asked), times) in &done {
        eprintln!("    {fault:?} of {asked:?}: {times}");
    }
    let sums = scene.program().snapshot().totals;
    eprintln!("{} timeouts, {} restarts, {} gaps", sums.timeouts, sums.restarts, sums.gaps);
    scene.stop();
    scene.assert_complete();
}

/// Whether the whole engine says that the daemon is down, in these words.
fn is_down(snapshot: &EngineSnapshot, words: &str) -> bool {
    let Link::Down { error, .. } = &snapshot.docker.link else { return false };
    let waits = |row: &MonitorRow| row.phase == Phase::DaemonDown;
    error.contains(words) && snapshot.monitors.iter().all(|row| waits(row))
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_socket_that_goes_away_is_named_and_costs_nothing() {
    let (mut scene, mut proxy, _busy, quiet) = trusted("socket");
    scene.run(&writer("tty", "--rate 50").tty());
    scene.wait_until_all_move(MINUTE);
    let monitors = scene.program().snapshot().monitors.len();
    let away = if setting("LOGCAP_LIVE_MATRIX", 0) > 0 { 60 } else { 8 };
    let losses = [
        (Loss::Removed, "there is no such socket", away),
        (Loss::Refused, "the socket exists but nothing listens on it", 3),
    ];
    for (nth, (loss, words, seconds)) in (0..).zip(losses) {
        let before = scene.program().snapshot();
        assert!(before.is_healthy() && !is_down(&before, words), "control: {:?}", before.docker);
        proxy.lose(loss);
        proxy.cut_all();
        let began = Instant::now();
        let down = scene.wait("the loss is named", MINUTE, |s| is_down(s, words));
        let named = began.elapsed();
        assert!(!down.is_healthy());
        let_pass("the socket is away", Duration::from_secs(seconds));
        let still = scene.program().snapshot();
        assert!(is_down(&still, words), "{:?}", still.docker);
        assert_eq!(still.monitors.len(), monitors, "nobody is forgotten");
        proxy.restore();
        let back = Instant::now();
        scene.wait("the daemon is back", 2 * BACKOFF_CAP, EngineSnapshot::is_healthy);
        let (up, quiet) = (back.elapsed(), &quiet);
        scene.wait_until_all_move(MINUTE);
        eprintln!("{loss:?}: named after {named:?}, up {up:?} and live {:?} later", back.elapsed());
        scene.speak(quiet, 3 + nth, MINUTE);
    }
    let after = scene.program().snapshot();
    assert_eq!((after.totals.timeouts, after.totals.gaps), (0, 0));
    scene.stop();
    let down = scene.events(EventKind::DaemonDown);
    assert_eq!(down.len(), 2, "{down:?}");
    assert_eq!(scene.events(EventKind::MonitorFailed), [""; 0], "the loss is nobody's failure");
    scene.assert_complete();
}

/// The socket's file goes, and what is open stays open: what a tidy-up of `/run` leaves behind.
#[test]
#[ignore = "needs a Docker daemon"]
fn a_socket_whose_file_goes_while_streams_stay_open_costs_nothing() {
    let (mut scene, mut proxy, busy, quiet) = trusted("file");
    let other = scene.run(&writer("tty", "--rate 50").tty());
    scene.wait_until_all_move(MINUTE);
    let before = scene.row(&busy).flow.stored;
    proxy.lose(Loss::Removed);
    let_pass("the file is away", Duration::from_secs(8));
    let meanwhile = scene.program().snapshot();
    let states: Vec<_> = meanwhile.monitors.iter().map(|m| (&m.name, m.phase)).collect();
    let more = row(&meanwhile, &busy).unwrap().flow.stored - before;
    eprintln!("without the file: {:?}, {states:?}, {more} lines more", meanwhile.docker.link);
    assert_eq!(meanwhile.monitors.len(), scene.containers.len(), "nobody is forgotten");
    proxy.restore();
    let back = Instant::now();
    scene.wait("the daemon is back", 2 * BACKOFF_CAP, EngineSnapshot::is_healthy);
    scene.wait_until_all_move(MINUTE);
    eprintln!("live {:?} after the file is back", back.elapsed());
    scene.speak(&quiet, 3, MINUTE);
    assert_eq!(scene.row(&other).gaps + scene.row(&busy).gaps, 0);
    scene.stop();
    scene.assert_complete();
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Answers every request with three frames, as a daemon does.
fn serve(listener: &UnixListener) {
    while let Ok((mut client, _)) = listener.accept() {
        let mut request = [0; 1000];
        if !matches!(client.read(&mut request), Ok(1..)) {
            return;
        }
        let mut answer = HEAD.as_bytes().to_vec();
        for word in ["one 20.10.24\n", "two\n", "three\n"] {
            let mut frame = vec![1, 0, 0, 0, 0, 0, 0, u8::try_from(word.len()).unwrap()];
            frame.extend_from_slice(word.as_bytes());
            answer.extend_from_slice(format!("{:x}\r\n", frame.len()).as_bytes());
            answer.extend_from_slice(&frame);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        let _ = client.write_all(&answer);
    }
}

/// All that an answer to this brings until it is cut, or until its last chunk.
fn asked(proxy: &Proxy, target: &str) -> String {
    let mut stream = UnixStream::connect(proxy.daemon.socket()).unwrap();
    stream.set_read_timeout(Some(MINUTE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (mut all, mut byte) = (Vec::new(), [0]);
    while !all.ends_with(b"0\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        all.push(byte[0]);
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn the_proxy_breaks_answers_where_it_is_told_to_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daemon.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || serve(&listener));
    let uri = format!("unix://{}", path.display());
    let mut proxy = Proxy::to(&Daemon { uri, root: folder.path().to_owned() });
    let logs = "/containers/x/logs?follow=1&tail=0";
    let whole = asked(&proxy, logs);
    assert!(whole.ends_with("three\n\r\n0\r\n\r\n") && whole.starts_with(HEAD), "{whole:?}");

    let broken = |fault, after, target| {
        let mut once = Some(Plan { fault, after, lasts: Duration::from_millis(1) });
        proxy.disturb(move |_| once.take());
        let answer = asked(&proxy, target);
        proxy.calm();
        answer
    };
    let cut = broken(Fault::MidHeader, 0, logs);
    assert!(HEAD.starts_with(&cut) && cut.len() < HEAD.len(), "{cut:?}");
    let cut = broken(Fault::MidChunk, 1, logs);
    assert!(whole.starts_with(&cut) && cut.contains("one") && !cut.contains("two\n"), "{cut:?}");
    let cut = broken(Fault::BetweenChunks, 2, logs);
    assert!(whole.starts_with(&cut) && cut.ends_with("two\n\r\n"), "{cut:?}");
    let cut = broken(Fault::BetweenChunks, 99, logs);
    assert!(whole.starts_with(&cut) && cut.ends_with("three\n\r\n"), "at the end: {cut:?}");
    let cut = broken(Fault::MidFrame, 1, logs);
    assert!(cut.ends_with("\r\n0\r\n\r\n") && !cut.contains("two\n"), "{cut:?}");
    assert!(cut.contains("7\r\n\u{1}"), "the size is that of what is left: {cut:?}");
    let less = broken(Fault::Swallow, 1, logs);
    assert!(less.contains("three") && !less.contains("two"), "{less:?}");
    for fault in [Fault::Stall, Fault::Dribble] {
        assert_eq!(broken(fault, 1, logs), whole, "late and unchanged");
    }
    assert_eq!(asked(&proxy, logs), whole, "calm again");
    assert_eq!(proxy.done().values().sum::<u64>(), 8, "{:?}", proxy.done());
    assert_eq!(proxy.done()[&(Fault::MidFrame, Asked::Follow)], 1);
    broken(Fault::MidChunk, 0, "/containers/x/logs?follow=0&tail=9");
    assert_eq!(proxy.done()[&(Fault::MidChunk, Asked::Read)], 1);

    proxy.lose(Loss::Refused);
    let refused = UnixStream::connect(proxy.daemon.socket()).unwrap_err().kind();
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);
    proxy.restore();
    proxy.lose(Loss::Removed);
    let gone = UnixStream::connect(proxy.daemon.socket()).unwrap_err().kind();
    assert_eq!(gone, std::io::ErrorKind::NotFound);
    proxy.restore();
    assert_eq!(asked(&proxy, logs), whole);
    drop(proxy);
    // A connection without a request ends the server.
    drop(UnixStream::connect(&path).unwrap());
    server.join().unwrap();
}
