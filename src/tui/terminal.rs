//! The terminal, taken and given back. Whatever ends the program, the user gets the terminal as it
//! was: on return by [`Guard`], on a panic by the hook, before anything is printed.

use std::io::{self, Stdout, stdout};

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// A terminal in raw mode on its alternate screen, for as long as this lives.
pub(super) struct Guard {
    /// Where frames are drawn.
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Guard {
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on the guard restores, whatever fails next.
        let guard = Self { terminal: Terminal::new(CrosstermBackend::new(stdout()))? };
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        capture_mouse(mouse)?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Takes or releases the mouse.
pub(super) fn capture_mouse(on: bool) -> io::Result<()> {
    if on {
        execute!(stdout(), EnableMouseCapture)
    } else {
        execute!(stdout(), DisableMouseCapture)
    }
}

/// Gives the terminal back. Harmless when it was given back already; errors have nowhere to go.
pub fn restore() {
    let _ =
        execute!(stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Makes a panic restore the terminal first and report then.
pub fn restore_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        report(info);
    }));
}
