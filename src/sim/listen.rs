//! Where a simulated daemon can be reached: a unix socket, TCP, or memory alone.
//!
//! The places differ only here. In memory a connection is a [`DuplexStream`] handed over by
//! [`super::Sim::dial`], so that daemon and client run on one paused clock and nothing of the
//! machine takes part. It is no model of a network: bytes take no time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

/// Connections that may wait to be accepted; as with a socket, more are refused.
const BACKLOG: usize = 128;
/// Bytes under way in memory, in each direction: what a unix socket holds of short messages.
const UNDER_WAY: usize = 64 * 1024;

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A unix socket, made when listening begins and removed when it ends.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
    /// Nowhere but in this process.
    Memory,
}

impl Place {
    pub(super) fn socket(&self) -> &Path {
        match self {
            Self::Unix(path) => path,
            Self::Tcp(_) | Self::Memory => Path::new(""),
        }
    }

    /// Takes away what listening left behind.
    pub(super) fn clear(&self) {
        if let Self::Unix(path) = self {
            let _gone = fs::remove_file(path);
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// What accepts connections.
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
    Memory(mpsc::Receiver<DuplexStream>),
}

/// A connection as any of them makes it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    /// The next connection. Cancel safe; pending for ever once nobody can dial any more.
    pub(super) async fn accept(&mut self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
            Self::Tcp(listener) => {
                let (io, _) = listener.accept().await?;
                // As dockerd: each message leaves at once.
                io.set_nodelay(true)?;
                Box::new(io)
            }
            Self::Memory(dialed) => match dialed.recv().await {
                Some(io) => Box::new(io),
                None => std::future::pending().await,
            },
        })
    }
}

/// The other side of a listener in memory.
#[derive(Debug)]
pub(super) struct Door(Option<mpsc::Sender<DuplexStream>>);

impl Door {
    /// Opens a connection, unless there is no way in or too many wait already.
    pub(super) fn dial(&self) -> io::Result<DuplexStream> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let door = self.0.as_ref().ok_or_else(refused)?;
        let (ours, theirs) = duplex(UNDER_WAY);
        door.try_send(theirs).map_err(|_| refused())?;
        Ok(ours)
    }
}

/// Begins to listen. The place returned has the port that a wish for any port got.
pub(super) fn listen(place: &Place) -> io::Result<(Place, Listener, Door)> {
    Ok(match place {
        Place::Unix(path) => (place.clone(), Listener::Unix(UnixListener::bind(path)?), Door(None)),
        Place::Tcp(address) => {
            let listener = std::net::TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let place = Place::Tcp(listener.local_addr()?);
            (place, Listener::Tcp(TcpListener::from_std(listener)?), Door(None))
        }
        Place::Memory => {
            // Full: the connection is refused.
            let (door, dialed) = mpsc::channel(BACKLOG);
            (Place::Memory, Listener::Memory(dialed), Door(Some(door)))
        }
    })
}
