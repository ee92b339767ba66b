//! What the registry knows of one monitor: plain values, changed only by the registry.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::orders::{Desired, Gate};
use super::report::MonitorReport;
use super::snapshot::{Failure, MonitorRow, Transition};
use crate::model::{
    Away, ContainerInfo, Freshness, Guarantee, Moment, MonitorEpoch, Phase, RunState, State,
    TaskHealth, TimelineEvent, Timestamp, Waiting,
};

/// Transitions kept per monitor.
const TRANSITIONS: usize = 32;
/// Samples, one a second, over which a rate is taken: a container that writes once a second must
/// not flicker between 0 and 1.
const RATE_SAMPLES: usize = 6;
/// Seconds of history for the sparkline.
const HISTORY: usize = 32;

/// Whether the entry has a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    /// None yet, or it ended and nothing is ordered.
    None,
    /// Runs.
    Running,
    /// Told to stop; a successor is started when it has ended.
    Replacing,
    /// Told to stop for good.
    Leaving,
}

/// One monitor.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) info: Arc<ContainerInfo>,
    pub(super) matched_by: String,
    pub(super) epoch: MonitorEpoch,
    /// The container began while the engine ran: its log is taken whole.
    pub(super) whole: bool,
    pub(super) away: Away,
    pub(super) started: Timestamp,
    pub(super) task: TaskState,
    /// When it was told to stop for good.
    pub(super) leaving_since: Moment,
    pub(super) desired: Desired,
    pub(super) report: MonitorReport,
    /// The user holds it.
    pub(super) paused: bool,
    /// Failures in a row without evidence.
    pub(super) attempt: u32,
    pub(super) failed_at: Option<Moment>,
    pub(super) retry_at: Option<Moment>,
    /// A failure that is told at the next attempt, unless it was the daemon's.
    pub(super) untold: Option<TimelineEvent>,
    /// Capture was wanted from here on, or progressed: the deadline counts from the latest.
    pub(super) active_since: Moment,
    pub(super) failure: Option<Failure>,
    pub(super) restarts: u64,
    pub(super) timeouts: u64,
    pub(super) panics: u64,
    pub(super) errors: u64,
    pub(super) phase: Phase,
    pub(super) health: TaskHealth,
    pub(super) phase_since: Moment,
    pub(super) transitions: VecDeque<Transition>,
    pub(super) cause: String,
    second: Moment,
    second_lines: u64,
    /// Lines stored so far, once a second, over the time that a rate is taken.
    samples: VecDeque<(Moment, u64)>,
    history: VecDeque<u32>,
    seen_received: u64,
}

/// Whether a monitor in this state must show evidence before its deadline.
fn owes_evidence(state: &State) -> bool {
    matches!(state, State::Live { .. } | State::Reading { .. })
}

impl Entry {
    pub(super) fn new(info: Arc<ContainerInfo>, by: &str, now: Moment, wall: Timestamp) -> Self {
        let desired = Desired {
            gate: Gate::Open,
            attempt: 0,
            reopen: 0,
            backfill: 0,
            died: 0,
            info: Arc::clone(&info),
        };
        Self {
            info,
            matched_by: by.to_owned(),
            epoch: MonitorEpoch(0),
            whole: false,
            away: Away::NotRunning,
            started: wall,
            task: TaskState::None,
            leaving_since: now,
            desired,
            report: MonitorReport::new(now),
            paused: false,
            attempt: 0,
            failed_at: None,
            retry_at: None,
            untold: None,
            active_since: now,
            failure: None,
            restarts: 0,
            timeouts: 0,
            panics: 0,
            errors: 0,
            phase: Phase::Queued,
            health: TaskHealth::Backoff,
            phase_since: now,
            transitions: VecDeque::new(),
            cause: "started".to_owned(),
            second: now,
            second_lines: 0,
            samples: VecDeque::new(),
            history: VecDeque::new(),
            seen_received: 0,
        }
    }

    /// Whether the container runs.
    pub(super) fn runs(&self) -> bool {
        self.info.run == RunState::Running
    }

    /// Whether the monitor rests although there may be more: the container runs and its log was
    /// called ended, or the log was refused once and its driver can be read.
    pub(super) fn rests_too_early(&self) -> bool {
        let rests = match self.report.state {
            State::Ended { .. } => self.runs(),
            State::Unreadable { .. } => self.info.guarantee() != Guarantee::Unreadable,
            _ => false,
        };
        rests && self.desired.gate == Gate::Open && self.task == TaskState::Running
    }

    /// Lets it capture again.
    pub(super) fn open(&mut self, now: Moment, cause: &str) {
        self.desired.gate = Gate::Open;
        self.desired.attempt += 1;
        self.retry_at = None;
        self.active_since = now;
        cause.clone_into(&mut self.cause);
    }

    /// Makes it wait.
    pub(super) fn hold(&mut self, why: Waiting, cause: &str) {
        self.desired.gate = Gate::Hold(why);
        cause.clone_into(&mut self.cause);
    }

    /// Another run can mend what a quarantine is for: it is tried as soon as after any other failure.
    pub(super) fn cut_quarantine_short(&mut self, cap: Duration) {
        let Gate::Hold(Waiting::Quarantined { retry_at }) = &mut self.desired.gate else { return };
        let Some(failed_at) = self.failed_at else { return };
        *retry_at = (*retry_at).min(failed_at.after(cap));
        self.retry_at = Some(*retry_at);
    }

    /// Takes the newest report; evidence ends a row of failures.
    pub(super) fn observe(&mut self, report: MonitorReport, now: Moment) {
        if report.flow.received != self.seen_received {
            self.seen_received = report.flow.received;
            if matches!(report.state, State::Reading { .. }) {
                self.active_since = now;
            }
        }
        // Whoever rested at the end of a log owes evidence only from when it reads again.
        if owes_evidence(&report.state) && !owes_evidence(&self.report.state) {
            self.active_since = now;
        }
        if let Some(beat) = &report.beat
            && self.failed_at.is_none_or(|at| beat.at() > at)
        {
            self.attempt = 0;
        }
        self.report = report;
    }

    /// When evidence is overdue, while any is due.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Moment> {
        let beat = self.report.beat.as_ref().map_or(Moment::default(), super::evidence::Beat::at);
        owes_evidence(&self.report.state).then(|| beat.max(self.active_since).after(timeout))
    }

    /// Finds the words for the state; a change is a transition with its cause.
    pub(super) fn name_state(
        &mut self,
        (now, wall): (Moment, Timestamp),
        (probe, timeout): (Duration, Duration),
    ) -> bool {
        let beat = self.report.beat.as_ref().map(super::evidence::Beat::at);
        let freshness = Freshness {
            fresh: beat.is_some_and(|at| now.since(at) <= timeout),
            overdue: self.deadline(timeout).is_some_and(|deadline| now > deadline),
            committed_lately: self.report.last_commit.is_some_and(|at| now.since(at) <= probe),
        };
        let (phase, health) = self.report.state.words(freshness);
        self.health = health;
        if phase == self.phase {
            return false;
        }
        let cause = std::mem::take(&mut self.cause);
        self.transitions.push_back(Transition { wall, from: self.phase, to: phase, cause });
        if self.transitions.len() > TRANSITIONS {
            self.transitions.pop_front();
        }
        self.phase = phase;
        self.phase_since = now;
        true
    }

    /// Once a second, notes how many lines were stored.
    pub(super) fn roll_second(&mut self, now: Moment) {
        let span = now.since(self.second);
        if span < Duration::from_secs(1) {
            return;
        }
        let lines = self.report.lines.saturating_sub(self.second_lines);
        let millis = span.as_millis().max(1);
        let per_second = u64::try_from((u128::from(lines) * 1000).div_ceil(millis));
        self.history.push_back(u32::try_from(per_second.unwrap_or(0)).unwrap_or(u32::MAX));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        self.second = now;
        self.second_lines = self.report.lines;
        self.samples.push_back((now, self.report.lines));
        if self.samples.len() > RATE_SAMPLES {
            self.samples.pop_front();
        }
    }

    /// Lines a second over the last few seconds.
    pub(super) fn lines_per_s(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.samples.front(), self.samples.back())
        else {
            return 0.0;
        };
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
        let lines = after.saturating_sub(*before) as f64;
        let span = to.since(*from).as_secs_f64();
        if span > 0.0 { lines / span } else { 0.0 }
    }

    /// The row of the picture.
    pub(super) fn row(&self, timeout: Duration, wall: impl Fn(Moment) -> Timestamp) -> MonitorRow {
        let (info, report) = (&self.info, &self.report);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        MonitorRow {
            id: info.id.clone(),
            log: report.log,
            name: info.name.clone(),
            project: owned(info.project()),
            service: owned(info.service()),
            image: info.image.clone(),
            driver: info.log_config.driver.clone(),
            tty: info.tty,
            guarantee: info.guarantee(),
            running: self.runs(),
            restarting: info.restarting,
            docker_restarts: info.restart_count,
            matched_by: self.matched_by.clone(),
            state: report.state.clone(),
            phase: self.phase,
            health: self.health,
            state_since: self.phase_since,
            started: self.started,
            beat: report.beat.as_ref().map(super::evidence::Beat::view),
            beat_wall: report.beat.as_ref().map(|beat| wall(beat.at())),
            deadline: self.deadline(timeout),
            stream: report.stream,
            reopens: report.reopens.values().sum(),
            reopens_by: counted(report.reopens.iter().map(|(k, n)| (k.as_str(), *n))),
            reads_by: counted(report.reads.iter().map(|(k, n)| (k.as_str(), *n))),
            doubts_by: counted(report.doubts.iter().map(|(k, n)| (k.as_str(), *n))),
            lines_per_s: self.lines_per_s(),
            history: self.history.iter().copied().collect(),
            lag: report.lag,
            flow: report.flow,
            stored_total: report.stored_before + report.flow.stored,
            lines: report.lines,
            bytes: report.bytes,
            gaps_new: report.gaps.saturating_sub(report.gaps_before),
            restarts: self.restarts,
            timeouts: self.timeouts,
            panics: self.panics,
            errors: self.errors,
            failure: self.failure.clone(),
            gaps: report.gaps,
            retry_at: self.retry_at,
            next_seq: report.next_seq,
            last_record: report.last_record,
            last_read: report.last_read,
            backfill: report.backfill,
            fetched: report.fetched.clone(),
            transitions: self.transitions.iter().cloned().collect(),
        }
    }
}

fn counted<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<(String, u64)> {
    counts.map(|(name, n)| (name.to_owned(), n)).collect()
}
