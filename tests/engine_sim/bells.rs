//! Bells: logs whose follow says only when to read, those that never stop ringing, and those whose
//! container takes its log along.

use std::time::Duration;

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{ContainerId, LiveSource, Lost, Seam, SeamKind, State};
use logcap_tui::sim::{ContainerSpec, Endpoint, Profile, Sim};

use crate::harness::{Lab, is_live, row};
use crate::oracle::Verdict;

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
    read: usize,
    writes: impl FnOnce(&Sim, &ContainerId),
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
    writes(&lab.sim, &id);
    lab.sim.die(&id);
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    let verdict = lab.verdict(&id);
    let gaps = lab.seams_of(&id, SeamKind::Gap);
    // Where nobody can tell, a gap may hide nothing.
    let unknown = gaps.iter().filter(|gap| gap.what.lost == Some(Lost::Unknown)).count();
    let honest = Verdict { false_gaps: unknown, reported: verdict.reported, ..Verdict::default() };
    assert_eq!(verdict, honest, "{profile:?}, {read} read: {gaps:#?}");
    (lab.stored(&id), gaps)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_follow_of_a_removed_container_holds_is_taken_without_a_read() {
    let specs = [ContainerSpec::named("whole"), ContainerSpec::named("belled").rotating("100m", 3)];
    let wide = "x".repeat(100);
    for profile in [Profile::Moby20_10, Profile::Moby24] {
        for spec in &specs {
            for read in [0, 20] {
                let what = format!("{profile:?}, {spec:?}, {read} read");
                let few = |sim: &Sim, id: &_| sim.emit_many(id, 200, |n| format!("unread {n}"));
                let (stored, gaps) =
                    removed_before_its_read(profile, spec.clone(), read, few).await;
                assert_eq!((stored, gaps), (read as u64 + 200, vec![]), "{what}");
                // More than is kept of a follow: its begin is taken, and a gap stands behind it.
                let many = |sim: &Sim, id: &_| sim.emit_many(id, 25_000, |n| format!("{wide} {n}"));
                let (stored, gaps) =
                    removed_before_its_read(profile, spec.clone(), read, many).await;
                assert!((8_000..20_000).contains(&stored), "{what}: {stored}");
                let [front @ .., gap] = &gaps[..] else { panic!("{what}: {gaps:#?}") };
                let (lost, t_high) = (gap.what.lost.clone(), gap.what.t_high);
                assert_eq!((lost, t_high), (Some(Lost::Removed), None), "{what}");
                // Whether the follow began where the log did, nobody can tell of so much.
                let lost: Vec<_> = front.iter().map(|seam| seam.what.lost.clone()).collect();
                let unknown = if read == 0 { vec![Some(Lost::Unknown)] } else { vec![] };
                assert_eq!(lost, unknown, "{what}");
            }
        }
    }
}

/// A follow passes over files that are rotated away before it gets there, so that what it holds proves
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_follow_of_a_log_that_rotated_holds_is_a_gap_without_a_read() {
    let spec = ContainerSpec::named("rotated").rotating("20k", 3);
    let writes = |sim: &Sim, id: &_| sim.emit_many(id, 400, |n| format!("unread {n}"));
    let (stored, gaps) = removed_before_its_read(Profile::Moby20_10, spec, 5, writes).await;
    assert_eq!(stored, 5);
    let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
    assert_eq!(gap.what.lost, Some(Lost::Removed));
}

/// A record that is older than the last one could be one that the follow repeats: what comes from there
/// on is not taken, and a gap says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_clock_that_steps_back_the_last_words_are_a_gap() {
    for read in [0, 20] {
        let writes = |sim: &Sim, id: &_| {
            sim.emit_many(id, 30, |n| format!("before {n}"));
            sim.clock_step(-3_600_000_000_000);
            sim.emit_many(id, 30, |n| format!("behind {n}"));
        };
        let spec = ContainerSpec::named("stepped");
        let (stored, gaps) = removed_before_its_read(Profile::Moby20_10, spec, read, writes).await;
        assert_eq!(stored, read as u64 + 30, "{gaps:#?}");
        let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
        assert_eq!((gap.what.lost.clone(), gap.before_seq), (Some(Lost::Removed), None));
    }
}

/// A follow repeats so many lines. Of a log of which nothing was read before its container is removed,
/// more may stand before those.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_before_the_follow_of_a_removed_container_is_said() {
    // Lines before the engine runs, or while it does and before the follow begins.
    for (old, early) in [(300, 0), (0, 300), (0, 5_000)] {
        let mut lab = Lab::new(Profile::Moby20_10, 10);
        let spec = ContainerSpec::named("early").auto_remove().rotating("10m", 3);
        lab.sim.delay_headers(Endpoint::Logs, Duration::from_millis(300));
        if early > 0 {
            lab.start().await;
        }
        let id = lab.sim.add(spec);
        lab.sim.stall_reads(&id);
        lab.sim.start_container(&id);
        lab.sim.emit_many(&id, old + early, |n| format!("early {n}"));
        if old > 0 {
            lab.start().await;
        }
        lab.wait_row("its read", &id, |row| row.phase.as_str() == "catching_up").await;
        lab.until("its follow", || lab.sim.open_streams(&id, true) == 1).await;
        lab.sim.emit_many(&id, 10, |n| format!("last words {n}"));
        lab.sim.die(&id);
        lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
        let (verdict, stored) = (lab.verdict(&id), lab.stored(&id));
        let what = format!("{old}, {early}: {verdict:?}, {stored} stored, {:#?}", lab.seams(&id));
        assert!(verdict.is_clean(), "{what}");
        let kinds: Vec<_> = lab.seams(&id).iter().map(|seam| seam.what.kind).collect();
        match (old, early) {
            (300, _) => assert_eq!((stored, &kinds[..]), (74, &[SeamKind::NotTaken][..]), "{what}"),
            (_, 300) => assert_eq!((stored, &kinds[..]), (310, &[][..]), "{what}"),
            _ => assert_eq!((stored, &kinds[..]), (4_106, &[SeamKind::Gap][..]), "{what}"),
        }
    }
}
