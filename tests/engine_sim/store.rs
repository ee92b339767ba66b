//! A store that is held up while the engine runs: somebody else has the database's write lock.

use std::time::Duration;

use logcap_tui::model::EventKind;
use logcap_tui::sim::{ContainerSpec, Profile};
use rusqlite::Connection;

use crate::harness::{Lab, is_live};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_held_up_is_slow_then_blocked_and_nothing_is_lost() {
    let mut lab = Lab::new(Profile::Moby24, 4);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    lab.start().await;
    ids.iter().for_each(|id| lab.sim.emit_many(id, 50, |n| format!("before {n}")));
    lab.rest().await;
    let troubles = [EventKind::StoreSlow, EventKind::StoreBlocked, EventKind::StoreRecovered];
    assert_eq!(troubles.map(|kind| lab.count_events(kind)), [0, 0, 0], "control");
    let other = Connection::open(lab.store_dir().join("logcap.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let load = lab.load(&ids, Duration::from_millis(20), 1);
    let slow = lab.wait_for("a slow store", |s| s.store.slow.is_some()).await;
    assert!(slow.store.blocked.is_none() && slow.is_healthy(), "{:?}", slow.store);
    // SQLite gives up after five seconds.
    lab.wait_for("a store that is blocked, and somebody waiting for it", |s| {
        let waits = s.monitors.iter().any(|row| row.phase.as_str() == "store_blocked");
        s.store.blocked.is_some() && waits && !s.is_healthy()
    })
    .await;
    other.execute_batch("ROLLBACK").unwrap();
    lab.wait_for("everybody live", |s| s.is_healthy() && s.monitors.iter().all(|m| is_live(m)))
        .await;
    load.stop().await;
    lab.assert_all_complete().await;
    lab.until("its end on the timeline", || lab.count_events(troubles[2]) > 0).await;
    let store = |kind: EventKind| troubles.contains(&kind);
    let told: Vec<_> = lab.events().iter().map(|event| event.kind).filter(|k| store(*k)).collect();
    assert!(told.starts_with(&troubles[..2]) && told.ends_with(&troubles[2..]), "{told:?}");
    let mut judge = told.clone();
    judge.dedup();
    assert_eq!(judge, told, "each change once");
}
