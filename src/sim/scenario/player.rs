//! Plays a scenario on a simulated daemon, step by step.
//!
//! The player owns what the steps need between them: which ids a name has had, the number of the
//! last line, and the writers in the background, which end with it. Whatever concerns capture it
//! hands back as an [`Ask`]; a caller that cannot do it may just ask for the next step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::step::{ClockStep, KeepWriting, Span, Step, UntilStep, Write};
use super::{ALL, Containers, Line, Scenario, ScenarioError};
use crate::model::ContainerId;
use crate::sim::faults::Target;
use crate::sim::server::Sim;

/// How often the player looks whether what a step waits for has happened.
const LOOK: Duration = Duration::from_millis(2);

/// What a step wants of whoever captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Begin to capture.
    StartCapture,
    /// End in order; what is stored stays.
    StopCapture,
    /// Pause these.
    Pause(Vec<ContainerId>),
    /// Let them go on.
    Resume(Vec<ContainerId>),
    /// Close and open their follows.
    Reopen(Vec<ContainerId>),
    /// Wait until capture shows this.
    Until(Until),
    /// Wait until everything that was written is proved to be stored.
    Rest,
}

/// What capture must show of each of these containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    /// Which containers.
    pub of: Vec<ContainerId>,
    /// `live`, `gone`, or a word of the screen.
    pub is: Option<String>,
    /// At least so many records are stored.
    pub stored: Option<u64>,
}

/// A step that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Its number, from 1.
    pub number: usize,
    /// Its text in the file.
    pub text: String,
    /// What the caller is asked to do before the next step.
    pub ask: Option<Ask>,
}

/// A scenario being played.
#[derive(Debug)]
pub struct Player {
    sim: Sim,
    scenario: Scenario,
    played: usize,
    /// Times in the file are divided by this.
    speed: f64,
    names: BTreeMap<String, Vec<ContainerId>>,
    /// The last number that a line was given.
    lines: Arc<AtomicU64>,
    writers: Vec<Writer>,
}

#[derive(Debug)]
struct Writer {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Player {
    /// Creates and starts the scenario's containers; no step is played yet.
    pub fn new(sim: Sim, scenario: Scenario) -> Self {
        let mut player = Self {
            sim,
            scenario,
            played: 0,
            speed: 1.0,
            names: BTreeMap::new(),
            lines: Arc::default(),
            writers: Vec::new(),
        };
        for containers in player.scenario.containers.clone() {
            player.run(&containers);
        }
        player
    }

    /// Plays times so many times faster; speeds that are no positive number are taken for 1.
    #[must_use]
    pub fn speed(self, times: f64) -> Self {
        Self { speed: if times.is_finite() && times > 0.0 { times } else { 1.0 }, ..self }
    }

    /// The daemon.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Every container that a name has had so far, oldest first.
    pub fn ids(&self, name: &str) -> Vec<ContainerId> {
        match name {
            ALL => self.names.values().flatten().cloned().collect(),
            name => self.names.get(name).cloned().unwrap_or_default(),
        }
    }

    /// Plays the next step; nothing when the scenario is over.
    pub async fn next(&mut self) -> Result<Option<Played>, ScenarioError> {
        let Some(line) = self.scenario.steps.get(self.played).cloned() else { return Ok(None) };
        self.played += 1;
        let ask = self.play(&line).await?;
        Ok(Some(Played { number: self.played, text: line.text, ask }))
    }

    async fn play(&mut self, line: &Line) -> Result<Option<Ask>, ScenarioError> {
        match &line.step {
            Step::StopWriting => self.stop_writing().await,
            Step::StopDaemon => self.sim.stop().await,
            Step::StartDaemon => self.sim.restart().await.map_err(|source| {
                let part = format!("step {} (line {})", self.played, line.at);
                ScenarioError::Daemon { file: self.scenario.file.clone(), part, source }
            })?,
            Step::Pass(span) => tokio::time::sleep(self.scaled(*span)).await,
            Step::UntilRotated(times) => {
                for id in self.ids(&times.of) {
                    while self.sim.rotations(&id) < times.times {
                        tokio::time::sleep(LOOK).await;
                    }
                }
            }
            Step::KeepWriting(writing) => self.keep_writing(writing),
            Step::Run(containers) => self.run(containers),
            Step::Recreate(of) => self.recreate(of),
            step => match self.ask(step) {
                Some(ask) => return Ok(Some(ask)),
                None => self.act(step),
            },
        }
        Ok(None)
    }

    /// What a step wants of the caller.
    fn ask(&self, step: &Step) -> Option<Ask> {
        Some(match step {
            Step::StartCapture => Ask::StartCapture,
            Step::StopCapture => Ask::StopCapture,
            Step::Pause(of) => Ask::Pause(self.ids(of)),
            Step::Resume(of) => Ask::Resume(self.ids(of)),
            Step::Reopen(of) => Ask::Reopen(self.ids(of)),
            Step::Rest => Ask::Rest,
            Step::Until(UntilStep { of, is, stored }) => {
                Ask::Until(Until { of: self.ids(of), is: is.clone(), stored: *stored })
            }
            _ => return None,
        })
    }

    /// Steps that are one verb of the daemon.
    fn act(&self, step: &Step) {
        let sim = &self.sim;
        match step {
            Step::Write(write) => self.write(write),
            Step::Race(lines) => self.each(&lines.to, |id| {
                sim.race(id, lines.lines, |_| format!("race {}", self.number()));
            }),
            Step::Tie(lines) => self.each(&lines.to, |id| {
                sim.tie_flood(id, lines.lines, &format!("tie {}", self.number()));
            }),
            Step::Rotate(times) => self.each(&times.of, |id| sim.rotate(id, times.times)),
            Step::Stop(of) => self.each(of, |id| sim.die(id)),
            Step::Start(of) => self.each(of, |id| sim.start_container(id)),
            Step::Crash(of) => self.each(of, |id| sim.crash(id)),
            Step::Remove(of) => self.each(of, |id| sim.remove(id)),
            Step::Rename(rename) => self.each(&rename.of, |id| sim.rename(id, &rename.to)),
            Step::Truncate(of) => self.each(of, |id| sim.truncate(id)),
            Step::CorruptNext(of) => self.each(of, |id| sim.corrupt_record(id, sim.written(id))),
            Step::HideNext(of) => self.each(of, |id| sim.skip_record(id, sim.written(id))),
            Step::Clock(ClockStep::Forward(Span(by))) => sim.advance_clock(*by),
            Step::Clock(ClockStep::Back(Span(by))) => {
                sim.clock_step(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX).saturating_neg());
            }
            Step::Tick(Span(tick)) => sim.set_tick(*tick),
            fault => self.fault(fault),
        }
    }

    /// Steps that are a fault, or the end of one.
    fn fault(&self, step: &Step) {
        let sim = &self.sim;
        match step {
            Step::StallFollows(of) => self.aim(of, |at| sim.stall_streams(at)),
            Step::StallReads(of) => self.aim(of, |at| sim.stall_reads(at)),
            Step::StallReadBodies(of) => self.aim(of, |at| sim.stall_read_bodies(at)),
            Step::StallForever(of) => self.aim(of, |at| sim.stall_forever(at)),
            Step::Unstall(of) => self.aim(of, |at| sim.unstall(at)),
            Step::Cut(cut) => self.aim(&cut.of, |at| sim.cut_streams(at, cut.at)),
            Step::ErrorFrame(text) => self.aim(&text.of, |at| sim.error_frame(at, &text.text)),
            Step::Garbage(of) => self.aim(of, |at| sim.garbage_frames(at)),
            Step::GiantLength(of) => self.aim(of, |at| sim.giant_length(at)),
            Step::ZeroLength(of) => self.aim(of, |at| sim.zero_length_frame(at)),
            Step::FrameType(frame) => self.aim(&frame.of, |at| sim.frame_type(at, frame.kind)),
            Step::Refuse(refuse) => self.aim(&refuse.of, |at| {
                sim.fail_next(at, refuse.what, refuse.status, refuse.times);
            }),
            Step::Delay(delay) => sim.delay_headers(delay.what, self.scaled(delay.by)),
            Step::Dribble(of) => self.aim(of, |at| sim.dribble(at, true)),
            Step::SkipRotations(of) => self.aim(of, |at| sim.skip_rotations(at)),
            Step::LieContentType => sim.lie_content_type(true),
            Step::DropEvents => sim.drop_events(true),
            Step::DoubleEvents => sim.dup_events(true),
            Step::OverflowEvents => sim.ring_overflow(),
            Step::ListPartial(times) => sim.list_partial(*times),
            Step::RestartDaemon(how) => {
                sim.restart_as(how.r#as.unwrap_or_else(|| sim.profile()), how.keep_containers);
            }
            Step::CutConnections => sim.cut_connections(),
            Step::GarbageHttp => sim.garbage_http(true),
            Step::Heal => sim.heal(),
            // `play`, `ask` and `act` have taken all others.
            _ => {}
        }
    }

    fn each(&self, name: &str, act: impl FnMut(&ContainerId)) {
        self.ids(name).iter().for_each(act);
    }

    /// Some faults of `all` reach requests that name no container.
    fn aim(&self, name: &str, mut act: impl FnMut(Target)) {
        if name == ALL {
            act(Target::All);
        } else {
            self.each(name, |id| act(Target::from(id)));
        }
    }

    fn scaled(&self, span: Span) -> Duration {
        span.0.div_f64(self.speed)
    }

    fn number(&self) -> u64 {
        self.lines.fetch_add(1, Ordering::Relaxed)
    }

    fn run(&mut self, containers: &Containers) {
        let ids: Vec<_> = containers.specs().map(|spec| self.sim.run(spec)).collect();
        self.names.entry(containers.name.clone()).or_default().extend(ids);
    }

    fn recreate(&mut self, of: &str) {
        for name in self.names.keys().cloned().collect::<Vec<_>>() {
            if of != ALL && of != name {
                continue;
            }
            let last = self.ids(&name).pop();
            let new = last.and_then(|id| self.sim.recreate_same_name(&id));
            self.names.entry(name).or_default().extend(new);
        }
    }

    fn write(&self, write: &Write) {
        let fd = write.output;
        for id in self.ids(&write.to) {
            match write.bytes.as_deref().map(from_hex) {
                None if write.newline => {
                    let lines: Vec<_> = (0..write.lines).map(|_| self.line(write)).collect();
                    self.sim.emit(&id, fd, &lines.join("\n"));
                }
                bytes => (0..write.lines).for_each(|_| {
                    let line = bytes.clone().unwrap_or_else(|| self.line(write).into_bytes());
                    self.sim.emit_raw(&id, fd, &line, write.newline, None);
                }),
            }
        }
    }

    fn line(&self, write: &Write) -> String {
        let mut line = write.text.replace("{n}", &self.number().to_string());
        let missing = write.length.saturating_sub(line.len());
        line.extend(std::iter::repeat_n('x', missing));
        line
    }

    fn keep_writing(&mut self, writing: &KeepWriting) {
        let (sim, ids, lines) = (self.sim.clone(), self.ids(&writing.to), writing.lines);
        let (numbers, every) = (Arc::clone(&self.lines), self.scaled(writing.every));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                for id in &ids {
                    let number = || numbers.fetch_add(1, Ordering::Relaxed);
                    sim.emit_many(id, lines, |_| format!("line {}", number()));
                }
            }
        });
        self.writers.push(Writer { stop, task });
    }

    async fn stop_writing(&mut self) {
        for mut writer in self.writers.drain(..) {
            writer.stop.store(true, Ordering::Relaxed);
            // A writer never panics and is aborted by nobody else; if it was, it is over as well.
            let _over = (&mut writer.task).await;
        }
    }
}

/// Bytes written as pairs of hex digits; what is none is left out.
fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.split_whitespace();
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
