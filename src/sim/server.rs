//! The listener and its tasks: what a [`Sim`] owns while it runs.
//!
//! One task accepts and owns the tasks of all connections; stopping it ends every one of them
//! before it returns, and dropping the last handle cancels it. A connection is any byte stream:
//! the unix socket is only what is listened on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::http;
use super::io::{Breakable, Breaker};
use super::profile::Profile;
use super::world::Core;

/// What a connection buffers at most: little, so that a slow reader is felt early.
const BUFFER: usize = 64 * 1024;

/// Why a simulated daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The socket cannot be listened on.
    #[error("cannot listen on {}: {source}; remove a stale socket or choose another path", path.display())]
    Listen {
        /// The socket's path.
        path: PathBuf,
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
    socket: PathBuf,
    listening: Mutex<Option<Listening>>,
}

#[derive(Debug)]
struct Listening {
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
        let core = Core::new(profile, seed);
        let listening = Mutex::new(Some(listen(socket, &core)?));
        Ok(Self(Arc::new(Inner { core, socket: socket.to_owned(), listening })))
    }

    /// The daemon goes away: every connection and the listener are gone and the socket is removed
    /// when this returns. Containers go on writing. Stopping twice is stopping once.
    pub async fn stop(&self) {
        let listening = self.0.take();
        if let Some(Listening { stop, task }) = listening {
            stop.cancel();
            // The task never panics and is never aborted; if it was, it is over as well.
            let _over = task.await;
            let _gone = fs::remove_file(&self.0.socket);
        }
    }

    /// Stops if need be and listens again on the same path. The event ring is lost.
    pub async fn restart(&self) -> Result<(), SimError> {
        self.stop().await;
        self.core().lock().events.forget();
        let listening = listen(&self.0.socket, &self.0.core)?;
        *self.0.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(listening);
        Ok(())
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.0.socket
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
            let _gone = fs::remove_file(&self.socket);
        }
    }
}

fn listen(socket: &Path, core: &Core) -> Result<Listening, SimError> {
    let runtime = Handle::try_current()?;
    let listener = UnixListener::bind(socket)
        .map_err(|source| SimError::Listen { path: socket.to_owned(), source })?;
    let stop = CancellationToken::new();
    let task = runtime.spawn(accept(core.clone(), listener, stop.clone()));
    Ok(Listening { stop, task })
}

async fn accept(core: Core, listener: UnixListener, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((io, _)) => drop(connections.spawn(connection(core.clone(), io))),
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
