//! The log pane: what is looked at stays where it is, whatever happens around it.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and benches may fail loudly"
)]
#[path = "support/tui.rs"]
mod support;

use std::sync::Arc;

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::model::{Away, Key, LogId, Lost, Phase, SeamKind, Seq, Timestamp};
use logcap_tui::tui::Theme;
use logcap_tui::tui::rows::{Emphasis, RowFormat, Stamps};
use logcap_tui::tui::state::pane::MOST_ROWS;
use proptest::prelude::*;
use support::*;

fn numbered(range: std::ops::Range<i64>) -> Vec<logcap_tui::model::Row> {
    range.map(|i| line(1, i, i * 10, format!("line {i}"))).collect()
}

fn one() -> EngineSnapshot {
    let monitors = vec![Arc::new(monitor("web", 1, Phase::Streaming))];
    EngineSnapshot { monitors, ..calm() }
}

fn logs_of(count: i64) -> Screen {
    let mut screen = Screen::new(60, 20);
    screen.source.add(numbered(0..count));
    screen.snapshot(one());
    screen.keys("2 t t t");
    screen.tick(60.0);
    screen
}

fn shown(screen: &Screen) -> Vec<String> {
    screen
        .pane_text()
        .into_iter()
        .map(|l| l.trim_matches([' ', '²', '▌', '▏']).to_owned())
        .collect()
}

#[test]
fn it_follows_until_scrolled_and_again_from_the_end() {
    let mut screen = logs_of(100);
    assert_eq!(shown(&screen).last().unwrap(), "line 99");
    screen.commit(numbered(100..103));
    assert_eq!(shown(&screen).last().unwrap(), "line 102");
    screen.keys("k k");
    assert!(screen.text().contains("SCROLLED"));
    let before = shown(&screen);
    screen.commit(numbered(103..200));
    assert_eq!(shown(&screen), before, "scrolled back, new lines move nothing");
    screen.keys("G");
    assert_eq!(shown(&screen).last().unwrap(), "line 199");
    screen.keys("pgup pgdn pgdn");
    assert!(screen.state.pane.is_live(), "the end of scrolling follows again");
    for (away, back) in [("k", "end"), ("pgup", "f"), ("ctrl-u", "G")] {
        screen.keys(away);
        assert!(!screen.state.pane.is_live());
        screen.keys(back);
        assert!(screen.state.pane.is_live());
    }
}

#[test]
fn scrollback_has_no_end_and_memory_has() {
    let mut screen = logs_of(30_000);
    for _ in 0..1_500 {
        screen.keys("pgup");
        assert!(screen.state.pane.rows.len() <= MOST_ROWS);
    }
    screen.keys("g");
    assert_eq!(shown(&screen)[0], "line 0");
    assert!(screen.text().contains("oldest line"));
    for _ in 0..2_500 {
        screen.keys("pgdn");
        assert!(screen.state.pane.rows.len() <= MOST_ROWS);
    }
    assert!(screen.state.pane.is_live());
    assert_eq!(shown(&screen).last().unwrap(), "line 29999");
}

#[test]
fn every_line_is_passed_once_in_each_direction() {
    let mut screen = logs_of(3_000);
    screen.keys("g");
    let mut seen = vec![shown(&screen)[0].clone()];
    while !screen.state.pane.is_live() {
        screen.keys("ctrl-d");
        let top = shown(&screen)[0].clone();
        if *seen.last().unwrap() != top {
            seen.push(top);
        }
    }
    let numbers: Vec<i64> = seen.iter().map(|l| l[5..].parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= 7), "{numbers:?}");
}

#[test]
fn eviction_under_a_reader_moves_nothing() {
    let mut screen = logs_of(2_000);
    screen.keys("pgup pgup pgup");
    let before = shown(&screen);
    let at =
        |seq: i64| Key { eff_ts: Timestamp(NOON + seq * 10_000_000), log: LogId(1), seq: Seq(seq) };
    screen.source.evict_before(at(1_900));
    screen.commit(numbered(2_000..2_010));
    assert_eq!(shown(&screen), before);
    screen.source.evict_before(at(1_995));
    screen.keys("pgup");
    screen.keys("g");
    assert_eq!(shown(&screen)[0], "line 1995");
}

#[test]
fn late_lines_of_a_slower_log_take_their_place() {
    let mut screen = Screen::new(60, 20);
    screen.source.add(numbered(0..50));
    let mut snapshot = one();
    snapshot.monitors.push(Arc::new(monitor("db", 2, Phase::Streaming)));
    screen.snapshot(snapshot);
    screen.keys("space space 2");
    screen.commit([line(2, 1, 482, "late")]);
    let text = screen.pane_text();
    let at = text.iter().position(|l| l.contains("late")).unwrap();
    assert!(text[at - 1].contains("line 48") && text[at + 1].contains("line 49"), "{text:?}");
}

#[test]
fn find_counts_and_goes_round() {
    let mut screen = logs_of(1_000);
    screen.keys("/ '99$");
    assert!(screen.text().contains("10 found"), "counted while typing");
    assert_eq!(shown(&screen).last().unwrap(), "line 999", "typing moves nothing");
    screen.keys("enter");
    assert!(screen.text().contains("10 of 10"));
    screen.keys("N N");
    assert!(screen.text().contains("8 of 10"));
    assert!(shown(&screen).contains(&"line 799".to_owned()));
    screen.keys("n n n");
    assert!(screen.text().contains("1 of 10"), "after the last comes the first");
    assert!(shown(&screen).contains(&"line 99".to_owned()));
    screen.keys("esc");
    assert!(!screen.state.find.is_active());
    screen.keys("/ '(a");
    assert!(screen.text().contains("unclosed group"));
    screen.keys("esc");
    assert!(!screen.state.find.is_active());
}

#[test]
fn a_filter_hides_and_clearing_it_stays_at_the_line() {
    let mut screen = logs_of(1_000);
    screen.keys("& '77 enter");
    let text = shown(&screen);
    assert!(text.iter().all(|l| l.contains("77")), "{text:?}");
    screen.keys("k k k");
    let cursor = screen.state.pane.cursor;
    screen.keys("& ctrl-u enter");
    assert_eq!(screen.state.pane.cursor, cursor, "the same line, in context");
    assert!(screen.state.pane.rows.len() > 20);
}

#[test]
fn enter_shows_a_filtered_line_among_its_neighbours() {
    let mut screen = logs_of(1_000);
    screen.keys("& '77 enter k enter");
    assert!(screen.state.pane.filter.is_none());
    let text = shown(&screen);
    assert!(text.contains(&"line 877".to_owned()) && text.contains(&"line 878".to_owned()));
}

#[test]
fn a_busy_log_is_not_counted_all_the_time() {
    let mut screen = logs_of(10);
    screen.keys("/ 'line enter");
    for i in 10..100 {
        screen.commit(numbered(i..i + 1));
    }
    assert!(screen.text().contains("10 of 10"));
    screen.tick(61.0);
    assert!(screen.text().contains("10 of 10"));
    screen.tick(62.1);
    assert!(screen.text().contains("10 of 100"));
}

#[test]
fn errors_are_found_far_away() {
    let mut screen = logs_of(5_000);
    screen.commit([line(1, 100, 1_000, "ERROR early"), line(1, 4_000, 40_000, "ERROR late")]);
    screen.keys("E");
    assert!(shown(&screen).contains(&"ERROR late".to_owned()));
    screen.keys("E");
    assert!(shown(&screen).contains(&"ERROR early".to_owned()));
    screen.keys("E");
    assert!(screen.text().contains("no further error line"));
    screen.keys("e");
    assert!(shown(&screen).contains(&"ERROR late".to_owned()));
}

#[test]
fn every_seam_has_its_words() {
    let mut screen = Screen::new(130, 24);
    let lost = [
        Lost::Rotated,
        Lost::Truncated,
        Lost::Corrupt("invalid character \x1b".into()),
        Lost::Ambiguous(1_234),
        Lost::Removed,
        Lost::Unknown,
    ];
    let away = [
        Away::NotRunning,
        Away::Paused,
        Away::DaemonDown,
        Away::StoreBlocked,
        Away::Lagging,
        Away::None,
    ];
    let gaps = lost.into_iter().zip(away).zip(1..);
    screen.source.add(gaps.map(|((lost, away), i)| {
        seam(1, i * 10, i * 8_000, SeamKind::Gap, Some(lost), Some(away))
    }));
    let others = [SeamKind::NotTaken, SeamKind::Evicted, SeamKind::Damaged, SeamKind::Joined];
    screen.source.add(
        others.into_iter().zip(10..).map(|(kind, i)| seam(1, i * 10, i * 8_000, kind, None, None)),
    );
    let unread = Lost::Corrupt("a record before this cannot be decoded".to_owned());
    screen.source.add([seam(1, 140, 14 * 8_000, SeamKind::NotTaken, Some(unread), None)]);
    screen.snapshot(one());
    screen.keys("2");
    insta::assert_snapshot!("seams_130x24", screen.text());
}

fn format(width: usize, wrap: bool, names: bool) -> RowFormat {
    RowFormat {
        width,
        wrap,
        skip: 0,
        stamps: Stamps::Local,
        zone: jiff::tz::TimeZone::UTC,
        now: Timestamp(NOON),
        names: [(LogId(1), "web-1".to_owned())].into(),
        name_columns: if names { 5 } else { 0 },
    }
}

proptest! {
    #[test]
    fn the_height_counted_is_the_height_drawn(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        text in "\\PC{0,200}",
        width in 1usize..90,
        wrap: bool,
        names: bool,
    ) {
        let format = format(width, wrap, names);
        for row in [line(1, 1, 1, &bytes), line(1, 2, 2, text.as_bytes())] {
            let lines = format.lines(&row, &Theme::plain(), Emphasis::default());
            prop_assert_eq!(lines.len(), format.height(&row));
            for drawn in &lines {
                prop_assert!(width < 30 || drawn.width() <= width, "{} > {}", drawn.width(), width);
            }
        }
    }
}
