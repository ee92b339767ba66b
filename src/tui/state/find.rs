//! Find: a pattern, its highlighter, its matches. It emphasises and counts, and hides nothing.

use std::time::Duration;

use super::super::message::{Effect, Ticket};
use super::super::source::{Highlighter, Matches};
use crate::model::{Direction, Key, LogId};

/// State of the find.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about what is due")]
pub struct Find {
    /// As typed.
    pub pattern: String,
    /// Emphasises matches, once the pattern is compiled.
    pub highlight: Option<Highlighter>,
    /// Why the pattern is refused.
    pub error: Option<String>,
    /// Where it matches.
    pub matches: Option<Matches>,
    ticket: Ticket,
    check_due: bool,
    match_due: bool,
    /// Since when a count runs.
    matching: Option<Duration>,
    /// Lines have come since the last count began.
    more: bool,
    next_count: Duration,
    stop: bool,
}

/// Between two counts of a log that grows.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// A count that took long is repeated this much more rarely: a tenth of the time at most is spent
/// on counting.
const COUNT_SHARE: u32 = 10;

impl Find {
    /// Whether something is being looked for.
    pub fn is_active(&self) -> bool {
        !self.pattern.is_empty()
    }

    /// Looks for another pattern. The old highlight stays until the new one is compiled.
    pub fn set(&mut self, pattern: &str) {
        if self.pattern == pattern {
            return;
        }
        pattern.clone_into(&mut self.pattern);
        self.error = None;
        self.restart();
        self.check_due = self.is_active();
        self.match_due = false;
        if !self.is_active() {
            self.highlight = None;
        }
    }

    /// The lines searched are others: a count that runs is for nothing, and a new one is due.
    pub fn restart(&mut self) {
        self.ticket += 1;
        self.matches = None;
        self.stop = self.matching.take().is_some();
        let usable = self.is_active() && self.error.is_none();
        self.match_due = usable && self.highlight.is_some();
        self.check_due = usable && self.highlight.is_none();
    }

    /// More lines have come.
    pub fn grown(&mut self) {
        self.more = true;
    }

    /// Time passed: a grown log is counted anew, now and then. The old count stays until then.
    pub fn tick(&mut self, now: Duration) {
        if self.more && self.matching.is_none() && now >= self.next_count {
            self.match_due |= self.highlight.is_some() && self.is_active();
        }
    }

    /// What to ask for now. One count runs at a time.
    pub fn want(&mut self, logs: &[LogId], now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        if std::mem::take(&mut self.stop) {
            effects.push(Effect::StopMatch);
        }
        if std::mem::take(&mut self.check_due) {
            effects.push(Effect::Check(self.ticket, self.pattern.clone()));
        }
        if self.match_due && self.matching.is_none() && !logs.is_empty() {
            (self.match_due, self.matching, self.more) = (false, Some(now), false);
            effects.push(Effect::Match(self.ticket, logs.to_vec(), self.pattern.clone()));
        }
        effects
    }

    /// The pattern was compiled, or not.
    pub fn checked(&mut self, ticket: Ticket, result: Result<Highlighter, String>) {
        if ticket != self.ticket {
            return;
        }
        match result {
            Ok(highlight) => {
                (self.highlight, self.match_due) = (Some(highlight), true);
            }
            Err(error) => (self.highlight, self.error) = (None, Some(error)),
        }
    }

    /// Matches were counted, or not.
    pub fn matched(&mut self, ticket: Ticket, result: Result<Matches, String>, now: Duration) {
        if ticket != self.ticket {
            return;
        }
        let took = now.saturating_sub(self.matching.take().unwrap_or(now));
        self.next_count = now + COUNT_EVERY.max(took * COUNT_SHARE);
        match result {
            Ok(matches) => self.matches = Some(matches),
            Err(error) => self.error = Some(error),
        }
    }

    /// The match next to `from`, going round at the ends.
    pub fn next(&self, from: Option<Key>, direction: Direction) -> Option<Key> {
        let keys = &self.matches.as_ref()?.keys;
        let Some(from) = from else { return keys.last().copied() };
        match direction {
            Direction::Newer => {
                let at = keys.partition_point(|key| *key <= from);
                keys.get(at).or(keys.first()).copied()
            }
            Direction::Older => {
                let at = keys.partition_point(|key| *key < from);
                at.checked_sub(1).and_then(|at| keys.get(at)).or(keys.last()).copied()
            }
        }
    }

    /// `12 of 348`, or what stands in the way of it.
    pub fn counter(&self, cursor: Option<Key>) -> String {
        let Some(matches) = &self.matches else {
            return if self.error.is_some() { "bad pattern" } else { "…" }.to_owned();
        };
        if matches.total == 0 {
            return "no match".to_owned();
        }
        let more = if matches.capped { "+" } else { "" };
        let total = super::super::text::grouped(matches.total);
        let at = cursor.and_then(|cursor| matches.keys.binary_search(&cursor).ok());
        // The list holds the newest matches, so the first of them may be the thousandth of all.
        let before = matches.total.saturating_sub(matches.keys.len() as u64);
        match at {
            Some(at) => {
                let nth = super::super::text::grouped(before + at as u64 + 1);
                format!("{nth} of {total}{more}")
            }
            None => format!("{total}{more} found"),
        }
    }
}
