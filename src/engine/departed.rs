//! Departed containers: those whose log is stored without an end, and which do not exist any more
//! when an engine starts. They were removed while none ran, so nobody knows what they wrote at last.
//!
//! Each gets a monitor that is told to finish at once, and that puts the gap there
//! ([`super::last_words`]). Where the end was read, there is nothing to say.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use crate::model::{ContainerId, ContainerInfo, Guarantee, LogConfig, RunState, Seam, SeamKind};
use crate::store::{LogIdentity, LogRow, StoreError, StoreReader};

/// A container whose log has no end yet.
#[derive(Debug, Clone)]
pub struct Unended {
    /// The daemon that had it.
    pub daemon: String,
    /// What is known of it from its log.
    pub info: ContainerInfo,
}

/// All containers whose log has no end. Those of a daemon without an id are left out: any other
/// could be taken for it.
pub(super) fn unended(reader: &StoreReader) -> Result<BTreeMap<ContainerId, Unended>, StoreError> {
    let mut found = BTreeMap::new();
    for row in reader.logs()? {
        // Of a log that was never read nobody claims anything.
        if row.ended.is_some() || row.cursor.is_none() || row.identity.daemon.is_empty() {
            continue;
        }
        let cursor = row.cursor.as_deref().map(Cursor::decode);
        if cursor.is_some_and(|cursor| cursor.is_ok_and(|cursor| cursor.is_broken_off())) {
            continue;
        }
        let seams = reader.seams(Some(row.id))?;
        if !seams.last().is_some_and(|(_, seam)| is_open_gap(seam)) {
            let daemon = row.identity.daemon.clone();
            found.insert(row.identity.container_id.clone(), Unended { daemon, info: info(&row) });
        }
    }
    Ok(found)
}

/// Whether no record follows it.
fn is_open_gap(seam: &Seam) -> bool {
    seam.what.kind == SeamKind::Gap && seam.before_seq.is_none()
}

/// A stopped container, of which the store would keep the same identity.
fn info(row: &LogRow) -> ContainerInfo {
    let LogIdentity { project, service, replica, class, .. } = &row.identity;
    let labels = [("project", project), ("service", service), ("container-number", replica)];
    let label = |(name, value): (&str, &Option<String>)| {
        Some((format!("com.docker.compose.{name}"), value.clone()?))
    };
    let lossy = ("mode".to_owned(), "non-blocking".to_owned());
    let is_lossy = *class == Guarantee::LossyByConfiguration;
    ContainerInfo {
        id: row.identity.container_id.clone(),
        name: row.identity.name.clone(),
        image: row.identity.image.clone(),
        labels: labels.into_iter().filter_map(label).collect(),
        tty: row.identity.tty,
        auto_remove: *class == Guarantee::BestEffort,
        log_config: LogConfig {
            driver: row.identity.driver.clone(),
            options: is_lossy.then_some(lossy).into_iter().collect(),
        },
        run: RunState::Exited,
        created: None,
        // By our clock, as the end of a log is.
        started_at: Some(row.identity.first_seen),
        restart_count: 0,
        restarting: false,
    }
}
