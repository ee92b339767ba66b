//! From the text of a query to its terms. Every fault has a place and one line of reason; nothing
//! is silently ignored or taken to mean something else.

use super::pattern::{LEVEL_FIELD, Matcher, Pattern, RegexCase};
use super::{QueryError, Term};
use crate::model::Level;

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// All terms of a query.
pub(super) fn terms(text: &str) -> Result<Vec<Term>, QueryError> {
    let mut parser = Parser { text, at: 0 };
    let mut terms = Vec::new();
    loop {
        parser.skip_space();
        if parser.rest().is_empty() {
            return Ok(terms);
        }
        terms.push(parser.term()?);
    }
}

fn error(at: usize, len: usize, reason: impl Into<String>) -> QueryError {
    QueryError { at, len, reason: reason.into() }
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes the longest prefix without whitespace.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn term(&mut self) -> Result<Term, QueryError> {
        let start = self.at;
        let exclude = matches!(self.peek(), Some('-' | '!'));
        if exclude {
            self.at += 1;
        }
        match self.peek() {
            Some('"') => self.quoted(exclude),
            Some('/') => self.regex(exclude),
            Some(c) if !c.is_whitespace() => {
                let at = self.at;
                let text = self.word();
                let pattern = match text.strip_prefix(LEVEL_FIELD) {
                    Some(name) => Pattern::Level(level(name, at + LEVEL_FIELD.len())?),
                    None => Pattern::Literal(text.to_owned()),
                };
                Self::compile(exclude, pattern, at)
            }
            _ => {
                let sign = self.text.get(start..self.at).unwrap_or_default();
                let reason = format!(
                    "'{sign}' excludes what follows, and nothing follows; \
                     write \"{sign}\" to search for it"
                );
                Err(error(start, 1, reason))
            }
        }
    }

    fn quoted(&mut self, exclude: bool) -> Result<Term, QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + i + 1;
                    self.expect_end("closing quote")?;
                    if text.is_empty() {
                        return Err(error(start, 2, "the quotes are empty"));
                    }
                    return Self::compile(exclude, Pattern::Literal(text), start);
                }
                // Only these two need an escape; any other backslash is itself.
                '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                _ => text.push(c),
            }
        }
        let len = self.text.len() - start;
        Err(error(start, len, "this quote is not closed; write \\\" for a quote inside"))
    }

    fn regex(&mut self, exclude: bool) -> Result<Term, QueryError> {
        let start = self.at;
        let body = self.rest().get(1..).unwrap_or_default();
        let Some(end) = closing_slash(body) else {
            let word = self.rest().split_whitespace().next().unwrap_or("/");
            let reason = format!(
                "this regex is not closed by a '/'; to search for the text, write \"{word}\""
            );
            return Err(error(start, self.text.len() - start, reason));
        };
        let source = body.get(..end).unwrap_or_default().to_owned();
        self.at = start + 1 + end + 1;
        let flags_at = self.at;
        let case = match self.word() {
            "" => RegexCase::Smart,
            "i" => RegexCase::Insensitive,
            "c" => RegexCase::Sensitive,
            flags => {
                let reason = "only i (any case) or c (exact case) may follow the closing '/'; \
                              inside a regex write \\/, and quote a path: \"/a/b\"";
                return Err(error(flags_at, flags.len(), reason));
            }
        };
        if source.is_empty() {
            return Err(error(start, 2, "the regex is empty"));
        }
        Self::compile(exclude, Pattern::Regex { source, case }, start + 1)
    }

    fn expect_end(&mut self, what: &str) -> Result<(), QueryError> {
        match self.peek() {
            Some(c) if !c.is_whitespace() => {
                let reason = format!("a space must follow the {what}");
                Err(error(self.at, c.len_utf8(), reason))
            }
            _ => Ok(()),
        }
    }

    /// `base` is where the pattern's own text begins, for faults inside it.
    fn compile(exclude: bool, pattern: Pattern, base: usize) -> Result<Term, QueryError> {
        let matcher = Matcher::new(&pattern)
            .map_err(|fault| error(base + fault.at, fault.len, fault.reason))?;
        Ok(Term { exclude, pattern, matcher })
    }
}

/// The severity behind `level:`.
fn level(name: &str, at: usize) -> Result<Level, QueryError> {
    let known = Level::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name));
    known.ok_or_else(|| {
        let names = Level::ALL.map(Level::as_str).join(", ");
        error(at, name.len(), format!("no such level: one of {names} (and worse)"))
    })
}

/// Offset of the first slash that no backslash escapes.
fn closing_slash(body: &str) -> Option<usize> {
    let mut escaped = false;
    for (i, byte) in body.bytes().enumerate() {
        match byte {
            b'/' if !escaped => return Some(i),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}
