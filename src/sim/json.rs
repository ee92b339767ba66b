//! The daemon's documents, with the fields that clients deserialize. Pure.
//!
//! Shapes were taken from a real 20.10.24; what no client reads is left out or empty.

use serde_json::{Value, json};

use crate::model::{RunState, Timestamp};

use super::container::Container;
use super::profile::Profile;
use super::world::World;

/// Go's zero time: a container that never started or never stopped.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// `/version`
pub(super) fn version(profile: Profile) -> Value {
    let engine = if profile.is_podman() { "Podman Engine" } else { "Engine" };
    let api = format!("1.{}", profile.api_minor());
    let min = format!("1.{}", profile.min_api_minor());
    json!({
        "Platform": { "Name": "" },
        "Components": [{
            "Name": engine,
            "Version": profile.version(),
            "Details": { "ApiVersion": api, "MinAPIVersion": min, "Os": "linux", "Arch": "amd64" },
        }],
        "Version": profile.version(),
        "ApiVersion": api,
        "MinAPIVersion": min,
        "GitCommit": "5d6db84",
        "GoVersion": "go1.19.8",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": "6.1.0",
        "BuildTime": "2026-01-01T00:00:00.000000000+00:00",
    })
}

/// `/info`
pub(super) fn info(world: &World) -> Value {
    let present = || world.containers.iter().filter(|container| !container.removed);
    let running = present().filter(|container| container.is_running()).count();
    let id = if world.profile.is_podman() {
        // Another one for each question.
        format!("{:x}", world.clock.now().0)
    } else {
        "SIMU:LATE:DDAE:MON0".to_owned()
    };
    json!({
        "ID": id,
        "Containers": present().count(),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": present().count() - running,
        "Images": 1,
        "Driver": "overlay2",
        "DriverStatus": null,
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": null,
            "Log": ["journald", "json-file", "local", "syslog"],
        },
        "SystemTime": world.clock.now().to_rfc3339(),
        "LoggingDriver": "json-file",
        "CgroupDriver": "systemd",
        "CgroupVersion": "2",
        "NEventsListener": 0,
        "KernelVersion": "6.1.0",
        "OperatingSystem": "Simulated Linux",
        "OSType": "linux",
        "Architecture": "x86_64",
        "NCPU": 2,
        "MemTotal": 8_589_934_592_u64,
        "DockerRootDir": "/var/lib/docker",
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": "simulated",
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": world.profile.version(),
        "LiveRestoreEnabled": true,
        "Warnings": null,
    })
}

/// `/containers/json`, newest first.
pub(super) fn list(world: &World, all: bool) -> Value {
    let now = world.clock.now();
    let listed = world.containers.iter().rev().filter(|c| !c.removed && (all || c.is_running()));
    listed.map(|container| list_item(container, now)).collect()
}

fn list_item(container: &Container, now: Timestamp) -> Value {
    let ago = |ts: Option<Timestamp>| ts.map_or(0, |ts| now.since(ts).as_secs());
    let status = match container.run {
        RunState::Created => "Created".to_owned(),
        RunState::Running => format!("Up {} seconds", ago(container.started_at)),
        RunState::Exited => {
            let ago = ago(container.finished_at);
            let word = if container.restarting { "Restarting" } else { "Exited" };
            format!("{word} ({}) {ago} seconds ago", container.exit_code)
        }
    };
    json!({
        "Id": container.id.as_str(),
        "Names": [format!("/{}", container.spec.name)],
        "Image": container.spec.image,
        "ImageID": image_id(container),
        "Command": "sh -c work",
        "Created": container.created_at.0.div_euclid(1_000_000_000),
        "Ports": [],
        "Labels": container.spec.labels,
        "State": state_word(container),
        "Status": status,
        "HostConfig": { "NetworkMode": "none" },
        "NetworkSettings": { "Networks": {} },
        "Mounts": [],
    })
}

/// `/containers/{id}/json`
pub(super) fn inspect(container: &Container, profile: Profile) -> Value {
    let (id, spec) = (container.id.as_str(), &container.spec);
    let time = |ts: Option<Timestamp>| ts.map_or_else(|| NEVER.to_owned(), Timestamp::to_rfc3339);
    let json_file = spec.driver == "json-file";
    let path = format!("/var/lib/docker/containers/{id}/{id}-json.log");
    json!({
        "Id": id,
        "Created": container.created_at.to_rfc3339(),
        "Path": "sh",
        "Args": ["-c", "work"],
        "State": {
            "Status": state_word(container),
            "Running": container.is_running() || container.restarting,
            "Paused": false,
            "Restarting": container.restarting,
            "OOMKilled": false,
            "Dead": false,
            "Pid": if container.is_running() { 4242 } else { 0 },
            "ExitCode": container.exit_code,
            "Error": "",
            "StartedAt": time(container.started_at),
            "FinishedAt": time(container.finished_at),
        },
        "Image": image_id(container),
        "LogPath": if json_file { path } else { String::new() },
        "Name": format!("/{}", spec.name),
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": {
            "Binds": null,
            "LogConfig": log_config(container, profile),
            "NetworkMode": "none",
            "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
            "AutoRemove": spec.auto_remove,
            "Privileged": false,
        },
        "Mounts": [],
        "Config": {
            "Hostname": container.id.short(),
            "User": "",
            "AttachStdout": false,
            "AttachStderr": false,
            "Tty": spec.tty,
            "OpenStdin": false,
            "Env": ["PATH=/usr/bin:/bin"],
            "Cmd": ["sh", "-c", "work"],
            "Image": spec.image,
            "Labels": spec.labels,
        },
        "NetworkSettings": { "Networks": {} },
    })
}

fn log_config(container: &Container, profile: Profile) -> Value {
    let spec = &container.spec;
    if !profile.hides_log_options() {
        return json!({ "Type": spec.driver, "Config": spec.options });
    }
    let driver = if spec.driver == "k8s-file" { "json-file" } else { &spec.driver };
    json!({ "Type": driver, "Config": null })
}

fn state_word(container: &Container) -> &'static str {
    match container.run {
        RunState::Created => "created",
        RunState::Running => "running",
        RunState::Exited if container.restarting => "restarting",
        RunState::Exited => "exited",
    }
}

fn image_id(container: &Container) -> String {
    let hash = xxhash_rust::xxh3::xxh3_128(container.spec.image.as_bytes());
    format!("sha256:{hash:032x}{hash:032x}")
}
