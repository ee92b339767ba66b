//! What a follow brings, and how it ends.

use std::io::ErrorKind;

use logcap_tui::docker::{DockerError, Tail};
use logcap_tui::model::Fd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::probe::{texts, within};
use super::{Broken, Outcome, Probe, holds, same};

pub(super) async fn a_stopped_log_is_backlog_and_end(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("stopped");
    probe.lines(&id, &["1", "2", "3"]).await;
    probe.host.end(&id);
    for (tail, expected) in [(Tail::All, &["1", "2", "3"][..]), (Tail::Last(1), &["3"])] {
        let seen = ended(probe.follow(&id, tail).await.rest().await)?;
        same("a follow of what has ended is a read", texts(&seen), expected.to_vec())?;
    }
    Ok(())
}

pub(super) async fn what_is_written_arrives_and_the_end_is_clean(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("followed");
    probe.lines(&id, &["before"]).await;
    let mut follow = probe.follow(&id, Tail::All).await;
    same("the backlog comes first", texts(&follow.records(1).await), vec!["before"])?;
    probe.host.write(&id, Fd::Stderr, b"live\n");
    same("then what is written", texts(&follow.records(2).await), vec!["before", "live"])?;
    probe.line(&id, "last");
    follow.records(3).await;
    probe.host.end(&id);
    let seen = ended(follow.rest().await)?;
    same("the end of the run ends it", texts(&seen), vec!["before", "live", "last"])
}

/// Asked of the socket itself: our client takes no header for an answer that may come later.
pub(super) async fn headers_come_at_once_or_with_the_first_line(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("quiet");
    let mut io = UnixStream::connect(probe.host.socket()).await.unwrap();
    let path = format!("/containers/{}/logs?stdout=1&follow=1", id.as_str());
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    io.write_all(request.as_bytes()).await.unwrap();
    if probe.host.expected().is_podman() {
        // A daemon that has answered so much since would have sent a header long ago.
        for _ in 0..20 {
            probe.read(&id, Tail::All).await;
        }
        let early = io.try_read(&mut [0; 64]).map_err(|error| error.kind());
        same("no header before the first line", early, Err(ErrorKind::WouldBlock))?;
        probe.line(&id, "first");
    }
    let mut head = [0; 15];
    within(io.read_exact(&mut head)).await.unwrap();
    same("a header comes", head.as_slice(), b"HTTP/1.1 200 OK")
}

pub(super) async fn a_tail_and_what_comes_after(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("tailed");
    probe.lines(&id, &["1", "2"]).await;
    let mut one = probe.follow(&id, Tail::Last(1)).await;
    let mut none = probe.follow(&id, Tail::Last(0)).await;
    same("a follow begins with its tail", texts(&one.records(1).await), vec!["2"])?;
    probe.line(&id, "3");
    same("and goes on without a hole", texts(&one.records(2).await), vec!["2", "3"])?;
    same("a tail of nothing is only what comes", texts(&none.records(1).await), vec!["3"])
}

/// On 20.10 chance decides whether the follow ends before it (moby#43860).
pub(super) async fn an_unfinished_line_at_the_end(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("last");
    let mut follow = probe.follow(&id, Tail::All).await;
    probe.host.write(&id, Fd::Stdout, b"whole\nopen");
    follow.records(1).await;
    probe.host.end(&id);
    let seen = ended(follow.rest().await)?;
    let read = probe.settled(&id, 2).await;
    let records: Vec<_> = read.iter().map(|r| (r.text.as_str(), r.newline)).collect();
    same("a read always has it", records, vec![("whole", true), ("open", false)])?;
    let may_miss = probe.host.expected().api_minor() <= 41;
    let whole = seen == read || (may_miss && seen == read[..1]);
    holds("a follow has it, or on 20.10 all but it", whole, texts(&seen))
}

pub(super) async fn a_removed_container_is_drained(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("removed");
    let mut follow = probe.follow(&id, Tail::All).await;
    probe.line(&id, "only");
    follow.records(1).await;
    probe.host.remove(&id);
    same("a follow outlives its container", texts(&ended(follow.rest().await)?), vec!["only"])?;
    let error = probe.ask(&Probe::all(&id)).await.err();
    holds("a read does not", error.as_ref().is_some_and(DockerError::is_not_found), error)
}

pub(super) async fn the_next_run_goes_on_in_the_same_log(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("again");
    probe.lines(&id, &["1"]).await;
    probe.host.write(&id, Fd::Stdout, b"half");
    probe.host.end(&id);
    probe.settled(&id, 2).await;
    probe.host.start(&id);
    probe.line(&id, "2");
    let seen = probe.settled(&id, 3).await;
    let records: Vec<_> = seen.iter().map(|r| (r.text.as_str(), r.newline)).collect();
    let expected = vec![("1", true), ("half", false), ("2", true)];
    same("the next run stands behind the last", records, expected)
}

fn ended<T, E: std::fmt::Display>(rest: Result<T, E>) -> Result<T, Broken> {
    rest.map_err(|error| Broken { claim: "a follow ends cleanly", seen: error.to_string() })
}
