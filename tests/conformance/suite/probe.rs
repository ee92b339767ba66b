//! The two clients that a fact asks with: the program's own, and one that shows every byte.

use std::time::{Duration, Instant};

use logcap_tui::docker::{Docker, DockerError, KeptConnection, LogRequest, LogStream, Step, Tail};
use logcap_tui::model::{Batch, ContainerId, Fd, Timestamp, Timing};
use logcap_tui::sim::ContainerSpec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{DEADLINE, Host, wire};

/// One host and the clients for it.
pub(crate) struct Probe<'h> {
    pub(crate) host: &'h dyn Host,
    pub(crate) docker: Docker,
}

/// A record as the client gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) fd: Fd,
    pub(crate) ts: Timestamp,
    pub(crate) newline: bool,
    pub(crate) text: String,
}

/// A raw answer.
pub(crate) struct Raw {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    bytes: Vec<u8>,
}

impl Raw {
    /// The chunks of the body, and whether its end was marked. Without chunks it is one.
    pub(crate) fn chunks(&self) -> (Vec<Vec<u8>>, bool) {
        if self.head.contains("transfer-encoding: chunked") {
            let (chunks, ended) = wire::chunks(&self.bytes);
            return (chunks.into_iter().map(<[u8]>::to_vec).collect(), ended);
        }
        let body = self.bytes.get(self.head.len()..).unwrap_or_default().to_vec();
        (Vec::from_iter((!body.is_empty()).then_some(body)), true)
    }

    /// The body in one piece.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks().0.concat()
    }

    /// The lines of a framed body without timestamps.
    pub(crate) fn lines(&self) -> Vec<String> {
        wire::lines(&self.body())
    }
}

impl<'h> Probe<'h> {
    /// The clients, introduced to the daemon: what its `since` looks like depends on who it is.
    pub(crate) async fn new(host: &'h dyn Host) -> Self {
        let endpoint = format!("unix://{}", host.socket().display()).parse().unwrap();
        let docker = Docker::new(endpoint, &Timing::default()).unwrap();
        docker.hello().await.unwrap();
        Self { host, docker }
    }

    /// Creates and starts a container.
    pub(crate) fn run(&self, spec: &ContainerSpec) -> ContainerId {
        let id = self.host.create(spec);
        self.host.start(&id);
        id
    }

    /// A plain container under this name.
    pub(crate) fn plain(&self, name: &str) -> ContainerId {
        self.run(&ContainerSpec::named(name))
    }

    /// Writes a line to stdout.
    pub(crate) fn line(&self, id: &ContainerId, text: &str) {
        self.host.write(id, Fd::Stdout, format!("{text}\n").as_bytes());
    }

    /// Writes lines to stdout, each of them seen before the next is written, so that they have
    /// different times and do not share a read of the daemon's.
    pub(crate) async fn lines(&self, id: &ContainerId, texts: &[&str]) -> Vec<Seen> {
        let mut seen = self.read(id, Tail::All).await;
        for text in texts {
            self.line(id, text);
            seen = self.settled(id, seen.len() + 1).await;
        }
        seen
    }

    /// The request for everything.
    pub(crate) fn all(id: &ContainerId) -> LogRequest {
        LogRequest {
            id: id.clone(),
            tty: false,
            cuts: Vec::new(),
            tail: Tail::All,
            since: None,
            follow: false,
            first_byte: DEADLINE,
        }
    }

    /// One bounded read.
    pub(crate) async fn read(&self, id: &ContainerId, tail: Tail) -> Vec<Seen> {
        self.ask(&LogRequest { tail, ..Self::all(id) }).await.unwrap()
    }

    /// One bounded read from a time on.
    pub(crate) async fn since(&self, id: &ContainerId, since: Timestamp) -> Vec<Seen> {
        self.ask(&LogRequest { since: Some(since), ..Self::all(id) }).await.unwrap()
    }

    /// The answer to a request, to its end.
    pub(crate) async fn ask(&self, request: &LogRequest) -> Result<Vec<Seen>, DockerError> {
        Ok(self.ask_on(None, request).await?.0)
    }

    /// The same over a kept connection.
    pub(crate) async fn ask_on(
        &self,
        kept: Option<KeptConnection>,
        request: &LogRequest,
    ) -> Result<(Vec<Seen>, Option<KeptConnection>), DockerError> {
        let mut stream = self.docker.open_log(kept, request).await?;
        let mut out = Batch::new();
        while within(stream.next(&mut out)).await? != Step::End {}
        Ok((seen(&out), stream.into_kept()))
    }

    /// Reads until so many records are there.
    pub(crate) async fn settled(&self, id: &ContainerId, count: usize) -> Vec<Seen> {
        self.read_until(&Self::all(id), |seen| seen.len() >= count).await
    }

    /// Repeats a request until its answer is as wanted.
    pub(crate) async fn read_until(
        &self,
        request: &LogRequest,
        wanted: impl Fn(&[Seen]) -> bool,
    ) -> Vec<Seen> {
        let start = Instant::now();
        loop {
            let seen = self.ask(request).await.unwrap();
            if wanted(&seen) {
                return seen;
            }
            assert!(start.elapsed() < DEADLINE, "the log does not come to this: {seen:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Opens a follow.
    pub(crate) async fn follow(&self, id: &ContainerId, tail: Tail) -> Following {
        let request = LogRequest { tail, follow: true, ..Self::all(id) };
        let stream = self.docker.open_log(None, &request).await.unwrap();
        Following { stream, out: Batch::new() }
    }

    /// The bytes of an answer to a path.
    pub(crate) async fn raw(&self, path: &str) -> Raw {
        let mut io = UnixStream::connect(self.host.socket()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        io.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while matches!(within(io.read_buf(&mut bytes)).await, Ok(1..)) {}
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Raw { status, head, bytes }
    }

    /// The raw answer to a read of a container's log.
    pub(crate) async fn raw_log(&self, id: &ContainerId, query: &str) -> Raw {
        self.raw(&format!("/containers/{}/logs?{query}", id.as_str())).await
    }
}

/// An open follow and what it brought.
pub(crate) struct Following {
    stream: LogStream,
    out: Batch,
}

impl Following {
    /// Waits for so many records in all.
    pub(crate) async fn records(&mut self, count: usize) -> Vec<Seen> {
        while self.out.len() < count {
            let step = within(self.stream.next(&mut self.out)).await.unwrap();
            assert_ne!(step, Step::End, "after {:?}", seen(&self.out));
        }
        seen(&self.out)
    }

    /// Everything to the end, or the error instead of it.
    pub(crate) async fn rest(mut self) -> Result<Vec<Seen>, DockerError> {
        while within(self.stream.next(&mut self.out)).await? != Step::End {}
        Ok(seen(&self.out))
    }
}

/// The texts alone.
pub(crate) fn texts(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|record| record.text.as_str()).collect()
}

/// Length and newline of each.
pub(crate) fn shapes(seen: &[Seen]) -> Vec<(usize, bool)> {
    seen.iter().map(|record| (record.text.len(), record.newline)).collect()
}

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("the daemon answers in time")
}

fn seen(batch: &Batch) -> Vec<Seen> {
    let record = |r: logcap_tui::model::RecordRef<'_>| Seen {
        fd: r.fd,
        ts: r.ts,
        newline: r.newline,
        // One character for each byte, so that what is no text can be compared too.
        text: r.bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    batch.iter().map(record).collect()
}
