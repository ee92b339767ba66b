//! What `tail`, `since` and `until` choose.

use logcap_tui::docker::{LogRequest, Tail};
use logcap_tui::model::{Fd, Timestamp};

use super::probe::{shapes, texts};
use super::{Outcome, Probe, holds, same};

const FIVE: [&str; 5] = ["0", "1", "2", "3", "4"];

pub(super) async fn tail_counts_from_the_end(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("tails");
    probe.lines(&id, &FIVE).await;
    for (tail, expected) in [(0, &FIVE[5..]), (1, &FIVE[4..]), (3, &FIVE[2..]), (99, &FIVE[..])] {
        let seen = probe.read(&id, Tail::Last(tail)).await;
        same("a tail is the end of the log, at most all of it", texts(&seen), expected.to_vec())?;
    }
    Ok(())
}

pub(super) async fn tail_counts_pieces_and_both_outputs(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("pieces");
    probe.lines(&id, &["first"]).await;
    probe.host.write(&id, Fd::Stderr, b"error\n");
    probe.settled(&id, 2).await;
    probe.line(&id, &"x".repeat(40_000));
    probe.settled(&id, 5).await;
    let seen = probe.read(&id, Tail::Last(2)).await;
    same("tail counts pieces, not lines", shapes(&seen), vec![(16_384, false), (7_232, true)])?;
    let lines = probe.raw_log(&id, "stdout=1&tail=4").await.lines();
    same("tail counts before the outputs are chosen", lines.len(), 3)?;
    let lines = probe.raw_log(&id, "stderr=1").await.lines();
    same("one output alone", lines, vec!["error".to_owned()])
}

pub(super) async fn tail_merges_pieces_with_the_line_before(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("merged");
    let writes: [(Fd, &[u8]); 7] = [
        (Fd::Stdout, &[b'x'; 8_192]),
        (Fd::Stdout, b"A\n"),
        (Fd::Stderr, b"error\n"),
        (Fd::Stdout, b"half"),
        (Fd::Stdout, b"rest\n"),
        (Fd::Stderr, b"open2"),
        (Fd::Stdout, b"open1"),
    ];
    for (count, (fd, bytes)) in writes.into_iter().enumerate() {
        probe.host.write(&id, fd, bytes);
        probe.settled(&id, count + 1).await;
    }
    let two = probe.read(&id, Tail::Last(2)).await;
    let expected = vec!["errorhalf", "restopen1open2"];
    same("a tail counts lines and puts pieces behind the line before", texts(&two), expected)?;
    holds("a piece of stdout is then one of stderr", two[0].fd == Fd::Stderr, two[0].fd)?;
    let more = probe.read(&id, Tail::Last(9)).await;
    same(
        "pieces before the first line are lost",
        texts(&more),
        vec!["A", "errorhalf", "restopen1open2"],
    )
}

pub(super) async fn since_and_until_at_a_records_own_time(probe: &Probe<'_>) -> Outcome {
    let podman = probe.host.expected().is_podman();
    let id = probe.plain("bounds");
    probe.lines(&id, &FIVE).await;
    let at = probe.host.stamps(&id)[2];
    // Podman leaves out what is exactly as old as the bound, at both ends.
    let (from, later) = if podman { (Timestamp(at.0 - 1), at) } else { (at, Timestamp(at.0 + 1)) };
    let seen = probe.since(&id, from).await;
    same("since is exact to the nanosecond", texts(&seen), FIVE[2..].to_vec())?;
    let seen = probe.since(&id, later).await;
    same("since one nanosecond later", texts(&seen), FIVE[3..].to_vec())?;
    let until = async |ts: Timestamp| {
        let query = format!("stdout=1&stderr=1&until={}", bound(ts, podman));
        probe.raw_log(&id, &query).await.lines()
    };
    let (to, earlier) = if podman { (Timestamp(at.0 + 1), at) } else { (at, Timestamp(at.0 - 1)) };
    same(
        "until is exact to the nanosecond",
        until(to).await,
        ["0", "1", "2"].map(String::from).to_vec(),
    )?;
    let seen = until(earlier).await;
    same("until one nanosecond earlier", seen, ["0", "1"].map(String::from).to_vec())
}

pub(super) async fn since_and_tail_together(probe: &Probe<'_>) -> Outcome {
    let podman = probe.host.expected().is_podman();
    let id = probe.plain("together");
    probe.lines(&id, &FIVE).await;
    let stamps = probe.host.stamps(&id);
    let ask = async |tail, since: Timestamp| {
        let since = Some(Timestamp(since.0 - i64::from(podman)));
        let request = LogRequest { tail: Tail::Last(tail), since, ..Probe::all(&id) };
        probe.ask(&request).await.unwrap()
    };
    let seen = ask(2, stamps[0]).await;
    same("an old since leaves the tail as it is", texts(&seen), FIVE[3..].to_vec())?;
    let seen = ask(3, stamps[4]).await;
    same("since filters what the tail has left", texts(&seen), FIVE[4..].to_vec())
}

/// All pieces of a line have the time of its first, so a line that is finished late goes back in
/// time: no clock has to be set for that.
pub(super) async fn since_where_time_goes_back(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("inverted");
    probe.host.write(&id, Fd::Stdout, &vec![b'x'; 16_400]);
    probe.settled(&id, 1).await;
    probe.host.write(&id, Fd::Stderr, b"between\n");
    probe.settled(&id, 2).await;
    probe.line(&id, "end");
    let seen = probe.settled(&id, 3).await;
    let order = seen[2].ts == seen[0].ts && seen[1].ts > seen[0].ts;
    holds("the file is not in the order of time", order, shapes(&seen))?;
    let later = probe.since(&id, seen[1].ts).await;
    let drops = probe.host.expected().api_minor() <= 42;
    let expected = if drops { &seen[1..2] } else { &seen[1..] };
    same("since drops every older record, or only those in front", later.as_slice(), expected)
}

fn bound(ts: Timestamp, podman: bool) -> String {
    if podman {
        return ts.to_rfc3339();
    }
    format!("{}.{:09}", ts.0.div_euclid(1_000_000_000), ts.0.rem_euclid(1_000_000_000))
}
