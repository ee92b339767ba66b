//! Negative controls: what must be reported is reported, so that silence means something.

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::model::TaskHealth;
use logcap_tui::sim::{ContainerSpec, Profile, Target};

use crate::harness::{Lab, is_live};
use crate::leaked::{LIBRARY_TASKS, leaks};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_the_daemon_hides_is_lost_by_the_oracle() {
    let mut lab = Lab::new(Profile::Moby20_10, 20);
    let id = lab.sim.run(ContainerSpec::named("hiding"));
    lab.sim.skip_record(&id, 57);
    lab.start().await;
    lab.sim.emit_many(&id, 100, |n| format!("line {n}"));
    lab.rest().await;
    let verdict = lab.verdict(&id);
    assert_eq!((verdict.lost_unreported, verdict.duplicated), (1, 0), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_evidence_nothing_is_called_running() {
    let mut lab = Lab::new(Profile::Moby20_10, 20);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    lab.start().await;
    lab.rest().await;
    lab.sim.stall_reads(Target::All);
    lab.sim.stall_streams(Target::All);
    let since = lab.now();
    let timeout = lab.timing.timeout.get();
    let left = lab
        .wait_within("monitor that left running", timeout + timeout / 2, |s| {
            s.monitors.iter().all(|row| row.health != TaskHealth::Running)
        })
        .await;
    assert!(left.at.since(since) <= timeout + timeout / 2);
    // For as long as it lasts, nothing claims to run on evidence older than the timeout.
    let mut pictures = lab.handle().snapshots();
    let until = lab.now().after(timeout * 2);
    while lab.now() < until {
        pictures.changed().await.unwrap();
        let picture = lab.snapshot();
        for row in &picture.monitors {
            let age = row.beat.map(|beat| picture.at.since(beat.at));
            assert!(
                row.health != TaskHealth::Running || age.is_some_and(|age| age <= timeout),
                "{} runs on evidence of {age:?}",
                row.name
            );
        }
    }
    ids.iter().for_each(|id| lab.sim.emit_many(id, 20, |n| format!("meanwhile {n}")));
    lab.sim.unstall(Target::All);
    lab.wait_for("recovery", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaked_tasks_are_seen_for_as_long_as_they_last() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    lab.sim.run(ContainerSpec::named("one"));
    lab.start().await;
    lab.wait_for("figures of the process", |s| s.process.fds.is_some()).await;
    // What is just under way has tasks too, and a first picture with them would hide as many.
    let mut before = lab.rest().await;
    for _ in 0..4 {
        let again = lab.rest().await;
        before = if again.tasks.runtime < before.tasks.runtime { again } else { before };
    }
    let leak = |after: &EngineSnapshot| {
        leaks(&before, after).into_iter().find(|found| found.contains("tasks of the runtime"))
    };
    lab.wait_for("rest without a leak", |s| leak(s).is_none()).await;
    // Tasks that were started beside the one place for it, and never end: the fewest that are seen.
    let endless = |_| tokio::spawn(std::future::pending::<()>());
    let leaked: Vec<_> = (0..=LIBRARY_TASKS).map(endless).collect();
    lab.wait_for("the leak", |s| leak(s).is_some()).await;
    leaked.iter().for_each(tokio::task::JoinHandle::abort);
    lab.wait_for("the end of the leak", |s| leak(s).is_none()).await;
}
