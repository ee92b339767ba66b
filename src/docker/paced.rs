//! A socket that stops waking us for every line while a log is hot.
//!
//! The daemon writes each record with its own system call, and epoll wakes the reader for each:
//! at full speed waking and reading cost more than everything else together (docs/CAPTURE.md,
//! part 5). So after a run of reads in quick succession the socket is taken out of the reactor and
//! read on a timer, at each of its ticks, until it has been empty for a while; then it goes back. A
//! quiet stream never notices: it is read the moment it has something.
//!
//! The rest must stay short. A unix socket holds about 270 small writes, after which the daemon
//! itself waits for us. When a read fills the buffer that it was given, more is there and no rest is
//! taken.

use std::future::Future;
use std::io::{self, Read};
use std::net::TcpStream as StdTcp;
use std::os::unix::net::UnixStream as StdUnix;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep, sleep_until};

/// Between two reads of a hot socket. Tokio's clock ticks in milliseconds and rounds up, so this
/// asks for the next tick. Asking for a whole millisecond waits for two, in which the daemon fills
/// the socket and stalls: about 1.2 instead of 0.85 times curl's wall time (docs/CAPTURE.md).
const REST: Duration = Duration::from_micros(100);
/// Reads count as one run while no more than this lies between them.
const RUN_GAP: Duration = Duration::from_millis(2);
/// Reads in one run that make a socket hot. A short answer is over before that.
const RUN: u32 = 64;
/// Empty reads in a row that make it cold again.
const EMPTY: u32 = 4;

/// What a [`PacedIo`] can be put on.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open connection as a [`super::Connect`] makes it.
pub enum Wire {
    /// To a unix socket.
    Unix(UnixStream),
    /// Over TCP.
    Tcp(TcpStream),
    /// In memory, for simulations. Never paced.
    Memory(Box<dyn Duplex>),
}

enum State {
    Cold(Wire),
    HotUnix(StdUnix),
    HotTcp(StdTcp),
    /// A change of state failed.
    Lost,
}

/// The paced socket.
pub struct PacedIo {
    state: State,
    run: u32,
    empty: u32,
    last_read: Option<Instant>,
    resting: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl PacedIo {
    /// Puts pacing on a connection.
    pub fn new(wire: Wire) -> Self {
        Self {
            state: State::Cold(wire),
            run: 0,
            empty: 0,
            last_read: None,
            resting: false,
            timer: None,
        }
    }

    fn is_hot(&self) -> bool {
        matches!(self.state, State::HotUnix(_) | State::HotTcp(_))
    }

    fn heat(&mut self) -> io::Result<()> {
        self.state = match std::mem::replace(&mut self.state, State::Lost) {
            State::Cold(Wire::Unix(socket)) => State::HotUnix(socket.into_std()?),
            State::Cold(Wire::Tcp(socket)) => State::HotTcp(socket.into_std()?),
            other => other,
        };
        self.empty = 0;
        Ok(())
    }

    fn cool(&mut self) -> io::Result<&mut Wire> {
        self.state = match std::mem::replace(&mut self.state, State::Lost) {
            State::HotUnix(socket) => State::Cold(Wire::Unix(UnixStream::from_std(socket)?)),
            State::HotTcp(socket) => State::Cold(Wire::Tcp(TcpStream::from_std(socket)?)),
            other => other,
        };
        self.run = 0;
        self.resting = false;
        match &mut self.state {
            State::Cold(wire) => Ok(wire),
            _ => Err(io::Error::other("the socket was lost between two modes")),
        }
    }

    fn rest(&mut self) {
        let until = Instant::now() + REST;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(until),
            None => self.timer = Some(Box::pin(sleep_until(until))),
        }
        self.resting = true;
    }

    fn poll_hot(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.resting {
                if let Some(timer) = &mut self.timer {
                    ready!(timer.as_mut().poll(cx));
                }
                self.resting = false;
            }
            let read = match &mut self.state {
                State::HotUnix(socket) => socket.read(buf.initialize_unfilled()),
                State::HotTcp(socket) => socket.read(buf.initialize_unfilled()),
                State::Cold(_) | State::Lost => return self.poll_cold(cx, buf),
            };
            match read {
                Ok(n) => {
                    let drained = n < buf.remaining();
                    buf.advance(n);
                    self.empty = 0;
                    if drained && n > 0 {
                        self.rest();
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.empty += 1;
                    if self.empty > EMPTY {
                        self.cool()?;
                    } else {
                        self.rest();
                    }
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_cold(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.cool_wire()?;
        let before = buf.filled().len();
        match wire {
            Wire::Unix(socket) => ready!(Pin::new(socket).poll_read(cx, buf))?,
            Wire::Tcp(socket) => ready!(Pin::new(socket).poll_read(cx, buf))?,
            Wire::Memory(duplex) => return Pin::new(duplex).poll_read(cx, buf),
        }
        if buf.filled().len() > before {
            self.count_run()?;
        }
        Poll::Ready(Ok(()))
    }

    fn cool_wire(&mut self) -> io::Result<&mut Wire> {
        match &mut self.state {
            State::Cold(wire) => Ok(wire),
            _ => Err(io::Error::other("the socket was lost between two modes")),
        }
    }

    fn count_run(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let close = self.last_read.is_some_and(|last| now.duration_since(last) <= RUN_GAP);
        self.last_read = Some(now);
        self.run = if close { self.run + 1 } else { 0 };
        if self.run >= RUN { self.heat() } else { Ok(()) }
    }
}

impl AsyncRead for PacedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_hot() { self.poll_hot(cx, buf) } else { self.poll_cold(cx, buf) }
    }
}

impl AsyncWrite for PacedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.cool()? {
            Wire::Unix(socket) => Pin::new(socket).poll_write(cx, buf),
            Wire::Tcp(socket) => Pin::new(socket).poll_write(cx, buf),
            Wire::Memory(duplex) => Pin::new(duplex).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Cold(Wire::Memory(duplex)) => Pin::new(duplex).poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.cool()? {
            Wire::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            Wire::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Wire::Memory(duplex) => Pin::new(duplex).poll_shutdown(cx),
        }
    }
}
