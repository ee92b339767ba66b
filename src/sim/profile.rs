//! Which daemon is simulated: the few differences between versions that capture can notice.
//!
//! Each question is one method with its source, so that a new version is one more column here and
//! nothing elsewhere asks for a version by name.

/// A daemon version to imitate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Docker 20.10: API 1.41, follows replay after a file rotation.
    Moby20_10,
    /// Docker 25.0: the headers of a follow are withheld until its first line (moby#47448).
    Moby25,
    /// Docker 29.0: refuses API versions below 1.44.
    Moby29,
}

impl Profile {
    /// The server's version.
    pub fn version(self) -> &'static str {
        match self {
            Self::Moby20_10 => "20.10.24",
            Self::Moby25 => "25.0.5",
            Self::Moby29 => "29.0.4",
        }
    }

    /// The minor of the newest API version, as in `1.41`.
    pub fn api_minor(self) -> u32 {
        match self {
            Self::Moby20_10 => 41,
            Self::Moby25 => 44,
            Self::Moby29 => 52,
        }
    }

    /// The minor of the oldest API version that is still served.
    pub fn min_api_minor(self) -> u32 {
        match self {
            Self::Moby20_10 => 12,
            Self::Moby25 => 24,
            Self::Moby29 => 44,
        }
    }

    /// Whether `since` drops every older record. From 24.0 on (moby e278d3f185) it only skips to
    /// the first record that is not older.
    pub(super) fn since_drops_every(self) -> bool {
        self == Self::Moby20_10
    }

    /// Whether a follow that met a file rotation jumps back into the new file once (measured on
    /// 20.10.24: 47 backward jumps in 400,000 lines).
    pub(super) fn replays(self) -> bool {
        self == Self::Moby20_10
    }

    /// Whether `since` with compressed files leaves out every rotated file newer than the first
    /// old one: `break` where `continue` was meant (20.10 logfile.go, openRotatedFiles).
    pub(super) fn since_leaves_out_files(self) -> bool {
        self == Self::Moby20_10
    }

    /// Whether the headers of a follow wait for the first line.
    pub(super) fn withholds_headers(self) -> bool {
        self == Self::Moby25
    }

    /// The `Content-Type` of a log answer, sent from API 1.42 on.
    pub(super) fn log_content_type(self, tty: bool) -> Option<&'static str> {
        (self.api_minor() >= 42).then_some(if tty {
            "application/vnd.docker.raw-stream"
        } else {
            "application/vnd.docker.multiplexed-stream"
        })
    }
}
