//! The routes over real sockets, answered from hand-made snapshots: what is healthy, what is not,
//! and that a picture which has stopped moving is never healthy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly, in their helpers too"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use logcap_tui::engine::handle::CommandRequest;
use logcap_tui::engine::snapshot::{
    Backfill, Coverage, DockerView, Failure, Flow, Link, MonitorRow, TaskCounts,
};
use logcap_tui::engine::{Command, CommandAnswer, EngineHandle, EngineSnapshot, Targets, Verb};
use logcap_tui::model::{
    BeatKind, BeatView, ContainerId, EndProof, Freshness, Guarantee, LiveSource, Moment, State,
    Timestamp, Waiting,
};
use logcap_tui::serve::{
    ClientError, Health, ServeError, Served, Status, command_unix, fetch_unix, listen, serve_tcp,
    serve_unix,
};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const NOW: u64 = 100;

fn seconds(s: u64) -> Moment {
    Moment(Duration::from_secs(s))
}

fn row(n: u32, state: State, overdue: bool, lately: bool) -> Arc<MonitorRow> {
    let freshness = Freshness { fresh: !overdue, overdue, committed_lately: lately };
    let (phase, health) = state.words(freshness);
    Arc::new(MonitorRow {
        id: ContainerId::new(format!("{n:012x}{}", "0".repeat(52))).unwrap(),
        log: None,
        name: format!("shop-web-{n}"),
        project: None,
        service: None,
        image: "web:1".into(),
        driver: "json-file".into(),
        tty: false,
        guarantee: Guarantee::Exact,
        running: true,
        restarting: false,
        docker_restarts: 0,
        matched_by: "default".into(),
        state,
        phase,
        health,
        state_since: seconds(1),
        started: Timestamp(1_000_000_000),
        beat: Some(BeatView { kind: BeatKind::Verified, at: seconds(90) }),
        beat_wall: Some(Timestamp(91_000_000_000)),
        deadline: None,
        stream: None,
        reopens: 3,
        reopens_by: vec![],
        reads_by: vec![],
        doubts_by: vec![],
        lines_per_s: 1.5,
        history: vec![],
        lag: Some(Duration::from_millis(250)),
        flow: Flow { received: 12, stored: 10, overlap: 2, ..Flow::default() },
        stored_total: 1000,
        lines: 1000,
        bytes: 100_000,
        gaps_new: 0,
        restarts: 4,
        timeouts: 0,
        panics: 0,
        errors: 2,
        failure: None,
        gaps: 0,
        retry_at: None,
        next_seq: None,
        last_record: None,
        last_read: None,
        backfill: Backfill::None,
        fetched: None,
        transitions: vec![],
    })
}

fn live(n: u32) -> Arc<MonitorRow> {
    row(n, State::Live { source: LiveSource::Follow }, false, n.is_multiple_of(2))
}

fn stale(n: u32) -> Arc<MonitorRow> {
    row(n, State::Live { source: LiveSource::Follow }, true, false)
}

fn snapshot(monitors: Vec<Arc<MonitorRow>>) -> EngineSnapshot {
    let link = Link::Up { since: seconds(0), version: "Docker 28.2.2".into(), api: "1.50".into() };
    EngineSnapshot {
        at: seconds(NOW),
        wall: Timestamp(100_500_000_000),
        started: Timestamp(500_000_000),
        ready: true,
        docker: DockerView { endpoint: "unix:///run/docker.sock".into(), link, blind: None },
        coverage: Coverage { running: 9, matched: 8, fresh: 7, excluded: vec![], uncaptured: 1 },
        tasks: TaskCounts { expected: 5, actual: 5, ..TaskCounts::default() },
        monitors,
        ..EngineSnapshot::default()
    }
}

/// An engine that shows one snapshot, and a clock that the test moves.
struct Engine {
    served: Served,
    clock: Arc<AtomicU64>,
    snapshots: Option<watch::Sender<Arc<EngineSnapshot>>>,
    _commits: watch::Sender<u64>,
    commands: mpsc::Receiver<CommandRequest>,
}

fn engine(snapshot: EngineSnapshot) -> Engine {
    let (snapshots, watched) = watch::channel(Arc::new(snapshot));
    let (commits_tx, commits) = watch::channel(0);
    let (orders, commands) = mpsc::channel(4);
    let clock = Arc::new(AtomicU64::new(NOW));
    let read = Arc::clone(&clock);
    let served = Served {
        handle: EngineHandle::new(watched, commits, Some(orders)),
        clock: Arc::new(move || seconds(read.load(Ordering::Relaxed))),
    };
    Engine { served, clock, snapshots: Some(snapshots), _commits: commits_tx, commands }
}

fn status_of(snapshot: EngineSnapshot) -> Status {
    engine(snapshot).served.health().status
}

#[test]
fn running_and_quiet_monitors_are_healthy_and_a_stale_one_is_not() {
    assert_eq!(status_of(snapshot(vec![live(1), live(2)])), Status::Ok);
    assert_eq!(status_of(snapshot(vec![live(1), stale(2)])), Status::Failing);
    let quarantined = State::Waiting { why: Waiting::Quarantined { retry_at: seconds(160) } };
    assert_eq!(status_of(snapshot(vec![row(1, quarantined, false, false)])), Status::Failing);
}

#[test]
fn paused_and_unreadable_are_counted_and_healthy() {
    let paused = row(1, State::Waiting { why: Waiting::Paused }, true, false);
    let none = row(2, State::Unreadable { why: "driver none".into() }, false, false);
    let ended = row(3, State::Ended { proof: EndProof::Verified }, false, false);
    let health = engine(snapshot(vec![paused, none, ended])).served.health();
    assert_eq!((health.status, health.paused, health.unreadable), (Status::Ok, 1, 1));
}

#[test]
fn a_daemon_or_store_that_is_down_fails() {
    let mut down = snapshot(vec![live(1)]);
    down.docker.link = Link::Down {
        since: seconds(1),
        error: "connection refused".into(),
        hint: "start it".into(),
        tried: vec![],
        retry_at: seconds(120),
        attempts: 3,
    };
    let health = engine(down).served.health();
    assert_eq!(health.status, Status::Failing);
    assert_eq!(health.docker.error.as_deref(), Some("connection refused"));
    let mut full = snapshot(vec![live(1)]);
    full.store.blocked = Some("disk full".into());
    assert_eq!(status_of(full), Status::Failing);
    assert_eq!(status_of(EngineSnapshot::default()), Status::Stuck);
}

#[test]
fn a_snapshot_that_stopped_moving_is_stuck_however_good_it_looks() {
    let mut engine = engine(snapshot(vec![live(1)]));
    engine.clock.store(NOW + 5, Ordering::Relaxed);
    assert_eq!(engine.served.health().status, Status::Ok);
    engine.clock.store(NOW + 6, Ordering::Relaxed);
    assert_eq!(engine.served.health().status, Status::Stuck);
    engine.clock.store(NOW, Ordering::Relaxed);
    engine.snapshots = None;
    assert_eq!(engine.served.health().status, Status::Stuck, "its maker is gone");
}

/// Sends one request over TCP and reads the answer to its end: status and body.
async fn http(addr: SocketAddr, request: &'static str) -> (u16, String) {
    let ask = move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let text = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let code = answer[9..12].parse().unwrap();
        (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

async fn tcp(engine: &Engine) -> (SocketAddr, CancellationToken) {
    let listener = listen::bind_tcp("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let cancel = CancellationToken::new();
    tokio::spawn(listen::serve_listener(listener, engine.served.clone(), cancel.clone()));
    (addr, cancel)
}

#[tokio::test]
async fn health_over_tcp_has_the_documented_shape() {
    let mut failed = Arc::unwrap_or_clone(stale(3));
    failed.failure = Some(Failure { cause: "reset".into(), at: seconds(99), attempt: 1 });
    failed.beat = None;
    failed.beat_wall = None;
    let engine = engine(snapshot(vec![live(1), live(2), Arc::new(failed)]));
    let (addr, _cancel) = tcp(&engine).await;
    let (code, body) = http(addr, "GET /health").await;
    assert_eq!(code, 503);
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(health["status"], "failing");
    assert_eq!(health["uptime_s"], 100.0);
    assert_eq!(health["at"], "1970-01-01T00:01:40.500000000Z");
    let tasks = health["tasks"].as_array().unwrap();
    let running = tasks
        .iter()
        .filter(|t| t["id"].as_str().unwrap().starts_with("container_") && t["state"] == "running");
    assert_eq!(running.count(), 2);
    assert_eq!(tasks[0]["id"], "container_000000000001");
    assert_eq!(tasks[0]["phase"], "quiet");
    assert_eq!(tasks[0]["evidence"], "verified");
    assert_eq!(tasks[0]["lag"], 0.25);
    assert_eq!(tasks[2]["last_heartbeat"], Value::Null);
    assert_eq!(tasks[2]["last_error"], "reset");
    let keys: Vec<&str> = tasks[0].as_object().unwrap().keys().map(String::as_str).collect();
    let mut documented = [
        "id",
        "name",
        "state",
        "phase",
        "started_at",
        "last_heartbeat",
        "evidence",
        "error_count",
        "last_error",
        "restarts",
        "rotations",
        "lag",
        "gaps",
        "lines",
    ];
    documented.sort_unstable();
    let mut keys_sorted = keys.clone();
    keys_sorted.sort_unstable();
    assert_eq!(keys_sorted, documented);
}

#[tokio::test]
async fn ready_metrics_and_snapshot_answer_over_tcp_and_orders_do_not() {
    let engine = engine(snapshot(vec![live(1), stale(2)]));
    let (addr, _cancel) = tcp(&engine).await;
    assert_eq!(http(addr, "GET /ready").await.0, 200);
    let (code, text) = http(addr, "GET /metrics").await;
    assert_eq!(code, 200);
    for line in [
        "logcap_healthy 0.0",
        "logcap_tasks_expected 5.0",
        r#"logcap_monitor_state{container="shop-web-1",id="000000000001",state="running"} 1.0"#,
        r#"logcap_monitor_state{container="shop-web-2",id="000000000002",state="running"} 0.0"#,
        r#"logcap_monitor_evidence_age_seconds{container="shop-web-1",id="000000000001"} 10.0"#,
        r#"logcap_monitor_lines_total{container="shop-web-1",id="000000000001"} 10"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
    }
    let (_, body) = http(addr, "GET /snapshot").await;
    let back: EngineSnapshot = serde_json::from_str(&body).unwrap();
    assert_eq!(back, *engine.served.handle.snapshot());
    assert_eq!(http(addr, "POST /command").await.0, 404);
}

#[tokio::test]
async fn not_ready_is_503_until_the_first_reconcile() {
    let engine = engine(EngineSnapshot { ready: false, ..snapshot(vec![]) });
    let (addr, _cancel) = tcp(&engine).await;
    assert_eq!(http(addr, "GET /ready").await.0, 503);
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused_and_the_error_says_what_it_shows() {
    let addr = "0.0.0.0:0".parse().unwrap();
    let served = engine(snapshot(vec![])).served;
    let error = serve_tcp(addr, false, served, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ServeError::NotLoopback(_)));
    assert!(error.to_string().contains("container names"), "{error}");
    assert!(listen::bind_tcp(addr, true).await.is_ok());
}

/// Serves on `path` and returns once it answers.
async fn unix(
    path: &Path,
    served: Served,
) -> (CancellationToken, tokio::task::JoinHandle<Result<(), ServeError>>) {
    let cancel = CancellationToken::new();
    let (at, stop) = (path.to_owned(), cancel.clone());
    let task = tokio::spawn(async move { serve_unix(&at, served, stop).await });
    let answers = async {
        while fetch_unix(path, "/ready").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), answers).await.unwrap();
    (cancel, task)
}

#[tokio::test]
async fn the_unix_socket_is_private_takes_orders_and_goes_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("engine.sock");
    let mut engine = engine(snapshot(vec![stale(1)]));
    let (cancel, task) = unix(&path, engine.served.clone()).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let body = fetch_unix(&path, "/health").await.unwrap();
    let health: Health = serde_json::from_slice(&body).unwrap();
    assert_eq!(health.status, Status::Failing);

    let order = Command { verb: Verb::Pause, targets: Targets::All };
    let (answer, ()) = tokio::join!(command_unix(&path, &order), async {
        let request = engine.commands.recv().await.unwrap();
        assert_eq!(request.command, Command { verb: Verb::Pause, targets: Targets::All });
        request.answer.send(CommandAnswer { done: 1, ..CommandAnswer::default() }).unwrap();
    });
    assert_eq!(answer.unwrap().done, 1);

    engine.commands.close();
    let refused = command_unix(&path, &order).await.unwrap_err();
    assert!(refused.to_string().contains("the engine has stopped"), "{refused}");

    cancel.cancel();
    task.await.unwrap().unwrap();
    assert!(!path.exists());
    let gone = fetch_unix(&path, "/health").await.unwrap_err();
    assert!(matches!(gone, ClientError::Connect { .. }));
}

/// As the engine does with what is left when its monitors have ended.
#[tokio::test]
async fn a_server_that_is_broken_off_takes_its_socket_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("engine.sock");
    let engine = engine(snapshot(vec![live(1)]));
    let (_cancel, task) = unix(&path, engine.served.clone()).await;
    assert!(path.exists(), "control");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(!path.exists());
}

#[tokio::test]
async fn a_dead_socket_is_replaced_a_living_one_and_a_file_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("engine.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let engine = engine(snapshot(vec![live(1)]));
    let (_cancel, _task) = unix(&path, engine.served.clone()).await;
    let second = serve_unix(&path, engine.served.clone(), CancellationToken::new()).await;
    assert!(matches!(second, Err(ServeError::InUse(_))));
    assert!(fetch_unix(&path, "/health").await.is_ok(), "the first still answers");

    let file = dir.path().join("notes.txt");
    std::fs::write(&file, "keep me").unwrap();
    let third = serve_unix(&file, engine.served, CancellationToken::new()).await;
    assert!(matches!(third, Err(ServeError::NotASocket(_))));
    assert_eq!(std::fs::read(&file).unwrap(), b"keep me");
}

#[tokio::test]
async fn idle_connections_beyond_the_bound_wait_and_are_cut_at_stop() {
    let engine = engine(snapshot(vec![live(1)]));
    let (addr, cancel) = tcp(&engine).await;
    let idle: Vec<_> =
        (0..listen::MAX_CONNECTIONS).map(|_| TcpStream::connect(addr).unwrap()).collect();
    // Answered only once the idle ones have been cut by the header timeout.
    assert_eq!(http(addr, "GET /ready").await.0, 200);
    drop(idle);
    cancel.cancel();
}
