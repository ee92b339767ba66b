//! The line generator that runs inside test containers: one static binary without dependencies,
//! compiled by the harness, because busybox's shell is far too slow for 20,000 lines a second.
//!
//! Every line is `run stream seq len crc payload`; `seq` counts per stream from zero, `len` and
//! `crc` (CRC-32C, hexadecimal) are those of the payload. See `USAGE` for the modes.

use std::io::Write;
use std::time::{Duration, Instant};

const USAGE: &str = "gen [--run R] [--from SEQ] [--lines N | --forever] [--rate LINES_PER_S] [--burst N --every MS] \
[--len BYTES] [--stderr | --both] [--identical] [--crlf] [--invalid-utf8] [--no-final-newline] \
[--crash-after N] [--linger SECONDS]";

#[derive(Clone)]
struct Options {
    run: String,
    from: u64,
    lines: u64,
    rate: u64,
    burst: u64,
    every: Duration,
    len: usize,
    stderr: bool,
    both: bool,
    identical: bool,
    crlf: bool,
    invalid_utf8: bool,
    no_final_newline: bool,
    crash_after: Option<u64>,
    linger: Duration,
}

fn main() {
    let options = parse();
    let outputs = match (options.both, options.stderr) {
        (true, _) => vec!["stdout", "stderr"],
        (false, true) => vec!["stderr"],
        (false, false) => vec!["stdout"],
    };
    let threads: Vec<_> = outputs
        .into_iter()
        .map(|stream| {
            let options = options.clone();
            std::thread::spawn(move || write_all(stream, &options))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    if options.crash_after.is_some() {
        std::process::exit(1);
    }
    std::thread::sleep(options.linger);
}

fn parse() -> Options {
    let mut options = Options {
        run: "r0".to_owned(),
        from: 0,
        lines: 1000,
        rate: 0,
        burst: 0,
        every: Duration::from_millis(100),
        len: 40,
        stderr: false,
        both: false,
        identical: false,
        crlf: false,
        invalid_utf8: false,
        no_final_newline: false,
        crash_after: None,
        linger: Duration::ZERO,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| usage());
        let number = |text: String| text.parse::<u64>().unwrap_or_else(|_| usage());
        match name.as_str() {
            "--run" => options.run = value(),
            "--from" => options.from = number(value()),
            "--lines" => options.lines = number(value()),
            "--forever" => options.lines = u64::MAX,
            "--rate" => options.rate = number(value()),
            "--burst" => options.burst = number(value()),
            "--every" => options.every = Duration::from_millis(number(value())),
            "--len" => options.len = number(value()) as usize,
            "--stderr" => options.stderr = true,
            "--both" => options.both = true,
            "--identical" => options.identical = true,
            "--crlf" => options.crlf = true,
            "--invalid-utf8" => options.invalid_utf8 = true,
            "--no-final-newline" => options.no_final_newline = true,
            "--crash-after" => options.crash_after = Some(number(value())),
            "--linger" => options.linger = Duration::from_secs(number(value())),
            _ => usage(),
        }
    }
    options
}

fn usage() -> ! {
    eprintln!("usage: {USAGE}");
    std::process::exit(2)
}

/// Writes one stream at its pace. At a rate, lines that are due together go out in one write.
fn write_all(stream: &str, options: &Options) {
    let total = options.crash_after.unwrap_or(options.lines).min(options.lines);
    let started = Instant::now();
    let (mut seq, mut buffer) = (0u64, Vec::with_capacity(1 << 17));
    while seq < total {
        let due = due(seq, started, options).min(total - seq);
        for _ in 0..due {
            line(&mut buffer, stream, options.from + seq, seq + 1 == total, options);
            seq += 1;
            if buffer.len() > 1 << 16 {
                flush(stream, &mut buffer);
            }
        }
        flush(stream, &mut buffer);
    }
}

/// How many lines to write now; waits until it is at least one.
fn due(seq: u64, started: Instant, options: &Options) -> u64 {
    if options.burst > 0 {
        if seq > 0 {
            std::thread::sleep(options.every);
        }
        return options.burst;
    }
    if options.rate == 0 {
        return 1000;
    }
    loop {
        let target = started.elapsed().as_micros() as u64 * options.rate / 1_000_000 + 1;
        if target > seq {
            return target - seq;
        }
        std::thread::sleep(Duration::from_micros((1_000_000 / options.rate).clamp(200, 50_000)));
    }
}

fn line(buffer: &mut Vec<u8>, stream: &str, seq: u64, last: bool, options: &Options) {
    let mut payload = Vec::with_capacity(options.len);
    if options.identical {
        payload.resize(options.len, b'x');
        buffer.extend_from_slice(&payload);
    } else {
        let mut state = seq.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        while payload.len() < options.len {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            payload.push(b"abcdefghijklmnopqrstuvwxyz012345"[(state >> 59) as usize]);
        }
        if options.invalid_utf8 && !payload.is_empty() {
            payload[options.len / 2] = 0xFF;
        }
        let (run, len, crc) = (&options.run, payload.len(), crc32c(&payload));
        write!(buffer, "{run} {stream} {seq} {len} {crc:08x} ").unwrap();
        buffer.extend_from_slice(&payload);
    }
    if last && options.no_final_newline {
        return;
    }
    buffer.extend_from_slice(if options.crlf { b"\r\n" } else { b"\n" });
}

/// Ends quietly when nobody reads any more.
fn flush(stream: &str, buffer: &mut Vec<u8>) {
    let result = match stream {
        "stderr" => std::io::stderr().write_all(buffer),
        _ => {
            let mut out = std::io::stdout().lock();
            out.write_all(buffer).and_then(|()| out.flush())
        }
    };
    if result.is_err() {
        std::process::exit(3);
    }
    buffer.clear();
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0x82F6_3B78 & (c & 1).wrapping_neg()))
    })
}
