//! How far back a log can be read without a hole, before much of it is stored.
//!
//! Long answers are taken as they come, so it is too late afterwards to find out that a broken record
//! made a hole in them (`corrupt`). They are counted before: nothing is left out of a tail that is as
//! long as was asked for. A shorter one, of `n` records, is the whole log if a tail of just that
//! length begins with the same record, as does one that is longer by one: where a tail begins is
//! counted from the log's end, whatever is left out of it.
//!
//! How a log that grows is counted is said in `count`.

use super::capture::Break;
use super::count::{Behind, Count, Whole, behind, count, lead};
use super::shared::Shared;
use crate::docker::{LogRequest, Tail};
use crate::model::ContainerInfo;

/// How often an answer is looked at anew where its log rotates meanwhile, or a fault is of the moment.
const TRIES: u32 = 3;
/// How often the begin of a tail is looked at where the log grows meanwhile.
const LOOKS: u32 = 16;
/// Looks that find nothing before an answer, if the log grows with each of them.
const CONFIRMATIONS: u32 = 3;
/// Tails that are counted at most to find the longest that is whole.
const STEPS: u32 = 40;
/// The first of them.
const SIZE_MIN: u64 = 1_024;
/// Each is so many times the last, until one is not whole.
const STRIDE: u64 = 4;

/// What can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that was asked for.
    #[default]
    All,
    /// The last so many records. What stands before them cannot be read without a hole.
    Broken(u64),
    /// The last so many records. The log changed with every look, and nobody knows of what stands
    /// before them.
    Moving(u64),
}

impl Extent {
    /// What is to be asked for instead.
    pub(super) fn tail(self) -> Option<Tail> {
        match self {
            Self::All => None,
            Self::Broken(whole) | Self::Moving(whole) => Some(Tail::Last(whole)),
        }
    }
}

/// Finds out what can be read without a hole of what `request` asks for.
pub(super) async fn extent(
    shared: &Shared,
    info: &ContainerInfo,
    request: &LogRequest,
) -> Result<Extent, Break> {
    if !shared.reads_lines(info) {
        return Ok(Extent::All);
    }
    let mut broken = 0;
    for _ in 0..TRIES {
        let all = count(shared, request, request.tail).await?;
        if matches!(request.tail, Tail::Last(asked) if all.is_clean(asked)) {
            return Ok(Extent::All);
        }
        if !all.ends {
            // Only what comes again is the log's and not of the moment.
            broken += 1;
            continue;
        }
        match is_all_whole(shared, request, &all).await? {
            Whole::Yes => return Ok(Extent::All),
            Whole::No => broken += 1,
            Whole::Grows => {
                if count(shared, request, Tail::Last(all.came)).await?.is_clean(all.came) {
                    return Ok(Extent::Moving(all.came));
                }
            }
            Whole::Unsure => {}
        }
    }
    let whole = longest_clean(shared, request).await?;
    Ok(if broken == TRIES { Extent::Broken(whole) } else { Extent::Moving(whole) })
}

/// Whether nothing was left out of a short answer, nor before it.
async fn is_all_whole(shared: &Shared, request: &LogRequest, all: &Count) -> Result<Whole, Break> {
    let Some(mut last) = all.last else {
        return Ok(if lead(shared, request, 1).await?.is_none() { Whole::Yes } else { Whole::No });
    };
    let (mut length, mut longer, mut confirmed) = (all.came, 0, 0);
    let mut before = None;
    for _ in 0..LOOKS {
        let (grown, end) = match behind(shared, request, last).await? {
            Behind::Grown(grown, end) => (grown, end),
            Behind::Lost { rests: true } => return Ok(Whole::No),
            Behind::Lost { rests: false } | Behind::Much { .. } => return Ok(Whole::Unsure),
        };
        if let Some(place) = before.filter(|_| grown == 0) {
            return Ok(if place == 0 { Whole::Yes } else { Whole::No });
        }
        (length, last) = (length + grown, end);
        let Some(place) = all.place(lead(shared, request, length + longer).await?) else {
            return Ok(Whole::No);
        };
        before = Some(place);
        if place == 0 && longer == 0 {
            // All that was left out may still stand before what came.
            (longer, before) = (1, None);
        } else if place == 0 {
            // If one record has come, it begins there as well.
            confirmed += 1;
            if confirmed == CONFIRMATIONS {
                return Ok(Whole::Yes);
            }
        }
    }
    Ok(Whole::Grows)
}

/// The length of the longest tail that is whole.
async fn longest_clean(shared: &Shared, request: &LogRequest) -> Result<u64, Break> {
    let mut whole = 0;
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
    Ok(whole)
}
