//! The listener's tasks: what a [`Sim`] owns while it runs.
//!
//! One task accepts and owns the tasks of all connections; stopping it ends every one of them
//! before it returns, and dropping the last handle cancels it. A connection is any byte stream;
//! `listen` says which places there are to listen at.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::http;
use super::io::{Breakable, Breaker};
use super::listen::{Door, Listener, Place, listen};
use super::profile::Profile;
use super::world::Core;

/// What a connection buffers at most: little, so that a slow reader is felt early.
const BUFFER: usize = 64 * 1024;

/// Why a simulated daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The place cannot be listened on.
    #[error("cannot listen on {place}: {source}; remove a stale socket or choose another place")]
    Listen {
        /// Where.
        place: Place,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no tokio runtime to serve on.
    #[error("a simulated daemon must be started inside a tokio runtime: {0}")]
    NoRuntime(#[from] tokio::runtime::TryCurrentError),
}

/// A simulated daemon, and the handle that scripts it. Clones are handles of the same daemon; it
/// ends with the last one.
#[derive(Debug, Clone)]
pub struct Sim(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    core: Core,
    place: Place,
    listening: Mutex<Option<Listening>>,
}

#[derive(Debug)]
struct Listening {
    door: Door,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Sim {
    /// Starts a daemon without containers that listens on a new unix socket.
    pub fn start(socket: &Path, profile: Profile) -> Result<Self, SimError> {
        Self::start_seeded(socket, profile, 0)
    }

    /// The same with another seed: other ids, other repeats after file rotations.
    pub fn start_seeded(socket: &Path, profile: Profile, seed: u64) -> Result<Self, SimError> {
        Self::at(&Place::Unix(socket.to_owned()), profile, seed)
    }

    /// A daemon that listens over TCP; port 0 is any free port, [`Sim::place`] says which.
    pub fn over_tcp(address: SocketAddr, profile: Profile, seed: u64) -> Result<Self, SimError> {
        Self::at(&Place::Tcp(address), profile, seed)
    }

    /// A daemon that only [`Sim::dial`] reaches: no socket, no descriptor, no other clock than the
    /// runtime's, which a test may pause.
    pub fn in_memory(profile: Profile, seed: u64) -> Result<Self, SimError> {
        Self::at(&Place::Memory, profile, seed)
    }

    fn at(place: &Place, profile: Profile, seed: u64) -> Result<Self, SimError> {
        let core = Core::new(profile, seed);
        let (place, listening) = begin(place, &core)?;
        let listening = Mutex::new(Some(listening));
        Ok(Self(Arc::new(Inner { core, place, listening })))
    }

    /// The daemon goes away: every connection and the listener are gone and the socket is removed
    /// when this returns. Containers go on writing. Stopping twice is stopping once.
    pub async fn stop(&self) {
        let listening = self.0.take();
        if let Some(Listening { stop, task, door: _ }) = listening {
            stop.cancel();
            // The task never panics and is never aborted; if it was, it is over as well.
            let _over = task.await;
            self.0.place.clear();
        }
    }

    /// Stops if need be and listens again at the same place. The event ring is lost.
    pub async fn restart(&self) -> Result<(), SimError> {
        self.stop().await;
        self.core().lock().events.forget();
        let (_, listening) = begin(&self.0.place, &self.0.core)?;
        *self.0.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(listening);
        Ok(())
    }

    /// Where it listens, with the port that it got.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The socket's path; empty where it does not listen on a unix socket.
    pub fn socket(&self) -> &Path {
        self.0.place.socket()
    }

    /// Opens a connection in memory. Refused while the daemon is stopped, and where it listens on
    /// a socket.
    pub fn dial(&self) -> io::Result<DuplexStream> {
        let listening = self.0.listening.lock().unwrap_or_else(PoisonError::into_inner);
        let listening = listening.as_ref();
        listening.map_or_else(|| Err(io::ErrorKind::ConnectionRefused.into()), |l| l.door.dial())
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }
}

impl Inner {
    fn take(&self) -> Option<Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(listening) = self.take() {
            listening.stop.cancel();
            self.place.clear();
        }
    }
}

fn begin(place: &Place, core: &Core) -> Result<(Place, Listening), SimError> {
    let runtime = Handle::try_current()?;
    let failed = |source| SimError::Listen { place: place.clone(), source };
    let (place, listener, door) = listen(place).map_err(failed)?;
    let stop = CancellationToken::new();
    let task = runtime.spawn(accept(core.clone(), listener, stop.clone()));
    Ok((place, Listening { door, stop, task }))
}

async fn accept(core: Core, mut listener: Listener, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        // In order, like every select here: a simulation is replayed by its seed.
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(io) => drop(connections.spawn(connection(core.clone(), io))),
                // Out of descriptors: the next connection is tried when some may be free again.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

/// Serves one connection until either side ends it.
async fn connection<IO>(core: Core, io: IO)
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (cut, garbage) = {
        let world = core.lock();
        (world.connections.clone(), world.garbage_http)
    };
    if garbage {
        return answer_garbage(io).await;
    }
    let breaker = Arc::new(Breaker::new());
    let service = {
        let breaker = breaker.clone();
        service_fn(move |request| http::answer(core.clone(), breaker.clone(), request))
    };
    let mut builder = http1::Builder::new();
    builder.auto_date_header(false).max_buf_size(BUFFER).header_read_timeout(None);
    let served = builder.serve_connection(TokioIo::new(Breakable::new(io, breaker)), service);
    tokio::select! {
        biased;
        () = cut.cancelled() => {}
        _ended = served => {}
    }
}

async fn answer_garbage<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) {
    let mut request = [0; 4096];
    if io.read(&mut request).await.is_ok() {
        let _sent = io.write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n").await;
    }
}
