//! Every fault does what its name says, and nothing else.

use std::time::Duration;

use logcap_tui::model::Fd;
use logcap_tui::sim::{ContainerSpec, Cut, Endpoint, Profile, Target};
use tokio::time::Instant;

use super::client::{chunks, daemon, eventually, frames, get, lines, open, raw_while, request};

const FOLLOW: &str = "/containers/web/logs?stdout=1&stderr=1&follow=1&timestamps=1";
const READ: &str = "/containers/web/logs?stdout=1&stderr=1";

#[tokio::test]
async fn cuts_end_a_follow_in_four_ways() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "one");
    for (cut, clean, left) in [
        (Cut::Clean, true, false),
        (Cut::Reset, false, false),
        (Cut::MidFrame, false, true),
        (Cut::MidChunk, false, true),
    ] {
        let mut follow = open(sim, FOLLOW).await;
        let first = follow.next().await.unwrap().unwrap();
        assert_eq!(frames(&first).0.len(), 1);
        sim.cut_streams(&id, cut);
        let (rest, ended_clean) = follow.rest().await;
        let (whole, rest) = frames(&rest);
        assert_eq!((whole.len(), rest > 0, ended_clean), (0, left, clean), "{cut:?}");
        eventually(|| sim.open_streams(Target::All, true) == 0).await;
    }
}

#[tokio::test]
async fn a_cut_inside_a_chunk_leaves_half_a_chunk() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = daemon.sim.clone();
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "one");
    let cut = |seen: &[u8]| {
        if seen.ends_with(b"one\n\r\n") {
            sim.cut_streams(Target::All, Cut::MidChunk);
        }
    };
    let raw = raw_while(&sim, FOLLOW, cut).await;
    let (whole, ended) = chunks(&raw);
    assert_eq!((whole.len(), ended), (1, false));
    assert!(!raw.ends_with(b"\r\n"));
}

#[tokio::test]
async fn a_stalled_follow_is_silent_while_reads_are_right() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    let mut follow = open(sim, FOLLOW).await;
    sim.stall_streams(&id);
    sim.emit(&id, Fd::Stdout, "unheard");
    assert_eq!(lines(&get(sim, READ).await.1), ["unheard"]);
    let silent = tokio::time::timeout(Duration::from_millis(50), follow.next()).await;
    assert!(silent.is_err());
    sim.unstall(&id);
    assert_eq!(lines(&follow.next().await.unwrap().unwrap()).len(), 1);
}

#[tokio::test]
async fn stalled_reads_wait_without_headers_or_without_a_body() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = daemon.sim.clone();
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "late");
    sim.stall_reads(&id);
    let reading = tokio::spawn(async move { get(&sim, READ).await });
    eventually(|| !daemon.sim.requests().is_empty()).await;
    assert!(!reading.is_finished());
    daemon.sim.stall_read_bodies(&id);
    daemon.sim.unstall(&id);
    assert_eq!(lines(&reading.await.unwrap().1), ["late"]);
    daemon.sim.stall_read_bodies(&id);
    let answer = open(&daemon.sim, READ).await;
    assert_eq!(answer.status, 200);
    daemon.sim.unstall(Target::All);
    assert_eq!(lines(&answer.rest().await.0), ["late"]);
}

#[tokio::test]
async fn a_read_can_be_cut_while_it_stalls() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "never sent");
    sim.stall_read_bodies(&id);
    let read = open(sim, READ).await;
    sim.cut_streams(&id, Cut::MidFrame);
    let (rest, clean) = read.rest().await;
    assert_eq!((frames(&rest).0.len(), clean), (0, false));
}

#[tokio::test]
async fn errors_come_in_band() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    let follow = open(sim, FOLLOW).await;
    sim.error_frame(&id, "unexpected EOF");
    let expected = vec![(3, "Error grabbing logs: unexpected EOF\n".to_owned())];
    assert_eq!(frames(&follow.rest().await.0).0, expected);
    eventually(|| sim.open_streams(&id, true) == 0).await;
    sim.error_frame(&id, "unexpected EOF");
    assert_eq!(frames(&get(sim, READ).await.1).0, expected, "without a follow the next answer");
}

#[tokio::test]
async fn garbage_and_giant_frames_spoil_one_answer() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "fine");
    sim.garbage_frames(&id);
    assert_eq!(get(sim, READ).await.1[0], 9);
    sim.giant_length(&id);
    let giant = get(sim, READ).await.1;
    assert_eq!(giant[..8], [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xf0]);
    assert_eq!(lines(&get(sim, READ).await.1), ["fine"]);
}

#[tokio::test]
async fn ordered_failures_are_used_up() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.run(ContainerSpec::named("other"));
    for status in [500, 404, 409, 501] {
        sim.fail_next(&id, Endpoint::Logs, status, 2);
        assert_eq!(get(sim, READ).await.0, status);
        assert_eq!(get(sim, "/containers/other/logs?stdout=1").await.0, 200);
        assert_eq!(get(sim, READ).await.0, status);
        assert_eq!(get(sim, READ).await.0, 200);
    }
    sim.fail_next(Target::All, Endpoint::List, 500, 1);
    let (status, body) = get(sim, "/containers/json").await;
    assert_eq!((status, body), (500, b"{\"message\":\"simulated failure\"}\n".to_vec()));
    assert_eq!(get(sim, "/containers/json").await.0, 200);
}

#[tokio::test]
async fn headers_can_be_late() {
    let daemon = daemon(Profile::Moby20_10);
    daemon.sim.delay_headers(Endpoint::Ping, Duration::from_millis(30));
    let start = Instant::now();
    assert_eq!(get(&daemon.sim, "/_ping").await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_dribbled_answer_is_the_same_in_small_pieces() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit_many(&id, 5, |n| format!("line {n}"));
    let whole = get(sim, READ).await.1;
    sim.dribble(&id, true);
    let mut answer = open(sim, READ).await;
    let (mut pieces, mut all) = (0, Vec::new());
    while let Some(piece) = answer.next().await {
        pieces += 1;
        all.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(all, whole);
    assert!(pieces > 10, "{pieces}");
}

#[tokio::test]
async fn something_else_may_answer_instead_of_a_daemon() {
    let daemon = daemon(Profile::Moby20_10);
    daemon.sim.garbage_http(true);
    assert!(request(&daemon.sim, "GET", "/_ping").await.is_err());
    daemon.sim.garbage_http(false);
    assert_eq!(get(&daemon.sim, "/_ping").await.0, 200);
}
