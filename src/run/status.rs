//! `status`: what a running engine says of itself, or what the store holds when none runs.

use std::fmt::Write;

use logcap_tui::cli::StatusArgs;
use logcap_tui::config::Config;
use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::Link;
use logcap_tui::serve::fetch_unix;
use logcap_tui::store::{LogRow, StoreReader, Totals};
use serde_json::json;

use super::{Failure, Outcome, left, names_width, print};

/// Runs the command.
pub(super) async fn run(config: &Config, args: &StatusArgs) -> Result<Outcome, Failure> {
    match fetch_unix(&config.paths.engine_socket, "/snapshot").await {
        Ok(body) => of_engine(&body, args),
        Err(_) => of_store(config, args),
    }
}

fn of_engine(body: &[u8], args: &StatusArgs) -> Result<Outcome, Failure> {
    if args.json {
        print(body)?;
        return print(b"\n");
    }
    let snapshot: EngineSnapshot = serde_json::from_slice(body)
        .map_err(|error| Failure::Argument(format!("the engine is of another version: {error}")))?;
    print(describe(&snapshot).as_bytes())?;
    Ok(if snapshot.is_healthy() { Outcome::Done } else { Outcome::Failed })
}

fn describe(snapshot: &EngineSnapshot) -> String {
    let mut text = String::new();
    let link = match &snapshot.docker.link {
        Link::Connecting => "connecting".to_owned(),
        Link::Up { version, .. } => match &snapshot.docker.blind {
            Some(blind) => format!("{version}; {}: {}", blind.what, blind.error),
            None => version.clone(),
        },
        Link::Down { error, hint, .. } => format!("not reachable: {error}; {hint}"),
    };
    let coverage = &snapshot.coverage;
    let _ = writeln!(text, "docker    {} ({link})", snapshot.docker.endpoint);
    let _ = writeln!(
        text,
        "coverage  {} of {} fresh ({} running, {} excluded)",
        coverage.fresh,
        coverage.matched,
        coverage.running,
        coverage.excluded.len()
    );
    let _ = writeln!(text, "tasks     {} of {}", snapshot.tasks.actual, snapshot.tasks.expected);
    let store = &snapshot.store;
    let _ = writeln!(
        text,
        "store     {} records, {} MiB in {}",
        store.records,
        store.disk_bytes >> 20,
        store.path
    );
    if let Some(blocked) = &store.blocked {
        let _ = writeln!(text, "          BLOCKED: {blocked}");
    } else if let Some(slow) = store.slow {
        let _ = writeln!(text, "          SLOW: at one commit for {} s", slow.as_secs());
    }
    let _ = writeln!(text);
    let columns = names_width(snapshot.monitors.iter().map(|monitor| monitor.name.as_str()));
    for monitor in &snapshot.monitors {
        let age = monitor.beat.map_or("never".to_owned(), |beat| {
            format!("{} {:.1}s", beat.kind.letter(), snapshot.at.since(beat.at).as_secs_f64())
        });
        let phase = monitor.phase.as_str();
        let _ = write!(
            text,
            "{phase:<16} {} {age:>10} {:>12} records",
            left(&monitor.name, columns),
            monitor.stored_total
        );
        let _ = writeln!(
            text,
            "{}",
            if monitor.gaps > 0 { format!("  {} gaps", monitor.gaps) } else { String::new() }
        );
        if let Some(failure) = &monitor.failure {
            let _ = writeln!(text, "{:<16}   {}", "", failure.cause);
        }
    }
    text
}

fn of_store(config: &Config, args: &StatusArgs) -> Result<Outcome, Failure> {
    let reader = StoreReader::open(&config.paths.data_dir)?;
    let (logs, totals) = (reader.logs()?, reader.totals()?);
    if args.json {
        let line = json!({
            "engine": "not running",
            "records": totals.records,
            "raw_bytes": totals.raw,
            "disk_bytes": totals.disk,
            "oldest": totals.oldest.map(logcap_tui::model::Timestamp::to_rfc3339),
            "logs": logs.iter().map(log_json).collect::<Vec<_>>(),
        });
        return print(format!("{line}\n").as_bytes());
    }
    print(describe_store(&logs, totals, config).as_bytes())
}

fn log_json(log: &LogRow) -> serde_json::Value {
    json!({
        "container": log.identity.name,
        "container_id": log.identity.container_id.as_str(),
        "records": log.records,
        "gaps": log.gaps,
        "ended": log.ended.map(logcap_tui::model::Timestamp::to_rfc3339),
        "last_record": log.last_ts.map(logcap_tui::model::Timestamp::to_rfc3339),
    })
}

fn describe_store(logs: &[LogRow], totals: Totals, config: &Config) -> String {
    let mut text = "engine    not running: nothing is being captured\n".to_owned();
    let dir = config.paths.data_dir.display();
    let _ = writeln!(
        text,
        "store     {} records, {} MiB in {dir}\n",
        totals.records,
        totals.disk >> 20
    );
    let columns = names_width(logs.iter().map(|log| log.identity.name.as_str()));
    for log in logs {
        let name = left(&log.identity.name, columns);
        let gaps = if log.gaps > 0 { format!("  {} gaps", log.gaps) } else { String::new() };
        let _ = writeln!(text, "{name} {:>12} records{gaps}", log.records);
    }
    text
}
