//! Controls: for every rule a fault that must make it fail, so that silence means something.
//!
//! Faults that a simulated daemon or this process can really have are really had: an engine on a
//! simulated daemon, with a store of its own, is watched over its socket as any other. What no
//! simulation can produce, because the program does not contain that mistake, is written into a
//! copy of a real snapshot. Each control first waits for a sample in which everything holds; a rule
//! that fails without its fault proves nothing.

mod bench;
mod faults;
mod snare;

pub use bench::ControlError;
pub use faults::{Control, Means};

use std::fmt::Write;

use super::Rule;
use crate::model::BUILD;

/// What came of one control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The rule that had to fail.
    pub rule: Rule,
    /// The fault, in a few words.
    pub fault: &'static str,
    /// What the rule found, if it failed.
    pub seen: Option<String>,
    /// Why the control could not be carried out.
    pub error: Option<String>,
}

impl Outcome {
    /// Whether the rule was seen to fail.
    pub fn is_seen(&self) -> bool {
        self.seen.is_some()
    }
}

/// Carries out every control, one after the other: one of them is about this whole process.
pub async fn run() -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for control in faults::CONTROLS {
        let result = control.carry_out().await;
        let error = result.as_ref().err().map(ToString::to_string);
        let seen = result.ok().flatten();
        outcomes.push(Outcome { rule: control.rule, fault: control.fault, seen, error });
    }
    outcomes
}

/// Whether every rule has a control and every control saw its rule fail.
pub fn all_seen(outcomes: &[Outcome]) -> bool {
    let controlled = |rule: &Rule| outcomes.iter().any(|outcome| outcome.rule == *rule);
    Rule::ALL.iter().all(controlled) && outcomes.iter().all(Outcome::is_seen)
}

/// The table: rule, fault, what was seen.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!("verify --control    {BUILD}\n\n");
    let _ = writeln!(text, "{:<13} {:<46} seen to fail", "rule", "fault");
    for Outcome { rule, fault, seen, error } in outcomes {
        let words = match (seen, error) {
            (Some(figures), _) => format!("yes: {figures}"),
            (None, Some(error)) => format!("NO: {error}"),
            (None, None) => "NO".to_owned(),
        };
        let _ = writeln!(text, "{:<13} {fault:<46} {words}", rule.as_str());
    }
    for rule in Rule::ALL.iter().filter(|rule| !outcomes.iter().any(|o| o.rule == **rule)) {
        let _ = writeln!(text, "{:<13} {:<46} NO", rule.as_str(), "has no control");
    }
    let verdict = if all_seen(outcomes) {
        "ok: every rule was seen to fail"
    } else {
        "FAILED: a rule that cannot fail proves nothing"
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

/// The same as one JSON object with its newline.
pub fn json(outcomes: &[Outcome]) -> String {
    let each = |outcome: &Outcome| {
        serde_json::json!({
            "rule": outcome.rule,
            "fault": outcome.fault,
            "seen": outcome.is_seen(),
            "figures": outcome.seen,
            "error": outcome.error,
        })
    };
    let controls: Vec<_> = outcomes.iter().map(each).collect();
    let line = serde_json::json!({
        "ok": all_seen(outcomes),
        "build": BUILD,
        "controls": controls,
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(seen: impl Fn(Rule) -> bool) -> Vec<Outcome> {
        let of = |rule| Outcome {
            rule,
            fault: "a fault",
            seen: seen(rule).then(|| "figures".to_owned()),
            error: None,
        };
        Rule::ALL.map(of).to_vec()
    }

    #[test]
    fn every_rule_has_a_control() {
        for rule in Rule::ALL {
            assert!(faults::CONTROLS.iter().any(|control| control.rule == rule), "{rule:?}");
        }
    }

    #[test]
    fn one_rule_that_did_not_fail_fails_the_control() {
        assert!(all_seen(&outcomes(|_| true)));
        let blind = outcomes(|rule| rule != Rule::Gaps);
        assert!(!all_seen(&blind));
        assert!(table(&blind).contains("FAILED: a rule that cannot fail"));
        let json: serde_json::Value = serde_json::from_str(&json(&blind)).unwrap();
        assert_eq!((&json["ok"], &json["controls"][8]["seen"]), (&false.into(), &false.into()));
    }

    #[test]
    fn a_rule_without_a_control_fails_the_control() {
        let mut fewer = outcomes(|_| true);
        fewer.pop();
        assert!(!all_seen(&fewer));
        assert!(table(&fewer).contains("has no control"));
        assert!(!all_seen(&[]));
    }
}
