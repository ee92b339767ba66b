//! What happens in one simulation, as data: made from the seed alone, printed when it fails.

use std::fmt;
use std::time::Duration;

use logcap_tui::config::History;
use logcap_tui::engine::Verb;
use logcap_tui::model::Fd;
use logcap_tui::sim::{ContainerSpec, Cut, Endpoint, Profile};

use crate::rng::Rng;

/// A container by the order of its creation.
pub(crate) type Who = usize;

/// Whom a fault hits: one container, or all.
pub(crate) type Whom = Option<Who>;

/// What lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// Each its own.
    Numbered,
    /// All the same, so that only their timestamps differ.
    Same,
    /// All the same and of one moment.
    Tied,
    /// So many bytes long.
    Long(usize),
    /// Without a newline at the end.
    Unfinished,
    /// Nothing but a newline.
    Empty,
    /// Bytes that are no UTF-8, control characters, a carriage return.
    Odd,
}

/// What stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stall {
    Follows,
    Reads,
    ReadBodies,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    Emit {
        who: Who,
        fd: Fd,
        lines: usize,
        text: Text,
    },
    Race {
        who: Who,
        lines: usize,
    },
    Run(Kind),
    Start(Who),
    Die(Who),
    Crash(Who),
    CrashLoop {
        who: Who,
        times: usize,
    },
    Remove(Who),
    Recreate(Who),
    Rename(Who),
    Rotate {
        who: Who,
        times: usize,
    },
    Truncate(Who),
    /// Writes a line that the daemon cannot decode again.
    Corrupt(Who),
    Cut(Whom, Cut),
    CutConnections,
    ErrorFrame(Whom),
    Garbage(Whom),
    GiantLength(Whom),
    Stall(Whom, Stall),
    Unstall(Whom),
    Dribble(Whom, bool),
    Fail {
        whom: Whom,
        endpoint: Endpoint,
        status: u16,
        times: u32,
    },
    DelayHeaders {
        endpoint: Endpoint,
        by: Duration,
    },
    DropEvents(bool),
    DoubleEvents(bool),
    GarbageHttp(bool),
    /// Answers that are being sent neither go on nor end any more.
    Freeze(Whom),
    SkipRotations(Whom),
    ZeroLength(Whom),
    FrameType(Whom, u8),
    /// Terminals are said to be framed, and the others not.
    Lie(bool),
    PartialLists(u32),
    RingOverflow,
    /// It comes back as another version, its containers run on.
    Upgrade(Profile),
    RestartDaemon {
        containers_run_on: bool,
    },
    StopDaemon,
    StartDaemon,
    StepClock {
        seconds: i64,
    },
    Tick(Duration),
    Order(Verb, Whom),
    KillEngine,
    StopEngine,
    StartEngine,
}

impl Act {
    /// Whose files it may rotate or empty.
    pub(crate) fn changes_files_of(&self) -> Option<Who> {
        match self {
            Self::Emit { who, .. }
            | Self::Race { who, .. }
            | Self::CrashLoop { who, .. }
            | Self::Rotate { who, .. }
            | Self::Truncate(who)
            | Self::Corrupt(who) => Some(*who),
            _ => None,
        }
    }

    /// The word that the counters use.
    pub(crate) fn word(&self) -> String {
        let text = format!("{self:?}");
        let name = text.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
        match self {
            Self::Emit { text: Text::Long(_), .. } => "Emit Long".to_owned(),
            Self::Emit { text, .. } => format!("Emit {text:?}"),
            Self::Cut(_, cut) => format!("Cut {cut:?}"),
            Self::Stall(_, stall) => format!("Stall {stall:?}"),
            Self::Fail { endpoint, status, .. } => format!("Fail {endpoint:?} {status}"),
            Self::DelayHeaders { endpoint, .. } => format!("DelayHeaders {endpoint:?}"),
            Self::Order(verb, _) => format!("Order {verb:?}"),
            Self::RestartDaemon { containers_run_on } => {
                format!("RestartDaemon {}", if *containers_run_on { "live" } else { "dead" })
            }
            _ => name,
        }
    }
}

/// What kind of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// json-file that never rotates: its follow commits.
    Trusted,
    /// json-file with rotation: `max-size` in bytes, `max-file`.
    Rotating(usize, usize),
    /// The same, compressed.
    Compressed(usize, usize),
    /// Driver `local` with a small size.
    Local(usize),
    /// A terminal, trusted or rotating.
    Terminal(bool),
    /// Removed as soon as it dies.
    AutoRemove(bool),
    /// Its log cannot be read.
    Unreadable,
}

impl Kind {
    pub(crate) fn spec(self, name: String) -> ContainerSpec {
        let spec = ContainerSpec::named(name);
        let size = |bytes: usize| format!("{bytes}b");
        match self {
            Self::Trusted => spec,
            Self::Rotating(bytes, files) => spec.rotating(&size(bytes), files),
            Self::Compressed(bytes, files) => {
                spec.rotating(&size(bytes), files).option("compress", "true")
            }
            Self::Local(bytes) => spec.driver("local").option("max-size", &size(bytes)),
            Self::Terminal(true) => spec.tty(),
            Self::Terminal(false) => spec.tty().rotating("20k", 3),
            Self::AutoRemove(true) => spec.auto_remove(),
            Self::AutoRemove(false) => spec.auto_remove().rotating("20k", 3),
            Self::Unreadable => spec.driver("none"),
        }
    }

    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Terminal(_))
    }

    fn rotates(self) -> bool {
        match self {
            Self::Rotating(..) | Self::Compressed(..) | Self::Local(_) => true,
            Self::Terminal(trusted) | Self::AutoRemove(trusted) => !trusted,
            Self::Trusted | Self::Unreadable => false,
        }
    }

    /// Whether its log rotates and keeps nothing but the file that is being written.
    pub(crate) fn has_one_file(self) -> bool {
        matches!(self, Self::Rotating(_, 1))
    }

    /// What Podman makes of it: one driver, whose one file is replaced when it is full.
    fn on_podman(self) -> Self {
        match self {
            Self::Rotating(bytes, _) | Self::Compressed(bytes, _) | Self::Local(bytes) => {
                Self::Rotating(bytes, 1)
            }
            Self::Terminal(_) => Self::Terminal(true),
            Self::AutoRemove(_) => Self::AutoRemove(true),
            Self::Trusted | Self::Unreadable => self,
        }
    }

    fn any(rng: &mut Rng) -> Self {
        let files = rng.within(1, 5);
        match rng.below(20) {
            0..=5 => Self::Trusted,
            6..=9 => Self::Rotating(rng.pick(&[2_000, 10_000, 50_000, 400_000]), files),
            10..=11 => Self::Compressed(rng.pick(&[10_000, 50_000]), files.max(2)),
            12..=13 => Self::Local(rng.pick(&[5_000, 50_000])),
            14..=15 => Self::Terminal(rng.chance(60)),
            16..=18 => Self::AutoRemove(rng.chance(50)),
            _ => Self::Unreadable,
        }
    }
}

/// One simulation.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    pub(crate) history: History,
    pub(crate) probe: Duration,
    /// Answers arrive in pieces and late.
    pub(crate) choppy: bool,
    /// Bytes that the store keeps.
    pub(crate) keep: Option<u64>,
    /// Containers and what they wrote before the engine starts.
    pub(crate) before: Vec<Act>,
    /// What happens afterwards, and how long after the act before.
    pub(crate) steps: Vec<(Duration, Act)>,
}

impl Script {
    /// Everything follows from the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Writer::new(seed).write()
    }

    /// Damaged records under daemons that do not say so, where the holes that they make are within
    /// what can be seen: in short answers of logs that do not rotate and were there before.
    pub(crate) fn damaged(seed: u64) -> Self {
        let mut writer = Writer::damaged(seed);
        let mut script = writer.write();
        let rng = &mut writer.rng;
        script.history =
            if rng.chance(20) { History::Now } else { History::Tail(rng.within(1, 300) as u64) };
        // It is a read of everything.
        script.steps.retain(|(_, act)| !matches!(act, Act::Order(Verb::Backfill, _)));
        let kinds = script.before.iter().filter_map(|act| match act {
            Act::Run(kind) => Some(*kind),
            _ => None,
        });
        let plain: Vec<Who> = (0..)
            .zip(kinds)
            .filter(|(_, kind)| *kind == Kind::Trusted)
            .map(|(who, _)| who)
            .collect();
        for _ in 0..rng.within(1, 4) {
            let damaged = (rng.millis(0, 300), Act::Corrupt(rng.pick(&plain)));
            script.steps.insert(rng.below(script.steps.len() + 1), damaged);
        }
        script
    }

    /// Damaged records in the history of a log that does not rotate, most of which is fetched later.
    pub(crate) fn damaged_history(seed: u64) -> Self {
        let mut writer = Writer::damaged(seed);
        let mut script = writer.write();
        let rng = &mut writer.rng;
        script.history = History::Tail(rng.within(1, 100) as u64);
        let mut old = Vec::new();
        for _ in 0..rng.within(1, 3) {
            old.extend([numbered(rng.within(1, 700)), Act::Corrupt(0)]);
        }
        old.push(numbered(rng.within(100, 900)));
        script.before.splice(1..1, old);
        let fetched = (rng.millis(0, 2_000), Act::Order(Verb::Backfill, None));
        script.steps.insert(rng.below(script.steps.len() + 1), fetched);
        script
    }

    /// The same on Podman. Its clock never steps back: what is written until it has caught up cannot
    /// be asked for (docs/CAPTURE.md, limits).
    pub(crate) fn podman(seed: u64) -> Self {
        let mut script = Writer::podman(seed).write();
        script.steps.retain(|(_, act)| !matches!(act, Act::StepClock { seconds } if *seconds < 0));
        // It goes on with the time, so that not everything is of one second.
        let goes_on = |(after, act): (Duration, Act)| {
            let seconds = i64::try_from(after.as_secs()).unwrap_or(0);
            [(after, Act::StepClock { seconds }), (Duration::ZERO, act)]
        };
        script.steps = script.steps.into_iter().flat_map(goes_on).collect();
        // Retention goes by time, and all of this may be of one second.
        script.keep = None;
        script
    }

    /// Faults that no daemon has ever shown, or hardly ever, and versions between which one is
    /// upgraded.
    pub(crate) fn rare(seed: u64) -> Self {
        let mut writer = Writer::rare(seed);
        let mut script = writer.write();
        let known = script.before.iter().filter(|act| matches!(act, Act::Run(_))).count();
        for _ in 0..writer.rng.within(1, 8) {
            let rare = (writer.rng.millis(0, 300), rare(&mut writer.rng, known));
            script.steps.insert(writer.rng.below(script.steps.len() + 1), rare);
        }
        script
    }
}

/// One of those faults, at one of the first `known` containers or all.
fn rare(rng: &mut Rng, known: usize) -> Act {
    let (who, on) = (rng.below(known), rng.chance(60));
    let whom = rng.chance(70).then_some(who);
    match rng.below(8) {
        0 => Act::Freeze(whom),
        1 => Act::SkipRotations(whom),
        2 => Act::ZeroLength(whom),
        3 => Act::FrameType(whom, rng.pick(&[0, 4, 255])),
        4 => Act::Lie(on),
        5 => Act::PartialLists(rng.pick(&[1, 2, 5])),
        6 => Act::RingOverflow,
        _ => Act::Upgrade(rng.pick(&MOBYS)),
    }
}

/// All but Podman, which has seeds of its own.
const MOBYS: [Profile; 6] = [
    Profile::Moby20_10,
    Profile::Moby23,
    Profile::Moby24,
    Profile::Moby25,
    Profile::Moby27_4,
    Profile::Moby29,
];

fn numbered(lines: usize) -> Act {
    Act::Emit { who: 0, fd: Fd::Stdout, lines, text: Text::Numbered }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {:?}, history {:?}, probe {:?}, choppy {}, keep {:?}",
            self.seed, self.profile, self.history, self.probe, self.choppy, self.keep
        )?;
        for act in &self.before {
            writeln!(f, "  before      {act:?}")?;
        }
        let mut at = Duration::ZERO;
        for (after, act) in &self.steps {
            at += *after;
            writeln!(f, "  {:>9.3} s {act:?}", at.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Fault kinds of which each script has a random subset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lives,
    Files,
    Damage,
    Streams,
    Stalls,
    Statuses,
    Slow,
    Events,
    Daemon,
    Clock,
    Orders,
    Engine,
    Ties,
    Long,
    Odd,
}

const FAULTS: [Fault; 15] = [
    Fault::Lives,
    Fault::Files,
    Fault::Damage,
    Fault::Streams,
    Fault::Stalls,
    Fault::Statuses,
    Fault::Slow,
    Fault::Events,
    Fault::Daemon,
    Fault::Clock,
    Fault::Orders,
    Fault::Engine,
    Fault::Ties,
    Fault::Long,
    Fault::Odd,
];

struct Writer {
    seed: u64,
    rng: Rng,
    profile: Profile,
    kinds: Vec<Kind>,
    /// What the first container is, if it is not left to chance.
    first: Option<Kind>,
    faults: Vec<Fault>,
    engine_up: bool,
    daemon_up: bool,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "script");
        let share = rng.pick(&[10, 30, 60]);
        let profiles = [Profile::Moby20_10, Profile::Moby24, Profile::Moby25, Profile::Moby29];
        let profile = rng.pick(&profiles);
        // Damage is said in every answer there. Elsewhere not every hole can be seen (docs/CAPTURE.md,
        // limits); `Script::damaged` keeps to those that can.
        let possible = |fault: &Fault| *fault != Fault::Damage || profile == Profile::Moby24;
        let faults = FAULTS.into_iter().filter(possible).filter(|_| rng.chance(share)).collect();
        Self::with(seed, rng, profile, faults)
    }

    fn damaged(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "damaged");
        let share = rng.pick(&[10, 30]);
        let profile = rng.pick(&[Profile::Moby20_10, Profile::Moby27_4, Profile::Moby29]);
        let possible = |fault: &Fault| *fault != Fault::Damage;
        let faults = FAULTS.into_iter().filter(possible).filter(|_| rng.chance(share)).collect();
        let mut writer = Self::with(seed, rng, profile, faults);
        writer.first = Some(Kind::Trusted);
        writer
    }

    fn rare(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "rare");
        let share = rng.pick(&[10, 30]);
        let profile = rng.pick(&MOBYS);
        let possible = |fault: &Fault| *fault != Fault::Damage;
        let faults = FAULTS.into_iter().filter(possible).filter(|_| rng.chance(share)).collect();
        Self::with(seed, rng, profile, faults)
    }

    fn podman(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "podman");
        let share = rng.pick(&[10, 30, 60]);
        let possible = |fault: &Fault| *fault != Fault::Damage;
        let faults = FAULTS.into_iter().filter(possible).filter(|_| rng.chance(share)).collect();
        Self::with(seed, rng, Profile::Podman4, faults)
    }

    fn with(seed: u64, rng: Rng, profile: Profile, faults: Vec<Fault>) -> Self {
        let (kinds, first) = (Vec::new(), None);
        Self { seed, rng, profile, kinds, first, faults, engine_up: true, daemon_up: true }
    }

    fn write(&mut self) -> Script {
        let history = match self.rng.below(8) {
            0 => History::Auto,
            1 => History::Tail(self.rng.within(1, 100) as u64),
            2 => History::Now,
            _ => History::All,
        };
        let probe = Duration::from_secs(self.rng.pick(&[5, 5, 5, 10, 30]));
        let (choppy, keep) = (self.rng.chance(30), self.rng.chance(10).then_some(3_000));
        let before = self.beginning();
        let steps = (0..self.rng.within(10, 60)).map(|_| self.step()).collect();
        let profile = self.profile;
        Script { seed: self.seed, profile, history, probe, choppy, keep, before, steps }
    }

    fn beginning(&mut self) -> Vec<Act> {
        let mut acts = Vec::new();
        for _ in 0..self.rng.within(1, 5) {
            acts.push(self.run());
            for _ in 0..self.rng.below(3) {
                acts.push(self.emit());
            }
        }
        acts
    }

    fn run(&mut self) -> Act {
        let any = Kind::any(&mut self.rng);
        let kind = self.first.take().unwrap_or(any);
        let kind = if self.profile.is_podman() { kind.on_podman() } else { kind };
        self.kinds.push(kind);
        Act::Run(kind)
    }

    fn step(&mut self) -> (Duration, Act) {
        let after = match self.rng.below(20) {
            0..=4 => Duration::ZERO,
            5..=12 => self.rng.millis(1, 400),
            13..=16 => self.rng.millis(400, 3_000),
            17..=18 => self.rng.millis(3_000, 12_000),
            _ => self.rng.millis(12_000, 70_000),
        };
        let fault = if self.faults.is_empty() || self.rng.chance(55) {
            None
        } else {
            Some(self.rng.pick(&self.faults.clone()))
        };
        let act = match fault {
            Some(fault) => self.fault(fault),
            None => self.emit(),
        };
        (after, act)
    }

    fn who(&mut self) -> Who {
        self.rng.below(self.kinds.len())
    }

    fn whom(&mut self) -> Whom {
        let who = self.who();
        self.rng.chance(70).then_some(who)
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn emit(&mut self) -> Act {
        let who = self.who();
        if self.rng.chance(10) && !self.kinds[who].is_terminal() {
            return Act::Race { who, lines: self.rng.within(2, 60) };
        }
        let fd = self.rng.pick(&[Fd::Stdout, Fd::Stdout, Fd::Stderr]);
        let text = self.text(who);
        let lines = match (self.rng.below(10), text) {
            (_, Text::Long(_)) => self.rng.within(1, 4),
            (0..=5, _) => self.rng.within(1, 8),
            (6..=8, _) => self.rng.within(8, 120),
            _ => self.rng.within(120, 900),
        };
        Act::Emit { who, fd, lines, text }
    }

    fn text(&mut self, who: Who) -> Text {
        // What a terminal's text can say is less: see the oracle.
        let terminal = self.kinds[who].is_terminal();
        match self.rng.below(10) {
            0 if self.has(Fault::Ties) => Text::Tied,
            1 if self.has(Fault::Ties) => Text::Same,
            2 if self.has(Fault::Long) => {
                let lengths = [16_383, 16_384, 16_385, 32_768, 50_000, 120_000];
                Text::Long(self.rng.pick(&lengths))
            }
            3 if self.has(Fault::Odd) && !terminal => Text::Unfinished,
            4 if self.has(Fault::Odd) => Text::Empty,
            5 if self.has(Fault::Odd) && !terminal => Text::Odd,
            _ => Text::Numbered,
        }
    }

    fn fault(&mut self, fault: Fault) -> Act {
        match fault {
            Fault::Lives => self.life(),
            Fault::Files => self.files(),
            Fault::Damage => self.damage(),
            Fault::Streams => self.streams(),
            Fault::Stalls => self.stalls(),
            Fault::Statuses => self.statuses(),
            Fault::Slow => self.slow(),
            Fault::Events => self.events(),
            Fault::Daemon => self.daemon(),
            Fault::Clock => self.clock(),
            Fault::Orders => self.orders(),
            Fault::Engine => self.engine(),
            // These change what is emitted.
            Fault::Ties | Fault::Long | Fault::Odd => self.emit(),
        }
    }

    fn life(&mut self) -> Act {
        let who = self.who();
        match self.rng.below(12) {
            0..=1 if self.kinds.len() < 12 => self.run(),
            2..=3 => Act::Start(who),
            4..=5 => Act::Die(who),
            6..=7 => Act::Crash(who),
            8 => Act::CrashLoop { who, times: self.rng.within(3, 20) },
            9 => Act::Remove(who),
            10 if self.kinds.len() < 12 => {
                self.kinds.push(self.kinds[who]);
                Act::Recreate(who)
            }
            _ => Act::Rename(who),
        }
    }

    fn files(&mut self) -> Act {
        let who = self.who();
        // Emptying one of several files cuts a log in its middle, which is beyond the contract
        // (docs/CAPTURE.md: external edits); a log in one file loses its front that way.
        if self.kinds[who].rotates() {
            Act::Rotate { who, times: self.rng.within(1, 4) }
        } else {
            Act::Truncate(who)
        }
    }

    fn damage(&mut self) -> Act {
        let who = self.who();
        // On a terminal the daemon's words may look like a line.
        if self.kinds[who].is_terminal() { self.emit() } else { Act::Corrupt(who) }
    }

    fn streams(&mut self) -> Act {
        let whom = self.whom();
        match self.rng.below(8) {
            0..=3 => Act::Cut(
                whom,
                self.rng.pick(&[Cut::Clean, Cut::Reset, Cut::MidFrame, Cut::MidChunk]),
            ),
            4 => Act::CutConnections,
            5 => Act::ErrorFrame(whom),
            6 => Act::Garbage(whom),
            _ => Act::GiantLength(whom),
        }
    }

    fn stalls(&mut self) -> Act {
        let whom = self.whom();
        match self.rng.below(6) {
            0..=2 => {
                Act::Stall(whom, self.rng.pick(&[Stall::Follows, Stall::Reads, Stall::ReadBodies]))
            }
            _ => Act::Unstall(whom),
        }
    }

    fn statuses(&mut self) -> Act {
        let (endpoint, statuses): (_, &[u16]) = match self.rng.below(8) {
            0..=3 => (Endpoint::Logs, &[404, 409, 500, 501, 503]),
            4..=5 => (Endpoint::Inspect, &[500, 503]),
            6 => (Endpoint::List, &[500, 503]),
            _ => (self.rng.pick(&[Endpoint::Ping, Endpoint::Events, Endpoint::Info]), &[500, 503]),
        };
        let named = matches!(endpoint, Endpoint::Logs | Endpoint::Inspect);
        let whom = if named { self.whom() } else { None };
        let (status, times) = (self.rng.pick(statuses), self.rng.pick(&[1, 1, 2, 3, 7]));
        Act::Fail { whom, endpoint, status, times }
    }

    fn slow(&mut self) -> Act {
        let whom = self.whom();
        if self.rng.chance(40) {
            return Act::Dribble(whom, self.rng.chance(60));
        }
        let endpoints =
            [Endpoint::Logs, Endpoint::Inspect, Endpoint::List, Endpoint::Events, Endpoint::Ping];
        let endpoint = self.rng.pick(&endpoints);
        let by = match self.rng.below(4) {
            0..=1 => Duration::ZERO,
            2 => self.rng.millis(10, 2_000),
            _ => self.rng.millis(2_000, 25_000),
        };
        Act::DelayHeaders { endpoint, by }
    }

    fn events(&mut self) -> Act {
        let on = self.rng.chance(60);
        if self.rng.chance(60) { Act::DropEvents(on) } else { Act::DoubleEvents(on) }
    }

    fn daemon(&mut self) -> Act {
        if !self.daemon_up {
            self.daemon_up = true;
            return Act::StartDaemon;
        }
        match self.rng.below(8) {
            0..=3 => Act::RestartDaemon { containers_run_on: self.rng.chance(60) },
            4..=5 => {
                self.daemon_up = false;
                Act::StopDaemon
            }
            _ => Act::GarbageHttp(self.rng.chance(50)),
        }
    }

    fn clock(&mut self) -> Act {
        match self.rng.below(4) {
            0..=1 => Act::StepClock { seconds: self.rng.pick(&[-3_600, -70, -2, 2, 70, 86_400]) },
            2 => Act::Tick(Duration::ZERO),
            _ => Act::Tick(self.rng.pick(&[
                Duration::from_nanos(1),
                Duration::from_nanos(1_037),
                Duration::from_millis(3),
            ])),
        }
    }

    fn orders(&mut self) -> Act {
        let verbs = [
            Verb::Pause,
            Verb::Resume,
            Verb::Resume,
            Verb::Restart,
            Verb::Reopen,
            Verb::Reopen,
            Verb::Acknowledge,
            Verb::Backfill,
        ];
        let verb = self.rng.pick(&verbs);
        Act::Order(verb, self.whom())
    }

    fn engine(&mut self) -> Act {
        if !self.engine_up {
            self.engine_up = true;
            return Act::StartEngine;
        }
        self.engine_up = false;
        if self.rng.chance(75) { Act::KillEngine } else { Act::StopEngine }
    }
}
