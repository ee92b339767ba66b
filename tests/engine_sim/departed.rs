//! Departed: containers that were removed while no engine ran.

use logcap_tui::model::{Away, ContainerId, Lost, Seam, SeamKind};
use logcap_tui::sim::{ContainerSpec, Endpoint, Profile, Target};

use crate::bells::twenty_read;
use crate::harness::{Lab, is_live};

/// The gaps of a log after another start, once whatever has no end was looked for.
async fn gaps_after_a_start(lab: &mut Lab, id: &ContainerId) -> Vec<Seam> {
    lab.start().await;
    // What was removed before is told before what comes now.
    let later = lab.sim.run(ContainerSpec::named("later"));
    lab.wait_row("a later one live", &later, is_live).await;
    lab.sim.remove(&later);
    lab.wait_for("nobody", |s| s.monitors.is_empty()).await;
    lab.seams_of(id, SeamKind::Gap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_container_wrote_and_took_along_while_no_engine_ran_is_a_gap() {
    let kinds = [
        ContainerSpec::named("whole").label("com.docker.compose.project", "shop"),
        ContainerSpec::named("one-file").rotating("10m", 1),
        ContainerSpec::named("lossy").option("mode", "non-blocking"),
    ];
    for spec in kinds {
        let (mut lab, id) = twenty_read(Profile::Moby24, spec).await;
        let identity = lab.log(&id).identity;
        lab.stop().await;
        lab.sim.emit_many(&id, 30, |n| format!("unread {n}"));
        lab.sim.remove(&id);
        // However often it starts.
        for _ in 0..2 {
            let gaps = gaps_after_a_start(&mut lab, &id).await;
            let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
            assert_eq!(gap.what.lost, Some(Lost::Unknown), "{gap:?}");
            assert_eq!(gap.what.away, Some(Away::NotRunning), "{gap:?}");
            assert_eq!(gap.before_seq, None, "{gap:?}");
            assert_eq!(lab.log(&id).identity, identity);
            let verdict = lab.verdict(&id);
            assert!(verdict.is_clean() && verdict.reported == 30, "{verdict:?}");
            lab.stop().await;
        }
    }
}

/// Of a log that was read and held nothing, nobody can tell either what it held later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_silent_container_wrote_first_while_no_engine_ran_is_a_gap() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    lab.start().await;
    let id = lab.sim.run(ContainerSpec::named("silent"));
    let none = lab.sim.run(ContainerSpec::named("none").driver("none"));
    lab.wait_row("live", &id, is_live).await;
    lab.wait_row("unreadable", &none, |row| row.phase.as_str() == "unreadable").await;
    lab.rest().await;
    lab.stop().await;
    lab.sim.emit_many(&id, 30, |n| format!("unread {n}"));
    lab.sim.remove(&id);
    lab.sim.remove(&none);
    assert_eq!(gaps_after_a_start(&mut lab, &id).await.len(), 1);
    assert_eq!(lab.seams_if_any(&none), [], "control: nobody claims what cannot be read");
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.reported == 30, "{verdict:?}");
}

/// It was listed and could not be inspected, so that no monitor ever had it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_goes_before_it_could_be_inspected_is_no_less_departed() {
    let (mut lab, id) = twenty_read(Profile::Moby24, ContainerSpec::named("refused")).await;
    lab.stop().await;
    lab.sim.fail_next(Target::All, Endpoint::Inspect, 500, 1_000_000);
    lab.start().await;
    lab.wait_for("blind", |s| s.docker.blind.is_some()).await;
    lab.sim.emit_many(&id, 30, |n| format!("unread {n}"));
    lab.sim.remove(&id);
    lab.sim.heal();
    lab.until("its gap", || lab.seams_of(&id, SeamKind::Gap).len() == 1).await;
    lab.wait_for("nobody", |s| s.monitors.is_empty() && s.docker.blind.is_none()).await;
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.reported == 30, "{verdict:?}");
}

/// Control: whoever was read to the end, heard to the end or is still there has no gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_an_end_has_no_gap_when_its_container_is_gone() {
    let spec = || ContainerSpec::named("ended");
    let (mut lab, id) = twenty_read(Profile::Moby24, spec()).await;
    lab.sim.die(&id);
    lab.wait_row("its end", &id, |row| row.phase.as_str() == "ended").await;
    lab.stop().await;
    lab.sim.remove(&id);
    assert_eq!(gaps_after_a_start(&mut lab, &id).await, []);

    let (mut lab, id) = twenty_read(Profile::Moby24, spec().auto_remove()).await;
    lab.sim.die(&id);
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    lab.stop().await;
    assert_eq!(gaps_after_a_start(&mut lab, &id).await, []);
}

/// A daemon that never had the container cannot say that it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_daemon_has_is_not_called_removed() {
    let (mut lab, id) = twenty_read(Profile::Moby24, ContainerSpec::named("elsewhere")).await;
    lab.stop().await;
    lab.sim.remove(&id);
    for (daemon, gaps) in [("ANOTHER", 0), ("SIMU:LATE:DDAE:MON0", 1)] {
        let conn = rusqlite::Connection::open(lab.store_dir().join("logcap.db")).unwrap();
        let sql = "UPDATE meta SET value = ?1 WHERE key LIKE 'daemon/%'";
        assert!(conn.execute(sql, [daemon]).unwrap() > 0);
        drop(conn);
        assert_eq!(gaps_after_a_start(&mut lab, &id).await.len(), gaps, "{daemon}");
        lab.stop().await;
    }
}
