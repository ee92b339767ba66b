//! The daemon's own life: stop, restart, many containers, the same seed twice.

use std::time::Duration;

use logcap_tui::model::{Fd, Timestamp};
use logcap_tui::sim::{ContainerSpec, Profile, Sim, Target};
use tokio::net::UnixStream;

use super::client::{daemon, eventually, frames, get, lines, open};

#[tokio::test]
async fn a_stopped_daemon_is_gone_and_comes_back_with_its_containers() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    let follow = open(sim, "/containers/web/logs?stdout=1&follow=1").await;
    sim.stop().await;
    assert_eq!(sim.open_streams(Target::All, true), 0, "no task is left when stop returns");
    assert!(!follow.rest().await.1);
    assert!(!sim.socket().exists());
    assert!(UnixStream::connect(sim.socket()).await.is_err());
    sim.emit(&id, Fd::Stdout, "written meanwhile");
    sim.restart().await.unwrap();
    let read = get(sim, "/containers/web/logs?stdout=1").await.1;
    assert_eq!(lines(&read), ["written meanwhile"]);
}

#[tokio::test]
async fn the_last_handle_ends_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let sim = Sim::start(&socket, Profile::Moby29).unwrap();
    assert!(Sim::start(&socket, Profile::Moby29).is_err(), "one daemon per socket");
    drop(sim.clone());
    assert_eq!(get(&sim, "/_ping").await.0, 200);
    drop(sim);
    assert!(!socket.exists());
    eventually(|| tokio::runtime::Handle::current().metrics().num_alive_tasks() == 0).await;
}

#[tokio::test]
async fn a_daemon_restart_cuts_everything_and_loses_events() {
    for keep in [true, false] {
        let daemon = daemon(Profile::Moby20_10);
        let sim = &daemon.sim;
        let id = sim.run(ContainerSpec::named("web"));
        let follow = open(sim, "/containers/web/logs?stdout=1&follow=1").await;
        let events = open(sim, "/events").await;
        sim.restart_daemon(keep);
        assert!(!follow.rest().await.1);
        assert!(!events.rest().await.1);
        eventually(|| sim.open_streams(&id, true) == 0).await;
        assert_eq!(get(sim, "/events?since=1&until=2").await.1, b"");
        let inspect = get(sim, "/containers/web/json").await.1;
        let running = String::from_utf8_lossy(&inspect).contains("\"Running\":true");
        assert_eq!(running, keep);
    }
}

#[tokio::test]
async fn a_client_that_leaves_leaves_nothing_behind() {
    for profile in [Profile::Moby20_10, Profile::Moby25] {
        let daemon = daemon(profile);
        let sim = daemon.sim.clone();
        let id = sim.run(ContainerSpec::named("web"));
        // Moby25 never answers here, so the client leaves while it waits for the headers.
        let path = "/containers/web/logs?stdout=1&follow=1";
        let following = tokio::spawn(async move { open(&sim, path).await.next().await.is_some() });
        eventually(|| daemon.sim.open_streams(&id, true) == 1).await;
        following.abort();
        eventually(|| daemon.sim.open_streams(&id, true) == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_change_nothing() {
    let daemon = daemon(Profile::Moby25);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "first");
    let follow = open(sim, "/containers/web/logs?stdout=1&follow=1").await;
    let writer = sim.clone();
    let writing = std::thread::spawn(move || {
        (0..5000).for_each(|n| writer.emit(&id, Fd::Stdout, &format!("line {n}")));
        writer.die(&id);
    });
    let (followed, clean) = follow.rest().await;
    writing.join().unwrap();
    assert_eq!((lines(&followed).len(), clean), (5001, true));
    assert_eq!(lines(&followed)[5000], "line 4999");
}

#[tokio::test]
async fn containers_are_found_by_id_name_and_prefix_and_count_their_crashes() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.crash(&id);
    sim.rename(&id, "site");
    for named in ["site", id.as_str(), id.short()] {
        let (status, body) = get(sim, &format!("/containers/{named}/json")).await;
        assert_eq!(status, 200, "{named}");
        assert!(String::from_utf8_lossy(&body).contains("\"RestartCount\":1"));
    }
    assert_eq!(get(sim, "/containers/web/json").await.0, 404);
    sim.remove(&id);
    let again = sim.run(ContainerSpec::named("site"));
    assert_ne!(id, again, "the name moves, the id does not");
    assert_eq!(get(sim, "/containers/site/json").await.0, 200);
}

#[tokio::test]
async fn the_clock_ties_and_goes_back_on_order() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit_many(&id, 2, |n| n.to_string());
    sim.set_tick(Duration::ZERO);
    sim.emit_many(&id, 2, |n| n.to_string());
    sim.set_clock(Timestamp(7));
    sim.emit(&id, Fd::Stdout, "back");
    sim.advance_clock(Duration::from_secs(1));
    sim.emit(&id, Fd::Stdout, "on");
    let ts: Vec<_> = sim.records(&id).iter().map(|r| r.ts.0).collect();
    assert!(ts[0] < ts[1] && ts[1] == ts[2] && ts[2] == ts[3]);
    assert_eq!(ts[4..], [7, 1_000_000_007]);
}

#[tokio::test]
async fn five_hundred_follows_hear_their_own_container() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let ids: Vec<_> = (0..500).map(|n| sim.run(ContainerSpec::named(format!("c{n}")))).collect();
    let mut follows = Vec::new();
    for id in ids.iter().take(400) {
        follows
            .push(open(sim, &format!("/containers/{}/logs?stdout=1&follow=1", id.as_str())).await);
    }
    for (n, id) in ids.iter().enumerate() {
        sim.emit(id, Fd::Stdout, &format!("hello {n}"));
        sim.die(id);
    }
    for (n, follow) in follows.into_iter().enumerate() {
        assert_eq!(lines(&follow.rest().await.0), [format!("hello {n}")]);
    }
}

#[tokio::test]
async fn a_large_read_is_whole() {
    let daemon = daemon(Profile::Moby20_10);
    let id = daemon.sim.run(ContainerSpec::named("web"));
    daemon.sim.emit_many(&id, 100_000, |n| format!("line {n}"));
    let read = get(&daemon.sim, "/containers/web/logs?stdout=1&timestamps=1").await.1;
    assert_eq!(frames(&read).0.len(), 100_000);
}

#[tokio::test]
async fn the_same_script_and_seed_are_the_same_daemon() {
    let truth = || {
        let daemon = daemon(Profile::Moby20_10);
        let id = daemon.sim.run(ContainerSpec::named("web").rotating("1k", 2));
        daemon.sim.emit_many(&id, 50, |n| format!("line {n}"));
        assert!(id.as_str().len() == 64 && id.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
        (id.clone(), daemon.sim.records(&id))
    };
    assert_eq!(truth(), truth());
}
