//! How far back a log can be read without a hole, before much of it is stored.
//!
//! Long answers are taken as they come, so it is too late afterwards to find out that a broken record
//! made a hole in them (`corrupt`). They are counted before: nothing is left out of a tail that is as
//! long as was asked for. A shorter one is the whole log if a tail of just its length is whole and
//! begins with the same record, as does one that is longer by one.

use super::capture::Break;
use super::cursor::Fingerprint;
use super::peek::Lead;
use super::shared::Shared;
use crate::docker::{DockerError, LogRequest, Step, Tail};
use crate::model::{Batch, ContainerInfo};

/// How often that is tried where the log grows or rotates meanwhile.
const TRIES: u32 = 3;
/// Tails that are counted at most to find the longest that is whole.
const STEPS: u32 = 40;
/// The first of them.
const SIZE_MIN: u64 = 1_024;
/// Each is so many times the last, until one is not whole.
const STRIDE: u64 = 4;

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that was asked for.
    All,
    /// The last so many records. What stands before them is broken, or not sure.
    Last(u64),
}

/// What a tail holds.
struct Count {
    came: u64,
    lead: Option<Lead>,
    /// The daemon reported no fault.
    ends: bool,
}

impl Count {
    fn add(&mut self, fp: Fingerprint) {
        match &mut self.lead {
            None => self.lead = Some(Lead { fp, run: 1 }),
            Some(lead) if lead.fp == fp && lead.run as u64 == self.came => lead.run += 1,
            Some(_) => {}
        }
        self.came += 1;
    }

    fn is_clean(&self, asked: u64) -> bool {
        self.ends && self.came >= asked
    }
}

/// Finds out what can be read without a hole of what `request` asks for.
pub(super) async fn extent(
    shared: &Shared,
    info: &ContainerInfo,
    request: &LogRequest,
) -> Result<Extent, Break> {
    if info.tty || info.log_config.driver != "json-file" || shared.is_podman() {
        // Unfinished lines of terminals merge, and the others are not read line by line.
        return Ok(Extent::All);
    }
    let (mut whole, mut grows_from) = (0, None);
    for _ in 0..TRIES {
        let all = count(shared, request, request.tail).await?;
        if matches!(request.tail, Tail::Last(asked) if all.is_clean(asked)) {
            return Ok(Extent::All);
        }
        if !all.ends {
            // Only what comes again is the log's and not of the moment.
            continue;
        }
        let again = count(shared, request, Tail::Last(all.came)).await?;
        if !again.is_clean(all.came) {
            continue;
        }
        let longer = lead(shared, request, all.came + 1).await?;
        if again.lead == all.lead && longer == all.lead {
            return Ok(Extent::All);
        }
        whole = all.came;
        grows_from = all.lead.filter(|_| again.lead != all.lead);
    }
    if grows_from.is_some() && lead(shared, request, whole.saturating_mul(2)).await? == grows_from {
        // It grows with every look, and hides nothing behind its first records.
        return Ok(Extent::Last(whole));
    }
    let mut broken = match request.tail {
        Tail::Last(asked) => Some(asked),
        Tail::All => None,
    };
    for _ in 0..STEPS {
        let asked = match broken {
            Some(broken) if broken <= whole + 1 => break,
            Some(broken) => whole.midpoint(broken).min((whole * STRIDE).max(SIZE_MIN)),
            None => (whole * STRIDE).max(SIZE_MIN),
        };
        if count(shared, request, Tail::Last(asked)).await?.is_clean(asked) {
            whole = asked;
        } else {
            broken = Some(asked);
        }
    }
    Ok(Extent::Last(whole))
}

/// Reads a tail to its end and keeps nothing of it.
async fn count(shared: &Shared, request: &LogRequest, tail: Tail) -> Result<Count, Break> {
    read(shared, request, tail, |_| false).await
}

/// How a tail begins.
async fn lead(shared: &Shared, request: &LogRequest, asked: u64) -> Result<Option<Lead>, Break> {
    let is_known = |count: &Count| count.lead.is_some_and(|lead| (lead.run as u64) < count.came);
    Ok(read(shared, request, Tail::Last(asked), is_known).await?.lead)
}

async fn read(
    shared: &Shared,
    request: &LogRequest,
    tail: Tail,
    is_enough: impl Fn(&Count) -> bool,
) -> Result<Count, Break> {
    let request = LogRequest { tail, ..request.clone() };
    let mut stream = shared.docker().open_log(None, &request).await?;
    let mut count = Count { came: 0, lead: None, ends: true };
    let mut piece = Batch::new();
    loop {
        let step = stream.next(&mut piece).await;
        piece.iter().for_each(|record| count.add(Fingerprint::of(&record)));
        piece.clear();
        match step {
            Ok(Step::Records(_)) if !is_enough(&count) => {}
            Ok(Step::Records(_) | Step::End) => return Ok(count),
            Err(DockerError::Fault { .. }) => return Ok(Count { ends: false, ..count }),
            Err(error) => return Err(error.into()),
        }
    }
}
