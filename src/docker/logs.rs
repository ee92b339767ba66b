//! The log plane: one `GET logs` as a stream of records.
//!
//! A [`LogStream`] owns its connection, its decoder and its patience, and does everything inside
//! [`LogStream::next`]: no task, no channel, nothing lost when the caller's `select!` drops the
//! future. It says how the answer ended and never guesses: a clean end of the HTTP body with no
//! half frame is [`Step::End`], everything else is an error, and an answer without a marked end
//! counts as cut. Whether records are new is not its business.
//!
//! Deadlines count only the time spent waiting in here. A follow has none after the connection
//! stands: it may be silent for ever, and Docker 25.0.0 to 26.1.3 withholds even the header of an
//! empty log (moby#47448), which is why its header is awaited inside `next`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use hyper::{Response, StatusCode};

use super::endpoint::Endpoint;
use super::error::{CallStep, DockerError, message_of};
use super::frame::{DecodeFault, Frames};
use super::link::{Answer, KeptConnection, Link};
use super::patience::Patience;
use super::request::{Limits, LogRequest};
use super::tty::Tty;
use crate::model::Batch;

/// Bytes after which `next` returns even though more is there.
const STEP_BYTES: u64 = 256 << 10;
/// Longest error body that is read.
const MAX_REFUSAL: usize = 64 << 10;

/// What a call of [`LogStream::next`] achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This many records were appended. Zero: bytes came, but no record is complete.
    Records(usize),
    /// The answer is complete.
    End,
}

#[derive(Debug)]
enum Decoder {
    Frames(Frames),
    Tty(Tty),
}

impl Decoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Batch) -> Result<(), DecodeFault> {
        match self {
            Self::Frames(frames) => frames.decode(bytes, out),
            Self::Tty(tty) => tty.decode(bytes, out),
        }
    }

    fn finish(&mut self, out: &mut Batch) -> Result<(), DecodeFault> {
        match self {
            Self::Frames(frames) => frames.finish(),
            Self::Tty(tty) => tty.finish(out),
        }
    }
}

enum Phase {
    Header(Answer),
    Refused { status: StatusCode, body: Incoming, text: Vec<u8> },
    Body { body: Incoming, marked_end: bool },
    Ended,
    Failed(DockerError),
}

/// One open answer.
pub struct LogStream {
    link: Link,
    phase: Phase,
    decoder: Decoder,
    endpoint: Endpoint,
    subject: String,
    limits: Limits,
    patience: Patience,
    received: u64,
}

impl LogStream {
    pub(crate) fn new(
        link: Link,
        answer: Answer,
        request: &LogRequest,
        endpoint: Endpoint,
        limits: Limits,
    ) -> Self {
        let decoder = if request.tty {
            Decoder::Tty(Tty::with_cuts(request.cuts.clone()))
        } else {
            Decoder::Frames(Frames::default())
        };
        Self {
            link,
            phase: Phase::Header(answer),
            decoder,
            endpoint,
            subject: format!("container {}", request.id.short()),
            limits,
            patience: Patience::default(),
            received: 0,
        }
    }

    /// Waits for records and appends them to `out`. Cancel safe. On an error the records decoded
    /// before it are in `out`; every later call returns the same error.
    pub async fn next(&mut self, out: &mut Batch) -> Result<Step, DockerError> {
        let waiting = Waiting { stream: self };
        std::future::poll_fn(|cx| waiting.stream.poll_next(cx, out)).await
    }

    /// Waits until the header is there and says that a log follows.
    pub(crate) async fn header(&mut self) -> Result<(), DockerError> {
        let waiting = Waiting { stream: self };
        std::future::poll_fn(|cx| waiting.stream.poll_header(cx)).await
    }

    /// The connection, for the next read, if this answer ended cleanly.
    pub fn into_kept(self) -> Option<KeptConnection> {
        matches!(self.phase, Phase::Ended).then_some(KeptConnection(self.link))
    }

    /// Bytes of the answer's body so far.
    pub fn bytes_received(&self) -> u64 {
        self.received
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Batch,
    ) -> Poll<Result<Step, DockerError>> {
        if let Err(error) = ready!(self.poll_header(cx)) {
            return Poll::Ready(Err(error));
        }
        let before = (out.len(), self.received);
        let step = self.poll_body(cx, out);
        match step {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.fail(error))),
            Poll::Pending if before != (out.len(), self.received) => {
                self.patience.calm();
                Poll::Ready(Ok(Step::Records(out.len() - before.0)))
            }
            Poll::Pending => {
                let (limit, phase) = if self.received == 0 {
                    (self.limits.first_byte, CallStep::FirstByte)
                } else {
                    (self.limits.body, CallStep::Body)
                };
                self.run_out(cx, limit, phase).map(Err)
            }
            Poll::Ready(Ok(())) => {
                self.patience.calm();
                Poll::Ready(Ok(match out.len() - before.0 {
                    0 if matches!(self.phase, Phase::Ended) => Step::End,
                    count => Step::Records(count),
                }))
            }
        }
    }

    /// Reads body until nothing more is there (pending), the step is full or the answer ends.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Batch,
    ) -> Poll<Result<(), DockerError>> {
        let full = self.received.saturating_add(STEP_BYTES);
        loop {
            let Phase::Body { body, marked_end } = &mut self.phase else {
                return Poll::Ready(Ok(()));
            };
            match poll_driven(&mut self.link, cx, |cx| Pin::new(&mut *body).poll_frame(cx)) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.received = self.received.saturating_add(data.len() as u64);
                    self.decoder.decode(&data, out)?;
                    if self.received >= full {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(exchange(&error, CallStep::Body, &self.endpoint)));
                }
                Poll::Ready(None) if !*marked_end => {
                    let text = "it has no marked end, so it may be incomplete".to_owned();
                    return Poll::Ready(Err(DockerError::Cut { phase: CallStep::Body, text }));
                }
                Poll::Ready(None) => {
                    if let Some(error) = self.link.take_failure() {
                        return Poll::Ready(Err(exchange(&error, CallStep::Body, &self.endpoint)));
                    }
                    self.decoder.finish(out)?;
                    self.phase = Phase::Ended;
                }
            }
        }
    }

    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DockerError>> {
        loop {
            match &mut self.phase {
                Phase::Body { .. } | Phase::Ended => return Poll::Ready(Ok(())),
                Phase::Failed(error) => return Poll::Ready(Err(error.clone())),
                Phase::Header(answer) => {
                    match poll_driven(&mut self.link, cx, |cx| answer.as_mut().poll(cx)) {
                        Poll::Ready(Ok(response)) => self.accept(response),
                        Poll::Ready(Err(error)) => {
                            // The link knows more than "the connection closed".
                            let error = self.link.take_failure().unwrap_or(error);
                            let error = exchange(&error, CallStep::Header, &self.endpoint);
                            self.fail(error);
                        }
                        Poll::Pending => {
                            let limit = self.limits.header;
                            return self.run_out(cx, limit, CallStep::Header).map(Err);
                        }
                    }
                }
                Phase::Refused { .. } => {
                    if self.poll_refusal(cx).is_pending() {
                        let limit = Some(self.limits.refusal);
                        return self.run_out(cx, limit, CallStep::Body).map(Err);
                    }
                }
            }
        }
    }

    fn accept(&mut self, response: Response<Incoming>) {
        self.patience.calm();
        let headers = response.headers();
        let marked_end =
            headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(CONTENT_LENGTH);
        let html =
            headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let status = response.status();
        if html {
            let what = format!("a web page with status {status}");
            self.fail(DockerError::NotDocker { endpoint: self.endpoint.clone(), what });
        } else if status == StatusCode::OK {
            self.phase = Phase::Body { body: response.into_body(), marked_end };
        } else {
            let body = response.into_body();
            self.phase = Phase::Refused { status, body, text: Vec::new() };
        }
    }

    /// Reads the daemon's words for a status that is not success; ready once the phase is failed.
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Phase::Refused { status, body, text } = &mut self.phase else {
                return Poll::Ready(());
            };
            let frame =
                ready!(poll_driven(&mut self.link, cx, |cx| Pin::new(&mut *body).poll_frame(cx)));
            if let Some(Ok(frame)) = frame {
                text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                if text.len() <= MAX_REFUSAL {
                    continue;
                }
            }
            let error = DockerError::status(status.as_u16(), message_of(text), &self.subject);
            self.fail(error);
        }
    }

    fn fail(&mut self, error: DockerError) -> DockerError {
        self.phase = Phase::Failed(error.clone());
        error
    }

    fn run_out(
        &mut self,
        cx: &mut Context<'_>,
        limit: Option<Duration>,
        phase: CallStep,
    ) -> Poll<DockerError> {
        let Some(limit) = limit else { return Poll::Pending };
        ready!(self.patience.poll(cx, limit));
        Poll::Ready(self.fail(DockerError::Timeout { phase, after: limit }))
    }
}

fn exchange(error: &hyper::Error, phase: CallStep, endpoint: &Endpoint) -> DockerError {
    DockerError::exchange(error, phase, endpoint)
}

/// Polls what waits on the link, and drives the link whenever that is not ready. Both must be
/// asked in turn, as each makes room for the other.
fn poll_driven<T>(
    link: &mut Link,
    cx: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if let Poll::Ready(value) = poll(cx) {
        return Poll::Ready(value);
    }
    link.drive(cx);
    poll(cx)
}

/// Stops the clock when a call of `next` ends, also by being dropped.
struct Waiting<'a> {
    stream: &'a mut LogStream,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.stream.patience.pause();
    }
}
