//! The routes: one request in, one answer out, with dockerd's headers, statuses and messages.
//!
//! Only `GET` exists. Everything else is refused with 405 and remembered, because a program that
//! captures must never change anything, and a test wants to see that it never tries.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Frame;
use hyper::{Method, Request, Response};

use crate::model::ContainerId;

use super::answer::{Body, Refusal, add_headers, document, half_document, nothing, streamed, text};
use super::container::Container;
use super::events::Subscriber;
use super::faults::Stall;
use super::io::Breaker;
use super::json;
use super::profile::Profile;
use super::route::{Endpoint, Params, Route, parse_time};
use super::select::LogQuery;
use super::stream::{LogStream, frame};
use super::world::Core;

/// Answers one request.
pub(super) async fn answer<B>(
    core: Core,
    breaker: Arc<Breaker>,
    request: Request<B>,
) -> Result<Response<Body>, Infallible> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    core.lock().saw(path, query);
    let mut response = if request.method() == Method::GET {
        get(&core, &breaker, path, query).await.unwrap_or_else(Refusal::into_response)
    } else {
        core.lock().refused.push(format!("{} {path}", request.method()));
        Refusal::new(405, "this daemon is only read: GET is the only method").into_response()
    };
    let profile = core.lock().profile;
    add_headers(&mut response, profile);
    Ok(response)
}

async fn get(
    core: &Core,
    breaker: &Arc<Breaker>,
    path: &str,
    query: &str,
) -> Result<Response<Body>, Refusal> {
    let route = Route::parse(path).ok_or_else(|| Refusal::new(404, "page not found"))?;
    let params = Params::new(query);
    let (profile, delay) = {
        let world = core.lock();
        (world.profile, world.delays.get(&route.endpoint).copied())
    };
    check_version(route.api_minor, profile)?;
    if let Some(delay) = delay.filter(|delay| !delay.is_zero()) {
        tokio::time::sleep(delay).await;
    }
    if let Some(status) = core.lock().ordered_failure(&route) {
        return Err(Refusal::of(status, route.container));
    }
    match route.endpoint {
        Endpoint::Logs => logs(core, breaker, route.container, &params).await,
        Endpoint::Events => events(core, &params),
        endpoint => page(core, endpoint, route.container, &params),
    }
}

/// The answers that are one document.
fn page(
    core: &Core,
    endpoint: Endpoint,
    named: &str,
    params: &Params<'_>,
) -> Result<Response<Body>, Refusal> {
    let mut world = core.lock();
    let profile = world.profile;
    Ok(match endpoint {
        Endpoint::Ping => text("OK"),
        Endpoint::Version => document(&json::version(world.profile)),
        Endpoint::Info => document(&json::info(&world)),
        Endpoint::List if world.breaks_list() => {
            half_document(&json::list(&world, params.flag("all")))
        }
        Endpoint::List => document(&json::list(&world, params.flag("all"))),
        _ => {
            let container = world.find(named).ok_or_else(|| Refusal::no_such(named))?;
            document(&json::inspect(container, profile))
        }
    })
}

async fn logs(
    core: &Core,
    breaker: &Arc<Breaker>,
    named: &str,
    params: &Params<'_>,
) -> Result<Response<Body>, Refusal> {
    let query = LogQuery::parse(params, core.lock().profile)?;
    let (id, profile, tty) = readable(core, named)?;
    if !query.follow {
        while_reads_stall(core, &id).await;
        core.lock().remove_if_due(&id);
        // It may be gone by now.
        readable(core, named)?;
        let mut world = core.lock();
        let Some(container) = world.container_mut(&id) else { return Ok(nothing()) };
        if container.faults.finds_nothing() {
            return Ok(nothing());
        }
        if std::mem::take(&mut container.faults.loses_file) {
            world.remove(&id);
            return Ok(no_file(profile, tty));
        }
    }
    let stream = LogStream::open(core, &id, query, breaker);
    let mut stream = stream.ok_or_else(|| Refusal::no_such(named))?;
    if profile.answers_late() || (query.follow && profile.withholds_headers()) {
        let empty = !stream.prefetch().await;
        if empty && profile.answers_late() {
            return Ok(nothing());
        }
    }
    let kind = if core.lock().lying {
        Profile::Moby29.log_content_type(!tty)
    } else {
        profile.log_content_type(tty)
    };
    Ok(streamed(stream.into_frames(), kind))
}

/// What a read gets that finds its container and no file of its log any more.
fn no_file(profile: Profile, tty: bool) -> Response<Body> {
    const WORDS: &[u8] =
        b"Error grabbing logs: open /var/lib/docker/containers/log: no such file\n";
    let words = if tty { Bytes::from_static(WORDS) } else { frame(3, WORDS) };
    let frames = futures_util::stream::iter([Ok(Frame::data(words))]);
    streamed(frames, profile.log_content_type(tty))
}

fn readable(core: &Core, named: &str) -> Result<(ContainerId, Profile, bool), Refusal> {
    let world = core.lock();
    let container = world.find(named).ok_or_else(|| Refusal::no_such(named))?;
    if !container.is_readable() {
        let (status, words) = world.profile.unreadable();
        return Err(Refusal::new(status, words));
    }
    Ok((container.id.clone(), world.profile, container.spec.tty))
}

async fn while_reads_stall(core: &Core, id: &ContainerId) {
    let stalled = || {
        let world = core.lock();
        let stalls = |c: &&Container| !c.removed && c.faults.stalls(Stall::Reads);
        world.container(id).filter(stalls).map(Container::watch)
    };
    while let Some(mut changed) = stalled() {
        changed.changed().await;
    }
}

fn events(core: &Core, params: &Params<'_>) -> Result<Response<Body>, Refusal> {
    let profile = core.lock().profile;
    let since = parse_time(params.get("since"), profile)?;
    let until = parse_time(params.get("until"), profile)?;
    // With `until` the daemon replays and ends; here every bound counts as past.
    let subscriber = Subscriber::new(core, since, until.is_some());
    Ok(streamed(subscriber.into_frames(), Some("application/json")))
}

fn check_version(minor: Option<u32>, profile: Profile) -> Result<(), Refusal> {
    let (min, max) = (profile.min_api_minor(), profile.api_minor());
    match minor.filter(|_| profile.checks_versions()) {
        Some(n) if n < min => Err(Refusal::new(
            400,
            format!(
                "client version 1.{n} is too old. Minimum supported API version is 1.{min}, \
                 please upgrade your client to a newer version"
            ),
        )),
        Some(n) if n > max => Err(Refusal::new(
            400,
            format!("client version 1.{n} is too new. Maximum supported API version is 1.{max}"),
        )),
        _ => Ok(()),
    }
}
