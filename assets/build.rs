//! Tells the compiler which build this is: version, commit, and whether the sources differ from it.
//!
//! Only release builds ask git: asking means being built again after every commit, which is right
//! for a program that is handed out and a nuisance while working on it. `LOGCAP_COMMIT` wins over
//! git, for packagers who build without a repository.
#![allow(clippy::print_stdout, reason = "it is how a build script speaks to cargo")]

use std::env::var;
use std::process::Command;

/// What is compiled into the program; changes elsewhere do not make a build dirty.
const SOURCES: [&str; 4] = ["src", "assets", "Cargo.toml", "Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-changed=assets/build.rs");
    println!("cargo::rerun-if-env-changed=LOGCAP_COMMIT");
    let version = var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=LOGCAP_BUILD={version} ({})", origin());
}

fn origin() -> String {
    if let Ok(commit) = var("LOGCAP_COMMIT") {
        return format!("commit {commit}");
    }
    if var("PROFILE").as_deref() != Ok("release") {
        return "debug build, commit not recorded".to_owned();
    }
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "commit unknown".to_owned();
    };
    watch_sources();
    let changed =
        git(&[&["--no-optional-locks", "status", "--porcelain", "--"], &SOURCES[..]].concat());
    match changed.as_deref() {
        Some("") => format!("commit {commit}"),
        _ => format!("commit {commit}, dirty"),
    }
}

/// The answer is old as soon as a source changes or another commit is the head.
fn watch_sources() {
    for path in SOURCES {
        println!("cargo::rerun-if-changed={path}");
    }
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
