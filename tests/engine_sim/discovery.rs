//! Containers that come, go, crash and change, seen by events that may be lost or doubled.

use std::time::Duration;

use logcap_tui::model::{EndProof, EventKind, Fd, State};
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_starts_and_stops_is_taken_whole() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    lab.start().await;
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    ids.iter().for_each(|id| lab.sim.emit_many(id, 3_000, |n| format!("first run {n}")));
    lab.wait_for("two live", |s| s.monitors.iter().filter(|row| is_live(row)).count() == 2).await;
    for id in &ids {
        lab.sim.emit_many(id, 100, |n| format!("last words {n}"));
        lab.sim.die(id);
    }
    for id in &ids {
        lab.wait_row("its end", id, |row| {
            row.state == State::Ended { proof: EndProof::Verified } && !row.running
        })
        .await;
    }
    lab.assert_all_complete().await;
    for id in &ids {
        assert!(lab.log(id).ended.is_some(), "the store knows that it ended");
        lab.sim.start_container(id);
        lab.sim.emit_many(id, 100, |n| format!("second run {n}"));
    }
    lab.wait_for("two live", |s| s.monitors.iter().filter(|row| is_live(row)).count() == 2).await;
    lab.assert_all_complete().await;
    assert_eq!(ids.each_ref().map(|id| lab.log(id).ended), [None, None], "and that it goes on");
}

/// It was stopped when the containers were listed last, and is again: only its times differ.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_begins_and_ends_unseen_is_found_by_the_next_list() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let id = lab.sim.run(ContainerSpec::named("job"));
    lab.sim.emit_many(&id, 20, |n| format!("first run {n}"));
    lab.sim.die(&id);
    lab.start().await;
    lab.rest().await;
    lab.sim.drop_events(true);
    lab.sim.start_container(&id);
    lab.sim.emit_many(&id, 20, |n| format!("second run {n}"));
    lab.sim.die(&id);
    lab.wait_row("the second run", &id, |row| row.stored_total == 40).await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loop_is_captured_without_a_failure() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    lab.start().await;
    lab.rest().await;
    for run in 0..20_u64 {
        for id in &ids {
            lab.sim.emit_many(id, 10, |n| format!("run {run} line {n}"));
            lab.sim.emit_raw(id, Fd::Stderr, b"panic: no newline", false, None);
            lab.sim.crash(id);
        }
        for id in &ids {
            lab.wait_row("the run's records", id, |row| row.flow.stored >= (run + 1) * 11).await;
        }
    }
    let snapshot = lab.rest().await;
    for row in &snapshot.monitors {
        assert_eq!((row.errors, row.timeouts), (0, 0), "{}: {:?}", row.name, row.failure);
    }
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_words_of_a_container_that_removes_itself_are_kept() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    lab.start().await;
    for round in 0..10 {
        let ids = [
            lab.sim.run(ContainerSpec::named(format!("t{round}")).auto_remove()),
            lab.sim.run(ContainerSpec::named(format!("b{round}")).auto_remove().rotating("10m", 3)),
        ];
        ids.iter().for_each(|id| lab.sim.emit_many(id, 20, |n| format!("line {n}")));
        for id in &ids {
            lab.wait_row("live", id, |row| is_live(row) && row.flow.stored == 20).await;
        }
        for id in &ids {
            lab.sim.emit_many(id, 200, |n| format!("last words {n}"));
            lab.sim.die(id);
        }
        lab.wait_for("both gone", |s| s.monitors.is_empty()).await;
        for id in &ids {
            let verdict = lab.verdict(id);
            assert!(verdict.is_complete(), "{round}: {verdict:?} {:#?}", lab.seams(id));
        }
    }
    let end = lab.rest().await;
    assert_eq!(end.coverage.uncaptured, 0);
}

/// By what its follow held: on 24 what it committed, on 20.10 what it let by as a bell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_removed_under_load_and_made_again_is_another_log() {
    removed_under_load(Profile::Moby24).await;
    removed_under_load(Profile::Moby20_10).await;
}

async fn removed_under_load(profile: Profile) {
    let mut lab = Lab::new(profile, 10);
    lab.start().await;
    let mut all = Vec::new();
    for _ in 0..5 {
        let id = lab.sim.run(ContainerSpec::named("same-name"));
        let load = lab.load(std::slice::from_ref(&id), Duration::from_millis(1), 20);
        lab.wait_row("records", &id, |row| row.flow.stored > 200).await;
        lab.sim.remove(&id);
        load.stop().await;
        lab.wait_for("its monitor gone", |s| s.monitors.iter().all(|row| row.id != id)).await;
        all.push(id);
    }
    lab.rest().await;
    for id in &all {
        let verdict = lab.verdict(id);
        assert!(verdict.is_complete(), "{verdict:?} {:#?}", lab.seams(id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_and_doubled_events_change_nothing() {
    let mut lab = Lab::new(Profile::Moby20_10, 20);
    lab.start().await;
    let gone = lab.sim.run(ContainerSpec::named("gone"));
    lab.wait_row("live", &gone, is_live).await;
    lab.sim.drop_events(true);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    ids.iter().for_each(|id| lab.sim.emit_many(id, 50, |n| format!("unannounced {n}")));
    lab.sim.remove(&gone);
    lab.wait_for("what the list says", |s| {
        s.monitors.len() == 2 && s.monitors.iter().all(|row| is_live(row))
    })
    .await;
    ids.iter().for_each(|id| lab.sim.die(id));
    lab.wait_for("both ended", |s| {
        s.monitors.iter().all(|row| matches!(row.state, State::Ended { .. }) && !row.running)
    })
    .await;
    for id in &ids {
        lab.sim.start_container(id);
        lab.sim.emit_many(id, 50, |n| format!("second run {n}"));
    }
    lab.wait_for("both live", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.assert_all_complete().await;
    lab.sim.drop_events(false);
    lab.sim.dup_events(true);
    for id in &ids {
        lab.sim.crash(id);
        lab.sim.emit_many(id, 50, |n| format!("third run {n}"));
        lab.sim.rename(id, &format!("renamed-{}", id.short()));
    }
    lab.wait_for("both live under new names", |s| {
        s.monitors.len() == 2
            && s.monitors.iter().all(|row| is_live(row) && row.name.starts_with("renamed-"))
    })
    .await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovery_that_ends_is_started_again_and_finds_what_came_meanwhile() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let first = lab.sim.run(ContainerSpec::named("first"));
    lab.start().await;
    lab.wait_row("live", &first, is_live).await;
    lab.abort_discovery();
    let panicked = || lab.count_events(EventKind::MonitorPanicked) == 1;
    lab.until("its end on the timeline", panicked).await;
    let second = lab.sim.run(ContainerSpec::named("second"));
    lab.sim.emit_many(&second, 10, |n| format!("line {n}"));
    lab.wait_row("the second live", &second, is_live).await;
    lab.wait_for("every task there", |s| s.tasks.expected == s.tasks.actual).await;
    let told = lab.events();
    let told = told.iter().find(|event| event.kind == EventKind::MonitorPanicked).unwrap();
    assert!(told.cause.starts_with("discovery: "), "{told:?}");
    lab.assert_all_complete().await;
}
