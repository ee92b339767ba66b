//! Bells: logs whose follow says only when to read, those that never stop ringing, and those whose
//! container takes its log along.

use std::time::Duration;

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{LiveSource, Lost, Seam, SeamKind, State};
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live, row};

fn is_by(row: &MonitorRow, source: LiveSource) -> bool {
    row.state == State::Live { source } && row.stream.is_some() == (source == LiveSource::Bell)
}

/// It costs the daemon a second look at everything and says nothing that a timer does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bell_that_always_rings_gives_way_to_a_timer_until_it_is_quiet() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let rotating = |name: &str| ContainerSpec::named(name).rotating("100m", 3);
    let ids = [
        lab.sim.run(rotating("busy")),
        lab.sim.run(rotating("removes-itself").auto_remove()),
        lab.sim.run(rotating("quiet")),
    ];
    lab.start().await;
    for id in &ids {
        lab.wait_row("a bell", id, |row| is_by(row, LiveSource::Bell)).await;
    }
    let load = lab.load(&ids[..2], Duration::from_millis(5), 2);
    let timed = lab.wait_row("a timer", &ids[0], |row| is_by(row, LiveSource::Timer)).await;
    let stored = timed.flow.stored;
    lab.wait_row("reads by the timer", &ids[0], |row| row.flow.stored > stored + 500).await;
    let meanwhile = lab.snapshot();
    for id in &ids[1..] {
        let row = row(&meanwhile, id).unwrap();
        assert!(row.stream.is_some(), "{}: {:?}", row.name, row.state);
    }
    load.stop().await;
    let after = lab.wait_row("a bell again", &ids[0], |row| is_by(row, LiveSource::Bell)).await;
    assert_eq!((after.errors, after.restarts, after.gaps), (0, 0, 0));
    lab.assert_all_complete().await;
}

/// A megabyte of what it let by is kept of a bell. What was in front of that is a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_last_words_than_a_bell_keeps_are_a_gap() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    lab.start().await;
    let (mut gaps, filler) = (0, "x".repeat(100));
    for round in 0..5 {
        let spec = ContainerSpec::named(format!("c{round}")).auto_remove().rotating("100m", 3);
        let id = lab.sim.run(spec);
        lab.sim.emit_many(&id, 20, |n| format!("line {n}"));
        lab.wait_row("live", &id, |row| is_live(row) && row.flow.stored == 20).await;
        lab.sim.emit_many(&id, 25_000, |n| format!("last word {n} {filler}"));
        lab.sim.die(&id);
        lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
        let verdict = lab.verdict(&id);
        assert_eq!((verdict.lost_unreported, verdict.duplicated), (0, 0), "{round}: {verdict:?}");
        let told = lab.seams_of(&id, SeamKind::Gap);
        assert!(told.iter().all(|seam| seam.what.lost == Some(Lost::Removed)), "{told:?}");
        gaps += told.len();
    }
    assert!(gaps > 0, "every round was read to its end");
}

/// A container that is removed while a read of it waits for its answer: what its follow has brought is
/// all there is. `read` of its lines are stored before. Stored in all, and the gaps.
async fn removed_before_its_read(
    profile: Profile,
    spec: ContainerSpec,
    (read, unread, filler): (usize, usize, &str),
) -> (u64, Vec<Seam>) {
    let mut lab = Lab::new(profile, 10).patient(Duration::from_mins(1));
    lab.start().await;
    let id = lab.sim.add(spec.auto_remove());
    if read > 0 {
        lab.sim.start_container(&id);
        lab.sim.emit_many(&id, read, |n| format!("read {n}"));
        lab.wait_row("live", &id, |row| is_live(row) && row.flow.stored == read as u64).await;
        lab.sim.stall_reads(&id);
        lab.order(Verb::Restart, Targets::All).await;
    } else {
        lab.sim.stall_reads(&id);
        lab.sim.start_container(&id);
    }
    lab.wait_row("its read", &id, |row| row.phase.as_str() == "catching_up").await;
    while lab.sim.open_streams(&id, true) != 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    lab.sim.emit_many(&id, unread, |n| format!("unread {n} {filler}"));
    lab.sim.die(&id);
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean(), "{profile:?}, {read}, {unread}: {verdict:?}");
    (lab.stored(&id), lab.seams_of(&id, SeamKind::Gap))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_follow_of_a_removed_container_holds_is_taken_without_a_read() {
    let specs = [ContainerSpec::named("whole"), ContainerSpec::named("belled").rotating("100m", 3)];
    let wide = "x".repeat(100);
    for profile in [Profile::Moby20_10, Profile::Moby24] {
        for spec in &specs {
            for read in [0, 20] {
                let what = format!("{profile:?}, {spec:?}, {read} read");
                let few = (read, 200, "");
                let (stored, gaps) = removed_before_its_read(profile, spec.clone(), few).await;
                assert_eq!((stored, gaps), (read as u64 + 200, vec![]), "{what}");
                // More than is kept of a follow: its begin is taken, and a gap stands behind it.
                let many = (read, 25_000, wide.as_str());
                let (stored, gaps) = removed_before_its_read(profile, spec.clone(), many).await;
                assert!((8_000..20_000).contains(&stored), "{what}: {stored}");
                let [gap] = &gaps[..] else { panic!("{what}: {gaps:#?}") };
                let (lost, t_high) = (gap.what.lost.clone(), gap.what.t_high);
                assert_eq!((lost, t_high), (Some(Lost::Removed), None), "{what}");
            }
        }
    }
}

/// A follow passes over files that are rotated away before it gets there, so that what it holds proves
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_follow_of_a_log_that_rotated_holds_is_a_gap_without_a_read() {
    let spec = ContainerSpec::named("rotated").rotating("20k", 3);
    let (stored, gaps) = removed_before_its_read(Profile::Moby20_10, spec, (5, 400, "")).await;
    assert_eq!(stored, 5);
    let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
    assert_eq!(gap.what.lost, Some(Lost::Removed));
}
