//! The closed vocabulary of the screen's loop: what can arrive, and what can be asked for.
//!
//! The loop turns everything that happens into one [`Message`]; `update` answers with [`Effect`]s;
//! the loop performs them. Whoever wants to know what the screen can do to the world reads
//! `Effect` and is done.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};

use super::source::{FilterText, Highlighter, Matches, StoredLog};
use crate::engine::{Command, CommandAnswer, CommandError, EngineSnapshot, Verb};
use crate::model::{Direction, From as PageFrom, LogId, Page, Timestamp};

/// Both clocks, read once by the loop: the only source of time on this side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since the screen started.
    pub mono: Duration,
    /// Wall clock.
    pub wall: Timestamp,
}

/// Numbers requests, so that a late answer to an old question is recognised and dropped.
pub type Ticket = u64;

/// Everything that can happen to the screen.
pub enum Message {
    /// Time passed.
    Tick(Now),
    /// The engine published a picture.
    Snapshot(Now, Arc<EngineSnapshot>),
    /// The store committed something.
    Committed,
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has a new size: columns, rows.
    Resize(u16, u16),
    /// A page arrived.
    Paged(Ticket, Result<Page, String>),
    /// A pattern was compiled, or not.
    Checked(Ticket, Result<Highlighter, String>),
    /// Matches were counted.
    Matched(Ticket, Result<Matches, String>),
    /// The stored logs were listed.
    Stored(Result<Vec<StoredLog>, String>),
    /// The engine answered a command.
    Answered(Verb, Result<CommandAnswer, CommandError>),
    /// A frame was drawn in this time.
    Drawn(Duration),
}

impl Message {
    /// Whether the screen may look different afterwards. The time of a frame must not cause the
    /// next frame, or an idle screen would never rest.
    pub fn redraws(&self) -> bool {
        !matches!(self, Self::Drawn(_))
    }
}

/// A question for the log source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Its number.
    pub ticket: Ticket,
    /// Which logs, merged.
    pub logs: Vec<LogId>,
    /// Where to begin.
    pub from: PageFrom,
    /// Which way.
    pub direction: Direction,
    /// How many rows at most.
    pub rows: usize,
    /// Which lines.
    pub filter: Option<FilterText>,
}

/// Everything that the screen can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Give this order to the engine.
    Command(Command),
    /// Read a page.
    Page(PageRequest),
    /// Compile a pattern.
    Check(Ticket, String),
    /// Find all matches; ends an earlier search.
    Match(Ticket, Vec<LogId>, String),
    /// End the search for matches that runs: nobody waits for it any more.
    StopMatch,
    /// List the stored logs.
    Stored,
    /// Put text on the clipboard of the terminal (OSC 52).
    Copy(String),
    /// Have this entry of the palette happen.
    Play(usize),
    /// Take or release the mouse.
    CaptureMouse(bool),
    /// Draw everything anew, for a terminal that something else wrote to.
    Repaint,
    /// Leave.
    Quit,
}
