//! One pattern and what finds it. Smart case: a pattern without an upper-case letter matches any
//! case. A literal that cannot differ by case, or must not, is a plain byte search; everything else
//! is a compiled regex.

use std::fmt;
use std::ops::Range;

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};

use super::line_regex::{self, Fault};
use crate::model::{Level, level};

/// What the reserved word for severities begins with.
pub(super) const LEVEL_FIELD: &str = "level:";

/// What a term looks for, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Exactly this text, by smart case.
    Literal(String),
    /// A regex.
    Regex {
        /// The text between the slashes.
        source: String,
        /// How case counts.
        case: RegexCase,
    },
    /// `level:warn`: a line that names this severity or a worse one.
    Level(Level),
}

/// How case counts in a regex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegexCase {
    /// It counts if the regex has an upper-case letter.
    Smart,
    /// `/re/i`: it does not count.
    Insensitive,
    /// `/re/c`: it counts.
    Sensitive,
}

/// A compiled pattern. Its matches never leave the line they begin in, whether it is shown one line
/// or many joined by newlines.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    /// Byte search.
    Literal(Box<memmem::Finder<'static>>),
    /// Everything else that is text.
    Regex(Regex),
    /// A line's severity; a match is the whole line.
    Level(Level),
}

impl Matcher {
    pub(super) fn new(pattern: &Pattern) -> Result<Self, Fault> {
        match pattern {
            Pattern::Regex { source, case } => line_regex::compile(source, *case).map(Self::Regex),
            Pattern::Level(least) => Ok(Self::Level(*least)),
            Pattern::Literal(text) if is_exact(text) => {
                Ok(Self::Literal(Box::new(memmem::Finder::new(text).into_owned())))
            }
            Pattern::Literal(text) => {
                // Byte-wise folding for ASCII: Unicode would add the Kelvin sign to every `k` and
                // slow the search for no line that anyone has.
                let regex = RegexBuilder::new(&regex::escape(text))
                    .case_insensitive(true)
                    .unicode(!text.is_ascii())
                    .build();
                regex.map(Self::Regex).map_err(|e| line_regex::too_big(&e, text.len()))
            }
        }
    }

    /// The first match that begins at or behind `from`.
    pub(crate) fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        match self {
            Self::Literal(finder) => {
                let at = from + finder.find(text.get(from..)?)?;
                Some(at..at + finder.needle().len())
            }
            Self::Regex(regex) => {
                (from <= text.len()).then(|| regex.find_at(text, from))?.map(|m| m.range())
            }
            Self::Level(least) => line_of_level(text, from, *least),
        }
    }

    /// Adds all matches that are not empty.
    pub(super) fn find_all(&self, text: &[u8], out: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(found) = self.find(text, from) {
            from = if found.is_empty() { found.end + 1 } else { found.end };
            if !found.is_empty() {
                out.push(found);
            }
        }
    }
}

/// The first line that begins at or behind `from` and names at least this severity.
fn line_of_level(text: &[u8], from: usize, least: Level) -> Option<Range<usize>> {
    let inside = from.checked_sub(1).is_some_and(|before| text.get(before) != Some(&b'\n'));
    let skip = if inside { memchr::memchr(b'\n', text.get(from..)?)? + 1 } else { 0 };
    let mut start = from + skip;
    while start < text.len() {
        let rest = text.get(start..)?;
        let end = start + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        if level::guess(text.get(start..end)?) >= Some(least) {
            return Some(start..end);
        }
        start = end + 1;
    }
    None
}

/// Whether the text is searched byte by byte: it has an upper-case letter, or none that has one.
fn is_exact(text: &str) -> bool {
    text.chars().any(char::is_uppercase) || !text.chars().any(char::is_alphabetic)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) if needs_quotes(text) => {
                write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Self::Literal(text) => f.write_str(text),
            Self::Level(least) => write!(f, "level:{}", least.as_str()),
            Self::Regex { source, case } => {
                let flag = match case {
                    RegexCase::Smart => "",
                    RegexCase::Insensitive => "i",
                    RegexCase::Sensitive => "c",
                };
                write!(f, "/{source}/{flag}")
            }
        }
    }
}

fn needs_quotes(text: &str) -> bool {
    text.starts_with(['-', '!', '"', '/'])
        || text.contains(char::is_whitespace)
        || text.starts_with(LEVEL_FIELD)
}
