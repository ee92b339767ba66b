//! One HTTP connection to the daemon, driven by whoever waits on it.
//!
//! A `Link` is hyper's request handle and its connection side by side. No task is spawned: the
//! connection advances only while its owner polls it, so dropping the owner closes the socket
//! and nothing runs on. After an answer was read to its end the link can be kept for the next
//! read, which saves the daemon a connection (and us a descriptor) per read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use super::endpoint::Endpoint;
use super::error::{CallStep, DockerError};
use super::paced::{PacedIo, Wire};

/// Bound of hyper's read buffer. It starts at 8 KiB and grows only while reads fill it; a unix
/// socket holds some 50 KiB of short records, so more would never be filled.
const READ_BUFFER: usize = 64 << 10;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes connections. The seam between the client and the network, so that a simulated daemon can
/// be spoken to in memory.
pub trait Connect: Send + Sync {
    /// Opens one connection. The caller sets the deadline.
    fn connect(&self) -> BoxFuture<'_, io::Result<Wire>>;
}

impl Connect for Endpoint {
    fn connect(&self) -> BoxFuture<'_, io::Result<Wire>> {
        Box::pin(async move {
            match self {
                Self::Unix(path) => UnixStream::connect(path).await.map(Wire::Unix),
                Self::Tcp { host, port } => {
                    let socket = TcpStream::connect((host.as_str(), *port)).await?;
                    socket.set_nodelay(true)?;
                    Ok(Wire::Tcp(socket))
                }
            }
        })
    }
}

/// Opens a connection within `limit` and says in plain words why it did not.
pub(crate) async fn open(
    connector: &dyn Connect,
    endpoint: &Endpoint,
    limit: Duration,
) -> Result<Wire, DockerError> {
    match tokio::time::timeout(limit, connector.connect()).await {
        Ok(Ok(wire)) => Ok(wire),
        Ok(Err(error)) => Err(DockerError::connect(&error, endpoint)),
        Err(_) => Err(DockerError::Timeout { phase: CallStep::Connect, after: limit }),
    }
}

type Body = Empty<Bytes>;
/// An answer on its way.
pub(crate) type Answer = BoxFuture<'static, hyper::Result<Response<Incoming>>>;

/// A connection and the handle that puts requests on it.
pub(crate) struct Link {
    sender: http1::SendRequest<Body>,
    connection: Option<http1::Connection<TokioIo<PacedIo>, Body>>,
    failure: Option<hyper::Error>,
}

impl Link {
    /// Speaks HTTP on a fresh connection. Does no I/O yet.
    pub(crate) async fn new(wire: Wire) -> hyper::Result<Self> {
        let io = TokioIo::new(PacedIo::new(wire));
        let (sender, connection) =
            http1::Builder::new().max_buf_size(READ_BUFFER).handshake(io).await?;
        Ok(Self { sender, connection: Some(connection), failure: None })
    }

    /// Advances the connection as far as it goes now. Returns whether it has ended.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(connection) = &mut self.connection else { return true };
        match Pin::new(connection).poll(cx) {
            Poll::Pending => false,
            Poll::Ready(result) => {
                self.connection = None;
                self.failure = result.err();
                true
            }
        }
    }

    /// Why the connection ended, if it ended badly.
    pub(crate) fn take_failure(&mut self) -> Option<hyper::Error> {
        self.failure.take()
    }

    /// Waits until a kept connection can take a request; false if it is dead.
    pub(crate) async fn ready(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            let ended = self.drive(cx);
            match self.sender.poll_ready(cx) {
                Poll::Ready(result) => Poll::Ready(result.is_ok() && !ended),
                Poll::Pending if ended => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Puts a request on the connection. The answer comes only while the link is driven.
    pub(crate) fn send(&mut self, request: Request<Body>) -> Answer {
        Box::pin(self.sender.send_request(request))
    }
}

/// A connection whose last answer was read to its end, ready for the next read.
pub struct KeptConnection(pub(crate) Link);
