//! The query language, one for find, filter, search and the command line (docs/QUERY.md).
//!
//! A query is a list of terms that must all hold for a line: literals and regexes that occur in it,
//! or, excluded, that do not. A query without terms holds for every line. A [`Query`] exists only
//! if its text is valid, is compiled once, and matches lines as they are seen, without colour.
//!
//! `parse` reads the text, `pattern` compiles one term, `line_regex` keeps regexes inside
//! their line. Which blocks can hold a match is the business of `scan`, not ours.

pub(crate) mod line_regex;
pub(crate) mod parse;
pub mod pattern;

use std::fmt;
use std::ops::Range;

pub use pattern::{Pattern, RegexCase};

use self::pattern::Matcher;
use super::ansi;

/// A valid query. Two queries are equal when they are written the same way but for quoting.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    terms: Vec<Term>,
    /// The included term that the scanner looks for first.
    driver: Option<usize>,
}

/// One condition on a line.
#[derive(Debug, Clone)]
pub struct Term {
    /// Whether the line must not match.
    pub exclude: bool,
    /// What is looked for.
    pub pattern: Pattern,
    pub(crate) matcher: Matcher,
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.exclude == other.exclude && self.pattern == other.pattern
    }
}

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct QueryError {
    /// Byte offset of the fault in the text.
    pub at: usize,
    /// Its length in bytes; 0 at the end of the text.
    pub len: usize,
    /// One line, in plain words.
    pub reason: String,
}

impl QueryError {
    /// Three lines: the text, a caret under the fault, the reason.
    pub fn with_caret(&self, text: &str) -> String {
        let width = |part: Option<&str>| part.map_or(0, unicode_width::UnicodeWidthStr::width);
        let indent = " ".repeat(width(text.get(..self.at)));
        let carets = "^".repeat(width(text.get(self.at..self.at + self.len)).max(1));
        format!("{text}\n{indent}{carets}\n{}", self.reason)
    }
}

impl Query {
    /// Reads and compiles a query.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let terms = parse::terms(text)?;
        let cost = |term: &Term| match &term.pattern {
            Pattern::Literal(text) => text.len(),
            Pattern::Regex { .. } | Pattern::Level(_) => 0,
        };
        let included = terms.iter().enumerate().filter(|(_, term)| !term.exclude);
        // The longest literal is most likely the rarest; of equals the first.
        let driver = included.rev().max_by_key(|(_, term)| cost(term)).map(|(i, _)| i);
        Ok(Self { terms, driver })
    }

    /// The terms as typed.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether every line matches.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a line, given raw, matches as it is seen.
    pub fn is_match(&self, line: &[u8]) -> bool {
        self.is_match_seen(ansi::seen(line).text())
    }

    /// Whether a line without colour sequences matches.
    pub(crate) fn is_match_seen(&self, line: &[u8]) -> bool {
        self.terms.iter().all(|term| term.matcher.find(line, 0).is_some() != term.exclude)
    }

    /// Where the included terms stand in a raw line: ascending, without overlap, none empty.
    pub fn ranges(&self, line: &[u8]) -> Vec<Range<usize>> {
        let seen = ansi::seen(line);
        let mut found = Vec::new();
        let shown = |term: &&Term| !term.exclude && !matches!(term.pattern, Pattern::Level(_));
        for term in self.terms.iter().filter(shown) {
            term.matcher.find_all(seen.text(), &mut found);
        }
        found.sort_unstable_by_key(|range| (range.start, range.end));
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged.into_iter().map(|range| seen.to_raw(range)).collect()
    }

    /// What the scanner looks for first, if anything has to be there at all.
    pub(crate) fn driver(&self) -> Option<&Matcher> {
        Some(&self.terms.get(self.driver?)?.matcher)
    }

    /// Whether the driver alone decides.
    pub(crate) fn is_single(&self) -> bool {
        self.terms.len() == 1 && self.driver.is_some()
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.terms.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            let minus = if term.exclude { "-" } else { "" };
            write!(f, "{space}{minus}{}", term.pattern)?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Query {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        Self::parse(text)
    }
}
