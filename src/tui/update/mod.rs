//! What happens to the state when something happens: synchronous, without I/O and without a clock.
//!
//! `update` lets one message change the state and then `settle`s it: cursor in view, log pane on
//! the right logs, and requests for whatever rows or matches are missing. Because settling asks
//! for what is missing *now*, no code path has to remember to ask.

mod actions;
mod mouse;
mod movement;
mod typing;

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::keymap::{Action, Chord};
use super::message::{Effect, Message, Now};
use super::state::{Overlay, Tone, UiState};
use crate::engine::{CommandAnswer, CommandError, EngineSnapshot, Verb};

/// Changes the state and says what to do.
#[must_use]
pub fn update(state: &mut UiState, message: Message) -> Vec<Effect> {
    let mut effects = match message {
        Message::Drawn(took) => {
            state.trends.frame(took);
            return Vec::new();
        }
        Message::Key(event) => key(state, event),
        Message::Mouse(event) => mouse::mouse(state, event),
        other => {
            absorb(state, other);
            Vec::new()
        }
    };
    effects.extend(settle(state));
    effects
}

/// Messages that only bring news.
fn absorb(state: &mut UiState, message: Message) {
    match message {
        Message::Tick(now) => tick(state, now),
        Message::Snapshot(now, snapshot) => {
            tick(state, now);
            picture(state, snapshot);
        }
        Message::Committed => {
            state.pane.committed();
            state.stored_due = true;
            state.find.grown();
        }
        Message::Paste(text) => typing::paste(state, &text),
        Message::Resize(columns, rows) => state.size = (columns, rows),
        Message::Paged(ticket, result) => {
            let lines = state.pane_lines();
            state.pane.take(ticket, result, lines);
            if state.pane.seek_failed.take().is_some() {
                state.say(Tone::Bad, "no further error line");
            }
        }
        Message::Checked(ticket, result) => state.find.checked(ticket, result),
        Message::Matched(ticket, result) => {
            let first = state.find.matches.is_none();
            state.find.matched(ticket, result, state.now.mono);
            if state.find.matches.as_ref().is_some_and(|matches| matches.total > 0) {
                state.find_succeeded();
            }
            if first {
                typing::show_nearest_match(state);
            }
        }
        Message::Stored(Ok(logs)) => {
            if state.overlay == Some(Overlay::Gone) {
                state.gone.list(&logs, &state.snapshot);
            }
            state.stored = Some(logs);
        }
        Message::Stored(Err(error)) => {
            state.say(Tone::Bad, format!("cannot list the stored logs: {error}"));
        }
        Message::Answered(verb, answer) => answered(state, verb, answer),
        Message::Drawn(_) | Message::Key(_) | Message::Mouse(_) => {}
    }
}

fn tick(state: &mut UiState, now: Now) {
    state.now = now;
    state.find.tick(now.mono);
    state.toast.take_if(|toast| toast.until <= now.mono);
}

fn picture(state: &mut UiState, snapshot: Arc<EngineSnapshot>) {
    if snapshot.at != state.snapshot.at {
        state.snapshot_at = state.now.mono;
    }
    state.trends.take(&snapshot, state.now.mono);
    let at = state.table.position(&state.snapshot);
    state.table.arrange(&snapshot, at);
    state.snapshot = snapshot;
}

fn answered(state: &mut UiState, verb: Verb, answer: Result<CommandAnswer, CommandError>) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            state.say(Tone::Bad, format!("{}: {error}", verb_word(verb)));
            return;
        }
    };
    let mut text = answer.summary;
    if text.is_empty() {
        text = format!("{}: {} done", verb_word(verb), answer.done);
    }
    match answer.refused.split_first() {
        None => state.say(Tone::Good, text),
        Some(((name, why), rest)) => {
            let more =
                if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            state.say(Tone::Bad, format!("{text}; refused: {name}: {why}{more}"));
        }
    }
}

fn verb_word(verb: Verb) -> &'static str {
    match verb {
        Verb::Pause => "pause",
        Verb::Resume => "resume",
        Verb::Restart => "restart",
        Verb::Reopen => "rotate now",
        Verb::Acknowledge => "acknowledge",
        Verb::Backfill => "backfill",
    }
}

fn key(state: &mut UiState, event: KeyEvent) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if state.input.is_some() {
        return typing::key(state, event);
    }
    let chord = Chord::from(event);
    if let Some(index) = chosen(state, event) {
        return actions::play(state, index);
    }
    if state.overlay == Some(Overlay::Gone) && event.modifiers.is_empty() {
        match event.code {
            KeyCode::Enter => {
                actions::open_gone(state);
                return Vec::new();
            }
            KeyCode::Char(' ') => {
                state.gone.toggle();
                return Vec::new();
            }
            _ => {}
        }
    }
    if let Some(action) = state.keys.action(chord, &state.scopes()) {
        // What lies on top is left first; only ctrl-c leaves the program from everywhere.
        let closes = action == Action::Quit && state.overlay.is_some() && !chord.is_ctrl_c();
        actions::act(state, if closes { Action::Back } else { action })
    } else {
        movement::diagnostics_key(state, event);
        Vec::new()
    }
}

/// The entry of the palette that a key chooses, while the palette lies on top.
fn chosen(state: &UiState, event: KeyEvent) -> Option<usize> {
    let palette = state.palette.as_ref().filter(|_| state.overlay == Some(Overlay::Faults))?;
    match event.code {
        KeyCode::Enter => Some(palette.cursor).filter(|at| *at < palette.entries.len()),
        KeyCode::Char(key) if event.modifiers.is_empty() => palette.chosen_by(key),
        _ => None,
    }
}

/// Makes cursor, pane and requests fit what is shown now.
fn settle(state: &mut UiState) -> Vec<Effect> {
    let areas = state.areas();
    let lines = usize::from(areas.table_rows().height).max(1);
    state.table.keep_in_view(&state.snapshot, lines);
    // The list of what is gone is read once, when it opens: it must not change under the cursor.
    let opens = state.overlay == Some(Overlay::Gone) && state.gone.listed.is_none();
    let list = (state.shows_stored() || opens) && std::mem::take(&mut state.stored_due);
    let logs = state.logs_to_show();
    if logs != state.pane.logs {
        state.pane.show(logs);
        state.find.restart();
    }
    let mut effects = state.find.want(&state.pane.logs, state.now.mono);
    if list {
        effects.push(Effect::Stored);
    }
    if areas.pane.is_some() {
        let (format, lines) = (state.row_format(), state.pane_lines());
        state.pane.fill_screen(&format, lines);
        effects.extend(state.pane.want(&format, lines).map(Effect::Page));
    }
    effects
}
