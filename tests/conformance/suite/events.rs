//! The events of a container's life.

use logcap_tui::docker::DockerEventKind as Kind;
use logcap_tui::model::{ContainerId, Timestamp};

use super::probe::within;
use super::{Outcome, Probe, holds, same};

const LIFE: [Kind; 6] =
    [Kind::Create, Kind::Start, Kind::Die, Kind::Start, Kind::Die, Kind::Destroy];

/// Two runs and a removal, and the events of it that capture knows, to the last.
async fn live(probe: &Probe<'_>, name: &str) -> (ContainerId, Vec<(Kind, String, Timestamp)>) {
    let mut events = within(probe.docker.events()).await.unwrap();
    let id = probe.plain(name);
    probe.host.end(&id);
    probe.host.start(&id);
    probe.host.end(&id);
    probe.host.remove(&id);
    let mut seen: Vec<(Kind, String, Timestamp)> = Vec::new();
    while seen.last().is_none_or(|(kind, ..)| *kind != Kind::Destroy) {
        let event = within(events.next()).await.unwrap();
        // Both daemons tell more: kill, attach, init, cleanup.
        if event.id == id && event.kind != Kind::Other {
            seen.push((event.kind, event.name, event.at.unwrap()));
        }
    }
    (id, seen)
}

pub(super) async fn a_life_is_told_in_order(probe: &Probe<'_>) -> Outcome {
    let (_, seen) = live(probe, "living").await;
    let kinds: Vec<_> = seen.iter().map(|(kind, ..)| *kind).collect();
    same("create, start, die, destroy, in this order", kinds, LIFE.to_vec())?;
    let name = probe.host.name("living");
    holds("each names its container", seen.iter().all(|(_, named, _)| *named == name), &seen)?;
    let in_time = seen.windows(2).all(|pair| pair[0].2 <= pair[1].2);
    holds("and is not older than the one before", in_time, &seen)
}

pub(super) async fn the_past_is_told_again(probe: &Probe<'_>) -> Outcome {
    let (id, seen) = live(probe, "past").await;
    let bound = |ts: Timestamp| {
        format!("{}.{:09}", ts.0.div_euclid(1_000_000_000), ts.0.rem_euclid(1_000_000_000))
    };
    let (first, last) = (seen[0].2, seen[seen.len() - 1].2);
    let told = async |since| {
        let path = format!("/events?since={}&until={}", bound(since), bound(last));
        let body = String::from_utf8(probe.raw(&path).await.body()).unwrap();
        let events = body.lines().filter(|line| line.contains(id.as_str()));
        let action = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["Action"].as_str().unwrap_or_default().to_owned()
        };
        let known =
            |action: &String| ["create", "start", "die", "destroy"].contains(&action.as_str());
        events.map(action).filter(known).collect::<Vec<_>>().join(" ")
    };
    let life = "create start die start die destroy";
    same("both bounds are inclusive", told(first).await.as_str(), life)?;
    let later = told(Timestamp(first.0 + 1)).await;
    same("to the nanosecond", later.as_str(), "start die start die destroy")
}
