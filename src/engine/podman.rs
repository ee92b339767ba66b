//! Podman's tails. They are read backwards, and pieces of lines are put behind the line before them
//! (libpod `getTailLog`; 4.3.1): such an answer is none of the records as any other read brings them.
//! So nothing of a tail is stored; it only tells since when to ask.

use std::time::Duration;

use super::capture::Break;
use super::shared::Shared;
use crate::docker::{DockerError, LogRequest, Step, Tail};
use crate::model::{Batch, Timestamp};

/// `since` is exclusive there, and a second is the coarsest step of its timestamps.
const MARGIN: Duration = Duration::from_secs(1);

/// From when on to ask for this record and what follows it.
pub(super) fn since(ts: Timestamp) -> Timestamp {
    ts.before(MARGIN)
}

/// From when on to ask for the last records of a log, at least as many as this tail has. `None` if
/// that is all there is, or if merged pieces are longer than any message.
pub(super) async fn since_of_tail(
    shared: &Shared,
    request: &LogRequest,
) -> Result<Option<Timestamp>, Break> {
    let Tail::Last(asked) = request.tail else { return Ok(None) };
    let mut stream = shared.docker().open_log(None, request).await?;
    let (mut piece, mut came, mut oldest) = (Batch::new(), 0, None);
    loop {
        let step = match stream.next(&mut piece).await {
            Err(DockerError::Malformed { .. }) => return Ok(None),
            step => step?,
        };
        came += piece.len() as u64;
        oldest = piece.iter().map(|record| record.ts).chain(oldest).min();
        piece.clear();
        if let Step::End = step {
            return Ok(oldest.filter(|_| came >= asked).map(since));
        }
    }
}
