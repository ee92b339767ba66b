//! Orders of the user, applied to the registry; each monitor either takes one or says why not.

use super::entry::TaskState;
use super::handle::{Command, CommandAnswer, Targets, Verb};
use super::registry::{Effect, Now, Registry, event};
use super::snapshot::Backfill;
use crate::model::{ContainerId, EventKind, State, Waiting};

impl Registry {
    /// Applies a command and says what came of it.
    #[must_use]
    pub fn command(&mut self, command: &Command, now: Now) -> (CommandAnswer, Vec<Effect>) {
        let ids: Vec<ContainerId> = match &command.targets {
            Targets::All => self.entries.keys().cloned().collect(),
            Targets::Only(ids) => ids.clone(),
        };
        let mut answer = CommandAnswer::default();
        let mut effects = Vec::new();
        let mut last = String::new();
        for id in &ids {
            last = self.entries.get(id).map_or_else(|| id.to_string(), |e| e.info.name.clone());
            match self.command_one(command.verb, id, now) {
                Ok(more) => {
                    answer.done += 1;
                    effects.extend(more);
                }
                Err(why) => answer.refused.push((last.clone(), why)),
            }
        }
        answer.summary = summary(command.verb, &answer, &last);
        (answer, effects)
    }

    fn command_one(
        &mut self,
        verb: Verb,
        id: &ContainerId,
        now: Now,
    ) -> Result<Vec<Effect>, String> {
        // One that is leaving takes what is still on its way and ends; an order must not hold it.
        let entry = self.entry_mut(id).filter(|entry| entry.task != TaskState::Leaving);
        let entry = entry.ok_or("no such monitor any more")?;
        let name = entry.info.name.clone();
        let wish = Effect::Wish(id.clone());
        match verb {
            Verb::Pause if entry.paused => Err("it is paused already".to_owned()),
            Verb::Pause => {
                entry.paused = true;
                entry.retry_at = None;
                entry.hold(Waiting::Paused, "paused by order");
                Ok(vec![wish, Effect::Event(event(EventKind::Paused, &name, "by order", now))])
            }
            Verb::Resume if !entry.paused => Err("it is not paused".to_owned()),
            Verb::Resume => {
                entry.paused = false;
                self.resume(id, now);
                Ok(vec![wish, Effect::Event(event(EventKind::Resumed, &name, "by order", now))])
            }
            Verb::Restart => {
                let restarted = event(EventKind::MonitorRestarted, &name, "by order", now);
                let abort = self.restart(id, now).ok_or("it is being restarted already")?;
                Ok(vec![Effect::Event(restarted), wish, abort])
            }
            Verb::Reopen => match &entry.report.state {
                State::Live { .. } | State::Reading { .. } => {
                    entry.desired.reopen += 1;
                    Ok(vec![wish])
                }
                _ => Err(format!("it is {}, there is no stream to reopen", entry.phase.as_str())),
            },
            Verb::Acknowledge => {
                entry.failure.take().ok_or("there is no failure to acknowledge")?;
                Ok(Vec::new())
            }
            Verb::Backfill => match entry.report.backfill {
                Backfill::None => Err("no older history is known to exist".to_owned()),
                Backfill::Running { .. } => {
                    Err("older history is being fetched already".to_owned())
                }
                Backfill::Available => {
                    entry.desired.backfill += 1;
                    Ok(vec![wish])
                }
            },
        }
    }
}

fn summary(verb: Verb, answer: &CommandAnswer, last: &str) -> String {
    let done = match verb {
        Verb::Pause => "paused",
        Verb::Resume => "resumed",
        Verb::Restart => "restarted",
        Verb::Reopen => "stream reopened",
        Verb::Acknowledge => "failure acknowledged",
        Verb::Backfill => "fetching older history",
    };
    match (answer.done, answer.refused.as_slice()) {
        (0, []) => "no monitor selected".to_owned(),
        (0, [(name, why)]) => format!("{name}: {why}"),
        (0, many) => {
            format!("{} monitors refused: {}", many.len(), many.first().map_or("", |m| &m.1))
        }
        (1, []) => format!("{last}: {done}"),
        (n, []) => format!("{n} monitors: {done}"),
        (n, refused) => format!("{n} monitors: {done}, {} refused", refused.len()),
    }
}
