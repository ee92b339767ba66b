//! Files under a log: rotation, compression, damage, truncation.

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use futures_util::StreamExt;
use logcap_tui::docker::{LogRequest, Tail};
use logcap_tui::model::{ContainerId, Fd};
use logcap_tui::sim::ContainerSpec;

use super::probe::{Seen, texts};
use super::{DEADLINE, Outcome, Probe, holds, same, wire};

/// Writes numbered lines in one go and waits for the last.
async fn burst(probe: &Probe<'_>, id: &ContainerId, numbers: std::ops::Range<u32>) -> Vec<Seen> {
    let last = line(numbers.end - 1);
    let text: String = numbers.map(|number| line(number) + "\n").collect();
    probe.host.write(id, Fd::Stdout, text.as_bytes());
    let tail = LogRequest { tail: Tail::Last(1), ..Probe::all(id) };
    probe.read_until(&tail, |seen| texts(seen) == [last.as_str()]).await;
    probe.ask(&Probe::all(id)).await.unwrap_or_default()
}

fn line(number: u32) -> String {
    format!("line {number:04}")
}

fn lines(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(line).collect()
}

pub(super) async fn rotation_keeps_a_suffix(probe: &Probe<'_>) -> Outcome {
    let id = probe.run(&ContainerSpec::named("rotating").rotating("2k", 3));
    let seen = burst(probe, &id, 0..200).await;
    // 25 or 26 of these lines fill a file.
    holds(
        "two full files and a part of one are kept",
        (51..=78).contains(&seen.len()),
        seen.len(),
    )?;
    let expected = lines(200 - u32::try_from(seen.len()).unwrap()..200);
    same(
        "what is kept is the end of what was written",
        texts(&seen),
        expected.iter().map(String::as_str).collect(),
    )?;
    same("and all that the files hold", seen.len(), probe.host.stamps(&id).len())?;
    let tail = probe.read(&id, Tail::Last(40)).await;
    same("a tail reaches over files", tail.as_slice(), &seen[seen.len() - 40..])
}

/// 20.10 goes through the rotated files from the oldest and stops at the first that is too old.
pub(super) async fn since_leaves_out_compressed_files(probe: &Probe<'_>) -> Outcome {
    let spec = ContainerSpec::named("packed").rotating("2k", 5).option("compress", "true");
    let id = probe.run(&spec);
    let seen = burst(probe, &id, 0..110).await;
    let start = std::time::Instant::now();
    while probe.host.compressed(&id) < 4 {
        assert!(start.elapsed() < DEADLINE, "the files are not compressed");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    same("compressed files are read", seen.len(), 110)?;
    // In the youngest of the four rotated files, 26 lines at most before the current one.
    let since = probe.since(&id, seen[95].ts).await;
    let complete = since.len() == 15;
    let leaves_out = probe.host.expected().api_minor() <= 41;
    holds("an old file hides the younger ones from since", complete != leaves_out, since.len())?;
    same("the current file is always read", since.last(), seen.last())
}

pub(super) async fn a_line_that_cannot_be_decoded(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("damaged");
    burst(probe, &id, 0..1_000).await;
    probe.host.damage(&id);
    burst(probe, &id, 1_000..2_000).await;
    let behind = probe.read(&id, Tail::Last(1_000)).await;
    let whole = lines(1_000..2_000);
    same(
        "a tail that begins behind it is whole",
        texts(&behind),
        whole.iter().map(String::as_str).collect(),
    )?;
    for tail in ["1001", "1100", "all"] {
        let answer = probe.raw_log(&id, &format!("stdout=1&tail={tail}")).await;
        let (frames, left) = wire::frames(&answer.body());
        same("its status says nothing", (answer.status, left), (200, 0))?;
        holds("its frames say nothing", frames.iter().all(|(kind, _)| *kind == 1), frames.last())?;
        let seen = answer.lines();
        same("it reaches the end", seen.last(), whole.last())?;
        let asked = tail.parse().unwrap_or(2_001_usize);
        // The line itself and the good ones that were read ahead with it.
        let missing = asked - seen.len();
        holds(
            "records behind the line are missing",
            (2..1_000).contains(&missing),
            (tail, missing),
        )?;
        let in_order = seen.windows(2).all(|pair| pair[0] < pair[1]);
        holds("nothing is doubled", in_order, seen.len())?;
    }
    Ok(())
}

/// The only error in a stream that a 20.10 could be made to send. bollard, which guesses the framing
/// by the first byte, takes it for the line of a terminal, header and all; our client must not.
pub(super) async fn a_damaged_local_log_says_so(probe: &Probe<'_>) -> Outcome {
    let id = probe.run(&ContainerSpec::named("spoiled").driver("local"));
    burst(probe, &id, 0..20).await;
    probe.host.overwrite(&id, 10);
    let behind = probe.read(&id, Tail::Last(9)).await;
    same("a tail that begins behind it is whole", behind.len(), 9)?;
    let answer = probe.raw_log(&id, "stdout=1&stderr=1").await;
    let (frames, left) = wire::frames(&answer.body());
    let (error, before) = frames.split_last().unwrap();
    same("an error ends the answer, as a frame of its own type", (error.0, left), (3, 0))?;
    holds("in these words", error.1.starts_with("Error grabbing logs: "), &error.1)?;
    // The error overtakes records that were on their way, so how many come is chance.
    let texts: Vec<_> = before.iter().map(|(_, text)| text.trim_end().to_owned()).collect();
    let count = u32::try_from(before.len()).unwrap();
    let front = count <= 10 && texts == lines(0..count);
    holds("before it stands the front of the log, or less of it", front, texts)?;
    let error = probe.ask(&Probe::all(&id)).await.err();
    let told = error.as_ref().is_some_and(|error| error.to_string().contains("grabbing logs"));
    holds("our client calls it an error", told, error)?;
    let socket = probe.host.socket();
    let version = bollard::API_DEFAULT_VERSION;
    let other = bollard::Docker::connect_with_unix(socket.to_str().unwrap(), 10, version).unwrap();
    let options = LogsOptions { stdout: true, stderr: true, ..Default::default() };
    let items: Vec<_> = other.logs(id.as_str(), Some(options)).collect().await;
    let last = items.last().map(|item| item.as_ref().ok());
    let console = matches!(last, Some(Some(LogOutput::Console { message })) if message[0] == 3);
    holds("bollard calls it a line", console, last)
}

pub(super) async fn a_truncated_file_holds_what_comes_later(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("emptied");
    probe.lines(&id, &["1", "2"]).await;
    let mut follow = probe.follow(&id, Tail::Last(1)).await;
    follow.records(1).await;
    probe.host.truncate(&id);
    same("nothing is left", texts(&probe.read(&id, Tail::All).await), [""; 0].to_vec())?;
    probe.line(&id, "3");
    let seen = probe.settled(&id, 1).await;
    same("the writer goes on at the front", texts(&seen), vec!["3"])?;
    if probe.host.expected().api_minor() <= 41 {
        let followed = follow.records(2).await;
        same("an open follow of 20.10 goes on as well", texts(&followed), vec!["2", "3"])?;
    }
    Ok(())
}

/// A file that a rotation began is not open for appending: the writer stays where it was.
pub(super) async fn a_truncated_file_of_several_has_a_hole(probe: &Probe<'_>) -> Outcome {
    let id = probe.run(&ContainerSpec::named("holed").rotating("2k", 3));
    // Two files and ten lines.
    let before = burst(probe, &id, 0..62).await;
    probe.host.truncate(&id);
    let left = probe.read(&id, Tail::All).await;
    let gone = before.len() - left.len();
    holds("only the current file is emptied", (2..26).contains(&gone), gone)?;
    same("what is left is the front", texts(&left), texts(&before[..left.len()]))?;
    probe.line(&id, "in the hole");
    burst(probe, &id, 62..63).await;
    let tail = probe.read(&id, Tail::Last(1)).await;
    same("what comes after it can be read", texts(&tail), vec![line(62).as_str()])?;
    let seen = probe.raw_log(&id, "stdout=1&tail=2").await.lines();
    holds("the next line cannot", !seen.iter().any(|text| text == "in the hole"), seen)
}
