//! The simulator as a host: every hand is a verb.

use std::cell::RefCell;
use std::path::PathBuf;

use logcap_tui::model::{ContainerId, Fd, Timestamp};
use logcap_tui::sim::{ContainerSpec, Profile, Sim};

use super::suite::Host;

/// A simulated daemon, and whose rules are expected of it: its own, except in controls.
pub(crate) struct Simulated {
    sim: Sim,
    expected: Profile,
    /// Records that stand for damage: they are in the simulator's truth, but on no real disk.
    damage: RefCell<Vec<(ContainerId, usize)>>,
    _folder: tempfile::TempDir,
}

impl Simulated {
    /// One that should pass.
    pub(crate) fn new(profile: Profile) -> Self {
        Self::taken_for(profile, profile)
    }

    /// One version taken for another.
    pub(crate) fn taken_for(profile: Profile, expected: Profile) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sim = Sim::start(&folder.path().join("docker.sock"), profile).unwrap();
        Self { sim, expected, damage: RefCell::default(), _folder: folder }
    }
}

impl Host for Simulated {
    fn expected(&self) -> Profile {
        self.expected
    }

    fn socket(&self) -> PathBuf {
        self.sim.socket().to_owned()
    }

    fn image(&self) -> String {
        "busybox:latest".to_owned()
    }

    fn name(&self, name: &str) -> String {
        name.to_owned()
    }

    fn create(&self, spec: &ContainerSpec) -> ContainerId {
        self.sim.add(ContainerSpec { image: self.image(), ..spec.clone() })
    }

    fn start(&self, id: &ContainerId) {
        self.sim.start_container(id);
    }

    fn write(&self, id: &ContainerId, fd: Fd, bytes: &[u8]) {
        self.sim.output(id, fd, bytes);
    }

    fn end(&self, id: &ContainerId) {
        self.sim.die_with(id, 137);
    }

    fn remove(&self, id: &ContainerId) {
        self.sim.remove(id);
    }

    fn damage(&self, id: &ContainerId) {
        let at = self.sim.written(id);
        self.sim.corrupt_record(id, at);
        self.sim.output(id, Fd::Stdout, b"{\"log\":\"abc\n");
        self.damage.borrow_mut().push((id.clone(), at));
    }

    fn overwrite(&self, id: &ContainerId, record: usize) {
        self.sim.corrupt_record(id, record);
    }

    fn truncate(&self, id: &ContainerId) {
        self.sim.truncate(id);
    }

    fn stamps(&self, id: &ContainerId) -> Vec<Timestamp> {
        let damage = self.damage.borrow();
        let records = self.sim.records(id).into_iter().enumerate();
        let held = records.filter(|(at, r)| r.retained && !damage.contains(&(id.clone(), *at)));
        held.map(|(_, record)| record.ts).collect()
    }

    fn compressed(&self, id: &ContainerId) -> usize {
        self.sim.rotations(id)
    }
}
