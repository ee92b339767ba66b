//! What each action of the key map does.

use super::super::keymap::Action;
use super::super::message::Effect;
use super::super::rows::Stamps;
use super::super::source::FilterText;
use super::super::state::input::{Input, Purpose};
use super::super::state::pane::Seek;
use super::super::state::{Focus, Overlay, Tab, Tone, UiState};
use super::super::text;
use super::movement;
use crate::engine::{Command, Targets, Verb};
use crate::model::{Direction, Phase, Row};

/// Performs one action. Every action of the table is matched here.
pub(super) fn act(state: &mut UiState, action: Action) -> Vec<Effect> {
    state.table.keep_cursor();
    match action {
        Action::Pause => return pause(state),
        Action::Restart => return command(state, Verb::Restart),
        Action::Reopen => return command(state, Verb::Reopen),
        Action::Acknowledge => return command(state, Verb::Acknowledge),
        Action::Backfill => return command(state, Verb::Backfill),
        Action::Copy => return copy(state),
        Action::Mouse => return mouse(state),
        Action::Repaint => return vec![Effect::Repaint],
        Action::Quit => return vec![Effect::Quit],
        Action::Up
        | Action::Down
        | Action::Left
        | Action::Right
        | Action::PageUp
        | Action::PageDown
        | Action::HalfPageUp
        | Action::HalfPageDown
        | Action::Top
        | Action::Bottom => movement::go(state, action),
        Action::Dashboard => tab(state, Tab::Dashboard),
        Action::Logs => tab(state, Tab::Logs),
        Action::OpenLogs => open_logs(state),
        Action::Later => {
            let words = "search and events come in a later version; \
                         logcap-tui search WORDS works now";
            state.say(Tone::Bad, words);
        }
        Action::Engine => tab(state, Tab::Engine),
        Action::Diagnostics => tab(state, Tab::Diagnostics),
        Action::Help => overlay(state, Overlay::Help),
        Action::Details => overlay(state, Overlay::Details),
        Action::Faults => overlay(state, Overlay::Faults),
        Action::GoneLogs => {
            (state.gone.listed, state.stored_due) = (None, true);
            overlay(state, Overlay::Gone);
        }
        Action::Back => back(state),
        Action::NextPane | Action::PreviousPane => other_pane(state),
        Action::Zoom => zoom(state),
        Action::Select | Action::Sort | Action::ToggleEnded => table(state, action),
        Action::Find
        | Action::FindNext
        | Action::FindPrevious
        | Action::Filter
        | Action::NextError
        | Action::PreviousError
        | Action::Follow
        | Action::Wrap
        | Action::Timestamps => logs(state, action),
    }
    Vec::new()
}

fn table(state: &mut UiState, action: Action) {
    let at = state.table.position(&state.snapshot);
    match action {
        Action::Select => {
            state.table.toggle();
            state.table.step(&state.snapshot, 1);
        }
        Action::Sort => {
            state.table.sort = state.table.sort.next();
            state.table.arrange(&state.snapshot, at);
        }
        _ => {
            state.table.hide_ended = !state.table.hide_ended;
            state.table.arrange(&state.snapshot, at);
        }
    }
}

fn logs(state: &mut UiState, action: Action) {
    match action {
        Action::Find => state.input = Some(Input::new(Purpose::Find, &state.find.pattern)),
        Action::Filter => {
            let now = state.pane.filter.as_ref().map_or("", |f| f.0.as_str());
            state.input = Some(Input::new(Purpose::Filter, now));
        }
        Action::FindNext => find(state, Direction::Newer),
        Action::FindPrevious => find(state, Direction::Older),
        Action::NextError => seek_error(state, Direction::Newer),
        Action::PreviousError => seek_error(state, Direction::Older),
        Action::Follow => state.pane.follow(),
        Action::Wrap => {
            state.pane.wrap = !state.pane.wrap;
            state.pane.skip = 0;
        }
        _ => {
            state.pane.stamps = state.pane.stamps.next();
            let word = match state.pane.stamps {
                Stamps::Local => "timestamps: local time",
                Stamps::Utc => "timestamps: UTC",
                Stamps::Relative => "timestamps: age",
                Stamps::Off => "timestamps: off",
            };
            state.say(Tone::Good, word);
        }
    }
}

fn find(state: &mut UiState, direction: Direction) {
    if !state.find.is_active() {
        let key = state.keys.key_of(Action::Find);
        state.say_of_find(format!("nothing to find yet: press {key}"));
        return;
    }
    let from = state.pane.current().map(Row::key);
    match state.find.next(from, direction) {
        Some(key) => {
            state.find_succeeded();
            state.pane.jump(key);
        }
        None => state.say_of_find(format!("no match for {}", state.find.pattern)),
    }
}

fn seek_error(state: &mut UiState, direction: Direction) {
    state.pane.seek(Seek { condition: "level:error".to_owned(), direction });
}

fn tab(state: &mut UiState, tab: Tab) {
    (state.tab, state.overlay, state.scroll) = (tab, None, 0);
    state.stored_due = true;
    state.gone.opened.clear();
}

/// The chosen logs of the list on the log tab.
pub(super) fn open_gone(state: &mut UiState) {
    tab(state, Tab::Logs);
    if !state.gone.open() {
        state.say(Tone::Bad, "no stored log of a container that is gone");
    }
}

/// The log tab; from a filtered line the same line with its neighbours.
fn open_logs(state: &mut UiState) {
    if state.pane_has_focus()
        && state.pane.filter.is_some()
        && let Some(key) = state.pane.current().map(Row::key)
    {
        state.pane.set_filter(None);
        state.pane.jump(key);
    }
    tab(state, Tab::Logs);
}

fn overlay(state: &mut UiState, overlay: Overlay) {
    state.overlay = if state.overlay == Some(overlay) { None } else { Some(overlay) };
    state.scroll = 0;
}

fn zoom(state: &mut UiState) {
    if state.tab == Tab::Dashboard {
        state.zoom = !state.zoom;
    }
}

/// The only other pane. While zoomed, the zoom goes along.
fn other_pane(state: &mut UiState) {
    if state.tab == Tab::Dashboard {
        state.focus = match state.focus {
            Focus::Table => Focus::Pane,
            Focus::Pane => Focus::Table,
        };
    }
}

/// Has the chosen entry of the palette happen, and gives the view of it free.
pub(super) fn play(state: &mut UiState, index: usize) -> Vec<Effect> {
    if let Some(palette) = &mut state.palette {
        palette.cursor = index;
    }
    state.overlay = None;
    vec![Effect::Play(index)]
}

/// One step back: whatever was done last and can be undone by going back.
fn back(state: &mut UiState) {
    if state.overlay.take().is_some() {
        state.scroll = 0;
    } else if state.toast.take().is_some() {
    } else if state.zoom {
        state.zoom = false;
    } else if state.find.is_active() {
        state.find.set("");
    } else if state.pane.filter.is_some() {
        state.pane.set_filter(None::<FilterText>);
    } else if state.shows_gone() {
        state.gone.opened.clear();
    } else if state.tab != Tab::Dashboard {
        tab(state, Tab::Dashboard);
    } else if !state.pane.is_live() {
        state.pane.follow();
    } else if state.focus == Focus::Pane {
        state.focus = Focus::Table;
    } else {
        state.table.selected.clear();
    }
}

/// Pauses, or resumes if everything that is meant is paused already.
fn pause(state: &mut UiState) -> Vec<Effect> {
    let targets = state.table.targets(&state.snapshot);
    let all = targets.iter().all(|row| row.phase == Phase::Paused);
    command(state, if all { Verb::Resume } else { Verb::Pause })
}

fn command(state: &mut UiState, verb: Verb) -> Vec<Effect> {
    let targets: Vec<_> =
        state.table.targets(&state.snapshot).iter().map(|row| row.id.clone()).collect();
    if targets.is_empty() {
        state.say(Tone::Bad, "there is no monitor here to act on");
        return Vec::new();
    }
    vec![Effect::Command(Command { verb, targets: Targets::Only(targets) })]
}

fn copy(state: &mut UiState) -> Vec<Effect> {
    let Some(Row::Line(line)) = state.pane.current() else {
        state.say(Tone::Bad, "there is no line to copy");
        return Vec::new();
    };
    let text = text::glyphs(&line.text, usize::MAX).text;
    state.say(Tone::Good, "line copied, if the terminal allows it (OSC 52)");
    vec![Effect::Copy(text)]
}

fn mouse(state: &mut UiState) -> Vec<Effect> {
    state.mouse = !state.mouse;
    let key = state.keys.key_of(Action::Mouse);
    let text = if state.mouse {
        "the mouse clicks and scrolls here".to_owned()
    } else {
        format!("the mouse selects text, {key} takes it back")
    };
    state.say(Tone::Good, text);
    vec![Effect::CaptureMouse(state.mouse)]
}
