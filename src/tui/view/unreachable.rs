//! The calm screen while Docker does not answer: what was tried, what is wrong, what to do, and
//! when it is tried again. It goes away by itself, because it is drawn from the snapshot.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::paint::panel;
use crate::engine::snapshot::Link;
use crate::tui::keymap::Action;
use crate::tui::state::UiState;
use crate::tui::text;
use crate::tui::theme::Theme;

const WIDEST: u16 = 84;

/// Paints the screen into the body.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    let Link::Down { since, error, hint, tried, retry_at, attempts } = &state.snapshot.docker.link
    else {
        return;
    };
    let now = state.engine_now();
    let retry = text::clock(retry_at.since(now));
    let down = text::clock(now.since(*since));
    let next = Line::from(vec![
        Span::styled(format!("next try in {retry}"), theme.accent),
        Span::styled(format!(" · {attempts} tries in {down}"), theme.dim),
    ]);
    let mut lines = vec![
        Line::styled(text::safe(error), theme.text.bold()),
        Line::styled(text::safe(hint), theme.text),
        next,
        Line::default(),
    ];
    if area.height < 12 {
        // What matters most comes first where not all fits.
        lines.swap(1, 2);
    }
    if !tried.is_empty() {
        lines.push(Line::styled("tried", theme.dim));
        let bullet = |t: &String| {
            Line::from(vec![
                Span::styled("  · ", theme.dim),
                Span::styled(text::safe(t), theme.text),
            ])
        };
        lines.extend(tried.iter().map(bullet));
        lines.push(Line::default());
    }
    let key = |action: Action| Span::styled(state.keys.key_of(action), theme.accent.bold());
    let say = |words: &'static str| Span::styled(words, theme.dim);
    lines.push(Line::from(vec![say("captured history stays readable: press "), key(Action::Logs)]));
    if state.palette.is_none() {
        let words = "no Docker here? `logcap-tui demo` shows everything on a simulated one";
        lines.push(Line::from(say(words)));
    }
    let width = area.width.min(WIDEST);
    let inner = usize::from(width.saturating_sub(6)).max(1);
    let needed: usize = lines.iter().map(|line| line.width().div_ceil(inner).max(1)).sum();
    let height = u16::try_from(needed + 4).unwrap_or(u16::MAX).min(area.height);
    let box_area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    };
    let title = Line::styled(" Docker does not answer ", theme.warn.bold());
    let block = panel(title, false, false, theme).padding(ratatui::widgets::Padding::new(
        2,
        2,
        u16::from(height > 12),
        0,
    ));
    let inside = block.inner(box_area);
    block.render(box_area, buffer);
    Paragraph::new(lines).wrap(Wrap { trim: false }).render(inside, buffer);
}
