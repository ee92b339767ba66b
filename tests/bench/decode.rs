//! How fast the decoders turn the daemon's bytes into records: `cargo bench --bench decode`.
//!
//! The input is what a busy service makes: short lines of one second, in pieces of 64 KiB like
//! those that come from a socket.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should fail loudly")]

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use logcap_tui::docker::frame::Frames;
use logcap_tui::docker::tty::Tty;
use logcap_tui::model::{Batch, Timestamp};

const RECORDS: usize = 10_000;
const PIECE: usize = 64 << 10;

fn main() {
    divan::main();
}

fn message(index: usize, length: usize) -> Vec<u8> {
    let ts = Timestamp(1_700_000_000_000_000_000 + i64::try_from(index).unwrap() * 11_000);
    let mut message = format!("{} {index:07} ", ts.to_rfc3339()).into_bytes();
    message.extend(std::iter::repeat_n(b'x', length));
    message.push(b'\n');
    message
}

fn frames(length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for index in 0..RECORDS {
        let message = message(index, length);
        all.extend_from_slice(&[1 + u8::from(index % 16 == 0), 0, 0, 0]);
        all.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        all.extend_from_slice(&message);
    }
    all
}

#[divan::bench(args = [16, 120, 1000])]
fn stdcopy(bencher: Bencher, length: usize) {
    let bytes = frames(length);
    let mut out = Batch::with_capacity(bytes.len(), RECORDS);
    bencher.counter(BytesCount::new(bytes.len())).counter(ItemsCount::new(RECORDS)).bench_local(
        || {
            out.clear();
            let mut frames = Frames::default();
            for piece in bytes.chunks(PIECE) {
                frames.decode(piece, &mut out).unwrap();
            }
            assert_eq!(out.len(), RECORDS);
        },
    );
}

/// One frame per call, as an HTTP chunk brings it.
#[divan::bench(args = [120])]
fn stdcopy_one_by_one(bencher: Bencher, length: usize) {
    let bytes = frames(length);
    let frame = bytes.len() / RECORDS;
    let mut out = Batch::with_capacity(bytes.len(), RECORDS);
    bencher.counter(BytesCount::new(bytes.len())).counter(ItemsCount::new(RECORDS)).bench_local(
        || {
            out.clear();
            let mut frames = Frames::default();
            for piece in bytes.chunks(frame) {
                frames.decode(piece, &mut out).unwrap();
            }
        },
    );
}

#[divan::bench(args = [120])]
fn tty(bencher: Bencher, length: usize) {
    let bytes: Vec<u8> = (0..RECORDS).flat_map(|index| message(index, length)).collect();
    let mut out = Batch::with_capacity(bytes.len(), RECORDS);
    bencher.counter(BytesCount::new(bytes.len())).counter(ItemsCount::new(RECORDS)).bench_local(
        || {
            out.clear();
            let mut tty = Tty::default();
            for piece in bytes.chunks(PIECE) {
                tty.decode(piece, &mut out).unwrap();
            }
        },
    );
}
