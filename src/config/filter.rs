//! Which containers are captured, and by which rule: the text that the screen shows.
//!
//! A container is captured when it has every required label, matches no `exclude` glob, and matches
//! an `include` glob or there are none. Exclusion wins, so that a broad include can have exceptions.
//! Globs match the container's name and, for compose containers, `project/service`, which is how
//! the dashboard names them; `*` also matches `/`.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};

use super::units::Allowed;

/// Whether a container is captured, with the rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is captured.
    Included {
        /// The rule, for the details screen.
        by: String,
    },
    /// It is not.
    Excluded {
        /// The rule, for the coverage line.
        why: String,
    },
}

impl Decision {
    /// Whether the container is captured.
    pub fn is_included(&self) -> bool {
        matches!(self, Self::Included { .. })
    }

    /// The rule's text.
    pub fn rule(&self) -> &str {
        match self {
            Self::Included { by } => by,
            Self::Excluded { why } => why,
        }
    }
}

/// The compiled rules.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Vec<GlobMatcher>,
    exclude: Vec<GlobMatcher>,
    labels: Vec<LabelRule>,
}

#[derive(Debug, Clone)]
struct LabelRule {
    text: String,
    key: String,
    /// `None`: the label must exist, whatever its value.
    value: Option<GlobMatcher>,
}

impl Filter {
    /// Whether a container of this name and these labels is captured.
    pub fn decide(&self, name: &str, labels: &BTreeMap<String, String>) -> Decision {
        let alias = compose_name(labels);
        let matches =
            |g: &&GlobMatcher| g.is_match(name) || alias.as_ref().is_some_and(|a| g.is_match(a));
        if let Some(glob) = self.exclude.iter().find(matches) {
            return Decision::Excluded { why: format!("exclude = {:?}", glob.glob().glob()) };
        }
        if let Some(rule) = self.labels.iter().find(|rule| !rule.holds(labels)) {
            return Decision::Excluded { why: format!("lacks label {:?}", rule.text) };
        }
        if let Some(glob) = self.include.iter().find(matches) {
            return Decision::Included { by: format!("include = {:?}", glob.glob().glob()) };
        }
        match (self.include.as_slice(), self.labels.last()) {
            ([], Some(rule)) => Decision::Included { by: format!("label {:?}", rule.text) },
            ([], None) => Decision::Included { by: "every container is captured".to_owned() },
            ([only], _) => {
                Decision::Excluded { why: format!("not in include = {:?}", only.glob().glob()) }
            }
            (all, _) => {
                Decision::Excluded { why: format!("matches none of {} includes", all.len()) }
            }
        }
    }

    /// Adds a glob to capture.
    pub(super) fn include(&mut self, text: &str) -> Result<(), Allowed> {
        self.include.push(glob(text)?);
        Ok(())
    }

    /// Adds a glob to leave out.
    pub(super) fn exclude(&mut self, text: &str) -> Result<(), Allowed> {
        self.exclude.push(glob(text)?);
        Ok(())
    }

    /// Adds a label that must be there: `KEY`, or `KEY=VALUE` with a glob as value.
    pub(super) fn label(&mut self, text: &str) -> Result<(), Allowed> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.trim(), Some(glob(value.trim())?)),
            None => (text.trim(), None),
        };
        if key.is_empty() {
            return Err(Allowed::new("KEY=VALUE or KEY"));
        }
        self.labels.push(LabelRule { text: text.to_owned(), key: key.to_owned(), value });
        Ok(())
    }
}

impl LabelRule {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let Some(found) = labels.get(&self.key) else { return false };
        self.value.as_ref().is_none_or(|value| value.is_match(found))
    }
}

fn glob(text: &str) -> Result<GlobMatcher, Allowed> {
    match Glob::new(text) {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(error) => Err(Allowed::new(format!("a glob such as \"shop-*\" ({})", error.kind()))),
    }
}

/// `project/service` of a compose container, Docker's or Podman's.
fn compose_name(labels: &BTreeMap<String, String>) -> Option<String> {
    let label = |name: &str| {
        let docker = labels.get(&format!("com.docker.compose.{name}"));
        docker.or_else(|| labels.get(&format!("io.podman.compose.{name}")))
    };
    Some(format!("{}/{}", label("project")?, label("service")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str], labels: &[&str]) -> Filter {
        let mut filter = Filter::default();
        for g in include {
            filter.include(g).unwrap();
        }
        for g in exclude {
            filter.exclude(g).unwrap();
        }
        for l in labels {
            filter.label(l).unwrap();
        }
        filter
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn without_rules_everything_is_captured() {
        let decision = Filter::default().decide("web", &labels(&[]));
        assert!(decision.is_included(), "{decision:?}");
    }

    #[test]
    fn exclusion_wins_and_names_its_rule() {
        let filter = filter(&["shop-*"], &["*-test"], &[]);
        let none = labels(&[]);
        assert_eq!(filter.decide("shop-web", &none).rule(), "include = \"shop-*\"");
        let excluded = filter.decide("shop-test", &none);
        assert_eq!(excluded, Decision::Excluded { why: "exclude = \"*-test\"".to_owned() });
        assert_eq!(filter.decide("blog", &none).rule(), "not in include = \"shop-*\"");
    }

    #[test]
    fn compose_containers_match_by_project_and_service() {
        let filter = filter(&["shop/*"], &[], &[]);
        let compose = labels(&[
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
        ]);
        assert!(filter.decide("shop-web-1", &compose).is_included());
        assert!(!filter.decide("shop-web-1", &labels(&[])).is_included());
    }

    #[test]
    fn every_label_must_hold() {
        let filter = filter(&[], &[], &["team=sh*", "capture"]);
        assert!(!filter.decide("a", &labels(&[("team", "shop")])).is_included());
        let both = labels(&[("team", "shop"), ("capture", "")]);
        assert_eq!(filter.decide("a", &both).rule(), "label \"capture\"");
        let other = filter.decide("a", &labels(&[("team", "blog"), ("capture", "")]));
        assert_eq!(other.rule(), "lacks label \"team=sh*\"");
    }

    #[test]
    fn a_bad_glob_is_refused() {
        assert!(Filter::default().include("a[").is_err());
        assert!(Filter::default().label("=x").is_err());
    }
}
