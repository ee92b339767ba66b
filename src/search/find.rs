//! The search of the command line and of the search screen: everything ever captured, newest first,
//! also of containers long gone. It knows names and times; blocks and their order are the
//! executor's business.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use globset::GlobMatcher;

use super::execute::{SearchError, execute};
use super::gather::{Event, Outcome, Progress, Wanted};
use super::hit::SearchHit;
use super::job::Ask;
use super::query::Query;
use super::source::{LogInfo, Source};
use crate::model::{Direction, Key, LogId, Timestamp};

/// A container pattern: a glob over the container's name or its compose service, or at least twelve
/// digits of its id.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    matcher: GlobMatcher,
}

impl Glob {
    /// Reads a glob.
    pub fn new(text: &str) -> Result<Self, SearchError> {
        let bad = |e: globset::Error| SearchError::Glob(text.to_owned(), e.kind().to_string());
        Ok(Self {
            text: text.to_owned(),
            matcher: globset::Glob::new(text).map_err(bad)?.compile_matcher(),
        })
    }

    /// Whether it selects this log.
    pub fn is_match(&self, log: &LogInfo) -> bool {
        self.matcher.is_match(&*log.name)
            || log.service.as_deref().is_some_and(|service| self.matcher.is_match(service))
            || (self.text.len() >= 12 && log.container_id.starts_with(&self.text))
    }
}

/// What to find.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What a line must match.
    pub query: Arc<Query>,
    /// Any of these containers; none means all.
    pub containers: Vec<Glob>,
    /// Lines of this moment and later.
    pub since: Option<Timestamp>,
    /// Lines before this moment.
    pub until: Option<Timestamp>,
    /// Lines to deliver at most.
    pub limit: usize,
    /// Whether to end at the limit. Otherwise all matches are counted, however many are delivered.
    pub stop_at_limit: bool,
}

/// What a search reports while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The next line, in order from the newest to the oldest.
    Hit {
        /// Where it stands.
        key: Key,
        /// The line.
        hit: SearchHit,
    },
    /// How far it is, after each block.
    Progress(Progress),
}

/// Searches a store. Synchronous: it uses threads of its own for as long as a call takes.
#[derive(Debug, Clone)]
pub struct Search<S> {
    source: S,
    threads: NonZeroUsize,
}

impl<S: Source> Search<S> {
    /// The longest part of a line that a hit carries.
    pub const LINE_CAP: usize = 16 << 20;

    /// A search on `threads` threads.
    pub fn new(source: S, threads: NonZeroUsize) -> Self {
        Self { source, threads }
    }

    /// Runs a search and reports to `on`, on the calling thread, until it ends, `cancel` is true or
    /// `on` breaks.
    pub fn run(
        &self,
        request: &SearchRequest,
        cancel: &AtomicBool,
        on: &mut dyn FnMut(Report) -> ControlFlow<()>,
    ) -> Result<Outcome, SearchError> {
        let names = self.selected(&request.containers)?;
        let logs: Vec<LogId> = names.keys().copied().collect();
        let ask = Ask {
            query: Arc::clone(&request.query),
            since: request.since,
            until: request.until,
            bound: None,
            direction: Direction::Older,
            line_cap: Self::LINE_CAP,
        };
        let wanted = Wanted { limit: request.limit, stop_at_limit: request.stop_at_limit };
        let mut tell = |event| match event {
            Event::Progress(progress) => on(Report::Progress(progress)),
            Event::Line(line) => match names.get(&line.key.log) {
                Some(log) => {
                    let (name, id) = (Arc::clone(&log.name), Arc::clone(&log.container_id));
                    on(Report::Hit { key: line.key, hit: SearchHit::new(&line, name, id) })
                }
                None => ControlFlow::Continue(()),
            },
        };
        execute(&self.source, self.threads, Some(&logs), &ask, wanted, cancel, &mut tell)
    }

    /// The exact number of matching lines, whatever the request's limit.
    pub fn count(
        &self,
        request: &SearchRequest,
        cancel: &AtomicBool,
    ) -> Result<Outcome, SearchError> {
        let all = SearchRequest { limit: 0, stop_at_limit: false, ..request.clone() };
        self.run(&all, cancel, &mut |_| ControlFlow::Continue(()))
    }

    fn selected(&self, globs: &[Glob]) -> Result<HashMap<LogId, LogInfo>, SearchError> {
        let logs = self.source.logs()?;
        let wanted = |log: &LogInfo| globs.is_empty() || globs.iter().any(|g| g.is_match(log));
        Ok(logs.into_iter().filter(wanted).map(|log| (log.log, log)).collect())
    }
}
