//! A small disk of the test's own, to be filled up: a tmpfs, so that nothing of the machine is
//! touched. Needs root. It is unmounted when this goes, also after a panic.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use super::second::unmount_below;

/// A mounted disk.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts one; the options are those of a tmpfs: `size=64m`, `nr_inodes=100`.
    pub(crate) fn new(options: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("lc-disk-").tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let status = Command::new("mount").args(mount).arg(folder.path()).status().unwrap();
        assert!(status.success(), "mount {options}: {status}");
        Self { folder }
    }

    /// A place on it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Bytes free.
    pub(crate) fn free_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.folder.path()).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Files that can still be made.
    pub(crate) fn free_inodes(&self) -> u64 {
        rustix::fs::statvfs(self.folder.path()).unwrap().f_favail
    }

    /// Takes all space but about so many bytes, whoever else writes meanwhile.
    pub(crate) fn take_bytes(&self, leave: u64) {
        const STEP: usize = 64 << 10;
        std::fs::create_dir_all(self.fillers()).unwrap();
        let mut filler = std::fs::File::create(self.fillers().join("bytes")).unwrap();
        while self.free_bytes() > leave {
            let step = usize::try_from(self.free_bytes() - leave).map_or(STEP, |n| n.min(STEP));
            match filler.write_all(&vec![0; step]) {
                Err(full) if full.kind() == std::io::ErrorKind::StorageFull => return,
                written => written.unwrap(),
            }
        }
    }

    /// Takes all files but so many.
    pub(crate) fn take_inodes(&self, leave: u64) {
        std::fs::create_dir_all(self.fillers()).unwrap();
        for n in 0.. {
            if self.free_inodes() <= leave {
                return;
            }
            std::fs::write(self.fillers().join(n.to_string()), "").unwrap();
        }
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self) {
        std::fs::remove_dir_all(self.fillers()).unwrap();
    }

    fn fillers(&self) -> PathBuf {
        self.at("fillers")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What a daemon has mounted on it lies deeper and goes first.
        unmount_below(self.folder.path());
    }
}
