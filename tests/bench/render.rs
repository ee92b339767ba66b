//! What a frame costs: the dashboard at two sizes of host, the log pane, and taking a picture.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and benches may fail loudly"
)]
#[path = "../support/tui.rs"]
mod support;

use std::sync::Arc;

use divan::Bencher;
use logcap_tui::tui::Theme;
use logcap_tui::tui::message::Message;
use logcap_tui::tui::update::update;
use logcap_tui::tui::view::render;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use support::*;

fn main() {
    divan::main();
}

fn draw(bencher: Bencher<'_, '_>, screen: &Screen) {
    let (columns, rows) = screen.state.size;
    let theme = Theme::default();
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    bencher.bench_local(|| {
        terminal.draw(|frame| render(frame, &screen.state, &theme)).unwrap();
    });
}

#[divan::bench(args = [50, 5_000])]
fn dashboard(bencher: Bencher<'_, '_>, monitors: i64) {
    let mut screen = Screen::new(200, 60);
    screen.source.add(sample_lines());
    screen.snapshot(many(monitors));
    draw(bencher, &screen);
}

#[divan::bench]
fn logs(bencher: Bencher<'_, '_>) {
    let mut screen = Screen::new(200, 60);
    screen.source.add((0..5_000).map(|i| {
        line(1, i, i, format!("INFO GET /cart/{i} 200 \x1b[32min 4 ms\x1b[0m {}", "x".repeat(150)))
    }));
    screen.snapshot(many(2));
    screen.keys("2 / 'cart enter");
    draw(bencher, &screen);
}

#[divan::bench]
fn logs_wrapped(bencher: Bencher<'_, '_>) {
    let mut screen = Screen::new(200, 60);
    screen.source.add((0..100).map(|i| line(1, i, i, "lorem ipsum ".repeat(1_000))));
    screen.snapshot(many(2));
    screen.keys("2 w");
    draw(bencher, &screen);
}

#[divan::bench(args = [50, 5_000])]
fn take_a_picture(bencher: Bencher<'_, '_>, monitors: i64) {
    let mut screen = Screen::with(200, 60, many(monitors));
    let picture = Arc::new(many(monitors));
    let now = screen.now(1.0);
    bencher.bench_local(|| {
        let _ = update(&mut screen.state, Message::Snapshot(now, Arc::clone(&picture)));
    });
}
