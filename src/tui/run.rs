//! The loop: wait for one thing, `update`, perform, draw. The only part of the screen that does
//! anything; it decides nothing.
//!
//! Drawing is paced: at most 30 frames a second, only after something happened, and at least four
//! a second so that ages move. Commits are taken at most ten times a second, because a busy store
//! commits far more often than a reader can see.

use std::io::stdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event, EventStream};
use crossterm::execute;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::keymap::KeyMap;
use super::message::{Effect, Message, Now};
use super::palette::{Palette, PaletteSink};
use super::source::LogSource;
use super::state::{Tone, TuiOptions, UiState};
use super::terminal::{self, Guard};
use super::theme::Theme;
use super::update::update;
use super::view::render;
use crate::engine::{CommandError, EngineHandle};
use crate::model::Timestamp;

const FRAME: Duration = Duration::from_millis(33);
const TICK: Duration = Duration::from_millis(250);
const COMMIT_PACE: Duration = Duration::from_millis(100);
/// Matches listed at most; beyond that they are counted only as far as the source does.
const MATCHES: usize = 10_000;

/// What the screen is given.
pub struct TuiContext {
    /// The engine, or a picture of one.
    pub handle: EngineHandle,
    /// Where lines come from.
    pub source: Arc<dyn LogSource>,
    /// Colours.
    pub theme: Theme,
    /// Keys.
    pub keys: KeyMap,
    /// Choices from outside.
    pub options: TuiOptions,
    /// Name and version for the title.
    pub build: String,
    /// Said while the engine runs in another process.
    pub viewer_note: Option<String>,
    /// The demo's palette, and who acts on it.
    pub palette: Option<(Palette, Arc<dyn PaletteSink>)>,
}

/// How the screen was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By the user; a line to leave behind.
    Quit {
        /// Uptime, lines, gaps, restarts.
        summary: String,
    },
}

/// Why the screen could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal cannot be used.
    #[error("cannot use this terminal: {0} (standard output must be a terminal)")]
    Terminal(#[source] std::io::Error),
    /// The terminal's input ended.
    #[error("the terminal's input ended: {0}")]
    Input(String),
}

/// Shows the dashboard until the user leaves. The first frame is drawn before anything is known.
pub async fn run(context: TuiContext) -> Result<Exit, TuiError> {
    let mut theme = context.theme;
    if context.options.no_color {
        theme = Theme::plain();
    } else if context.options.sixteen_colors {
        theme = theme.with_sixteen_colours();
    }
    let mut state = UiState::new(context.build, context.keys, context.options);
    state.viewer_note = context.viewer_note;
    let (palette, sink) = context.palette.unzip();
    state.palette = palette;
    let guard = Guard::take(state.mouse).map_err(TuiError::Terminal)?;
    // Answers wait here for the loop. When it is full the blocking threads that bring them wait:
    // at most one page, one check and one count are asked for at a time, so 16 is never reached
    // by more than stale answers, and nothing else stands behind them.
    let (answers, inbox) = mpsc::channel(16);
    let (handle, source) = (context.handle, context.source);
    let clock = Instant::now();
    let cancel = Arc::default();
    let mut screen = Screen { guard, state, theme, handle, source, sink, answers, cancel, clock };
    let size = screen.guard.terminal.size().map_err(TuiError::Terminal)?;
    let first = Message::Resize(size.width, size.height);
    if let Some(exit) = screen.take(first)? {
        return Ok(exit);
    }
    screen.draw()?;
    screen.drive(inbox).await
}

struct Screen {
    guard: Guard,
    state: UiState,
    theme: Theme,
    handle: EngineHandle,
    source: Arc<dyn LogSource>,
    sink: Option<Arc<dyn PaletteSink>>,
    answers: mpsc::Sender<Message>,
    cancel: Arc<AtomicBool>,
    clock: Instant,
}

impl Screen {
    async fn drive(mut self, mut inbox: mpsc::Receiver<Message>) -> Result<Exit, TuiError> {
        let mut events = EventStream::new();
        let (mut snapshots, mut commits) = (self.handle.snapshots(), self.handle.commits());
        // The current picture counts as news.
        snapshots.mark_changed();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut engine, mut commit_gate) = (true, tokio::time::Instant::now());
        let (mut next_frame, mut dirty) = (tokio::time::Instant::now(), true);
        loop {
            let now = self.now();
            let message = tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Ok(event)) => from_terminal(event),
                    Some(Err(error)) => return Err(TuiError::Input(error.to_string())),
                    None => return Err(TuiError::Input("end of file".to_owned())),
                },
                () = tokio::time::sleep_until(next_frame), if dirty => None,
                Some(answer) = inbox.recv() => Some(answer),
                changed = snapshots.changed(), if engine => {
                    engine = changed.is_ok();
                    let snapshot = Arc::clone(&snapshots.borrow_and_update());
                    Some(Message::Snapshot(now, snapshot))
                }
                changed = gated(&mut commits, commit_gate), if engine => {
                    engine = changed;
                    commit_gate = tokio::time::Instant::now() + COMMIT_PACE;
                    Some(Message::Committed)
                }
                _ = ticks.tick() => {
                    if let Some(words) = self.sink.as_ref().and_then(|sink| sink.news()) {
                        self.state.say(Tone::Good, words);
                    }
                    Some(Message::Tick(now))
                }
            };
            if let Some(message) = message {
                dirty |= message.redraws();
                if let Some(exit) = self.take(message)? {
                    return Ok(exit);
                }
            }
            if dirty && tokio::time::Instant::now() >= next_frame {
                self.draw()?;
                (dirty, next_frame) = (false, tokio::time::Instant::now() + FRAME);
            }
        }
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_system(SystemTime::now());
        Now { mono: self.clock.elapsed(), wall }
    }

    /// One message: update, then perform.
    fn take(&mut self, message: Message) -> Result<Option<Exit>, TuiError> {
        for effect in update(&mut self.state, message) {
            if let Some(exit) = self.perform(effect)? {
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        let began = Instant::now();
        let (state, theme) = (&self.state, &self.theme);
        self.guard
            .terminal
            .draw(|frame| render(frame, state, theme))
            .map_err(TuiError::Terminal)?;
        // Never an effect: the message only counts.
        let _ = update(&mut self.state, Message::Drawn(began.elapsed()));
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> Result<Option<Exit>, TuiError> {
        match effect {
            Effect::Quit => return Ok(Some(Exit::Quit { summary: self.state.summary() })),
            Effect::Repaint => self.guard.terminal.clear().map_err(TuiError::Terminal)?,
            Effect::CaptureMouse(on) => terminal::capture_mouse(on).map_err(TuiError::Terminal)?,
            Effect::Play(index) => {
                if let Some(sink) = &self.sink {
                    let words = sink.play(index);
                    self.state.say(Tone::Good, words);
                }
            }
            Effect::Copy(text) => {
                if let Err(error) = execute!(stdout(), CopyToClipboard::to_clipboard_from(text)) {
                    self.state.say(Tone::Bad, format!("cannot copy: {error}"));
                }
            }
            Effect::Command(command) => {
                let (handle, answers) = (self.handle.clone(), self.answers.clone());
                let verb = command.verb;
                // Ends with the engine's answer; an engine that hangs is reported instead.
                tokio::spawn(async move {
                    let patience = Duration::from_secs(10);
                    let answer = tokio::time::timeout(patience, handle.command(command)).await;
                    let answer = answer.unwrap_or(Err(CommandError::Busy));
                    let _ = answers.send(Message::Answered(verb, answer)).await;
                });
            }
            Effect::Page(request) => self.ask(move |source, _| {
                let filter = request.filter.as_ref();
                let (from, way) = (request.from, request.direction);
                let page = source.page(&request.logs, from, way, request.rows, filter);
                Message::Paged(request.ticket, page)
            }),
            Effect::Check(ticket, pattern) => {
                self.ask(move |source, _| Message::Checked(ticket, source.check(&pattern)));
            }
            Effect::Stored => self.ask(|source, _| Message::Stored(source.logs())),
            Effect::StopMatch => self.cancel.store(true, Ordering::Relaxed),
            Effect::Match(ticket, logs, pattern) => {
                self.cancel.store(true, Ordering::Relaxed);
                self.cancel = Arc::default();
                self.ask(move |source, cancel| {
                    Message::Matched(ticket, source.matches(&logs, &pattern, MATCHES, cancel))
                });
            }
        }
        Ok(None)
    }

    /// Asks the source on a blocking thread; its answer comes back as a message.
    fn ask(&self, question: impl FnOnce(&dyn LogSource, &AtomicBool) -> Message + Send + 'static) {
        let (source, answers) = (Arc::clone(&self.source), self.answers.clone());
        let cancel = Arc::clone(&self.cancel);
        tokio::task::spawn_blocking(move || {
            let answer = question(source.as_ref(), &cancel);
            // The loop has ended if nobody receives.
            let _ = answers.blocking_send(answer);
        });
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}

/// Waits for a commit, but not before `gate`. False when the engine has ended.
async fn gated(
    commits: &mut tokio::sync::watch::Receiver<u64>,
    gate: tokio::time::Instant,
) -> bool {
    tokio::time::sleep_until(gate).await;
    commits.changed().await.is_ok()
}

fn from_terminal(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => Some(Message::Key(key)),
        Event::Mouse(mouse) => Some(Message::Mouse(mouse)),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(columns, rows) => Some(Message::Resize(columns, rows)),
        Event::FocusGained | Event::FocusLost => None,
    }
}
