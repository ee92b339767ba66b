//! Daemons and answers that misbehave.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logcap_tui::engine::snapshot::Link;
use logcap_tui::engine::{EngineSnapshot, Targets, Verb};
use logcap_tui::model::{EventKind, Moment, SeamKind, State};
use logcap_tui::sim::{ContainerSpec, Cut, Endpoint, Profile, Target};

use crate::harness::{Lab, is_live};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_goes_and_comes_back_is_one_failure() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids: Vec<_> = (0..10)
        .map(|n| lab.sim.run(ContainerSpec::named(format!("c{n}"))))
        .chain([lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3))])
        .collect();
    lab.start().await;
    lab.rest().await;
    let up_since = |s: &EngineSnapshot| match s.docker.link {
        Link::Up { since, .. } => Some(since),
        _ => None,
    };
    let first = up_since(&lab.snapshot()).unwrap();
    lab.sim.stop().await;
    ids.iter().for_each(|id| lab.sim.emit_many(id, 30, |n| format!("meanwhile {n}")));
    let down = lab
        .wait_for("the daemon down and everybody waiting", |s| {
            matches!(s.docker.link, Link::Down { .. })
                && s.monitors.iter().all(|row| row.phase.as_str() == "daemon_down")
        })
        .await;
    let (since, attempts, error) = down_since(&down).unwrap();
    assert!(since > first && attempts > 0 && !error.is_empty(), "{:?}", down.docker);
    let socket = lab.sim.socket().display().to_string();
    assert!(down.docker.endpoint.contains(&socket), "{:?}", down.docker);
    let later = lab
        .wait_for("more attempts", |s| down_since(s).is_some_and(|(_, n, _)| n > attempts + 1))
        .await;
    assert_eq!(down_since(&later).unwrap().0, since, "down since it was first seen so");
    lab.sim.restart().await.unwrap();
    let back = lab.wait_for("all back", |s| s.monitors.iter().all(|row| is_live(row))).await;
    assert_eq!(back.totals.failures_5m, 1, "one failure, not one per monitor");
    let again = up_since(&back).unwrap();
    assert!(again > since && back.docker.endpoint.contains(&socket), "{:?}", back.docker);
    let told = [EventKind::DaemonDown, EventKind::DaemonUp].map(|kind| lab.count_events(kind));
    assert_eq!(told, [1, 1]);
    lab.assert_all_complete().await;
    // Another stream to the same daemon is no other connection to it.
    lab.sim.cut_connections();
    lab.rest().await;
    assert_eq!(up_since(&lab.snapshot()), Some(again));
    let many = down_since(&later).unwrap().1;
    lab.sim.stop().await;
    let down = lab.wait_for("down once more", |s| down_since(s).is_some()).await;
    assert!(down_since(&down).unwrap().1 < many, "attempts are counted anew");
    lab.sim.restart().await.unwrap();
    lab.wait_for("all back", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.stop().await;
    lab.start().await;
    let told = [EventKind::EngineStarted, EventKind::EngineStopped].map(|k| lab.count_events(k));
    assert_eq!(told, [2, 1]);
}

/// Since when the daemon is down, after how many attempts, and why.
fn down_since(s: &EngineSnapshot) -> Option<(Moment, u32, &str)> {
    match &s.docker.link {
        Link::Down { since, attempts, error, .. } => Some((*since, *attempts, error)),
        _ => None,
    }
}

/// Its code is wrong: the monitor is started again from the stored cursor, and nobody else notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_that_panics_is_named_and_started_again() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids: Vec<_> = (0..5).map(|n| lab.sim.run(ContainerSpec::named(format!("c{n}")))).collect();
    lab.start().await;
    ids.iter().for_each(|id| lab.sim.emit_many(id, 30, |n| format!("before {n}")));
    lab.rest().await;
    let before = lab.snapshot();
    assert_eq!(before.timeline.told.get(&EventKind::MonitorPanicked), None, "control");
    lab.trap.is_set.store(true, Ordering::SeqCst);
    lab.sim.emit_many(&ids[2], 30, |n| format!("meanwhile {n}"));
    lab.sim.cut_streams(&ids[2], Cut::Reset);
    let row = lab.wait_row("its failure", &ids[2], |row| row.errors > 0).await;
    let failure = row.failure.as_ref().expect("it says why");
    assert!(failure.cause.contains("walked into a trap"), "{failure:?}");
    lab.wait_row("live again", &ids[2], is_live).await;
    let after = lab.rest().await;
    assert_eq!(lab.count_events(EventKind::MonitorPanicked), 1);
    assert_eq!((after.totals.restarts, after.tasks.actual), (1, before.tasks.expected));
    let others = after.monitors.iter().filter(|row| row.id != ids[2]);
    assert!(others.map(|row| row.errors).all(|errors| errors == 0), "nobody else failed");
    lab.assert_all_complete().await;
}

/// It is no damaged record, and as long as it lasts nothing is proved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_file_that_cannot_be_opened_is_a_failure_and_no_gap() {
    for profile in [Profile::Moby20_10, Profile::Moby24] {
        let mut lab = Lab::new(profile, 10);
        let id = lab.sim.run(ContainerSpec::named("c"));
        lab.sim.emit_many(&id, 30, |n| format!("before {n}"));
        lab.start().await;
        lab.rest().await;
        lab.order(Verb::Pause, Targets::All).await;
        lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
        lab.sim.emit_many(&id, 30, |n| format!("unread {n}"));
        for _ in 0..6 {
            lab.sim.error_frame(&id, "open /var/lib/docker/c-json.log: too many open files");
        }
        lab.order(Verb::Resume, Targets::All).await;
        let row = lab.wait_row("its failure", &id, |row| row.failure.is_some()).await;
        let failure = row.failure.as_ref().expect("it says why");
        assert!(failure.cause.contains("cannot open"), "{failure:?}");
        lab.wait_row("live again", &id, is_live).await;
        lab.rest().await;
        assert!(lab.seams_of(&id, SeamKind::Gap).is_empty(), "{profile:?}: {:#?}", lab.seams(&id));
        lab.assert_all_complete().await;
    }
}

/// A read that fails before its first record can end as an empty answer. One that is not confirmed is
/// no emptied log, nor an empty one at first sight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_empty_by_mistake_empties_no_log() {
    let each = (1..=8).map(|n| async move {
        let mut lab = Lab::new(Profile::Moby20_10, 10);
        let specs = [ContainerSpec::named("c"), ContainerSpec::named("d").rotating("10m", 3)];
        let ids = specs.map(|spec| lab.sim.run(spec));
        for id in &ids {
            lab.sim.emit_many(id, 30, |n| format!("before {n}"));
            lab.sim.empty_reads(id, n.min(4));
        }
        lab.start().await;
        lab.rest().await;
        lab.order(Verb::Pause, Targets::All).await;
        lab.wait_for("pause", |s| s.monitors.iter().all(|row| row.phase.as_str() == "paused"))
            .await;
        for id in &ids {
            lab.sim.emit_many(id, 30, |n| format!("unread {n}"));
            lab.sim.empty_reads(id, n);
        }
        lab.order(Verb::Resume, Targets::All).await;
        lab.rest().await;
        for id in &ids {
            let gaps = lab.seams_of(id, SeamKind::Gap);
            assert!(gaps.is_empty(), "{n} empty answers: {gaps:#?}");
        }
        lab.assert_all_complete().await;
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_restarts_between_two_requests_costs_nothing() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids: Vec<_> = (0..10).map(|n| lab.sim.run(ContainerSpec::named(format!("c{n}")))).collect();
    lab.start().await;
    let load = lab.load(&ids, Duration::from_millis(5), 2);
    for round in 1..=3 {
        lab.wait_for("live monitors", |s| s.monitors.iter().all(|row| is_live(row))).await;
        lab.wait_for("progress", |s| s.monitors.iter().all(|row| row.flow.stored > round * 100))
            .await;
        lab.sim.restart_daemon(true);
    }
    load.stop().await;
    lab.assert_all_complete().await;
    lab.sim.emit_many(&ids[0], 10, |n| format!("last words {n}"));
    lab.sim.restart_daemon(false);
    lab.wait_for("ended logs", |s| {
        s.monitors.iter().all(|row| matches!(row.state, State::Ended { .. }) && !row.running)
    })
    .await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_frames_garbage_and_giant_lengths_are_faults_and_never_lines() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    lab.start().await;
    lab.rest().await;
    let load = lab.load(&ids, Duration::from_millis(5), 2);
    for id in &ids {
        for fault in 0..3 {
            lab.wait_row("live", id, is_live).await;
            match fault {
                0 => lab.sim.error_frame(id, "invalid character"),
                1 => lab.sim.garbage_frames(id),
                _ => lab.sim.giant_length(id),
            }
            let before = lab.wait_row("live", id, is_live).await.flow.stored;
            lab.wait_row("progress", id, |row| row.flow.stored > before + 100).await;
        }
    }
    load.stop().await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_got_over_by_themselves() {
    let refusals = [
        (Endpoint::Logs, 404),
        (Endpoint::Logs, 409),
        (Endpoint::Logs, 500),
        (Endpoint::Logs, 501),
        (Endpoint::Inspect, 404),
        (Endpoint::Inspect, 500),
    ];
    // Side by side: each spends its time waiting.
    let cases = refusals.map(|(endpoint, status)| async move {
        let mut lab = Lab::new(Profile::Moby20_10, 20);
        let ids = [
            lab.sim.run(ContainerSpec::named("trusted")),
            lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
        ];
        ids.iter().for_each(|id| lab.sim.emit_many(id, 20, |n| format!("before {n}")));
        lab.start().await;
        lab.rest().await;
        for id in &ids {
            lab.sim.fail_next(id, endpoint, status, 2);
            lab.sim.cut_streams(id, logcap_tui::sim::Cut::Clean);
            lab.sim.emit_many(id, 20, |n| format!("after {endpoint:?} {status} {n}"));
        }
        lab.wait_for("all live again with everything", |s| {
            s.monitors.iter().all(|row| is_live(row) && row.flow.stored == 40)
        })
        .await;
        lab.assert_all_complete().await;
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_read_is_unreadable_and_no_failure() {
    let mut lab = Lab::new(Profile::Moby20_10, 20);
    let id = lab.sim.run(ContainerSpec::named("mute").driver("none"));
    lab.start().await;
    lab.wait_row("unreadable, and why", &id, |row| {
        let cause = row.transitions.last().map(|last| last.cause.as_str());
        matches!(row.state, State::Unreadable { .. }) && cause == Some("the driver cannot be read")
    })
    .await;
    let snapshot = lab.rest().await;
    assert!(snapshot.is_healthy());
    assert_eq!(snapshot.totals.failures_5m, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_small_pieces_are_put_together() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("terminal").tty()),
    ];
    lab.sim.dribble(Target::All, true);
    lab.start().await;
    ids.iter().for_each(|id| lab.sim.emit_many(id, 20, |n| format!("piece by piece {n}")));
    lab.assert_all_complete().await;
}
