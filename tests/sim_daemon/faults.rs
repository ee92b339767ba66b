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
    let id = sim.run(ContainerSpec::named("long"));
    sim.dribble(&id, true);
    let mut follow = open(sim, "/containers/long/logs?stdout=1&follow=1").await;
    sim.emit(&id, Fd::Stdout, &"x".repeat(100_000));
    let begun = Instant::now();
    sim.heal();
    let mut rest = 100_000;
    while rest > 0 {
        rest -= follow.next().await.unwrap().unwrap().len().min(rest);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "it would take 14 s or more");
}

#[tokio::test]
async fn something_else_may_answer_instead_of_a_daemon() {
    let daemon = daemon(Profile::Moby20_10);
    daemon.sim.garbage_http(true);
    assert!(request(&daemon.sim, "GET", "/_ping").await.is_err());
    daemon.sim.garbage_http(false);
    assert_eq!(get(&daemon.sim, "/_ping").await.0, 200);
}

#[tokio::test]
async fn a_silenced_answer_stays_silent_and_new_ones_speak() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    let mut frozen = open(sim, FOLLOW).await;
    sim.stall_forever(&id);
    sim.emit(&id, Fd::Stdout, "unheard");
    sim.heal();
    sim.unstall(&id);
    let mut other = open(sim, FOLLOW).await;
    assert_eq!(frames(&other.next().await.unwrap().unwrap()).0.len(), 1);
    assert!(tokio::time::timeout(Duration::from_millis(50), frozen.next()).await.is_err());
    sim.cut_streams(&id, Cut::Reset);
    assert!(!frozen.rest().await.1, "a cut still ends it");
}

#[tokio::test]
async fn skipped_rotations_leave_out_what_was_not_sent_yet() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web").rotating("1g", 5));
    let follow = open(sim, FOLLOW).await;
    sim.stall_streams(&id);
    for n in 0..3 {
        sim.emit(&id, Fd::Stdout, &format!("skipped {n}"));
        sim.rotate(&id, 1);
    }
    sim.skip_rotations(&id);
    sim.unstall(&id);
    eventually(|| sim.open_streams(&id, true) == 1).await;
    assert_eq!(lines(&get(sim, READ).await.1).len(), 3, "reads have them");
    sim.cut_streams(&id, Cut::Clean);
    assert_eq!(follow.rest().await, (Vec::new(), true));
}

#[tokio::test]
async fn empty_frames_and_unknown_types_come_before_the_answer() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "fine");
    sim.zero_length_frame(&id);
    let (with, left) = frames(&get(sim, READ).await.1);
    assert_eq!((with, left), (vec![(1, String::new()), (1, "fine\n".to_owned())], 0));
    for kind in [0, 255] {
        sim.frame_type(&id, kind);
        let with = frames(&get(sim, READ).await.1).0;
        assert_eq!((with[0].0, &*with[1].1), (kind, "fine\n"));
    }
    assert_eq!(lines(&get(sim, READ).await.1), ["fine"]);
}

#[tokio::test]
async fn a_content_type_can_lie() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    sim.run(ContainerSpec::named("web"));
    sim.lie_content_type(true);
    let kind = open(sim, READ).await.headers["content-type"].clone();
    assert_eq!(kind, "application/vnd.docker.raw-stream", "although it is framed");
    sim.heal();
    assert!(!open(sim, READ).await.headers.contains_key("content-type"));
}

#[tokio::test]
async fn a_list_can_break_in_the_middle() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    sim.run(ContainerSpec::named("web"));
    sim.list_partial(1);
    let (half, clean) = open(sim, "/containers/json").await.rest().await;
    assert!(!clean && !half.is_empty());
    assert!(serde_json::from_slice::<serde_json::Value>(&half).is_err());
    let (whole, clean) = open(sim, "/containers/json").await.rest().await;
    assert!(clean && serde_json::from_slice::<serde_json::Value>(&whole).is_ok());
}

#[tokio::test]
async fn an_overflowing_ring_forgets_what_came_before() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    sim.run(ContainerSpec::named("web"));
    sim.ring_overflow();
    let (_, body) = get(sim, "/events?since=1&until=2").await;
    let body = String::from_utf8(body).unwrap();
    assert_eq!(body.lines().count(), 256);
    assert!(body.lines().all(|line| line.contains("exec_start")));
}

#[tokio::test]
async fn healing_ends_every_lasting_fault() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.emit(&id, Fd::Stdout, "well");
    sim.stall_reads(Target::All);
    sim.stall_streams(Target::All);
    sim.dribble(Target::All, true);
    sim.garbage_frames(&id);
    sim.fail_next(Target::All, Endpoint::Logs, 500, 9);
    sim.delay_headers(Endpoint::List, Duration::from_hours(1));
    sim.drop_events(true);
    sim.dup_events(true);
    sim.list_partial(9);
    sim.garbage_http(true);
    sim.heal();
    assert_eq!(lines(&get(sim, READ).await.1), ["well"]);
    assert_eq!(get(sim, "/containers/json").await.0, 200);
    let other = sim.run(ContainerSpec::named("other"));
    let (_, events) = get(sim, "/events?since=1&until=2").await;
    let told = String::from_utf8(events).unwrap().matches(other.as_str()).count();
    assert_eq!(told, 4, "create and start, each with the id twice");
}

#[tokio::test]
async fn a_container_made_again_under_its_name_is_another() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    let old = sim.run(ContainerSpec::named("web").rotating("10k", 2));
    sim.emit(&old, Fd::Stdout, "old");
    let new = sim.recreate_same_name(&old).unwrap();
    assert_ne!(old, new);
    sim.emit(&new, Fd::Stdout, "new");
    assert_eq!(lines(&get(sim, READ).await.1), ["new"]);
    assert_eq!((sim.records(&old).len(), sim.records(&new).len()), (1, 1));
}

#[tokio::test]
async fn ties_races_and_clock_steps_are_written_as_ordered() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.tie_flood(&id, 3, "same");
    sim.race(&id, 2, |n| format!("race {n}"));
    let before = sim.now();
    sim.clock_step(-5_000_000_000);
    assert_eq!(before.0 - sim.now().0, 5_000_000_000);
    let records = sim.records(&id);
    assert!(records[..3].iter().all(|r| r.ts == records[0].ts && &*r.bytes == b"same"));
    assert!(records[3].fd == Fd::Stdout && records[4].fd == Fd::Stderr);
    assert!(records[3].ts > records[4].ts && records[4].ts < records[5].ts);
}
