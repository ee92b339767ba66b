//! `search`: looks through everything captured, newest first, beside a running engine or without.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use logcap_tui::cli::SearchArgs;
use logcap_tui::config::Config;
use logcap_tui::search::{
    Glob, Query, Report, Search, SearchError, SearchHit, SearchRequest, parse_time,
};
use logcap_tui::store::StoreReader;

use super::{Failure, Outcome, print, say};

/// Hits printed when no limit is given.
const LIMIT: usize = usize::MAX;

/// Runs the command.
pub(super) fn run(config: &Config, args: &SearchArgs) -> Result<Outcome, Failure> {
    let request = request(args)?;
    let reader = StoreReader::open(&config.paths.data_dir)?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let search = Search::new(reader, threads);
    let cancel = AtomicBool::new(false);
    if args.count {
        let outcome = search.count(&request, &cancel).map_err(failed)?;
        print(format!("{}\n", outcome.total).as_bytes())?;
        return Ok(found(outcome.total));
    }
    let terminal = io::stdout().is_terminal();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let outcome = search.run(&request, &cancel, &mut |report| {
        let Report::Hit { hit, .. } = report else { return ControlFlow::Continue(()) };
        written = write_hit(&mut out, &hit, args, terminal);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let outcome = outcome.map_err(failed)?;
    for (log, first, last) in &outcome.damaged {
        say(&format!("records {first} to {last} of log {} are damaged and were skipped", log.0));
    }
    match written.and_then(|()| out.flush()) {
        Ok(()) => Ok(found(outcome.total)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
        Err(source) => Err(Failure::System { what: "cannot write to standard output", source }),
    }
}

fn found(total: u64) -> Outcome {
    if total > 0 { Outcome::Done } else { Outcome::Failed }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failed(error: SearchError) -> Failure {
    Failure::Argument(error.to_string())
}

fn request(args: &SearchArgs) -> Result<SearchRequest, Failure> {
    let query = Query::parse(&args.query).map_err(|error| {
        Failure::Argument(format!("in the query:\n{}", error.with_caret(&args.query)))
    })?;
    let now = jiff::ZonedDateTime::now();
    let moment = |text: &Option<String>| {
        text.as_deref()
            .map(|text| parse_time(text, &now))
            .transpose()
            .map_err(|error| Failure::Argument(error.to_string()))
    };
    let globs: Result<Vec<Glob>, SearchError> =
        args.containers.iter().map(|text| Glob::new(text)).collect();
    let limit = args.limit.and_then(|n| usize::try_from(n).ok());
    Ok(SearchRequest {
        query: Arc::new(query),
        containers: globs.map_err(failed)?,
        since: moment(&args.since)?,
        until: moment(&args.until)?,
        limit: limit.unwrap_or(LIMIT),
        stop_at_limit: limit.is_some(),
    })
}

fn write_hit(
    out: &mut impl Write,
    hit: &SearchHit,
    args: &SearchArgs,
    terminal: bool,
) -> io::Result<()> {
    if args.json {
        serde_json::to_writer(&mut *out, hit)?;
    } else if args.raw {
        out.write_all(&hit.line)?;
    } else {
        out.write_all(&hit.to_plain(terminal))?;
    }
    out.write_all(b"\n")
}
