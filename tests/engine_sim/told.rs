//! What becomes of a stream is counted and told as what it was, and nothing else is told.

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{ContainerId, EndProof, EventKind, State};
use logcap_tui::sim::{ContainerSpec, Cut, Profile};

use crate::harness::{Lab, is_live, row};

/// How often one thing is counted of a monitor.
fn count(by: &[(String, u64)], what: &str) -> u64 {
    by.iter().filter(|(why, _)| why == what).map(|(_, n)| n).sum()
}

/// Two containers, of which one is captured by its follow and one by bounded reads.
async fn two(factor: u32) -> (Lab, [ContainerId; 2]) {
    let mut lab = Lab::new(Profile::Moby24, factor);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    ids.iter().for_each(|id| lab.sim.emit_many(id, 50, |n| format!("line {n}")));
    lab.start().await;
    for id in &ids {
        lab.wait_row("live", id, is_live).await;
    }
    lab.rest().await;
    for row in &lab.snapshot().monitors {
        assert_eq!((row.flow.stored, row.lines, row.bytes > 50 * 5), (50, 50, true), "{row:?}");
    }
    (lab, ids)
}

/// What is told of one container's stream and capture, with its cause.
fn told(lab: &Lab, name: &str) -> Vec<(EventKind, String)> {
    let about = [
        EventKind::StreamEnded,
        EventKind::StreamReopened,
        EventKind::MonitorFailed,
        EventKind::MonitorRestarted,
        EventKind::Timeout,
    ];
    let events = lab.events().into_iter();
    let own = events.filter(|event| event.container == name && about.contains(&event.kind));
    own.map(|event| (event.kind, event.cause)).collect()
}

async fn outlives(lab: &Lab, id: &ContainerId) {
    let settles = lab.timing.settles.get() * 3;
    let since = lab.wait_row("live", id, is_live).await.state_since;
    lab.wait_for("a stream that has settled", |s| s.at.since(since) > settles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_while_its_container_runs_is_told_once() {
    let (lab, ids) = two(10).await;
    for (id, name) in ids.iter().zip(["trusted", "belled"]) {
        outlives(&lab, id).await;
        lab.sim.cut_streams(id, Cut::Clean);
        let again = |row: &MonitorRow| count(&row.reopens_by, "stream ended") == 1 && is_live(row);
        let after = lab.wait_row("live again", id, again).await;
        assert_eq!((after.errors, after.restarts), (0, 0), "a stream that lived is no failure");
        lab.until("its row", || !told(&lab, name).is_empty()).await;
        let told = told(&lab, name);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, EventKind::StreamEnded);
        assert!(told[0].1.ends_with("while the container runs"), "{told:?}");
    }
    lab.assert_all_complete().await;
}

/// Nobody says that it stopped, so the end of its stream is all there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_with_its_container_is_the_end_of_the_log() {
    let (lab, ids) = two(10).await;
    lab.sim.drop_events(true);
    for (id, name) in ids.iter().zip(["trusted", "belled"]) {
        outlives(&lab, id).await;
        lab.sim.emit_many(id, 20, |n| format!("last words {n}"));
        lab.sim.die(id);
        let end = State::Ended { proof: EndProof::Verified };
        let ended = lab.wait_row("its end", id, |row| row.state == end).await;
        assert_eq!((ended.errors, ended.restarts, ended.stream.is_some()), (0, 0, false));
        assert_eq!(count(&ended.reopens_by, "stream ended"), 0, "{:?}", ended.reopens_by);
        assert_eq!(told(&lab, name), []);
        assert!(lab.log(id).ended.is_some());
        let cause = |row: &MonitorRow| row.transitions.last().map(|last| last.cause.clone());
        lab.wait_row("why it ended", id, |row| cause(row).as_deref() == Some("the log has ended"))
            .await;
    }
    lab.sim.drop_events(false);
    lab.assert_all_complete().await;
}

/// Nobody says that it is gone: what the stream held is the end of the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_with_a_removed_container_is_no_failure() {
    let (mut lab, ids) = two(10).await;
    lab.sim.drop_events(true);
    for (id, name) in ids.iter().zip(["trusted", "belled"]) {
        outlives(&lab, id).await;
        lab.sim.emit_many(id, 20, |n| format!("last words {n}"));
        lab.rest().await;
        lab.sim.remove(id);
        lab.wait_for("nobody who captures it", |s| row(s, id).is_none()).await;
        assert_eq!(told(&lab, name), []);
        assert_eq!(lab.stored(id), 70);
    }
    lab.sim.drop_events(false);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_is_counted_and_told_by_its_name() {
    let (lab, ids) = two(10).await;
    lab.sim.clock_step(-3_600_000_000_000);
    lab.sim.emit_many(&ids[0], 50, |n| format!("an hour ago {n}"));
    let after = lab
        .wait_row("what was written an hour ago", &ids[0], |row| {
            row.flow.stored == 100 && is_live(row) && !row.doubts_by.is_empty()
        })
        .await;
    let (doubt, times) = after.doubts_by[0].clone();
    assert_eq!(count(&after.reopens_by, "doubt"), times, "{:?}", after.reopens_by);
    lab.until("its row", || !told(&lab, "trusted").is_empty()).await;
    assert_eq!(told(&lab, "trusted")[0], (EventKind::StreamReopened, doubt));
    assert_eq!(told(&lab, "belled"), []);
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reopen_by_order_is_told_and_a_planned_one_is_not() {
    let (lab, ids) = two(20).await;
    lab.order(Verb::Reopen, Targets::All).await;
    for (id, name) in ids.iter().zip(["trusted", "belled"]) {
        let planned = |row: &MonitorRow| count(&row.reopens_by, "planned") > 0 && is_live(row);
        let after = lab.wait_row("a planned reopen", id, planned).await;
        assert_eq!(count(&after.reopens_by, "ordered"), 1, "{:?}", after.reopens_by);
        assert_eq!(told(&lab, name), [(EventKind::StreamReopened, "ordered".to_owned())]);
    }
    lab.assert_all_complete().await;
}
