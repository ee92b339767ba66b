//! The sockets: who may open them, how many at once, and for how long.
//!
//! Connections are polled inside the one future that the caller awaits, so serving adds exactly
//! one task to the count that the engine shows. At most [`MAX_CONNECTIONS`] are open; the rest wait
//! in the kernel's backlog. A client that sends nothing is cut after [`HEADER_TIMEOUT`] and no
//! connection outlives [`CONNECTION_LIFE`], so nobody can hold `/health` away from its watcher.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::router::{Served, owner_router, public_router};

/// Connections served at the same time on one socket.
pub const MAX_CONNECTIONS: usize = 32;
/// For a request's header to arrive, and the longest idle time between two requests.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything that happens on one connection.
pub const CONNECTION_LIFE: Duration = Duration::from_mins(1);
/// What running requests get after the order to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// After an accept failed, typically for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Something answers on the unix socket.
    #[error("another process answers on {}: only one engine can use it", .0.display())]
    InUse(PathBuf),
    /// The path exists and is not a socket; it is left alone.
    #[error("{} exists and is not a socket: move it away or choose another path", .0.display())]
    NotASocket(PathBuf),
    /// The address can be reached from other machines and that was not asked for.
    #[error(
        "refusing to listen on {0}: it can be reached from other machines and would show them \
         container names, images, error texts and figures of this host, without a password; \
         use a loopback address, or --listen-public if that is what you want"
    )]
    NotLoopback(SocketAddr),
    /// The operating system refused.
    #[error("cannot {operation} {address}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        address: String,
        /// The system's words.
        source: io::Error,
    },
}

/// Serves all routes, orders included, on a unix socket of mode 0600 until `cancel`.
///
/// A socket left behind by a process that is gone is replaced; one that answers is an error.
pub async fn serve_unix(
    path: &Path,
    served: Served,
    cancel: CancellationToken,
) -> Result<(), ServeError> {
    let fail = |operation| {
        move |source| ServeError::Io { operation, address: path.display().to_string(), source }
    };
    clear_stale(path).await?;
    // Bound under another name and renamed once its mode is right: the socket is never open to
    // others, not even for an instant, and appears at its path ready to answer.
    let fresh = path.with_extension("new");
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh).map_err(fail("bind"))?;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&fresh, private).map_err(fail("restrict"))?;
    std::fs::rename(&fresh, path).map_err(fail("rename"))?;
    let _socket = SocketFile(path);
    serve(&listener, owner_router(served), cancel).await;
    Ok(())
}

/// The file of a socket, which goes with it, also where serving is broken off.
struct SocketFile<'a>(&'a Path);

impl Drop for SocketFile<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}

/// Serves the routes that only look on TCP until `cancel`. `public` allows an address that other
/// machines can reach.
pub async fn serve_tcp(
    addr: SocketAddr,
    public: bool,
    served: Served,
    cancel: CancellationToken,
) -> Result<(), ServeError> {
    let listener = bind_tcp(addr, public).await?;
    serve_listener(listener, served, cancel).await;
    Ok(())
}

/// Binds without serving, so that a wrong address is an error at start and port 0 can be asked for.
pub async fn bind_tcp(addr: SocketAddr, public: bool) -> Result<TcpListener, ServeError> {
    if !addr.ip().to_canonical().is_loopback() && !public {
        return Err(ServeError::NotLoopback(addr));
    }
    let fail = |source| ServeError::Io { operation: "bind", address: addr.to_string(), source };
    TcpListener::bind(addr).await.map_err(fail)
}

/// Serves the routes that only look on a bound listener until `cancel`.
pub async fn serve_listener(listener: TcpListener, served: Served, cancel: CancellationToken) {
    serve(&listener, public_router(served), cancel).await;
}

async fn clear_stale(path: &Path) -> Result<(), ServeError> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(ServeError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let address = path.display().to_string();
            let fail = |source| ServeError::Io { operation: "remove", address, source };
            std::fs::remove_file(path).map_err(fail)
        }
        // Any other failure, a full backlog for one, does not prove that nobody listens.
        _ => Err(ServeError::InUse(path.to_owned())),
    }
}

/// The one thing in which the two kinds of listener are alike.
trait Accept: Sync {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Stream>>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        self.poll_accept(cx).map_ok(|(stream, _)| stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        self.poll_accept(cx).map_ok(|(stream, _)| stream)
    }
}

async fn serve<A: Accept>(listener: &A, router: Router, cancel: CancellationToken) {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(()) = open.next() => {}
            accepted = poll_fn(|cx| listener.poll(cx)), if open.len() < MAX_CONNECTIONS => match accepted {
                Ok(stream) => open.push(connection(stream, router.clone(), cancel.clone())),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    let drain = async { while open.next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_GRACE, drain).await;
}

/// One connection to its end; how it ends is the client's affair.
async fn connection<S>(stream: S, router: Router, cancel: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut http = pin!(http);
    let served = async {
        tokio::select! {
            _ = http.as_mut() => return,
            () = cancel.cancelled() => http.as_mut().graceful_shutdown(),
        }
        let _ = http.as_mut().await;
    };
    let _ = tokio::time::timeout(CONNECTION_LIFE, served).await;
}
