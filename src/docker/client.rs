//! The handle to one daemon and its control plane: hello, list, inspect, subscribe, open a log.
//!
//! bollard speaks the API here, over our own connector and with our own deadline round each call,
//! because it has none for bodies. What it is given as a transport refuses anything but `GET`, so
//! this program cannot change a container even by mistake. Paths carry no version, which every
//! daemon answers in its own newest one. One connection per call: its task is hyper's, it is
//! spawned in `control_exchange` alone and ends with the answer or when the caller drops it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status, ContainerSummary,
    ContainerSummaryStateEnum as Summary,
};
use bollard::query_parameters::{EventsOptions, InspectContainerOptions, ListContainersOptions};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use super::endpoint::Endpoint;
use super::error::{CallStep, DockerError, preview};
use super::events::EventStream;
use super::link::{Connect, KeptConnection, Link, open};
use super::logs::LogStream;
use super::paced::PacedIo;
use super::request::{Limits, LogRequest};
use super::stamp::{parse_any, since_docker, since_podman};
use crate::model::{ContainerId, ContainerInfo, LogConfig, RunState, Timing};

/// How long opening a follow waits for its header before it goes on without: long enough that a
/// daemon which sends it at once has subscribed us, short where it is withheld (moby#47448).
const FOLLOW_HEADER: Duration = Duration::from_millis(250);

/// Whose API it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavor {
    /// Docker and Moby.
    Docker,
    /// Podman's compatible API.
    Podman,
}

/// What the daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonInfo {
    /// Whose API it is.
    pub flavor: Flavor,
    /// Its version, for example `20.10.24`.
    pub version: String,
    /// Newest API version it speaks.
    pub api: String,
    /// Oldest API version it accepts.
    pub min_api: String,
    /// Its id; empty where it has none.
    pub daemon_id: String,
    /// Where it keeps its files.
    pub root_dir: String,
    /// Operating system of its host.
    pub os: String,
    /// Name of its host.
    pub name: String,
}

impl DaemonInfo {
    /// What tells this daemon from others. Podman makes up another id for each question (podman
    /// `compat/info.go`), so there it is its host and where it keeps its files. Empty if unknown.
    pub fn identity(&self) -> String {
        match self.flavor {
            Flavor::Docker => self.daemon_id.clone(),
            Flavor::Podman if self.name.is_empty() || self.root_dir.is_empty() => String::new(),
            Flavor::Podman => format!("podman {} {}", self.name, self.root_dir),
        }
    }
}

/// One row of the list of containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Full id.
    pub id: ContainerId,
    /// Name without the leading slash.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it runs, also while paused or between two runs.
    pub running: bool,
    /// Whether it ended an hour ago or longer, in the daemon's words.
    pub long_over: bool,
}

struct Shared {
    endpoint: Endpoint,
    connector: Arc<dyn Connect>,
    control: bollard::Docker,
    timing: Timing,
    podman: AtomicBool,
}

/// A handle to one daemon; clones share it.
#[derive(Clone)]
pub struct Docker(Arc<Shared>);

impl fmt::Debug for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Docker({})", self.endpoint())
    }
}

impl Docker {
    /// A handle to the daemon at `endpoint`. Does no I/O.
    pub fn new(endpoint: Endpoint, timing: &Timing) -> Result<Self, DockerError> {
        let connector = Arc::new(endpoint.clone());
        Self::with_connector(connector, endpoint, timing)
    }

    /// The same over another way to connect; `endpoint` is what messages show.
    pub fn with_connector(
        connector: Arc<dyn Connect>,
        endpoint: Endpoint,
        timing: &Timing,
    ) -> Result<Self, DockerError> {
        let control = control(&connector, &endpoint, timing, None)?;
        let podman = AtomicBool::new(false);
        Ok(Self(Arc::new(Shared { endpoint, connector, control, timing: *timing, podman })))
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Asks the daemon who it is. To be called at every (re)connect, as the flavor found here
    /// decides the form of `since` in log requests.
    pub async fn hello(&self) -> Result<DaemonInfo, DockerError> {
        let what = "the daemon";
        let pong = self.call(what, self.0.control.ping()).await?;
        if pong.trim() != "OK" {
            let what = format!("it answered the ping with \"{}\"", preview(pong.as_bytes()));
            return Err(DockerError::NotDocker { endpoint: self.0.endpoint.clone(), what });
        }
        let version = self.call(what, self.0.control.version()).await?;
        let info = self.call(what, self.0.control.info()).await?;
        let components = version.components.unwrap_or_default();
        let podman = components.iter().any(|part| part.name.to_lowercase().contains("podman"));
        self.0.podman.store(podman, Ordering::Relaxed);
        Ok(DaemonInfo {
            flavor: if podman { Flavor::Podman } else { Flavor::Docker },
            version: version.version.unwrap_or_default(),
            api: version.api_version.unwrap_or_default(),
            min_api: version.min_api_version.unwrap_or_default(),
            daemon_id: info.id.unwrap_or_default(),
            root_dir: info.docker_root_dir.unwrap_or_default(),
            os: info.operating_system.or(version.os).unwrap_or_default(),
            name: info.name.unwrap_or_default(),
        })
    }

    /// All containers, running or not.
    pub async fn list(&self) -> Result<Vec<Listed>, DockerError> {
        let options = ListContainersOptions { all: true, ..Default::default() };
        let all = self.call("the list", self.0.control.list_containers(Some(options))).await?;
        all.into_iter().map(listed).collect()
    }

    /// One container in full.
    pub async fn inspect(&self, id: &ContainerId) -> Result<ContainerInfo, DockerError> {
        let subject = format!("container {}", id.short());
        let none = None::<InspectContainerOptions>;
        let answer =
            self.call(&subject, self.0.control.inspect_container(id.as_str(), none)).await?;
        container_info(answer)
    }

    /// Subscribes to container events. When this returns the daemon has the subscription.
    pub async fn events(&self) -> Result<EventStream, DockerError> {
        let shared = &self.0;
        let (answered, answer) = oneshot::channel();
        let control = control(&shared.connector, &shared.endpoint, &shared.timing, Some(answered))?;
        let filters = HashMap::from([("type".to_owned(), vec!["container".to_owned()])]);
        let options = EventsOptions { filters: Some(filters), ..Default::default() };
        let messages = Box::pin(control.events(Some(options)));
        let patience = shared.timing.connect.get() + Duration::from_secs(1);
        EventStream::subscribe(messages, answer, patience).await
    }

    /// Opens a log. A bounded read uses `kept` if it is still alive and returns once the header is
    /// there. A follow always has its own connection, and its refusal may come from `next`.
    pub async fn open_log(
        &self,
        kept: Option<KeptConnection>,
        request: &LogRequest,
    ) -> Result<LogStream, DockerError> {
        if let Some(KeptConnection(mut link)) = kept.filter(|_| !request.follow) {
            let limit = self.0.timing.connect.get();
            if tokio::time::timeout(limit, link.ready()).await == Ok(true) {
                match self.ask(link, request).await {
                    // The daemon closed it just before: nothing was answered, so ask anew.
                    Err(DockerError::Cut { phase: CallStep::Header, .. }) => {}
                    result => return result,
                }
            }
        }
        let shared = &self.0;
        let limit = shared.timing.connect.get();
        let wire = open(shared.connector.as_ref(), &shared.endpoint, limit).await?;
        let link = Link::new(wire)
            .await
            .map_err(|error| DockerError::exchange(&error, CallStep::Connect, &shared.endpoint))?;
        self.ask(link, request).await
    }

    async fn ask(&self, mut link: Link, request: &LogRequest) -> Result<LogStream, DockerError> {
        let shared = &self.0;
        let podman = shared.podman.load(Ordering::Relaxed);
        let path = request.path(if podman { since_podman } else { since_docker });
        let answer = link.send(get(&path, &shared.endpoint)?);
        let limits = self.limits(request);
        let mut stream = LogStream::new(link, answer, request, shared.endpoint.clone(), limits);
        if request.follow {
            // Without an answer in time the follow stands all the same; `next` waits on.
            if let Ok(result) = tokio::time::timeout(FOLLOW_HEADER, stream.header()).await {
                result?;
            }
        } else {
            stream.header().await?;
        }
        Ok(stream)
    }

    fn limits(&self, request: &LogRequest) -> Limits {
        let timing = &self.0.timing;
        let bounded = |limit| (!request.follow).then_some(limit);
        Limits {
            // A daemon that withholds the header sends it with the first byte (moby#47448).
            header: bounded(timing.header.get().max(request.first_byte)),
            first_byte: bounded(request.first_byte),
            body: bounded(timing.body.get()),
            refusal: timing.body.get(),
        }
    }

    async fn call<T>(
        &self,
        subject: &str,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, DockerError> {
        let limit = self.0.timing.header.get() + self.0.timing.body.get();
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(explain(&error, subject)),
            Err(_) => Err(DockerError::Timeout { phase: CallStep::Header, after: limit }),
        }
    }
}

fn get(path: &str, endpoint: &Endpoint) -> Result<Request<Empty<Bytes>>, DockerError> {
    Request::get(path).header(HOST, endpoint.authority()).body(Empty::new()).map_err(|error| {
        DockerError::Malformed { what: format!("the request for {path}: {error}") }
    })
}

/// bollard over our connector. `answered` is told when the first answer's header is there.
fn control(
    connector: &Arc<dyn Connect>,
    endpoint: &Endpoint,
    timing: &Timing,
    answered: Option<oneshot::Sender<()>>,
) -> Result<bollard::Docker, DockerError> {
    let (connector, endpoint) = (Arc::clone(connector), endpoint.clone());
    let limit = timing.connect.get();
    let answered = Arc::new(std::sync::Mutex::new(answered));
    let transport = move |request: bollard::BollardRequest| {
        let (connector, endpoint) = (Arc::clone(&connector), endpoint.clone());
        let answered = Arc::clone(&answered);
        async move {
            let (method, uri) = (request.method().clone(), request.uri().clone());
            let response = control_exchange(&*connector, &endpoint, limit, &method, &uri).await;
            let answered = answered.lock().ok().and_then(|mut slot| slot.take());
            if let Some(answered) = answered {
                let _ = answered.send(());
            }
            response.map_err(|error| BollardError::IOError { err: io::Error::other(error) })
        }
    };
    // Our own deadline governs; bollard's must only not be shorter.
    let seconds = (timing.header.get() + timing.body.get()).as_secs() + 60;
    let version = bollard::API_DEFAULT_VERSION;
    bollard::Docker::connect_with_custom_transport(
        transport,
        Some("http://localhost"),
        seconds,
        version,
    )
    .map_err(|error| explain(&error, "the daemon"))
}

async fn control_exchange(
    connector: &dyn Connect,
    endpoint: &Endpoint,
    limit: Duration,
    method: &Method,
    uri: &Uri,
) -> Result<Response<Incoming>, DockerError> {
    if *method != Method::GET {
        let what = format!("{method} {uri} refused: this program only reads");
        return Err(DockerError::Malformed { what });
    }
    let failed = |error: hyper::Error| DockerError::exchange(&error, CallStep::Header, endpoint);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = get(path, endpoint)?;
    let wire = open(connector, endpoint, limit).await?;
    let io = TokioIo::new(PacedIo::new(wire));
    let (mut sender, connection) = http1::handshake(io).await.map_err(failed)?;
    // Its error reaches the caller through the answer; here it has nobody to tell.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(failed)
}

/// The error that our transport wrapped for bollard.
pub(super) fn own_error(error: &BollardError) -> Option<DockerError> {
    let BollardError::IOError { err } = error else { return None };
    err.get_ref()?.downcast_ref::<DockerError>().cloned()
}

/// Any error of bollard in our words.
pub(super) fn explain(error: &BollardError, subject: &str) -> DockerError {
    if let Some(own) = own_error(error) {
        return own;
    }
    match error {
        BollardError::DockerResponseServerError { status_code, message } => {
            DockerError::status(*status_code, message.trim().to_owned(), subject)
        }
        BollardError::HyperResponseError { err } => {
            DockerError::Cut { phase: CallStep::Body, text: err.to_string() }
        }
        other => DockerError::Malformed { what: format!("{subject}: {other}") },
    }
}

fn listed(row: ContainerSummary) -> Result<Listed, DockerError> {
    let name = row.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    let running = matches!(row.state, Some(Summary::RUNNING | Summary::PAUSED | Summary::STOPPING));
    let long_over = row.status.is_some_and(|status| is_long_ago(&status));
    Ok(Listed {
        id: container_id(row.id)?,
        name: name.trim_start_matches('/').to_owned(),
        image: row.image.unwrap_or_default(),
        labels: row.labels.unwrap_or_default().into_iter().collect(),
        running,
        long_over,
    })
}

/// Whether words like "Exited (0) 5 weeks ago" name an hour or more (`units.HumanDuration` of
/// docker/go-units). Others, of any daemon, mean that it may have been just now.
fn is_long_ago(status: &str) -> bool {
    let units = ["hour", "day", "week", "month", "year"];
    status.ends_with(" ago") && units.iter().any(|unit| status.contains(unit))
}

fn container_id(id: Option<String>) -> Result<ContainerId, DockerError> {
    ContainerId::new(id.unwrap_or_default())
        .map_err(|error| DockerError::Malformed { what: error.to_string() })
}

fn container_info(answer: ContainerInspectResponse) -> Result<ContainerInfo, DockerError> {
    let state = answer.state.unwrap_or_default();
    let config = answer.config.unwrap_or_default();
    let host = answer.host_config.unwrap_or_default();
    let log = host.log_config.unwrap_or_default();
    Ok(ContainerInfo {
        id: container_id(answer.id)?,
        name: answer.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: config.image.or(answer.image).unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        tty: config.tty.unwrap_or_default(),
        auto_remove: host.auto_remove.unwrap_or_default(),
        log_config: LogConfig {
            driver: log.typ.unwrap_or_default(),
            options: log.config.unwrap_or_default().into_iter().collect(),
        },
        run: run_state(&state),
        restarting: state.restarting == Some(true),
        created: answer.created.as_deref().and_then(|text| parse_any(text.as_bytes())),
        // The year 1 of a container that never ran does not fit and so is none.
        started_at: state.started_at.as_deref().and_then(|text| parse_any(text.as_bytes())),
        restart_count: answer.restart_count.and_then(|n| n.try_into().ok()).unwrap_or_default(),
    })
}

fn run_state(state: &ContainerState) -> RunState {
    // A restarting container is called running too, but between two runs nothing is.
    let restarting = state.restarting == Some(true);
    let alive = !restarting && [state.running, state.paused].contains(&Some(true));
    match state.status {
        _ if alive => RunState::Running,
        Some(Status::CREATED) => RunState::Created,
        _ => RunState::Exited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ended_an_hour_ago_or_longer_is_long_over() {
        for words in
            ["About an hour ago", "5 hours ago", "3 days ago", "2 weeks ago", "7 months ago"]
        {
            assert!(is_long_ago(&format!("Exited (137) {words}")), "{words}");
        }
        for words in
            ["Less than a second ago", "9 seconds ago", "About a minute ago", "59 minutes ago"]
        {
            assert!(!is_long_ago(&format!("Exited (0) {words}")), "{words}");
        }
        for status in ["", "Created", "Up 5 hours", "exited", "Dead"] {
            assert!(!is_long_ago(status), "{status}");
        }
    }
}
