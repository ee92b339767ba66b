//! Keys as a string in, state and effects out.
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

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use logcap_tui::engine::{Command, CommandAnswer, CommandError, Targets, Verb};
use logcap_tui::model::Phase;
use logcap_tui::tui::KeyMap;
use logcap_tui::tui::message::{Effect, Message};
use logcap_tui::tui::state::table::Sort;
use logcap_tui::tui::state::{Focus, Overlay, Tab};
use support::*;

fn screen() -> Screen {
    let mut screen = Screen::new(120, 36);
    screen.source.add(sample_lines());
    screen.snapshot(busy());
    screen.keys("g");
    screen
}

fn name(screen: &Screen) -> String {
    let at = screen.state.table.position(&screen.state.snapshot).unwrap();
    screen.state.table.row(&screen.state.snapshot, at).unwrap().name.clone()
}

fn names(screen: &Screen) -> Vec<String> {
    let state = &screen.state;
    (0..state.table.order.len())
        .map(|i| state.table.row(&state.snapshot, i).unwrap().name.clone())
        .collect()
}

fn to(screen: &mut Screen, name: &str) {
    let at = names(screen).iter().position(|n| n == name).unwrap();
    screen.keys("g");
    for _ in 0..at {
        screen.keys("j");
    }
}

#[test]
fn trouble_comes_first_and_quiet_ends_last() {
    let order = names(&screen());
    assert_eq!(order[0], "shop-payments-gateway-eu-central-1-replica-2", "stale");
    assert_eq!(order[1], "legacy", "quarantined");
    assert_eq!(order.last().unwrap(), "build-4711", "ended");
}

#[test]
fn cursor_and_selection_survive_another_order() {
    let mut screen = screen();
    to(&mut screen, "shop-web-1");
    screen.keys("space");
    to(&mut screen, "shop-db-1");
    for sort in [Sort::Name, Sort::Rate, Sort::Heartbeat, Sort::Stored, Sort::Gaps, Sort::State] {
        screen.keys("s");
        assert_eq!(screen.state.table.sort, sort);
        assert_eq!(name(&screen), "shop-db-1");
        assert_eq!(screen.state.shown()[0].name, "shop-web-1");
        assert!(screen.text().contains(&format!("sort: {}", sort.as_str())));
    }
}

#[test]
fn a_container_that_goes_leaves_the_cursor_to_its_neighbour() {
    let mut screen = screen();
    to(&mut screen, "legacy");
    screen.keys("space k");
    let next = names(&screen)[2].clone();
    let mut snapshot = busy();
    snapshot.monitors.retain(|row| row.name != "legacy");
    to(&mut screen, "legacy");
    screen.snapshot(snapshot);
    assert_eq!(name(&screen), next);
    assert!(screen.state.table.selected.is_empty());
}

#[test]
fn commands_go_to_the_selection_or_to_the_cursor() {
    let mut screen = screen();
    to(&mut screen, "legacy");
    screen.keys("r");
    let legacy = screen.state.table.cursor.clone().unwrap();
    let order = |verb, ids| Effect::Command(Command { verb, targets: Targets::Only(ids) });
    assert_eq!(screen.out, [order(Verb::Restart, vec![legacy])]);
    screen.out.clear();
    to(&mut screen, "shop-web-1");
    let web = screen.state.table.cursor.clone().unwrap();
    screen.keys("space R x b p");
    let expected = [Verb::Reopen, Verb::Acknowledge, Verb::Backfill, Verb::Pause];
    assert_eq!(screen.out, expected.map(|verb| order(verb, vec![web.clone()])));
}

#[test]
fn p_resumes_what_is_paused() {
    let mut screen = screen();
    to(&mut screen, "batch-nightly-7");
    assert!(screen.text().contains("p resume monitor"));
    screen.keys("p");
    assert!(matches!(&screen.out[0], Effect::Command(c) if c.verb == Verb::Resume));
    screen.tick(20.0);
    to(&mut screen, "shop-web-1");
    assert!(screen.text().contains("p pause monitor"));
}

#[test]
fn each_answer_is_shown_and_goes_away() {
    let mut screen = screen();
    let answer = CommandAnswer {
        done: 1,
        refused: vec![("legacy".into(), "it is quarantined".into())],
        summary: "paused 1 of 2".into(),
    };
    screen.send(Message::Answered(Verb::Pause, Ok(answer)));
    assert!(screen.text().contains("! paused 1 of 2; refused: legacy: it is quarantined"));
    screen.tick(9.0);
    assert!(!screen.text().contains("refused"));
    screen.send(Message::Answered(Verb::Restart, Err(CommandError::Viewer)));
    assert!(screen.text().contains("restart: this is a viewer"));
}

#[test]
fn ages_grow_while_no_picture_comes() {
    let mut screen = screen();
    screen.tick(100.0);
    let row = screen.text().lines().find(|l| l.contains("shop/web-1  ")).unwrap().to_owned();
    assert!(row.contains("1m40s"), "{row}");
    assert!(row.contains("3m19s"), "{row}");
}

#[test]
fn ended_containers_hide_and_come_back() {
    let mut screen = screen();
    screen.keys("a");
    assert!(!names(&screen).contains(&"build-4711".to_owned()));
    assert!(screen.text().contains("1 ended hidden"));
    screen.keys("a");
    assert!(names(&screen).contains(&"build-4711".to_owned()));
}

#[test]
fn tabs_panes_zoom_and_back() {
    let mut screen = screen();
    screen.keys("enter");
    assert_eq!(screen.state.tab, Tab::Logs);
    screen.keys("esc");
    assert_eq!(screen.state.tab, Tab::Dashboard);
    screen.keys("tab");
    assert_eq!(screen.state.focus, Focus::Pane);
    screen.keys("z");
    assert!(screen.state.areas().table.is_none());
    screen.keys("tab");
    assert!(screen.state.areas().pane.is_none());
    screen.keys("esc 5");
    assert_eq!((screen.state.tab, screen.state.zoom), (Tab::Engine, false));
    screen.keys("6 1 ?");
    assert_eq!(screen.state.overlay, Some(Overlay::Help));
    screen.keys("G");
    assert!(screen.state.scroll > 0 && screen.text().contains("gap: …"));
    screen.keys("esc i");
    assert_eq!(screen.state.overlay, Some(Overlay::Details));
    screen.keys("q q ctrl-c");
    assert_eq!(screen.out, [Effect::Quit, Effect::Quit]);
}

#[test]
fn q_closes_what_lies_on_top_before_it_quits() {
    let mut screen = screen();
    for open in ["?", "i"] {
        screen.keys(open);
        let text = screen.text();
        assert!(text.contains("esc or q closes") && text.contains("q close"), "{text}");
        screen.keys("q");
        assert_eq!((screen.state.overlay, screen.out.len()), (None, 0), "after {open}");
    }
    screen.keys("? ctrl-c");
    assert_eq!(screen.out, [Effect::Quit]);
    screen.keys("esc q");
    assert_eq!(screen.out, [Effect::Quit, Effect::Quit]);
}

#[test]
fn the_daemon_goes_and_comes_back_by_itself() {
    let mut screen = screen();
    screen.snapshot(down());
    assert!(screen.text().contains("Docker does not answer"));
    screen.keys("p d");
    assert!(screen.out.is_empty(), "no monitor can be commanded on this screen");
    assert!(screen.text().contains("`logcap-tui demo`"), "the way out for a visitor");
    screen.snapshot(busy());
    assert!(!screen.text().contains("Docker does not answer"));
    assert!(screen.text().contains("shop/web-1"));
}

#[test]
fn every_action_is_bound_and_in_the_help() {
    let map = KeyMap::default();
    let mut screen = Screen::with(200, 100, busy());
    screen.state.palette = Some(sample_palette());
    screen.keys("?");
    let help = screen.text();
    for binding in map.bindings() {
        assert!(help.contains(binding.help), "{} is missing in the help", binding.name);
        assert!(help.contains(&binding.keys_text()), "keys of {}", binding.name);
    }
}

#[test]
fn docs_keys_md_is_the_key_map() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/KEYS.md");
    let wanted = KeyMap::default().to_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, wanted, "run the test with UPDATE_DOCS=1 to write docs/KEYS.md");
}

#[test]
fn clicks_choose_and_the_wheel_scrolls_what_is_under_it() {
    let mut screen = screen();
    let mouse = |kind, column, row| {
        Message::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    };
    let click = MouseEventKind::Down(MouseButton::Left);
    let text = screen.text();
    let row = text.lines().position(|l| l.contains("shop/db-1 ")).unwrap() as u16;
    screen.send(mouse(click, 20, row));
    assert_eq!(name(&screen), "shop-db-1");
    to(&mut screen, "shop-web-1");
    screen.send(mouse(MouseEventKind::ScrollUp, 20, 30));
    assert!(!screen.state.pane.is_live());
    screen.send(mouse(MouseEventKind::ScrollDown, 20, 30));
    assert!(screen.state.pane.is_live());
    let bar = screen.text().lines().next().unwrap().to_owned();
    let x = bar.chars().take_while(|c| *c != '5').count() as u16;
    let x =
        bar.match_indices("5 Engine").next().map_or(x, |(at, _)| bar[..at].chars().count() as u16);
    screen.send(mouse(click, x, 0));
    assert_eq!(screen.state.tab, Tab::Engine);
    screen.keys("M");
    assert_eq!(screen.out, [Effect::CaptureMouse(false)]);
}

#[test]
fn a_line_is_copied_without_its_colours() {
    let mut screen = screen();
    to(&mut screen, "shop-web-1");
    screen.keys("enter / 'upstream enter y");
    let copied = Effect::Copy("ERROR upstream timeout after 30s request_id=7f3a".to_owned());
    assert_eq!(screen.out, [copied]);
}

#[test]
fn a_stray_paste_presses_no_keys() {
    let mut screen = screen();
    screen.send(Message::Paste("qrpx".to_owned()));
    assert!(screen.out.is_empty());
    screen.keys("/");
    screen.send(Message::Paste("a\nb".to_owned()));
    assert_eq!(screen.state.input.as_ref().unwrap().text, "ab");
}

#[test]
fn the_summary_says_what_was_done() {
    let screen = screen();
    assert_eq!(
        screen.state.summary(),
        "48,000 records captured in 3h12m, 2 gaps, 8 restarts; 1 paused monitors will resume at the next start"
    );
    let paused = screen.state.snapshot.monitors.iter().filter(|m| m.phase == Phase::Paused);
    assert_eq!(paused.map(Arc::clone).count(), 1);
}

#[test]
fn a_viewer_offers_no_orders_and_claims_no_capture() {
    let mut screen = screen();
    screen.state.viewer_note = Some("viewer: process 7 captures into this store".to_owned());
    screen.tick(16.0);
    assert_eq!(screen.state.summary(), "viewed for 16s");
    let text = screen.text();
    let footer = text.lines().last().unwrap();
    for order in ["pause", "restart", "rotate", "acknowledge", "backfill"] {
        assert!(!footer.contains(order), "{footer}");
    }
    assert!(footer.contains("details") && footer.contains("quit"), "{footer}");
}

#[test]
fn the_numbers_between_the_tabs_answer() {
    let mut screen = screen();
    for key in ["3", "4"] {
        screen.keys("esc");
        screen.keys(key);
        assert_eq!(screen.state.tab, Tab::Dashboard);
        assert!(screen.text().contains("search and events come in a later version"));
    }
}

#[test]
fn a_find_that_succeeds_takes_back_that_nothing_was_found() {
    let mut screen = screen();
    to(&mut screen, "shop-web-1");
    screen.keys("enter / 'nowhere enter n");
    assert!(screen.text().contains("! no match for nowhere"));
    screen.keys("/ ctrl-u 'upstream enter");
    assert!(!screen.text().contains("no match"), "{}", screen.text());
}

#[test]
fn a_viewer_says_when_the_engine_is_gone() {
    let mut screen = Screen::new(120, 36);
    screen.state.viewer_note = Some("viewer: process 7 captures into this store".to_owned());
    screen.tick(20.0);
    assert!(!screen.text().contains("gone"), "nothing is known before the first picture");
    screen.source.add(sample_lines());
    screen.snapshot(busy());
    assert!(screen.text().contains("● connected") && screen.text().contains("LIVE"));
    screen.tick(53.0);
    screen.snapshot(busy());
    let text = screen.text();
    assert!(text.contains("× engine gone: no news for 33s"), "{text}");
    assert!(!text.contains("● connected") && !text.contains("LIVE"), "{text}");
    let mut snapshot = busy();
    snapshot.at = snapshot.at.after(secs(33.0));
    screen.snapshot(snapshot);
    assert!(screen.text().contains("● connected"));
}

#[test]
fn an_unknown_rate_is_less_than_none() {
    let mut screen = screen();
    screen.keys("s s");
    assert_eq!(screen.state.table.sort, Sort::Rate);
    let order = &screen.state.table.order;
    let known =
        |i: &usize| logcap_tui::tui::state::table::has_rate(&screen.state.snapshot.monitors[*i]);
    let first_unknown = order.iter().position(|i| !known(i)).unwrap();
    assert!(order[first_unknown..].iter().all(|i| !known(i)));
}

#[test]
fn numbers_are_never_cut_on_a_narrow_screen() {
    let mut snapshot = busy();
    (snapshot.tasks.actual, snapshot.tasks.expected) = (12_345, 12_345);
    let screen = Screen::with(40, 10, snapshot);
    let text = screen.text();
    let line = text.lines().nth(1).unwrap().trim();
    assert_eq!(line, "tasks 12345 of 12345 · gaps 2");
}

#[test]
fn an_order_takes_the_cursor_along_and_until_then_it_rests_on_the_first_row() {
    let mut screen = Screen::new(120, 36);
    let rows = |first: Phase| {
        let mut snapshot = calm();
        let wanted = [("alpha", first), ("beta", Phase::Streaming)];
        snapshot.monitors =
            (1..).zip(wanted).map(|(n, (name, phase))| Arc::new(monitor(name, n, phase))).collect();
        snapshot
    };
    screen.snapshot(rows(Phase::Ended));
    assert_eq!(name(&screen), "beta", "nothing was pressed yet: the first row, whichever");
    screen.snapshot(rows(Phase::Streaming));
    assert_eq!(name(&screen), "alpha");
    screen.keys("p");
    screen.snapshot(rows(Phase::Paused));
    assert_eq!(names(&screen), ["beta", "alpha"], "what is paused sorts down");
    assert_eq!(name(&screen), "alpha", "and p again resumes it");
}

fn demo_screen(columns: u16, rows: u16) -> Screen {
    let mut screen = Screen::with(columns, rows, busy());
    screen.source.add(sample_lines());
    screen.state.palette = Some(sample_palette());
    screen
}

#[test]
fn the_palette_exists_only_in_the_demo() {
    let mut real = screen();
    real.keys("!");
    assert_eq!(real.state.overlay, None);
    real.keys("?");
    assert!(!real.text().contains("faults") && !real.text().contains("In the demo"));
    assert!(!real.text().contains("DEMO"));

    let mut demo = demo_screen(120, 60);
    assert!(demo.text().lines().next().unwrap().contains(" DEMO "));
    assert!(demo.text().lines().last().unwrap().starts_with(" ! faults"));
    demo.keys("?");
    assert!(demo.text().contains("In the demo"));
    demo.keys("!");
    assert_eq!(demo.state.overlay, Some(Overlay::Faults));
}

#[test]
fn a_key_of_the_palette_plays_its_entry_and_gives_the_view_free() {
    let mut screen = demo_screen(120, 36);
    screen.keys("! 2");
    assert_eq!(screen.out, [Effect::Play(1)]);
    assert_eq!((screen.state.overlay, screen.state.tab), (None, Tab::Dashboard));
    screen.out.clear();
    // Digits are tabs again once the palette is closed, and an entry that is not there is no entry.
    screen.keys("2");
    assert_eq!((screen.out.len(), screen.state.tab), (0, Tab::Logs));
    screen.keys("! c");
    assert_eq!((screen.out.len(), screen.state.overlay), (0, Some(Overlay::Faults)));
    screen.keys("esc");
    assert_eq!(screen.state.overlay, None);
}

#[test]
fn the_palette_has_a_cursor_and_it_stays_where_it_was() {
    let mut screen = demo_screen(40, 10);
    screen.keys("! down down down up enter");
    assert_eq!(screen.out, [Effect::Play(2)]);
    screen.keys("! G");
    let last = screen.state.palette.as_ref().unwrap().entries.len() - 1;
    assert_eq!(screen.state.palette.as_ref().unwrap().cursor, last);
    assert!(screen.text().contains("▸ a"), "{}", screen.text());
    screen.keys("enter");
    assert_eq!(screen.out, [Effect::Play(2), Effect::Play(last)]);
}

#[test]
fn a_click_on_an_entry_of_the_palette_plays_it() {
    let mut screen = demo_screen(120, 36);
    screen.keys("!");
    let text = screen.text();
    let row = text.lines().position(|line| line.contains("restart the daemon")).unwrap();
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 20,
        row: u16::try_from(row).unwrap(),
        modifiers: KeyModifiers::NONE,
    };
    screen.send(Message::Mouse(click));
    assert_eq!(screen.out, [Effect::Play(2)]);
}

#[test]
fn the_palette_opens_while_the_daemon_is_away() {
    let mut screen = Screen::with(100, 30, down());
    screen.state.palette = Some(sample_palette());
    assert!(screen.text().contains("! faults"));
    screen.keys("! 1");
    assert_eq!(screen.out, [Effect::Play(0)]);
}

#[test]
fn logs_of_containers_that_are_gone_are_chosen_from_a_list() {
    let mut screen = screen();
    screen.source.add([
        line(40, 1, 1_000, "the last words of a job"),
        line(41, 1, 2_000, "another job's words"),
    ]);
    screen.keys("2");
    assert!(screen.text().contains("o gone"), "{}", screen.text());
    assert!(!screen.text().contains("last words"));
    screen.keys("o");
    let text = screen.text();
    assert!(text.contains("▸  stored-41") && text.contains("stored-40"), "{text}");
    assert!(!text.contains("stored-1 "), "a log with a monitor is not gone:\n{text}");
    screen.keys("down enter");
    assert_eq!(screen.state.overlay, None);
    let text = screen.text();
    assert!(text.contains("the last words of a job") && text.contains("GONE"), "{text}");
    assert!(!text.contains("another job"), "{text}");
    // Orders would go to a monitor that is not on screen.
    screen.keys("p r");
    assert!(screen.out.is_empty(), "{:?}", screen.out);
    screen.keys("o G space up space enter");
    let text = screen.text();
    assert!(text.contains("another job") && text.contains("last words"), "{text}");
    screen.keys("esc");
    assert!(!screen.state.shows_gone());
    assert_eq!(screen.state.tab, Tab::Logs);
    screen.keys("o esc 1 2");
    assert!(!screen.text().contains("GONE"));
}

#[test]
fn a_crash_loop_between_two_runs_is_restarting_with_dockers_own_count() {
    let mut screen = Screen::new(120, 36);
    let row = logcap_tui::engine::snapshot::MonitorRow {
        restarting: true,
        docker_restarts: 18,
        running: false,
        ..monitor("crashy", 3, Phase::Ended)
    };
    let mut snapshot = calm();
    snapshot.monitors = vec![Arc::new(row), Arc::new(monitor("over", 4, Phase::Ended))];
    screen.snapshot(snapshot);
    let text = screen.text();
    assert!(text.contains("↺ restarting") && text.contains("(18 restarts so far)"), "{text}");
    assert!(text.contains("1 restarting 1 ended"), "{text}");
    screen.keys("a");
    assert!(screen.text().contains("↺ restarting"), "it has not ended");
    assert!(screen.text().contains("1 ended hidden"));
    screen.keys("i");
    assert!(screen.text().contains("18 by Docker's own count"), "{}", screen.text());
}
