//! The verdict of a watch: every rule, and what was found against it, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::{Finding, Rule, Sample};
use crate::model::BUILD;

/// Findings that are told apart; a host with thousands of containers can have as many at once.
const MAX_LINES: usize = 1000;

/// One thing that was found again and again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The container it was about; `None` for the engine.
    pub container: Option<String>,
    /// Samples in which it was found.
    pub samples: u64,
    /// Seconds from the beginning of the watch to the first of them.
    pub first_s: f64,
    /// What was found in it.
    pub first: String,
    /// Seconds to the last of them.
    pub last_s: f64,
    /// What was found in it.
    pub last: String,
}

/// What a watch saw.
#[derive(Debug)]
pub struct Report {
    asked: Duration,
    watched: Duration,
    samples: u64,
    /// Samples that could be read.
    pictures: u64,
    containers: usize,
    engine_build: Option<String>,
    found: BTreeMap<Rule, BTreeMap<Option<String>, Line>>,
    lines: usize,
    /// Findings without a line of their own.
    more: u64,
}

impl Report {
    /// A report of a watch that is to last as long as `asked`.
    pub fn new(asked: Duration) -> Self {
        Self {
            asked,
            watched: Duration::ZERO,
            samples: 0,
            pictures: 0,
            containers: 0,
            engine_build: None,
            found: BTreeMap::new(),
            lines: 0,
            more: 0,
        }
    }

    /// Adds a sample taken `at` after the beginning, with what was found in it. Returns what was
    /// not found before.
    pub fn add(&mut self, at: Duration, sample: &Sample, findings: Vec<Finding>) -> Vec<Finding> {
        self.samples += 1;
        self.watched = at;
        if let Sample::Picture(snapshot) = sample {
            self.pictures += 1;
            self.containers = self.containers.max(snapshot.coverage.matched);
            self.engine_build = Some(snapshot.build.clone());
        }
        findings.into_iter().filter(|finding| self.note(at, finding)).collect()
    }

    fn note(&mut self, at: Duration, finding: &Finding) -> bool {
        let of_rule = self.found.entry(finding.rule).or_default();
        let (seconds, figures) = (at.as_secs_f64(), &finding.figures);
        if let Some(line) = of_rule.get_mut(&finding.container) {
            line.samples += 1;
            line.last_s = seconds;
            line.last.clone_from(figures);
            return false;
        }
        if self.lines >= MAX_LINES {
            self.more += 1;
            return false;
        }
        self.lines += 1;
        let line = Line {
            container: finding.container.clone(),
            samples: 1,
            first_s: seconds,
            first: figures.clone(),
            last_s: seconds,
            last: figures.clone(),
        };
        of_rule.insert(finding.container.clone(), line);
        true
    }

    /// Whether the watch lasted as long as asked, took samples, and nothing was found.
    pub fn is_ok(&self) -> bool {
        self.is_complete() && self.pictures == self.samples && self.found.is_empty()
    }

    fn is_complete(&self) -> bool {
        self.samples > 0 && self.watched >= self.asked
    }

    /// Whether a rule held in every sample; `None` if no sample could be held against it.
    fn holds(&self, rule: Rule) -> Option<bool> {
        match self.found.contains_key(&rule) {
            true => Some(false),
            false if self.pictures == 0 => None,
            false => Some(true),
        }
    }

    fn lines(&self, rule: Rule) -> impl Iterator<Item = &Line> {
        self.found.get(&rule).into_iter().flat_map(BTreeMap::values)
    }

    /// The report for a reader.
    pub fn text(&self) -> String {
        let mut text = format!("verify    {BUILD}\n");
        let engine = self.engine_build.as_deref().unwrap_or("unknown: it never answered");
        let _ = writeln!(text, "engine    {engine}");
        let _ = writeln!(
            text,
            "watched   {:.1} s of {:.1} s, {} samples, {} containers\n",
            self.watched.as_secs_f64(),
            self.asked.as_secs_f64(),
            self.samples,
            self.containers
        );
        for rule in Rule::ALL {
            let word = match self.holds(rule) {
                Some(true) => "ok",
                Some(false) => "FAILED",
                None => "no data",
            };
            let _ = writeln!(text, "{word:<7} {:<13} {}", rule.as_str(), rule.demand());
            self.lines(rule).for_each(|line| describe(&mut text, line));
        }
        if self.more > 0 {
            let _ = writeln!(text, "\n{} more findings have no line of their own", self.more);
        }
        let verdict = match (self.found.is_empty(), self.is_complete()) {
            (false, _) => "FAILED",
            (true, false) => "FAILED: the watch ended before its time",
            (true, true) => "ok: every rule held in every sample",
        };
        let _ = writeln!(text, "\n{verdict}");
        text
    }

    /// The report as one JSON object with its newline.
    pub fn json(&self) -> String {
        let rules: Vec<_> = Rule::ALL
            .into_iter()
            .map(|rule| {
                serde_json::json!({
                    "rule": rule,
                    "demand": rule.demand(),
                    "ok": self.holds(rule) == Some(true),
                    "findings": self.lines(rule).collect::<Vec<_>>(),
                })
            })
            .collect();
        let line = serde_json::json!({
            "ok": self.is_ok(),
            "build": BUILD,
            "engine_build": self.engine_build,
            "asked_s": self.asked.as_secs_f64(),
            "watched_s": self.watched.as_secs_f64(),
            "samples": self.samples,
            "containers": self.containers,
            "findings_left_out": self.more,
            "rules": rules,
        });
        format!("{line}\n")
    }
}

fn describe(text: &mut String, line: &Line) {
    let who = line.container.as_deref().unwrap_or("engine");
    let _ = writeln!(text, "          {who}: at {:.1} s: {}", line.first_s, line.first);
    if line.samples > 1 {
        let (samples, at) = (line.samples, line.last_s);
        let _ =
            writeln!(text, "            in {samples} samples, last at {at:.1} s: {}", line.last);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn finding(rule: Rule, container: &str, figures: &str) -> Finding {
        Finding { rule, container: Some(container.to_owned()), figures: figures.to_owned() }
    }

    fn sample() -> Sample {
        Sample::Picture(Arc::default())
    }

    #[test]
    fn a_rule_without_data_is_not_called_ok() {
        let mut report = Report::new(Duration::ZERO);
        assert!(report.add(Duration::ZERO, &Sample::Missing("x".into()), Vec::new()).is_empty());
        assert!(!report.is_ok());
        assert!(report.text().contains("no data gaps"), "{}", report.text());
        assert!(!report.text().contains("ok "), "{}", report.text());
    }

    #[test]
    fn a_watch_without_samples_or_too_short_is_no_success() {
        let minute = Duration::from_mins(1);
        assert!(!Report::new(Duration::ZERO).is_ok());
        let mut report = Report::new(minute);
        assert!(report.add(minute / 2, &sample(), Vec::new()).is_empty());
        assert!(!report.is_ok());
        assert!(report.text().contains("FAILED: the watch ended before its time"));
        assert!(report.add(minute, &sample(), Vec::new()).is_empty());
        assert!(report.is_ok(), "{}", report.text());
    }

    #[test]
    fn a_finding_is_told_once_and_kept_with_its_container_and_figures() {
        let mut report = Report::new(Duration::ZERO);
        let web = |figures| finding(Rule::Gaps, "web", figures);
        assert_eq!(report.add(Duration::from_secs(1), &sample(), vec![web("1 gap")]).len(), 1);
        assert_eq!(report.add(Duration::from_secs(2), &sample(), vec![web("2 gaps")]).len(), 0);
        assert!(!report.is_ok());
        let text = report.text();
        assert!(text.contains("FAILED  gaps"), "{text}");
        assert!(text.contains("web: at 1.0 s: 1 gap\n"), "{text}");
        assert!(text.contains("in 2 samples, last at 2.0 s: 2 gaps"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["ok"], false);
        let gaps = json["rules"].as_array().unwrap().iter().find(|r| r["rule"] == "gaps").unwrap();
        assert_eq!(
            (&gaps["ok"], &gaps["findings"][0]["container"]),
            (&false.into(), &"web".into())
        );
        assert_eq!(gaps["findings"][0]["samples"], 2);
    }

    #[test]
    fn findings_without_a_line_still_fail() {
        let mut report = Report::new(Duration::ZERO);
        let many =
            (0..=MAX_LINES).map(|n| finding(Rule::Evidence, &format!("c{n}"), "old")).collect();
        assert_eq!(report.add(Duration::ZERO, &sample(), many).len(), MAX_LINES);
        assert!(report.text().contains("1 more findings"));
        assert!(!report.is_ok());
    }
}
