//! What one version does and another does not, one test for each claim.

use std::time::Duration;

use logcap_tui::model::{ContainerId, Fd, Timestamp};
use logcap_tui::sim::{ContainerSpec, Profile, Sim, Target};

use super::client::{daemon, eventually, frames, get, lines, open, within};

const READ: &str = "/containers/web/logs?stdout=1&stderr=1";
const FOLLOW: &str = "/containers/web/logs?stdout=1&stderr=1&follow=1";
const SECOND: i64 = 1_000_000_000;

async fn read(sim: &Sim, query: &str) -> Vec<String> {
    lines(&get(sim, &format!("{READ}&{query}")).await.1)
}

/// Lines named after the second at which they are stamped.
fn write_at(sim: &Sim, id: &ContainerId, seconds: &[i64]) {
    for second in seconds {
        let ts = Some(Timestamp(second * SECOND));
        sim.emit_raw(id, Fd::Stdout, second.to_string().as_bytes(), true, ts);
    }
}

#[tokio::test]
async fn every_version_says_who_it_is_and_which_clients_it_serves() {
    let expected = [
        ("moby20_10", "20.10.24", 41, 12),
        ("moby23", "23.0.6", 42, 12),
        ("moby24", "24.0.9", 43, 12),
        ("moby25", "25.0.5", 44, 24),
        ("moby27_4", "27.4.1", 47, 24),
        ("moby29", "29.0.4", 52, 44),
        ("podman4", "4.3.1", 41, 24),
    ];
    for (profile, (name, version, newest, oldest)) in Profile::ALL.into_iter().zip(expected) {
        assert_eq!(profile.name(), name);
        let daemon = daemon(profile);
        let (_, body) = get(&daemon.sim, "/version").await;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["Version"], version);
        assert_eq!(body["ApiVersion"], format!("1.{newest}"));
        let engine = body["Components"][0]["Name"].as_str().unwrap();
        assert_eq!(engine.contains("Podman"), profile.is_podman());
        let status = async |minor: u32| get(&daemon.sim, &format!("/v1.{minor}/_ping")).await.0;
        assert_eq!((status(oldest).await, status(newest).await), (200, 200), "{name}");
        // Podman does not look at the version.
        let other = if profile.is_podman() { 200 } else { 400 };
        assert_eq!((status(oldest - 1).await, status(newest + 1).await), (other, other), "{name}");
    }
}

#[tokio::test]
async fn since_drops_every_older_record_until_24_and_skips_to_the_first_younger_one_since() {
    for profile in Profile::ALL {
        let daemon = daemon(profile);
        let id = daemon.sim.run(ContainerSpec::named("web"));
        write_at(&daemon.sim, &id, &[1, 5, 3, 6]);
        let got = read(&daemon.sim, "since=5.000000000").await.join(" ");
        let expected = match profile {
            Profile::Moby20_10 | Profile::Moby23 => "5 6",
            Profile::Podman4 => "6",
            _ => "5 3 6",
        };
        assert_eq!(got, expected, "{profile:?}");
    }
}

#[tokio::test]
async fn podman_reads_since_exactly_as_rfc_3339_only() {
    let daemon = daemon(Profile::Podman4);
    let id = daemon.sim.run(ContainerSpec::named("web"));
    let at = 1_767_225_600 * SECOND + 123_456_700;
    for nanos in 0..300 {
        let line = nanos.to_string();
        daemon.sim.emit_raw(&id, Fd::Stdout, line.as_bytes(), true, Some(Timestamp(at + nanos)));
    }
    let exact = read(&daemon.sim, "since=2026-01-01T00:00:00.123456799Z").await;
    assert_eq!(exact.first().map(String::as_str), Some("100"), "exclusive");
    let float = read(&daemon.sim, "since=1767225600.123456799").await;
    assert_ne!(float.first().map(String::as_str), Some("100"), "a float has no such moment");
    assert_eq!(get(&daemon.sim, &format!("{READ}&tail=banana")).await.0, 400);
}

#[tokio::test]
async fn podman_stamps_a_buffer_at_once_and_in_local_time() {
    let daemon = daemon(Profile::Podman4);
    let id = daemon.sim.run(ContainerSpec::named("web").driver("k8s-file"));
    daemon.sim.emit_many(&id, 10_000, |n| format!("{}", n % 10));
    let records = daemon.sim.records(&id);
    let ties = records.iter().filter(|record| record.ts == records[0].ts).count();
    assert_eq!(ties, 4_096, "two bytes a line");
    let (_, body) = get(&daemon.sim, &format!("{READ}&timestamps=1&tail=1")).await;
    let (_, line) = frames(&body).0.remove(0);
    let (stamp, _) = line.split_once(' ').unwrap();
    assert_eq!((stamp.len(), stamp.ends_with("+02:00")), (25, true), "{stamp}");
    let moment: jiff::Timestamp = stamp.parse().unwrap();
    assert_eq!(moment.as_second(), records[9_999].ts.0 / SECOND, "whole seconds");
}

#[tokio::test]
async fn a_follow_with_a_tail_has_a_hole_on_podman_only() {
    for (profile, heard) in [(Profile::Podman4, "tail after"), (Profile::Moby29, "tail hole after")]
    {
        let daemon = daemon(profile);
        let sim = &daemon.sim;
        let id = sim.run(ContainerSpec::named("web"));
        sim.emit(&id, Fd::Stdout, "tail");
        sim.stall_streams(&id);
        let asked = sim.clone();
        let opening = tokio::spawn(async move { open(&asked, &format!("{FOLLOW}&tail=1")).await });
        eventually(|| sim.open_streams(&id, true) == 1).await;
        sim.emit(&id, Fd::Stdout, "hole");
        sim.unstall(&id);
        let mut follow = within(opening).await.unwrap();
        let mut got = lines(&follow.next().await.unwrap().unwrap());
        if profile.is_podman() {
            // Only now, behind its tail, does the follow open the file: when it waits for more.
            let probe = tokio::time::timeout(Duration::from_millis(50), follow.next()).await;
            assert!(probe.is_err(), "the hole was sent");
        }
        sim.emit(&id, Fd::Stdout, "after");
        sim.die(&id);
        got.extend(lines(&follow.rest().await.0));
        assert_eq!(got.join(" "), heard, "{profile:?}");
    }
}

#[tokio::test]
async fn podman_names_a_removal_otherwise_and_its_events_survive_a_restart() {
    for (profile, expected) in
        [(Profile::Podman4, &["create", "start", "die", "remove"][..]), (Profile::Moby24, &[])]
    {
        let daemon = daemon(profile);
        let id = daemon.sim.run(ContainerSpec::named("web"));
        daemon.sim.remove(&id);
        daemon.sim.restart_daemon(true);
        let since = if profile.is_podman() { "2020-01-01T00:00:00Z" } else { "1" };
        let (_, body) = get(&daemon.sim, &format!("/events?since={since}&until=1")).await;
        let body = String::from_utf8(body).unwrap();
        let action = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["Action"].as_str().unwrap().to_owned()
        };
        assert_eq!(body.lines().map(action).collect::<Vec<_>>(), expected, "{profile:?}");
    }
}

#[tokio::test]
async fn the_content_type_is_said_from_23_on_and_guessed_by_podmans_server() {
    for profile in Profile::ALL {
        let daemon = daemon(profile);
        let id = daemon.sim.run(ContainerSpec::named("web"));
        let said = async || open(&daemon.sim, READ).await.headers.contains_key("content-type");
        let of_itself = !matches!(profile, Profile::Moby20_10 | Profile::Podman4);
        assert_eq!(said().await, of_itself, "{profile:?}: nothing to guess from");
        daemon.sim.emit(&id, Fd::Stdout, "text");
        assert_eq!(said().await, profile != Profile::Moby20_10, "{profile:?}");
    }
}

#[tokio::test]
async fn only_20_10_replays_behind_a_rotation() {
    for profile in Profile::ALL {
        let daemon = daemon(profile);
        let sim = &daemon.sim;
        let id = sim.run(ContainerSpec::named("web").rotating("1g", 3));
        // One line of history, because one version withholds the headers of an empty answer.
        sim.emit(&id, Fd::Stdout, "history");
        let follow = open(sim, &format!("{FOLLOW}&tail=1")).await;
        sim.rotate(&id, 1);
        sim.emit_many(&id, 300, |n| n.to_string());
        sim.die(&id);
        let got = lines(&follow.rest().await.0).len();
        assert_eq!(got > 301, profile == Profile::Moby20_10, "{profile:?}: {got}");
    }
}

#[tokio::test]
async fn at_a_corrupt_record_an_answer_fails_or_skips_the_rest_of_the_file() {
    for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::Moby20_10) {
        let daemon = daemon(profile);
        let sim = &daemon.sim;
        let id = sim.run(ContainerSpec::named("web").rotating("1g", 3));
        sim.corrupt_record(&id, 2);
        sim.emit_many(&id, 5, |n| format!("old {n}"));
        sim.rotate(&id, 1);
        sim.emit_many(&id, 2, |n| format!("new {n}"));
        let (answer, left) = frames(&get(sim, READ).await.1);
        assert_eq!(left, 0);
        let kinds: Vec<u8> = answer.iter().map(|(kind, _)| *kind).collect();
        let skips = matches!(profile, Profile::Moby27_4 | Profile::Moby29);
        let expected = if skips { &[1, 1, 1, 1][..] } else { &[1, 1, 3] };
        assert_eq!(kinds, expected, "{profile:?}");
        assert_eq!(answer.last().unwrap().1.starts_with("Error grabbing logs: "), !skips);
        assert_eq!(read(sim, "tail=4").await, ["old 3", "old 4", "new 0", "new 1"]);
        // `since` decodes what it skips.
        let since = frames(&get(sim, &format!("{READ}&since=8000000000")).await.1).0;
        assert_eq!(since.len(), usize::from(!skips), "{profile:?}");
        assert!(sim.records(&id)[2].corrupt);
    }
}

#[tokio::test]
async fn on_20_10_a_corrupt_record_costs_an_answer_others_without_an_error() {
    let daemon = daemon(Profile::Moby20_10);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    sim.corrupt_record(&id, 999);
    sim.emit_many(&id, 2_000, |n| n.to_string());
    assert_eq!(read(sim, "tail=1000").await.len(), 1_000, "it begins behind the place");
    let mut missing = Vec::new();
    for tail in [1_001, 1_003, 1_100, 2_000] {
        let got = read(sim, &format!("tail={tail}")).await;
        assert_eq!(got.last().map(String::as_str), Some("1999"));
        missing.push(tail - got.len());
    }
    assert!(missing.iter().all(|missing| (41..441).contains(missing)), "{missing:?}");
    missing.dedup();
    assert!(missing.len() > 1, "it depends on where the answer begins: {missing:?}");
    assert!(frames(&get(sim, READ).await.1).0.iter().all(|(kind, _)| *kind == 1));
}

#[tokio::test]
async fn a_follow_ends_with_an_error_at_a_corrupt_record_but_on_20_10_skips() {
    for (profile, expected) in [
        (Profile::Moby24, &[1, 3][..]),
        (Profile::Moby27_4, &[1, 3]),
        (Profile::Moby20_10, &[1, 1]),
    ] {
        let daemon = daemon(profile);
        let sim = &daemon.sim;
        let id = sim.run(ContainerSpec::named("web"));
        let mut follow = open(sim, FOLLOW).await;
        sim.corrupt_record(&id, 1);
        sim.emit_many(&id, 3, |n| n.to_string());
        let mut got = follow.next().await.unwrap().unwrap().to_vec();
        if profile == Profile::Moby20_10 {
            let probe = tokio::time::timeout(Duration::from_millis(50), follow.next()).await;
            assert!(probe.is_err(), "what was read ahead was sent");
            sim.emit(&id, Fd::Stdout, "later");
            sim.die(&id);
        }
        let (rest, clean) = follow.rest().await;
        got.extend(rest);
        let kinds: Vec<u8> = frames(&got).0.iter().map(|(kind, _)| *kind).collect();
        assert_eq!((&kinds[..], clean), (expected, true), "{profile:?}");
    }
}

#[tokio::test]
async fn a_follow_of_27_4_leaves_out_the_rest_of_its_backlog_behind_a_corrupt_record() {
    for (profile, skips) in [(Profile::Moby24, false), (Profile::Moby27_4, true)] {
        let daemon = daemon(profile);
        let sim = &daemon.sim;
        let id = sim.run(ContainerSpec::named("web"));
        sim.corrupt_record(&id, 1);
        sim.emit_many(&id, 3, |n| n.to_string());
        let follow = open(sim, FOLLOW).await;
        sim.emit(&id, Fd::Stdout, "later");
        sim.die(&id);
        let got = lines(&follow.rest().await.0);
        assert_eq!((got.len(), got[0].as_str(), got[1] == "later"), (2, "0", skips), "{got:?}");
    }
}

#[tokio::test]
async fn a_tail_unpacks_every_compressed_file_until_27_3_and_since_avoids_it() {
    for profile in [Profile::Moby20_10, Profile::Moby25, Profile::Moby27_4, Profile::Moby29] {
        let daemon = daemon(profile);
        let sim = &daemon.sim;
        let id = sim.run(ContainerSpec::named("web").driver("local"));
        for _ in 0..3 {
            sim.emit(&id, Fd::Stdout, "old");
            sim.rotate(&id, 1);
        }
        sim.advance_clock(Duration::from_hours(1));
        sim.emit(&id, Fd::Stdout, "new");
        let cost = async |query: &str| {
            let before = sim.unpacked_files(&id);
            assert_eq!(read(sim, query).await.last().map(String::as_str), Some("new"));
            sim.unpacked_files(&id) - before
        };
        let since = format!("tail=64&since={}.0", sim.now().0 / SECOND - 60);
        let lazy = matches!(profile, Profile::Moby27_4 | Profile::Moby29);
        assert_eq!(cost("tail=1").await, if lazy { 0 } else { 3 }, "{profile:?}");
        assert_eq!(cost(&since).await, if lazy { 3 } else { 0 }, "{profile:?}");
    }
}

#[tokio::test]
async fn a_daemon_can_come_back_as_another_version() {
    let daemon = daemon(Profile::Moby24);
    let sim = &daemon.sim;
    let id = sim.run(ContainerSpec::named("web"));
    assert_eq!(get(sim, "/v1.43/_ping").await.0, 200);
    let follow = open(sim, FOLLOW).await;
    sim.restart_as(Profile::Moby29, true);
    assert!(!follow.rest().await.1);
    eventually(|| sim.open_streams(Target::All, true) == 0).await;
    assert_eq!((sim.profile(), get(sim, "/v1.43/_ping").await.0), (Profile::Moby29, 400));
    sim.emit(&id, Fd::Stdout, "still here");
    assert_eq!(read(sim, "tail=1").await, ["still here"]);
}

#[tokio::test]
async fn journald_keeps_microseconds() {
    let daemon = daemon(Profile::Moby24);
    let id = daemon.sim.run(ContainerSpec::named("web").driver("journald"));
    daemon.sim.set_tick(Duration::from_nanos(100));
    daemon.sim.emit_many(&id, 100, |n| n.to_string());
    let records = daemon.sim.records(&id);
    assert!(records.iter().all(|record| record.ts.0 % 1_000 == 0));
    assert!(records.windows(2).filter(|pair| pair[0].ts == pair[1].ts).count() > 80);
}
