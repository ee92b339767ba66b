//! Orders of the user, under load: each is done, and none costs a record, a task or a connection.

use std::time::Duration;

use logcap_tui::engine::{Targets, Verb};
use logcap_tui::sim::{ContainerSpec, Endpoint, Profile};

use crate::harness::{Lab, is_live, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_reopens_under_load_lose_and_leak_nothing() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("50m", 3)),
    ];
    lab.start().await;
    lab.rest().await;
    let before = (lab.snapshot().tasks.actual, lab.connections());
    let load = lab.load(&ids, Duration::from_millis(2), 2);
    for n in 1..=50 {
        lab.wait_for("live monitors", |s| s.monitors.iter().all(|row| is_live(row))).await;
        lab.order(Verb::Reopen, Targets::All).await;
        lab.wait_row("the reopen", &ids[0], |row| {
            row.reopens_by.iter().any(|(cause, count)| cause == "ordered" && *count >= n)
        })
        .await;
    }
    load.stop().await;
    lab.assert_all_complete().await;
    let after = (lab.snapshot().tasks.actual, lab.connections());
    assert_eq!(before.0, after.0);
    assert!(after.1.abs_diff(before.1) <= 2, "{before:?} {after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_lose_and_leak_nothing() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("50m", 3)),
    ];
    lab.start().await;
    lab.rest().await;
    let before = lab.connections();
    let load = lab.load(&ids, Duration::from_millis(2), 2);
    for n in 1..=10 {
        lab.wait_for("live monitors", |s| s.monitors.iter().all(|row| is_live(row))).await;
        lab.order(Verb::Restart, Targets::All).await;
        lab.wait_for("the restart", |s| s.monitors.iter().all(|row| row.restarts >= n)).await;
    }
    load.stop().await;
    lab.assert_all_complete().await;
    assert!(lab.connections().abs_diff(before) <= 2);
    assert!(lab.snapshot().monitors.iter().all(|row| row.timeouts == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_stays_until_it_is_acknowledged() {
    let mut lab = Lab::new(Profile::Moby20_10, 20);
    let id = lab.sim.run(ContainerSpec::named("failing"));
    lab.sim.fail_next(&id, Endpoint::Logs, 500, 2);
    lab.start().await;
    lab.wait_row("recovery", &id, |row| is_live(row) && row.failure.is_some()).await;
    lab.order(Verb::Acknowledge, Targets::Only(vec![id.clone()])).await;
    lab.wait_row("acknowledged", &id, |row| row.failure.is_none()).await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pausing_and_resuming_without_waiting_ends_as_ordered() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.run(ContainerSpec::named("toggled"));
    lab.start().await;
    let load = lab.load(std::slice::from_ref(&id), Duration::from_millis(2), 2);
    for _ in 0..20 {
        lab.order(Verb::Pause, Targets::All).await;
        lab.order(Verb::Resume, Targets::All).await;
    }
    load.stop().await;
    lab.assert_all_complete().await;
    assert!(row(&lab.snapshot(), &id).is_some_and(|row| is_live(row)));
}
