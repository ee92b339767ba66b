//! From output to records: pieces, newlines, terminals, bytes that are no text, and how a record looks
//! on the wire.

use logcap_tui::docker::{LogRequest, Tail};
use logcap_tui::model::{Fd, Timestamp};
use logcap_tui::sim::ContainerSpec;

use super::probe::{shapes, texts};
use super::{Outcome, Probe, holds, same, wire};

const BOTH: &str = "stdout=1&stderr=1";

pub(super) async fn a_message_is_a_frame_and_a_chunk(probe: &Probe<'_>) -> Outcome {
    let expected = probe.host.expected();
    let id = probe.plain("framed");
    probe.lines(&id, &["one", &"x".repeat(8_000)]).await;
    probe.host.write(&id, Fd::Stderr, b"three\n");
    probe.settled(&id, 3).await;
    let answer = probe.raw_log(&id, &format!("{BOTH}&timestamps=1")).await;
    let (chunks, ended) = answer.chunks();
    holds("the end is marked", ended, &answer.head)?;
    let (frames, left) = wire::frames(&chunks.concat());
    same("nothing is left behind the frames", left, 0)?;
    let sizes = frames.iter().flat_map(|(_, payload)| {
        let size = payload.len() + 8;
        // Podman's first chunk of a frame is what its server buffers.
        let first = if expected.is_podman() { size.min(2_048) } else { size };
        [first, size - first].into_iter().filter(|size| *size > 0)
    });
    let seen: Vec<_> = chunks.iter().map(Vec::len).collect();
    same("one frame is one chunk, on Podman up to 2 KiB", seen, sizes.collect())?;
    let kinds: Vec<_> = frames.iter().map(|(kind, _)| *kind).collect();
    same("1 is stdout and 2 is stderr", kinds, vec![1, 1, 2])?;
    let (stamp, text) = frames[0].1.split_once(' ').unwrap();
    same("the content stands behind a space, with its newline", text, "one\n")?;
    let form = stamp.trim_end_matches(['Z']);
    let form = form.rsplit_once(['+']).map_or(form, |(time, _)| time);
    let form = form.get("2006-01-02T15:04:05".len()..).map(str::len);
    // Nine digits and the point; Podman writes whole seconds.
    same("digits of a timestamp", form, Some(if expected.is_podman() { 0 } else { 10 }))?;
    let kind = answer.head.lines().find_map(|line| line.strip_prefix("content-type: "));
    let named = match expected.api_minor() {
        _ if expected.is_podman() => Some("application/octet-stream"),
        ..=41 => None,
        _ => Some("application/vnd.docker.multiplexed-stream"),
    };
    same("the content type of frames", kind, named)
}

pub(super) async fn a_record_is_at_most_one_buffer(probe: &Probe<'_>) -> Outcome {
    let podman = probe.host.expected().is_podman();
    let buffer = if podman { 8_192 } else { 16_384 };
    let id = probe.plain("long");
    let (mut expected, mut count) = (Vec::new(), 0);
    for length in [16_383, 16_384, 16_385, 40_000] {
        let full = length / buffer;
        expected.extend(std::iter::repeat_n((buffer, false), full));
        expected.push((length - full * buffer, true));
        probe.line(&id, &"x".repeat(length));
        let seen = probe.settled(&id, expected.len()).await;
        let pieces = &seen[count..];
        // One read of conmon's is one time.
        let one_time = pieces.iter().all(|piece| piece.ts == pieces[0].ts);
        holds("the pieces of a line have one time", podman || one_time, pieces.len())?;
        count = seen.len();
    }
    let seen = probe.read(&id, Tail::All).await;
    same("a line is cut at the buffer, and only its last piece ends it", shapes(&seen), expected)
}

pub(super) async fn an_unfinished_line_is_a_record_without_a_newline(probe: &Probe<'_>) -> Outcome {
    let podman = probe.host.expected().is_podman();
    let id = probe.plain("unfinished");
    probe.host.write(&id, Fd::Stdout, b"open");
    if podman {
        // It is a record already, and comes first only if it is read first.
        probe.settled(&id, 1).await;
    }
    probe.host.write(&id, Fd::Stderr, b"whole\n");
    let seen = probe.settled(&id, if podman { 2 } else { 1 }).await;
    let before = if podman { vec!["open", "whole"] } else { vec!["whole"] };
    same("what has no newline waits for one, except on Podman", texts(&seen), before)?;
    probe.host.end(&id);
    let mut seen = probe.settled(&id, 2).await;
    seen.sort_by_key(|record| record.newline);
    let ends: Vec<_> = seen.iter().map(|r| (r.text.as_str(), r.fd, r.newline)).collect();
    let expected = vec![("open", Fd::Stdout, false), ("whole", Fd::Stderr, true)];
    same("the end makes it a record without a newline", ends, expected)
}

pub(super) async fn a_terminal_is_one_raw_stream(probe: &Probe<'_>) -> Outcome {
    let expected = probe.host.expected();
    let id = probe.run(&ContainerSpec::named("terminal").tty());
    let request = LogRequest { tty: true, ..Probe::all(&id) };
    probe.host.write(&id, Fd::Stdout, b"one\n");
    probe.read_until(&request, |seen| seen.len() == 1).await;
    probe.host.write(&id, Fd::Stderr, b"two\n");
    let seen = probe.read_until(&request, |seen| seen.len() == 2).await;
    same("a line ends before its CR for us", texts(&seen), vec!["one", "two"])?;
    holds("all is stdout", seen.iter().all(|r| r.fd == Fd::Stdout), &seen)?;
    let answer = probe.raw_log(&id, BOTH).await;
    let body = String::from_utf8_lossy(&answer.body()).into_owned();
    same("no frames, and lines end in CR LF", body.as_str(), "one\r\ntwo\r\n")?;
    let kind = answer.head.lines().find_map(|line| line.strip_prefix("content-type: "));
    let named = match expected.api_minor() {
        _ if expected.is_podman() => Some("text/plain; charset=utf-8"),
        ..=41 => None,
        _ => Some("application/vnd.docker.raw-stream"),
    };
    same("the content type of a terminal", kind, named)
}

pub(super) async fn a_terminals_long_line_is_stamped_in_its_middle(probe: &Probe<'_>) -> Outcome {
    let id = probe.run(&ContainerSpec::named("wide").tty());
    // A terminal takes 4 KiB at once.
    for _ in 0..10 {
        probe.host.write(&id, Fd::Stdout, &[b'x'; 4_000]);
    }
    probe.line(&id, "");
    probe.line(&id, "end");
    let request = LogRequest { tty: true, ..Probe::all(&id) };
    let seen = probe.read_until(&request, |seen| texts(seen).last() == Some(&"end")).await;
    let pieces = vec![(16_384, false), (16_384, false), (40_000 - 32_768, true), (3, true)];
    same("the client finds the pieces", shapes(&seen), pieces)?;
    let body = probe.raw_log(&id, &format!("{BOTH}&timestamps=1")).await.body();
    let body = String::from_utf8_lossy(&body).into_owned();
    let stamp = body.split('x').next().unwrap();
    same("one timestamp stands before each piece", body.matches(stamp).count(), 3)?;
    let line = format!("{stamp}{0}{stamp}{0}{stamp}", "x".repeat(16_384));
    holds("in the middle of the line", body.starts_with(&line), body.len())
}

pub(super) async fn bytes_that_are_no_text(probe: &Probe<'_>) -> Outcome {
    let podman = probe.host.expected().is_podman();
    let odd = b"a\xe2\x82b\xff";
    let replaced = "a\u{fffd}\u{fffd}b\u{fffd}".as_bytes();
    for driver in if podman { &["k8s-file"][..] } else { &["json-file", "local"] } {
        let id = probe.run(&ContainerSpec::named(format!("bytes-{driver}")).driver(driver));
        probe.host.write(&id, Fd::Stdout, &[odd, &b"\n"[..]].concat());
        let seen = probe.settled(&id, 1).await;
        let expected = if *driver == "json-file" { replaced } else { odd };
        same(
            "json-file replaces each bad byte, others keep it",
            bytes(&seen[0].text),
            expected.to_vec(),
        )?;
    }
    if podman {
        return Ok(());
    }
    let id = probe.plain("rune");
    probe.line(&id, &format!("{}é", "x".repeat(16_383)));
    let seen = probe.settled(&id, 2).await;
    let halves = [bytes(&seen[0].text)[16_383..].to_vec(), bytes(&seen[1].text)];
    same("a rune cut in two is lost in json-file", halves, ["\u{fffd}".into(), "\u{fffd}".into()])
}

pub(super) async fn client_and_file_agree_on_the_time(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("stamps");
    let seen: Vec<_> = probe.lines(&id, &["1", "2", "3"]).await.iter().map(|r| r.ts).collect();
    let on_disk = probe.host.stamps(&id);
    holds("time goes on", on_disk.is_sorted() && on_disk.first() < on_disk.last(), &on_disk)?;
    let whole = |ts: &Timestamp| Timestamp(ts.0 - ts.0.rem_euclid(1_000_000_000));
    let podman = probe.host.expected().is_podman();
    let expected = if podman { on_disk.iter().map(whole).collect() } else { on_disk };
    same("the client's times are the file's, or their whole seconds", seen, expected)
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()).collect()
}
