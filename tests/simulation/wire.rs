//! The way to the simulated daemon: in memory, and on demand in small pieces and late.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use logcap_tui::docker::link::BoxFuture;
use logcap_tui::docker::{Connect, Wire};
use logcap_tui::sim::Sim;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::rng::Rng;

/// Dials the daemon.
pub(crate) struct Dialer {
    sim: Sim,
    seed: u64,
    choppy: bool,
    dialed: AtomicU64,
}

impl Dialer {
    pub(crate) fn new(sim: Sim, seed: u64, choppy: bool) -> Self {
        Self { sim, seed, choppy, dialed: AtomicU64::new(0) }
    }
}

impl Connect for Dialer {
    fn connect(&self) -> BoxFuture<'_, io::Result<Wire>> {
        Box::pin(async move {
            let io = self.sim.dial()?;
            let number = self.dialed.fetch_add(1, Ordering::Relaxed);
            let rng = Rng::new(self.seed ^ number.rotate_left(32), "wire");
            Ok(Wire::Memory(if self.choppy {
                Box::new(Choppy::new(io, rng))
            } else {
                Box::new(io)
            }))
        })
    }
}

/// A connection that gives what comes in pieces of any size, some of them late.
struct Choppy {
    io: DuplexStream,
    rng: Rng,
    /// Longest piece on this connection.
    longest: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Choppy {
    fn new(io: DuplexStream, mut rng: Rng) -> Self {
        let longest = rng.pick(&[7, 60, 800, 16 << 10]);
        Self { io, rng, longest, pause: None }
    }
}

impl AsyncRead for Choppy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let longest = self.longest.min(buf.remaining());
        let mut piece = vec![0; self.rng.within(1, longest.max(1))];
        let mut part = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
        buf.put_slice(part.filled());
        if self.longest > 60 && self.rng.chance(5) {
            let late = Duration::from_millis(self.rng.within(1, 40) as u64);
            self.pause = Some(Box::pin(sleep(late)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Choppy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
