//! A record that the daemon cannot decode, in answers that are too long to be read twice.

use std::time::Duration;

use logcap_tui::config::History;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{ContainerId, Lost, Seam, SeamKind};
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live};

const PROFILES: [Profile; 4] =
    [Profile::Moby20_10, Profile::Moby24, Profile::Moby27_4, Profile::Moby29];

/// Lines of which so many are stored are not read as a whole any more.
const STORED: usize = 21_000;

/// A container of which many lines are stored, and that is not captured at the moment.
async fn many_read(profile: Profile, spec: ContainerSpec) -> (Lab, ContainerId) {
    read(profile, spec, STORED).await
}

async fn read(profile: Profile, spec: ContainerSpec, lines: usize) -> (Lab, ContainerId) {
    // Millions of records are decoded before the end of some of these is found.
    let mut lab = Lab::new(profile, 5).history(History::All).patient(Duration::from_mins(3));
    let id = lab.sim.run(spec);
    lab.sim.emit_many(&id, lines, |n| format!("stored {n}"));
    lab.start().await;
    lab.wait_row("all of it", &id, |row| row.stored_total == lines as u64).await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    (lab, id)
}

/// The gaps behind so many lines, some of which are damaged, that came while nobody read.
async fn gaps(
    (lab, id): (Lab, ContainerId),
    lines: usize,
    text: &str,
    damaged: &[usize],
) -> (Lab, ContainerId, Vec<Seam>) {
    let stored = usize::try_from(lab.stored(&id)).unwrap();
    damaged.iter().for_each(|at| lab.sim.corrupt_record(&id, stored + at));
    lab.sim.emit_many(&id, lines, |n| format!("unread {n} {text}"));
    lab.order(Verb::Resume, Targets::All).await;
    lab.wait_row("live again", &id, is_live).await;
    lab.rest().await;
    let gaps = lab.seams_of(&id, SeamKind::Gap);
    (lab, id, gaps)
}

/// A tail that is too long to be confirmed comes short, and the stored end is not in it: it is looked for
/// before anything is called gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_tail_that_comes_short_is_no_proof_that_the_end_is_gone() {
    for profile in PROFILES {
        let spec = ContainerSpec::named("belled").rotating("100m", 3);
        let read = many_read(profile, spec).await;
        let (lab, id, gaps) = gaps(read, 100_000, "", &[60_000]).await;
        let verdict = lab.verdict(&id);
        assert!(verdict.is_clean(), "{profile:?}: {verdict:?} {gaps:#?}");
        assert_eq!((verdict.reported, gaps.len()), (1, 1), "{profile:?}: {gaps:#?}");
    }
}

/// Its container is removed at the `nth` read of it: the new lines that are stored, how many are missing
/// in silence, and what is told of those that are stored.
async fn short_and_removed(profile: Profile, nth: u32) -> (u64, usize, Option<String>) {
    let (lab, id) = read(profile, ContainerSpec::named("belled").rotating("100m", 3), 300).await;
    lab.sim.corrupt_record(&id, 300 + 9_000);
    lab.sim.emit_many(&id, 30_000, |n| format!("unread {n}"));
    lab.sim.remove_at(&id, nth);
    lab.order(Verb::Resume, Targets::All).await;
    lab.wait_for("the end of its reads", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.sim.remove(&id);
    lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
    let (verdict, gaps) = (lab.verdict(&id), lab.seams_of(&id, SeamKind::Gap));
    let what = format!("{profile:?}, removed at read {nth}: {verdict:?} {gaps:#?}");
    assert_eq!((verdict.duplicated, verdict.reordered, verdict.altered), (0, 0, 0), "{what}");
    let mut words = gaps.into_iter().map(|gap| gap.what.detail);
    let told = words.rfind(|words| words.contains("records some are missing"));
    (lab.stored(&id) - 300, verdict.lost_unreported, told)
}

/// Once an answer was seen to have a hole, no later one is believed because nobody can be asked any more.
/// Before that nothing speaks against one (docs/CAPTURE.md, limits).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_goes_while_a_long_tail_is_looked_at_loses_nothing_in_silence() {
    for profile in PROFILES {
        let moments = (9..=41).step_by(4).chain([1, 1_000]);
        let each = moments.map(|nth| short_and_removed(profile, nth));
        let all = futures_util::future::join_all(each).await;
        let silent = |(_, lost, told): &&(u64, usize, Option<String>)| *lost > 0 && told.is_none();
        assert_eq!(all.iter().filter(silent).count(), 0, "{profile:?}: {all:?}");
        assert_eq!((all[9].0, all[10].0), (0, 29_999), "{profile:?}: {all:?}");
    }
}

/// The stored end is in a long answer, and something behind it is damaged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_behind_the_stored_end_of_a_long_answer_is_a_gap() {
    for profile in PROFILES {
        for spec in
            [ContainerSpec::named("trusted"), ContainerSpec::named("belled").rotating("100m", 3)]
        {
            let read = many_read(profile, spec).await;
            let (lab, id, gaps) = gaps(read, 30_000, "", &[11_000, 11_010]).await;
            let verdict = lab.verdict(&id);
            assert!(verdict.is_clean(), "{profile:?}: {verdict:?} {gaps:#?}");
            let corrupt = |gap: &Seam| matches!(gap.what.lost, Some(Lost::Corrupt(_)));
            assert!(gaps.iter().all(corrupt), "{profile:?}: {gaps:#?}");
            assert_eq!((verdict.reported, gaps.len()), (2, 2), "{profile:?}: {gaps:#?}");
        }
    }
}

/// The same where only one line is stored, which is found at the answer's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_behind_a_single_stored_line_is_a_gap() {
    for profile in [Profile::Moby20_10, Profile::Moby27_4] {
        let read = read(profile, ContainerSpec::named("trusted"), 1).await;
        let (lab, id, gaps) = gaps(read, 30_000, "", &[11_000, 11_010]).await;
        let verdict = lab.verdict(&id);
        assert!(verdict.is_clean(), "{profile:?}: {verdict:?} {gaps:#?}");
        assert!(verdict.reported >= 2 && !gaps.is_empty(), "{profile:?}: {gaps:#?}");
    }
}

/// More behind it than is held back: what is stored by then has a gap behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_in_an_answer_that_is_too_long_to_be_held_back_is_told_behind_it() {
    for damaged in [&[30_000][..], &[]] {
        let read = many_read(Profile::Moby20_10, ContainerSpec::named("trusted")).await;
        let (lab, id, gaps) = gaps(read, 70_000, &"x".repeat(400), damaged).await;
        let verdict = lab.verdict(&id);
        if damaged.is_empty() {
            assert!(verdict.is_clean() && gaps.is_empty(), "control: {verdict:?} {gaps:#?}");
            continue;
        }
        let [gap] = &gaps[..] else { panic!("{gaps:#?}") };
        let missing = verdict.lost_unreported as u64;
        assert!((1..1_000).contains(&missing), "they stand elsewhere: {verdict:?}");
        assert_eq!(lab.stored(&id), 91_000 - missing);
        assert!(gap.what.detail.contains("of the last 69"), "{gap:?}");
        // It stands behind them, and says since when some are missing.
        let hole = lab.sim.records(&id)[51_000].ts;
        let (low, high) = (gap.what.t_low.unwrap(), gap.what.t_high.unwrap());
        assert!(low < hole && hole < high, "{hole:?} {gap:?}");
    }
}

/// Control: whole ones have none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_that_is_whole_has_no_gap() {
    for profile in PROFILES {
        for spec in
            [ContainerSpec::named("trusted"), ContainerSpec::named("belled").rotating("100m", 3)]
        {
            let read = many_read(profile, spec).await;
            let (lab, id, gaps) = gaps(read, 30_000, "", &[]).await;
            let verdict = lab.verdict(&id);
            assert!(verdict.is_clean() && gaps.is_empty(), "{profile:?}: {verdict:?} {gaps:#?}");
            assert_eq!(lab.stored(&id), 51_000, "{profile:?}");
        }
    }
}

/// What an answer leaves out may all stand before it: 20.10 drops what it had read ahead behind a
/// damaged record, here the log's first, so that a tail longer than the log begins behind the stored
/// end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_out_before_a_long_answer_is_looked_for() {
    let (lab, id) = read(Profile::Moby20_10, ContainerSpec::named("trusted"), 5).await;
    lab.sim.corrupt_record(&id, 0);
    let (lab, id, gaps) = gaps((lab, id), 30_000, "", &[]).await;
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && gaps.is_empty(), "{verdict:?} {gaps:#?}");
    assert_eq!(lab.stored(&id), 30_005);
}
