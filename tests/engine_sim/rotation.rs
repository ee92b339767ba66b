//! Logs whose files rotate: the follow is only a bell there, because it repeats and skips.

use std::ops::Range;
use std::time::Duration;

use logcap_tui::config::History;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{Away, EventKind, Fd, Lost, Seam, SeamKind};
use logcap_tui::sim::{ContainerSpec, Endpoint, Profile};

use crate::harness::{Lab, is_live};
use crate::oracle::Verdict;

/// Of one log, in a few seconds.
const ROTATIONS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_that_rotate_at_speed_lose_nothing_in_silence() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = [
        // Small files, and so many of them that half a megabyte is kept.
        lab.sim.run(ContainerSpec::named("small").rotating("40k", 12)),
        lab.sim.run(ContainerSpec::named("one").rotating("1m", 1)),
        lab.sim.run(ContainerSpec::named("packed").rotating("200k", 3).option("compress", "true")),
        lab.sim.run(ContainerSpec::named("local").driver("local").option("max-size", "1m")),
    ];
    // By its pace a simulated burst could have filled any file before the first read.
    ids.iter().for_each(|id| lab.sim.emit(id, Fd::Stdout, "the first"));
    lab.start().await;
    lab.wait_for("live monitors", |s| s.monitors.iter().all(|row| is_live(row))).await;
    let load = lab.load(&ids, Duration::from_millis(5), 10);
    lab.until("the rotations", || lab.sim.rotations(&ids[0]) >= ROTATIONS).await;
    load.stop().await;
    lab.rest().await;
    for id in &ids {
        let verdict = lab.verdict(id);
        assert!(verdict.is_clean(), "{verdict:?}\n{:#?}", lab.seams(id));
    }
    assert!(lab.sim.rotations(&ids[0]) >= ROTATIONS);
}

fn gaps(lab: &Lab, id: &logcap_tui::model::ContainerId) -> Vec<Seam> {
    lab.seams_of(id, SeamKind::Gap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_during_a_pause_is_fetched_and_is_no_gap() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("1m", 5)),
    ];
    ids.iter().for_each(|id| lab.sim.emit_many(id, 50, |n| format!("before {n}")));
    lab.start().await;
    lab.rest().await;
    for round in 0..3 {
        lab.order(Verb::Pause, Targets::All).await;
        lab.wait_for("pause", |s| s.monitors.iter().all(|row| row.phase.as_str() == "paused"))
            .await;
        ids.iter().for_each(|id| lab.sim.emit_many(id, 2_000, |n| format!("away {round} {n}")));
        lab.order(Verb::Resume, Targets::All).await;
        lab.rest().await;
    }
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_rotated_away_during_a_pause_is_one_gap() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let id = lab.sim.run(ContainerSpec::named("belled").rotating("10k", 2));
    lab.sim.emit_many(&id, 50, |n| format!("before {n}"));
    lab.start().await;
    lab.rest().await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    lab.sim.emit_many(&id, 2_000, |n| format!("away {n}"));
    lab.order(Verb::Resume, Targets::All).await;
    lab.rest().await;
    lab.sim.emit_many(&id, 20, |n| format!("after {n}"));
    lab.rest().await;
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.reported > 1_000, "{verdict:?}");
    let gaps = gaps(&lab, &id);
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_eq!(gaps[0].what.lost, Some(Lost::Rotated));
    assert_eq!(gaps[0].what.away, Some(Away::Paused));
    let row = lab.wait_row("the count of gaps", &id, |row| row.gaps == 1).await;
    assert_eq!(row.gaps_new, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncation_with_a_loss_is_one_gap() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.run(ContainerSpec::named("cut"));
    lab.sim.emit_many(&id, 50, |n| format!("before {n}"));
    lab.start().await;
    lab.rest().await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    lab.sim.emit_many(&id, 30, |n| format!("lost {n}"));
    lab.sim.truncate(&id);
    lab.sim.emit_many(&id, 20, |n| format!("after {n}"));
    lab.order(Verb::Resume, Targets::All).await;
    lab.rest().await;
    // A follow hangs behind a truncation; the probe finds what it does not deliver.
    lab.sim.emit_many(&id, 20, |n| format!("later {n}"));
    lab.rest().await;
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.reported == 30, "{verdict:?}");
    let gaps = gaps(&lab, &id);
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_eq!(gaps[0].what.lost, Some(Lost::Truncated));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncation_without_a_loss_cannot_be_told_from_one_and_is_a_seam() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.run(ContainerSpec::named("cut"));
    lab.sim.emit_many(&id, 50, |n| format!("before {n}"));
    lab.start().await;
    lab.rest().await;
    lab.sim.truncate(&id);
    lab.sim.emit_many(&id, 20, |n| format!("after {n}"));
    lab.rest().await;
    lab.rest().await;
    let verdict = lab.verdict(&id);
    assert_eq!((verdict.lost_unreported, verdict.duplicated, verdict.reordered), (0, 0, 0));
    assert_eq!(gaps(&lab, &id).len(), 1, "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_20_10_a_follow_goes_on_in_a_truncated_file() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let id = lab.sim.run(ContainerSpec::named("cut"));
    lab.sim.emit_many(&id, 50, |n| format!("before {n}"));
    lab.start().await;
    lab.rest().await;
    lab.sim.truncate(&id);
    lab.sim.emit_many(&id, 20, |n| format!("after {n}"));
    lab.rest().await;
    let verdict = lab.verdict(&id);
    assert_eq!((verdict.lost_unreported, verdict.duplicated, verdict.reordered), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_engine_goes_on_where_it_was() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("1m", 5)),
        lab.sim.run(ContainerSpec::named("small").rotating("5k", 2)),
    ];
    for round in 0..3 {
        lab.start().await;
        ids.iter().for_each(|id| lab.sim.emit_many(id, 20, |n| format!("there {round} {n}")));
        lab.rest().await;
        lab.stop().await;
        let quiet = ids.iter().take(2);
        quiet.for_each(|id| lab.sim.emit_many(id, 500, |n| format!("away {round} {n}")));
    }
    lab.sim.emit_many(&ids[2], 1_000, |n| format!("too much {n}"));
    lab.start().await;
    lab.rest().await;
    ids.iter().take(2).for_each(|id| lab.assert_complete(id));
    let verdict = lab.verdict(&ids[2]);
    assert!(verdict.is_clean() && verdict.reported > 0, "{verdict:?}");
    let gaps = gaps(&lab, &ids[2]);
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_eq!(gaps[0].what.away, Some(Away::NotRunning));
}

/// Where nothing is stored yet, only the size of what the daemon still has tells whether it can
/// have dropped a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_burst_that_rotates_its_own_beginning_away_is_a_gap() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    lab.start().await;
    let spec = |name| ContainerSpec::named(name).rotating("20k", 3);
    let (burst, small) = (lab.sim.run(spec("burst")), lab.sim.run(spec("small")));
    let tabs = lab.sim.run(spec("tabs"));
    lab.wait_row("live", &burst, is_live).await;
    lab.rest().await;
    lab.sim.emit_many(&burst, 3_000, |n| format!("a first burst {n}"));
    // Six bytes each in the daemon's file.
    lab.sim.emit_many(&tabs, 3_000, |n| format!("{}{n}", "\t".repeat(40)));
    lab.sim.emit_many(&small, 100, |n| format!("control: it fits two files {n}"));
    lab.rest().await;
    for id in [burst, tabs] {
        let gaps = lab.seams_of(&id, SeamKind::Gap);
        assert!(matches!(&gaps[..], [gap] if gap.what.lost == Some(Lost::Unknown)), "{gaps:#?}");
        let verdict = lab.verdict(&id);
        assert!(verdict.is_clean() && verdict.reported > 2_000, "{verdict:?}");
    }
    lab.assert_complete(&small);
}

/// Whether the front was lost is a question only where nothing was promised to be left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_is_in_doubt_where_it_was_ours_to_read_and_nowhere_else() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let spec = |name| ContainerSpec::named(name).rotating("20k", 3);
    let line = |n: usize| format!("a line that fills files {n}");
    let (old, empty) = (lab.sim.run(spec("old")), lab.sim.run(spec("empty")));
    lab.sim.emit_many(&old, 3_000, line);
    lab.start().await;
    lab.rest().await;
    // Rotated away before its first read: its log began while the engine ran.
    let born = lab.sim.run(spec("born"));
    lab.sim.emit_many(&born, 3_000, line);
    // Longer than what is sent to the store at once, and whole.
    let large = lab.sim.run(ContainerSpec::named("large").rotating("2m", 3));
    lab.sim.emit_many(&large, 15_000, |n| format!("{n:0100}"));
    // Read before, when it held nothing.
    lab.sim.emit_many(&empty, 3_000, line);
    lab.wait_row("live", &born, is_live).await;
    lab.rest().await;
    // What was gone before the engine ran was never promised.
    assert_eq!(gaps(&lab, &old), [], "{:#?}", lab.seams(&old));
    assert_eq!(gaps(&lab, &large), [], "{:#?}", lab.seams(&large));
    lab.assert_complete(&large);
    for id in [&empty, &born] {
        assert_eq!(gaps(&lab, id).len(), 1, "{:#?}", lab.seams(id));
        let verdict = lab.verdict(id);
        assert!(verdict.is_clean(), "{verdict:?}");
    }
}

/// No size tells of a log in one file, or of one whose records hold more than their text; the pace at
/// which it is written does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_without_a_size_is_in_doubt_at_a_pace_that_could_have_filled_its_files() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let single = |name, size| ContainerSpec::named(name).rotating(size, 1);
    let line = |n: usize| format!("a line that fills files {n}");
    let (late, empty) = (lab.sim.run(single("late", "10m")), lab.sim.run(single("empty", "20k")));
    lab.start().await;
    lab.rest().await;
    let born = lab.sim.run(single("born", "20k"));
    let labelled = ContainerSpec::named("labelled").rotating("20k", 3).option("labels", "team");
    let labelled = lab.sim.run(labelled);
    let quiet = lab.sim.run(single("quiet", "10m"));
    let tagged = ContainerSpec::named("tagged").rotating("10m", 3).option("tag", "team");
    let tagged = lab.sim.run(tagged);
    for id in [&born, &labelled, &empty] {
        lab.sim.emit_many(id, 3_000, line);
    }
    // A greeting at the start, and one that comes long after; also where records hold more.
    for id in [&quiet, &late, &tagged] {
        lab.sim.emit_many(id, 20, line);
    }
    lab.wait_row("live", &born, is_live).await;
    lab.rest().await;
    for id in [&born, &labelled, &empty] {
        assert_eq!(gaps(&lab, id).len(), 1, "{:#?}", lab.seams(id));
        let verdict = lab.verdict(id);
        assert!(verdict.is_clean() && verdict.reported > 1_000, "{verdict:?}");
    }
    for id in [&quiet, &late, &tagged] {
        assert_eq!(gaps(&lab, id), [], "{:#?}", lab.seams(id));
        lab.assert_complete(id);
    }
}

/// What rang at first is there no more: whatever the pace, something was rotated away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_that_was_heard_and_is_not_read_was_lost() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let id = lab.sim.run(ContainerSpec::named("slow").rotating("100k", 1));
    lab.start().await;
    lab.wait_row("live", &id, is_live).await;
    lab.rest().await;
    // Its follow rings, and the first reads are refused.
    lab.sim.fail_next(&id, Endpoint::Logs, 503, 4);
    lab.sim.emit(&id, Fd::Stdout, "the first");
    lab.until("a refusal", || lab.count_events(EventKind::MonitorFailed) > 0).await;
    for n in 0..200 {
        lab.sim.clock_step(1_000_000_000);
        lab.sim.emit(&id, Fd::Stdout, &format!("slowly {n:01000}"));
    }
    lab.wait_row("some of it", &id, |row| row.stored_total > 0).await;
    lab.rest().await;
    let (verdict, gaps) = (lab.verdict(&id), gaps(&lab, &id));
    assert!(verdict.is_clean() && verdict.reported > 0, "{verdict:?} {gaps:#?}");
    assert_eq!(gaps.iter().filter(|gap| gap.what.t_low.is_none()).count(), 1, "{gaps:#?}");
}

/// Of an answer that breaks off it is not known whether it would have been the whole log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_first_answer_that_breaks_off_nothing_is_kept() {
    for by_order in [false, true] {
        let mut lab = Lab::new(Profile::Moby20_10, 10);
        lab.start().await;
        let id = lab.sim.add(ContainerSpec::named("slow").rotating("20k", 3));
        lab.sim.dribble(&id, true);
        lab.sim.start_container(&id);
        lab.sim.emit_many(&id, 3_000, |n| format!("a first burst {n}"));
        lab.wait_row("a part of the answer", &id, |row| row.flow.received > 10).await;
        lab.sim.dribble(&id, false);
        if by_order {
            lab.order(Verb::Pause, Targets::All).await;
            lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
            lab.order(Verb::Resume, Targets::All).await;
        } else {
            lab.sim.cut_streams(&id, logcap_tui::sim::Cut::Reset);
        }
        lab.wait_row("live", &id, is_live).await;
        lab.rest().await;
        assert_eq!(gaps(&lab, &id).len(), 1, "{:#?}", lab.seams(&id));
        let verdict = lab.verdict(&id);
        assert!(verdict.is_clean() && verdict.reported > 2_000, "{verdict:?}");
    }
}

/// Somebody empties the newest of several files: the stored end is gone, and what stands before it is
/// not. None of it may be stored again, however much it is, nor older history that was never taken.
struct Emptied {
    profile: Profile,
    history: History,
    /// Lines before the first read, and read afterwards; how wide the first are.
    lines: [usize; 2],
    width: usize,
    max_size: &'static str,
    /// A record among those that stay cannot be decoded.
    is_damaged: bool,
    /// The log is read between the moment it is emptied and the next line.
    rests: bool,
}

impl Emptied {
    fn of(profile: Profile) -> Self {
        let (lines, max_size) = ([3_000, 2_500], "200k");
        let history = History::All;
        Self { profile, history, lines, width: 1, max_size, is_damaged: false, rests: true }
    }

    async fn play(self) {
        let Self { profile, history, lines, width, max_size, is_damaged, rests } = self;
        let what = format!("{profile:?}, {history:?}, {max_size}, {is_damaged}, {rests}");
        let mut lab = Lab::new(profile, 10).history(history).patient(Duration::from_mins(2));
        let id = lab.sim.run(ContainerSpec::named("belled").rotating(max_size, 3));
        lab.sim.emit_many(&id, lines[0], |n| format!("before {n:width$}"));
        lab.start().await;
        lab.rest().await;
        if is_damaged {
            lab.sim.corrupt_record(&id, lines[0] + lines[1] / 5);
        }
        lab.sim.emit_many(&id, lines[1], |n| format!("stored {n}"));
        lab.rest().await;
        let (stored, damaged) = (lab.stored(&id), lab.verdict(&id).reported);
        assert_eq!(damaged, usize::from(is_damaged), "{what}: {:#?}", gaps(&lab, &id));
        lab.sim.truncate(&id);
        if rests {
            lab.rest().await;
            assert_eq!(lab.stored(&id), stored, "nothing is new: {what}: {:#?}", gaps(&lab, &id));
        }
        for round in 0..2 {
            lab.sim.emit_many(&id, 30, |n| format!("behind {round} {n}"));
            lab.rest().await;
        }
        let (verdict, gaps) = (lab.verdict(&id), gaps(&lab, &id));
        // The record behind the hole that the file has now cannot be decoded (20.10.24).
        let (reported, excused) = (damaged + 1, verdict.excused);
        let honest = Verdict { reported, excused, ..Verdict::default() };
        assert_eq!((verdict, lab.stored(&id)), (honest, stored + 59), "{what}: {gaps:#?}");
    }
}

const PROFILES: [Profile; 4] =
    [Profile::Moby20_10, Profile::Moby24, Profile::Moby27_4, Profile::Moby29];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_before_an_emptied_file_is_not_stored_twice() {
    let each = PROFILES.map(Emptied::of);
    // More than is held in memory, and history that was never taken.
    let long = || {
        let (lines, max_size) = ([60_000, 2_500], "12m");
        Emptied { lines, width: 400, max_size, ..Emptied::of(Profile::Moby24) }
    };
    let at_once = Emptied { rests: false, ..long() };
    let untaken = Emptied { history: History::Tail(20), ..Emptied::of(Profile::Moby24) };
    let all = each.into_iter().chain([long(), at_once, untaken]);
    futures_util::future::join_all(all.map(Emptied::play)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_file_that_is_written_on_at_once_costs_no_more() {
    let all = PROFILES.into_iter().flat_map(|profile| {
        let at_once = || Emptied { rests: false, ..Emptied::of(profile) };
        [at_once(), Emptied { lines: [300, 100], max_size: "20k", ..at_once() }]
    });
    futures_util::future::join_all(all.map(Emptied::play)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_file_of_a_damaged_log_costs_no_more() {
    let all = PROFILES.into_iter().flat_map(|profile| {
        let damaged = || Emptied { is_damaged: true, ..Emptied::of(profile) };
        [damaged(), Emptied { rests: false, ..damaged() }]
    });
    futures_util::future::join_all(all.map(Emptied::play)).await;
}

/// Somebody cuts lines off the end of a file that goes on without a hole: what came behind is taken,
/// whether it came at once or not, and nothing before it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_lines_that_were_cut_off_capture_goes_on() {
    // The last is more than is held in memory.
    for (rests, behind, width) in [(true, 30, 1), (false, 30, 1), (false, 45_000, 400)] {
        let mut lab = Lab::new(Profile::Moby20_10, 10).patient(Duration::from_mins(2));
        let id = lab.sim.run(ContainerSpec::named("belled").rotating("100m", 3));
        lab.sim.emit_many(&id, 300, |n| format!("stored {n}"));
        lab.start().await;
        lab.rest().await;
        if !rests {
            lab.order(Verb::Pause, Targets::All).await;
            lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
        }
        (260..300).for_each(|at| lab.sim.skip_record(&id, at));
        lab.rest().await;
        lab.sim.emit_many(&id, behind, |n| format!("behind {n:width$}"));
        if !rests {
            lab.order(Verb::Resume, Targets::All).await;
        }
        lab.rest().await;
        lab.sim.emit_many(&id, 30, |n| format!("later {n}"));
        lab.rest().await;
        let (verdict, gaps) = (lab.verdict(&id), gaps(&lab, &id));
        // What was cut off is stored; whether there was more of it, nobody can tell.
        let honest = Verdict { false_gaps: 1, ..Verdict::default() };
        let stored = 330 + behind as u64;
        assert_eq!((verdict, lab.stored(&id)), (honest, stored), "{rests} {behind}: {gaps:#?}");
        assert_eq!(gaps[0].what.lost, Some(Lost::Truncated), "{rests} {behind}");
    }
}

/// Its container is removed at any moment of the reads that find out what is left: what one answer has
/// shown is taken or not, but never twice, nor without the gap before it.
async fn emptied_and_removed(is_cut: bool, nth: u32) -> u64 {
    // Sixty-four at a time keep a machine busy, and looks have deadlines.
    let mut lab = Lab::new(Profile::Moby20_10, 5);
    let id = lab.sim.run(ContainerSpec::named("belled").rotating("20k", 3));
    lab.sim.emit_many(&id, 400, |n| format!("stored {n}"));
    lab.start().await;
    lab.rest().await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    let stored = lab.stored(&id);
    if is_cut {
        (300..400).for_each(|at| lab.sim.skip_record(&id, at));
    } else {
        lab.sim.truncate(&id);
    }
    lab.sim.emit_many(&id, 31, |n| format!("behind {n}"));
    lab.sim.remove_at(&id, nth);
    lab.order(Verb::Resume, Targets::All).await;
    lab.wait_for("the end of its reads", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.sim.remove(&id);
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    let (verdict, new) = (lab.verdict(&id), lab.stored(&id) - stored);
    let what = format!("removed at read {nth}: {verdict:?}, {new} new");
    assert_eq!((verdict.duplicated, verdict.reordered, verdict.altered), (0, 0, 0), "{what}");
    assert_eq!(verdict.lost_unreported, 0, "{what}");
    // Whether anything came behind the last answer, nobody can tell.
    let mut gaps = gaps(&lab, &id);
    gaps.retain(|gap| gap.what.lost != Some(Lost::Unknown) || gap.before_seq.is_some());
    assert!(new == 0 || gaps.len() == 1, "{what}: {gaps:#?}");
    new
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_log_that_is_removed_while_it_is_read_keeps_what_came() {
    for is_cut in [false, true] {
        let each = (1..=64).map(|nth| emptied_and_removed(is_cut, nth));
        let new = futures_util::future::join_all(each).await;
        let all = if is_cut { 31 } else { 30 };
        assert_eq!([new[0], new[63]], [0, all], "{new:?}");
        // Of an emptied file the first answers show nothing new; of others they are enough.
        assert!(!is_cut || new[..10].contains(&31), "{new:?}");
    }
}

/// What hides the stored end in the first answers shows it in a later one, behind more than is held in
/// memory: whatever was concluded meanwhile, nothing is stored twice, and nothing is lost in silence.
async fn comes_to_light(hidden: Range<usize>, nth: u32) -> (Verdict, u64) {
    let mut lab = Lab::new(Profile::Moby20_10, 10).patient(Duration::from_mins(2));
    let id = lab.sim.run(ContainerSpec::named("belled").rotating("100m", 3));
    lab.sim.emit_many(&id, 300, |n| format!("stored {n}"));
    lab.start().await;
    lab.rest().await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    lab.sim.leave_out(&id, hidden, nth);
    lab.sim.emit_many(&id, 45_000, |n| format!("behind {n:400}"));
    lab.order(Verb::Resume, Targets::All).await;
    lab.rest().await;
    lab.sim.emit_many(&id, 30, |n| format!("later {n}"));
    lab.rest().await;
    (lab.verdict(&id), lab.stored(&id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_comes_to_light_later_is_not_stored_twice() {
    // Behind stored records that are seen, and with all of them; two at a time, for memory's sake.
    for nth in [1, 2, 3, 4, 5, 9] {
        let each = [250..310, 0..310].map(|hidden| comes_to_light(hidden, nth));
        for (verdict, stored) in futures_util::future::join_all(each).await {
            let reported = verdict.reported;
            let honest = Verdict { reported, ..Verdict::default() };
            assert_eq!((verdict, stored), (honest, 45_330 - reported as u64), "by answer {nth}");
            // Shown at once it is no gap; shown too late it is one of just what was new there.
            match nth {
                1 => assert_eq!(reported, 0),
                9 => assert_eq!(reported, 10),
                _ => assert!([0, 10].contains(&reported), "by answer {nth}: {reported}"),
            }
        }
    }
}

/// Why nobody read is said of the first gap behind it, and of no later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_read_a_rotation_is_a_lag() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.run(ContainerSpec::named("small").rotating("10k", 2));
    lab.sim.emit_many(&id, 20, |n| format!("before {n}"));
    lab.start().await;
    lab.rest().await;
    for is_paused in [false, true] {
        if is_paused {
            lab.order(Verb::Pause, Targets::All).await;
            lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
            lab.order(Verb::Resume, Targets::All).await;
            lab.wait_row("live", &id, is_live).await;
            lab.rest().await;
        }
        // At once, so that no read comes between.
        lab.sim.emit_many(&id, 5_000, |n| format!("a burst {n}"));
        lab.rest().await;
        let gaps = gaps(&lab, &id);
        let last = gaps.last().map(|gap| (gap.what.lost.clone(), gap.what.away));
        assert_eq!(last, Some((Some(Lost::Rotated), Some(Away::Lagging))), "{gaps:#?}");
    }
}

/// More than is held of other answers, and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_first_burst_on_a_terminal_has_no_gap() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    lab.start().await;
    let id = lab.sim.run(ContainerSpec::named("large").tty().rotating("10m", 3));
    lab.wait_row("live", &id, is_live).await;
    lab.rest().await;
    lab.sim.emit_many(&id, 6_000, |n| format!("{n:1000}"));
    lab.rest().await;
    assert_eq!(gaps(&lab, &id), []);
    lab.assert_complete(&id);
}
