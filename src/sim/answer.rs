//! Answers and refusals: the bodies, headers and words that all routes share.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::profile::Profile;
use super::stream::Broken;

/// What every answer is sent as.
pub(super) type Body = UnsyncBoxBody<Bytes, Broken>;

/// An answer that is a status and dockerd's words for it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub(super) struct Refusal {
    status: u16,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// There is no container of this name.
    pub(super) fn no_such(named: &str) -> Self {
        Self::new(404, format!("No such container: {named}"))
    }

    /// A status that was ordered or that a driver causes.
    pub(super) fn of(status: u16, named: &str) -> Self {
        match status {
            404 => Self::no_such(named),
            409 => Self::new(
                409,
                "can not get logs from container which is dead or marked for removal",
            ),
            501 => Self::new(501, "configured logging driver does not support reading"),
            _ => Self::new(status, "simulated failure"),
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = document(&json!({ "message": self.message }));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        response
    }
}

/// A JSON document.
pub(super) fn document(document: &Value) -> Response<Body> {
    full(Bytes::from(format!("{document}\n")), "application/json")
}

/// The first half of a JSON document, and then the connection breaks.
pub(super) fn half_document(document: &Value) -> Response<Body> {
    let text = document.to_string();
    let half = Bytes::copy_from_slice(text.as_bytes().split_at(text.len() / 2).0);
    let frames = [Ok(Frame::data(half)), Err(Broken)];
    let frames = futures_util::stream::iter(frames).then(async |frame| {
        // The server flushes what it has only when the body has nothing ready.
        tokio::task::yield_now().await;
        frame
    });
    streamed(frames, Some("application/json"))
}

/// Plain text.
pub(super) fn text(text: &'static str) -> Response<Body> {
    full(Bytes::from_static(text.as_bytes()), "text/plain; charset=utf-8")
}

fn full(bytes: Bytes, kind: &'static str) -> Response<Body> {
    let body = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
    typed(Response::new(body), Some(kind))
}

/// A body of length zero.
pub(super) fn nothing() -> Response<Body> {
    typed(
        Response::new(Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()),
        None,
    )
}

/// A chunked body, one chunk per frame.
pub(super) fn streamed(
    frames: impl Stream<Item = Result<Frame<Bytes>, Broken>> + Send + 'static,
    kind: Option<&'static str>,
) -> Response<Body> {
    typed(Response::new(StreamBody::new(frames).boxed_unsync()), kind)
}

fn typed(mut response: Response<Body>, kind: Option<&'static str>) -> Response<Body> {
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// The headers that dockerd puts on everything.
pub(super) fn add_headers(response: &mut Response<Body>, profile: Profile) {
    let headers = [
        ("api-version", format!("1.{}", profile.api_minor())),
        ("docker-experimental", "false".to_owned()),
        ("ostype", "linux".to_owned()),
        ("server", format!("Docker/{} (linux)", profile.version())),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}
