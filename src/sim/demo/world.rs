//! The demo's world: who acts next, what is due later. Time and chance are arguments.

use std::time::Duration;

use super::cast::{Life, Role, cast};
use super::dice::Dice;
use super::fault::ENDPOINTS;
use crate::model::{ContainerId, Fd, Timestamp};
use crate::sim::faults::Target;
use crate::sim::server::Sim;

/// How long the world has lived when the visitor comes, so that there is something to read.
pub(super) const BEFORE: Duration = Duration::from_mins(4);
/// How far the daemon's clock moves with every record.
const TICK: Duration = Duration::from_nanos(1_037);

/// What has to be undone or done at a later time.
#[derive(Debug, Clone)]
pub(super) enum Later {
    Unstall(Target),
    TellEvents,
    RightClock,
    StartDaemon,
}

/// What only a task can do, because it waits for sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    StopDaemon,
    StartDaemon,
}

/// One container that acts.
#[derive(Debug)]
struct Actor {
    role: Role,
    id: ContainerId,
    dice: Dice,
    next: Duration,
    up: bool,
    run: u64,
    turn: u64,
    turns: u64,
}

/// Everything of the demo that changes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) sim: Sim,
    pub(super) down: bool,
    pub(super) chores: Vec<Chore>,
    origin: Timestamp,
    elapsed: Duration,
    behind: Duration,
    hangs_until: Option<Duration>,
    actors: Vec<Actor>,
    due: Vec<(Duration, Later)>,
}

impl World {
    /// The world as it is when the visitor comes at `now`.
    pub(super) fn new(sim: Sim, seed: u64, now: Timestamp) -> Self {
        let origin = Timestamp(now.0.saturating_sub(nanos(BEFORE)));
        sim.set_clock(origin);
        sim.set_tick(TICK);
        let mut actors = Vec::new();
        for role in cast() {
            let mut dice = Dice::new(seed, &role.spec.name);
            let id = sim.add(role.spec.clone());
            let next = Duration::from_millis(dice.between(0, 900));
            let (up, run, turn, turns) = (false, 0, 0, 0);
            actors.push(Actor { role, id, dice, next, up, run, turn, turns });
        }
        let mut world = Self {
            sim,
            down: false,
            chores: Vec::new(),
            origin,
            elapsed: Duration::ZERO,
            behind: Duration::ZERO,
            hangs_until: None,
            actors,
            due: Vec::new(),
        };
        world.advance(BEFORE);
        world
    }

    /// Lets everything happen that is due until `to`, in order.
    pub(super) fn advance(&mut self, to: Duration) -> Vec<Chore> {
        while let Some((at, what)) = self.next_until(to) {
            self.elapsed = at;
            self.set_clock();
            match what {
                Next::Actor(index) => self.act(index),
                Next::Due(index) => {
                    let (_, later) = self.due.swap_remove(index);
                    self.perform(later);
                }
            }
        }
        self.elapsed = self.elapsed.max(to);
        self.set_clock();
        self.delay_answers();
        std::mem::take(&mut self.chores)
    }

    /// How old the world is.
    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether nothing is disturbed any more.
    #[cfg(test)]
    pub(super) fn is_calm(&self) -> bool {
        let (due, hangs) = (self.due.is_empty(), self.hangs_until.is_some());
        due && !hangs && !self.down && self.behind.is_zero()
    }

    fn next_until(&self, to: Duration) -> Option<(Duration, Next)> {
        let actors = self.actors.iter().enumerate().map(|(i, a)| (a.next, Next::Actor(i)));
        let due = self.due.iter().enumerate().map(|(i, (at, _))| (*at, Next::Due(i)));
        actors.chain(due).filter(|(at, _)| *at <= to).min_by_key(|(at, _)| *at)
    }

    /// The clock follows time, and goes back only by order.
    fn set_clock(&self) {
        let now = Timestamp(
            self.origin.0.saturating_add(nanos(self.elapsed)).saturating_sub(nanos(self.behind)),
        );
        if now > self.sim.now() {
            self.sim.set_clock(now);
        }
    }

    /// Sets the daemon's clock back until [`Later::RightClock`].
    pub(super) fn step_back(&mut self, by: Duration) {
        self.behind = by;
        let back = self.origin.0.saturating_add(nanos(self.elapsed)).saturating_sub(nanos(by));
        self.sim.set_clock(Timestamp(back));
    }

    /// Has something done after this time.
    pub(super) fn later(&mut self, after: Duration, what: Later) {
        self.due.push((self.elapsed + after, what));
    }

    /// Lets no answer come before this time is over.
    pub(super) fn hang(&mut self, during: Duration) {
        self.hangs_until = Some(self.elapsed + during);
        self.delay_answers();
    }

    fn delay_answers(&mut self) {
        let Some(until) = self.hangs_until else { return };
        let left = until.saturating_sub(self.elapsed);
        for endpoint in ENDPOINTS {
            self.sim.delay_headers(endpoint, left);
        }
        self.hangs_until = Some(until).filter(|_| !left.is_zero());
    }

    fn perform(&mut self, later: Later) {
        match later {
            Later::Unstall(target) => self.sim.unstall(target),
            Later::TellEvents => self.sim.drop_events(false),
            Later::RightClock => self.behind = Duration::ZERO,
            Later::StartDaemon => {
                self.down = false;
                self.chores.push(Chore::StartDaemon);
            }
        }
    }

    /// The id of a member of the cast; of a job, that of its newest container.
    pub(super) fn id_of(&self, name: &str) -> Option<ContainerId> {
        self.actors.iter().find(|a| a.role.spec.name == name).map(|a| a.id.clone())
    }

    /// Kills a container and starts it again after a time.
    pub(super) fn kill(&mut self, name: &str, back_after: Duration) {
        let back = self.elapsed + back_after;
        if let Some(actor) = self.actors.iter_mut().find(|a| a.role.spec.name == name) {
            self.sim.die_with(&actor.id, 137);
            (actor.up, actor.next) = (false, back);
        }
    }

    /// Lets a container speak so many times at once.
    pub(super) fn say_much(&mut self, name: &str, turns: u64) {
        if let Some(actor) = self.actors.iter_mut().find(|a| a.role.spec.name == name) {
            for turn in 0..turns {
                actor.speak(&self.sim, turn);
            }
        }
    }

    fn act(&mut self, index: usize) {
        let (sim, elapsed) = (&self.sim, self.elapsed);
        let Some(actor) = self.actors.get_mut(index) else { return };
        let pause = if actor.up { actor.go_on(sim) } else { actor.start(sim) };
        actor.next = elapsed + pause.max(Duration::from_millis(1));
    }
}

enum Next {
    Actor(usize),
    Due(usize),
}

impl Actor {
    fn start(&mut self, sim: &Sim) -> Duration {
        let Role { spec, voice, pace, life } = &self.role;
        (self.up, self.run, self.turn) = (true, self.run + 1, 0);
        self.turns = match *life {
            Life::Steady => u64::MAX,
            Life::Deployed { turns: (low, high) } | Life::CrashLoop { turns: (low, high) } => {
                self.dice.between(low, high)
            }
            Life::Job { turns } => turns,
        };
        if matches!(life, Life::Job { .. }) && self.run > 1 {
            let mut spec = spec.clone();
            spec.name = format!("{}-{}", spec.name, self.run);
            self.id = sim.add(spec);
        }
        sim.start_container(&self.id);
        let pause = self.dice.pause(*pace);
        for said in voice.hello(&mut self.dice, self.run) {
            sim.emit(&self.id, said.fd, &said.text);
        }
        pause
    }

    /// One more turn, or the end of this run.
    fn go_on(&mut self, sim: &Sim) -> Duration {
        if self.turn < self.turns {
            self.speak(sim, self.turn);
            self.turn += 1;
            return self.dice.pause(self.role.pace);
        }
        for said in self.role.voice.goodbye(&mut self.dice) {
            sim.emit(&self.id, said.fd, &said.text);
        }
        self.up = false;
        match self.role.life {
            Life::CrashLoop { .. } => {
                sim.crash_and_wait(&self.id);
                // As Docker does it: twice as long each time, here up to 16 s.
                Duration::from_secs(1 << self.run.min(4))
            }
            Life::Job { .. } => {
                sim.die(&self.id);
                Duration::from_secs(self.dice.between(12, 30))
            }
            Life::Deployed { .. } | Life::Steady => {
                sim.die(&self.id);
                Duration::from_secs(self.dice.between(2, 5))
            }
        }
    }

    fn speak(&mut self, sim: &Sim, turn: u64) {
        for said in self.role.voice.speak(&mut self.dice, turn) {
            let fd = if self.role.spec.tty { Fd::Stdout } else { said.fd };
            sim.emit(&self.id, fd, &said.text);
        }
    }
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}
