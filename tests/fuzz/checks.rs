//! What must hold for any bytes. The fuzz targets search for bytes for which it does not, and
//! `tests/fuzz_corpus.rs` holds it for all that were found or kept.
#![allow(dead_code, reason = "each target uses one check")]

use logcap_tui::docker::DecodeFault;
use logcap_tui::docker::frame::Frames;
use logcap_tui::docker::stamp::{Stamps, parse_any};
use logcap_tui::docker::tty::Tty;
use logcap_tui::model::Batch;
use logcap_tui::search::Query;

type Decoded = (Batch, Result<(), DecodeFault>);

/// The first two bytes say how the rest is split; any split gives the same records and fault.
fn any_split_is_the_same(data: &[u8], decode: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> Decoded) {
    let Some((&[a, b], stream)) = data.split_first_chunk::<2>() else { return };
    let whole = decode(&mut std::iter::once(stream));
    let even = usize::from(a) % 61 + 1;
    assert_eq!(decode(&mut stream.chunks(even)), whole, "in pieces of {even}");
    let (head, tail) = stream.split_at(stream.len() * usize::from(b) / 255);
    assert_eq!(decode(&mut [head, &[], tail].into_iter()), whole, "cut at {}", head.len());
    let bytes: usize = whole.0.iter().map(|record| record.bytes.len()).sum();
    assert!(bytes <= stream.len(), "more bytes came out than went in");
    let stamped = whole.0.iter().all(|record| !record.bytes.contains(&b'\n'));
    assert!(stamped || whole.0.len() * 8 <= stream.len(), "records without frames");
}

/// Docker's multiplexed frames.
pub(crate) fn frames(data: &[u8]) {
    any_split_is_the_same(data, |pieces| {
        let (mut frames, mut out) = (Frames::default(), Batch::new());
        let failed = pieces.map(|piece| frames.decode(piece, &mut out)).find(Result::is_err);
        let end = frames.finish();
        if let Some(fault) = &failed {
            assert_eq!(fault, &end, "a fault stays");
        }
        (out, end)
    });
}

/// A terminal's raw log.
pub(crate) fn tty(data: &[u8]) {
    any_split_is_the_same(data, |pieces| {
        let (mut tty, mut out) = (Tty::default(), Batch::new());
        let failed = pieces.map(|piece| tty.decode(piece, &mut out)).find(Result::is_err);
        let end = tty.finish(&mut out);
        if let Some(fault) = &failed {
            assert_eq!(fault, &end, "a fault stays");
        }
        assert!(out.iter().all(|r| r.bytes.len() <= logcap_tui::docker::tty::MAX_CONTENT));
        (out, end)
    });
}

/// Timestamps, one payload per line: the fast path agrees with the slow one, whatever came before.
pub(crate) fn stamp(data: &[u8]) {
    let mut kept = Stamps::default();
    for payload in data.split(|byte| *byte == b'\n') {
        let split = kept.split(payload);
        assert_eq!(split, Stamps::default().split(payload), "what came before does not matter");
        let space = payload.iter().position(|byte| *byte == b' ');
        let slow = space.and_then(|at| Some((parse_any(&payload[..at])?, &payload[at + 1..])));
        assert_eq!(split, slow, "{}", payload.escape_ascii());
        if let Some((ts, _)) = split {
            let text = ts.to_rfc3339();
            assert_eq!(parse_any(text.as_bytes()), Some(ts), "{text}");
        }
    }
}

/// A query, and behind the first newline a line to match.
pub(crate) fn query(data: &[u8]) {
    let (text, line) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, data),
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match Query::parse(text) {
        Ok(query) => {
            let again = Query::parse(&query.to_string());
            assert_eq!(again.as_ref(), Ok(&query), "{text:?} prints as {query}");
            let ranges = query.ranges(line);
            assert!(ranges.iter().all(|range| range.start < range.end && range.end <= line.len()));
            assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert_eq!(query.is_match(line), again.unwrap().is_match(line));
        }
        Err(error) => {
            assert!(text.get(error.at..error.at + error.len).is_some(), "{text:?}: {error:?}");
            assert_eq!(error.with_caret(text).lines().count().max(3), 3);
            assert!(!error.reason.is_empty() && !error.reason.contains('\n'), "{error:?}");
        }
    }
}
