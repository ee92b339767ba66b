//! A connection that can break where HTTP could not break it: inside a chunk, or a few bytes at a time.
//!
//! It wraps any byte stream, so a unix socket, TCP and an in-memory duplex break alike. Only what
//! the daemon sends is affected.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How many bytes dribble at once. A prime, so that the cuts wander through the frames.
const DRIBBLE_BYTES: usize = 7;
/// The pause before each of them: the runtime's finest.
const DRIBBLE_EVERY: Duration = Duration::from_millis(1);

/// The switch of one connection, shared with the answers that it carries.
#[derive(Debug)]
pub(super) struct Breaker {
    dribble: AtomicBool,
    /// Bytes that may still be sent; negative means no limit.
    budget: AtomicI64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self { dribble: AtomicBool::new(false), budget: AtomicI64::new(-1) }
    }

    /// Sends a few bytes per millisecond, so that every frame arrives in pieces.
    pub(super) fn dribble(&self, on: bool) {
        self.dribble.store(on, Ordering::Relaxed);
    }

    /// Breaks the connection after this many more bytes.
    pub(super) fn break_after(&self, bytes: u16) {
        self.budget.store(i64::from(bytes), Ordering::Relaxed);
    }
}

/// A byte stream with a breaker.
#[derive(Debug)]
pub(super) struct Breakable<IO> {
    io: IO,
    breaker: Arc<Breaker>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<IO> Breakable<IO> {
    pub(super) fn new(io: IO, breaker: Arc<Breaker>) -> Self {
        Self { io, breaker, pause: None }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Breakable<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Breakable<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let budget = self.breaker.budget.load(Ordering::Relaxed);
        let mut length = buf.len();
        if let Ok(left) = usize::try_from(budget) {
            if left == 0 {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            length = length.min(left);
        }
        if self.breaker.dribble.load(Ordering::Relaxed) {
            // A timer and not a yield: the client is woken by the socket, and the runtime looks at
            // sockets when it has nothing else to do.
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(DRIBBLE_EVERY)));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
            length = length.min(DRIBBLE_BYTES);
        }
        let written = Pin::new(&mut self.io).poll_write(cx, buf.get(..length).unwrap_or(buf));
        if let (Poll::Ready(Ok(sent)), true) = (&written, budget >= 0) {
            let sent = i64::try_from(*sent).unwrap_or(i64::MAX);
            self.breaker.budget.store((budget - sent).max(0), Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
