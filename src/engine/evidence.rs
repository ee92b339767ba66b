//! Evidence: the only heartbeat there is.
//!
//! The predecessor's heartbeat was a ticker that went on while its reader was deadlocked. Here a
//! beat can be made only from a store acknowledgement of at least one new record, or from a read
//! that proved everything up to its start to be stored. Both types have private fields and one
//! maker each, so no other beat can be written:
//!
//! ```compile_fail
//! use logcap_tui::engine::{Evidence, Verified};
//! use logcap_tui::model::Moment;
//! let forged = Evidence::Verified(Verified { sent_at: Moment::default() });
//! ```

use super::read::Verified;
use crate::model::{BeatKind, BeatView, Moment};
use crate::store::StoreAck;

/// Proof of progress of one monitor.
#[derive(Debug, Clone)]
pub enum Evidence {
    /// The store acknowledged new records.
    Committed(StoreAck),
    /// A read found everything up to its start stored.
    Verified(Verified),
}

/// Evidence with the moment at which the fact became true.
#[derive(Debug, Clone)]
pub struct Beat {
    evidence: Evidence,
    at: Moment,
}

impl Beat {
    /// A beat from an acknowledgement received at `now`.
    pub fn committed(ack: StoreAck, now: Moment) -> Self {
        Self { evidence: Evidence::Committed(ack), at: now }
    }

    /// A beat from a read, dated by when the read was sent.
    pub fn verified(verified: Verified) -> Self {
        Self { at: verified.sent_at(), evidence: Evidence::Verified(verified) }
    }

    /// When the fact became true.
    pub fn at(&self) -> Moment {
        self.at
    }

    /// The view for the screen.
    pub fn view(&self) -> BeatView {
        let kind = match self.evidence {
            Evidence::Committed(_) => BeatKind::Committed,
            Evidence::Verified(_) => BeatKind::Verified,
        };
        BeatView { kind, at: self.at }
    }
}
