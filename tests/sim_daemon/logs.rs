//! Reads and follows: framing, bounds, file rotation.

use logcap_tui::model::{Fd, Timestamp};
use logcap_tui::sim::{ContainerSpec, Profile};

use super::client::{chunks, daemon, eventually, frames, get, lines, open, raw};

const BOTH: &str = "stdout=1&stderr=1";

#[tokio::test]
async fn a_read_is_one_chunk_and_one_frame_per_message() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    let ts = Timestamp(1_700_000_000_000_000_001);
    sim.emit_raw(&id, Fd::Stdout, &[b'x'; 16_384], true, Some(ts));
    sim.emit_raw(&id, Fd::Stderr, b"no newline", false, Some(ts));
    let raw = raw(sim, &format!("/containers/{}/logs?{BOTH}&timestamps=1", id.as_str())).await;
    let (chunks, ended) = chunks(&raw);
    assert!(ended);
    let messages: Vec<_> = chunks.iter().flat_map(|chunk| frames(chunk).0).collect();
    assert_eq!(messages.len(), chunks.len(), "one frame per chunk");
    let stamp = "2023-11-14T22:13:20.000000001Z ";
    let chunk = format!("{stamp}{}", "x".repeat(16_384));
    let lone = (1, format!("{stamp}\n"));
    assert_eq!(messages, [(1, chunk), lone, (2, format!("{stamp}no newline"))]);
}

#[tokio::test]
async fn a_terminal_is_raw() {
    let daemon = daemon(Profile::Moby29);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web").tty());
    sim.emit(&id, Fd::Stderr, "one\ntwo");
    let answer = open(sim, &format!("/containers/web/logs?{BOTH}")).await;
    assert_eq!(answer.headers["content-type"], "application/vnd.docker.raw-stream");
    assert_eq!(answer.rest().await, (b"one\r\ntwo\r\n".to_vec(), true));
    assert!(sim.records(&id).iter().all(|r| r.fd == Fd::Stdout && r.bytes.ends_with(b"\r")));
}

#[tokio::test]
async fn bounds_choose_records() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    for n in 1..=5 {
        let fd = if n == 3 { Fd::Stderr } else { Fd::Stdout };
        sim.emit_raw(&id, fd, format!("{n}").as_bytes(), true, Some(Timestamp(n * 1_000_000_000)));
    }
    let read = async |query: &str| {
        lines(&get(sim, &format!("/v1.41/containers/web/logs?{query}")).await.1).join("")
    };
    assert_eq!(read("stdout=1&stderr=1").await, "12345");
    assert_eq!(read("stdout=1&stderr=0").await, "1245");
    assert_eq!(read("stdout=1&stderr=1&tail=2").await, "45");
    assert_eq!(read("stdout=1&tail=3").await, "45", "tail counts before outputs are chosen");
    assert_eq!(read("stdout=1&stderr=1&since=2.000000000&until=4").await, "234");
    assert_eq!(read("stdout=1&stderr=1&tail=banana").await, "12345");
    sim.skip_record(&id, 3);
    assert_eq!(read("stdout=1&stderr=1&tail=2").await, "35");
    assert!(sim.records(&id)[3].withheld);
    assert_eq!(get(sim, "/containers/web/logs").await.0, 400);
    assert_eq!(get(sim, "/containers/nope/logs?stdout=1").await.0, 404);
    sim.add(ContainerSpec::named("mute").driver("none"));
    assert_eq!(get(sim, "/containers/mute/logs?stdout=1").await.0, 501);
}

#[tokio::test]
async fn a_follow_delivers_what_comes_and_ends_with_the_run() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit_many(&id, 3, |n| format!("old {n}"));
    let mut follow = open(sim, &format!("/containers/web/logs?{BOTH}&follow=1&tail=1")).await;
    assert_eq!(lines(&follow.next().await.unwrap().unwrap()), ["old 2"]);
    sim.emit(&id, Fd::Stderr, "new");
    assert_eq!(lines(&follow.next().await.unwrap().unwrap()), ["new"]);
    sim.emit(&id, Fd::Stdout, "last");
    sim.crash(&id);
    sim.emit(&id, Fd::Stdout, "next run");
    let (rest, clean) = follow.rest().await;
    assert_eq!((lines(&rest), clean), (vec!["last".to_owned()], true));
    sim.die(&id);
    let stopped = open(sim, &format!("/containers/web/logs?{BOTH}&follow=1&tail=1")).await;
    assert_eq!(lines(&stopped.rest().await.0), ["next run"]);
}

#[tokio::test]
async fn a_removed_container_is_drained_by_its_follow_and_unknown_to_reads() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("job").auto_remove());
    let follow = open(sim, &format!("/containers/job/logs?{BOTH}&follow=1")).await;
    sim.emit_many(&id, 5, |n| format!("{n}"));
    sim.die(&id);
    let (rest, clean) = follow.rest().await;
    assert_eq!((lines(&rest).join(""), clean), ("01234".to_owned(), true));
    assert_eq!(get(sim, "/containers/job/logs?stdout=1").await.0, 404);
    assert_eq!(sim.records(&id).len(), 5);
    eventually(|| sim.open_streams(&id, true) == 0).await;
}

#[tokio::test]
async fn under_rotation_reads_are_exact_and_late_follows_are_not() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("busy").rotating("1k", 3));
    let follow = open(sim, &format!("/containers/busy/logs?{BOTH}&follow=1&tail=0")).await;
    sim.emit_many(&id, 200, |n| format!("line {n:04}"));
    assert!(sim.rotations(&id) > 5);
    let kept: Vec<_> = sim.records(&id).into_iter().filter(|r| r.retained).collect();
    let read = lines(&get(sim, &format!("/containers/busy/logs?{BOTH}")).await.1);
    let kept: Vec<_> = kept.iter().map(|r| String::from_utf8_lossy(&r.bytes)).collect();
    assert_eq!(read, kept);
    assert_eq!(read.last().unwrap(), "line 0199");
    sim.die(&id);
    let followed = lines(&follow.rest().await.0);
    assert!(followed.len() < 100, "files were skipped: {}", followed.len());
}

#[tokio::test]
async fn headers_of_an_empty_follow_are_withheld_by_25_only() {
    for (profile, withheld) in [(Profile::Moby25, true), (Profile::Moby29, false)] {
        let daemon = daemon(profile);
        let sim = daemon.sim.clone();
        let id = sim.run(ContainerSpec::named("quiet"));
        let path = format!("/containers/quiet/logs?{BOTH}&follow=1");
        let opening = tokio::spawn(async move { open(&sim, &path).await.headers });
        eventually(|| daemon.sim.open_streams(&id, true) == 1 || opening.is_finished()).await;
        if withheld {
            assert!(!opening.is_finished());
            daemon.sim.emit(&id, Fd::Stdout, "at last");
        }
        let headers = super::client::within(opening).await.unwrap();
        assert_eq!(headers["content-type"], "application/vnd.docker.multiplexed-stream");
    }
}
