//! A decoded block: one text to search, and positions, timestamps and keys when a hit needs them.
//!
//! A search touches only the text; ends, timestamps and order times are decoded on first use. The
//! chunks of a long line are separate records with a newline between them in the text: when
//! [`DecodedBlock::has_long_lines`] says so, search joined lines as well ([`DecodedBlock::lines`]),
//! and ask [`super::StoreReader::line`] for a line that leaves the block.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use super::block::BlockMeta;
use super::codec::{self, CodecError, Content, Later};
use super::flags::{Flags, JOIN_WINDOW};
use crate::model::{Fd, Key, Level, RecordRef, Seq, Timestamp};

/// A block's content.
#[derive(Debug)]
pub struct DecodedBlock {
    meta: BlockMeta,
    text: Vec<u8>,
    flags: Vec<Flags>,
    later: Later,
    ends: OnceLock<Vec<u32>>,
    times: OnceLock<Vec<i64>>,
    effs: OnceLock<Vec<i64>>,
}

/// One record of a decoded block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRecord<'a> {
    /// Its index in the block.
    pub index: usize,
    /// Its number in the log.
    pub seq: Seq,
    /// The daemon's timestamp.
    pub ts: Timestamp,
    /// Which output.
    pub fd: Fd,
    /// Whether it ended its line.
    pub newline: bool,
    /// Whether it belongs to a line that an earlier record began.
    pub continuation: bool,
    /// Severity named by its text; a line's level is its first record's.
    pub level: Option<Level>,
    /// Its content.
    pub bytes: &'a [u8],
}

impl<'a> BlockRecord<'a> {
    /// The record as it was captured.
    pub fn captured(&self) -> RecordRef<'a> {
        let Self { fd, ts, newline, bytes, .. } = *self;
        RecordRef { fd, ts, newline, bytes }
    }
}

impl DecodedBlock {
    pub(crate) fn decode(
        meta: BlockMeta,
        body: &[u8],
        checksum: u32,
        mut buffer: Vec<u8>,
    ) -> Result<Self, CodecError> {
        let opened = codec::open(body, checksum)?;
        opened.text(&mut buffer)?;
        let flags = opened.flags()?;
        if flags.len() as u64 != meta.records {
            return Err(CodecError::Head);
        }
        let later = opened.later();
        let (ends, times, effs) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Self { meta, text: buffer, flags, later, ends, times, effs })
    }

    /// The records `first..=last` of a larger block, described by their own `meta`.
    pub(crate) fn part(meta: BlockMeta, whole: &Content, skip: usize) -> Self {
        let len = usize::try_from(meta.records).unwrap_or(0);
        let content = whole.slice(skip..skip + len);
        Self {
            meta,
            text: content.text,
            flags: content.flags,
            later: Later::default(),
            ends: OnceLock::from(content.ends),
            times: OnceLock::from(content.times),
            effs: OnceLock::new(),
        }
    }

    /// What the block's row says.
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// All records joined by newlines.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Gives the text's memory back for the next block.
    pub fn into_buffer(self) -> Vec<u8> {
        self.text
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Whether there is no record; stored blocks always have some.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// Whether some line here consists of several records.
    pub fn has_long_lines(&self) -> bool {
        self.meta.lines != self.meta.records
    }

    /// The checksum has vouched for the frames, so failure here is a writer's bug; it shows as
    /// records without text, never as a panic.
    fn ends(&self) -> &[u32] {
        self.ends.get_or_init(|| self.later.opened().ends(&self.text).unwrap_or_default())
    }

    fn times(&self) -> &[i64] {
        self.times.get_or_init(|| {
            let constant = vec![self.meta.min_ts.0; self.flags.len()];
            self.later.opened().times().unwrap_or(constant)
        })
    }

    fn effs(&self) -> &[i64] {
        self.effs.get_or_init(|| {
            let (mut eff, cap) = (self.meta.eff_first.0, self.meta.eff_last.0);
            let running = |time: &i64| {
                eff = eff.max(*time).min(cap);
                eff
            };
            self.times().iter().map(running).collect()
        })
    }

    /// Where record `index` lies in the text.
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        codec::record_range(self.ends(), index)
    }

    /// The record that contains the byte at `offset` (the newline behind a record is its own).
    pub fn record_at(&self, offset: usize) -> Option<usize> {
        let index = self.ends().partition_point(|end| (*end as usize) < offset);
        (index < self.len() && offset <= self.text.len()).then_some(index)
    }

    /// Record `index`.
    pub fn record(&self, index: usize) -> Option<BlockRecord<'_>> {
        let flags = *self.flags.get(index)?;
        Some(BlockRecord {
            index,
            seq: self.seq(index),
            ts: Timestamp(*self.times().get(index)?),
            fd: flags.fd(),
            newline: flags.newline(),
            continuation: flags.continues(),
            level: flags.level(),
            bytes: self.range(index).and_then(|range| self.text.get(range)).unwrap_or_default(),
        })
    }

    /// All records in order.
    pub fn records(&self) -> impl Iterator<Item = BlockRecord<'_>> {
        (0..self.len()).filter_map(|index| self.record(index))
    }

    /// Position of record `index`.
    pub fn key(&self, index: usize) -> Option<Key> {
        let eff_ts = Timestamp(*self.effs().get(index)?);
        Some(Key { eff_ts, log: self.meta.log, seq: self.seq(index) })
    }

    /// The index of a record by its number.
    pub fn index_of(&self, seq: Seq) -> Option<usize> {
        let index = usize::try_from(seq.0.checked_sub(self.meta.first_seq.0)?).ok()?;
        (index < self.len()).then_some(index)
    }

    fn seq(&self, index: usize) -> Seq {
        self.meta.first_seq.offset(i64::try_from(index).unwrap_or(i64::MAX))
    }

    /// The records of the line that begins at `head`, as far as they are in this block, and
    /// whether the line may go on behind the block.
    pub fn line(&self, head: usize) -> (Vec<usize>, bool) {
        let mut chunks = vec![head];
        let Some(first) = self.flags.get(head) else { return (Vec::new(), false) };
        let open = !first.newline() && self.follow(first.fd(), head, head + 1, &mut chunks);
        (chunks, open)
    }

    /// Collects the continuations of `fd` from `from` on; `last` is the line's last record so far.
    /// True when the block ended before the line did.
    pub(crate) fn follow(&self, fd: Fd, last: usize, from: usize, chunks: &mut Vec<usize>) -> bool {
        let window = usize::try_from(JOIN_WINDOW).unwrap_or(usize::MAX);
        let mut last = last;
        for (index, flags) in self.flags.iter().enumerate().skip(from) {
            if index - last > window {
                return false;
            }
            if flags.fd() != fd {
                continue;
            }
            if !flags.continues() {
                return false;
            }
            chunks.push(index);
            last = index;
            if flags.newline() {
                return false;
            }
        }
        true
    }

    /// Lines that begin in this block: index of the first record, text joined across chunks, and
    /// whether the line may go on behind the block.
    pub fn lines(&self) -> impl Iterator<Item = (usize, Cow<'_, [u8]>, bool)> {
        let bytes = |index| self.range(index).and_then(|r| self.text.get(r)).unwrap_or_default();
        self.heads(false).into_iter().map(move |head| {
            let (chunks, open) = self.line(head);
            let text = match chunks.as_slice() {
                [only] => Cow::Borrowed(bytes(*only)),
                many => Cow::Owned(many.iter().flat_map(|chunk| bytes(*chunk)).copied().collect()),
            };
            (head, text, open)
        })
    }

    /// Records that begin a line. `orphans`: nothing readable stands before this block, so a
    /// continuation at its front, whose line has lost its begin, begins one.
    pub(crate) fn heads(&self, orphans: bool) -> Vec<usize> {
        let mut seen = [!orphans; 2];
        let begins = |(index, flags): (usize, &Flags)| {
            let [out, err] = &mut seen;
            let seen = if flags.fd() == Fd::Stdout { out } else { err };
            let begins = !flags.continues() || !*seen;
            *seen = true;
            begins.then_some(index)
        };
        self.flags.iter().enumerate().filter_map(begins).collect()
    }

    /// Whether a line that began before this block may go on in it.
    pub(crate) fn begins_inside_line(&self) -> bool {
        self.has_long_lines() && self.heads(true).len() != self.heads(false).len()
    }
}
