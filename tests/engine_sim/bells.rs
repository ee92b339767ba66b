//! Bells: logs whose follow says only when to read, those that never stop ringing, and those whose
//! container takes its log along.

use std::time::Duration;

use logcap_tui::config::History;
use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{Away, ContainerId, LiveSource, Lost, Seam, SeamKind, State};
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
                // Whether the follow began where the log did, nobody can tell of so much, nor whether
                // a log that rotates is still in its first file.
                let (begins, rotates) = (read > 0, !spec.options.is_empty());
                let expected = match (begins, rotates) {
                    (false, false) => vec![Some(Lost::Unknown), Some(Lost::Removed)],
                    _ => vec![Some(Lost::Removed)],
                };
                let lost: Vec<_> = gaps.iter().map(|seam| seam.what.lost.clone()).collect();
                assert_eq!(lost, expected, "{what}");
                let taken = if begins || !rotates { 8_000..20_000 } else { 0..1 };
                assert!(taken.contains(&stored), "{what}: {stored}");
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

/// What was read before counts: only together it fills a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_of_a_log_may_have_filled_its_first_file() {
    let spec = ContainerSpec::named("rotated").rotating("20k", 3);
    let writes = |sim: &Sim, id: &_| sim.emit_many(id, 100, |n| format!("unread {n}"));
    let (stored, gaps) = removed_before_its_read(Profile::Moby24, spec, 150, writes).await;
    assert_eq!((stored, gaps.len()), (150, 1), "{gaps:#?}");
}

/// So does what an earlier engine has read, and what was not taken of the log's begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_before_this_engine_may_have_filled_the_first_file() {
    for (history, stored) in [(History::All, 150), (History::Tail(5), 5)] {
        let mut lab = Lab::new(Profile::Moby24, 10).history(history);
        let id = lab.sim.run(ContainerSpec::named("rotated").rotating("20k", 3).auto_remove());
        lab.sim.emit_many(&id, 150, |n| format!("read {n}"));
        lab.start().await;
        lab.wait_row("live", &id, |row| is_live(row) && row.stored_total == stored).await;
        lab.rest().await;
        lab.sim.stall_reads(&id);
        if history == History::All {
            lab.stop().await;
            lab.start().await;
        } else {
            lab.order(Verb::Restart, Targets::All).await;
        }
        lab.wait_row("its read", &id, |row| row.phase.as_str() == "catching_up").await;
        lab.until("its follow", || lab.sim.open_streams(&id, true) == 1).await;
        lab.sim.emit_many(&id, 100, |n| format!("unread {n}"));
        lab.sim.die(&id);
        let gaps = gaps_of_a_removed_one(&lab, &id).await;
        assert_eq!((lab.stored(&id), gaps.len()), (stored, 1), "{history:?}: {gaps:#?}");
    }
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

/// What stands in the store of a container that is removed before its first read: so many lines were
/// written before the engine ran, or while it did and before the follow began. Those, and seams.
async fn removed_unread(
    spec: ContainerSpec,
    (old, early, width): (usize, usize, usize),
) -> (u64, Vec<Seam>) {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    lab.sim.delay_headers(Endpoint::Logs, Duration::from_millis(300));
    if early > 0 {
        lab.start().await;
    }
    let id = lab.sim.add(spec.auto_remove());
    lab.sim.stall_reads(&id);
    lab.sim.start_container(&id);
    lab.sim.emit_many(&id, old + early, |n| format!("early {n:width$}"));
    if old > 0 {
        lab.start().await;
    }
    lab.wait_row("its read", &id, |row| row.phase.as_str() == "catching_up").await;
    lab.until("its follow", || lab.sim.open_streams(&id, true) == 1).await;
    lab.sim.emit_many(&id, 10, |n| format!("last words {n}"));
    lab.sim.die(&id);
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    let (verdict, seams) = (lab.verdict(&id), lab.seams(&id));
    assert!(verdict.is_clean(), "{old}, {early}, {width}: {verdict:?} {seams:#?}");
    (lab.stored(&id), seams)
}

/// A follow repeats so many lines. Of a log of which nothing was read before its container is removed,
/// more may stand before those.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_before_the_follow_of_a_removed_container_is_said() {
    let (whole, rotating) =
        (|| ContainerSpec::named("whole"), || ContainerSpec::named("belled").rotating("10m", 3));
    let kinds = |seams: &[Seam]| seams.iter().map(|seam| seam.what.kind).collect::<Vec<_>>();
    let (stored, seams) = removed_unread(whole(), (300, 0, 1)).await;
    assert_eq!((stored, kinds(&seams)), (74, vec![SeamKind::NotTaken]), "{seams:#?}");
    for spec in [whole(), rotating()] {
        let (stored, seams) = removed_unread(spec, (0, 300, 1)).await;
        assert_eq!((stored, kinds(&seams)), (310, vec![]), "{seams:#?}");
    }
    let (stored, seams) = removed_unread(whole(), (0, 5_000, 1)).await;
    assert_eq!((stored, kinds(&seams)), (4_106, vec![SeamKind::Gap]), "{seams:#?}");
    // More text than is kept, and a log that may have rotated: the begin of it is not what the log's is.
    let (stored, seams) = removed_unread(whole(), (0, 5_000, 400)).await;
    assert!((2_000..4_000).contains(&stored), "{stored}: {seams:#?}");
    assert_eq!(kinds(&seams), [SeamKind::Gap; 2], "{seams:#?}");
    let (stored, seams) = removed_unread(rotating(), (0, 5_000, 1)).await;
    assert_eq!((stored, kinds(&seams)), (0, vec![SeamKind::Gap]), "{seams:#?}");
}

/// More than is kept, of a log that held nothing when it was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_words_behind_an_empty_read_lack_their_begin() {
    for is_there_before in [false, true] {
        let mut lab = Lab::new(Profile::Moby20_10, 10);
        let empty = || ContainerSpec::named("empty").auto_remove();
        let before = is_there_before.then(|| lab.sim.run(empty()));
        lab.start().await;
        let id = before.unwrap_or_else(|| lab.sim.run(empty()));
        lab.wait_row("live", &id, is_live).await;
        lab.sim.stall_reads(&id);
        lab.sim.emit_many(&id, 9_000, |n| format!("{n:400}"));
        // While the read waits nothing is heard, and afterwards all of it.
        lab.sim.die(&id);
        lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
        let (verdict, seams) = (lab.verdict(&id), lab.seams(&id));
        assert!(verdict.is_clean() && verdict.reported > 1_000, "{verdict:?} {seams:#?}");
    }
}

/// A container of which twenty lines are stored.
pub(crate) async fn twenty_read(profile: Profile, spec: ContainerSpec) -> (Lab, ContainerId) {
    let mut lab = Lab::new(profile, 10);
    lab.start().await;
    let id = lab.sim.run(spec);
    lab.sim.emit_many(&id, 20, |n| format!("read {n}"));
    lab.wait_row("live", &id, |row| is_live(row) && row.flow.stored == 20).await;
    lab.rest().await;
    (lab, id)
}

/// Pauses everything, and waits until this container is.
async fn pause(lab: &Lab, id: &ContainerId) {
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", id, |row| row.phase.as_str() == "paused").await;
}

/// Its gaps when it is gone, of which each hides what nobody read.
async fn gaps_of_a_removed_one(lab: &Lab, id: &ContainerId) -> Vec<Seam> {
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    let (verdict, gaps) = (lab.verdict(id), lab.seams_of(id, SeamKind::Gap));
    assert!(verdict.is_clean(), "{verdict:?} {gaps:#?}");
    gaps
}

fn both_kinds() -> [ContainerSpec; 2] {
    [ContainerSpec::named("whole"), ContainerSpec::named("belled").rotating("100m", 3)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_read_of_a_container_that_is_removed_while_it_is_paused_is_a_gap() {
    for spec in both_kinds() {
        let (lab, id) = twenty_read(Profile::Moby24, spec).await;
        pause(&lab, &id).await;
        lab.sim.emit_many(&id, 30, |n| format!("unread {n}"));
        lab.sim.die(&id);
        lab.sim.remove(&id);
        let gaps = gaps_of_a_removed_one(&lab, &id).await;
        let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
        assert_eq!(gap.what.lost, Some(Lost::Unknown), "{gap:?}");
        assert_eq!(gap.what.away, Some(Away::Paused), "{gap:?}");
    }
}

/// The files of a container that is removed go before it does: what a read finds no file of is in the
/// follow, to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_finds_no_file_any_more_leaves_the_end_to_the_follow() {
    for spec in both_kinds() {
        let (lab, id) = twenty_read(Profile::Moby20_10, spec.auto_remove()).await;
        lab.sim.remove_under(&id);
        lab.sim.emit_many(&id, 30, |n| format!("last word {n}"));
        assert_eq!(gaps_of_a_removed_one(&lab, &id).await, []);
        assert_eq!(lab.stored(&id), 50);
    }
}

/// The follow says nothing more, and the container is removed meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_follow_keeps_back_of_a_removed_container_is_a_gap() {
    for spec in both_kinds() {
        let (lab, id) = twenty_read(Profile::Moby24, spec.auto_remove()).await;
        lab.sim.stall_streams(&id);
        lab.sim.emit_many(&id, 30, |n| format!("unheard {n}"));
        lab.sim.die(&id);
        let gaps = gaps_of_a_removed_one(&lab, &id).await;
        let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
        assert_eq!(gap.what.lost, Some(Lost::Unknown), "{gap:?}");
    }
}

/// Its bell has rung for what it wrote, and the read that was due finds it gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bell_rang_for_is_a_gap_when_its_container_is_gone() {
    for profile in [Profile::Moby20_10, Profile::Moby24] {
        let spec = ContainerSpec::named("belled").rotating("100m", 3);
        let (lab, id) = twenty_read(profile, spec).await;
        lab.sim.stall_reads(&id);
        lab.sim.emit_many(&id, 30, |n| format!("rung {n}"));
        lab.sim.remove(&id);
        let gaps = gaps_of_a_removed_one(&lab, &id).await;
        assert_eq!(gaps.len(), 1, "{gaps:#?}");
    }
}

/// A container that has ended, is paused, runs again and is removed: nobody has listened to that run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_container_wrote_in_a_run_that_nobody_saw_is_a_gap() {
    for spec in both_kinds() {
        let (lab, id) = twenty_read(Profile::Moby24, spec).await;
        lab.sim.die(&id);
        lab.wait_row("its end", &id, |row| row.phase.as_str() == "ended").await;
        pause(&lab, &id).await;
        lab.sim.start_container(&id);
        lab.sim.emit_many(&id, 30, |n| format!("unseen {n}"));
        lab.wait_row("it runs again", &id, |row| row.running).await;
        lab.sim.die(&id);
        lab.sim.remove(&id);
        let gaps = gaps_of_a_removed_one(&lab, &id).await;
        assert_eq!(gaps.len(), 1, "{gaps:#?}");
    }
}

/// The last record is broken, and its container goes before anything follows it: follows pass over it
/// where the daemon says nothing of it, and nobody has read the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_record_at_the_end_of_a_removed_container_is_a_gap() {
    let rotating = || ContainerSpec::named("belled").rotating("100m", 3);
    for (profile, spec, refused) in [
        (Profile::Moby20_10, rotating(), true),
        (Profile::Moby20_10, ContainerSpec::named("whole"), true),
        (Profile::Moby27_4, ContainerSpec::named("whole"), true),
        (Profile::Moby20_10, rotating().auto_remove(), false),
        (Profile::Moby24, rotating().auto_remove(), false),
    ] {
        let (lab, id) = twenty_read(profile, spec).await;
        pause(&lab, &id).await;
        lab.sim.corrupt_record(&id, 20);
        lab.sim.emit_many(&id, 1, |n| format!("broken {n}"));
        lab.order(Verb::Resume, Targets::All).await;
        // A follow that repeats the broken record would end at once, again and again.
        lab.wait_row("live", &id, is_live).await;
        if refused {
            lab.sim.fail_next(&id, Endpoint::Logs, 409, 1_000);
            lab.sim.die(&id);
            lab.wait_row("its last read refused", &id, |row| row.failure.is_some()).await;
            lab.sim.remove(&id);
        } else {
            lab.sim.die(&id);
        }
        let gaps = gaps_of_a_removed_one(&lab, &id).await;
        assert_eq!(gaps.len(), 1, "{profile:?}: {gaps:#?}");
    }
}

/// What a bell let by behind the last read is taken without another: it is known what stands before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bell_rang_for_is_taken_when_its_container_has_gone() {
    for profile in [Profile::Moby20_10, Profile::Moby24] {
        let spec = ContainerSpec::named("belled").rotating("100m", 3).auto_remove();
        let (lab, id) = twenty_read(profile, spec).await;
        lab.sim.stall_reads(&id);
        lab.sim.emit_many(&id, 30, |n| format!("rung {n}"));
        lab.sim.die(&id);
        assert_eq!(gaps_of_a_removed_one(&lab, &id).await, [], "{profile:?}");
        assert_eq!(lab.stored(&id), 50, "{profile:?}");
    }
}

/// A log that was refused once and read since is one like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_refused_once_has_a_gap_when_its_container_is_removed() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.run(ContainerSpec::named("web"));
    lab.sim.fail_next(&id, Endpoint::Logs, 501, 1);
    lab.start().await;
    lab.wait_row("unreadable", &id, |row| row.phase.as_str() == "unreadable").await;
    pause(&lab, &id).await;
    lab.order(Verb::Resume, Targets::All).await;
    lab.wait_row("live", &id, is_live).await;
    pause(&lab, &id).await;
    lab.sim.emit_many(&id, 30, |n| format!("unread {n}"));
    lab.sim.die(&id);
    lab.sim.remove(&id);
    let gaps = gaps_of_a_removed_one(&lab, &id).await;
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
}

/// What a follow brought of one run is all that can be known of it, and says nothing of the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_words_of_one_run_hide_no_other() {
    let (lab, id) = twenty_read(Profile::Moby20_10, ContainerSpec::named("whole")).await;
    lab.sim.fail_next(&id, Endpoint::Logs, 409, 1_000);
    lab.sim.emit_many(&id, 30, |n| format!("heard {n}"));
    lab.sim.die(&id);
    lab.wait_row("its last read refused", &id, |row| row.failure.is_some()).await;
    pause(&lab, &id).await;
    lab.sim.start_container(&id);
    lab.sim.emit_many(&id, 30, |n| format!("unheard {n}"));
    lab.wait_row("it runs again", &id, |row| row.running).await;
    lab.sim.die(&id);
    lab.sim.remove(&id);
    let gaps = gaps_of_a_removed_one(&lab, &id).await;
    let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
    assert_eq!((&gap.what.lost, lab.stored(&id)), (&Some(Lost::Unknown), 50), "{gap:?}");
}

/// A gap stands at the end of the log already, for a record that the daemon cannot decode. What comes
/// behind it and is not read has no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_has_a_gap_gets_no_second_one() {
    let (lab, id) = twenty_read(Profile::Moby24, ContainerSpec::named("whole")).await;
    lab.sim.corrupt_record(&id, 20);
    lab.sim.emit_many(&id, 1, |n| format!("damaged {n}"));
    lab.sim.die(&id);
    lab.wait_row("its end", &id, |row| row.phase.as_str() == "ended").await;
    assert_eq!(lab.seams_of(&id, SeamKind::Gap).len(), 1);
    pause(&lab, &id).await;
    lab.sim.start_container(&id);
    lab.sim.emit_many(&id, 30, |n| format!("unseen {n}"));
    lab.wait_row("it runs again", &id, |row| row.running).await;
    lab.sim.die(&id);
    lab.sim.remove(&id);
    let gaps = gaps_of_a_removed_one(&lab, &id).await;
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
}

/// Nothing of a log that the daemon does not keep is missing when its container goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_read_has_no_gap_when_its_container_is_removed() {
    for is_paused in [false, true] {
        let mut lab = Lab::new(Profile::Moby24, 10);
        lab.start().await;
        let id = lab.sim.run(ContainerSpec::named("none").driver("none"));
        lab.wait_row("unreadable", &id, |row| row.phase.as_str() == "unreadable").await;
        if is_paused {
            pause(&lab, &id).await;
        }
        lab.sim.die(&id);
        lab.sim.remove(&id);
        assert_eq!(gaps_of_a_removed_one(&lab, &id).await, []);
    }
}

/// The same of one that was there before the engine, where only the answer tells that it cannot be read:
/// of a driver that keeps nothing itself. Of any other the answer proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_the_daemon_refuses_has_no_gap_when_its_container_is_removed() {
    let modes = [("splunk", "blocking", 0), ("json-file", "blocking", 1)];
    for (driver, mode, gaps) in modes.into_iter().chain([("json-file", "non-blocking", 1)]) {
        let mut lab = Lab::new(Profile::Moby24, 10);
        let spec = ContainerSpec::named("refused").driver(driver).option("mode", mode);
        let id = lab.sim.run(spec);
        lab.sim.fail_next(&id, Endpoint::Logs, 501, 1_000);
        lab.start().await;
        lab.wait_row("unreadable", &id, |row| row.phase.as_str() == "unreadable").await;
        pause(&lab, &id).await;
        lab.sim.die(&id);
        lab.sim.remove(&id);
        lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
        let seams = lab.seams_if_any(&id);
        assert_eq!(seams.len(), gaps, "{driver}: {seams:#?}");
        let is_open = |seam: &Seam| seam.what.lost == Some(Lost::Unknown);
        assert!(seams.iter().all(is_open), "{driver}: {seams:#?}");
    }
}

/// Nor is anything of one that never ran.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_never_ran_has_no_gap_when_it_is_removed() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.add(ContainerSpec::named("created"));
    lab.sim.stall_reads(&id);
    lab.start().await;
    lab.wait_row("its read", &id, |row| row.phase.as_str() == "catching_up").await;
    lab.sim.remove(&id);
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    assert_eq!(lab.seams_if_any(&id), []);
}

/// Control: nothing is missing of one that was heard or read to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_container_that_was_read_to_its_end_has_no_gap() {
    for (spec, removes_itself) in both_kinds().into_iter().zip([true, false]) {
        for last_words in [0, 30] {
            let spec = if removes_itself { spec.clone().auto_remove() } else { spec.clone() };
            let (lab, id) = twenty_read(Profile::Moby24, spec).await;
            lab.sim.emit_many(&id, last_words, |n| format!("last words {n}"));
            lab.sim.die(&id);
            if !removes_itself {
                lab.wait_row("its end", &id, |row| row.phase.as_str() == "ended").await;
                lab.sim.remove(&id);
            }
            assert_eq!(gaps_of_a_removed_one(&lab, &id).await, []);
            assert_eq!(lab.stored(&id), 20 + last_words as u64);
        }
    }
}
