//! How `status`, `verify` and the viewer ask a running engine: one request, one answer, one
//! deadline. No pool and no retry: whoever asks knows better how often to ask again.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::engine::{Command, CommandAnswer};

/// For the whole exchange.
const DEADLINE: Duration = Duration::from_secs(10);
/// A snapshot of 10,000 monitors is some 30 MB; anything larger is not our engine.
const MAX_ANSWER: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no engine answers on {}: {source}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The exchange broke off.
    #[error("the engine on {} did not answer {route}: {reason}", path.display())]
    Exchange {
        /// The socket.
        path: PathBuf,
        /// What was asked.
        route: String,
        /// Why.
        reason: String,
    },
    /// The engine refused.
    #[error("the engine refused {route}: {reason} ({code})")]
    Refused {
        /// What was asked.
        route: String,
        /// HTTP status.
        code: u16,
        /// Its words.
        reason: String,
    },
}

/// `GET route`. An answer of 503 is an answer: `/health` says in its body what is wrong.
pub async fn fetch_unix(path: &Path, route: &str) -> Result<Vec<u8>, ClientError> {
    let (code, body) = exchange(path, Method::GET, route, Bytes::new()).await?;
    if code == StatusCode::OK || code == StatusCode::SERVICE_UNAVAILABLE {
        return Ok(body.to_vec());
    }
    Err(refused(route, code, &body))
}

/// `POST /command`.
pub async fn command_unix(path: &Path, command: &Command) -> Result<CommandAnswer, ClientError> {
    let route = "/command";
    let broken = |error: serde_json::Error| exchange_error(path, route, &error);
    let order = serde_json::to_vec(command).map_err(broken)?;
    let (code, body) = exchange(path, Method::POST, route, order.into()).await?;
    if code != StatusCode::OK {
        return Err(refused(route, code, &body));
    }
    serde_json::from_slice(&body).map_err(broken)
}

fn refused(route: &str, code: StatusCode, body: &[u8]) -> ClientError {
    let reason = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|v| Some(v.get("error")?.as_str()?.to_owned()))
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    ClientError::Refused { route: route.to_owned(), code: code.as_u16(), reason }
}

fn exchange_error(path: &Path, route: &str, reason: &dyn ToString) -> ClientError {
    let (path, route) = (path.to_owned(), route.to_owned());
    ClientError::Exchange { path, route, reason: reason.to_string() }
}

async fn exchange(
    path: &Path,
    method: Method,
    route: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), ClientError> {
    let all = async {
        let stream = UnixStream::connect(path)
            .await
            .map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
        let fail = |reason: &dyn ToString| exchange_error(path, route, reason);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| fail(&e))?;
        let request = Request::builder()
            .method(method)
            .uri(route)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|e| fail(&e))?;
        // The connection makes progress only while it is polled; it is polled right here, beside
        // the exchange, so that nothing is left running when the answer is in.
        let answer = async {
            let answer = sender.send_request(request).await.map_err(|e| fail(&e))?;
            let code = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|e| fail(&e))?;
            Ok((code, body.to_bytes()))
        };
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            done = &mut answer => done,
            _ = connection => answer.await,
        }
    };
    let late = |_| exchange_error(path, route, &"no answer within 10 seconds");
    tokio::time::timeout(DEADLINE, all).await.map_err(late)?
}
