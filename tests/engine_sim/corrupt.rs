//! A record that the daemon cannot decode, in a log that writes a line now and then: what stands
//! behind it is too short at first for any context.

use std::time::Duration;

use logcap_tui::config::History;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{ContainerId, Fd, Lost, SeamKind};
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live};
use crate::oracle::Verdict;

const PROFILES: [Profile; 4] =
    [Profile::Moby20_10, Profile::Moby24, Profile::Moby27_4, Profile::Moby29];

/// How much faster deadlines pass: four probe intervals must suffice to find what stands between
/// damaged records, also where the machine has other things to do.
const FACTOR: u32 = 5;

/// A container of which five lines are read.
async fn five_read(profile: Profile, spec: ContainerSpec) -> (Lab, ContainerId) {
    let mut lab = Lab::new(profile, FACTOR);
    let id = lab.sim.run(spec);
    lab.sim.emit_many(&id, 5, |n| format!("before {n}"));
    lab.start().await;
    lab.wait_row("live", &id, is_live).await;
    lab.rest().await;
    (lab, id)
}

/// One line behind another, each stored before the next, around a damaged one.
async fn one_by_one(profile: Profile, spec: ContainerSpec) {
    let (lab, id) = five_read(profile, spec).await;
    lab.sim.corrupt_record(&id, 5);
    lab.sim.emit(&id, Fd::Stdout, "damaged");
    for n in 0..6 {
        lab.sim.emit(&id, Fd::Stdout, &format!("behind it {n}"));
        // What a follow that ended with an error had sent is in the store, counted as of before.
        lab.wait_row("it stored", &id, |row| row.stored_total == 6 + n).await;
        if n == 3 {
            // From the stored cursor, which holds less than a follow usually repeats.
            lab.order(Verb::Restart, Targets::All).await;
        }
    }
    lab.rest().await;
    let gaps = lab.seams_of(&id, SeamKind::Gap);
    let [gap] = &gaps[..] else { panic!("{profile:?}: one gap, not {gaps:#?}") };
    assert!(matches!(gap.what.lost, Some(Lost::Corrupt(_))), "{gap:?}");
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.reported == 1, "{profile:?}: {verdict:?}");
}

/// Some of what was written while nobody read is damaged: what stands between is taken, and each gap
/// hides just what is damaged.
async fn several(profile: Profile, spec: ContainerSpec) {
    let (lab, id) = five_read(profile, spec).await;
    // The first is damaged while it is read, so that later answers end or have a hole before the
    // stored end.
    lab.sim.corrupt_record(&id, 5);
    lab.sim.emit_many(&id, 8, |n| format!("damaged and behind it {n}"));
    lab.rest().await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    let damaged = [93, 94, 100, 700];
    damaged.iter().for_each(|at| lab.sim.corrupt_record(&id, *at));
    lab.sim.emit_many(&id, 900, |n| format!("unread {n}"));
    lab.order(Verb::Resume, Targets::All).await;
    lab.wait_row("live again", &id, is_live).await;
    lab.rest().await;
    let verdict = lab.verdict(&id);
    let (stored, gaps) = (lab.stored(&id), lab.seams_of(&id, SeamKind::Gap));
    assert!(verdict.is_clean() && verdict.reported == 5, "{profile:?}: {verdict:?} {gaps:#?}");
    assert_eq!((stored, gaps.len()), (913 - 5, 4), "{profile:?}: {gaps:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_between_damaged_records_is_taken() {
    // Side by side: each spends its time waiting.
    let all = PROFILES.map(|profile| async move {
        several(profile, ContainerSpec::named("trusted")).await;
        several(profile, ContainerSpec::named("belled").rotating("10m", 3)).await;
    });
    futures_util::future::join_all(all).await;
}

/// A log of which nothing was read is taken from its begin.
async fn from_the_begin(profile: Profile, spec: ContainerSpec, damaged: &[usize], gaps: usize) {
    let mut lab = Lab::new(profile, FACTOR);
    let id = lab.sim.run(spec);
    damaged.iter().for_each(|at| lab.sim.corrupt_record(&id, *at));
    lab.sim.emit_many(&id, 500, |n| format!("old {n}"));
    lab.start().await;
    lab.wait_row("live", &id, is_live).await;
    lab.sim.emit_many(&id, 10, |n| format!("new {n}"));
    lab.rest().await;
    let (verdict, all) = (lab.verdict(&id), lab.seams(&id));
    let missing = damaged.len() as u64;
    assert!(verdict.is_clean() && verdict.reported == damaged.len(), "{profile:?}: {verdict:?}");
    assert_eq!((lab.stored(&id), all.len()), (510 - missing, gaps), "{profile:?}: {all:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_is_taken_from_its_begin() {
    let all = PROFILES.map(|profile| async move {
        from_the_begin(profile, ContainerSpec::named("trusted"), &[40, 41, 300], 2).await;
        let belled = ContainerSpec::named("belled").rotating("10m", 3);
        from_the_begin(profile, belled, &[40, 41, 300], 2).await;
        from_the_begin(profile, ContainerSpec::named("first"), &[0, 300], 2).await;
    });
    futures_util::future::join_all(all).await;
}

/// The last record is damaged when a part of the log is to be taken at first sight: nothing can be read
/// then, and all of it when more is written.
async fn behind_a_damaged_end(profile: Profile, spec: ContainerSpec, doubts: usize) {
    let mut lab = Lab::new(profile, FACTOR).history(History::Tail(20));
    let id = lab.sim.run(spec);
    lab.sim.corrupt_record(&id, 499);
    lab.sim.emit_many(&id, 500, |n| format!("old {n}"));
    lab.start().await;
    lab.wait_row("live", &id, is_live).await;
    lab.sim.emit_many(&id, 10, |n| format!("new {n}"));
    lab.rest().await;
    let (verdict, gaps) = (lab.verdict(&id), lab.seams_of(&id, SeamKind::Gap));
    let honest = Verdict { reported: 1, false_gaps: doubts, ..Verdict::default() };
    let all = (verdict, lab.stored(&id), gaps.len());
    assert_eq!(all, (honest, 509, 1 + doubts), "{profile:?}: {gaps:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_a_damaged_end_is_taken_when_more_is_written() {
    let all = PROFILES.map(|profile| async move {
        behind_a_damaged_end(profile, ContainerSpec::named("trusted"), 0).await;
        // Of what a damaged record hides nobody knows the size, nor whether there was more of it.
        let belled = ContainerSpec::named("belled").rotating("10m", 3);
        behind_a_damaged_end(profile, belled, 1).await;
    });
    futures_util::future::join_all(all).await;
}

/// What is written while it is read around is taken as well. How much of what stands before the last
/// damaged record is in a gap with it depends on how fast the log grows beside the looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_that_grows_is_read_around() {
    let all = PROFILES.map(|profile| async move {
        let spec = ContainerSpec::named("growing").rotating("10m", 3);
        let (lab, id) = five_read(profile, spec).await;
        lab.order(Verb::Pause, Targets::All).await;
        lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
        [30, 60].iter().for_each(|at| lab.sim.corrupt_record(&id, *at));
        lab.sim.emit_many(&id, 300, |n| format!("unread {n}"));
        let load = lab.load(std::slice::from_ref(&id), Duration::from_millis(25), 3);
        lab.order(Verb::Resume, Targets::All).await;
        lab.wait_row("live again", &id, is_live).await;
        load.stop().await;
        lab.rest().await;
        let (verdict, gaps) = (lab.verdict(&id), lab.seams_of(&id, SeamKind::Gap));
        let hidden = verdict.reported;
        assert!(verdict.is_clean(), "{profile:?}: {verdict:?} {gaps:#?}");
        assert!((2..100).contains(&hidden) && gaps.len() <= 2, "{profile:?}: {hidden} {gaps:#?}");
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_record_is_one_gap_where_reads_report_it() {
    one_by_one(Profile::Moby24, ContainerSpec::named("trusted")).await;
    one_by_one(Profile::Moby24, ContainerSpec::named("belled").rotating("10m", 3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_record_is_one_gap_where_reads_pass_over_it_in_silence() {
    one_by_one(Profile::Moby20_10, ContainerSpec::named("belled").rotating("10m", 3)).await;
}

/// What is stored, and in how many gaps, of a container that writes its last words and ends while
/// nobody reads. `damaged` are places of its log; the last of them is its last record.
async fn last_words(profile: Profile, spec: ContainerSpec, read: usize, damaged: &[usize]) -> u64 {
    // What a damaged record hides has no size, so nobody can tell whether files are gone before it.
    let unproved = usize::from(read == 0 && spec.options.contains_key("max-size"));
    let mut lab = Lab::new(profile, FACTOR).history(History::All);
    let id = lab.sim.run(spec);
    lab.sim.emit_many(&id, read, |n| format!("read {n}"));
    lab.start().await;
    lab.rest().await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    damaged.iter().for_each(|at| lab.sim.corrupt_record(&id, *at));
    let last = damaged.last().copied().unwrap_or_default();
    lab.sim.emit_many(&id, last + 1 - read, |n| format!("last words {n}"));
    lab.sim.die(&id);
    lab.order(Verb::Resume, Targets::All).await;
    lab.wait_row("its end", &id, |row| row.phase.as_str() == "ended").await;
    let (verdict, gaps) = (lab.verdict(&id), lab.seams_of(&id, SeamKind::Gap));
    let honest = Verdict { reported: verdict.reported, false_gaps: unproved, ..Verdict::default() };
    assert_eq!((&verdict, gaps.len()), (&honest, 1 + unproved), "{profile:?}: {gaps:#?}");
    lab.stored(&id)
}

/// Nothing follows a damaged record that is the last of a container that has ended: what stands
/// before it is taken all the same, up to the first one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_before_the_last_record_is_taken_if_that_is_damaged() {
    let all = PROFILES.map(|profile| async move {
        for spec in
            [ContainerSpec::named("trusted"), ContainerSpec::named("belled").rotating("10m", 3)]
        {
            // Of an empty log nothing can be found again.
            for read in [0, 5] {
                let stored = last_words(profile, spec.clone(), read, &[305]).await;
                assert_eq!(stored, 305, "{profile:?} {spec:?} {read}");
            }
            // Of the 64 records before another one nobody can tell: the hole ends elsewhere in each
            // answer that reaches over it.
            let stored = last_words(profile, spec.clone(), 5, &[100, 305]).await;
            assert!((30..=100).contains(&stored), "{profile:?} {spec:?} {stored}");
        }
    });
    futures_util::future::join_all(all).await;
}

/// More text than a look may hold, with an error in the first answer: of the moment, or because of a
/// damaged record before all of it.
async fn much(is_damaged: bool) {
    let (lab, id) = five_read(Profile::Moby24, ContainerSpec::named("trusted")).await;
    lab.order(Verb::Pause, Targets::All).await;
    lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
    if is_damaged {
        lab.sim.corrupt_record(&id, 15);
    } else {
        // One for the follow that is opened first, one for the read.
        (0..2).for_each(|_| lab.sim.error_frame(&id, "of the moment"));
    }
    let text = "x".repeat(2_000);
    lab.sim.emit_many(&id, 12_000, |n| format!("{n} {text}"));
    lab.order(Verb::Resume, Targets::All).await;
    lab.wait_row("live again", &id, is_live).await;
    lab.rest().await;
    let (verdict, gaps) = (lab.verdict(&id), lab.seams_of(&id, SeamKind::Gap));
    assert!(verdict.is_clean(), "{is_damaged}: {verdict:?} {gaps:#?}");
    assert_eq!(gaps.len(), usize::from(is_damaged), "{gaps:#?}");
    let least = if is_damaged { 7_000 } else { 12_005 };
    assert!(lab.stored(&id) >= least, "{is_damaged}: {} stored", lab.stored(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_the_moment_before_much_text_hides_nothing_of_it() {
    futures_util::future::join(much(false), much(true)).await;
}
