//! The block codec: records to bytes and back. Pure; never panics, whatever the bytes.
//!
//! A body is a small head of varints and up to four zstd frames, each compressed on its own so
//! that a reader decodes only what it needs: **T** timestamps (deltas, zigzag varints), **F** one
//! flag byte per record, **L** lengths (only when a record contains a newline, so that the text
//! cannot be split at newlines), **X** the text of all records joined by newlines. The checksum
//! covers the whole body and is verified before anything is decompressed. docs/STORE-FORMAT.md
//! has the layout. This file does not know sequence numbers, logs or SQL.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::flags::Flags;
use super::varint;

/// The only body version so far.
pub(crate) const VERSION: u8 = 1;
/// No block decompresses to more text than this, whatever its head claims.
pub(crate) const MAX_TEXT: usize = 64 << 20;
const MAX_RECORDS: usize = 16 << 20;
const EXPLICIT_LENGTHS: u8 = 1;

/// Why a body cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("the checksum does not match")]
    Checksum,
    #[error("unknown block version {0}")]
    Version(u8),
    #[error("the block head is malformed")]
    Head,
    #[error("frame {0} is malformed")]
    Frame(char),
    #[error("the compressor failed")]
    Compress,
}

/// The decoded content of a block before it is compressed; records are appended one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// Records joined by newlines.
    pub(crate) text: Vec<u8>,
    /// End of every record in `text`.
    pub(crate) ends: Vec<u32>,
    pub(crate) times: Vec<i64>,
    pub(crate) flags: Vec<Flags>,
    explicit: bool,
}

impl Content {
    pub(crate) fn with_capacity(text: usize, records: usize) -> Self {
        Self {
            text: Vec::with_capacity(text),
            ends: Vec::with_capacity(records),
            times: Vec::with_capacity(records),
            flags: Vec::with_capacity(records),
            explicit: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn push(&mut self, bytes: &[u8], time: i64, flags: Flags) {
        if !self.times.is_empty() {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(bytes);
        self.explicit |= memchr::memchr(b'\n', bytes).is_some();
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.times.push(time);
        self.flags.push(flags);
    }

    /// The records `range` on their own.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let mut part = Self::with_capacity(0, range.len());
        for index in range {
            if let (Some(time), Some(flags)) = (self.times.get(index), self.flags.get(index)) {
                part.push(self.bytes(index), *time, *flags);
            }
        }
        part
    }

    pub(crate) fn bytes(&self, index: usize) -> &[u8] {
        record_range(&self.ends, index).and_then(|r| self.text.get(r)).unwrap_or_default()
    }
}

/// Where record `index` lies in the text, given the ends of all records.
pub(crate) fn record_range(ends: &[u32], index: usize) -> Option<std::ops::Range<usize>> {
    let end = *ends.get(index)? as usize;
    let start = match index.checked_sub(1) {
        Some(before) => *ends.get(before)? as usize + 1,
        None => 0,
    };
    (start <= end).then_some(start..end)
}

/// A compressed body and its checksum.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) checksum: u32,
}

/// Compresses blocks with one reused zstd context.
pub(crate) struct Encoder {
    zstd: Compressor<'static>,
    scratch: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new() -> Result<Self, CodecError> {
        let zstd = Compressor::new(1).map_err(|_| CodecError::Compress)?;
        Ok(Self { zstd, scratch: Vec::new() })
    }

    pub(crate) fn encode(&mut self, content: &Content) -> Result<Body, CodecError> {
        let mut head = vec![VERSION, if content.explicit { EXPLICIT_LENGTHS } else { 0 }];
        varint::put(&mut head, content.len() as u64);
        let mut frames = Vec::with_capacity(content.text.len() / 4 + 1024);
        let mut raw = std::mem::take(&mut self.scratch);
        raw.clear();
        let mut last = 0_i64;
        for &time in &content.times {
            varint::put(&mut raw, varint::zigzag(time.wrapping_sub(last)));
            last = time;
        }
        self.frame(&raw, &mut head, &mut frames)?;
        raw.clear();
        raw.extend(content.flags.iter().map(|flags| flags.0));
        self.frame(&raw, &mut head, &mut frames)?;
        raw.clear();
        if content.explicit {
            for index in 0..content.len() {
                varint::put(&mut raw, content.bytes(index).len() as u64);
            }
        }
        self.frame(&raw, &mut head, &mut frames)?;
        self.frame(&content.text, &mut head, &mut frames)?;
        self.scratch = raw;
        head.append(&mut frames);
        let checksum = crc32c::crc32c(&head);
        Ok(Body { bytes: head, checksum })
    }

    fn frame(
        &mut self,
        raw: &[u8],
        head: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let start = out.len();
        let mut packed = Vec::with_capacity(zstd::zstd_safe::compress_bound(raw.len()));
        if !raw.is_empty() {
            self.zstd.compress_to_buffer(raw, &mut packed).map_err(|_| CodecError::Compress)?;
        }
        out.extend_from_slice(&packed);
        varint::put(head, raw.len() as u64);
        varint::put(head, (out.len() - start) as u64);
        Ok(())
    }
}

/// A frame inside a body: where it lies and how long its content is.
#[derive(Debug, Clone, Copy, Default)]
struct Frame<'a> {
    packed: &'a [u8],
    raw: usize,
}

/// A body whose checksum and head are verified and whose frames are still compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened<'a> {
    pub(crate) records: usize,
    explicit: bool,
    times: Frame<'a>,
    flags: Frame<'a>,
    lengths: Frame<'a>,
    text: Frame<'a>,
}

/// Verifies checksum and head.
pub(crate) fn open(body: &[u8], checksum: u32) -> Result<Opened<'_>, CodecError> {
    if crc32c::crc32c(body) != checksum {
        return Err(CodecError::Checksum);
    }
    open_unchecked(body)
}

fn open_unchecked(body: &[u8]) -> Result<Opened<'_>, CodecError> {
    let (&[version, options], mut rest) = body.split_first_chunk::<2>().ok_or(CodecError::Head)?;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    let mut number = || varint::take(&mut rest).and_then(|n| usize::try_from(n).ok());
    let records = number().ok_or(CodecError::Head)?;
    let mut sizes = [(0, 0); 4];
    for size in &mut sizes {
        *size = number().zip(number()).ok_or(CodecError::Head)?;
    }
    let mut next = |(raw, packed): (usize, usize), limit: usize| {
        let (frame, behind) = rest.split_at_checked(packed).ok_or(CodecError::Head)?;
        rest = behind;
        if raw > limit { Err(CodecError::Head) } else { Ok(Frame { packed: frame, raw }) }
    };
    if records > MAX_RECORDS {
        return Err(CodecError::Head);
    }
    let [times, flags, lengths, text] = sizes;
    let opened = Opened {
        records,
        explicit: options & EXPLICIT_LENGTHS != 0,
        times: next(times, records * 10)?,
        flags: next(flags, records)?,
        lengths: next(lengths, records * 10)?,
        text: next(text, MAX_TEXT)?,
    };
    if rest.is_empty() { Ok(opened) } else { Err(CodecError::Head) }
}

impl Opened<'_> {
    /// The text, decompressed into `into` (its memory is reused).
    pub(crate) fn text(&self, into: &mut Vec<u8>) -> Result<(), CodecError> {
        inflate(self.text, into).ok_or(CodecError::Frame('X'))
    }

    /// The flag bytes.
    pub(crate) fn flags(&self) -> Result<Vec<Flags>, CodecError> {
        let mut raw = Vec::new();
        inflate(self.flags, &mut raw).ok_or(CodecError::Frame('F'))?;
        if raw.len() == self.records {
            Ok(raw.into_iter().map(Flags).collect())
        } else {
            Err(CodecError::Frame('F'))
        }
    }

    /// The timestamps.
    pub(crate) fn times(&self) -> Result<Vec<i64>, CodecError> {
        let mut raw = Vec::new();
        inflate(self.times, &mut raw).ok_or(CodecError::Frame('T'))?;
        let mut rest = raw.as_slice();
        let mut times = Vec::with_capacity(self.records);
        let mut last = 0_i64;
        for _ in 0..self.records {
            let delta = varint::take(&mut rest).ok_or(CodecError::Frame('T'))?;
            last = last.wrapping_add(varint::unzigzag(delta));
            times.push(last);
        }
        if rest.is_empty() { Ok(times) } else { Err(CodecError::Frame('T')) }
    }

    /// The end of every record in `text`.
    pub(crate) fn ends(&self, text: &[u8]) -> Result<Vec<u32>, CodecError> {
        let end = |at: usize| u32::try_from(at).map_err(|_| CodecError::Frame('X'));
        let mut ends = Vec::with_capacity(self.records);
        if self.explicit {
            let mut raw = Vec::new();
            inflate(self.lengths, &mut raw).ok_or(CodecError::Frame('L'))?;
            let mut rest = raw.as_slice();
            let mut at = 0_usize;
            for index in 0..self.records {
                let len = varint::take(&mut rest).and_then(|n| usize::try_from(n).ok());
                let len = len.filter(|len| *len <= text.len()).ok_or(CodecError::Frame('L'))?;
                at += len + usize::from(index > 0);
                ends.push(end(at)?);
            }
        } else {
            for at in memchr::memchr_iter(b'\n', text) {
                ends.push(end(at)?);
            }
            if self.records > 0 {
                ends.push(end(text.len())?);
            }
        }
        let whole = ends.last().map_or(0, |end| *end as usize) == text.len();
        if whole && ends.len() == self.records { Ok(ends) } else { Err(CodecError::Frame('X')) }
    }

    /// The small frames, copied, for decoding when somebody asks.
    pub(crate) fn later(&self) -> Later {
        let copy = |frame: Frame<'_>| (frame.packed.to_vec(), frame.raw);
        Later {
            records: self.records,
            explicit: self.explicit,
            times: copy(self.times),
            lengths: copy(self.lengths),
        }
    }

    /// Everything.
    pub(crate) fn content(&self) -> Result<Content, CodecError> {
        let mut text = Vec::new();
        self.text(&mut text)?;
        let ends = self.ends(&text)?;
        let (times, flags) = (self.times()?, self.flags()?);
        Ok(Content { text, ends, times, flags, explicit: self.explicit })
    }
}

/// Timestamps and lengths of a verified body, still compressed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Later {
    records: usize,
    explicit: bool,
    times: (Vec<u8>, usize),
    lengths: (Vec<u8>, usize),
}

impl Later {
    /// As an opened body without text and flags.
    pub(crate) fn opened(&self) -> Opened<'_> {
        Opened {
            records: self.records,
            explicit: self.explicit,
            times: Frame { packed: &self.times.0, raw: self.times.1 },
            lengths: Frame { packed: &self.lengths.0, raw: self.lengths.1 },
            flags: Frame::default(),
            text: Frame::default(),
        }
    }
}

thread_local! {
    /// One context per thread: making one costs more than decoding a small block.
    static ZSTD: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn inflate(frame: Frame<'_>, into: &mut Vec<u8>) -> Option<()> {
    into.clear();
    if frame.raw == 0 {
        return frame.packed.is_empty().then_some(());
    }
    into.reserve(frame.raw);
    ZSTD.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Decompressor::new().ok();
        }
        let len = slot.as_mut()?.decompress_to_buffer(frame.packed, into).ok()?;
        (len == frame.raw && into.len() == len).then_some(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn content(records: &[(Vec<u8>, i64, u8)]) -> Content {
        let mut content = Content::default();
        for (bytes, time, flags) in records {
            content.push(bytes, *time, Flags(*flags));
        }
        content
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(records in vec((vec(any::<u8>(), 0..40), any::<i64>(), any::<u8>()), 0..60)) {
            let content = content(&records);
            let body = Encoder::new().unwrap().encode(&content).unwrap();
            let back = open(&body.bytes, body.checksum).unwrap().content().unwrap();
            prop_assert_eq!(&back, &content);
            for (index, (bytes, _, _)) in records.iter().enumerate() {
                prop_assert_eq!(back.bytes(index), bytes.as_slice());
            }
        }

        #[test]
        fn a_flipped_bit_is_detected(text in vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bit in 0..8) {
            let content = content(&[(text, 7, 1)]);
            let mut body = Encoder::new().unwrap().encode(&content).unwrap();
            let at = at.index(body.bytes.len());
            body.bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(open(&body.bytes, body.checksum).err(), Some(CodecError::Checksum));
            // Even with the checksum out of the way nothing panics.
            let _ = open_unchecked(&body.bytes).map(|opened| opened.content());
        }

        #[test]
        fn arbitrary_bytes_are_survived(bytes in vec(any::<u8>(), 0..200)) {
            let _ = open(&bytes, crc32c::crc32c(&bytes)).map(|opened| opened.content());
            let mut versioned = vec![VERSION, 1];
            versioned.extend(bytes);
            let _ = open_unchecked(&versioned).map(|opened| opened.content());
        }
    }
}
