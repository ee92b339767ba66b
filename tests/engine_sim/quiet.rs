//! Silence is healthy exactly while it is proved.

use std::time::Duration;

use logcap_tui::model::TaskHealth;
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_containers_are_proved_quiet_for_forty_probe_intervals() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    for n in 0..10 {
        let spec = ContainerSpec::named(format!("quiet-{n}"));
        let spec = if n % 2 == 0 { spec } else { spec.rotating("10m", 3) };
        let id = lab.sim.run(spec);
        lab.sim.emit_many(&id, n, |line| format!("line {line}"));
    }
    lab.start().await;
    lab.wait_for("live monitors", |s| s.monitors.iter().all(|row| is_live(row))).await;
    let probe = lab.timing.probe.get();
    let until = lab.now().after(probe * 40);
    // A picture is up to one tick old, which is long on this clock.
    let tick = Duration::from_millis(250);
    let mut pictures = lab.handle().snapshots();
    let mut oldest = Duration::ZERO;
    while lab.now() < until {
        pictures.changed().await.unwrap();
        let picture = lab.snapshot();
        assert_eq!(picture.monitors.len(), 10);
        for row in &picture.monitors {
            // A reopen by plan reads for a moment, on fresh evidence.
            assert_eq!(row.health, TaskHealth::Running, "{}: {:?}", row.name, row.state);
            let age = picture.at.since(row.beat.unwrap().at);
            assert!(age <= probe * 2 + tick, "{}: evidence of {age:?}", row.name);
            oldest = oldest.max(age);
        }
    }
    let end = lab.snapshot();
    assert_eq!((end.totals.timeouts, end.totals.failures_5m, end.totals.restarts), (0, 0, 0));
    for row in &end.monitors {
        // A probe that finds nothing new leaves the follow alone.
        assert_eq!((row.errors, row.doubts_by.as_slice()), (0, [].as_slice()), "{}", row.name);
        let mismatched = row.reopens_by.iter().any(|(cause, _)| cause == "probe mismatch");
        assert!(!mismatched, "{}: {:?}", row.name, row.reopens_by);
    }
    lab.assert_all_complete().await;
}
