//! The trusted follow: the daemon never rotates this log's file, so what its stream brings behind
//! the stored end is committed as it comes.

use tokio::time::sleep_until;

use super::align::{Doubt, Source};
use super::capture::{Break, Capture};
use super::intake::{Intake, Tally};
use super::live::FOLLOW_TAIL;
use super::report::{ReadCause, ReopenCause};
use super::snapshot::StreamView;
use crate::docker::{LogStream, Step};
use crate::model::{Batch, EndProof, EventKind, LiveSource, Moment, State};

/// A follow and what is known of it.
struct Follow {
    stream: LogStream,
    intake: Intake,
    counted: Tally,
    last_record: Moment,
}

impl Capture {
    /// Feeds a trusted follow to the store.
    pub(super) async fn follow(&mut self, stream: LogStream) -> Result<EndProof, Break> {
        self.meter.enter(State::Live { source: LiveSource::Follow });
        // Reads are rare from here on; an idle connection is a file descriptor.
        self.kept = None;
        // Whatever was stored since the follow was opened comes by again before anything new.
        let since_opened = self.meter.report().flow.stored - self.follow_stored;
        let patience = self.follow_tail + since_opened + FOLLOW_TAIL;
        let intake = Intake::new(self.committer()?.cursor(), Source::Follow { patience });
        let last_record = self.shared.clock.now();
        let mut follow = Follow { stream, intake, counted: Tally::default(), last_record };
        let stop = self.follow_until(&mut follow).await;
        let tally = follow.intake.tally();
        self.account(&tally, &mut follow.counted);
        self.meter.discarded(tally.undecided());
        self.follow_held = 0;
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
        if matches!(stop, Break::StreamEnded) {
            self.drained = follow.intake.is_joined();
        }
        Err(stop)
    }

    async fn follow_until(&mut self, follow: &mut Follow) -> Break {
        let mut scratch = Batch::new();
        loop {
            let happened = self.follow_step(follow, &mut scratch).await;
            if let Err(stop) = self.feed_follow(follow, &mut scratch) {
                return stop;
            }
            let turn = match happened {
                Ok(()) => self.flush_if_due().await,
                Err(ended) => Err(ended),
            };
            if let Err(stop) = turn {
                return stop;
            }
        }
    }

    /// Waits for the next thing to happen to a trusted follow.
    async fn follow_step(&mut self, follow: &mut Follow, out: &mut Batch) -> Result<(), Break> {
        let clock = self.shared.clock.clone();
        let (flush, probe) = (self.flush_at(), clock.instant(self.probe_at()));
        let reopen = clock.instant(self.reopen_at());
        let committer = self.committer.as_mut().ok_or(Break::NoLog)?;
        tokio::select! {
            biased;
            () = self.orders.any() => self.obey(true),
            landed = committer.landed() => {
                let landed = landed?;
                let in_flight = self.in_flight();
                self.meter.landed(&landed, in_flight);
                Ok(())
            }
            step = follow.stream.next(out) => match step? {
                Step::Records(_) => Ok(()),
                Step::End => Err(Break::StreamEnded),
            },
            () = sleep_until(flush) => self.send().await,
            () = sleep_until(probe) => {
                self.probe_follow(follow.last_record, follow.intake.is_joined()).await
            }
            () = sleep_until(reopen) => self.reopen_unless_behind(),
            done = super::backfill::step(&mut self.backfill) => self.backfilled(done).await,
        }
    }

    /// A follow that is behind its log has a long way back to the stored end, and the log grows on
    /// the way: a planned reopen waits until it has caught up.
    fn reopen_unless_behind(&mut self) -> Result<(), Break> {
        let stream = self.meter.report().stream.filter(|_| self.meter.is_behind());
        let Some(stream) = stream else { return Err(Break::Reopen(ReopenCause::Planned)) };
        let later = self.shared.clock.now().after(self.planned_age() / 8);
        self.meter.stream(Some(StreamView { reopen_at: later, ..stream }));
        Ok(())
    }

    fn feed_follow(&mut self, follow: &mut Follow, scratch: &mut Batch) -> Result<(), Break> {
        if scratch.is_empty() {
            return Ok(());
        }
        self.meter.received(scratch.len() as u64);
        follow.last_record = self.shared.clock.now();
        let mut fed = Ok(());
        let mut taken = 0;
        for record in scratch.iter() {
            let committer = self.committer.as_mut().ok_or(Break::NoLog)?;
            taken += 1;
            if let Err(doubt) = follow.intake.feed(&record, committer) {
                fed = Err(Break::Doubt(doubt));
                break;
            }
        }
        // What stood behind a doubted record was never looked at.
        self.meter.discarded(scratch.len() as u64 - taken);
        scratch.clear();
        let tally = follow.intake.tally();
        self.account(&tally, &mut follow.counted);
        self.follow_held = tally.undecided();
        let in_flight = self.in_flight();
        self.meter.in_flight(in_flight);
        fed
    }

    /// No evidence for one probe interval: prove that there is nothing new.
    async fn probe_follow(&mut self, last_record: Moment, is_joined: bool) -> Result<(), Break> {
        let verified = self.read_to_end(ReadCause::Probe).await?;
        // The next probe is far; an idle connection is a file descriptor.
        self.kept = None;
        if verified.new_records() == 0 && !is_joined {
            // It was to bring the stored end first.
            return Err(Break::Doubt(Doubt::NotJoined));
        }
        if verified.new_records() == 0 && self.is_trusted() {
            return Ok(());
        }
        let silent = self.shared.clock.now().since(last_record);
        if silent >= self.shared.timing.settles.get() {
            let words = format!(
                "a read found {} records that the follow had not delivered for {} s",
                verified.new_records(),
                silent.as_secs()
            );
            self.meter.doubt("stuck follow");
            self.note(EventKind::ProbeMismatch, words).await;
        }
        Err(Break::Reopen(ReopenCause::Probe))
    }
}
