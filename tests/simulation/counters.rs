//! What was reached at least once, over one simulation or many. A fault that never happens and a
//! state that is never entered prove nothing, so the run over all seeds asserts that they were.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::model::{ContainerId, Lost, Seam, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Counts by word; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    counts: BTreeMap<String, u64>,
    adopted: BTreeMap<ContainerId, Adopted>,
}

/// The first evidence of a log that any engine had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adopted {
    /// When it became true, by our wall clock.
    pub(crate) at: Timestamp,
    /// Which engine had it, counted from one.
    pub(crate) engine: u64,
}

impl Counters {
    fn count(&self, word: String) {
        *self.0.lock().unwrap().counts.entry(word).or_default() += 1;
    }

    /// When the log of a container was first seen.
    pub(crate) fn adopted(&self, id: &ContainerId) -> Option<Adopted> {
        self.0.lock().unwrap().adopted.get(id).copied()
    }

    pub(crate) fn fault(&self, word: &str) {
        self.count(format!("fault {word}"));
    }

    pub(crate) fn seam(&self, seam: &Seam) {
        self.count(format!("seam {}", seam.what.kind.as_str()));
        if let Some(lost) = &seam.what.lost {
            let word = match lost {
                Lost::Corrupt(_) => "Corrupt".to_owned(),
                Lost::Ambiguous(_) => "Ambiguous".to_owned(),
                other => format!("{other:?}"),
            };
            self.count(format!("lost {word}"));
        }
        if let Some(away) = seam.what.away {
            self.count(format!("away {away:?}"));
        }
    }

    pub(crate) fn event(&self, word: &str) {
        self.count(format!("event {word}"));
    }

    pub(crate) fn note(&self, word: &str) {
        self.count(word.to_owned());
    }

    pub(crate) fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap().counts.clone()
    }

    pub(crate) fn add(&self, other: &BTreeMap<String, u64>) {
        let all = &mut self.0.lock().unwrap().counts;
        for (word, n) in other {
            *all.entry(word.clone()).or_default() += n;
        }
    }

    /// Looks at every picture of an engine.
    pub(crate) fn watch(
        &self,
        mut pictures: watch::Receiver<Arc<EngineSnapshot>>,
        engine: u64,
    ) -> JoinHandle<()> {
        let counters = self.clone();
        tokio::spawn(async move {
            while pictures.changed().await.is_ok() {
                let picture = Arc::clone(&pictures.borrow_and_update());
                counters.look(&picture, engine);
            }
        })
    }

    fn look(&self, picture: &EngineSnapshot, engine: u64) {
        let mut seen = self.0.lock().unwrap();
        for row in &picture.monitors {
            if let Some(beat) = row.beat {
                let age = i64::try_from(picture.at.since(beat.at).as_nanos()).unwrap();
                let at = Timestamp(picture.wall.0 - age);
                seen.adopted.entry(row.id.clone()).or_insert(Adopted { at, engine });
            }
            let all = &mut seen.counts;
            *all.entry(format!("phase {}", row.phase.as_str())).or_default() += 1;
            for (kind, counts) in
                [("doubt", &row.doubts_by), ("reopen", &row.reopens_by), ("read", &row.reads_by)]
            {
                for (word, n) in counts {
                    *all.entry(format!("{kind} {word}")).or_default() += n;
                }
            }
        }
    }
}
