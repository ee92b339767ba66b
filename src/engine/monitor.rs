//! The monitor: the task that captures one container, in every state from queued to ended.
//!
//! Its loop has one top. Every doubt, end of stream, resume, restart, reopen and command lands
//! there, and the way down is always the same: open a bell, read to the end, listen.
//! It never decides to give up or when to try again; that is the supervisor's.

use std::sync::Arc;
use std::time::Duration;

use super::align::Doubt;
use super::capture::{Break, Capture};
use super::last_words::Heard;
use super::orders::{Fault, Gate, Told};
use super::registry::STOP_WITHIN;
use super::report::{ReadCause, ReopenCause};
use crate::docker::DockerError;
use crate::model::{Away, ContainerInfo, EndProof, EventKind, RunState, State, Timestamp, Waiting};

/// Time for what is on its way of a container that is gone: less than the task has to end.
const FINISH_WITHIN: Duration = Duration::from_secs(STOP_WITHIN.as_secs() - 2);

/// How one way down the loop ended.
enum Round {
    /// Look at the wishes again.
    Again,
    /// The log is at its end.
    Ended(EndProof),
    /// Wait until the supervisor wants something else.
    Rest,
}

impl Capture {
    /// Runs until the supervisor wants it to stop. The task's only entry.
    pub async fn run(mut self) {
        loop {
            let (wish, _) = self.orders.take();
            self.info = Arc::clone(&wish.info);
            if self.orders.is_orphaned() {
                break;
            }
            match wish.gate {
                Gate::Finish => {
                    let _ = self.take_last_words().await;
                    break;
                }
                Gate::Stop => break,
                Gate::Hold(why) => {
                    self.hold(&why).await;
                    self.rest(None).await;
                }
                Gate::Open => match self.round_in_time().await {
                    Round::Again => {}
                    Round::Ended(proof) => self.rest_ended(proof).await,
                    Round::Rest => self.rest(None).await,
                },
            }
        }
        self.close().await;
    }

    /// Enters a waiting state; what was being captured is committed, the cursor is held.
    async fn hold(&mut self, why: &Waiting) {
        let _ = self.finish_open_work().await;
        self.away = match why {
            Waiting::Paused => Away::Paused,
            Waiting::DaemonDown => Away::DaemonDown,
            Waiting::StoreBlocked => Away::StoreBlocked,
            Waiting::Queued | Waiting::Backoff { .. } | Waiting::Quarantined { .. } => self.away,
        };
        if matches!(why, Waiting::Paused | Waiting::DaemonDown | Waiting::StoreBlocked) {
            self.drop_backfill();
        }
        self.close_log();
        self.meter.stream(None);
        self.meter.enter(State::Waiting { why: why.clone() });
    }

    async fn finish_open_work(&mut self) -> Result<(), Break> {
        if self.committer.is_some() && !self.hold_sending {
            self.settle().await?;
        }
        Ok(())
    }

    async fn close(&mut self) {
        let _ = self.finish_open_work().await;
        self.close_log();
        self.meter.stream(None);
    }

    /// One way down the loop. Where the container is gone it is broken off in time for what is known
    /// by then to be stored, and for a gap.
    async fn round_in_time(&mut self) -> Round {
        let gone = self.orders.gone();
        let late = async move {
            gone.await;
            tokio::time::sleep(FINISH_WITHIN).await;
        };
        tokio::select! {
            biased;
            round = Box::pin(self.round()) => return round,
            () = late => {}
        }
        self.opening = None;
        self.meter.stream(None);
        self.follow_held = 0;
        self.close_log();
        Round::Again
    }

    /// One way down the loop.
    async fn round(&mut self) -> Round {
        let stop = match Box::pin(self.down()).await {
            Ok(proof) => return Round::Ended(proof),
            Err(stop) => stop,
        };
        self.opening = None;
        self.meter.stream(None);
        if !matches!(stop, Break::Ordered | Break::Reopen(_)) {
            tracing::debug!(container = %self.info.name, cause = %stop, "back to the top");
        }
        match self.back_to_top(stop).await {
            Ok(round) => round,
            Err(stop) => self.failed(stop).await,
        }
    }

    /// Open the bell, read to the end, listen. Returns only by a break or at the log's end.
    async fn down(&mut self) -> Result<EndProof, Break> {
        let shared = Arc::clone(&self.shared);
        if self.committer.is_none() {
            self.meter.enter(State::Waiting { why: Waiting::Queued });
        }
        let opening = Arc::clone(&shared.openings).acquire_owned();
        self.opening = self.until_ordered(opening).await?.ok();
        let row = self.open_log().await?;
        if row.ended.is_some() && self.info.run == RunState::Running {
            self.mark_ended(None).await?;
        }
        self.meter.enter(State::Reading { records: 0 });
        if self.listened_run != self.info.started_at {
            self.listen_on();
            if self.info.run != RunState::Running && self.was_read_to_its_end(&row) {
                self.heard = Heard::settled();
            }
            self.listened_run = self.info.started_at;
        }
        if self.info.run != RunState::Running {
            let proof = self.final_read().await;
            self.opening = None;
            return proof;
        }
        let bell = self.open_follow().await?;
        let first = if row.cursor.is_none() { ReadCause::Adopt } else { ReadCause::CatchUp };
        let Err(stop) = Box::pin(self.read_to_end(first)).await else {
            self.opening = None;
            if self.follow_reaches_back && self.is_trusted() {
                return Err(Break::Reopen(ReopenCause::Sure));
            }
            return Box::pin(self.listen(bell)).await;
        };
        let Some(bell) = bell else { return Err(stop) };
        if !self.is_over(&stop).await? && !self.lost_its_file(&stop).await? {
            return Err(stop);
        }
        self.opening = None;
        self.hear_the_rest(bell).await;
        if !self.is_gone(&stop).await? {
            // It is about to be removed, and what was heard is for the next attempt.
            return Err(stop);
        }
        // What the follow held is all there is.
        self.take_last_words().await?;
        Ok(self.end_without_read())
    }

    /// Whether a read failed because the container is removed, or is about to be.
    pub(super) async fn is_going(&mut self, stop: &Break) -> Result<bool, Break> {
        let Break::Docker(error) = stop else { return Ok(false) };
        Ok(error.means_no_log() || self.lost_its_file(stop).await?)
    }

    /// Whether a read failed because the files of a removed container go before the container does. One
    /// that runs lost them to somebody else.
    async fn lost_its_file(&mut self, stop: &Break) -> Result<bool, Break> {
        let Break::Docker(DockerError::NoFile { .. }) = stop else { return Ok(false) };
        match self.inspected().await? {
            Ok(info) => Ok(info.run != RunState::Running),
            Err(error) => Ok(error.is_not_found()),
        }
    }

    /// What the daemon says of the container now.
    pub(super) async fn inspected(&mut self) -> Result<Result<ContainerInfo, DockerError>, Break> {
        let (docker, id) = (self.shared.docker(), self.info.id.clone());
        self.until_ordered(docker.inspect(&id)).await
    }

    /// Whether a read failed because the container is removed. A 404 for its log alone is not
    /// believed: what ends a log for ever is asked twice.
    async fn is_gone(&mut self, stop: &Break) -> Result<bool, Break> {
        let Break::Docker(error) = stop else { return Ok(false) };
        if !error.is_not_found() {
            return Ok(false);
        }
        Ok(self.inspected().await?.is_err_and(|error| error.is_not_found()))
    }

    /// What a break means for the next way down.
    async fn back_to_top(&mut self, stop: Break) -> Result<Round, Break> {
        match stop {
            Break::Ordered => {
                self.finish_open_work().await?;
                Ok(Round::Again)
            }
            Break::Reopen(cause) => {
                self.settle().await?;
                self.meter.reopened(cause);
                if !matches!(cause, ReopenCause::Planned | ReopenCause::Sure) {
                    self.note(EventKind::StreamReopened, cause.as_str()).await;
                }
                Ok(Round::Again)
            }
            Break::Doubt(doubt) => {
                // What stands before the stored end may be what the follow stumbled over.
                self.follow_short |= doubt == Doubt::NotJoined;
                self.settle().await?;
                self.meter.doubt(doubt.as_str());
                self.meter.reopened(ReopenCause::Doubt);
                self.note(EventKind::StreamReopened, doubt.as_str()).await;
                Ok(Round::Again)
            }
            Break::StreamEnded => self.stream_ended("the stream ended").await,
            // A cut says as little about the container as an end does.
            Break::Docker(DockerError::Cut { .. }) => self.stream_ended(&stop.to_string()).await,
            Break::Docker(DockerError::Fault { .. }) => {
                self.follow_short = true;
                Err(stop)
            }
            other => Err(other),
        }
    }

    /// A follow ended: because the container stopped, or although it runs.
    async fn stream_ended(&mut self, words: &str) -> Result<Round, Break> {
        let opened = self.follow_opened;
        if self.committer.is_some() {
            self.settle().await?;
        }
        match self.inspected().await? {
            Ok(info) if info.run == RunState::Running => {
                // Another run has begun meanwhile: its stream is another one.
                let same_run = info.started_at == self.listened_run;
                self.info = Arc::new(info);
                if !same_run {
                    return Ok(Round::Again);
                }
                let lived = opened.map_or(Duration::ZERO, |at| self.shared.clock.now().since(at));
                self.meter.reopened(ReopenCause::Ended);
                let cause = format!("{words}, while the container runs");
                self.note(EventKind::StreamEnded, cause).await;
                if lived < self.shared.timing.settles.get() {
                    let cause = format!("{words}, after {} ms", lived.as_millis());
                    self.tell(Told::Failed { cause, fault: Fault::Log }).await;
                    return Ok(Round::Rest);
                }
                Ok(Round::Again)
            }
            Ok(info) => {
                self.info = Arc::new(info);
                self.meter.enter(State::Reading { records: 0 });
                Ok(Round::Ended(self.final_read().await?))
            }
            Err(error) if error.is_not_found() => {
                self.take_last_words().await?;
                Ok(Round::Ended(self.end_without_read()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a stopped container's log to its end.
    async fn final_read(&mut self) -> Result<EndProof, Break> {
        match self.read_to_end(ReadCause::Final).await {
            Ok(_) => {
                self.heard = Heard::settled();
                self.listened_run = self.info.started_at;
            }
            Err(stop) if self.is_gone(&stop).await? => {
                self.take_last_words().await?;
                return Ok(self.end_without_read());
            }
            // 409, while it is being removed, leaves what the bell held for the next attempt.
            Err(stop) => return Err(stop),
        }
        self.mark_ended(Some(self.shared.clock.wall())).await?;
        Ok(EndProof::Verified)
    }

    fn end_without_read(&self) -> EndProof {
        if self.drained { EndProof::Drained } else { EndProof::Unverified }
    }

    /// Rests at the end of the log until the container starts again or is removed.
    async fn rest_ended(&mut self, proof: EndProof) {
        self.close_log();
        self.meter.stream(None);
        self.backfill_by_policy();
        self.meter.enter(State::Ended { proof });
        self.tell(Told::Ended(proof)).await;
        self.rest(self.info.started_at).await;
    }

    /// Waits for another wish, or for a later run than `ended` where a log has ended. A backfill
    /// goes on meanwhile.
    async fn rest(&mut self, ended: Option<Timestamp>) {
        if self.orders.wish().gate == Gate::Open && self.orders.take_backfill() {
            self.start_backfill(None);
        }
        while !self.orders.wish().gate.is_last() {
            tokio::select! {
                biased;
                () = async {
                    match ended {
                        Some(_) => self.orders.any_or_run_after(ended).await,
                        None => self.orders.any().await,
                    }
                } => return,
                done = super::backfill::step(&mut self.backfill) => {
                    // A backfill that broke off leaves its marker; the end stays what it is.
                    let _ = self.backfilled(done).await;
                }
            }
        }
    }

    /// Tells the supervisor of a failure and waits for its decision.
    async fn failed(&mut self, stop: Break) -> Round {
        // Whoever is told to do something else meanwhile comes by again.
        let gone = self.is_gone(&stop).await.unwrap_or(false);
        if gone {
            let _ = self.take_last_words().await;
        }
        self.close_log();
        let fault = match &stop {
            Break::Docker(DockerError::NotReadable { text, .. }) => {
                self.refused = true;
                self.meter.enter(State::Unreadable { why: text.clone() });
                self.tell(Told::Unreadable).await;
                return Round::Rest;
            }
            _ if gone => {
                self.meter.enter(State::Ended { proof: self.end_without_read() });
                self.tell(Told::Gone).await;
                return Round::Rest;
            }
            // Asked what a cut meant, the daemon was cut off again.
            Break::Docker(DockerError::Cut { .. }) => Fault::Daemon,
            Break::Docker(error) if error.means_daemon_down() => Fault::Daemon,
            Break::Docker(DockerError::Timeout { .. }) => Fault::Unclear,
            Break::Store(error) if error.is_transient() => Fault::Store,
            _ => Fault::Log,
        };
        self.tell(Told::Failed { cause: stop.to_string(), fault }).await;
        Round::Rest
    }
}
