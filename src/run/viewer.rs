//! The viewer: the dashboard on a store that another process writes. Its snapshots come from that
//! process's socket; commands are not given from here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use logcap_tui::engine::{EngineHandle, EngineSnapshot};
use logcap_tui::serve::fetch_unix;
use tokio::sync::watch;

/// Time between two looks at the other engine.
const LOOK: Duration = Duration::from_millis(500);

/// A handle on another process's engine, and the work that keeps it fresh.
pub(super) fn watch_engine(socket: PathBuf) -> (EngineHandle, impl Future<Output = ()>) {
    let (snapshots, newest) = watch::channel(Arc::new(EngineSnapshot::default()));
    let (commits, moved) = watch::channel(0);
    let handle = EngineHandle::new(newest, moved, None);
    let work = async move {
        loop {
            if let Ok(body) = fetch_unix(&socket, "/snapshot").await
                && let Ok(snapshot) = serde_json::from_slice::<EngineSnapshot>(&body)
            {
                commits.send_if_modified(|n| {
                    std::mem::replace(n, snapshot.store.commits) != snapshot.store.commits
                });
                snapshots.send_replace(Arc::new(snapshot));
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    (handle, work)
}
