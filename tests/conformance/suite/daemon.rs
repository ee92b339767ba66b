//! The daemon itself: who it is, what it shows of its containers, how it refuses.

use logcap_tui::docker::{DockerError, Flavor, LogRequest, Tail};
use logcap_tui::model::{ContainerId, RunState};
use logcap_tui::sim::ContainerSpec;

use super::probe::texts;
use super::{Outcome, Probe, holds, same};

pub(super) async fn it_says_who_it_is(probe: &Probe<'_>) -> Outcome {
    let (expected, hello) = (probe.host.expected(), probe.docker.hello().await.unwrap());
    let flavor = if expected.is_podman() { Flavor::Podman } else { Flavor::Docker };
    same("its components tell Docker from Podman", hello.flavor, flavor)?;
    // A distribution may add its own suffix.
    holds("its version", hello.version.starts_with(expected.version()), &hello.version)?;
    same("its newest API version", hello.api.as_str(), &format!("1.{}", expected.api_minor()))?;
    let oldest = format!("1.{}", expected.min_api_minor());
    same("its oldest API version", hello.min_api.as_str(), &oldest)?;
    let said = [&hello.daemon_id, &hello.root_dir, &hello.os, &hello.name];
    holds("it has an id, a root, a system and a name", said.iter().all(|s| !s.is_empty()), said)
}

pub(super) async fn versions_outside_its_range_are_refused(probe: &Probe<'_>) -> Outcome {
    let expected = probe.host.expected();
    let ask = async |minor| probe.raw(&format!("/v1.{minor}/containers/json")).await.status;
    let range = [expected.min_api_minor(), expected.api_minor()];
    same("its own versions are served", [ask(range[0]).await, ask(range[1]).await], [200, 200])?;
    let beyond = [ask(range[0] - 1).await, ask(range[1] + 1).await];
    // Podman's compatible API does not look at the version.
    same("other versions", beyond, if expected.is_podman() { [200; 2] } else { [400; 2] })
}

pub(super) async fn lists_and_inspections_show_what_was_asked_for(probe: &Probe<'_>) -> Outcome {
    let (host, podman) = (probe.host, probe.host.expected().is_podman());
    let spec = ContainerSpec::named("shown").label("team", "red").tty().rotating("1m", 2);
    let id = host.create(&spec);
    let inspect = async || probe.docker.inspect(&id).await.unwrap();
    let created = inspect().await;
    same("created is a state", created.run, RunState::Created)?;
    same("what was never started has no such time", created.started_at, None)?;
    host.start(&id);
    let info = inspect().await;
    same("running is a state", info.run, RunState::Running)?;
    holds("when it was started", info.started_at.is_some(), info.started_at)?;
    same("the name has no slash for us", info.name.as_str(), &host.name("shown"))?;
    same("the image", info.image.as_str(), &host.image())?;
    same("a label", info.labels.get("team").map(String::as_str), Some("red"))?;
    same("the terminal and --rm", (info.tty, info.auto_remove), (true, false))?;
    let option = |key| info.log_config.options.get(key).map(String::as_str);
    let options = (info.log_config.driver.as_str(), option("max-size"), option("max-file"));
    let shown = if podman { (None, None) } else { (Some("1m"), Some("2")) };
    same("the log driver and its options", options, ("json-file", shown.0, shown.1))?;

    let list = async || probe.docker.list().await.unwrap().into_iter().find(|c| c.id == id);
    let listed = list().await.unwrap();
    let name = (listed.name.as_str(), listed.image.as_str(), listed.running);
    same("the list says the same", name, (&host.name("shown"), &host.image(), true))?;
    same("the list has the labels", listed.labels.get("team").map(String::as_str), Some("red"))?;
    host.end(&id);
    same("exited is a state", inspect().await.run, RunState::Exited)?;
    same("what has ended is listed", list().await.map(|c| c.running), Some(false))?;
    host.remove(&id);
    same("what is removed is not", list().await.map(|c| c.running), None)
}

pub(super) async fn what_cannot_be_read_says_why(probe: &Probe<'_>) -> Outcome {
    let podman = probe.host.expected().is_podman();
    let id = ContainerId::new("f".repeat(64)).unwrap();
    for follow in [false, true] {
        let error = probe.ask(&LogRequest { follow, ..Probe::all(&id) }).await.err().unwrap();
        holds("an unknown container is not found", error.is_not_found(), error)?;
    }
    let error = probe.docker.inspect(&id).await.unwrap_err();
    holds("nor inspected", error.is_not_found(), error)?;
    let status = async |id, query| probe.raw_log(id, query).await.status;
    same("no output chosen comes before not found", status(&id, "tail=1").await, 400)?;

    let mute = probe.run(&ContainerSpec::named("mute").driver("none"));
    let unreadable = if podman { 500 } else { 501 };
    same("driver none is not read", status(&mute, "stdout=1").await, unreadable)?;
    same("nor followed", status(&mute, "stdout=1&follow=1").await, unreadable)?;
    let error = probe.ask(&Probe::all(&mute)).await.err().unwrap();
    holds("and told apart", matches!(error, DockerError::NotReadable { .. }), error)?;

    let plain = probe.plain("refusing");
    probe.lines(&plain, &["one", "two"]).await;
    same("no output chosen is refused", status(&plain, "tail=1").await, 400)?;
    let answer = probe.raw_log(&plain, "stdout=1&tail=banana").await;
    same("a tail that is no number", answer.status, if podman { 400 } else { 200 })?;
    let lines = if podman { Vec::new() } else { vec!["one".to_owned(), "two".to_owned()] };
    same("is everything on Docker", answer.lines(), lines)
}

pub(super) async fn an_empty_log_is_an_empty_answer(probe: &Probe<'_>) -> Outcome {
    let id = probe.host.create(&ContainerSpec::named("empty"));
    let chunked = !probe.host.expected().is_podman();
    for started in [false, true] {
        if started {
            probe.host.start(&id);
        }
        let answer = probe.raw_log(&id, "stdout=1&stderr=1").await;
        let body = (answer.status, answer.chunks());
        same("nothing is written and the end is marked", body, (200, (Vec::new(), true)))?;
        let framing = answer.head.contains("transfer-encoding: chunked");
        same("by chunks or by a length of zero", framing, chunked)?;
        same("the client reads it", texts(&probe.read(&id, Tail::All).await), [""; 0].to_vec())?;
    }
    Ok(())
}

pub(super) async fn one_connection_serves_many_reads(probe: &Probe<'_>) -> Outcome {
    let id = probe.plain("kept");
    let written = probe.lines(&id, &["1", "2", "3", "4"]).await;
    let mut kept = None;
    for round in 0..40_u64 {
        let count = round % 4 + 1;
        let request = LogRequest { tail: Tail::Last(count), ..Probe::all(&id) };
        let (seen, after) = probe.ask_on(kept.take(), &request).await.unwrap();
        let expected = &written[written.len() - usize::try_from(count).unwrap()..];
        same("each read is answered for itself", texts(&seen), texts(expected))?;
        holds("the connection is kept", after.is_some(), round)?;
        kept = after;
    }
    Ok(())
}
