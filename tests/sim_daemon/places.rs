//! Where the daemon can be reached: the same answers over a unix socket, over TCP and in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use logcap_tui::docker::link::BoxFuture;
use logcap_tui::docker::{Connect, Docker, DockerError, Endpoint, LogRequest, Step, Tail, Wire};
use logcap_tui::model::{Batch, ContainerId, Fd, Timing};
use logcap_tui::sim::{ContainerSpec, Place, Profile, Sim};

use crate::client::within;

/// Dials a daemon in memory.
struct Dialer(Sim);

impl Connect for Dialer {
    fn connect(&self) -> BoxFuture<'_, io::Result<Wire>> {
        Box::pin(async { self.0.dial().map(|io| Wire::Memory(Box::new(io))) })
    }
}

fn client(sim: &Sim) -> Docker {
    let timing = Timing::default();
    match sim.place() {
        Place::Memory => {
            let shown: Endpoint = "unix:///memory.sock".parse().unwrap();
            Docker::with_connector(Arc::new(Dialer(sim.clone())), shown, &timing).unwrap()
        }
        place => Docker::new(place.to_string().parse().unwrap(), &timing).unwrap(),
    }
}

fn request(id: &ContainerId, follow: bool) -> LogRequest {
    LogRequest {
        id: id.clone(),
        tty: false,
        cuts: Vec::new(),
        tail: Tail::All,
        since: None,
        follow,
        first_byte: Duration::from_secs(5),
    }
}

async fn read(docker: &Docker, id: &ContainerId) -> Result<Vec<String>, DockerError> {
    let mut stream = docker.open_log(None, &request(id, false)).await?;
    let mut batch = Batch::new();
    while stream.next(&mut batch).await? != Step::End {}
    Ok(batch.iter().map(|r| String::from_utf8(r.bytes.to_vec()).unwrap()).collect())
}

/// Both planes of the client, and what becomes of them while the daemon is away.
async fn is_a_daemon(sim: Sim) {
    let docker = client(&sim);
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit_many(&id, 3, |n| format!("line {n}"));
    assert_eq!(within(docker.hello()).await.unwrap().version, "20.10.24");
    assert_eq!(within(docker.list()).await.unwrap()[0].name, "web");
    assert_eq!(within(docker.inspect(&id)).await.unwrap().id, id);
    assert_eq!(within(read(&docker, &id)).await.unwrap(), ["line 0", "line 1", "line 2"]);
    let mut events = within(docker.events()).await.unwrap();
    sim.crash(&id);
    assert_eq!(within(events.next()).await.unwrap().id, id);

    sim.stop().await;
    // What was told before may still be on its way; then the stream ends with the daemon.
    while within(events.next()).await.is_ok() {}
    assert!(within(read(&docker, &id)).await.is_err());
    sim.restart().await.unwrap();
    assert_eq!(within(read(&docker, &id)).await.unwrap().len(), 3, "at the same place");
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn on_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    is_a_daemon(Sim::start(&socket, Profile::Moby20_10).unwrap()).await;
    assert!(!socket.exists(), "the socket is removed with the last handle");
}

#[tokio::test]
async fn over_tcp() {
    let sim = Sim::over_tcp("127.0.0.1:0".parse().unwrap(), Profile::Moby20_10, 7).unwrap();
    assert!(matches!(sim.place(), Place::Tcp(address) if address.port() != 0));
    assert!(sim.dial().is_err(), "who listens on a socket is reached through it");
    is_a_daemon(sim).await;
}

/// Time is paused: nothing but the two of them and the runtime's clock takes part.
#[tokio::test(start_paused = true)]
async fn in_memory() {
    is_a_daemon(Sim::in_memory(Profile::Moby20_10, 7).unwrap()).await;
}

/// More than a big host has, each of them followed at the same time.
#[tokio::test(start_paused = true)]
async fn five_thousand_containers_in_one_process() {
    let sim = Sim::in_memory(Profile::Moby24, 7).unwrap();
    let docker = client(&sim);
    let ids: Vec<_> = (0..5_000).map(|n| sim.run(ContainerSpec::named(format!("c{n}")))).collect();
    assert_eq!(within(docker.list()).await.unwrap().len(), 5_000);
    let mut follows = Vec::new();
    for id in &ids {
        follows.push(within(docker.open_log(None, &request(id, true))).await.unwrap());
    }
    assert_eq!(ids.iter().map(|id| sim.open_streams(id, true)).sum::<usize>(), 5_000);
    for (id, follow) in ids.iter().zip(&mut follows) {
        let mut batch = Batch::new();
        sim.emit(id, Fd::Stdout, id.as_str());
        within(follow.next(&mut batch)).await.unwrap();
        assert_eq!(batch.get(0).map(|record| record.bytes), Some(id.as_str().as_bytes()));
    }
}

/// A connection that nobody accepts is refused and not queued without end.
#[tokio::test]
async fn a_full_backlog_refuses() {
    let sim = Sim::in_memory(Profile::Moby20_10, 7).unwrap();
    let dialed: Vec<_> = std::iter::from_fn(|| sim.dial().ok()).take(1_000).collect();
    assert!(dialed.len() < 1_000, "{}", dialed.len());
}
