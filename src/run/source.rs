//! Gives the screen its lines: search's pager behind the trait that the log pane asks.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use logcap_tui::model::{Direction, From as PageFrom, LogId, Page};
use logcap_tui::search::{PageRequest, Pager, Query};
use logcap_tui::store::StoreReader;
use logcap_tui::tui::{FilterText, Highlighter, LogSource, Matches, StoredLog};

/// Bytes of text in one page.
const PAGE_BYTES: usize = 8 << 20;

/// Reads the store for the screen.
pub(super) struct StoreSource(Pager<StoreReader>);

impl StoreSource {
    pub(super) fn new(reader: StoreReader) -> Arc<Self> {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Arc::new(Self(Pager::new(reader, threads)))
    }
}

fn parse(pattern: &str) -> Result<Query, String> {
    Query::parse(pattern).map_err(|error| error.with_caret(pattern))
}

impl LogSource for StoreSource {
    fn page(
        &self,
        logs: &[LogId],
        from: PageFrom,
        direction: Direction,
        rows: usize,
        filter: Option<&FilterText>,
    ) -> Result<Page, String> {
        let filter = filter.map(|text| parse(&text.0)).transpose()?.map(Arc::new);
        let request =
            PageRequest { logs: logs.to_vec(), from, direction, rows, bytes: PAGE_BYTES, filter };
        self.0.page(&request).map_err(|error| error.to_string())
    }

    fn matches(
        &self,
        logs: &[LogId],
        pattern: &str,
        cap: usize,
        cancel: &AtomicBool,
    ) -> Result<Matches, String> {
        let query = Arc::new(parse(pattern)?);
        let found = self.0.matches(logs, &query, cap, cancel).map_err(|error| error.to_string())?;
        Ok(Matches { keys: found.keys, total: found.total, capped: found.capped })
    }

    fn logs(&self) -> Result<Vec<StoredLog>, String> {
        let mut found = self.0.containers().map_err(|error| error.to_string())?;
        found.sort_by_key(|info| std::cmp::Reverse((info.first_seen, info.log)));
        Ok(found
            .into_iter()
            .map(|info| StoredLog {
                log: info.log,
                name: info.name.to_string(),
                first_seen: info.first_seen,
            })
            .collect())
    }

    fn check(&self, pattern: &str) -> Result<Highlighter, String> {
        let query = parse(pattern)?;
        Ok(Arc::new(move |line| query.ranges(line)))
    }
}
