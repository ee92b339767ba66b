//! Colours by role. Views ask for a role and never name a colour, so a theme is a dozen lines.
//!
//! One accent; levels and states are the only other colours. No meaning is carried by colour
//! alone: every state has its glyph and its word. A theme without colours therefore loses
//! nothing, it only replaces colour by weight.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// Colours by role, as a theme file writes them: names, `#rrggbb`, or `reset`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Palette {
    text: String,
    dim: String,
    accent: String,
    ok: String,
    warn: String,
    bad: String,
    cursor: String,
    match_text: String,
    match_ground: String,
    names: Vec<String>,
}

/// Why a theme is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// Not TOML, or keys missing or unknown.
    #[error("theme: {0}")]
    Parse(String),
    /// Not a colour.
    #[error(
        "theme: {0:?} is not a colour: write a name such as \"light-red\", \"#rrggbb\" or \"reset\""
    )]
    Colour(String),
    /// No such theme.
    #[error("there is no theme {0:?}; there are dark, light, mono and high-contrast")]
    Unknown(String),
}

/// Styles by role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Ordinary text.
    pub text: Style,
    /// Labels, borders, what can wait.
    pub dim: Style,
    /// The one accent: focus, active tab, keys.
    pub accent: Style,
    /// As it should be.
    pub ok: Style,
    /// Worth a look.
    pub warn: Style,
    /// Wrong.
    pub bad: Style,
    /// The row under the cursor.
    pub cursor: Style,
    /// What the find matches.
    pub found: Style,
    /// The match that the cursor is on.
    pub found_here: Style,
    /// Colours of container names in a merged log.
    pub names: Vec<Style>,
    /// Whether colours may be used at all, those of log text included.
    pub colours: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Self::named("dark").unwrap_or_else(|_| Self::plain())
    }
}

impl Theme {
    /// One of the built-in themes.
    pub fn named(name: &str) -> Result<Self, ThemeError> {
        Self::parse(match name {
            "dark" => include_str!("../../assets/themes/dark.toml"),
            "light" => include_str!("../../assets/themes/light.toml"),
            "high-contrast" => include_str!("../../assets/themes/high-contrast.toml"),
            "mono" => return Ok(Self::plain()),
            _ => return Err(ThemeError::Unknown(name.to_owned())),
        })
    }

    /// A theme from the text of its file.
    pub fn parse(toml: &str) -> Result<Self, ThemeError> {
        let p: Palette = toml::from_str(toml).map_err(|e| ThemeError::Parse(e.to_string()))?;
        let colour =
            |text: &str| text.parse::<Color>().map_err(|_| ThemeError::Colour(text.to_owned()));
        let fg = |text: &str| colour(text).map(|c| Style::new().fg(c));
        let found = fg(&p.match_text)?.bg(colour(&p.match_ground)?);
        Ok(Self {
            text: fg(&p.text)?,
            dim: fg(&p.dim)?,
            accent: fg(&p.accent)?,
            ok: fg(&p.ok)?,
            warn: fg(&p.warn)?,
            bad: fg(&p.bad)?,
            cursor: Style::new().bg(colour(&p.cursor)?),
            found,
            found_here: fg(&p.match_text)?.bg(colour(&p.accent)?).add_modifier(Modifier::BOLD),
            names: p.names.iter().map(|name| fg(name)).collect::<Result<_, _>>()?,
            colours: true,
        })
    }

    /// No colours, only weight: the `mono` theme and what `NO_COLOR` makes of every theme.
    pub fn plain() -> Self {
        let style = Style::new();
        Self {
            text: style,
            dim: style.add_modifier(Modifier::DIM),
            accent: style.add_modifier(Modifier::BOLD),
            ok: style,
            warn: style.add_modifier(Modifier::BOLD),
            bad: style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            cursor: style.add_modifier(Modifier::REVERSED),
            found: style.add_modifier(Modifier::REVERSED),
            // The cursor row is reversed already.
            found_here: style.add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
            names: vec![style.add_modifier(Modifier::BOLD)],
            colours: false,
        }
    }

    /// The same theme on a terminal of sixteen colours: each colour's nearest.
    #[must_use]
    pub fn with_sixteen_colours(mut self) -> Self {
        let roles = [
            &mut self.text,
            &mut self.dim,
            &mut self.accent,
            &mut self.ok,
            &mut self.warn,
            &mut self.bad,
            &mut self.cursor,
            &mut self.found,
            &mut self.found_here,
        ];
        for style in roles.into_iter().chain(self.names.iter_mut()) {
            style.fg = style.fg.map(nearest_of_sixteen);
            style.bg = style.bg.map(nearest_of_sixteen);
        }
        self
    }

    /// A stable style for a container's name.
    pub fn name(&self, name: &str) -> Style {
        // FNV-1a: the same name has the same colour in every session.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        let count = u64::try_from(self.names.len()).unwrap_or(1).max(1);
        let index = usize::try_from((hash >> 32) % count).unwrap_or(0);
        self.names.get(index).copied().unwrap_or(self.text)
    }

    /// A colour of log text as this theme may show it.
    pub fn log_style(&self, style: Style) -> Style {
        if self.colours { style } else { Style { fg: None, bg: None, ..style } }
    }
}

fn nearest_of_sixteen(colour: Color) -> Color {
    const SIXTEEN: [(Color, [i32; 3]); 16] = [
        (Color::Black, [0, 0, 0]),
        (Color::Red, [170, 0, 0]),
        (Color::Green, [0, 170, 0]),
        (Color::Yellow, [170, 110, 0]),
        (Color::Blue, [0, 0, 170]),
        (Color::Magenta, [170, 0, 170]),
        (Color::Cyan, [0, 170, 170]),
        (Color::Gray, [170, 170, 170]),
        (Color::DarkGray, [90, 90, 90]),
        (Color::LightRed, [255, 85, 85]),
        (Color::LightGreen, [85, 255, 85]),
        (Color::LightYellow, [255, 255, 85]),
        (Color::LightBlue, [85, 85, 255]),
        (Color::LightMagenta, [255, 85, 255]),
        (Color::LightCyan, [85, 255, 255]),
        (Color::White, [255, 255, 255]),
    ];
    let Color::Rgb(r, g, b) = colour else { return colour };
    let far = |rgb: &[i32; 3]| -> i32 {
        [r, g, b].iter().zip(rgb).map(|(a, b)| (i32::from(*a) - b).pow(2)).sum()
    };
    SIXTEEN.iter().min_by_key(|(_, rgb)| far(rgb)).map_or(colour, |(colour, _)| *colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_themes_parse_and_fall_back() {
        for name in ["dark", "light", "mono", "high-contrast"] {
            let theme = Theme::named(name).unwrap();
            let sixteen = theme.clone().with_sixteen_colours();
            assert!(!matches!(sixteen.accent.fg, Some(Color::Rgb(..))));
            assert_eq!(theme.name("web-1"), theme.name("web-1"));
        }
        assert!(Theme::named("pink").is_err());
        assert!(matches!(Theme::parse("text = 1"), Err(ThemeError::Parse(_))));
    }

    #[test]
    fn plain_has_no_colour_anywhere() {
        let p = Theme::plain();
        let all = [p.text, p.dim, p.accent, p.ok, p.warn, p.bad, p.cursor, p.found, p.found_here];
        assert!(all.iter().all(|s| s.fg.is_none() && s.bg.is_none()));
        let red = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        assert_eq!(p.log_style(red), Style::new().add_modifier(Modifier::BOLD));
    }
}
