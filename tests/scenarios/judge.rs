//! What a scenario expects, compared with what is stored.

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::model::{Away, ContainerId, Lost, Seam};
use logcap_tui::sim::{Expectation, LogWord, Player};

use crate::harness::{Lab, row};
use crate::oracle::Verdict;

/// Everything that is not as it must be.
pub(crate) fn judge(lab: &Lab, player: &Player) -> Vec<String> {
    let mut wrong = Vec::new();
    for expectation in &player.scenario().expect {
        let ids = player.ids(&expectation.of);
        assert!(!ids.is_empty(), "{} names nothing", expectation.of);
        for id in ids {
            let found = compare(lab, expectation, &id);
            wrong.extend(found.into_iter().map(|text| format!("{}: {text}", expectation.of)));
        }
    }
    wrong
}

/// The end in one line, for the list of what was played.
pub(crate) fn summary(lab: &Lab, player: &Player) -> String {
    let ids = player.ids("all");
    let truth: usize = ids.iter().map(|id| lab.sim.written(id)).sum();
    let verdicts = ids.iter().map(|id| lab.verdict(id));
    let missing: usize = verdicts.map(|v| v.reported + v.excused).sum();
    let gaps: usize = ids.iter().map(|id| gaps(lab, id).len()).sum();
    format!("{} containers, {truth} records, {missing} missing in {gaps} gaps", ids.len())
}

fn compare(lab: &Lab, expected: &Expectation, id: &ContainerId) -> Vec<String> {
    let (verdict, gaps) = (lab.verdict(id), gaps(lab, id));
    let snapshot = lab.snapshot();
    let mut wrong = log_is(expected.log, &verdict, lab.sim.written(id));
    let mut differs = |what: &str, expected: String, found: String| {
        if expected != found {
            wrong
                .push(format!("{what}: expected {expected}, found {found}; {verdict:?} {gaps:#?}"));
        }
    };
    if let Some(count) = expected.gaps {
        differs("gaps", count.to_string(), gaps.len().to_string());
    }
    if let Some(missing) = expected.missing {
        differs("records missing in gaps", missing.to_string(), verdict.reported.to_string());
    }
    for gap in &gaps {
        if let Some(lost) = &expected.lost {
            differs("lost", lost.clone(), lost_word(gap.what.lost.as_ref()));
        }
        if let Some(away) = &expected.away {
            differs("away", away.clone(), away_word(gap.what.away));
        }
    }
    let row = row(&snapshot, id);
    let shown = |word: fn(&MonitorRow) -> String| row.map_or("nothing".to_owned(), |row| word(row));
    if let Some(state) = &expected.state {
        differs("state", state.clone(), shown(|row| row.phase.as_str().to_owned()));
    }
    if let Some(class) = &expected.class {
        differs("class", class.clone(), shown(|row| row.guarantee.as_str().to_owned()));
    }
    let unpacked = lab.sim.unpacked_files(id);
    if expected.unpacked_at_most.is_some_and(|most| unpacked > most) {
        let asked: Vec<String> = lab.sim.requests().into_iter().map(|seen| seen.query).collect();
        let logs = asked.iter().filter(|query| query.contains("tail"));
        let logs: Vec<&str> = logs.map(String::as_str).collect();
        wrong.push(format!("reads unpacked {unpacked} compressed files: {logs:#?}"));
    }
    wrong
}

fn log_is(word: LogWord, verdict: &Verdict, written: usize) -> Vec<String> {
    // Whatever is expected, nothing of this may be.
    let unprovable = usize::from(word == LogWord::Unprovable);
    let forbidden = [
        ("lost without a gap", verdict.lost_unreported, 0),
        ("stored twice", verdict.duplicated, 0),
        ("reordered", verdict.reordered, 0),
        ("altered", verdict.altered, 0),
        ("gaps without a loss", verdict.false_gaps, unprovable),
    ];
    let missing = verdict.reported + verdict.excused;
    let mut wrong: Vec<String> = forbidden
        .into_iter()
        .filter(|(what, count, most)| {
            let unread = word == LogWord::Unread && *what == "lost without a gap";
            count > most && !unread
        })
        .map(|(what, count, _)| format!("{count} {what}; {verdict:?}"))
        .collect();
    let fits = match word {
        LogWord::Complete => missing == 0,
        LogWord::Gaps => verdict.reported > 0 && verdict.excused == 0,
        LogWord::Honest | LogWord::Unprovable => verdict.excused == 0,
        LogWord::Unread => verdict.lost_unreported == written,
    };
    if !fits {
        wrong.push(format!("the log is not {word:?}: {verdict:?}"));
    }
    wrong
}

fn gaps(lab: &Lab, id: &ContainerId) -> Vec<Seam> {
    let mut seams = lab.seams_if_any(id);
    seams.retain(|seam| seam.what.kind.is_gap());
    seams
}

fn lost_word(lost: Option<&Lost>) -> String {
    let word = match lost {
        None => "none",
        Some(Lost::Rotated) => "rotated",
        Some(Lost::Truncated) => "truncated",
        Some(Lost::Corrupt(_)) => "corrupt",
        Some(Lost::Ambiguous(_)) => "ambiguous",
        Some(Lost::Removed) => "removed",
        Some(Lost::Unknown) => "unknown",
    };
    word.to_owned()
}

fn away_word(away: Option<Away>) -> String {
    let word = match away {
        None | Some(Away::None) => "none",
        Some(Away::NotRunning) => "not_running",
        Some(Away::Paused) => "paused",
        Some(Away::DaemonDown) => "daemon_down",
        Some(Away::StoreBlocked) => "store_blocked",
        Some(Away::Lagging) => "lagging",
    };
    word.to_owned()
}
