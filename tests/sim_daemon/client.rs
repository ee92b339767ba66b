//! A small client that hides nothing: status, headers, and the body as the chunks that came.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use logcap_tui::sim::{Profile, Sim};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub(crate) use super::wire::{chunks, frames, lines};

/// No step of any test takes longer.
const DEADLINE: Duration = Duration::from_secs(10);

/// A daemon in its own directory.
pub(crate) struct Daemon {
    pub(crate) sim: Sim,
    _dir: TempDir,
}

pub(crate) fn daemon(profile: Profile) -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::start(&dir.path().join("docker.sock"), profile).unwrap();
    Daemon { sim, _dir: dir }
}

/// An answer whose body is still coming.
pub(crate) struct Open {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Incoming,
}

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("deadline")
}

/// Sends a request and waits for its headers.
pub(crate) async fn request(sim: &Sim, method: &str, path: &str) -> hyper::Result<Open> {
    let io = UnixStream::connect(sim.socket()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header("host", "x");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = within(sender.send_request(request)).await?;
    let (head, body) = response.into_parts();
    Ok(Open { status: head.status.as_u16(), headers: head.headers, body })
}

pub(crate) async fn open(sim: &Sim, path: &str) -> Open {
    request(sim, "GET", path).await.unwrap()
}

impl Open {
    /// The next piece of the body, nothing at its end.
    pub(crate) async fn next(&mut self) -> Option<hyper::Result<Bytes>> {
        let frame = within(self.body.frame()).await?;
        Some(frame.map(|frame| frame.into_data().unwrap()))
    }

    /// Everything to the end, and whether the end was clean.
    pub(crate) async fn rest(mut self) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            match piece {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(_) => return (all, false),
            }
        }
        (all, true)
    }
}

pub(crate) async fn get(sim: &Sim, path: &str) -> (u16, Vec<u8>) {
    let answer = open(sim, path).await;
    let status = answer.status;
    (status, answer.rest().await.0)
}

/// The raw bytes of an answer, to the end of the connection.
pub(crate) async fn raw(sim: &Sim, path: &str) -> Vec<u8> {
    raw_while(sim, path, |_| {}).await
}

/// The same, with a look at what came so far after each read.
pub(crate) async fn raw_while(sim: &Sim, path: &str, look: impl Fn(&[u8])) -> Vec<u8> {
    let mut io = UnixStream::connect(sim.socket()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    while matches!(within(io.read_buf(&mut all)).await, Ok(1..)) {
        look(&all);
    }
    all
}

/// Waits for something that only other tasks can make true.
pub(crate) async fn eventually(what: impl Fn() -> bool) {
    within(async {
        while !what() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
