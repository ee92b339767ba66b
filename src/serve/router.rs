//! Routes to answers. The unix socket has one route more than TCP: orders are taken only from
//! whoever may open a file of mode 0600, never from a network.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::health::{Health, Maker};
use super::metrics;
use crate::engine::{Command, CommandError, EngineHandle};
use crate::model::Moment;

/// Reads the monotonic clock that stamps the snapshots.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// What the routes answer from.
#[derive(Clone)]
pub struct Served {
    /// The engine.
    pub handle: EngineHandle,
    /// The clock of its snapshots.
    pub clock: Clock,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Served {
    /// The document of `/health` at this moment.
    pub fn health(&self) -> Health {
        Health::of(&self.handle.snapshot(), (self.clock)(), self.maker())
    }

    /// A closed channel means that nobody will ever send a newer snapshot.
    fn maker(&self) -> Maker {
        match self.handle.snapshots().has_changed() {
            Ok(_) => Maker::Alive,
            Err(_) => Maker::Gone,
        }
    }
}

/// The routes that only look.
pub fn public_router(served: Served) -> Router {
    looking().with_state(served)
}

/// The routes that only look, and `POST /command`.
pub fn owner_router(served: Served) -> Router {
    looking().route("/command", post(command)).with_state(served)
}

fn looking() -> Router<Served> {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics_text))
        .route("/snapshot", get(snapshot))
}

fn code(ok: bool) -> StatusCode {
    if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn health(State(served): State<Served>) -> Response {
    let health = served.health();
    (code(health.status.is_ok()), Json(health)).into_response()
}

async fn ready(State(served): State<Served>) -> Response {
    let ready = served.handle.snapshot().ready;
    (code(ready), Json(json!({ "ready": ready }))).into_response()
}

async fn metrics_text(State(served): State<Served>) -> Response {
    let text = metrics::render(&served.handle.snapshot(), (served.clock)(), served.maker());
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn snapshot(State(served): State<Served>) -> Response {
    Json(served.handle.snapshot()).into_response()
}

async fn command(State(served): State<Served>, Json(command): Json<Command>) -> Response {
    match served.handle.command(command).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            let code = match error {
                CommandError::Viewer => StatusCode::CONFLICT,
                CommandError::Busy => StatusCode::TOO_MANY_REQUESTS,
                CommandError::EngineGone => StatusCode::SERVICE_UNAVAILABLE,
            };
            (code, Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}
