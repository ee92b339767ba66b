//! Plays one script to its end and judges it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::model::{
    BeatKind, ContainerId, EventKind, Fd, Guarantee, LogId, Seq, State, TimelineEvent, Timestamp,
};
use logcap_tui::sim::SimRecord;
use logcap_tui::store::{LogRow, StoreError};
use tokio::time::sleep;

use crate::oracle::OracleLine;
use crate::script::{Kind, Script, Text};
use crate::verdict::{End, Truth, check, check_order, hidden_beside_one, pieces};
use crate::world::{Known, World, describe};
use crate::wrong::Wrong;

/// From the end of all faults until everything written since is stored: a monitor in quarantine
/// tries once a minute, what a 501 called unreadable is looked at when the containers are listed
/// next, and a read that was begun may take its whole deadline.
const RECOVERS: Duration = Duration::from_secs(200);

/// Gaps around one damaged record, and those of them that hide records that could have been read.
pub(crate) const AROUND_ONE: &str = "a gap around one damaged record";
pub(crate) const AROUND_MORE: &str = "a gap around one damaged record hides others";

/// What a simulation that went well leaves.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Of everything that was observed, in order.
    pub(crate) trace: u64,
    /// What was reached.
    pub(crate) counters: BTreeMap<String, u64>,
    /// Simulated time.
    pub(crate) lasted: Duration,
    /// From the end of all faults to the last fresh line.
    pub(crate) recovered: Duration,
}

/// Plays a script on a runtime of its own. Panics with what is wrong.
pub(crate) fn play(script: &Script) -> Outcome {
    play_wrong(script, Wrong::Nothing)
}

/// The same, with something made wrong.
pub(crate) fn play_wrong(script: &Script, wrong: Wrong) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut world = World::new(script);
        for act in &script.before {
            world.act(act).await;
        }
        wrong.before(&world);
        world.start_engine();
        for (after, act) in &script.steps {
            if !after.is_zero() {
                sleep(*after).await;
            }
            world.act(act).await;
        }
        finish(world, wrong).await
    })
}

/// Heals, waits for fresh lines and for rest, judges.
async fn finish(mut world: World, wrong: Wrong) -> Outcome {
    world.heal().await;
    wrong.healed(&world).await;
    let healed = world.elapsed();
    fresh_lines(&mut world, RECOVERS).await;
    let recovered = world.elapsed().saturating_sub(healed);
    if world.known.iter().any(|known| !known.is_removed() && !known.is_running()) {
        // A run that began and ended without events is found by the next list that is asked for.
        sleep(world.timing.reconcile.get() * 2).await;
    }
    rest(&world).await;
    let soon = world.timing.probe.get() * 2;
    fresh_lines(&mut world, soon).await;
    let picture = rest(&world).await;
    wrong.stored(&world).await;
    assert_eq!(world.sim.refused(), Vec::<String>::new(), "only GET is ever sent");
    let mut trace = Trace::default();
    for (number, known) in world.known.iter().enumerate() {
        judge(&world, number, known, &picture, &mut trace);
    }
    for event in world.reader().events(100_000).unwrap() {
        world.counters.event(event.kind.as_str());
        trace.take(&format!("{event:?}"));
    }
    for request in world.sim.requests() {
        trace.take(&format!("{} {}", request.path, request.query));
    }
    trace.take(&format!("{:?} {:?}", picture.totals, world.elapsed()));
    let lasted = world.elapsed();
    let counters = world.counters.all();
    world.stop_engine().await;
    Outcome { trace: trace.0, counters, lasted, recovered }
}

#[derive(Default)]
struct Trace(u64);

impl Trace {
    fn take(&mut self, text: &str) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), self.0);
    }
}

/// Every container that runs and can be read writes a line, which must be stored soon.
async fn fresh_lines(world: &mut World, within: Duration) {
    let mut expected: Vec<(ContainerId, usize)> = Vec::new();
    for who in 0..world.known.len() {
        world.emit(who, Fd::Stdout, 1, Text::Numbered);
        world.note_losses(who);
        let known = &world.known[who];
        if known.is_running() && known.kind != Kind::Unreadable {
            expected.push((known.id.clone(), who));
        }
    }
    let missing = RefCell::new(expected);
    let all_there = |_: &EngineSnapshot| {
        missing.borrow_mut().retain(|(id, _)| {
            let last = world.sim.records(id).last().map(|record| record.bytes.clone());
            let bytes = last.unwrap_or_default();
            let stored = last_stored(world, id);
            stored.is_none_or(|stored| !bytes.starts_with(&stored) || stored.is_empty())
        });
        missing.borrow().is_empty()
    };
    world.wait_for("fresh lines", within, all_there).await;
}

pub(crate) fn log_of(world: &World, id: &ContainerId) -> Option<LogRow> {
    world.reader().log_by_container(id).unwrap()
}

fn last_stored(world: &World, id: &ContainerId) -> Option<Vec<u8>> {
    let log = log_of(world, id)?;
    let blocks = world.reader().blocks(Some(&[log.id]), None, None).unwrap();
    let newest = blocks.iter().max_by_key(|block| block.first_seq)?;
    let decoded = world.reader().decode(newest).unwrap();
    decoded.records().last().map(|record| record.bytes.to_vec())
}

/// Waits until everything is proved to be stored, and checks the books.
async fn rest(world: &World) -> Arc<EngineSnapshot> {
    let mark = world.engine_now();
    let done = |row: &Arc<MonitorRow>| match &row.state {
        State::Live { .. } => {
            row.beat.is_some_and(|beat| beat.kind == BeatKind::Verified && beat.at > mark)
        }
        State::Ended { .. } => !row.running,
        // A driver that can be read refused by chance: the next list looks again.
        State::Unreadable { .. } => row.guarantee == Guarantee::Unreadable,
        _ => false,
    };
    // Without a running container nothing else waits for the daemon to be listed again.
    let there = |s: &EngineSnapshot| {
        let mut known = world.known.iter().filter(|known| !known.is_removed());
        known.all(|known| s.monitors.iter().any(|row| row.id == known.id))
    };
    // Nothing is written meanwhile, so what was proved stays proved.
    let proved = RefCell::new(BTreeSet::new());
    let at_rest = |s: &EngineSnapshot| {
        let mut proved = proved.borrow_mut();
        proved.extend(s.monitors.iter().filter(|row| done(row)).map(|row| row.id.clone()));
        s.at > mark
            && s.ready
            && there(s)
            && s.monitors.iter().all(|row| proved.contains(&row.id))
            && s.monitors.iter().all(|m| m.flow.in_flight == 0)
            && s.tasks.expected == s.tasks.actual
    };
    let picture = world.wait_for("rest", RECOVERS, at_rest).await;
    for row in &picture.monitors {
        assert!(row.flow.is_conserved(), "{}: {:?}", row.name, row.flow);
        assert_eq!(row.panics, 0, "{}", describe(&picture));
    }
    assert!(picture.totals.flow.is_conserved(), "{:?}", picture.totals.flow);
    picture
}

fn judge(world: &World, number: usize, known: &Known, picture: &EngineSnapshot, trace: &mut Trace) {
    let name = format!("c{number} {:?}", known.kind);
    let row = picture.monitors.iter().find(|row| row.id == known.id);
    if known.kind == Kind::Unreadable {
        let unreadable = |row: &Arc<MonitorRow>| {
            matches!(row.state, State::Unreadable { .. } | State::Ended { .. })
        };
        assert!(known.is_removed() || row.is_some_and(unreadable), "{name}: {row:#?}");
        return;
    }
    assert!(known.is_removed() || row.is_some(), "{name}: forgotten\n{}", describe(picture));
    let mut truth = truth_of(world, known);
    let Some(log) = log_of(world, &known.id) else {
        assert!(known.is_removed(), "{name}: no log");
        world.counters.note("removed before it was seen");
        return;
    };
    let seams = seams_of(world, log.id);
    for seam in &seams {
        world.counters.seam(seam);
    }
    let lines = lines_of(world, log.id);
    let missing = truth.lines.len().saturating_sub(lines.len());
    let removed_under = known.removed_under.filter(|engine| world.is_running(*engine));
    let came_and_went = known.is_removed() && known.born_under == known.removed_under;
    let is_unread = removed_under.is_none() && log.cursor.is_none();
    if (came_and_went || is_unread) && lines.is_empty() && seams.is_empty() {
        // It is counted as uncaptured, or nothing was ever claimed of it.
        truth.end = if known.is_removed() { End::Nobodys } else { truth.end };
    }
    trace.take(&format!("{name} {lines:?} {seams:?}"));
    let stored = pieces(lines, &seams);
    if (truth.end != End::Stored || known.was_removed_running()) && truth.broken.contains(&true) {
        // The last words of a removed container come from a follow, and that says nothing either.
        world.counters.note("a damaged log is gone before it was read to its end");
        check_order(&truth, &stored).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        return;
    }
    for hidden in hidden_beside_one(&truth, &stored) {
        world.counters.note(AROUND_ONE);
        if hidden > 0 {
            world.counters.note(AROUND_MORE);
        }
    }
    if let Err(wrong) = check(&truth, &stored) {
        panic!("{name}: {wrong}\n{seams:#?}\n{}\nevents:\n{}", describe(picture), events(world));
    }
    if missing > 0 && truth.end != End::Stored {
        world.counters.note("the end of a removed container is missing");
    }
}

fn events(world: &World) -> String {
    let all = world.reader().events(100_000).unwrap();
    let shown = all.iter().filter(|event| event.kind != EventKind::EngineStarted);
    let line = |e: &TimelineEvent| {
        format!("  {} {} {} {}\n", e.ts.to_rfc3339(), e.kind.as_str(), e.container, e.cause)
    };
    shown.map(line).collect()
}

fn truth_of(world: &World, known: &Known) -> Truth {
    let tty = known.kind.is_terminal();
    // Podman says the second of a record and no more.
    let step = if world.sim.profile().is_podman() { 1_000_000_000 } else { 1 };
    let line = |record: &SimRecord| {
        // On a terminal the carriage return belongs to the line's end.
        let cr = tty && record.newline;
        let bytes = record.bytes.strip_suffix(b"\r").filter(|_| cr).unwrap_or(&record.bytes);
        let ts = Timestamp(record.ts.0 - record.ts.0.rem_euclid(step));
        oracle_line(record.fd, ts, record.newline, bytes)
    };
    let records = world.sim.records(&known.id);
    let lost = (0..records.len()).map(|at| known.lost_at.contains_key(&at)).collect();
    let silent = world.says_nothing_of_damage();
    let broken: Vec<bool> = records.iter().map(|record| silent && record.corrupt).collect();
    let mut before_us = lost_before_us(world, known, records.len());
    if records.iter().all(|record| record.corrupt || !record.retained) {
        // Where the daemon says nothing of them, such a log is an empty one.
        before_us.iter_mut().zip(&broken).for_each(|(nobodys, broken)| *nobodys |= *broken);
    }
    let front = front_without_bound(known, records.len());
    let claimed = log_of(world, &known.id).and_then(|log| log.ended);
    // The end is claimed to be stored, unless the container ran again since.
    let verified = claimed.is_some_and(|at| at > known.started);
    let end = match known.removed_under {
        _ if !known.is_removed() => End::Stored,
        // A follow passes over what stands in a file that was emptied under it, and no read followed.
        _ if known.cut_by_hand && known.was_removed_running() => End::Nobodys,
        _ if verified => End::Stored,
        _ if known.cut_by_hand => End::Nobodys,
        Some(engine) if world.is_running(engine) => End::Doubted,
        // It had ended, and no engine ever learned that it ran again.
        _ if claimed.is_some() => End::Nobodys,
        _ => End::Doubted,
    };
    let lines = records.iter().map(line).collect();
    Truth { lines, lost, broken, before_us, front, end }
}

/// Lost records at the front of a log whose size says nothing about what it lost: with one file
/// there is no bound, and a file that was rotated or emptied by hand was not full.
fn front_without_bound(known: &Known, records: usize) -> usize {
    let bounded = !known.kind.has_one_file() && !known.cut_by_hand;
    let lost = |at: &usize| !bounded && known.lost_at.contains_key(at);
    (0..records).take_while(lost).count()
}

/// Records that the daemon had lost before a log was first seen, or before older history was fetched
/// that nobody had taken until then. A container that is born while an engine looks on is taken
/// whole, so there it is none.
fn lost_before_us(world: &World, known: &Known, records: usize) -> Vec<bool> {
    let adopted = world.counters.adopted(&known.id);
    let adopted = adopted.filter(|adopted| known.born_under != Some(adopted.engine));
    let fetched = log_of(world, &known.id).and_then(|log| {
        let events = world.reader().events(100_000).unwrap();
        let of_log = |e: &TimelineEvent| e.kind == EventKind::Backfilled && e.log == Some(log.id);
        let ended = |e: &TimelineEvent| e.cause.ends_with("older records fetched");
        events.into_iter().filter(of_log).filter(ended).map(|event| event.ts).max()
    });
    let not_taken = adopted.map_or(0, |adopted| {
        let there = known.written_at.partition_point(|written| *written <= adopted.at);
        there.saturating_sub(world.takes_at_first())
    });
    let lost_before = |at| {
        adopted.zip(known.lost_at.get(&at)).is_some_and(|(adopted, lost)| {
            let by_then = fetched.is_some_and(|fetched| *lost <= fetched);
            *lost <= adopted.at || (at < not_taken && by_then)
        })
    };
    (0..records).map(lost_before).collect()
}

fn seams_of(world: &World, log: LogId) -> Vec<logcap_tui::model::Seam> {
    world.reader().seams(Some(log)).unwrap().into_iter().map(|(_, seam)| seam).collect()
}

pub(crate) fn lines_of(world: &World, log: LogId) -> Vec<(Seq, OracleLine)> {
    loop {
        match try_lines_of(world, log) {
            Ok(lines) => return lines,
            // Merged between listing and decoding: list again.
            Err(StoreError::Gone { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn try_lines_of(world: &World, log: LogId) -> Result<Vec<(Seq, OracleLine)>, StoreError> {
    let mut lines = Vec::new();
    for block in world.reader().blocks(Some(&[log]), None, None)? {
        for record in world.reader().decode(&block)?.records() {
            let line = oracle_line(record.fd, record.ts, record.newline, record.bytes);
            lines.push((record.seq, line));
        }
    }
    Ok(lines)
}

/// The record as the oracle compares it: its newline is part of its text.
fn oracle_line(fd: Fd, ts: Timestamp, newline: bool, bytes: &[u8]) -> OracleLine {
    let mut text = bytes.to_vec();
    text.extend(newline.then_some(b'\n'));
    OracleLine { fd, ts, text }
}
