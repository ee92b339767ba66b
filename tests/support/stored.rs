//! What a store holds, walked line by line, and the check of the generator's numbers over it.
//!
//! [`check`] needs neither the daemon's files nor memory for the whole log: it judges while it
//! walks, so that it works for rotated logs and for ten million lines.

use std::collections::BTreeMap;
use std::path::Path;

use logcap_tui::model::{ContainerId, Direction, From, Row, SeamKind, Timestamp};
use logcap_tui::store::{PageLimit, StoreReader};

use super::oracle::{self, Item, OracleLine};

const LIMIT: PageLimit = PageLimit { rows: 20_000, bytes: 64 << 20, line_cap: 1 << 21 };

/// Every row of one container's log, in order. False if the store has no such log.
pub(crate) fn walk(data: &Path, container: &str, mut see: impl FnMut(&Row)) -> bool {
    let reader = StoreReader::open(data).unwrap();
    let id = ContainerId::new(container).unwrap();
    let Some(log) = reader.log_by_container(&id).unwrap() else { return false };
    let mut from = From::Oldest;
    loop {
        let page = reader.page(&[log.id], from, Direction::Newer, LIMIT).unwrap();
        page.rows.iter().for_each(&mut see);
        match page.rows.last() {
            Some(last) if !page.end => from = From::Beyond(last.key()),
            _ => return true,
        }
    }
}

/// The whole log as [`oracle::judge`] takes it.
pub(crate) fn items(data: &Path, container: &str) -> Vec<Item> {
    let mut items = Vec::new();
    walk(data, container, |row| match row {
        Row::Line(line) => items.push(Item::Line(OracleLine {
            fd: line.fd,
            ts: line.ts,
            text: line.text.to_vec(),
        })),
        Row::Seam(seam) if seam.seam.what.kind.is_gap() => items.push(Item::Gap),
        // Adjacency was proved here; only the numbers jump.
        Row::Seam(seam) if seam.seam.what.kind == SeamKind::Joined => {}
        Row::Seam(_) => items.push(Item::Excused),
    });
    items
}

/// What the generator's numbers say of a stored log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Lines.
    pub(crate) lines: u64,
    /// Missing numbers where no gap stands.
    pub(crate) lost: u64,
    /// Missing numbers across a gap.
    pub(crate) reported: u64,
    /// Numbers that are not behind their predecessor: doubled or out of order.
    pub(crate) behind: u64,
    /// Lines whose length, checksum or form is wrong.
    pub(crate) altered: u64,
    /// Gaps.
    pub(crate) gaps: u64,
    /// Gaps across which nothing is missing, as far as a single stream can tell.
    pub(crate) false_gaps: u64,
    /// Longest time between two stamps of one stream.
    pub(crate) longest_tick: std::time::Duration,
    /// First and last stamp.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// Next number of each run and stream.
    pub(crate) next: BTreeMap<(String, String), u64>,
}

impl Checked {
    /// Whether every line is there once, in order, unchanged, but for honest gaps.
    pub(crate) fn is_clean(&self) -> bool {
        (self.lost, self.behind, self.altered, self.false_gaps) == (0, 0, 0, 0)
    }

    /// The same, and nothing is missing at all.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_clean() && (self.reported, self.gaps) == (0, 0)
    }

    /// Lines a second between the first and the last stamp.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(crate) fn rate(&self) -> f64 {
        let seconds = self.span.map_or(0.0, |(first, last)| (last.0 - first.0) as f64 / 1e9);
        if seconds > 0.0 { self.lines as f64 / seconds } else { 0.0 }
    }
}

/// The check as it walks.
#[derive(Debug, Default)]
pub(crate) struct Check {
    done: Checked,
    /// Per run and stream: gaps before its last line, and that line's stamp.
    seen: BTreeMap<(String, String), (u64, Timestamp)>,
    gap_is_open: bool,
}

impl Check {
    /// A gap stands here.
    pub(crate) fn gap(&mut self) {
        self.done.gaps += 1;
        self.gap_is_open = true;
    }

    /// The next line.
    pub(crate) fn line(&mut self, ts: Timestamp, text: &[u8]) {
        let done = &mut self.done;
        done.lines += 1;
        done.span = Some((done.span.map_or(ts, |(first, _)| first), ts));
        let Some((key, seq)) = oracle::generated(text) else {
            done.altered += 1;
            return;
        };
        let next = done.next.entry(key.clone()).or_default();
        let before = self.seen.insert(key, (done.gaps, ts));
        if seq < *next {
            done.behind += 1;
            return;
        }
        let missing = seq - *next;
        *next = seq + 1;
        let (gaps, last) = before.unwrap_or((0, ts));
        let tick = u64::try_from(ts.0 - last.0).unwrap_or(0);
        done.longest_tick = done.longest_tick.max(std::time::Duration::from_nanos(tick));
        if gaps < done.gaps {
            done.reported += missing;
        } else {
            done.lost += missing;
        }
        let alone = self.seen.len() == 1;
        if std::mem::take(&mut self.gap_is_open) && alone && missing == 0 {
            done.false_gaps += 1;
        }
    }

    /// The result, if each run and stream should have come to `expected` lines. A gap at the very
    /// end excuses what is missing behind it.
    pub(crate) fn finish(mut self, expected: Option<u64>) -> Checked {
        for next in self.done.next.values() {
            let missing = expected.unwrap_or(*next).saturating_sub(*next);
            if self.gap_is_open {
                self.done.reported += missing;
            } else {
                self.done.lost += missing;
            }
        }
        self.done
    }
}

/// Checks a stored log; `expected` lines per run and stream, if known.
pub(crate) fn check(data: &Path, container: &str, expected: Option<u64>) -> Checked {
    let mut check = Check::default();
    walk(data, container, |row| match row {
        Row::Line(line) => check.line(line.ts, &line.text),
        Row::Seam(seam) if seam.seam.what.kind.is_gap() => check.gap(),
        Row::Seam(_) => {}
    });
    check.finish(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seq: u64) -> Vec<u8> {
        let payload = format!("payload {seq}");
        let crc = crc32c::crc32c(payload.as_bytes());
        format!("r0 stdout {seq} {} {crc:08x} {payload}", payload.len()).into_bytes()
    }

    /// `None` is a gap.
    fn checked(steps: &[Option<u64>]) -> Checked {
        let mut check = Check::default();
        for step in steps {
            match step {
                Some(seq) => check.line(Timestamp(1), &text(*seq)),
                None => check.gap(),
            }
        }
        check.finish(Some(4))
    }

    #[test]
    fn the_check_tells_each_fault() {
        assert!(checked(&[Some(0), Some(1), Some(2), Some(3)]).is_complete());
        assert_eq!(checked(&[Some(0), Some(2), Some(3)]).lost, 1);
        assert_eq!(checked(&[Some(0), Some(1), Some(2)]).lost, 1, "the end counts");
        assert_eq!(checked(&[Some(0), Some(1), Some(1), Some(2), Some(3)]).behind, 1);
        assert_eq!(checked(&[Some(0), Some(2), Some(1), Some(3)]).behind, 1);
        let honest = checked(&[Some(0), None, Some(2), Some(3)]);
        assert!(honest.is_clean() && honest.reported == 1 && !honest.is_complete());
        assert_eq!(checked(&[Some(0), None, Some(1), Some(2), Some(3)]).false_gaps, 1);
        assert_eq!(checked(&[Some(0), Some(1), None]).reported, 2);
    }
}
