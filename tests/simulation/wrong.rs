//! What a control makes wrong, and how: through the daemon, or in the store behind its back.

use logcap_tui::model::{Batch, Lost, NewSeam, RecordRef, SeamKind};
use logcap_tui::store::{Append, Part};

use crate::play::{lines_of, log_of};
use crate::world::World;

/// Something made wrong on purpose, which the judgement must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Nothing is.
    Nothing,
    /// The daemon never shows one record of the first container.
    RecordHidden,
    /// The store forgets its seams.
    SeamsForgotten,
    /// The store forgets the first block of the first container.
    BlockForgotten,
    /// The store holds a record twice.
    StoredTwice,
    /// The store claims a loss where nothing is missing.
    GapInvented,
    /// The daemon is gone and does not come back.
    DaemonGone,
}

impl Wrong {
    /// Before the engine starts.
    pub(crate) fn before(self, world: &World) {
        if self == Self::RecordHidden {
            world.sim.skip_record(&world.known[0].id, 7);
        }
    }

    /// When everything else was healed.
    pub(crate) async fn healed(self, world: &World) {
        if self == Self::DaemonGone {
            world.sim.stop().await;
        }
    }

    /// When everything is stored.
    pub(crate) async fn stored(self, world: &World) {
        let sql = |text: &str| {
            let store = rusqlite::Connection::open(world.database()).unwrap();
            assert!(store.execute(text, []).unwrap() > 0, "{text} changed nothing");
        };
        match self {
            Self::Nothing | Self::RecordHidden | Self::DaemonGone => {}
            Self::SeamsForgotten => sql("DELETE FROM seam"),
            Self::BlockForgotten => {
                let log = log_of(world, &world.known[0].id).unwrap().id.0;
                let first = format!("SELECT min(id) FROM block WHERE log_id = {log}");
                sql(&format!("DELETE FROM block WHERE id = ({first})"));
            }
            Self::StoredTwice | Self::GapInvented => self.append(world).await,
        }
    }

    async fn append(self, world: &World) {
        let log = log_of(world, &world.known[0].id).unwrap();
        let (_, last) = lines_of(world, log.id).into_iter().max_by_key(|(seq, _)| *seq).unwrap();
        let mut records = Batch::new();
        if self == Self::StoredTwice {
            let bytes = last.text.strip_suffix(b"\n").unwrap();
            records.push(RecordRef { fd: last.fd, ts: last.ts, newline: true, bytes });
        }
        let seam = (self == Self::GapInvented).then(|| NewSeam {
            kind: SeamKind::Gap,
            lost: Some(Lost::Rotated),
            away: None,
            t_low: None,
            t_high: None,
            detail: "invented".to_owned(),
        });
        let (expected, cursor) = (log.next_seq, log.cursor.unwrap());
        let append = Append { log: log.id, part: Part::Live, expected, records, seam, cursor };
        world.writer().append(append).await.unwrap();
    }
}
