//! The meter of one monitor: keeps its report, counts, and publishes.
//!
//! Conservation is measured, not computed: `received` is counted at the decoder, the four places a
//! record can go to are counted where it goes, and nothing here makes the sum come out even.

use std::time::Duration;

use tokio::sync::watch;

use super::clock::Clock;
use super::commit::Landed;
use super::evidence::Beat;
use super::report::{MonitorReport, ReadCause, ReopenCause};
use super::snapshot::{ReadCost, StreamView};
use crate::model::{Moment, State};

/// New records that an answer must hold to call a log hot.
const HOT_RECORDS: u64 = 500;
/// Half-life of the record rate.
const RATE_WINDOW: Duration = Duration::from_secs(2);

/// Growth of the lag from which on a log counts as behind, at this rate of records a second.
const BEHIND: Duration = Duration::from_secs(5);
const BEHIND_RATE: f64 = 1_000.0;

/// Counts and publishes.
#[derive(Debug)]
pub struct Meter {
    report: MonitorReport,
    publish: watch::Sender<MonitorReport>,
    clock: Clock,
    rate: f64,
    rate_at: Moment,
    rate_records: u64,
    /// The last answer: its records, the time they span by their timestamps, when it ended.
    written: (u64, Duration, Moment),
    /// Least age of a record when it was stored: what two hosts' clocks differ by, or less.
    lag_least: Duration,
}

impl Meter {
    /// A meter that goes on from `report`.
    pub fn new(report: MonitorReport, publish: watch::Sender<MonitorReport>, clock: Clock) -> Self {
        let rate_at = clock.now();
        let written = (0, Duration::ZERO, rate_at);
        Self {
            report,
            publish,
            clock,
            rate: 0.0,
            rate_at,
            rate_records: 0,
            written,
            lag_least: Duration::MAX,
        }
    }

    /// The report so far.
    pub fn report(&self) -> &MonitorReport {
        &self.report
    }

    /// Changes the report and publishes it.
    pub fn tell(&mut self, change: impl FnOnce(&mut MonitorReport)) {
        change(&mut self.report);
        self.publish.send_replace(self.report.clone());
    }

    /// Enters a state; the moment moves only when the state is another one.
    pub fn enter(&mut self, state: State) {
        let now = self.clock.now();
        self.tell(|report| {
            if std::mem::discriminant(&report.state) != std::mem::discriminant(&state) {
                report.since = now;
            }
            report.state = state;
        });
    }

    /// Counts records that came out of the decoder; they are in flight until they go somewhere.
    pub fn received(&mut self, records: u64) {
        self.report.flow.received += records;
    }

    /// Notes records that are new to this log, for its rate. Overlap does not count: a rate that
    /// grew with what a read repeats would make the next read repeat more.
    pub fn noticed(&mut self, records: u64) {
        self.rate_records += records;
        let span = self.clock.now().since(self.rate_at);
        if span >= RATE_WINDOW {
            self.roll_rate(span);
        }
    }

    fn roll_rate(&mut self, span: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
        let now = self.rate_records as f64 / span.as_secs_f64();
        self.rate = f64::midpoint(self.rate, now).max(now);
        self.rate_records = 0;
        self.rate_at = self.clock.now();
    }

    /// Notes how densely an answer's new records stand: `records` within `span` of their own
    /// timestamps. This is what the container writes, also when reads do not keep up with it.
    pub fn written(&mut self, records: u64, span: Duration) {
        self.written = (records, span, self.clock.now());
    }

    /// Records a second that the container writes, by the last few seconds; never lower than what
    /// is being measured now. What an answer showed fades as time passes.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    pub fn rate(&self) -> f64 {
        let (records, dense, at) = self.written;
        let since = (dense + self.clock.now().since(at)).max(Duration::from_millis(1));
        let written = records as f64 / since.as_secs_f64();
        self.stored_rate().max(written)
    }

    /// Whether so much is written that waiting to be told makes no sense. Two lines at once are
    /// dense, too, so the last answer must have brought many.
    pub fn is_hot(&self, rate: f64) -> bool {
        self.written.0 >= HOT_RECORDS && self.rate() >= rate
    }

    /// Whether a log that is written fast is stored later and later: the daemon or this program does
    /// not keep up.
    pub fn is_behind(&self) -> bool {
        let late = self.report.lag.is_some_and(|lag| lag > self.lag_least.saturating_add(BEHIND));
        late && self.stored_rate() >= BEHIND_RATE
    }

    /// Records a second that were new, by the last few seconds.
    fn stored_rate(&self) -> f64 {
        let span = self.clock.now().since(self.rate_at);
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
        let running = self.rate_records as f64 / span.max(RATE_WINDOW).as_secs_f64();
        let faded = self.rate / (1.0 + span.as_secs_f64() / RATE_WINDOW.as_secs_f64());
        running.max(faded)
    }

    /// Counts records found to be stored already.
    pub fn overlap(&mut self, records: u64) {
        self.report.flow.overlap += records;
    }

    /// Counts records thrown away on purpose.
    pub fn discarded(&mut self, records: u64) {
        self.report.flow.discarded += records;
    }

    /// Says how many records are held by intake and committer now, and publishes.
    pub fn in_flight(&mut self, records: u64) {
        self.tell(|report| report.flow.in_flight = records);
    }

    /// Counts an acknowledged commit, which is evidence if it stored anything.
    pub fn landed(&mut self, landed: &Landed, in_flight: u64) {
        let now = self.clock.now();
        let wall = self.clock.wall();
        if let Some(ts) = landed.amount.last_ts {
            self.lag_least = self.lag_least.min(wall.since(ts));
        }
        self.tell(|report| {
            report.flow.stored += landed.amount.records;
            report.flow.in_flight = in_flight;
            report.lines += landed.amount.lines;
            report.bytes += landed.amount.bytes;
            report.next_seq = Some(landed.next_seq);
            report.gaps += u64::from(landed.gap);
            if let Some(ts) = landed.amount.last_ts {
                report.last_record = Some(ts);
                report.lag = Some(wall.since(ts));
            }
            if let Some(ack) = landed.ack {
                report.last_commit = Some(now);
                report.beat = Some(Beat::committed(ack, now));
            }
        });
    }

    /// Takes a proof.
    pub fn beat(&mut self, beat: Beat) {
        self.tell(|report| {
            if report.beat.as_ref().is_none_or(|last| last.at() <= beat.at()) {
                report.beat = Some(beat);
            }
        });
    }

    /// Counts a finished read.
    pub fn read(&mut self, cause: ReadCause, cost: ReadCost) {
        self.tell(|report| {
            *report.reads.entry(cause).or_default() += 1;
            report.last_read = Some(cost);
        });
    }

    /// Counts a follow that replaces an earlier one.
    pub fn reopened(&mut self, cause: ReopenCause) {
        self.tell(|report| *report.reopens.entry(cause).or_default() += 1);
    }

    /// Shows or hides the open follow.
    pub fn stream(&mut self, stream: Option<StreamView>) {
        self.tell(|report| report.stream = stream);
    }

    /// Counts a doubt.
    pub fn doubt(&mut self, reason: &str) {
        self.tell(|report| *report.doubts.entry(reason.to_owned()).or_default() += 1);
    }
}
