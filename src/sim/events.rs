//! The daemon's event stream: a ring in memory, and subscribers that read behind it.
//!
//! As in dockerd the last 256 events can be replayed with `since`, a subscriber that lags more
//! than 1,024 loses events without a sign, and all of it is gone when the daemon restarts (A5).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::Frame;
use serde_json::json;

use crate::model::Timestamp;

use super::container::Container;
use super::profile::Profile;
use super::signal::{Signal, Watcher};
use super::stream::Broken;
use super::world::Core;

/// How many past events Docker can replay.
pub(super) const REPLAYABLE: usize = 256;
const BACKLOG: usize = 1024;

#[derive(Debug)]
struct Entry {
    number: u64,
    ts: Timestamp,
    line: Bytes,
}

/// All events of this incarnation of the daemon that somebody could still receive.
#[derive(Debug)]
pub(super) struct EventHub {
    ring: VecDeque<Entry>,
    next: u64,
    /// Events happen but nobody is told.
    pub(super) dropping: bool,
    /// Every event is told twice.
    pub(super) doubling: bool,
    profile: Profile,
    changed: Signal,
}

impl EventHub {
    pub(super) fn new(profile: Profile) -> Self {
        let changed = Signal::default();
        Self { ring: VecDeque::new(), next: 0, dropping: false, doubling: false, profile, changed }
    }

    /// The daemon is another version from now on.
    pub(super) fn upgrade(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// Publishes one event.
    pub(super) fn publish(&mut self, ts: Timestamp, line: &Bytes) {
        if self.dropping {
            return;
        }
        for _ in 0..=usize::from(self.doubling) {
            self.ring.push_back(Entry { number: self.next, ts, line: line.clone() });
            self.next += 1;
        }
        while self.ring.len() > BACKLOG && !self.profile.keeps_events() {
            self.ring.pop_front();
        }
        self.changed.raise();
    }

    /// Forgets everything, as a daemon restart does.
    pub(super) fn forget(&mut self) {
        if !self.profile.keeps_events() {
            self.ring.clear();
        }
    }

    /// Publishes the same event so often that everything before it is pushed out of the ring, also
    /// for a subscriber that has not been sent it yet.
    pub(super) fn overflow(&mut self, ts: Timestamp, line: &Bytes) {
        (0..=BACKLOG).for_each(|_| self.publish(ts, line));
    }

    /// Where a subscriber begins: at the end, or at the first replayable event not before `since`.
    /// The daemon scans backwards and stops at the first older event.
    pub(super) fn subscribe(&self, since: Option<Timestamp>) -> (u64, Watcher) {
        let replay = self.ring.iter().rev().take(self.profile.replayable_events());
        let replay = replay.take_while(|entry| since.is_some_and(|since| entry.ts >= since));
        let start = replay.last().map_or(self.next, |entry| entry.number);
        (start, self.changed.watch())
    }

    /// Everything from `from` on as one piece, and where to go on.
    pub(super) fn read_from(&self, from: u64) -> (Bytes, u64) {
        let lines = self.ring.iter().filter(|entry| entry.number >= from);
        let text = lines.fold(Vec::new(), |mut text, entry| {
            text.extend_from_slice(&entry.line);
            text
        });
        (text.into(), self.next)
    }
}

/// One open event stream.
#[derive(Debug)]
pub(super) struct Subscriber {
    core: Core,
    next: u64,
    changed: Watcher,
    /// It ends when the replay does.
    ends: bool,
}

impl Subscriber {
    pub(super) fn new(core: &Core, since: Option<Timestamp>, ends: bool) -> Self {
        let (next, changed) = core.lock().events.subscribe(since);
        Self { core: core.clone(), next, changed, ends }
    }

    /// The events as frames of a body.
    pub(super) fn into_frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Broken>> {
        futures_util::stream::unfold(self, async |mut subscriber| {
            let lines = subscriber.next().await?;
            Some((Ok(Frame::data(lines)), subscriber))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let (lines, next) = self.core.lock().events.read_from(self.next);
            self.next = next;
            if !lines.is_empty() {
                return Some(lines);
            }
            if self.ends {
                return None;
            }
            self.changed.changed().await;
        }
    }
}

/// One event as the daemon prints it, with its newline.
pub(super) fn container_event(
    container: &Container,
    action: &str,
    extra: &[(&str, String)],
    ts: Timestamp,
) -> Bytes {
    let mut attributes: BTreeMap<&str, &str> =
        container.spec.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    attributes.insert("image", &container.spec.image);
    attributes.insert("name", &container.spec.name);
    attributes.extend(extra.iter().map(|(k, v)| (*k, v.as_str())));
    let event = json!({
        "status": action,
        "id": container.id.as_str(),
        "from": container.spec.image,
        "Type": "container",
        "Action": action,
        "Actor": { "ID": container.id.as_str(), "Attributes": attributes },
        "scope": "local",
        "time": ts.0.div_euclid(1_000_000_000),
        "timeNano": ts.0,
    });
    Bytes::from(format!("{event}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(timestamps: &[i64]) -> EventHub {
        let mut hub = EventHub::new(Profile::Moby29);
        for ts in timestamps {
            hub.publish(Timestamp(*ts), &Bytes::from(format!("{ts} ")));
        }
        hub
    }

    fn replay(hub: &EventHub, since: i64) -> String {
        let (from, _) = hub.subscribe(Some(Timestamp(since)));
        String::from_utf8_lossy(&hub.read_from(from).0).into_owned()
    }

    #[test]
    fn a_replay_scans_backwards_to_the_first_older_event() {
        let hub = hub(&[1, 9, 2, 5, 6]);
        assert_eq!(replay(&hub, 5), "5 6 ");
        assert_eq!(hub.subscribe(None).0, 5);
    }

    #[test]
    fn only_the_last_256_can_be_replayed() {
        let all: Vec<i64> = (0..1000).collect();
        assert_eq!(replay(&hub(&all), 0).split_whitespace().count(), 256);
    }

    #[test]
    fn a_journal_of_events_survives_everything() {
        let mut hub = EventHub::new(Profile::Podman4);
        (0..2_000).for_each(|ts| hub.publish(Timestamp(ts), &Bytes::from_static(b"x ")));
        hub.forget();
        assert_eq!(replay(&hub, 0).split_whitespace().count(), 2_000);
    }

    #[test]
    fn an_overflow_pushes_out_what_was_not_sent_yet() {
        let mut hub = hub(&[1]);
        hub.overflow(Timestamp(2), &Bytes::from_static(b"noise "));
        assert!(!String::from_utf8_lossy(&hub.read_from(0).0).contains('1'));
    }

    #[test]
    fn dropped_events_never_happened_and_doubled_ones_happen_twice() {
        let mut hub = hub(&[]);
        hub.dropping = true;
        hub.publish(Timestamp(1), &Bytes::from_static(b"1 "));
        (hub.dropping, hub.doubling) = (false, true);
        hub.publish(Timestamp(2), &Bytes::from_static(b"2 "));
        assert_eq!(hub.read_from(0).0, "2 2 ");
        hub.forget();
        assert_eq!(replay(&hub, 0), "");
    }
}
