//! The faults, as data: which rule each must break, and by what means.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Judge, Rule, Sample};
use super::bench::{Bench, ControlError, figures_of};
use crate::engine::EngineSnapshot;
use crate::sim::{Cut, Target};

/// Files opened to have more than anything explains.
const MANY: usize = 200;

/// One fault and the rule that must see it.
#[derive(Debug)]
pub struct Control {
    /// The rule that must fail.
    pub rule: Rule,
    /// The fault, in a few words.
    pub fault: &'static str,
    /// How it is brought about.
    pub means: Means,
}

/// How a fault is brought about.
#[derive(Debug, Clone, Copy)]
pub enum Means {
    /// The engine is stopped behind the watcher's back.
    StopEngine,
    /// The engine's answer loses this field.
    DropField(&'static str),
    /// The same picture is shown again and again.
    FreezePicture,
    /// The simulated daemon accepts reads and follows and never answers them.
    Silence,
    /// A monitor's task hangs behind the supervisor's back.
    HangMonitor,
    /// The simulated daemon rotates files away that were not read yet.
    RotateAway,
    /// A task that the engine counts on ends.
    LoseTask,
    /// This process opens files that nothing explains.
    OpenFiles,
    /// This is done to a copy of a snapshot.
    Tamper(fn(&mut EngineSnapshot)),
}

/// Every control, in the order of the rules.
pub(super) const CONTROLS: &[Control] = &[
    control(Rule::Answers, "the engine is stopped", Means::StopEngine),
    control(Rule::Answers, "the answer lacks its totals", Means::DropField("totals")),
    control(Rule::Answers, "the picture stands still", Means::FreezePicture),
    control(
        Rule::Coverage,
        "a monitor is missing (copy)",
        Means::Tamper(|s| drop(s.monitors.pop())),
    ),
    control(
        Rule::Coverage,
        "a container has two monitors (copy)",
        Means::Tamper(|s| s.monitors.extend(s.monitors.first().cloned())),
    ),
    control(Rule::Freshness, "the daemon stops answering reads", Means::Silence),
    control(Rule::Evidence, "the daemon stops answering reads", Means::Silence),
    control(Rule::Evidence, "a monitor's task hangs", Means::HangMonitor),
    control(
        Rule::Reported,
        "a timeout without its event (copy)",
        Means::Tamper(|s| s.totals.timeouts += 1),
    ),
    control(
        Rule::Reported,
        "a restart without its event (copy)",
        Means::Tamper(|s| s.totals.restarts += 1),
    ),
    control(
        Rule::Reported,
        "a failure without a cause (copy)",
        Means::Tamper(|s| {
            s.monitors.iter_mut().take(1).for_each(|row| Arc::make_mut(row).errors += 1);
        }),
    ),
    control(
        Rule::Reported,
        "events dropped by a full queue (copy)",
        Means::Tamper(|s| s.timeline.dropped += 1),
    ),
    control(Rule::Tasks, "a fixed task ends", Means::LoseTask),
    control(Rule::Tasks, "a task too many (copy)", Means::Tamper(|s| s.tasks.actual += 1)),
    control(Rule::Descriptors, "200 files are opened", Means::OpenFiles),
    control(
        Rule::Conservation,
        "a received record vanishes (copy)",
        Means::Tamper(|s| {
            s.monitors.iter_mut().take(1).for_each(|row| Arc::make_mut(row).flow.received += 1);
        }),
    ),
    control(Rule::Gaps, "files are rotated away unread", Means::RotateAway),
];

const fn control(rule: Rule, fault: &'static str, means: Means) -> Control {
    Control { rule, fault, means }
}

impl Control {
    /// Brings the fault about on a bench of its own; what the rule found, `None` if nothing.
    pub(super) async fn carry_out(&self) -> Result<Option<String>, ControlError> {
        let mut bench = Bench::start()?;
        let seen = match bench.wait_for_order().await {
            Ok(sample) => Ok(self.seen(&mut bench, sample).await),
            Err(error) => Err(error),
        };
        bench.end().await?;
        seen
    }

    async fn seen(&self, bench: &mut Bench, before: Sample) -> Option<String> {
        let rule = self.rule;
        match self.means {
            Means::StopEngine => {
                bench.stop_engine().await;
                bench.wait_for_failure(rule).await
            }
            Means::DropField(field) => {
                let torn = without(&before, field)?;
                figures_of(Judge::new(false).judge(Duration::ZERO, &torn), rule)
            }
            Means::FreezePicture => {
                let mut judge = Judge::new(false);
                let early = judge.judge(Duration::ZERO, &before);
                let late = judge.judge(Duration::from_mins(1), &before);
                early.is_empty().then(|| figures_of(late, rule))?
            }
            Means::Silence => {
                bench.sim.stall_reads(Target::All);
                bench.sim.stall_streams(Target::All);
                bench.wait_for_failure(rule).await
            }
            Means::HangMonitor => {
                bench.snare.set();
                bench.sim.cut_streams(&bench.plain, Cut::Reset);
                bench.wait_for_failure(rule).await
            }
            Means::RotateAway => {
                bench.sim.stall_reads(Target::All);
                bench.sim.emit_many(&bench.rotating, 20, |n| format!("unread line {n}"));
                bench.sim.rotate(&bench.rotating, 4);
                bench.sim.emit_many(&bench.rotating, 20, |n| format!("read line {n}"));
                bench.sim.unstall(Target::All);
                bench.wait_for_failure(rule).await
            }
            Means::LoseTask => {
                bench.lose_a_task.cancel();
                bench.wait_for_failure(rule).await
            }
            Means::OpenFiles => {
                let files: Vec<File> =
                    (0..MANY).map_while(|_| File::open("/dev/null").ok()).collect();
                let seen = bench.wait_for_failure(rule).await;
                drop(files);
                seen
            }
            Means::Tamper(tamper) => tampered(&before, tamper, rule),
        }
    }
}

/// The verdict on a copy of a picture after it was tampered with, behind an untouched one.
fn tampered(before: &Sample, tamper: fn(&mut EngineSnapshot), rule: Rule) -> Option<String> {
    let Sample::Picture(picture) = before else { return None };
    let mut copy = EngineSnapshot::clone(picture);
    copy.at = copy.at.after(Duration::from_millis(250));
    tamper(&mut copy);
    let mut judge = Judge::new(false);
    let early = judge.judge(Duration::ZERO, before);
    let late = judge.judge(Duration::from_millis(250), &Sample::Picture(Arc::new(copy)));
    early.is_empty().then(|| figures_of(late, rule))?
}

/// The answer as it would be without one of its fields.
fn without(sample: &Sample, field: &str) -> Option<Sample> {
    let Sample::Picture(picture) = sample else { return None };
    let mut answer = serde_json::to_value(&**picture).ok()?;
    answer.as_object_mut()?.remove(field)?;
    Some(Sample::read(&serde_json::to_vec(&answer).ok()?))
}
