//! What a client may rely on, asked of any daemon: the facts that tie the simulator to the truth.
//!
//! A [`Host`] is a daemon together with hands that work on its containers: the simulator through its
//! verbs, a real one through its command line, its containers' own file descriptors and its log
//! files. A fact makes containers on a host, reads them through the program's own client (and, where
//! bytes matter, through a raw one), and compares with what the host's [`Profile`] promises. The same
//! list runs on every host, so a fact cannot be true of the simulator alone.
//!
//! A fact that fails is a [`Broken`] claim with a name, not a panic: the controls must see *which*
//! claim a wrong daemon breaks, and one broken claim must not hide the next. What the harness itself
//! cannot do (no daemon, no socket) panics.
//!
//! - [`probe`]: the clients; [`daemon`], [`records`], [`bounds`], [`follow`], [`files`], [`events`]: the
//!   facts.

mod bounds;
mod daemon;
mod events;
mod files;
mod follow;
mod probe;
mod records;
#[path = "../../support/wire.rs"]
mod wire;

use std::fmt::Debug;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use logcap_tui::model::{ContainerId, Fd, Timestamp};
use logcap_tui::sim::{ContainerSpec, Profile};

pub(crate) use probe::Probe;

/// A daemon, and everything that a fact does behind its API. Every method takes effect before it
/// returns, except that output may reach the log a moment later.
pub(crate) trait Host {
    /// Whose rules must hold.
    fn expected(&self) -> Profile;
    /// Where its API is.
    fn socket(&self) -> PathBuf;
    /// The image of every container, as its API names it.
    fn image(&self) -> String;
    /// What the host makes of a name, which is unique there.
    fn name(&self, name: &str) -> String;
    /// Creates a container that writes nothing by itself. The image is the host's.
    fn create(&self, spec: &ContainerSpec) -> ContainerId;
    /// Starts it, for the first time or again.
    fn start(&self, id: &ContainerId);
    /// One write of the container's program, of at most 64 KiB.
    fn write(&self, id: &ContainerId, fd: Fd, bytes: &[u8]);
    /// Its program ends.
    fn end(&self, id: &ContainerId);
    /// It is removed, by force if it runs.
    fn remove(&self, id: &ContainerId);
    /// Puts a line that cannot be decoded behind its json-file.
    fn damage(&self, id: &ContainerId);
    /// Overwrites a record, by its number, in its log of driver `local`.
    fn overwrite(&self, id: &ContainerId, record: usize);
    /// Empties its log file.
    fn truncate(&self, id: &ContainerId);
    /// The timestamps of what its log files hold, oldest first, read past the API.
    fn stamps(&self, id: &ContainerId) -> Vec<Timestamp>;
    /// How many rotated files are there and compressed.
    fn compressed(&self, id: &ContainerId) -> usize;
}

/// A claim that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Which one.
    pub(crate) claim: &'static str,
    /// What was seen instead.
    pub(crate) seen: String,
}

/// What a fact comes to.
pub(crate) type Outcome = Result<(), Broken>;

/// Claims that two values are the same.
#[expect(
    clippy::needless_pass_by_value,
    reason = "claims are written with values made on the spot"
)]
pub(crate) fn same<T: PartialEq + Debug>(claim: &'static str, seen: T, expected: T) -> Outcome {
    let words = || format!("{}, not {}", shortened(&seen), shortened(&expected));
    if seen == expected { Ok(()) } else { Err(Broken { claim, seen: words() }) }
}

/// Claims what a condition says.
pub(crate) fn holds(claim: &'static str, condition: bool, seen: impl Debug) -> Outcome {
    if condition { Ok(()) } else { Err(Broken { claim, seen: shortened(&seen) }) }
}

/// Logs are long, and the beginning tells enough.
fn shortened(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    let short: String = text.chars().take(400).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// On which daemons a fact can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Every,
    Docker,
    Podman,
}

type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

struct Fact {
    name: &'static str,
    on: On,
    run: for<'a> fn(&'a Probe<'a>) -> Running<'a>,
}

macro_rules! facts {
    ($($on:ident $module:ident::$name:ident,)*) => {
        const FACTS: &[Fact] = &[$(Fact {
            name: stringify!($name),
            on: On::$on,
            run: |probe| Box::pin($module::$name(probe)),
        }),*];
    };
}

facts! {
    Every daemon::it_says_who_it_is,
    Every daemon::versions_outside_its_range_are_refused,
    Every daemon::lists_and_inspections_show_what_was_asked_for,
    Every daemon::what_cannot_be_read_says_why,
    Every daemon::an_empty_log_is_an_empty_answer,
    Every daemon::one_connection_serves_many_reads,
    Every records::a_message_is_a_frame_and_a_chunk,
    Every records::a_record_is_at_most_one_buffer,
    Every records::an_unfinished_line_is_a_record_without_a_newline,
    Every records::a_terminal_is_one_raw_stream,
    Docker records::a_terminals_long_line_is_stamped_in_its_middle,
    Every records::bytes_that_are_no_text,
    Every records::client_and_file_agree_on_the_time,
    Every bounds::tail_counts_from_the_end,
    Docker bounds::tail_counts_pieces_and_both_outputs,
    Podman bounds::tail_merges_pieces_with_the_line_before,
    Every bounds::since_and_until_at_a_records_own_time,
    Every bounds::since_and_tail_together,
    Docker bounds::since_where_time_goes_back,
    Every follow::a_stopped_log_is_backlog_and_end,
    Every follow::what_is_written_arrives_and_the_end_is_clean,
    Every follow::headers_come_at_once_or_with_the_first_line,
    Docker follow::a_tail_and_what_comes_after,
    Docker follow::an_unfinished_line_at_the_end,
    Docker follow::a_removed_container_is_drained,
    Every follow::the_next_run_goes_on_in_the_same_log,
    Docker files::rotation_keeps_a_suffix,
    Docker files::since_leaves_out_compressed_files,
    Docker files::a_line_that_cannot_be_decoded,
    Docker files::a_damaged_local_log_says_so,
    Docker files::a_truncated_file_holds_what_comes_later,
    Docker files::a_truncated_file_of_several_has_a_hole,
    Every events::a_life_is_told_in_order,
    Docker events::the_past_is_told_again,
}

/// One run over all facts.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// How many facts were asked.
    pub(crate) asked: usize,
    /// The facts that failed, with their broken claims.
    pub(crate) broken: Vec<(&'static str, Broken)>,
}

impl Report {
    /// The broken claims alone.
    pub(crate) fn claims(&self) -> Vec<&'static str> {
        self.broken.iter().map(|(_, broken)| broken.claim).collect()
    }
}

/// Asks every fact of a host. `CONFORMANCE` in the environment, if set, is a part of the names of
/// those to ask.
pub(crate) async fn run(host: &dyn Host) -> Report {
    let only = std::env::var("CONFORMANCE").unwrap_or_default();
    run_those(host, |name| name.contains(&only)).await
}

/// Asks the facts of these names.
pub(crate) async fn run_those(host: &dyn Host, wanted: impl Fn(&str) -> bool) -> Report {
    let mut report = Report::default();
    let other = if host.expected().is_podman() { On::Docker } else { On::Podman };
    for fact in FACTS.iter().filter(|fact| fact.on != other && wanted(fact.name)) {
        let start = Instant::now();
        let outcome = (fact.run)(&Probe::new(host).await).await;
        report.asked += 1;
        let took = start.elapsed();
        println!("{:>6} ms  {}", took.as_millis(), fact.name);
        if let Err(broken) = outcome {
            println!("           BROKEN {}: {}", broken.claim, broken.seen);
            report.broken.push((fact.name, broken));
        }
    }
    report
}

/// No step of any fact takes longer.
const DEADLINE: Duration = Duration::from_secs(20);
