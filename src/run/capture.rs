//! `capture`: the engine without a screen; `--once` ends when everything there is was captured.

use std::fmt::Write;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logcap_tui::cli::CaptureArgs;
use logcap_tui::config::{Config, History};
use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::{Backfill, Link, MonitorRow};
use logcap_tui::model::{BeatKind, Moment, State, Waiting};
use serde::Serialize;

use super::{Failure, Outcome, engine, left, names_width, print, say};

/// For a daemon to answer in `--once`.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Failures in a row of one container after which `--once` gives it up.
const GIVE_UP_AFTER: u32 = 5;
/// How long `--once` waits for a daemon or a store that went away in the middle.
const GIVE_UP_WAITING: Duration = Duration::from_mins(1);

/// Summary of one container.
#[derive(Debug, Serialize)]
struct PerContainer {
    container: String,
    container_id: String,
    phase: &'static str,
    lines: u64,
    records: u64,
    bytes: u64,
    overlap: u64,
    gaps: u64,
    error: Option<String>,
}

/// Summary of a run.
#[derive(Debug, Serialize)]
struct Summary {
    containers: usize,
    lines: u64,
    bytes: u64,
    gaps: u64,
    overlap: u64,
    elapsed_ms: u128,
    per_container: Vec<PerContainer>,
}

/// Runs the command.
pub(super) async fn run(mut config: Config, args: &CaptureArgs) -> Result<Outcome, Failure> {
    let began = Instant::now();
    if args.once {
        config.history = History::All;
        let ways = engine::ways(&config)?;
        logcap_tui::engine::discovery::first_answer(&ways, ANSWER_WITHIN)
            .await
            .map_err(Failure::Unreachable)?;
    }
    let store = engine::open_store(&config)?;
    let running = engine::start(&config, store).await?;
    let handle = running.engine.handle();
    let mut snapshots = handle.snapshots();
    let mut stop = Box::pin(stop_signal());
    let last = loop {
        tokio::select! {
            biased;
            () = &mut stop => break handle.snapshot(),
            changed = snapshots.changed() => {
                let newest = Arc::clone(&snapshots.borrow_and_update());
                if changed.is_err() || (args.once && is_done(&newest)) {
                    break newest;
                }
            }
        }
    };
    // An engine that has stopped has no monitors any more, so the picture before that is reported.
    running.stop().await?;
    let summary = Summary::of(&last, began.elapsed());
    if let Link::Down { error, .. } = &last.docker.link
        && args.once
        && !last.ready
    {
        return Err(Failure::Unreachable(vec![error.clone()]));
    }
    if let Some(blind) = last.docker.blind.as_ref().filter(|_| args.once) {
        return Err(Failure::Unreachable(vec![format!("{}: {}", blind.what, blind.error)]));
    }
    let failed = summary.per_container.iter().any(|c| c.error.is_some());
    report(&summary, args)?;
    let bad = args.once && (failed || summary.gaps > 0);
    Ok(if bad { Outcome::Failed } else { Outcome::Done })
}

/// SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    async {
        let next = async |kind| match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        };
        tokio::select! {
            () = next(SignalKind::interrupt()) => {}
            () = next(SignalKind::terminate()) => {}
            () = next(SignalKind::hangup()) => {}
        }
    }
}

fn is_done(snapshot: &EngineSnapshot) -> bool {
    let lost = |since: &Moment| snapshot.at.since(*since) >= GIVE_UP_WAITING;
    if let Some(blind) = &snapshot.docker.blind {
        return lost(&blind.since);
    }
    let never_seen = matches!(&snapshot.docker.link, Link::Down { since, .. } if lost(since));
    let captured = |monitor: &Arc<MonitorRow>| is_captured(monitor) || waits_in_vain(monitor, lost);
    (snapshot.ready || never_seen) && snapshot.monitors.iter().all(captured)
}

/// Whether what a monitor waits for has been away for too long.
fn waits_in_vain(monitor: &MonitorRow, lost: impl Fn(&Moment) -> bool) -> bool {
    let away = [Some(&Waiting::DaemonDown), Some(&Waiting::StoreBlocked)];
    away.contains(&why_it_waits(monitor)) && lost(&monitor.state_since)
}

fn why_it_waits(monitor: &MonitorRow) -> Option<&Waiting> {
    match &monitor.state {
        State::Waiting { why } => Some(why),
        _ => None,
    }
}

/// Whether a container is read to its end, or never will be.
fn is_captured(monitor: &MonitorRow) -> bool {
    if matches!(monitor.backfill, Backfill::Running { .. }) {
        return false;
    }
    match &monitor.state {
        State::Live { .. } => monitor.beat.is_some() && caught_up(monitor),
        State::Ended { .. }
        | State::Unreadable { .. }
        | State::Waiting { why: Waiting::Quarantined { .. } } => true,
        State::Waiting { why: Waiting::Backoff { attempt, .. } } => *attempt >= GIVE_UP_AFTER,
        State::Waiting { .. } | State::Reading { .. } => false,
    }
}

/// A live monitor got there through a read that verified it; nothing may be under way any more.
fn caught_up(monitor: &MonitorRow) -> bool {
    monitor.flow.in_flight == 0 || monitor.beat.is_some_and(|beat| beat.kind == BeatKind::Verified)
}

impl Summary {
    fn of(snapshot: &EngineSnapshot, elapsed: Duration) -> Self {
        let per_container: Vec<PerContainer> =
            snapshot.monitors.iter().map(|monitor| PerContainer::of(monitor)).collect();
        let sum = |of: fn(&PerContainer) -> u64| per_container.iter().map(of).sum();
        Self {
            containers: per_container.len(),
            lines: sum(|c| c.lines),
            bytes: sum(|c| c.bytes),
            gaps: sum(|c| c.gaps),
            overlap: sum(|c| c.overlap),
            elapsed_ms: elapsed.as_millis(),
            per_container,
        }
    }
}

impl PerContainer {
    fn of(monitor: &MonitorRow) -> Self {
        // A log that cannot be read is no failure of the capture; its phase says so.
        let failure = why_it_waits(monitor).map(|why| match (&monitor.failure, why) {
            (_, Waiting::DaemonDown) => "the daemon does not answer any more".to_owned(),
            (Some(failure), _) => failure.cause.clone(),
            (None, _) => format!("not read to its end: {}", monitor.phase.as_str()),
        });
        Self {
            container: monitor.name.clone(),
            container_id: monitor.id.as_str().to_owned(),
            phase: monitor.phase.as_str(),
            lines: monitor.lines,
            records: monitor.flow.stored,
            bytes: monitor.bytes,
            overlap: monitor.flow.overlap,
            gaps: monitor.gaps_new,
            error: failure,
        }
    }
}

fn report(summary: &Summary, args: &CaptureArgs) -> Result<(), Failure> {
    if args.json {
        let mut line = serde_json::to_vec(summary).unwrap_or_default();
        line.push(b'\n');
        print(&line)?;
        return Ok(());
    }
    let mut text = String::new();
    let columns = names_width(summary.per_container.iter().map(|c| c.container.as_str()));
    for container in &summary.per_container {
        let PerContainer { container: name, phase, lines, gaps, .. } = container;
        let name = left(name, columns);
        let error = container.error.as_deref().map_or(String::new(), |e| format!("  {e}"));
        let _ = writeln!(text, "{name} {phase:<16} {lines:>12} lines  {gaps} gaps{error}");
    }
    let seconds = Duration::from_millis(u64::try_from(summary.elapsed_ms).unwrap_or(0));
    let _ = writeln!(
        text,
        "{} containers, {} lines, {} gaps in {:.1} s",
        summary.containers,
        summary.lines,
        summary.gaps,
        seconds.as_secs_f64()
    );
    if args.once {
        print(text.as_bytes())?;
    } else {
        text.lines().for_each(say);
    }
    Ok(())
}
