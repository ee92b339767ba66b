//! The verbs of ordinary life: containers come and go, write, rotate; the clock moves; what the
//! daemon saw is asked. Faults are in `faults`.
//!
//! All verbs are synchronous and take effect before they return. A verb for an unknown or removed
//! container does nothing: a container that is gone cannot do anything either.

use std::time::Duration;

use crate::model::{ContainerId, Fd, Timestamp};

use super::clock::Stamps;
use super::container::{Container, ContainerSpec};
use super::profile::Profile;
use super::record::SimRecord;
use super::server::Sim;
use super::world::RequestSeen;

impl Sim {
    /// Creates a container. Its id follows from the seed, the order of creation and the name.
    pub fn add(&self, spec: ContainerSpec) -> ContainerId {
        self.core().lock().add(spec)
    }

    /// Starts a container that does not run.
    pub fn start_container(&self, id: &ContainerId) {
        self.core().lock().start(id);
    }

    /// Creates and starts.
    pub fn run(&self, spec: ContainerSpec) -> ContainerId {
        let mut world = self.core().lock();
        let id = world.add(spec);
        world.start(&id);
        id
    }

    /// Ends a container's run with exit code 0; a `--rm` container is removed at once.
    pub fn die(&self, id: &ContainerId) {
        self.core().lock().die(id, 0);
    }

    /// The same with an exit code.
    pub fn die_with(&self, id: &ContainerId, exit_code: i64) {
        self.core().lock().die(id, exit_code);
    }

    /// Dies and starts again, as a restart policy does it: the restart count grows.
    pub fn crash(&self, id: &ContainerId) {
        let mut world = self.core().lock();
        world.die(id, 1);
        if let Some(container) = world.container_mut(id) {
            container.restart_count += 1;
        }
        world.start(id);
    }

    /// Dies with exit code 1 and waits for its restart policy: the daemon counts the restart, calls the
    /// container restarting, and starts it only with [`start_container`](Self::start_container).
    pub fn crash_and_wait(&self, id: &ContainerId) {
        self.core().lock().crash_and_wait(id);
    }

    /// Removes a container, by force if it runs. What it emitted stays known.
    pub fn remove(&self, id: &ContainerId) {
        self.core().lock().remove(id);
    }

    /// Removes a container, by force if it runs, and runs another one of the same specification
    /// under the same name. Its id is another.
    pub fn recreate_same_name(&self, id: &ContainerId) -> Option<ContainerId> {
        let mut world = self.core().lock();
        let spec = world.container(id)?.spec.clone();
        world.remove(id);
        let new = world.add(spec);
        world.start(&new);
        Some(new)
    }

    /// Gives a container another name.
    pub fn rename(&self, id: &ContainerId, name: &str) {
        let mut world = self.core().lock();
        let Some(container) = world.container_mut(id).filter(|c| !c.removed) else { return };
        let old = std::mem::replace(&mut container.spec.name, name.to_owned());
        world.publish(id, "rename", &[("oldName", format!("/{old}"))]);
    }

    /// The container writes a line; text with newlines is several lines. On a terminal each line
    /// ends in CR LF, so the record ends in CR.
    pub fn emit(&self, id: &ContainerId, fd: Fd, text: &str) {
        self.emit_lines(id, fd, text.split('\n'));
    }

    /// The container writes `n` lines to stdout in one burst: no follow and no read happens
    /// between them, so file rotations inside the burst are met all at once.
    pub fn emit_many<T: AsRef<str>>(
        &self,
        id: &ContainerId,
        n: usize,
        line: impl FnMut(usize) -> T,
    ) {
        // Made before the lock is taken, so that `line` may ask the daemon.
        let lines: Vec<T> = (0..n).map(line).collect();
        self.emit_lines(id, Fd::Stdout, lines.into_iter());
    }

    fn emit_lines<T: AsRef<str>>(&self, id: &ContainerId, fd: Fd, lines: impl Iterator<Item = T>) {
        let mut world = self.core().lock();
        let (mut clock, profile) = (world.clock, world.profile);
        let mut stamps = Stamps::new(profile);
        if let Some(container) = world.container_mut(id).filter(|c| !c.removed) {
            for line in lines {
                let mut bytes = line.as_ref().as_bytes().to_vec();
                if container.spec.tty {
                    bytes.push(b'\r');
                }
                let ts = stamps.next(bytes.len() + 1, &mut clock);
                container.write(fd, &bytes, true, ts, profile);
            }
            container.touch();
        }
        world.clock = clock;
    }

    /// The container writes these bytes, with or without a newline at the end, at a given time or
    /// at the clock's. More than 16 KiB become several records all the same.
    pub fn emit_raw(
        &self,
        id: &ContainerId,
        fd: Fd,
        bytes: &[u8],
        newline: bool,
        ts: Option<Timestamp>,
    ) {
        let mut world = self.core().lock();
        let profile = world.profile;
        let ts = ts.unwrap_or_else(|| world.clock.stamp());
        if let Some(container) = world.container_mut(id).filter(|c| !c.removed) {
            container.write(fd, bytes, newline, ts, profile);
            container.touch();
        }
    }

    /// The container's program writes these bytes, as `write(2)` has them: what becomes a record, and
    /// when, is the daemon's business. A terminal turns each newline into CR LF.
    pub fn output(&self, id: &ContainerId, fd: Fd, bytes: &[u8]) {
        let mut world = self.core().lock();
        let (mut clock, profile) = (world.clock, world.profile);
        if let Some(container) = world.container_mut(id).filter(|c| c.is_running()) {
            let on_terminal = container.spec.tty.then(|| as_a_terminal_writes(bytes));
            let bytes = on_terminal.as_deref().unwrap_or(bytes);
            container.output(fd, bytes, profile, || clock.stamp());
            container.touch();
        }
        world.clock = clock;
    }

    /// Writes `n` records to stdout that cannot be told apart: one time, one text.
    pub fn tie_flood(&self, id: &ContainerId, n: usize, text: &str) {
        let mut world = self.core().lock();
        let (ts, profile) = (world.clock.stamp(), world.profile);
        if let Some(container) = world.container_mut(id).filter(|c| !c.removed) {
            (0..n).for_each(|_| {
                container.write(Fd::Stdout, text.as_bytes(), true, ts, profile);
            });
            container.touch();
        }
    }

    /// Writes `n` pairs of lines to stdout and stderr that raced for the file: each line of stdout
    /// comes first and is stamped later than the line of stderr behind it.
    pub fn race(&self, id: &ContainerId, n: usize, mut line: impl FnMut(usize) -> String) {
        for n in 0..n {
            let (early, late) = {
                let mut world = self.core().lock();
                (world.clock.stamp(), world.clock.stamp())
            };
            let text = line(n);
            self.emit_raw(id, Fd::Stdout, text.as_bytes(), true, Some(late));
            self.emit_raw(id, Fd::Stderr, text.as_bytes(), true, Some(early));
        }
    }

    /// Rotates the container's log files `n` times at once, whatever their size.
    pub fn rotate(&self, id: &ContainerId, n: usize) {
        self.with(id, |container| (0..n).for_each(|_| container.log.rotate()));
    }

    /// Empties the current log file from outside.
    pub fn truncate(&self, id: &ContainerId) {
        self.with(id, |container| container.log.truncate());
    }

    /// The whole truth: every record that the container ever emitted, in the order of its log.
    pub fn records(&self, id: &ContainerId) -> Vec<SimRecord> {
        self.core().lock().container(id).map(|c| c.log.records()).unwrap_or_default()
    }

    /// How many records the container has emitted.
    pub fn written(&self, id: &ContainerId) -> usize {
        self.core().lock().container(id).map_or(0, |container| container.log.len())
    }

    /// Whether a container is there, running or not.
    pub fn exists(&self, id: &ContainerId) -> bool {
        self.core().lock().container(id).is_some_and(|container| !container.removed)
    }

    /// Whether a container runs.
    pub fn is_running(&self, id: &ContainerId) -> bool {
        self.exists(id) && self.core().lock().container(id).is_some_and(Container::is_running)
    }

    /// Whether a container's driver keeps what can be read.
    pub fn is_readable(&self, id: &ContainerId) -> bool {
        self.core().lock().container(id).is_some_and(Container::is_readable)
    }

    /// How many times the container's log file was rotated.
    pub fn rotations(&self, id: &ContainerId) -> usize {
        self.core().lock().container(id).map_or(0, |container| container.log.current())
    }

    /// How many compressed log files reads of this container had to unpack so far.
    pub fn unpacked_files(&self, id: &ContainerId) -> usize {
        self.core().lock().container(id).map_or(0, |container| container.unpacked)
    }

    /// Which daemon this is.
    pub fn profile(&self) -> Profile {
        self.core().lock().profile
    }

    /// The daemon's clock.
    pub fn now(&self) -> Timestamp {
        self.core().lock().clock.now()
    }

    /// Sets the daemon's clock, back as well.
    pub fn set_clock(&self, to: Timestamp) {
        self.core().lock().clock.set(to);
    }

    /// Moves the daemon's clock forward.
    pub fn advance_clock(&self, by: Duration) {
        self.core().lock().clock.advance(by);
    }

    /// Steps the daemon's clock by this many nanoseconds, back if negative.
    pub fn clock_step(&self, nanos: i64) {
        self.core().lock().clock.step(nanos);
    }

    /// How far the clock moves with every record; zero makes ties.
    pub fn set_tick(&self, tick: Duration) {
        self.core().lock().clock.set_tick(tick);
    }

    /// The requests seen so far, at most the last 65,536.
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.core().lock().requests.iter().cloned().collect()
    }

    /// Every request that was refused because its method was not `GET`, as `METHOD /path`.
    pub fn refused(&self) -> Vec<String> {
        self.core().lock().refused.clone()
    }

    fn with(&self, id: &ContainerId, act: impl FnOnce(&mut Container)) {
        if let Some(container) = self.core().lock().container_mut(id).filter(|c| !c.removed) {
            act(container);
            container.touch();
        }
    }
}

fn as_a_terminal_writes(bytes: &[u8]) -> Vec<u8> {
    bytes.split_inclusive(|byte| *byte == b'\n').fold(Vec::new(), |mut out, line| {
        match line.strip_suffix(b"\n") {
            Some(line) => out.extend([line, b"\r\n"].concat()),
            None => out.extend(line),
        }
        out
    })
}
