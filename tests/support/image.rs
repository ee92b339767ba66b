//! The test image: Debian's static busybox and our generator, imported from a folder. It is named
//! by its content, so that building it again is a look-up.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::daemon::Daemon;

const BUSYBOX: &str = "/usr/bin/busybox";
const NAME: &str = "logcap-test-busybox";
const GENERATOR: &str = include_str!("gen.rs");
const LINKS: [&str; 14] = [
    "sh", "awk", "seq", "sleep", "cat", "echo", "printf", "true", "false", "head", "yes", "dd",
    "date", "kill",
];

/// The image on one daemon.
#[derive(Debug, Clone)]
pub(crate) struct Image(String);

impl Image {
    /// The image on this daemon, built if it is not there.
    pub(crate) fn busybox(daemon: &Daemon) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_64(GENERATOR.as_bytes());
        let tag = format!("{NAME}:{hash:016x}");
        if !daemon.try_docker(&["image", "inspect", &tag]).status.success() {
            import(daemon, &tag, &generator(hash));
        }
        Self(tag)
    }

    /// Name and tag.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Takes it away again.
    pub(crate) fn remove(&self, daemon: &Daemon) {
        daemon.docker(&["image", "rm", "-f", &self.0]);
    }
}

fn import(daemon: &Daemon, tag: &str, generator: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir(folder.path().join("tmp")).unwrap();
    std::fs::copy(BUSYBOX, bin.join("busybox")).expect("busybox-static is installed");
    std::fs::copy(generator, bin.join("gen")).unwrap();
    for link in LINKS {
        std::os::unix::fs::symlink("busybox", bin.join(link)).unwrap();
    }
    let mut tar = Command::new("tar")
        .args(["-C", folder.path().to_str().unwrap(), "-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let archive = tar.stdout.take().unwrap();
    let output = daemon.command().args(["import", "-", tag]).stdin(archive).output().unwrap();
    assert!(tar.wait().unwrap().success(), "tar failed");
    assert!(output.status.success(), "import: {}", String::from_utf8_lossy(&output.stderr));
}

/// The compiled generator, static so that it runs in an image without a C library.
fn generator(hash: u64) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let binary = folder.join(format!("gen-{hash:016x}"));
    if binary.exists() {
        return binary;
    }
    let (source, fresh) = (folder.join("gen.rs"), tempfile::tempdir_in(&folder).unwrap());
    std::fs::write(&source, GENERATOR).unwrap();
    let output = fresh.path().join("gen");
    let status = Command::new("rustc")
        .args(["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-o"])
        .args([&output, &source])
        .status()
        .expect("rustc is installed");
    assert!(status.success(), "the generator did not compile");
    std::fs::rename(output, &binary).unwrap();
    binary
}
