//! The `docker` layer against a real daemon. Everything needed is made through the `docker`
//! command: containers named `dk-*`, removed again, and an image `dk-live:test` of a static
//! busybox, which stays for the next run (`docker rmi dk-live:test`).
//!
//! `cargo test --test docker_live -- --ignored --test-threads=1`

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as loudly as the tests themselves"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use logcap_tui::docker::{
    Docker, DockerError, DockerEventKind, Flavor, KeptConnection, LogRequest, Step, Tail,
};
use logcap_tui::model::{Batch, ContainerId, Fd, RunState, Timing};

const IMAGE: &str = "dk-live:test";
const DEADLINE: Duration = Duration::from_mins(1);

fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output().unwrap();
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{program} {args:?}: {words}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn ensure_image() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let known = Command::new("docker").args(["image", "inspect", IMAGE]).output().unwrap();
        if known.status.success() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::copy("/usr/bin/busybox", bin.join("busybox")).unwrap();
        for link in ["sh", "seq", "awk", "cat", "sleep", "head", "tr", "printf", "yes"] {
            std::os::unix::fs::symlink("busybox", bin.join(link)).unwrap();
        }
        let tar = dir.path().join("image.tar");
        let (tar, root) = (tar.to_str().unwrap(), dir.path().to_str().unwrap());
        run("tar", &["-C", root, "-cf", tar, "bin"]);
        run("docker", &["import", tar, IMAGE]);
    });
}

/// A container that is removed when the test is over, passed or failed.
struct Container {
    id: ContainerId,
    name: String,
}

impl Container {
    fn start(name: &str, options: &[&str], script: &str) -> Self {
        ensure_image();
        let name = format!("dk-{name}-{}", std::process::id());
        let mut args = vec!["run", "-d", "--name", &name];
        args.extend_from_slice(options);
        args.extend_from_slice(&[IMAGE, "/bin/sh", "-c", script]);
        let id = ContainerId::new(run("docker", &args)).unwrap();
        Self { id, name }
    }

    /// Started, and run to its end.
    fn finished(name: &str, options: &[&str], script: &str) -> Self {
        let container = Self::start(name, options, script);
        run("docker", &["wait", &container.name]);
        container
    }

    fn read(&self) -> LogRequest {
        LogRequest {
            id: self.id.clone(),
            tty: false,
            cuts: Vec::new(),
            tail: Tail::All,
            since: None,
            follow: false,
            first_byte: Duration::from_secs(10),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-f", &self.name]).output();
    }
}

fn docker() -> Docker {
    Docker::new("/var/run/docker.sock".parse().unwrap(), &Timing::default()).unwrap()
}

async fn read_all(
    docker: &Docker,
    kept: Option<KeptConnection>,
    request: &LogRequest,
) -> Result<(Batch, Option<KeptConnection>), DockerError> {
    let mut out = Batch::new();
    let mut stream = docker.open_log(kept, request).await?;
    while stream.next(&mut out).await? != Step::End {}
    assert!(out.is_empty() || stream.bytes_received() > 0);
    Ok((out, stream.into_kept()))
}

fn texts(batch: &Batch) -> Vec<String> {
    batch.iter().map(|r| String::from_utf8_lossy(r.bytes).into_owned()).collect()
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn hello_list_and_inspect_tell_what_docker_tells() {
    let docker = docker();
    let hello = docker.hello().await.unwrap();
    assert_eq!(hello.flavor, Flavor::Docker);
    assert_eq!(hello.version, run("docker", &["version", "-f", "{{.Server.Version}}"]));
    assert_eq!(hello.daemon_id, run("docker", &["info", "-f", "{{.ID}}"]));
    assert!(hello.root_dir.starts_with('/') && !hello.api.is_empty() && !hello.name.is_empty());

    let options = ["--label", "team=red", "--log-opt", "max-size=1m", "-t"];
    let running = Container::start("inspect", &options, "sleep 60");
    let list = docker.list().await.unwrap();
    let listed = list.iter().find(|listed| listed.id == running.id).unwrap();
    assert_eq!((listed.name.as_str(), listed.running), (running.name.as_str(), true));
    assert_eq!(listed.labels.get("team").unwrap(), "red");

    let info = docker.inspect(&running.id).await.unwrap();
    assert_eq!((info.name.as_str(), info.image.as_str()), (running.name.as_str(), IMAGE));
    assert_eq!((info.tty, info.run, info.auto_remove), (true, RunState::Running, false));
    assert_eq!(info.log_config.driver, "json-file");
    assert_eq!(info.log_config.options.get("max-size").unwrap(), "1m");
    assert!(info.started_at.is_some());
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn what_cannot_be_read_says_why() {
    let docker = docker();
    let silent = Container::start("none", &["--log-driver", "none"], "echo x; sleep 60");
    for follow in [false, true] {
        let request = LogRequest { follow, ..silent.read() };
        let error = read_all(&docker, None, &request).await.err().unwrap();
        assert!(matches!(error, DockerError::NotReadable { .. }), "{error}");

        let id = ContainerId::new("f".repeat(64)).unwrap();
        let request = LogRequest { id, follow, ..silent.read() };
        let error = read_all(&docker, None, &request).await.err().unwrap();
        assert!(error.is_not_found(), "{error}");
        assert!(docker.inspect(&request.id).await.unwrap_err().is_not_found());
    }
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn outputs_tails_and_unfinished_lines_come_as_written() {
    let docker = docker();
    let script = "echo one; echo two >&2; echo three; printf unfinished";
    let container = Container::finished("lines", &[], script);
    let (batch, _) = read_all(&docker, None, &container.read()).await.unwrap();
    let mut seen = texts(&batch);
    seen.sort();
    assert_eq!(seen, ["one", "three", "two", "unfinished"]);
    for record in batch.iter() {
        assert_eq!(record.fd == Fd::Stderr, record.bytes == b"two");
        assert_eq!(record.newline, record.bytes != b"unfinished");
    }
    let request = LogRequest { tail: Tail::Last(2), ..container.read() };
    let (tail, _) = read_all(&docker, None, &request).await.unwrap();
    assert_eq!(texts(&tail), texts(&batch)[2..]);
    // `since` is inclusive and exact to the nanosecond.
    let since = batch.get(2).unwrap().ts;
    let request = LogRequest { since: Some(since), ..container.read() };
    let (later, _) = read_all(&docker, None, &request).await.unwrap();
    assert_eq!(later.len(), batch.iter().filter(|r| r.ts >= since).count());
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn long_lines_come_in_pieces_with_and_without_a_terminal() {
    let docker = docker();
    let script = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo end";
    for (name, options, tty) in [("long", &[][..], false), ("longtty", &["-t"][..], true)] {
        let container = Container::finished(name, options, script);
        assert_eq!(docker.inspect(&container.id).await.unwrap().tty, tty);
        let request = LogRequest { tty, ..container.read() };
        let (batch, _) = read_all(&docker, None, &request).await.unwrap();
        let shape: Vec<_> = batch.iter().map(|r| (r.bytes.len(), r.newline)).collect();
        assert_eq!(shape, [(16384, false), (16384, false), (40000 - 32768, true), (3, true)]);
        assert_eq!(batch.get(0).unwrap().ts, batch.get(2).unwrap().ts);
    }
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn one_connection_serves_many_reads() {
    let docker = docker();
    let container = Container::finished("kept", &[], "seq 1 100");
    let mut kept = None;
    for round in 0..500u64 {
        let count = round % 100 + 1;
        let request = LogRequest { tail: Tail::Last(count), ..container.read() };
        let (batch, after) = read_all(&docker, kept.take(), &request).await.unwrap();
        assert_eq!(batch.len() as u64, count);
        assert_eq!(batch.get(batch.len() - 1).unwrap().bytes, b"100");
        kept = after;
        assert!(kept.is_some());
    }
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn a_follow_brings_lines_as_they_are_written_and_ends_with_the_container() {
    let docker = docker();
    let script = "cat /dev/null; echo before; sleep 1; echo live; sleep 1; echo last";
    let container = Container::start("follow", &[], script);
    let request = LogRequest { follow: true, ..container.read() };
    let mut stream = docker.open_log(None, &request).await.unwrap();
    let mut out = Batch::new();
    let all = async { while stream.next(&mut out).await.unwrap() != Step::End {} };
    tokio::time::timeout(DEADLINE, all).await.unwrap();
    assert_eq!(texts(&out), ["before", "live", "last"]);
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn events_tell_the_life_of_a_container() {
    let docker = docker();
    ensure_image();
    let mut events = docker.events().await.unwrap();
    let container = Container::finished("events", &[], "echo x");
    let id = container.id.clone();
    drop(container);
    let mut seen = Vec::new();
    let life = async {
        while seen.last() != Some(&DockerEventKind::Destroy) {
            let event = events.next().await.unwrap();
            if event.id == id {
                assert!(event.at.is_some() && event.name.starts_with("dk-events"));
                seen.push(event.kind);
            }
        }
    };
    tokio::time::timeout(DEADLINE, life).await.unwrap();
    for kind in [DockerEventKind::Create, DockerEventKind::Start, DockerEventKind::Die] {
        assert!(seen.contains(&kind), "{seen:?}");
    }
}

#[tokio::test]
#[ignore = "needs a Docker daemon"]
async fn a_missing_socket_is_named() {
    let missing = "/nowhere/docker.sock";
    let docker = Docker::new(missing.parse().unwrap(), &Timing::default()).unwrap();
    let error = docker.hello().await.unwrap_err();
    assert!(error.means_daemon_down() && error.to_string().contains(missing), "{error}");
}

/// User and system time of this process so far, in milliseconds.
fn cpu_millis() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // A tick is ten milliseconds on every Linux that Docker runs on.
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
}

/// Reads one million lines and prints what it cost, beside curl. The figures are in
/// docs/CAPTURE.md. `LOGCAP_BIG` names a container to use instead of making one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker daemon, takes minutes, meant for --release"]
async fn a_million_lines_arrive_complete() {
    const LINES: u32 = 1_000_000;
    let docker = docker();
    let script = "awk 'BEGIN{for(i=1;i<=1000000;i++) printf \"%07d an ordinary line of a service, \
                  long enough to look like one, with a bit of text behind the number ok\\n\", i}'";
    let made;
    let id = if let Ok(name) = std::env::var("LOGCAP_BIG") {
        ContainerId::new(run("docker", &["inspect", "-f", "{{.Id}}", &name])).unwrap()
    } else {
        made = Container::finished("million", &["--log-opt", "max-size=4g"], script);
        made.id.clone()
    };
    let url = format!("http://d/containers/{}/logs?stdout=1&stderr=1&timestamps=1", id.as_str());
    for _ in 0..2 {
        let curl =
            ["-c", "time curl -s --unix-socket /var/run/docker.sock -o /dev/null \"$0\"", &url];
        let out = Command::new("bash").args(curl).output().unwrap();
        println!("curl {}", String::from_utf8_lossy(&out.stderr).trim().replace('\n', " "));

        let request = LogRequest {
            id: id.clone(),
            tty: false,
            cuts: Vec::new(),
            tail: Tail::All,
            since: None,
            follow: false,
            first_byte: Duration::from_secs(10),
        };
        let (start, cpu) = (std::time::Instant::now(), cpu_millis());
        let mut stream = docker.open_log(None, &request).await.unwrap();
        let (mut out, mut expected, mut steps) = (Batch::new(), 0u32, 0u32);
        while stream.next(&mut out).await.unwrap() != Step::End {
            steps += 1;
            for record in out.iter() {
                expected += 1;
                let number = std::str::from_utf8(&record.bytes[..7]).unwrap();
                assert_eq!(number.parse::<u32>().unwrap(), expected);
            }
            out.clear();
        }
        assert_eq!(expected, LINES);
        println!(
            "ours wall {:?} cpu {} ms, {} steps, {} bytes",
            start.elapsed(),
            cpu_millis() - cpu,
            steps,
            stream.bytes_received()
        );
    }
    assert!(Path::new("/var/run/docker.sock").exists());
}
