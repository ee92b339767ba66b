//! The steps of a scenario: its verbs and what they take.
//!
//! A step is a word, or a table with one verb. Times are written as in `250ms`. A container is
//! named as at the top of the file, copies and later namesakes included; `all` is every container.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::Containers;
use crate::model::Fd;
use crate::sim::faults::Cut;
use crate::sim::profile::Profile;
use crate::sim::route::Endpoint;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Containers write lines.
    Write(Write),
    /// Pairs of lines on both outputs whose stamps are in the wrong order.
    Race(Lines),
    /// Records that cannot be told apart.
    Tie(Lines),
    /// Containers write in the background from now on.
    KeepWriting(KeepWriting),
    /// They stop doing so.
    StopWriting,
    /// Another container is created and started.
    Run(Containers),
    /// Containers exit.
    Stop(String),
    /// Stopped containers start again.
    Start(String),
    /// Containers die and are restarted by their policy.
    Crash(String),
    /// Containers are removed by force.
    Remove(String),
    /// The same, and others of the same name take their place.
    Recreate(String),
    /// Containers get another name.
    Rename(Rename),
    /// Log files are rotated, whatever their size.
    Rotate(Times),
    /// The current log file is emptied from outside.
    Truncate(String),
    /// The next record to be written is damaged in the file.
    CorruptNext(String),
    /// The next record to be written is hidden by the daemon: only for controls.
    HideNext(String),
    /// The daemon's clock jumps.
    Clock(ClockStep),
    /// The clock's advance with every record; zero makes ties.
    Tick(Span),

    /// Follows say nothing, reads are right.
    StallFollows(String),
    /// Reads get no answer.
    StallReads(String),
    /// Reads get headers and nothing more.
    StallReadBodies(String),
    /// What is open now stays silent for good.
    StallForever(String),
    /// Stalls end.
    Unstall(String),
    /// Open answers end.
    Cut(CutOf),
    /// Follows end with an in-band error.
    ErrorFrame(Text),
    /// The next answer begins with bytes that are no frame.
    Garbage(String),
    /// The next answer begins with a frame of almost 4 GiB.
    GiantLength(String),
    /// The next answer begins with an empty frame.
    ZeroLength(String),
    /// The next answer begins with a frame of an unknown type.
    FrameType(FrameType),
    /// Requests are refused.
    Refuse(Refuse),
    /// Headers come late.
    Delay(Delay),
    /// Answers trickle.
    Dribble(String),
    /// Follows miss the rotations so far.
    SkipRotations(String),
    /// Content types are wrong.
    LieContentType,
    /// Nobody is told of events.
    DropEvents,
    /// Everybody is told twice.
    DoubleEvents,
    /// The event ring overflows.
    OverflowEvents,
    /// So many lists break in the middle.
    ListPartial(u32),
    /// The daemon restarts.
    RestartDaemon(RestartDaemon),
    /// The daemon and its socket go away.
    StopDaemon,
    /// They come back.
    StartDaemon,
    /// Every connection is cut.
    CutConnections,
    /// Something that is not HTTP answers.
    GarbageHttp,
    /// Every lasting fault ends.
    Heal,

    /// Time passes.
    Pass(Span),
    /// Until log files were rotated so many times.
    UntilRotated(Times),
    /// Capture begins.
    StartCapture,
    /// Capture ends in order.
    StopCapture,
    /// Capture of these is paused.
    Pause(String),
    /// And goes on.
    Resume(String),
    /// Their follows are closed and opened.
    Reopen(String),
    /// Until capture shows something.
    Until(UntilStep),
    /// Until everything written so far is proved to be stored.
    Rest,
}

impl Step {
    /// The container that it names, if it names one.
    pub fn target(&self) -> Option<&str> {
        Some(match self {
            Self::Write(write) => &write.to,
            Self::Race(lines) | Self::Tie(lines) => &lines.to,
            Self::KeepWriting(writing) => &writing.to,
            Self::Rename(rename) => &rename.of,
            Self::Rotate(times) | Self::UntilRotated(times) => &times.of,
            Self::Cut(cut) => &cut.of,
            Self::ErrorFrame(text) => &text.of,
            Self::FrameType(frame) => &frame.of,
            Self::Refuse(refuse) => &refuse.of,
            Self::Until(until) => &until.of,
            Self::Stop(of)
            | Self::Start(of)
            | Self::Crash(of)
            | Self::Remove(of)
            | Self::Recreate(of)
            | Self::Truncate(of)
            | Self::CorruptNext(of)
            | Self::HideNext(of)
            | Self::StallFollows(of)
            | Self::StallReads(of)
            | Self::StallReadBodies(of)
            | Self::StallForever(of)
            | Self::Unstall(of)
            | Self::Garbage(of)
            | Self::GiantLength(of)
            | Self::ZeroLength(of)
            | Self::Dribble(of)
            | Self::SkipRotations(of)
            | Self::Pause(of)
            | Self::Resume(of)
            | Self::Reopen(of) => of,
            _ => return None,
        })
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            serde::de::Error::custom(format!(
                "{text:?} is no time ({error}); write it as \"250ms\""
            ))
        })
    }
}

/// Declares the table of a step: all of them refuse unknown keys.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name { $($(#[$attr])* pub(super) $field: $kind,)* }
    )*};
}

tables! {
    /// Lines that are written at once.
    Write {
        to: String,
        #[serde(default = "one")]
        lines: usize,
        /// `{n}` becomes a number that never comes again.
        #[serde(default = "line_text")]
        text: String,
        #[serde(default = "stdout")]
        output: Fd,
        /// Each line is made at least so long.
        #[serde(default)]
        length: usize,
        /// Instead of text: bytes in hex, as in `ff fe 00`.
        bytes: Option<String>,
        #[serde(default = "yes")]
        newline: bool,
    }
    /// Lines without choices.
    Lines {
        to: String,
        #[serde(default = "one")]
        lines: usize,
    }
    /// Lines in the background.
    KeepWriting {
        to: String,
        #[serde(default = "one")]
        lines: usize,
        every: Span,
    }
    /// A new name.
    Rename { of: String, to: String, }
    /// So often.
    Times {
        of: String,
        #[serde(default = "one")]
        times: usize,
    }
    /// How open answers end.
    CutOf { of: String, at: Cut, }
    /// A text.
    Text {
        of: String,
        #[serde(default = "error_text")]
        text: String,
    }
    /// A frame's type.
    FrameType { of: String, kind: u8, }
    /// A status for the next requests.
    Refuse {
        #[serde(default = "all")]
        of: String,
        what: Endpoint,
        status: u16,
        #[serde(default = "once")]
        times: u32,
    }
    /// A delay of headers.
    Delay { what: Endpoint, by: Span, }
    /// How the daemon restarts.
    RestartDaemon {
        #[serde(default = "yes")]
        keep_containers: bool,
        r#as: Option<Profile>,
    }
    /// What capture must show: all that is given.
    UntilStep {
        of: String,
        /// `live`, `gone`, or a word of the screen as in `paused`.
        is: Option<String>,
        /// So many records are stored.
        stored: Option<u64>,
    }
}

/// A jump of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockStep {
    /// Into the future.
    Forward(Span),
    /// Into the past.
    Back(Span),
}

fn stdout() -> Fd {
    Fd::Stdout
}

fn one() -> usize {
    1
}

fn once() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn all() -> String {
    super::ALL.to_owned()
}

fn line_text() -> String {
    "line {n}".to_owned()
}

fn error_text() -> String {
    "unexpected EOF".to_owned()
}
