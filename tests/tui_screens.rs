//! Every screen as a picture. Read them like a user: `tests/snapshots/`.
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

use std::time::Duration;

use logcap_tui::engine::snapshot::Blind;
use logcap_tui::model::{Moment, Phase, Row};
use support::*;

macro_rules! picture {
    ($name:literal, $screen:expr) => {
        insta::assert_snapshot!($name, $screen.text())
    };
}

fn busy_at(columns: u16, rows: u16) -> Screen {
    let mut screen = Screen::new(columns, rows);
    screen.source.add(sample_lines());
    screen.snapshot(busy());
    screen.keys("g");
    // The cursor goes to the busiest container and its neighbour, as a user would.
    let at = |screen: &Screen, name: &str| {
        (0..screen.state.table.order.len())
            .find(|i| screen.state.table.row(&screen.state.snapshot, *i).unwrap().name == name)
            .unwrap()
    };
    for name in ["shop-web-1", "shop-db-1"] {
        let to = at(&screen, name);
        screen.state.table.place(&screen.state.snapshot.clone(), to);
        screen.keys("space");
    }
    screen.keys("g");
    screen
}

#[test]
fn dashboard() {
    picture!("dashboard_120x36", busy_at(120, 36));
    picture!("dashboard_80x24", busy_at(80, 24));
    picture!("dashboard_200x50", busy_at(200, 50));
    picture!("dashboard_40x10", busy_at(40, 10));
    picture!("dashboard_100x20", busy_at(100, 20));
}

#[test]
fn before_anything_is_known() {
    picture!("first_frame_80x24", Screen::new(80, 24));
    picture!("excluded_100x24", Screen::with(100, 24, calm()));
    let mut empty = calm();
    empty.coverage = Default::default();
    picture!("empty_100x24", Screen::with(100, 24, empty));
    let mut tiny = Screen::new(3, 2);
    tiny.keys("? i 2 5 6");
    picture!("tiny_3x2", tiny);
}

#[test]
fn unreachable() {
    picture!("unreachable_100x30", Screen::with(100, 30, down()));
    picture!("unreachable_40x10", Screen::with(40, 10, down()));
    let mut screen = Screen::new(110, 24);
    screen.source.add(sample_lines());
    screen.snapshot(down());
    screen.keys("2");
    picture!("unreachable_history_110x24", screen);
}

#[test]
fn logs() {
    let mut screen = busy_at(110, 24);
    screen.keys("enter");
    picture!("logs_live_110x24", screen);
    screen.keys("/ 'timeout enter");
    picture!("logs_find_110x24", screen);
    screen.keys("N");
    picture!("logs_find_previous_110x24", screen);
    screen.keys("G w");
    picture!("logs_wrapped_110x24", screen);
    screen.tick(40.0);
    screen.keys("w & 'GET enter t t");
    picture!("logs_filter_relative_110x24", screen);
    screen.keys("& 'x enter");
    picture!("logs_filter_nothing_110x24", screen);
    screen.keys("& ctrl-u 'level>=eror enter");
    picture!("logs_filter_error_110x24", screen);
}

#[test]
fn a_bad_pattern_is_explained_while_it_is_typed() {
    let mut screen = busy_at(100, 24);
    screen.keys("/ '(time");
    picture!("find_bad_pattern_100x24", screen);
}

#[test]
fn engine() {
    let mut snapshot = busy();
    snapshot.tasks.actual = 40;
    snapshot.tasks.kinds[2].2 = 38;
    let row = std::sync::Arc::make_mut(&mut snapshot.monitors[2]);
    row.flow.received += 3;
    let mut screen = Screen::with(130, 36, snapshot.clone());
    screen.keys("5");
    picture!("engine_130x36", screen);
    let mut screen = Screen::with(80, 24, snapshot);
    screen.keys("5 pgdn");
    picture!("engine_80x24", screen);
}

#[test]
fn help_details_diagnostics() {
    let mut screen = busy_at(120, 60);
    screen.keys("?");
    picture!("help_120x60", screen);
    let mut screen = busy_at(160, 40);
    screen.keys("?");
    picture!("help_160x40", screen);
    let mut screen = busy_at(120, 40);
    screen.keys("g i");
    picture!("details_120x40", screen);
    screen.keys("esc 6");
    picture!("diagnostics_120x40", screen);
    // What does not fit goes on below.
    let mut screen = busy_at(80, 24);
    screen.keys("g i");
    picture!("details_80x24", screen);
    let mut screen = busy_at(40, 30);
    screen.keys("g i pgdn");
    picture!("details_40x30", screen);
    let mut screen = busy_at(60, 40);
    screen.keys("?");
    picture!("help_60x40", screen);
}

#[test]
fn answers_are_shown() {
    let mut screen = busy_at(100, 20);
    screen.keys("p");
    picture!("toast_100x20", screen);
}

#[test]
fn a_store_that_refuses_writes_is_said_at_the_top() {
    let mut snapshot = busy();
    snapshot.store.blocked = Some("no space left on /data; free some or move the store".to_owned());
    picture!("store_blocked_120x24", Screen::with(120, 24, snapshot));
}

#[test]
fn a_store_that_is_slow_is_said_at_the_top() {
    let mut snapshot = busy();
    snapshot.store.slow = Some(Duration::from_secs(7));
    picture!("store_slow_120x24", Screen::with(120, 24, snapshot.clone()));
    let mut screen = Screen::with(120, 40, snapshot);
    screen.keys("5");
    picture!("store_slow_engine_120x40", screen);
}

#[test]
fn a_daemon_that_does_not_tell_what_runs_is_said_at_the_top() {
    let mut snapshot = busy();
    snapshot.docker.blind = Some(Blind {
        since: Moment(snapshot.at.0.saturating_sub(Duration::from_secs(7))),
        what: "cannot list containers".to_owned(),
        error: "the daemon answered 500: layer store is locked".to_owned(),
    });
    picture!("blind_120x24", Screen::with(120, 24, snapshot.clone()));
    picture!("blind_60x12", Screen::with(60, 12, snapshot.clone()));
    let mut nothing_known = snapshot.clone();
    (nothing_known.ready, nothing_known.monitors) = (false, Vec::new());
    picture!("blind_at_first_80x24", Screen::with(80, 24, nothing_known));
    let mut screen = Screen::with(120, 40, snapshot);
    screen.keys("5");
    picture!("blind_engine_120x40", screen);
}

#[test]
fn every_size_draws() {
    for (columns, rows) in (0..60).map(|n| (n * 4, n)).chain((0..60).map(|n| (n, 60 - n))) {
        let mut screen = busy_at(columns.max(1), rows.max(1));
        for keys in ["", "/ '(", "esc ?", "esc i", "esc 2", "w", "5", "6", "1 z", "tab"] {
            screen.keys(keys);
            let text = screen.text();
            let printable = |c: char| !c.is_control() || c == '\n';
            assert!(text.chars().all(printable), "{columns}x{rows}");
        }
    }
}

#[test]
fn no_byte_of_a_log_controls_the_terminal() {
    let mut screen = Screen::new(120, 40);
    let all: Vec<u8> = (0..=255).collect();
    let each = (0..=255_u8).map(|b| line(1, i64::from(b), i64::from(b), [b'a', b, b'z']));
    let rest = [
        line(1, 300, 300, &all),
        line(1, 301, 301, "\x1b]52;c;aGk=\x07 \x1bP+q\x1b\\ \u{9b}2J \u{202e}evil \x1b[?1049l"),
    ];
    let rows: Vec<Row> = each.chain(rest).collect();
    screen.source.add(rows);
    let mut row = monitor("\x1b[31mevil\x07", 1, Phase::Streaming);
    row.matched_by = "\x1b[2J".to_owned();
    let snapshot =
        logcap_tui::engine::EngineSnapshot { monitors: vec![std::sync::Arc::new(row)], ..calm() };
    screen.snapshot(snapshot);
    for keys in ["", "enter", "w", "/ 'z enter", "pgup pgup", "g", "right right", "esc i", "esc 5"]
    {
        screen.keys(keys);
        assert!(screen.text().chars().all(|c| !c.is_control() || c == '\n'), "after {keys:?}");
    }
}

#[test]
fn without_colours_there_is_none_and_with_them_the_logs_own_are_kept() {
    use ratatui::style::{Color, Modifier};
    let mut screen = busy_at(120, 36);
    for keys in ["", "enter", "/ 'timeout enter", "5", "6", "1 ?", "esc i"] {
        screen.keys(keys);
        let plain =
            |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
        assert!(screen.cells().content().iter().all(plain), "after {keys:?}");
    }
    let mut screen = busy_at(120, 36);
    screen.theme = logcap_tui::tui::Theme::default();
    let at = |screen: &Screen, word: &str| {
        let text = screen.text();
        let y = text.lines().position(|line| line.contains(word)).unwrap();
        let line = text.lines().nth(y).unwrap();
        let x = line[..line.find(word).unwrap()].chars().count();
        screen.cells()[(x as u16, y as u16)].clone()
    };
    let error = at(&screen, "ERROR upstream");
    assert!(error.fg == Color::Red && error.modifier.contains(Modifier::BOLD), "{error:?}");
    assert_eq!(at(&screen, "timeout after").fg, Color::Yellow);
    assert_eq!(at(&screen, "after 30s").fg, Color::Reset);
    screen.keys("/ 'timeout enter");
    let found = at(&screen, "timeout after");
    assert_eq!(Some(found.bg), screen.theme.found.bg, "a match stands out from the log's colours");
    let here = at(&screen, "timeout=30s");
    assert_eq!(Some(here.bg), screen.theme.found_here.bg, "and from the row under the cursor");
    assert_eq!(Some(at(&screen, "=30s").bg), screen.theme.cursor.bg);
}

#[test]
fn demo() {
    for (name, columns, rows) in [
        ("faults_120x36", 120, 36),
        ("faults_80x24", 80, 24),
        ("faults_40x10", 40, 10),
        ("faults_160x40", 160, 40),
    ] {
        let mut screen = busy_at(columns, rows);
        screen.state.palette = Some(sample_palette());
        screen.keys("! down down");
        insta::assert_snapshot!(name, screen.text());
    }
    let mut screen = busy_at(40, 10);
    screen.state.palette = Some(sample_palette());
    picture!("demo_40x10", screen);
    screen.state.size = (80, 24);
    screen.tick(0.1);
    picture!("demo_80x24", screen);
}
