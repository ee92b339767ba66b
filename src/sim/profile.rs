//! Which daemon is simulated: the few differences between versions that capture can notice.
//!
//! Each question is one method with its source, so that a new version is one more row here and
//! nothing elsewhere asks for a version by name. The sources are the appendix on Docker and Podman
//! in docs/CAPTURE.md: the daemon's code at the tagged version, an issue, or a measurement.

use serde::{Deserialize, Serialize};

/// A daemon version to imitate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Docker 20.10: API 1.41, follows replay after a file rotation, `since` leaves out files.
    Moby20_10,
    /// Docker 23.0: follows by notification and does not replay any more.
    Moby23,
    /// Docker 24.0: `since` skips to the first record that is not older, and passes the rest.
    Moby24,
    /// Docker 25.0: the headers of a follow are withheld until its first line (moby#47448).
    Moby25,
    /// Docker 27.4: the rest of a file behind a record that cannot be decoded is skipped without a sign.
    Moby27_4,
    /// Docker 29.0: refuses API versions below 1.44.
    Moby29,
    /// Podman 4.3 with the k8s-file driver, through its compatible API.
    Podman4,
}

/// What an answer does at a record that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtCorrupt {
    /// It ends with an error in the stream.
    Fail,
    /// It goes on behind the file, without a sign.
    SkipFile,
    /// It goes on some records later, without a sign.
    DropReadAhead,
}

/// The facts of one version that are plain values.
struct Facts {
    name: &'static str,
    version: &'static str,
    api_minor: u32,
    min_api_minor: u32,
}

impl Profile {
    /// Every version, oldest first, Podman last.
    pub const ALL: [Self; 7] = [
        Self::Moby20_10,
        Self::Moby23,
        Self::Moby24,
        Self::Moby25,
        Self::Moby27_4,
        Self::Moby29,
        Self::Podman4,
    ];

    fn facts(self) -> Facts {
        let (name, version, api_minor, min_api_minor) = match self {
            Self::Moby20_10 => ("moby20_10", "20.10.24", 41, 12),
            Self::Moby23 => ("moby23", "23.0.6", 42, 12),
            Self::Moby24 => ("moby24", "24.0.9", 43, 12),
            Self::Moby25 => ("moby25", "25.0.5", 44, 24),
            Self::Moby27_4 => ("moby27_4", "27.4.1", 47, 24),
            Self::Moby29 => ("moby29", "29.0.4", 52, 44),
            Self::Podman4 => ("podman4", "4.3.1", 41, 24),
        };
        Facts { name, version, api_minor, min_api_minor }
    }

    /// The word that scenario files use, as in `moby20_10`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The server's version.
    pub fn version(self) -> &'static str {
        self.facts().version
    }

    /// The minor of the newest API version, as in `1.41`.
    pub fn api_minor(self) -> u32 {
        self.facts().api_minor
    }

    /// The minor of the oldest API version that is still served.
    pub fn min_api_minor(self) -> u32 {
        self.facts().min_api_minor
    }

    /// Whether this is Podman, which differs from Docker in more than its version.
    pub fn is_podman(self) -> bool {
        self == Self::Podman4
    }

    /// Whether `since` drops every older record. From 24.0 on (moby e278d3f185) it only skips to
    /// the first record that is not older. Podman filters line by line.
    pub(super) fn since_drops_every(self) -> bool {
        matches!(self, Self::Moby20_10 | Self::Moby23) || self.is_podman()
    }

    /// Whether a record stamped exactly `since` or `until` is left out (podman `Time.After(since)`
    /// and `Time.Before(until)`).
    pub(super) fn bounds_are_exclusive(self) -> bool {
        self.is_podman()
    }

    /// Whether a follow may end before the unfinished line that the end of a run makes a record
    /// (moby#43860; measured on 20.10.24: lost in 19 of 40 follows, never in a read).
    pub(super) fn follows_may_miss_the_rest(self) -> bool {
        self == Self::Moby20_10
    }

    /// Whether a version in the path is compared with those that are served. Podman answers any.
    pub(super) fn checks_versions(self) -> bool {
        !self.is_podman()
    }

    /// Status and words for a log that its driver does not keep.
    pub(super) fn unreadable(self) -> (u16, &'static str) {
        if self.is_podman() {
            (500, "cannot read logs: this container is not logging output")
        } else {
            (501, "configured logging driver does not support reading")
        }
    }

    /// Whether a tail counts lines and puts their pieces together, wrongly: see `select`.
    pub(super) fn merges_in_tails(self) -> bool {
        self.is_podman()
    }

    /// The most that one chunk of the body holds; Docker flushes whole messages. What Go's server
    /// buffers for a chunk goes out when Podman writes more than that.
    pub(super) fn longest_chunk(self) -> Option<usize> {
        self.is_podman().then_some(2_048)
    }

    /// Whether a log answer says nothing before its first line, so that an empty one has a length of
    /// zero and no content type.
    pub(super) fn answers_late(self) -> bool {
        self.is_podman()
    }

    /// Whether inspect calls every driver that keeps a file `json-file`, without its options.
    pub(super) fn hides_log_options(self) -> bool {
        self.is_podman()
    }

    /// Whether a follow that met a file rotation jumps back into the new file once (measured on
    /// 20.10.24: 47 backward jumps in 400,000 lines).
    pub(super) fn replays(self) -> bool {
        self == Self::Moby20_10
    }

    /// Whether a follow goes on in a file that was emptied from outside. From 23.0 on it waits for
    /// the writer's position to come by again (moby#45728); 20.10 was seen to go on.
    pub(super) fn survives_truncation(self) -> bool {
        self == Self::Moby20_10
    }

    /// Whether `since` with compressed files leaves out every rotated file newer than the first
    /// old one: `break` where `continue` was meant (20.10 logfile.go, openRotatedFiles).
    pub(super) fn since_leaves_out_files(self) -> bool {
        self == Self::Moby20_10
    }

    /// Whether every read unpacks all compressed files that `since` does not rule out, up to 27.3
    /// (moby#41678); later versions unpack those that the answer reaches.
    pub(super) fn unpacks_every_file(self) -> bool {
        !matches!(self, Self::Moby27_4 | Self::Moby29) && !self.is_podman()
    }

    /// Whether the headers of a follow wait for the first line.
    pub(super) fn withholds_headers(self) -> bool {
        self == Self::Moby25 || self.answers_late()
    }

    /// What an answer does at a record that cannot be decoded. 20.10 drops what its decoder had
    /// read ahead and goes on (measured: one broken line in 2,000 records cost an answer 60 to 408
    /// more), but only in json: `local` says so in the stream (seen on 20.10.24). 27.4 and later
    /// leave out the rest of the file (moby d48c403efa), if what is written already is read: a
    /// follow begins behind that at the end of the file.
    pub(super) fn at_corrupt_record(self, backlog: bool, driver: &str) -> AtCorrupt {
        match self {
            Self::Moby20_10 if driver == "json-file" => AtCorrupt::DropReadAhead,
            Self::Moby27_4 | Self::Moby29 if backlog => AtCorrupt::SkipFile,
            _ => AtCorrupt::Fail,
        }
    }

    /// Whether a follow reads its tail first and opens the file's end only then, so that what is
    /// written in between is in neither (podman libpod/logs).
    pub(super) fn follow_opens_late(self) -> bool {
        self.is_podman()
    }

    /// How many bytes of output share one timestamp: conmon stamps what it reads at once.
    pub(super) fn stamps_per_buffer(self) -> Option<usize> {
        self.is_podman().then_some(super::record::PODMAN_CHUNK)
    }

    /// Whether events come from a journal, so that a restart forgets none of them and every one of
    /// them can be replayed.
    pub(super) fn keeps_events(self) -> bool {
        self.is_podman()
    }

    /// How many of its past events can be replayed.
    pub(super) fn replayable_events(self) -> usize {
        if self.keeps_events() { usize::MAX } else { super::events::REPLAYABLE }
    }

    /// The action of an event. The compatible API renames `died`, but not `remove`.
    pub(super) fn event_action(self, action: &str) -> &str {
        if self.is_podman() && action == "destroy" { "remove" } else { action }
    }

    /// The `Content-Type` of a log answer, sent from API 1.42 on. Podman sends what Go's server
    /// makes of the first bytes.
    pub(super) fn log_content_type(self, tty: bool) -> Option<&'static str> {
        match (self.is_podman(), tty) {
            (true, true) => Some("text/plain; charset=utf-8"),
            (true, false) => Some("application/octet-stream"),
            (false, _) if self.api_minor() < 42 => None,
            (false, true) => Some("application/vnd.docker.raw-stream"),
            (false, false) => Some("application/vnd.docker.multiplexed-stream"),
        }
    }
}
