//! All deadlines, derived from one knob, so that a wrong order cannot be written.
//!
//! The predecessor of this program raced two timeouts in the wrong order (30 s < 35 s).
//! Here every deadline is its own type, and [`Timing`] exists only if all relations hold.

use std::time::Duration;

use serde::Serialize;

macro_rules! deadlines {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Duration);
        impl $name {
            /// The length of this deadline.
            pub fn get(self) -> Duration {
                self.0
            }
        }
    )+};
}

deadlines! {
    /// For a connection to the daemon to stand.
    Connect,
    /// For an answer's header. Never applied to a quiet follow: Docker 25.0.0 to 26.1.3 withholds
    /// the header of an empty log (moby#47448).
    Header,
    /// Between two chunks of a bounded read, and for its first byte.
    BodyProgress,
    /// Between commits of a hot log.
    CommitEvery,
    /// Past which a commit is called slow.
    SlowStore,
    /// Between two proofs that a quiet log is quiet (the one knob, `P`).
    Probe,
    /// Past which a monitor without evidence is restarted: 10 P.
    TaskTimeout,
    /// After which a follow is closed and opened again: 20 P.
    ReopenEvery,
    /// Longest wait between two attempts: min(30 s, P).
    BackoffCap,
    /// Between two attempts of a quarantined monitor.
    QuarantineRetry,
    /// Between two lists of all containers.
    ReconcileEvery,
    /// A follow that missed records while silent for this long is stuck, and one that lived
    /// shorter did not work.
    StreamSettles,
}

/// A set of deadlines whose relations all hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// For a connection to stand.
    pub connect: Connect,
    /// For an answer's header.
    pub header: Header,
    /// For the next chunk of a bounded read.
    pub body: BodyProgress,
    /// Between commits.
    pub commit: CommitEvery,
    /// A slow commit.
    pub slow_store: SlowStore,
    /// Between proofs.
    pub probe: Probe,
    /// Without evidence.
    pub timeout: TaskTimeout,
    /// Between reopens.
    pub reopen: ReopenEvery,
    /// Between attempts.
    pub backoff_cap: BackoffCap,
    /// Between slow attempts.
    pub quarantine: QuarantineRetry,
    /// Between lists.
    pub reconcile: ReconcileEvery,
    /// For a follow to prove itself.
    pub settles: StreamSettles,
}

/// A relation between two deadlines that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// The probe interval is outside 5 s to 10 min.
    #[error("probe interval {} is outside {} to {}", humantime::format_duration(*.0),
        humantime::format_duration(Timing::PROBE_MIN), humantime::format_duration(Timing::PROBE_MAX))]
    ProbeRange(Duration),
    /// Two deadlines stand in the wrong order.
    #[error("timing relation violated: {relation} ({} is not at most {})",
        humantime::format_duration(*.left), humantime::format_duration(*.right))]
    Relation {
        /// The relation as documented.
        relation: &'static str,
        /// The side that must be smaller.
        left: Duration,
        /// The side that must be larger.
        right: Duration,
    },
}

impl Timing {
    /// Shortest probe interval.
    pub const PROBE_MIN: Duration = Duration::from_secs(5);
    /// Longest probe interval.
    pub const PROBE_MAX: Duration = Duration::from_mins(10);
    /// The default probe interval.
    pub const PROBE_DEFAULT: Duration = Duration::from_secs(30);

    /// All deadlines from the one knob.
    pub fn from_probe(probe: Duration) -> Result<Self, TimingError> {
        if !(Self::PROBE_MIN..=Self::PROBE_MAX).contains(&probe) {
            return Err(TimingError::ProbeRange(probe));
        }
        Self::derived(probe).checked()
    }

    /// The same relations on a faster clock, everything divided by `factor`: for simulations on
    /// real time. A factor of zero counts as one.
    #[must_use]
    pub fn accelerated(self, factor: u32) -> Self {
        let by = |d: Duration| d / factor.max(1);
        Self {
            connect: Connect(by(self.connect.0)),
            header: Header(by(self.header.0)),
            body: BodyProgress(by(self.body.0)),
            commit: CommitEvery(by(self.commit.0)),
            slow_store: SlowStore(by(self.slow_store.0)),
            probe: Probe(by(self.probe.0)),
            timeout: TaskTimeout(by(self.timeout.0)),
            reopen: ReopenEvery(by(self.reopen.0)),
            backoff_cap: BackoffCap(by(self.backoff_cap.0)),
            quarantine: QuarantineRetry(by(self.quarantine.0)),
            reconcile: ReconcileEvery(by(self.reconcile.0)),
            settles: StreamSettles(by(self.settles.0)),
        }
    }

    /// Stretches the probe interval for many containers, to at most four times (2.4).
    #[must_use]
    pub fn stretched(self, containers: usize) -> Duration {
        let factor = u32::try_from(containers / 1000).unwrap_or(u32::MAX).clamp(1, 4);
        self.probe.0 * factor
    }

    fn derived(probe: Duration) -> Self {
        Self {
            connect: Connect(Duration::from_secs(2)),
            header: Header(Duration::from_secs(10)),
            body: BodyProgress(Duration::from_secs(10)),
            commit: CommitEvery(Duration::from_millis(100)),
            slow_store: SlowStore(Duration::from_secs(5)),
            probe: Probe(probe),
            timeout: TaskTimeout(probe * 10),
            reopen: ReopenEvery(probe * 20),
            backoff_cap: BackoffCap(probe.min(Duration::from_secs(30))),
            quarantine: QuarantineRetry(Duration::from_mins(1)),
            reconcile: ReconcileEvery(Duration::from_secs(30)),
            settles: StreamSettles(Duration::from_secs(2)),
        }
    }

    /// Checks every relation by name; the only way a `Timing` comes to be.
    fn checked(self) -> Result<Self, TimingError> {
        let relations = [
            ("commit <= slow_store", self.commit.0, self.slow_store.0),
            ("connect <= header", self.connect.0, self.header.0),
            ("header <= reopen/4", self.header.0, self.reopen.0 / 4),
            ("backoff_cap <= probe", self.backoff_cap.0, self.probe.0),
            ("header + body <= timeout/2", self.header.0 + self.body.0, self.timeout.0 / 2),
            ("slow_store <= timeout/4", self.slow_store.0, self.timeout.0 / 4),
            ("4 probe <= timeout/2", self.probe.0 * 4, self.timeout.0 / 2),
            ("timeout <= reopen", self.timeout.0, self.reopen.0),
            ("settles <= probe", self.settles.0, self.probe.0),
            ("backoff_cap <= quarantine", self.backoff_cap.0, self.quarantine.0),
        ];
        for (relation, left, right) in relations {
            if left > right {
                return Err(TimingError::Relation { relation, left, right });
            }
        }
        Ok(self)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::derived(Self::PROBE_DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_default_holds_every_relation() {
        assert_eq!(Timing::default().checked(), Ok(Timing::default()));
        assert_eq!(Timing::default().timeout.get(), Duration::from_mins(5));
        assert_eq!(Timing::default().reopen.get(), Duration::from_mins(10));
    }

    /// All deadlines, in the order of their fields.
    fn every(timing: &Timing) -> [Duration; 12] {
        let Timing { connect, header, body, commit, slow_store, probe, .. } = *timing;
        let Timing { timeout, reopen, backoff_cap, quarantine, reconcile, settles, .. } = *timing;
        [
            connect.0,
            header.0,
            body.0,
            commit.0,
            slow_store.0,
            probe.0,
            timeout.0,
            reopen.0,
            backoff_cap.0,
            quarantine.0,
            reconcile.0,
            settles.0,
        ]
    }

    #[test]
    fn the_probe_interval_stretches_from_two_thousand_containers_on_to_four_times() {
        let seconds = |containers| Timing::default().stretched(containers).as_secs();
        assert_eq!([0, 999, 1_999].map(seconds), [30; 3]);
        assert_eq!([2_000, 3_000, 4_000, usize::MAX].map(seconds), [60, 90, 120, 120]);
    }

    #[test]
    fn the_shortest_and_the_longest_probe_interval_keep_their_proportions() {
        for probe in [Timing::PROBE_MIN, Timing::PROBE_MAX] {
            let timing = Timing::from_probe(probe).unwrap();
            assert_eq!((timing.timeout.0, timing.reopen.0), (probe * 10, probe * 20));
        }
    }

    #[test]
    fn a_violated_relation_is_named() {
        let wrong = Timing { header: Header(Duration::from_mins(4)), ..Timing::default() };
        let error = wrong.checked().unwrap_err().to_string();
        assert!(error.contains("header <= reopen/4"), "{error}");
    }

    proptest! {
        #[test]
        fn any_probe_interval_holds_or_is_refused(millis in 0u64..2_000_000) {
            let probe = Duration::from_millis(millis);
            let inside = (Timing::PROBE_MIN..=Timing::PROBE_MAX).contains(&probe);
            match Timing::from_probe(probe) {
                Ok(timing) => {
                    prop_assert!(inside);
                    prop_assert!(timing.checked().is_ok());
                    prop_assert!(timing.backoff_cap.get() <= timing.probe.get());
                    prop_assert!(timing.stretched(100_000) <= timing.timeout.get() / 2);
                }
                Err(error) => prop_assert_eq!(error, TimingError::ProbeRange(probe)),
            }
            prop_assert_eq!(Timing::from_probe(probe).is_ok(), inside);
        }

        /// Deadlines at random hardly ever hold; a few moved away from a set that does, often do.
        #[test]
        fn any_deadlines_hold_every_relation_or_are_refused_by_the_first_that_fails(
            probe in 5_000u64..600_000,
            moved in proptest::collection::vec((0usize..12, 0u64..800_000), 0..3),
        ) {
            let base = Timing::derived(Duration::from_millis(probe));
            let mut deadlines = every(&base);
            for (which, millis) in moved {
                deadlines[which] = Duration::from_millis(millis);
            }
            let at = |i: usize| deadlines[i];
            let timing = Timing {
                connect: Connect(at(0)),
                header: Header(at(1)),
                body: BodyProgress(at(2)),
                commit: CommitEvery(at(3)),
                slow_store: SlowStore(at(4)),
                probe: Probe(at(5)),
                timeout: TaskTimeout(at(6)),
                reopen: ReopenEvery(at(7)),
                backoff_cap: BackoffCap(at(8)),
                quarantine: QuarantineRetry(at(9)),
                reconcile: ReconcileEvery(at(10)),
                settles: StreamSettles(at(11)),
            };
            // Written down again, in the words of the contract.
            let holds = at(3) <= at(4)
                && at(0) <= at(1)
                && at(1) * 4 <= at(7)
                && at(8) <= at(5)
                && (at(1) + at(2)) * 2 <= at(6)
                && at(4) * 4 <= at(6)
                && at(5) * 8 <= at(6)
                && at(6) <= at(7)
                && at(11) <= at(5)
                && at(8) <= at(9);
            match timing.checked() {
                Ok(timing) => {
                    prop_assert!(holds);
                    for factor in [0, 1, 3, 20] {
                        let faster = every(&timing.accelerated(factor));
                        prop_assert_eq!(faster, deadlines.map(|d| d / factor.max(1)));
                    }
                }
                Err(TimingError::Relation { relation, left, right }) => {
                    prop_assert!(!holds && left > right, "{relation}");
                    let text = TimingError::Relation { relation, left, right }.to_string();
                    prop_assert!(text.contains(relation), "{text}");
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
