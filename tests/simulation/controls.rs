//! What is made wrong on purpose must be found: a judgement that cannot fail proves nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use logcap_tui::config::History;
use logcap_tui::engine::Verb;
use logcap_tui::model::Fd;
use logcap_tui::sim::Profile;

use crate::play::{Outcome, play_wrong};
use crate::script::{Act, Kind, Script, Text, Who};
use crate::wrong::Wrong;

fn emit(who: Who, lines: usize) -> Act {
    Act::Emit { who, fd: Fd::Stdout, lines, text: Text::Numbered }
}

/// Two quiet logs, of which the second loses lines while it is paused: one honest gap.
fn script() -> Script {
    let after = Duration::from_secs(3);
    Script {
        seed: 0,
        profile: Profile::Moby20_10,
        history: History::All,
        probe: Duration::from_secs(5),
        choppy: false,
        keep: None,
        before: vec![
            Act::Run(Kind::Trusted),
            emit(0, 50),
            Act::Run(Kind::Rotating(10_000, 2)),
            emit(1, 50),
        ],
        steps: vec![
            (after, emit(0, 50)),
            (after, Act::Order(Verb::Pause, Some(1))),
            (after, emit(1, 2_000)),
            (after, Act::Order(Verb::Resume, Some(1))),
            (after, emit(1, 10)),
            (after, emit(0, 10)),
        ],
    }
}

fn judged(wrong: Wrong) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| play_wrong(&script(), wrong)))
        .map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn without_a_fault_the_judgement_passes_and_sees_the_gap() {
    let outcome = judged(Wrong::Nothing).unwrap();
    assert_eq!(outcome.counters.get("seam gap"), Some(&1), "{:#?}", outcome.counters);
    assert_eq!(outcome.counters.get("away Paused"), Some(&1));
}

#[test]
fn control_every_wrong_is_found() {
    for (wrong, words) in [
        (Wrong::RecordHidden, "fits nowhere"),
        (Wrong::SeamsForgotten, "fits nowhere"),
        (Wrong::BlockForgotten, "fits nowhere"),
        (Wrong::StoredTwice, "fits nowhere"),
        (Wrong::GapInvented, "fits nowhere"),
        (Wrong::DaemonGone, "no fresh lines within"),
    ] {
        let found = judged(wrong).expect_err(&format!("{wrong:?} was not found"));
        assert!(found.contains(words), "{wrong:?}: {found}");
    }
}
