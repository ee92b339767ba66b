//! Verification: what a live engine is held to, sample by sample, and the verdict at the end.
//!
//! The map: `rules` (pure functions over a sample and what was seen before), `history` (what has to
//! be remembered between samples), `report` (the verdict, as text and JSON), `control` (faults that
//! must make each rule fail). Nothing here decides by itself when to take a sample, and nothing
//! trusts an absence: a sample that could not be taken is a failure like any other.

pub mod control;
mod history;
mod report;
mod rules;

pub use history::Sample;
pub use report::{Line, Report};

use std::time::Duration;

use history::History;
use serde::Serialize;

/// What must hold in every sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The engine answers with a current picture of its own, and has listed all containers.
    Answers,
    /// Every matched running container has exactly one monitor.
    Coverage,
    /// Every live monitor's evidence is younger than its deadline.
    Freshness,
    /// Every running container has evidence at least every two probe intervals.
    Evidence,
    /// Nothing failed, timed out or was restarted without being reported.
    Reported,
    /// There are exactly as many tasks as the formula says, of every kind.
    Tasks,
    /// There are no more file descriptors than follows and reads explain.
    Descriptors,
    /// Every received record is stored, overlap, discarded or in flight.
    Conservation,
    /// No gap was recorded.
    Gaps,
}

impl Rule {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 9] = [
        Self::Answers,
        Self::Coverage,
        Self::Freshness,
        Self::Evidence,
        Self::Reported,
        Self::Tasks,
        Self::Descriptors,
        Self::Conservation,
        Self::Gaps,
    ];

    /// The word in reports, the same as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Coverage => "coverage",
            Self::Freshness => "freshness",
            Self::Evidence => "evidence",
            Self::Reported => "reported",
            Self::Tasks => "tasks",
            Self::Descriptors => "descriptors",
            Self::Conservation => "conservation",
            Self::Gaps => "gaps",
        }
    }

    /// What it demands, in a sentence without its full stop.
    pub fn demand(self) -> &'static str {
        match self {
            Self::Answers => "the engine answers with a current picture",
            Self::Coverage => "every matched running container has exactly one monitor",
            Self::Freshness => "the evidence of every live monitor is fresher than its deadline",
            Self::Evidence => "every running container has evidence every two probe intervals",
            Self::Reported => "nothing fails, times out or restarts unreported",
            Self::Tasks => "expected tasks are actual tasks",
            Self::Descriptors => "file descriptors <= fixed + follows + open reads",
            Self::Conservation => "received = stored + overlap + discarded + in flight",
            Self::Gaps => "no gap is recorded",
        }
    }
}

/// A rule that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The container it was about, by name, unless it was about the engine.
    pub container: Option<String>,
    /// What was found, with its figures.
    pub figures: String,
}

/// Judges one sample after the other.
#[derive(Debug)]
pub struct Judge {
    allow_gaps: bool,
    history: History,
}

impl Judge {
    /// A judge that has seen nothing. With `allow_gaps`, recorded gaps are no failure.
    pub fn new(allow_gaps: bool) -> Self {
        Self { allow_gaps, history: History::default() }
    }

    /// Every rule that does not hold in this sample, taken `at` after the watch began.
    #[must_use]
    pub fn judge(&mut self, at: Duration, sample: &Sample) -> Vec<Finding> {
        let snapshot = match sample {
            Sample::Missing(why) => {
                let figures = why.clone();
                return vec![Finding { rule: Rule::Answers, container: None, figures }];
            }
            Sample::Picture(snapshot) => snapshot,
        };
        let seen = self.history.look(at, snapshot);
        let mut findings = rules::all(snapshot, &seen);
        findings.retain(|finding| !(self.allow_gaps && finding.rule == Rule::Gaps));
        findings
    }
}
