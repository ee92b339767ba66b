//! The architecture as a test: which folder may import which, where a crate may be named, where a
//! task may be spawned, what may be asked of Docker. docs/ARCHITECTURE.md says why.
//!
//! Every rule has a negative control below: a bad sample that the checker must report. A rule that
//! cannot fail would be a comment.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly"
)]

#[path = "support/source.rs"]
mod source;

use std::path::{Path, PathBuf};

use regex::Regex;

/// Layer, and all it may import. A module that is not listed here is reported, so that a new one
/// has to find its place.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    ("docker", &["model"]),
    ("store", &["model"]),
    ("sim", &["model"]),
    ("search", &["store", "model"]),
    ("engine", &["config", "docker", "store", "model"]),
    ("serve", &["engine", "model"]),
    ("tui", &["engine", "search", "config", "model"]),
    // Its controls put a whole engine on a simulated daemon together.
    ("verify", &["engine", "serve", "sim", "store", "docker", "config", "model"]),
    ("telemetry", &[]),
    ("cli", EVERYTHING),
    ("main", EVERYTHING),
    ("run", EVERYTHING),
    ("lib", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "model",
    "config",
    "docker",
    "store",
    "sim",
    "search",
    "engine",
    "serve",
    "tui",
    "telemetry",
    "verify",
    "cli",
];

/// A pattern that may occur only in files whose path begins with one of the prefixes.
struct Confined {
    what: &'static str,
    pattern: &'static str,
    /// Beginnings of matches that are fine anywhere.
    unless: &'static [&'static str],
    only_in: &'static [&'static str],
}

const CONFINED: &[Confined] = &[
    // One wrapper per foreign type system: replacing bollard touches two files.
    Confined {
        what: "bollard",
        pattern: r"\bbollard\b",
        unless: &[],
        only_in: &["src/docker/client.rs", "src/docker/events.rs"],
    },
    Confined { what: "ratatui", pattern: r"\bratatui\b", unless: &[], only_in: &["src/tui/"] },
    Confined { what: "rusqlite", pattern: r"\brusqlite\b", unless: &[], only_in: &["src/store/"] },
    // The environment is captured once, so that everything else is a function of values.
    Confined {
        what: "std::env",
        pattern: r"\bstd::env\b|\bstd::\{[^}]*\benv\b|\benv::(var|vars|var_os|vars_os|temp_dir|current_dir|home_dir)\b",
        unless: &[],
        only_in: &["src/config/"],
    },
    Confined {
        what: "directories",
        pattern: r"\bdirectories::",
        unless: &[],
        only_in: &["src/config/"],
    },
    Confined {
        what: "spawning a task or thread",
        pattern: r"\btokio::(task::)?spawn\w*\b|\bspawn_blocking\b|\bspawn_local\b|\bJoinSet\b|\bTaskTracker\b|\bthread::(spawn|Builder|scope)\b|\b\w*\s*\.\s*spawn(_on|_blocking|_scoped)?\(",
        // Asking the one place to spawn; that it is the one place, `JoinSet` above ensures.
        unless: &["self.spawn(", "tasks.spawn("],
        only_in: &[
            "src/engine/tasks.rs",  // every engine task: counted, named, joined
            "src/store/writer",     // the one thread that owns the write connection
            "src/sim/",             // a foreign program in miniature, not part of the engine
            "src/serve/",           // one task per accepted connection
            "src/docker/client.rs", // drives the connection of one answer and ends with it
            "src/tui/run.rs",       // fetches pages and answers so that drawing never waits
            "src/tui/worker",       // likewise
            "src/search/",          // scoped threads of one scan, joined before it returns
        ],
    },
    // Every channel is bounded: what happens when it is full is decided where it is made.
    Confined {
        what: "an unbounded channel",
        pattern: r"\bunbounded_channel\b|\bmpsc::channel(::<[^(]*>)?\(\)",
        unless: &[],
        only_in: &[],
    },
    Confined {
        what: "printing from the library",
        pattern: r"\b(e?println|e?print|dbg)!",
        unless: &[],
        only_in: &["src/main.rs"],
    },
];

/// What the Docker module must not contain: everything that is not a GET.
const WRITES: &[&str] = &[
    r"\bMethod::(POST|PUT|DELETE|PATCH|CONNECT)\b",
    r#""(POST|PUT|DELETE|PATCH) ?"#,
    r"\.(post|put|delete|patch)\(",
    r"\.(start|stop|kill|restart|pause|unpause|remove|create|rename|update|attach|wait|resize|export|commit|upload|prune|push|build|import|load|tag)_(container|containers|exec|image|images|network|volume|to_container)\w*\(",
    r"\b(StartExec|CreateExec|CreateContainer|StartContainer|StopContainer|KillContainer)\w*",
];

/// Longest file. Two hundred is the aim, four hundred a smell, this is the end.
const MAX_LINES: usize = 600;

/// What the repository's root may hold beside dot files and ignored folders.
const ROOT: &[&str] = &["Cargo.toml", "Cargo.lock", "README.md", "src", "assets", "tests", "docs"];

/// One broken rule, as `path:line: sentence`.
fn check(path: &str, text: &str) -> Vec<String> {
    let code = source::code(text);
    let mut broken = Vec::new();
    let mut report = |offset: usize, rule: String| {
        let line = 1 + code[..offset.min(code.len())].matches('\n').count();
        broken.push(format!("{path}:{line}: {rule}"));
    };
    check_imports(path, &code, &mut report);
    for rule in CONFINED.iter().filter(|r| !r.only_in.iter().any(|p| path.starts_with(p))) {
        let found = Regex::new(rule.pattern).unwrap();
        let fine = |text: &str| rule.unless.iter().any(|u| text.starts_with(u));
        for found in found.find_iter(&code).filter(|m| !fine(m.as_str())) {
            report(found.start(), format!("{} belongs to {:?}", rule.what, rule.only_in));
        }
    }
    if path.starts_with("src/docker/") {
        let with_strings = source::code_with_strings(text);
        for found in WRITES.iter().flat_map(|w| {
            Regex::new(w).unwrap().find_iter(&with_strings).map(|m| m.start()).collect::<Vec<_>>()
        }) {
            report(found, "only GET may be sent to Docker".to_owned());
        }
    }
    if !text.starts_with("//!") {
        report(0, "a file opens with its essay (`//!`)".to_owned());
    }
    if text.lines().count() > MAX_LINES {
        report(0, format!("more than {MAX_LINES} lines: split by idea"));
    }
    broken
}

fn check_imports(path: &str, code: &str, report: &mut impl FnMut(usize, String)) {
    let layer = module_path(path).first().cloned().unwrap_or_default();
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        report(0, format!("module `{layer}` has no place among the layers"));
        return;
    };
    for (offset, target) in imports(path, code) {
        let known = LAYERS.iter().any(|(name, _)| *name == target);
        if known && target != layer && !allowed.contains(&target.as_str()) {
            report(offset, format!("`{layer}` must not import `{target}`"));
        }
    }
}

/// `src/tui/view/help.rs` is `[tui, view, help]`, `src/tui/mod.rs` is `[tui]`.
fn module_path(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let inner = inner.strip_suffix("/mod.rs").or(inner.strip_suffix(".rs")).unwrap_or(inner);
    inner.split('/').map(ToOwned::to_owned).collect()
}

/// Every top-level module named by a `crate::`, `logcap_tui::` or climbing `super::` path.
fn imports(path: &str, code: &str) -> Vec<(usize, String)> {
    let depth = module_path(path).len();
    let paths = r"\b(?:crate|logcap_tui)\s*::\s*(\w+|\{)|\b((?:super\s*::\s*)+)(\w+|\{)";
    let mut found = Vec::new();
    for captures in Regex::new(paths).unwrap().captures_iter(code) {
        let whole = captures.get(0).unwrap();
        let supers = captures.get(2).map_or(depth, |s| s.as_str().matches("super").count());
        if supers != depth {
            continue;
        }
        let head = captures.get(1).or(captures.get(3)).unwrap();
        if head.as_str() == "{" {
            let names = group_heads(&code[head.end()..]);
            found.extend(names.into_iter().map(|name| (whole.start(), name)));
        } else {
            found.push((whole.start(), head.as_str().to_owned()));
        }
    }
    found
}

/// The first segments inside `{a::b, c::{d, e}, f}`: a, c, f.
fn group_heads(text: &str) -> Vec<String> {
    let (mut depth, mut heads, mut current) = (0, Vec::new(), String::new());
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut current)),
            _ if depth == 0 => current.push(c),
            _ => {}
        }
    }
    heads.push(current);
    let head = |h: &String| h.split("::").next().unwrap_or("").trim().to_owned();
    heads.iter().map(head).filter(|h| !h.is_empty()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_source_file_keeps_the_rules() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    assert!(files.len() > 10, "the sources were not found");
    let mut broken = Vec::new();
    for file in files {
        let path = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        broken.extend(check(&path, &std::fs::read_to_string(&file).unwrap()));
    }
    assert!(broken.is_empty(), "{} rules broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn the_root_holds_only_what_belongs_there() {
    let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored: Vec<_> = ignored.lines().map(|l| l.trim_matches('/')).collect();
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let fine =
            name.starts_with('.') || ROOT.contains(&&*name) || ignored.contains(&name.as_str());
        assert!(fine, "{name} does not belong into the root");
    }
}

#[test]
fn every_rule_reports_its_bad_sample() {
    let long = format!("//! x\n{}", "\n".repeat(MAX_LINES));
    let samples = [
        ("src/tui/a.rs", "use crate::docker::Client;", "`tui` must not import `docker`"),
        ("src/tui/a.rs", "use crate::{model::X, store::{A, B}};", "`tui` must not import `store`"),
        ("src/tui/view/a.rs", "use super::super::super::store::A;", "must not import `store`"),
        ("src/tui/mod.rs", "use super::docker::A;", "`tui` must not import `docker`"),
        ("src/model/a.rs", "fn f(x: crate::engine::X) {}", "`model` must not import `engine`"),
        ("src/store/a.rs", "use crate::search;", "`store` must not import `search`"),
        ("src/sim/a.rs", "use crate :: docker :: X;", "`sim` must not import `docker`"),
        ("src/newcomer/a.rs", "", "no place among the layers"),
        ("src/docker/logs.rs", "use bollard::Docker;", "bollard belongs to"),
        ("src/engine/a.rs", "fn f(_: ratatui::Frame) {}", "ratatui belongs to"),
        ("src/search/a.rs", "use rusqlite::Connection;", "rusqlite belongs to"),
        ("src/docker/a.rs", "let h = std::env::var(\"DOCKER_HOST\");", "std::env belongs to"),
        ("src/tui/a.rs", "use std::{env, fs};", "std::env belongs to"),
        ("src/store/a.rs", "directories::ProjectDirs::from(a);", "directories belongs to"),
        ("src/engine/monitor.rs", "tokio::spawn(async {});", "spawning a task"),
        ("src/engine/monitor.rs", "set.spawn(async {});", "spawning a task"),
        ("src/engine/monitor.rs", "let tasks = JoinSet::new();", "spawning a task"),
        ("src/engine/monitor.rs", "runtime\n    .spawn(async {});", "spawning a task"),
        ("src/docker/a.rs", "std::thread::spawn(f);", "spawning a task"),
        ("src/tui/a.rs", "thread::Builder::new();", "spawning a task"),
        ("src/tui/a.rs", "mpsc::unbounded_channel();", "an unbounded channel"),
        ("src/tui/a.rs", "std::sync::mpsc::channel::<u8>();", "an unbounded channel"),
        ("src/tui/a.rs", "println!(\"x\");", "printing from the library"),
        ("src/docker/a.rs", "Request::builder().method(Method::POST)", "only GET"),
        ("src/docker/a.rs", "write(\"POST /containers\")", "only GET"),
        ("src/docker/client.rs", "docker.stop_container(id, None)", "only GET"),
        ("src/docker/client.rs", "docker.create_exec(id, x)", "only GET"),
        ("src/docker/client.rs", "http.delete(url)", "only GET"),
    ];
    for (path, sample, rule) in samples {
        let text = format!("//! essay\n{sample}\n");
        let broken = check(path, &text);
        assert!(broken.iter().any(|b| b.contains(rule)), "{path}: {sample}: {broken:?}");
    }
    assert!(check("src/tui/a.rs", "use std::fs;").iter().any(|b| b.contains("essay")));
    assert!(check("src/tui/a.rs", &long).iter().any(|b| b.contains("split by idea")));
}

#[test]
fn what_is_allowed_is_not_reported() {
    let samples = [
        ("src/tui/a.rs", "use crate::{engine::X, search::Query, config, model, tui::b};"),
        ("src/tui/view/a.rs", "use super::super::docker_panel; // the tui's own module"),
        ("src/docker/client.rs", "use bollard::Docker; docker.inspect_container(id, None);"),
        ("src/docker/logs.rs", "// Method::POST is never sent\nMethod::GET; \"the post office\""),
        ("src/engine/tasks.rs", "set.spawn(task); tokio::spawn(task);"),
        ("src/engine/supervisor.rs", "self.tasks.spawn(kind, task); self.spawn(id);"),
        ("src/engine/a.rs", "let s = \"tokio::spawn\"; /* crate::tui::X */ env!(\"X\");"),
        ("src/engine/a.rs", "let (tx, rx) = mpsc::channel(16);"),
        ("src/store/a.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use crate::engine::X; }"),
        ("src/main.rs", "use logcap_tui::{cli, docker, tui};"),
    ];
    for (path, sample) in samples {
        let broken = check(path, &format!("//! essay\n{sample}\n"));
        assert!(broken.is_empty(), "{path}: {sample}: {broken:?}");
    }
}

#[test]
fn a_line_number_points_at_the_line() {
    let broken = check("src/tui/a.rs", "//! essay\n\n\nuse crate::docker::X;\n");
    assert!(broken[0].starts_with("src/tui/a.rs:4:"), "{broken:?}");
}
