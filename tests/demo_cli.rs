//! `logcap-tui demo` as a process without a terminal: what it refuses, and that it leaves nothing.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the program with a home and a temporary directory of its own.
fn demo(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logcap-tui"))
        .arg("demo")
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("TMPDIR", home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn left_behind(home: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(home).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("logcap-tui-demo")).collect()
}

#[test]
fn without_a_terminal_it_says_so_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/03-streams-end.toml");
    for args in [vec!["--seed", "7"], vec!["--scenario", scenario]] {
        let output = demo(home.path(), &args);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains("terminal"), "{words}");
        assert_eq!(left_behind(home.path()), [""; 0], "{args:?}");
    }
    // The negative control: this is where it would have been.
    std::fs::create_dir(home.path().join("logcap-tui-demo-control")).unwrap();
    assert_eq!(left_behind(home.path()), ["logcap-tui-demo-control"]);
}

#[test]
fn a_scenario_that_cannot_be_played_is_a_mistake_of_the_command_line() {
    let home = tempfile::tempdir().unwrap();
    let output = demo(home.path(), &["--scenario", "nowhere.toml"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("nowhere.toml"), "{words}");

    let file = home.path().join("wrong.toml");
    std::fs::write(&file, "title = \"x\"\ndaemon = \"moby99\"\n").unwrap();
    let output = demo(home.path(), &["--scenario", file.to_str().unwrap()]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("wrong.toml"), "{words}");
}
