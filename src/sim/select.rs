//! What one request asks of a log, and the bounded part of its answer. Pure.
//!
//! A bounded read opens every file at once, so it is a consistent slice of F however slowly it is
//! read: here that is a list of ranges taken when the request arrives. `tail` counts records, then
//! `since`, `until` and the outputs filter what is left, as dockerd does it.

use std::collections::VecDeque;
use std::ops::Range;

use crate::model::{Fd, LogConfig, Timestamp};

use super::answer::Refusal;
use super::log::Log;
use super::profile::Profile;
use super::record::Record;
use super::route::{Params, parse_time};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outputs {
    One(Fd),
    Both,
}

/// The query of `GET logs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogQuery {
    pub(super) follow: bool,
    pub(super) timestamps: bool,
    outputs: Outputs,
    tail: Option<usize>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl LogQuery {
    /// Reads the query, or says what dockerd's 400 would say. An unreadable `tail` means all.
    pub(super) fn parse(params: &Params<'_>, profile: Profile) -> Result<Self, Refusal> {
        let outputs = match (params.flag("stdout"), params.flag("stderr")) {
            (true, true) => Outputs::Both,
            (true, false) => Outputs::One(Fd::Stdout),
            (false, true) => Outputs::One(Fd::Stderr),
            (false, false) => {
                let message = "Bad parameters: you must choose at least one stream";
                return Err(Refusal::new(400, message));
            }
        };
        Ok(Self {
            follow: params.flag("follow"),
            timestamps: params.flag("timestamps"),
            outputs,
            tail: parse_tail(params.get("tail"), profile)?,
            since: parse_time(params.get("since"), profile)?,
            until: parse_time(params.get("until"), profile)?,
        })
    }

    /// Whether it asks for the last records only.
    pub(super) fn has_tail(&self) -> bool {
        self.tail.is_some()
    }

    fn wants(&self, fd: Fd) -> bool {
        self.outputs == Outputs::Both || self.outputs == Outputs::One(fd)
    }
}

/// Docker takes what is no number for `all`; Podman refuses it.
fn parse_tail(value: Option<&str>, profile: Profile) -> Result<Option<usize>, Refusal> {
    let Some(text) = value.filter(|text| *text != "all") else { return Ok(None) };
    match text.parse() {
        Err(_) if profile.is_podman() => {
            Err(Refusal::new(400, format!("failed to parse parameter tail: {text}")))
        }
        number => Ok(number.ok()),
    }
}

/// What a record means for the answer.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Verdict {
    /// It is sent.
    Send,
    /// It is left out.
    Skip,
    /// The answer ends before it: the first record after `until`.
    Stop,
}

/// The filters of one answer, over backlog and live records alike.
#[derive(Debug)]
pub(super) struct Filter {
    query: LogQuery,
    profile: Profile,
    reached_since: bool,
}

impl Filter {
    pub(super) fn new(query: LogQuery, profile: Profile) -> Self {
        Self { query, profile, reached_since: false }
    }

    pub(super) fn judge(&mut self, record: &Record) -> Verdict {
        let exclusive = self.profile.bounds_are_exclusive();
        let later = |until| record.ts > until || (exclusive && record.ts == until);
        if self.query.until.is_some_and(later) {
            return Verdict::Stop;
        }
        let older = |since| record.ts < since || (exclusive && record.ts == since);
        let drops_every = self.profile.since_drops_every();
        if self.query.since.is_some_and(older) && (drops_every || !self.reached_since) {
            return Verdict::Skip;
        }
        self.reached_since = true;
        if self.query.wants(record.fd) { Verdict::Send } else { Verdict::Skip }
    }
}

/// The ranges of F that a request covers, in file order.
#[derive(Debug)]
pub(super) struct Backlog(VecDeque<Range<usize>>);

impl Backlog {
    /// The slice of the log that this query asks for, at this moment.
    pub(super) fn open(log: &Log, query: &LogQuery, config: &LogConfig, profile: Profile) -> Self {
        let compressed_since = query.since.filter(|_| config.is_compressed());
        let ranges = match compressed_since.filter(|_| profile.since_leaves_out_files()) {
            Some(since) => without_left_out_files(log, since),
            None => log.on_disk().map(super::log::LogFile::held).collect(),
        };
        Self(match query.tail.filter(|_| !profile.merges_in_tails()) {
            Some(tail) => last_records(log, ranges, tail),
            None => ranges,
        })
    }

    /// Takes all of it as Podman's tail of so many lines gives it. It is read backwards up to so many
    /// ends of lines, and the pieces met on the way are put behind the line before them, the last
    /// first, whichever output they are of. Pieces before the first line are lost (libpod
    /// `getTailLog`, seen on 4.3.1). So `tail` must not be used there where a line may be long.
    pub(super) fn merged_tail(&mut self, log: &Log, query: &LogQuery) -> VecDeque<Record> {
        let (mut merged, mut pieces) = (VecDeque::new(), Vec::new());
        let visible = self.0.iter().cloned().flatten().rev().filter_map(|at| log.visible(at));
        for record in visible {
            if merged.len() >= query.tail.unwrap_or(usize::MAX) {
                break;
            }
            if !record.newline {
                pieces.extend_from_slice(&record.bytes);
                continue;
            }
            let bytes = [&record.bytes[..], &std::mem::take(&mut pieces)].concat().into();
            merged.push_front(Record { bytes, ..record.clone() });
        }
        self.0.clear();
        merged
    }

    /// Leaves out the rest of the file that the last position was in.
    pub(super) fn skip_file(&mut self) {
        self.0.pop_front();
    }

    /// Leaves out so many records, to the end of their file at most.
    pub(super) fn skip_ahead(&mut self, records: usize) {
        if let Some(range) = self.0.front_mut() {
            range.start = range.end.min(range.start.saturating_add(records));
        }
    }

    /// The position at which it begins.
    pub(super) fn start(&self) -> Option<usize> {
        self.0.front().map(|range| range.start)
    }

    /// How many compressed files a read unpacks: all rotated ones that `since` does not rule out,
    /// or in later versions those that the answer reaches.
    pub(super) fn unpacked(&self, log: &Log, query: &LogQuery, profile: Profile) -> usize {
        let current = log.file(log.current()).held();
        let rotated = |range: &Range<usize>| range.end <= current.start && !range.is_empty();
        if !profile.unpacks_every_file() {
            return self.0.iter().filter(|range| rotated(range)).count();
        }
        if query.tail == Some(0) {
            return 0;
        }
        let held: VecDeque<_> = log.on_disk().map(super::log::LogFile::held).collect();
        let young = |range: &Range<usize>| {
            query.since.is_none_or(|since| last_ts(log, range).is_none_or(|ts| ts >= since))
        };
        held.iter().filter(|range| rotated(range) && young(range)).count()
    }

    /// The next position of F, withheld records included.
    pub(super) fn next_index(&mut self) -> Option<usize> {
        while let Some(range) = self.0.front_mut() {
            if let Some(index) = range.next() {
                return Some(index);
            }
            self.0.pop_front();
        }
        None
    }
}

/// 20.10 goes through the rotated files from the oldest and stops at the first one that is older
/// than `since`, so newer ones are left out; the current file is always read.
fn without_left_out_files(log: &Log, since: Timestamp) -> VecDeque<Range<usize>> {
    let mut held: VecDeque<_> = log.on_disk().map(super::log::LogFile::held).collect();
    let current = held.pop_back();
    let young = |range: &Range<usize>| last_ts(log, range).is_none_or(|ts| ts >= since);
    held.into_iter().take_while(young).chain(current).collect()
}

/// The time of a file's last record, as the header of its compressed form would say it.
fn last_ts(log: &Log, range: &Range<usize>) -> Option<Timestamp> {
    log.visible(range.clone().next_back()?).map(|record| record.ts)
}

fn last_records(
    log: &Log,
    mut ranges: VecDeque<Range<usize>>,
    tail: usize,
) -> VecDeque<Range<usize>> {
    let mut left = tail;
    let mut kept = VecDeque::new();
    while left > 0 {
        let Some(range) = ranges.pop_back() else { break };
        let visible = range.len() - log.withheld_in(range.clone());
        if visible <= left {
            left -= visible;
            kept.push_front(range);
        } else {
            let visible = range.clone().rev().filter(|index| log.visible(*index).is_some());
            let start = visible.take(left).last().unwrap_or(range.end);
            kept.push_front(start..range.end);
            left = 0;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::{limits, record};
    use super::*;

    fn query(text: &str) -> LogQuery {
        LogQuery::parse(&Params::new(&format!("stdout=1&stderr=1&{text}")), Profile::Moby20_10)
            .unwrap()
    }

    fn read(log: &Log, text: &str, profile: Profile) -> Vec<usize> {
        let (query, config) = (query(text), LogConfig::default());
        let mut backlog = Backlog::open(log, &query, &config, profile);
        let mut filter = Filter::new(query, profile);
        let mut got = Vec::new();
        while let Some(index) = backlog.next_index() {
            let Some(record) = log.visible(index) else { continue };
            match filter.judge(record) {
                Verdict::Send => got.push(index),
                Verdict::Skip => {}
                Verdict::Stop => break,
            }
        }
        got
    }

    fn log(timestamps: &[i64]) -> Log {
        let mut log = Log::new(limits("1m", "3"));
        for (n, ts) in timestamps.iter().enumerate() {
            log.append(Record { ts: Timestamp(*ts * 1_000_000_000), ..record(n) });
        }
        log
    }

    #[test]
    fn tail_counts_records_over_files() {
        let mut log = log(&[1, 2, 3]);
        log.rotate();
        log.append(record(3));
        assert_eq!(read(&log, "tail=2", Profile::Moby29), [2, 3]);
        assert_eq!(read(&log, "tail=all", Profile::Moby29), [0, 1, 2, 3]);
        assert_eq!(read(&log, "tail=0", Profile::Moby29), [0; 0]);
        log.withhold(2);
        assert_eq!(read(&log, "tail=2", Profile::Moby29), [1, 3], "a hidden record is not counted");
    }

    #[test]
    fn since_depends_on_the_version_where_time_goes_back() {
        let log = log(&[1, 5, 3, 6]);
        assert_eq!(read(&log, "since=4", Profile::Moby20_10), [1, 3]);
        assert_eq!(read(&log, "since=4", Profile::Moby25), [1, 2, 3]);
        assert_eq!(read(&log, "since=5.000000000", Profile::Moby25), [1, 2, 3], "inclusive");
        assert_eq!(read(&log, "until=4", Profile::Moby25), [0], "stops at the first later record");
    }

    #[test]
    fn an_old_daemon_leaves_out_compressed_files_behind_an_old_one() {
        let mut log = log(&[1]);
        for n in [5, 6] {
            log.rotate();
            log.append(Record { ts: Timestamp(n * 1_000_000_000), ..record(9) });
        }
        let mut config = LogConfig { driver: "local".to_owned(), ..LogConfig::default() };
        let open = |config: &LogConfig| {
            let mut backlog = Backlog::open(&log, &query("since=4"), config, Profile::Moby20_10);
            std::iter::from_fn(|| backlog.next_index()).collect::<Vec<_>>()
        };
        assert_eq!(open(&config), [2]);
        config.options.insert("compress".to_owned(), "false".to_owned());
        assert_eq!(open(&config), [0, 1, 2]);
    }
}
