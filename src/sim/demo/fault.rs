//! The faults of the demo's palette: what each does, and what to look at afterwards.

use std::time::Duration;

use super::cast::{AUTH, CHAT, DATABASE, EDGE, WEB, WORKER};
use super::world::{Chore, Later, World};
use crate::model::ContainerId;
use crate::sim::faults::{Cut, Target};
use crate::sim::route::Endpoint;

/// Everything that answers a client.
pub(super) const ENDPOINTS: [Endpoint; 7] = [
    Endpoint::Ping,
    Endpoint::Version,
    Endpoint::Info,
    Endpoint::List,
    Endpoint::Inspect,
    Endpoint::Events,
    Endpoint::Logs,
];

const STALLED: Duration = Duration::from_secs(25);
const AWAY: Duration = Duration::from_secs(5);
const SLOW: Duration = Duration::from_secs(6);
const HANGING: Duration = Duration::from_secs(20);
const SILENT: Duration = Duration::from_secs(45);
const BEHIND: Duration = Duration::from_secs(90);
const BEHIND_FOR: Duration = Duration::from_mins(1);
const DEAD: Duration = Duration::from_secs(12);

/// One entry of the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoFault {
    /// Every log stream ends in the middle of a frame.
    CutStreams,
    /// One container's log answers hang.
    Stall,
    /// The daemon goes away and comes back.
    RestartDaemon,
    /// Files are rotated away while nobody can read them.
    RotateAway,
    /// The daemon cannot decode a record of its own file.
    CorruptRecord,
    /// A log file is emptied from outside.
    Truncate,
    /// No event is told any more.
    DropEvents,
    /// The daemon accepts connections and answers nothing.
    Hang,
    /// A container is killed.
    Kill,
    /// Hundreds of identical lines with one and the same timestamp.
    Ties,
    /// The daemon's clock steps back.
    ClockBack,
}

impl DemoFault {
    /// All of them, in the order of the palette.
    pub const ALL: [Self; 11] = [
        Self::CutStreams,
        Self::Stall,
        Self::RestartDaemon,
        Self::RotateAway,
        Self::CorruptRecord,
        Self::Truncate,
        Self::DropEvents,
        Self::Hang,
        Self::Kill,
        Self::Ties,
        Self::ClockBack,
    ];

    /// What it does, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::CutStreams => "cut every log stream in the middle of a frame",
            Self::Stall => "stall the log of shop/web-1 for 25 s",
            Self::RestartDaemon => "restart the daemon: gone for 5 s",
            Self::RotateAway => "rotate the files of cdn/edge-1 away under a slow reader",
            Self::CorruptRecord => "corrupt a record of shop/db-1",
            Self::Truncate => "empty the log file of shop/web-1 from outside",
            Self::DropEvents => "drop all events for 45 s, and restart chat unseen",
            Self::Hang => "let the daemon hang for 20 s",
            Self::Kill => "kill shop/worker-1; it is started again 12 s later",
            Self::Ties => "flood auth with lines that cannot be told apart",
            Self::ClockBack => "set the daemon's clock 90 s back for a minute",
        }
    }

    /// What to look at.
    pub fn watch(self) -> &'static str {
        match self {
            Self::CutStreams => "all reopen within a second; the column rot counts, no gap",
            Self::Stall => {
                "heartbeat turns red, a read fails and is tried again; then lag falls to 0"
            }
            Self::RestartDaemon => "the screen says so, heals by itself, and nothing is missing",
            Self::RotateAway => "its log shows a gap with the cause; the column gaps counts",
            Self::CorruptRecord => {
                "the engine reads around it: a gap of one line, with the daemon's own words"
            }
            Self::Truncate => "what was read before is stored; a gap stands only for what was not",
            Self::DropEvents => "the next list notices what no event told",
            Self::Hang => "deadlines expire, retries follow, and lines are late but not lost",
            Self::Kill => "state ended once its last line is proved, then live again",
            Self::Ties => "each of them is stored once, or a gap says how many may be missing",
            Self::ClockBack => "lines stay in the order of the daemon's log",
        }
    }

    /// Does it; what was done, in words.
    pub(super) fn apply(self, world: &mut World) -> String {
        match self {
            Self::CutStreams => {
                let open = world.sim.open_streams(Target::All, true);
                world.sim.cut_streams(Target::All, Cut::MidFrame);
                format!("cut {open} streams in the middle of a frame")
            }
            Self::Stall => stall(world),
            Self::RestartDaemon => restart_daemon(world),
            Self::RotateAway => rotate_away(world),
            Self::CorruptRecord => on(world, DATABASE, |world, id| {
                world.sim.corrupt_record(id, world.sim.records(id).len());
                "the next record of shop/db-1 will be damaged in the daemon's file".to_owned()
            }),
            Self::Truncate => on(world, WEB, |world, id| {
                world.sim.truncate(id);
                "emptied the log file of shop/web-1 from outside".to_owned()
            }),
            Self::DropEvents => {
                world.sim.drop_events(true);
                world.later(SILENT, Later::TellEvents);
                world.kill(CHAT, DEAD);
                "no event is told for 45 s; chat was killed meanwhile".to_owned()
            }
            Self::Hang => {
                world.hang(HANGING);
                world.sim.stall_streams(Target::All);
                world.sim.stall_reads(Target::All);
                world.later(HANGING, Later::Unstall(Target::All));
                "the daemon answers nothing for 20 s".to_owned()
            }
            Self::Kill => {
                world.kill(WORKER, DEAD);
                "killed shop/worker-1 (exit code 137), back in 12 s".to_owned()
            }
            Self::Ties => on(world, AUTH, ties),
            Self::ClockBack => {
                world.step_back(BEHIND);
                world.later(BEHIND_FOR, Later::RightClock);
                "the daemon's clock is 90 s behind for a minute".to_owned()
            }
        }
    }
}

fn on(
    world: &mut World,
    name: &str,
    act: impl FnOnce(&mut World, &ContainerId) -> String,
) -> String {
    match world.id_of(name) {
        Some(id) => act(world, &id),
        None => format!("{name} is not there just now"),
    }
}

fn stall(world: &mut World) -> String {
    on(world, WEB, |world, id| {
        world.sim.stall_streams(id);
        world.sim.stall_reads(id);
        world.later(STALLED, Later::Unstall(Target::from(id)));
        "the log of shop/web-1 hangs for 25 s".to_owned()
    })
}

fn restart_daemon(world: &mut World) -> String {
    if world.down {
        return "the daemon is down already, and comes back in a moment".to_owned();
    }
    world.down = true;
    world.chores.push(Chore::StopDaemon);
    world.later(AWAY, Later::StartDaemon);
    "the daemon stops, and comes back in 5 s; containers go on writing".to_owned()
}

/// More than both files hold, written while nobody gets an answer.
fn rotate_away(world: &mut World) -> String {
    on(world, EDGE, |world, id| {
        let lines = 1_500;
        world.sim.stall_streams(id);
        world.sim.stall_reads(id);
        world.say_much(EDGE, lines);
        world.later(SLOW, Later::Unstall(Target::from(id)));
        format!("cdn/edge-1 wrote {lines} lines while its reader was held up for 6 s")
    })
}

fn ties(world: &mut World, id: &ContainerId) -> String {
    let half = 200;
    let text = "level=warn msg=\"too many requests\" client=203.0.113.7";
    world.sim.tie_flood(id, half, text);
    world.sim.cut_streams(id, Cut::Reset);
    world.sim.tie_flood(id, half, text);
    format!("auth wrote {} lines that cannot be told apart, and its stream was cut", 2 * half)
}
