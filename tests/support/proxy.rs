//! A proxy between the program and a real daemon, for what no daemon can be asked to do: to break
//! off an answer at a chosen place, to stall, to dribble, to swallow a frame, to say that it has
//! another version, and to lose its socket.
//!
//! It takes answers apart into head, chunks and end, so that a fault hits the place that it is
//! named after. What it does to which answer is decided by a rule that the test sets; without one
//! every byte passes unchanged. It counts what it did: a fault that never came proves nothing.
//!
//! Only the program speaks through it. The test itself drives the daemon at its own address.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::daemon::Daemon;

/// Between two bytes of an answer that dribbles.
const DRIP: Duration = Duration::from_secs(1);

/// What was asked for, as far as a rule has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    /// `GET logs` with `follow=1`.
    Follow,
    /// `GET logs` without.
    Read,
    /// `GET version`.
    Version,
    /// Lists, inspections, events and the rest.
    Other,
}

/// What is done to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Cut in the middle of its head.
    MidHeader,
    /// Cut in the middle of a chunk.
    MidChunk,
    /// Cut behind a whole chunk, without the chunk that ends an answer.
    BetweenChunks,
    /// Ended as HTTP demands, but in the middle of a stdcopy frame. Where there are no frames, cut.
    MidFrame,
    /// Nothing is delivered for a while, then all of it.
    Stall,
    /// One byte a second for a while, then the rest.
    Dribble,
    /// One chunk is left out: what no network does, so that a check can be seen to fail.
    Swallow,
}

/// One fault of one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// What happens.
    pub(crate) fault: Fault,
    /// How many chunks pass before; if the answer ends sooner, it happens at the end. Zero is the
    /// head, for a fault that can happen there.
    pub(crate) after: u64,
    /// How long a stall or a dribble goes on.
    pub(crate) lasts: Duration,
}

/// How a socket is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The file is gone.
    Removed,
    /// The file is there and nobody listens.
    Refused,
}

/// Decides what happens to an answer that begins.
pub(crate) type Rule = Box<dyn FnMut(Asked) -> Option<Plan> + Send>;

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens, with the root of the daemon behind it.
    pub(crate) daemon: Daemon,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// A proxy in front of this daemon that changes nothing.
    pub(crate) fn to(daemon: &Daemon) -> Self {
        Self::start(daemon, None)
    }

    /// A proxy in front of this daemon that gives its version as one of Docker `major`.
    pub(crate) fn telling(daemon: &Daemon, major: u32) -> Self {
        let version = daemon.docker(&["version", "-f", "{{.Server.Version}}"]);
        let (_, rest) = version.split_once('.').expect("a version");
        let told = format!("{major}.{rest}");
        // The answer says how long it is.
        assert_eq!(told.len(), version.len(), "{told} for {version}");
        Self::start(daemon, Some((version, told)))
    }

    fn start(daemon: &Daemon, version: Option<(String, String)>) -> Self {
        let folder = tempfile::Builder::new().prefix("lc-proxy-").tempdir().unwrap();
        let uri = format!("unix://{}/docker.sock", folder.path().display());
        let shared = Arc::new(Shared {
            behind: PathBuf::from(daemon.socket()),
            version,
            rule: Mutex::new(None),
            changed: Condvar::new(),
            done: Mutex::default(),
            open: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let daemon = Daemon { uri, root: daemon.root.clone() };
        let mut proxy = Self { daemon, shared, acceptor: None, _folder: folder };
        proxy.restore();
        proxy
    }

    /// From now on this decides what happens to each answer that begins.
    pub(crate) fn disturb(&self, rule: impl FnMut(Asked) -> Option<Plan> + Send + 'static) {
        *self.shared.rule.lock().unwrap() = Some(Box::new(rule));
    }

    /// Nothing happens from now on, and what was under way is over.
    pub(crate) fn calm(&self) {
        *self.shared.rule.lock().unwrap() = None;
        self.shared.changed.notify_all();
    }

    /// What was done so far, how often.
    pub(crate) fn done(&self) -> BTreeMap<(Fault, Asked), u64> {
        self.shared.done.lock().unwrap().clone()
    }

    /// Ends every open connection.
    pub(crate) fn cut_all(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..).filter_map(|s| s.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Nobody can connect any more. What is open stays open.
    pub(crate) fn lose(&mut self, loss: Loss) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.closing.store(true, Ordering::Relaxed);
        // It waits for a connection; this one wakes it.
        let _ = UnixStream::connect(self.daemon.socket());
        acceptor.join().unwrap();
        if loss == Loss::Removed {
            std::fs::remove_file(self.daemon.socket()).unwrap();
        }
    }

    /// The socket is there again, as a daemon that starts makes it.
    pub(crate) fn restore(&mut self) {
        let _ = std::fs::remove_file(self.daemon.socket());
        let listener = UnixListener::bind(self.daemon.socket()).unwrap();
        self.shared.closing.store(false, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        self.acceptor = Some(std::thread::spawn(move || accept(&shared, &listener)));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.calm();
        self.lose(Loss::Removed);
        self.cut_all();
    }
}

/// What all connections share.
struct Shared {
    behind: PathBuf,
    /// The daemon's own version, and the one that is told instead.
    version: Option<(String, String)>,
    rule: Mutex<Option<Rule>>,
    /// Wakes stalls when the rule goes.
    changed: Condvar,
    done: Mutex<BTreeMap<(Fault, Asked), u64>>,
    open: Mutex<Vec<Weak<UnixStream>>>,
    closing: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("behind", &self.behind).finish_non_exhaustive()
    }
}

impl Shared {
    fn plan(&self, asked: Asked) -> Option<Plan> {
        self.rule.lock().unwrap().as_mut().and_then(|rule| rule(asked))
    }

    fn is_calm(&self) -> bool {
        self.rule.lock().unwrap().is_none()
    }

    /// Lets time pass, unless everything becomes calm.
    fn rest(&self, time: Duration) {
        let rule = self.rule.lock().unwrap();
        drop(self.changed.wait_timeout_while(rule, time, |rule| rule.is_some()).unwrap());
    }

    fn count(&self, fault: Fault, asked: Asked) {
        *self.done.lock().unwrap().entry((fault, asked)).or_default() += 1;
    }
}

fn accept(shared: &Arc<Shared>, listener: &UnixListener) {
    while let Ok((client, _)) = listener.accept() {
        if shared.closing.load(Ordering::Relaxed) {
            return;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || relay(&shared, client));
    }
}

/// One connection, until either side ends it.
fn relay(shared: &Shared, client: UnixStream) {
    let Ok(daemon) = UnixStream::connect(&shared.behind) else { return };
    let (client, daemon) = (Arc::new(client), Arc::new(daemon));
    let mut open = shared.open.lock().unwrap();
    open.retain(|stream| stream.strong_count() > 0);
    open.extend([Arc::downgrade(&client), Arc::downgrade(&daemon)]);
    drop(open);
    let end = || {
        let _ = client.shutdown(Shutdown::Both);
        let _ = daemon.shutdown(Shutdown::Both);
    };
    let asked = Mutex::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = requests(&client, &daemon, &asked);
            end();
        });
        let _ = answers(shared, &daemon, &client, &asked);
        end();
    });
}

/// Passes requests on and notes what each asks for. All of them are `GET` and have no body.
fn requests(
    client: &UnixStream,
    mut daemon: &UnixStream,
    asked: &Mutex<VecDeque<Asked>>,
) -> io::Result<()> {
    let mut from = BufReader::new(client);
    loop {
        let head = head(&mut from)?;
        asked.lock().unwrap().push_back(Asked::of(&head));
        daemon.write_all(&head)?;
    }
}

impl Asked {
    fn of(head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let target = head.split_whitespace().nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let follows = || query.split('&').any(|word| matches!(word, "follow=1" | "follow=true"));
        match path {
            _ if path.ends_with("/logs") && follows() => Self::Follow,
            _ if path.ends_with("/logs") => Self::Read,
            _ if path.ends_with("/version") => Self::Version,
            _ => Self::Other,
        }
    }
}

/// Passes answers on, as the rule wants them.
fn answers(
    shared: &Shared,
    daemon: &UnixStream,
    client: &UnixStream,
    asked: &Mutex<VecDeque<Asked>>,
) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 << 10, daemon);
    loop {
        let head = head(&mut from)?;
        let asked = asked.lock().unwrap().pop_front().unwrap_or(Asked::Other);
        let (to, plan) = (BufWriter::with_capacity(64 << 10, client), shared.plan(asked));
        let mut outlet = Outlet { shared, asked, plan, chunks: 0, to };
        let words = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = words.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map(|text| text.trim().parse::<usize>().expect("a length"));
        outlet.pass(Piece::Head, head)?;
        if words.contains("\r\ntransfer-encoding: chunked") {
            while outlet.chunk(&mut from)? {}
        } else {
            let mut body = vec![0; length.unwrap_or(0)];
            from.read_exact(&mut body)?;
            outlet.pass(Piece::Body, body)?;
        }
        outlet.to.flush()?;
    }
}

/// A request's or an answer's head, with the empty line behind it.
fn head(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if from.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// A part of an answer that is passed on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Head,
    /// With its size's line, which is so long, and the line break behind it.
    Chunk {
        line: usize,
    },
    /// The chunk of no size, which ends the answer.
    Last,
    /// A body whose length the head says.
    Body,
}

/// Where one answer goes.
struct Outlet<'a> {
    shared: &'a Shared,
    asked: Asked,
    plan: Option<Plan>,
    chunks: u64,
    to: BufWriter<&'a UnixStream>,
}

impl Outlet<'_> {
    /// Passes the next chunk on; false if it was the last.
    fn chunk(&mut self, from: &mut BufReader<&UnixStream>) -> io::Result<bool> {
        if from.buffer().is_empty() {
            self.to.flush()?;
        }
        let mut bytes = Vec::new();
        from.read_until(b'\n', &mut bytes)?;
        let (line, text) = (bytes.len(), String::from_utf8_lossy(&bytes).into_owned());
        let size = usize::from_str_radix(text.trim_end(), 16)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        bytes.resize(line + size + 2, 0);
        from.read_exact(&mut bytes[line..])?;
        self.pass(if size == 0 { Piece::Last } else { Piece::Chunk { line } }, bytes)?;
        self.chunks += 1;
        Ok(size > 0)
    }

    /// Passes one piece on, unless a fault is due at it.
    fn pass(&mut self, piece: Piece, mut bytes: Vec<u8>) -> io::Result<()> {
        if let Some((own, told)) = self.shared.version.as_ref().filter(|_| self.is_about_version())
        {
            bytes = replaced(bytes, own.as_bytes(), told.as_bytes());
        }
        let Some(plan) = self.plan.filter(|plan| self.is_due(plan, piece)) else {
            return self.to.write_all(&bytes);
        };
        self.shared.count(plan.fault, self.asked);
        // An answer that goes on is one that the rule may hit again.
        (self.plan, self.chunks) = (self.shared.plan(self.asked), 0);
        match (plan.fault, piece) {
            (Fault::BetweenChunks, _) => self.cut(&[]),
            (Fault::MidFrame, Piece::Chunk { line }) if is_frame(&bytes[line..]) => {
                let half = &bytes[line..line + (bytes.len() - line) / 2];
                let mut all = format!("{:x}\r\n", half.len()).into_bytes();
                all.extend_from_slice(half);
                all.extend_from_slice(b"\r\n0\r\n\r\n");
                self.cut(&all)
            }
            (Fault::MidHeader | Fault::MidChunk | Fault::MidFrame, _) => {
                self.cut(&bytes[..bytes.len() / 2])
            }
            (Fault::Stall, _) => {
                self.to.flush()?;
                self.shared.rest(plan.lasts);
                self.to.write_all(&bytes)
            }
            (Fault::Dribble, _) => self.dribble(&bytes, plan.lasts),
            (Fault::Swallow, _) => Ok(()),
        }
    }

    fn is_about_version(&self) -> bool {
        self.asked == Asked::Version
    }

    fn is_due(&self, plan: &Plan, piece: Piece) -> bool {
        let anywhere = matches!(plan.fault, Fault::Stall | Fault::Dribble);
        let due = match piece {
            Piece::Head => plan.fault == Fault::MidHeader || (anywhere && plan.after == 0),
            Piece::Chunk { .. } => self.chunks >= plan.after,
            Piece::Last | Piece::Body => plan.fault != Fault::Swallow,
        };
        due && !self.shared.is_calm()
    }

    /// Sends this and ends the connection.
    fn cut(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        self.to.flush()?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    fn dribble(&mut self, bytes: &[u8], lasts: Duration) -> io::Result<()> {
        let began = Instant::now();
        for (at, byte) in bytes.iter().enumerate() {
            if began.elapsed() >= lasts || self.shared.is_calm() {
                return self.to.write_all(&bytes[at..]);
            }
            self.to.write_all(&[*byte])?;
            self.to.flush()?;
            self.shared.rest(DRIP);
        }
        Ok(())
    }
}

/// Whether a chunk is a frame. What a terminal writes has none, and an answer that ends in order
/// anywhere else would be a lie that nobody can see through.
fn is_frame(chunk: &[u8]) -> bool {
    matches!(chunk, [0..=3, 0, 0, 0, ..])
}

/// Every occurrence of `from` replaced by `to`, which is as long.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|part| part == from) {
        bytes[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    bytes
}
