//! bollard, which was written for the real daemon, understands every document.

use std::collections::HashMap;

use bollard::Docker;
use bollard::query_parameters::{
    EventsOptions, InspectContainerOptions, ListContainersOptions, LogsOptions,
};
use futures_util::StreamExt;
use logcap_tui::model::Fd;
use logcap_tui::sim::{ContainerSpec, Profile, Sim};

use super::client::{daemon, get, open, request, within};

fn client(sim: &Sim) -> Docker {
    let path = sim.socket().to_str().unwrap();
    Docker::connect_with_unix(path, 10, bollard::API_DEFAULT_VERSION).unwrap()
}

#[tokio::test]
async fn version_info_list_and_inspect_parse() {
    let daemon = daemon(Profile::Moby20_10);
    let (sim, docker) = (&daemon.sim, client(&daemon.sim));
    let spec = ContainerSpec::named("web").image("nginx:1").label("a", "b").rotating("16k", 3);
    let id = sim.run(spec.auto_remove());
    let idle = sim.add(ContainerSpec::named("idle").tty());

    assert_eq!(docker.ping().await.unwrap(), "OK");
    let version = docker.version().await.unwrap();
    assert_eq!(version.api_version.as_deref(), Some("1.41"));
    let info = docker.info().await.unwrap();
    assert_eq!((info.containers, info.containers_running), (Some(2), Some(1)));

    let all = ListContainersOptions { all: true, ..Default::default() };
    let list = docker.list_containers(Some(all)).await.unwrap();
    let ids: Vec<_> = list.iter().map(|c| c.id.as_deref().unwrap()).collect();
    assert_eq!(ids, [idle.as_str(), id.as_str()]);
    assert_eq!(list[1].names.as_deref(), Some(&["/web".to_owned()][..]));
    assert_eq!(docker.list_containers(None).await.unwrap().len(), 1);

    let one = docker.inspect_container("web", None::<InspectContainerOptions>).await.unwrap();
    let (state, host) = (one.state.unwrap(), one.host_config.unwrap());
    assert_eq!((one.name.as_deref(), state.running), (Some("/web"), Some(true)));
    assert_eq!((host.auto_remove, one.restart_count), (Some(true), Some(0)));
    let log = host.log_config.unwrap();
    let options = [("max-size", "16k"), ("max-file", "3")];
    let options: HashMap<_, _> = options.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!((log.typ.as_deref(), log.config), (Some("json-file"), Some(options)));
    let config = one.config.unwrap();
    assert_eq!(config.labels.unwrap()["a"], "b");
    assert_eq!((config.tty, config.image.as_deref()), (Some(false), Some("nginx:1")));
    let idle = docker.inspect_container(idle.as_str(), None).await.unwrap();
    assert_eq!(idle.config.unwrap().tty, Some(true));
}

#[tokio::test]
async fn events_parse_live_and_replayed() {
    let daemon = daemon(Profile::Moby29);
    let (sim, docker) = (&daemon.sim, client(&daemon.sim));
    let mut live = docker.events(None::<EventsOptions>);
    // The first poll opens the stream; nothing can be told before it is open.
    let first = tokio::spawn(async move { (live.next().await, live) });
    super::client::eventually(|| sim.requests().iter().any(|r| r.path.ends_with("/events"))).await;
    tokio::task::yield_now().await;
    let before = sim.now();
    let id = sim.run(ContainerSpec::named("web"));
    sim.rename(&id, "site");
    sim.die(&id);
    sim.remove(&id);
    let (event, _live) = within(first).await.unwrap();
    let event = event.unwrap().unwrap();
    assert_eq!(event.actor.unwrap().attributes.unwrap()["name"], "web");

    let since = format!("{}.{:09}", before.0 / 1_000_000_000, before.0 % 1_000_000_000);
    let replay =
        EventsOptions { since: Some(since), until: Some("1".into()), ..Default::default() };
    let replay: Vec<_> = docker.events(Some(replay)).collect().await;
    let actions: Vec<_> = replay.into_iter().map(|e| e.unwrap().action.unwrap()).collect();
    assert_eq!(actions, ["create", "start", "rename", "die", "destroy"]);
}

#[tokio::test]
async fn bollard_reads_logs() {
    let daemon = daemon(Profile::Moby20_10);
    let id = daemon.sim.run(ContainerSpec::named("web"));
    daemon.sim.emit(&id, Fd::Stderr, "oops");
    let options = LogsOptions { stdout: true, stderr: true, ..Default::default() };
    let all: Vec<_> = client(&daemon.sim).logs("web", Some(options)).collect().await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].as_ref().unwrap().to_string(), "oops\n");
}

#[tokio::test]
async fn ping_has_the_daemons_headers() {
    let daemon = daemon(Profile::Moby20_10);
    let ping = open(&daemon.sim, "/_ping").await;
    assert_eq!((ping.status, &ping.headers["api-version"]), (200, &"1.41".parse().unwrap()));
    assert_eq!(ping.headers["ostype"], "linux");
    assert_eq!(ping.rest().await.0, b"OK");
}

#[tokio::test]
async fn versions_outside_the_range_are_refused() {
    let new = daemon(Profile::Moby29);
    let (status, body) = get(&new.sim, "/v1.41/containers/json").await;
    assert_eq!(status, 400);
    assert!(String::from_utf8_lossy(&body).contains("is too old"));
    assert_eq!(get(&new.sim, "/v1.44/containers/json").await.0, 200);
    assert_eq!(get(&new.sim, "/containers/json").await.0, 200);
    let old = daemon(Profile::Moby20_10);
    let (status, body) = get(&old.sim, "/v1.44/containers/json").await;
    assert_eq!((status, String::from_utf8_lossy(&body).contains("is too new")), (400, true));
}

#[tokio::test]
async fn only_get_is_served_and_the_rest_is_counted() {
    let daemon = daemon(Profile::Moby20_10);
    for method in ["POST", "DELETE", "HEAD"] {
        assert_eq!(request(&daemon.sim, method, "/containers/x/stop").await.unwrap().status, 405);
    }
    assert_eq!(daemon.sim.refused()[1], "DELETE /containers/x/stop");
    assert_eq!(daemon.sim.refused().len(), 3);
    assert_eq!(get(&daemon.sim, "/containers/nope/json").await.0, 404);
    assert_eq!(get(&daemon.sim, "/nope?x=1").await.0, 404);
    let seen = daemon.sim.requests();
    assert_eq!((seen[4].path.as_str(), seen[4].query.as_str()), ("/nope", "x=1"));
}
