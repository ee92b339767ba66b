//! The log plane against a scripted server in memory: every way an answer can go wrong has its own
//! error, and nothing is a line that was not one. Time is paused, so deadlines cost nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as loudly as the tests do")]

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logcap_tui::docker::link::BoxFuture;
use logcap_tui::docker::{
    CallStep, Connect, Docker, DockerError, LogRequest, LogStream, Step, Tail, Wire,
};
use logcap_tui::model::{Batch, ContainerId, Timing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const STAMP: &str = "2006-01-02T15:04:05.000000007Z ";

#[derive(Clone)]
enum Act {
    Send(Vec<u8>),
    Wait(u64),
    /// Ends the answer; the connection waits for the next request.
    Next,
}

/// Connections, each a list of acts after each request; a connection closes when they are used up.
struct Server {
    connections: Mutex<VecDeque<Vec<Act>>>,
    opened: AtomicUsize,
}

impl Connect for Server {
    fn connect(&self) -> BoxFuture<'_, io::Result<Wire>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let acts = self.connections.lock().unwrap().pop_front();
        Box::pin(async move {
            let acts = acts.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (near, far) = duplex(64 << 10);
            tokio::spawn(serve(far, acts));
            Ok(Wire::Memory(Box::new(near)))
        })
    }
}

async fn serve(mut far: DuplexStream, acts: Vec<Act>) {
    request(&mut far).await;
    for act in acts {
        match act {
            Act::Send(bytes) => {
                let _ = far.write_all(&bytes).await;
            }
            Act::Wait(seconds) => sleep(Duration::from_secs(seconds)).await,
            Act::Next => request(&mut far).await,
        }
    }
}

async fn request(far: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match far.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    assert!(head.starts_with(b"GET /containers/"), "{}", String::from_utf8_lossy(&head));
}

fn send(text: impl AsRef<[u8]>) -> Act {
    Act::Send(text.as_ref().to_vec())
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}

fn line(text: &str) -> Vec<u8> {
    let payload = format!("{STAMP}{text}\n");
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    chunk(&[&[1, 0, 0, 0], &length[..], payload.as_bytes()].concat())
}

fn docker(connections: &[&[Act]]) -> (Docker, Arc<Server>) {
    let server = Arc::new(Server {
        connections: Mutex::new(connections.iter().map(|acts| acts.to_vec()).collect()),
        opened: AtomicUsize::new(0),
    });
    let endpoint = "/fake.sock".parse().unwrap();
    let docker = Docker::with_connector(server.clone(), endpoint, &Timing::default()).unwrap();
    (docker, server)
}

fn read(follow: bool) -> LogRequest {
    LogRequest {
        id: ContainerId::new("abc").unwrap(),
        tty: false,
        cuts: Vec::new(),
        tail: Tail::All,
        since: None,
        follow,
        first_byte: Duration::from_secs(30),
    }
}

async fn drain(stream: &mut LogStream, out: &mut Batch) -> Result<(), DockerError> {
    while stream.next(out).await? != Step::End {}
    Ok(())
}

/// Number of records and how the answer ended.
async fn outcome(acts: &[Act], follow: bool) -> (usize, Result<(), DockerError>) {
    let (docker, _) = docker(&[acts]);
    let mut out = Batch::new();
    let result = match docker.open_log(None, &read(follow)).await {
        Ok(mut stream) => drain(&mut stream, &mut out).await,
        Err(error) => Err(error),
    };
    (out.len(), result)
}

#[tokio::test(start_paused = true)]
async fn every_bad_end_has_its_own_error_and_keeps_what_came_before() {
    let half = &line("lost")[..20];
    let giant = chunk(&[1, 0, 0, 0, 255, 255, 255, 255]);
    let inner = chunk(&[1, 0, 0, 0, 0, 0]);
    let error = chunk(&[&[3, 0, 0, 0, 0, 0, 0, 9][..], b"Error: x\n"].concat());
    let cases: [(&str, usize, Vec<Act>); 12] = [
        ("Ok(())", 1, vec![send(CHUNKED), send(line("a")), send("0\r\n\r\n"), Act::Wait(1)]),
        ("Cut { phase: Body", 1, vec![send(CHUNKED), send(line("a")), send(half)]),
        ("Cut { phase: Body", 1, vec![send(CHUNKED), send(line("a"))]),
        ("inside a frame", 1, vec![send(CHUNKED), send(line("a")), send(inner), send("0\r\n\r\n")]),
        ("more than", 1, vec![send(CHUNKED), send(line("a")), send(giant)]),
        ("Fault { text: \"Error: x\"", 1, vec![send(CHUNKED), send(line("a")), send(error)]),
        ("Malformed", 1, vec![send(CHUNKED), send(line("a")), send("zzz\r\n")]),
        ("no marked end", 1, vec![send("HTTP/1.1 200 OK\r\n\r\n"), send(&line("a")[4..45])]),
        ("Cut { phase: Header", 0, vec![send("HTTP/1.1 200")]),
        ("Cut { phase: Header", 0, vec![]),
        ("NotDocker", 0, vec![send("SSH-2.0-OpenSSH_9\r\n")]),
        ("NotDocker", 0, vec![send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>")]),
    ];
    for (expected, records, acts) in cases {
        for follow in [false, true] {
            let (count, result) = outcome(&acts, follow).await;
            let shown = format!("{result:?}");
            assert!(shown.contains(expected), "{shown} should contain {expected}");
            assert_eq!(count, records, "{expected}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_bring_the_daemons_words() {
    for (status, word) in [(404, "NotFound"), (409, "Conflict"), (501, "NotReadable"), (500, "500")]
    {
        let body = r#"{"message":"its words"}"#;
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (_, result) = outcome(&[send(head), Act::Wait(1)], false).await;
        let shown = format!("{:?}", result.unwrap_err());
        assert!(shown.contains(word) && shown.contains("its words"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bounded_read_has_a_deadline_for_each_phase() {
    let cases = [
        (CallStep::Header, 30, vec![Act::Wait(999)]),
        (CallStep::FirstByte, 30, vec![send(CHUNKED), Act::Wait(999)]),
        (CallStep::Body, 10, vec![send(CHUNKED), send(line("a")), Act::Wait(999)]),
    ];
    for (step, seconds, acts) in cases {
        let start = Instant::now();
        let (_, result) = outcome(&acts, false).await;
        let after = Duration::from_secs(seconds);
        assert_eq!(result, Err(DockerError::Timeout { phase: step, after }));
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_follow_may_be_silent_and_even_withhold_its_header() {
    let acts =
        [Act::Wait(4000), send(CHUNKED), Act::Wait(4000), send(line("a")), send("0\r\n\r\n")];
    assert_eq!(outcome(&acts, true).await, (1, Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_is_not_a_slow_daemon() {
    let acts = [send(CHUNKED), send(line("a")), Act::Wait(60), send(line("b")), send("0\r\n\r\n")];
    let (docker, _) = docker(&[&acts]);
    let mut stream = docker.open_log(None, &read(false)).await.unwrap();
    let mut out = Batch::new();
    assert_eq!(stream.next(&mut out).await, Ok(Step::Records(1)));
    sleep(Duration::from_secs(55)).await;
    assert_eq!(drain(&mut stream, &mut out).await, Ok(()));
    assert_eq!(out.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn dropped_calls_lose_nothing_and_still_run_out_of_patience() {
    let mut acts = vec![send(CHUNKED)];
    for byte in (0..20).flat_map(|_| line("dribbled")) {
        acts.extend([send([byte])]);
    }
    acts.extend([send(line("end")), Act::Wait(999)]);
    let (docker, _) = docker(&[&acts]);
    let mut stream = docker.open_log(None, &read(false)).await.unwrap();
    let mut out = Batch::new();
    let start = Instant::now();
    let error = loop {
        match timeout(Duration::from_millis(7), stream.next(&mut out)).await {
            Ok(Err(error)) => break error,
            Ok(Ok(step)) => assert_ne!(step, Step::End),
            Err(_) => {}
        }
    };
    assert_eq!(out.len(), 21);
    assert!(matches!(error, DockerError::Timeout { phase: CallStep::Body, .. }), "{error}");
    assert!((10..12).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_used_again_and_replaced_when_dead() {
    let answer = [send(CHUNKED), send(line("a")), send("0\r\n\r\n")];
    let twice = [&answer[..], &[Act::Next], &answer[..], &[Act::Next]].concat();
    let (docker, server) = docker(&[&twice, &answer]);
    let (mut out, mut kept) = (Batch::new(), None);
    // The third request finds the connection closed without an answer and is asked anew.
    for (reads, connections) in [(1, 1), (2, 1), (3, 2)] {
        let mut stream = docker.open_log(kept.take(), &read(false)).await.unwrap();
        drain(&mut stream, &mut out).await.unwrap();
        kept = stream.into_kept();
        assert!(kept.is_some());
        assert_eq!((out.len(), server.opened.load(Ordering::SeqCst)), (reads, connections));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_stream_fails_again_and_keeps_no_connection() {
    let (docker, _) = docker(&[&[send(CHUNKED), send(line("a"))]]);
    let mut stream = docker.open_log(None, &read(false)).await.unwrap();
    let mut out = Batch::new();
    let first = drain(&mut stream, &mut out).await.unwrap_err();
    assert_eq!(stream.next(&mut out).await, Err(first));
    assert!(stream.into_kept().is_none());
}
