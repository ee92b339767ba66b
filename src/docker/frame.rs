//! Docker's multiplexed log format (stdcopy): eight bytes of header, then one message.
//!
//! `[fd, 0, 0, 0, length as four bytes, big end first]`, then `timestamp, space, content` and mostly
//! a newline. The decoder is pure and incremental: any split of the same bytes gives the same
//! records and the same fault. It copies each record once, into the batch, and holds back at most
//! one unfinished frame. What it cannot read is a fault, never a line and never skipped: a
//! type-3 frame is the daemon's own error, and half a frame at the end is no record.

use super::error::{DockerError, preview};
use super::stamp::Stamps;
use crate::model::{Batch, Fd, RecordRef};

/// Longest message accepted, in bytes. Docker cuts at 16 KiB, other drivers and Podman's joined
/// partial lines go further; a header read from the middle of text asks for 500 MB and more. So
/// the bound only has to lie between, and one MiB keeps a thousand damaged streams harmless.
pub const MAX_MESSAGE: usize = 1 << 20;

const HEADER: usize = 8;

/// What makes a stream unusable from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeFault {
    /// The daemon's own error, in its words.
    Fault(String),
    /// Bytes that are not in the format.
    Malformed(String),
}

impl From<DecodeFault> for DockerError {
    fn from(fault: DecodeFault) -> Self {
        match fault {
            // "Error grabbing logs: open /var/lib/docker/...: no such file or directory"
            DecodeFault::Fault(text) if text.contains("open /") => Self::NoFile { text },
            DecodeFault::Fault(text) => Self::Fault { text },
            DecodeFault::Malformed(what) => Self::Malformed { what },
        }
    }
}

/// Text that should have begun with a timestamp: the daemon's error, or garbage.
pub(crate) fn without_stamp(text: &[u8]) -> DecodeFault {
    let head = text.get(..5).unwrap_or(text);
    if head.eq_ignore_ascii_case(b"error") {
        DecodeFault::Fault(preview(text))
    } else {
        DecodeFault::Malformed(format!("a record without a timestamp: \"{}\"", preview(text)))
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Output(Fd),
    DaemonError,
}

/// Incremental decoder of one multiplexed stream.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    unfinished: Vec<u8>,
    stamps: Stamps,
    failed: Option<DecodeFault>,
}

impl Frames {
    /// Appends the records that `bytes` complete. After a fault every call returns it again.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Batch) -> Result<(), DecodeFault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        let result = self.decode_all(bytes, out);
        if let Err(fault) = &result {
            self.failed = Some(fault.clone());
        }
        result
    }

    /// The end of the stream: a fault if a frame is unfinished.
    pub fn finish(&mut self) -> Result<(), DecodeFault> {
        match (&self.failed, self.unfinished.len()) {
            (Some(fault), _) => Err(fault.clone()),
            (None, 0) => Ok(()),
            (None, held) => Err(DecodeFault::Malformed(format!(
                "the log ends inside a frame, after {held} of its bytes"
            ))),
        }
    }

    fn decode_all(&mut self, bytes: &[u8], out: &mut Batch) -> Result<(), DecodeFault> {
        let Some(mut rest) = self.complete_held(bytes, out)? else { return Ok(()) };
        while let Some((header, body)) = rest.split_first_chunk::<HEADER>() {
            let (kind, length) = parse_header(*header)?;
            let Some((payload, after)) = body.split_at_checked(length) else { break };
            push(&mut self.stamps, kind, payload, out)?;
            rest = after;
        }
        self.unfinished.extend_from_slice(rest);
        Ok(())
    }

    /// Completes the frame held back from earlier calls. `None`: all of `bytes` went into it and
    /// it is still unfinished.
    fn complete_held<'a>(
        &mut self,
        bytes: &'a [u8],
        out: &mut Batch,
    ) -> Result<Option<&'a [u8]>, DecodeFault> {
        if self.unfinished.is_empty() {
            return Ok(Some(bytes));
        }
        let Some(bytes) = self.hold(bytes, HEADER) else { return Ok(None) };
        let Some(header) = self.unfinished.first_chunk::<HEADER>() else { return Ok(None) };
        let (kind, length) = parse_header(*header)?;
        let Some(bytes) = self.hold(bytes, HEADER + length) else { return Ok(None) };
        let payload = self.unfinished.get(HEADER..).unwrap_or_default();
        push(&mut self.stamps, kind, payload, out)?;
        self.unfinished.clear();
        self.unfinished.shrink_to(64 << 10);
        Ok(Some(bytes))
    }

    /// Fills the held frame up to `size` bytes and returns what is left, or `None` if not full.
    fn hold<'a>(&mut self, bytes: &'a [u8], size: usize) -> Option<&'a [u8]> {
        let missing = size.saturating_sub(self.unfinished.len());
        if let Some((head, rest)) = bytes.split_at_checked(missing) {
            self.unfinished.extend_from_slice(head);
            Some(rest)
        } else {
            self.unfinished.extend_from_slice(bytes);
            None
        }
    }
}

fn parse_header(header: [u8; HEADER]) -> Result<(Kind, usize), DecodeFault> {
    let [kind, a, b, c, len @ ..] = header;
    let kind = match (kind, a, b, c) {
        (1, 0, 0, 0) => Kind::Output(Fd::Stdout),
        (2, 0, 0, 0) => Kind::Output(Fd::Stderr),
        (3, 0, 0, 0) => Kind::DaemonError,
        _ => {
            let shown = header.escape_ascii();
            return Err(DecodeFault::Malformed(format!("not a frame header: \"{shown}\"")));
        }
    };
    let length = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        let what = format!("a frame of {length} bytes, more than {MAX_MESSAGE}");
        return Err(DecodeFault::Malformed(what));
    }
    Ok((kind, length))
}

fn push(
    stamps: &mut Stamps,
    kind: Kind,
    payload: &[u8],
    out: &mut Batch,
) -> Result<(), DecodeFault> {
    let Kind::Output(fd) = kind else { return Err(DecodeFault::Fault(preview(payload))) };
    let Some((ts, content)) = stamps.split(payload) else { return Err(without_stamp(payload)) };
    let (bytes, newline) = match content.strip_suffix(b"\n") {
        Some(line) => (line, true),
        None => (content, false),
    };
    out.push(RecordRef { fd, ts, newline, bytes });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAMP: &str = "2006-01-02T15:04:05.000000007Z ";

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 0, 0];
        frame.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(payload);
        frame
    }

    fn line(kind: u8, content: &[u8]) -> Vec<u8> {
        frame(kind, &[STAMP.as_bytes(), content].concat())
    }

    fn decode(pieces: &[&[u8]]) -> (Batch, Result<(), DecodeFault>) {
        let (mut frames, mut out) = (Frames::default(), Batch::new());
        let mut result = Ok(());
        for piece in pieces {
            result = frames.decode(piece, &mut out);
        }
        (out, result.and_then(|()| frames.finish()))
    }

    #[test]
    fn both_outputs_and_the_missing_newline_are_told_apart() {
        let bytes = [line(1, b"out\n"), line(2, b"err\n"), line(1, b""), line(1, b"\xff\r")];
        let (out, result) = decode(&[&bytes.concat()]);
        assert_eq!(result, Ok(()));
        let got: Vec<_> = out.iter().map(|r| (r.fd, r.bytes, r.newline)).collect();
        assert_eq!(
            got,
            [
                (Fd::Stdout, b"out".as_slice(), true),
                (Fd::Stderr, b"err", true),
                (Fd::Stdout, b"", false),
                (Fd::Stdout, b"\xff\r", false),
            ]
        );
    }

    #[test]
    fn faults_keep_what_came_before_them() {
        let good = line(1, b"kept\n");
        let cases: [(Vec<u8>, &str); 9] = [
            (frame(3, b"Error grabbing logs: unexpected EOF\n"), "Fault"),
            (frame(1, b"Error grabbing logs: x\n"), "Fault"),
            (frame(0, b""), "not a frame header"),
            (frame(255, b""), "not a frame header"),
            (vec![1, 0, 7, 0, 0, 0, 0, 0], "not a frame header"),
            (vec![1, 0, 0, 0, 255, 255, 255, 255], "more than"),
            (frame(1, b""), "without a timestamp"),
            (frame(1, b"no stamp\n"), "without a timestamp"),
            (vec![1, 0, 0, 0, 0, 0, 0, 9, 1], "inside a frame"),
        ];
        for (bad, word) in cases {
            let (out, result) = decode(&[&good, &bad]);
            assert_eq!(out.len(), 1);
            let shown = format!("{:?}", result.unwrap_err());
            assert!(shown.contains(word), "{shown} should contain {word}");
        }
    }

    #[test]
    fn a_fault_stays() {
        let (mut frames, mut out) = (Frames::default(), Batch::new());
        let fault = frames.decode(&frame(9, b""), &mut out).unwrap_err();
        assert_eq!(frames.decode(&line(1, b"later\n"), &mut out), Err(fault.clone()));
        assert_eq!(frames.finish(), Err(fault));
        assert!(out.is_empty());
    }

    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            12 => (1u8..=2, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(k, c)| line(k, &c)),
            1 => (0u8..=4, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(k, c)| frame(k, &c)),
            1 => proptest::collection::vec(any::<u8>(), 0..12),
        ]
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_records_and_fault(
            frames in proptest::collection::vec(any_frame(), 0..12),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let bytes = frames.concat();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let single: Vec<_> = bytes.chunks(1).collect();
            let whole = decode(&[&bytes]);
            prop_assert_eq!(&decode(&pieces), &whole);
            prop_assert_eq!(&decode(&single), &whole);
        }
    }
}
