//! The process that is killed: it appends the [`feed`](crate::feed) to a store from where its
//! cursors stand, and writes a line to a file for every acknowledgement that it gets.
//!
//! It is this test binary, run again with the variables below. A line is written by one call, so
//! whatever the file holds after a kill was acknowledged before it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logcap_tui::model::{ContainerId, Guarantee, NewSeam, SeamKind, Seq, Timestamp};
use logcap_tui::store::{
    Append, Clock, Durability, LogIdentity, LogRow, Part, PendingAppend, Retention, Store,
    StoreError, StoreOptions, StoreWriter,
};

use crate::feed::{self, FILL_FIRST, FILL_STEPS, Feed, Item};

/// The directory of the store; its presence makes the process a workload.
pub(crate) const DIR: &str = "LOGCAP_STORE_DIR";
/// Where acknowledgements are written.
pub(crate) const ACKS: &str = "LOGCAP_STORE_ACKS";
/// Live steps of each log after which the workload ends.
pub(crate) const TARGET: &str = "LOGCAP_STORE_TARGET";

/// Appends on their way per log, so that one commit holds many; of full blocks, a few.
const DEPTH: usize = 16;
const DEPTH_HOT: usize = 3;

/// One run of the workload.
pub(crate) struct Workload {
    pub(crate) dir: PathBuf,
    pub(crate) acks: PathBuf,
    pub(crate) target: u64,
}

impl Workload {
    /// The run that the environment asks for, if it does.
    pub(crate) fn from_environment() -> Option<Self> {
        let dir = std::env::var_os(DIR)?.into();
        let acks = std::env::var_os(ACKS)?.into();
        let target = std::env::var(TARGET).ok()?.parse().ok()?;
        Some(Self { dir, acks, target })
    }

    /// Runs until every log has its steps. `survive` decides after a transient error, which it is
    /// told, whether to go on from the stored cursor.
    pub(crate) fn run(&self, survive: &dyn Fn(&StoreError) -> bool) -> Result<(), StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::open(options(&self.dir), clock())?;
            let options = OpenOptions::new().append(true).create(true).open(&self.acks);
            let run = Run { writer: store.writer.clone(), acks: options.unwrap(), survive };
            let (hot, quiet, filled) = tokio::join!(
                run.feed(Feed::Hot, self.target.div_ceil(8)),
                run.feed(Feed::Quiet, self.target),
                run.feed(Feed::Filled, self.target),
            );
            hot.and(quiet).and(filled)?;
            store.shutdown()
        })
    }
}

/// Small, so that eviction is always at work on the hot log and never on the others.
pub(crate) fn options(dir: &Path) -> StoreOptions {
    let retention =
        Retention { max_bytes: Some(4 << 20), max_age: None, floor_per_log: 1 << 20, min_free: 0 };
    StoreOptions {
        dir: dir.to_owned(),
        durability: Durability::Full,
        retention,
        host: "host".to_owned(),
        engine_addr: "workload".to_owned(),
    }
}

pub(crate) fn clock() -> Clock {
    Arc::new(|| Timestamp(2_000_000_000_000))
}

pub(crate) fn identity(feed: Feed) -> LogIdentity {
    LogIdentity {
        container_id: ContainerId::new(feed.name()).unwrap(),
        host: "host".to_owned(),
        daemon: String::new(),
        name: feed.name().to_owned(),
        project: None,
        service: None,
        replica: None,
        image: "image".to_owned(),
        tty: false,
        driver: "json-file".to_owned(),
        class: Guarantee::Exact,
        first_seen: Timestamp(0),
    }
}

/// How many steps a cursor says are stored.
pub(crate) fn steps(cursor: Option<&[u8]>) -> u64 {
    cursor.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

pub(crate) fn new_seam(kind: SeamKind) -> NewSeam {
    let detail = "workload".to_owned();
    NewSeam { kind, lost: None, away: None, t_low: None, t_high: None, detail }
}

/// The append of one step; `done` is the number of steps that are stored with it.
pub(crate) fn append(row: &LogRow, part: Part, expected: Seq, items: &[Item], done: u64) -> Append {
    let (seam, records) = feed::batch(items);
    let cursor = done.to_le_bytes().to_vec();
    Append { log: row.id, part, expected, records, seam: seam.map(new_seam), cursor }
}

struct Run<'a> {
    writer: StoreWriter,
    acks: File,
    survive: &'a dyn Fn(&StoreError) -> bool,
}

impl Run<'_> {
    fn acknowledged(&self, what: &str, step: u64) {
        (&self.acks).write_all(format!("{what} {step}\n").as_bytes()).unwrap();
    }

    async fn feed(&self, feed: Feed, target: u64) -> Result<(), StoreError> {
        loop {
            match self.try_feed(feed, target).await {
                Err(error) if error.is_transient() && (self.survive)(&error) => {}
                result => return result,
            }
        }
    }

    async fn try_feed(&self, feed: Feed, target: u64) -> Result<(), StoreError> {
        let row = self.writer.open_log(identity(feed)).await?;
        if feed == Feed::Filled && row.cursor.is_some() {
            self.fill(&row).await?;
        }
        let stored = steps(row.cursor.as_deref());
        let to = if feed == Feed::Filled && stored == 0 { 1 } else { target };
        let source = (Part::Live, row.next_seq, feed.name());
        self.pump(&row, source, (stored, to), &|step| feed.step(step)).await?;
        if to < target { Box::pin(self.try_feed(feed, target)).await } else { Ok(()) }
    }

    /// The backfill of the adopted log, begun, continued or left alone as its row says.
    async fn fill(&self, row: &LogRow) -> Result<(), StoreError> {
        let (next, stored) = match &row.backfill {
            Some(fill) => (fill.next, steps(Some(&fill.cursor))),
            None if row.first_seq.is_some_and(|first| first < Seq::ADOPTION) => return Ok(()),
            None => {
                let cursor = 0_u64.to_le_bytes().to_vec();
                self.writer.begin_backfill(row.id, Seq(FILL_FIRST), cursor).await?;
                (Seq(FILL_FIRST), 0)
            }
        };
        let source = (Part::Backfill, next, "fill");
        self.pump(row, source, (stored, FILL_STEPS), &feed::fill_step).await?;
        self.writer.finish_backfill(row.id, true, false).await?;
        self.acknowledged("joined", 0);
        Ok(())
    }

    async fn pump(
        &self,
        row: &LogRow,
        (part, mut next, what): (Part, Seq, &str),
        (mut step, target): (u64, u64),
        items: &dyn Fn(u64) -> Vec<Item>,
    ) -> Result<(), StoreError> {
        let depth = if what == Feed::Hot.name() { DEPTH_HOT } else { DEPTH };
        let mut flying: VecDeque<(u64, PendingAppend)> = VecDeque::new();
        loop {
            if step < target && flying.len() < depth {
                let items = items(step);
                let append = append(row, part, next, &items, step + 1);
                flying.push_back((step, self.writer.submit(append).await?));
                next = next.offset(i64::try_from(items.len()).unwrap());
                step += 1;
            } else if let Some((step, answer)) = flying.pop_front() {
                answer.await?;
                self.acknowledged(what, step);
            } else {
                return Ok(());
            }
        }
    }
}
