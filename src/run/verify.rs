//! `verify`: watches a running engine through its socket and says which rules it broke; with
//! `--control`, breaks every rule on purpose and says whether that was seen.

use std::path::Path;
use std::time::Duration;

use logcap_tui::cli::VerifyArgs;
use logcap_tui::config::Config;
use logcap_tui::serve::fetch_unix;
use logcap_tui::verify::{Finding, Judge, Report, Sample, control};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::capture::stop_signal;
use super::{Failure, Outcome, print, say};

/// Time between two samples; the engine makes four pictures a second.
const EVERY: Duration = Duration::from_millis(500);

/// Runs the command.
pub(super) async fn run(config: &Config, args: &VerifyArgs) -> Result<Outcome, Failure> {
    let (ok, text) = if args.control {
        let outcomes = control::run().await;
        let text = if args.json { control::json(&outcomes) } else { control::table(&outcomes) };
        (control::all_seen(&outcomes), text)
    } else {
        let report = watch(&config.paths.engine_socket, args).await;
        (report.is_ok(), if args.json { report.json() } else { report.text() })
    };
    print(text.as_bytes())?;
    Ok(if ok { Outcome::Done } else { Outcome::Failed })
}

/// Takes samples until the time is over or a signal ends it, and tells each new finding at once.
async fn watch(socket: &Path, args: &VerifyArgs) -> Report {
    let (mut report, mut judge) = (Report::new(args.watch), Judge::new(args.allow_gaps));
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop_signal());
    let began = Instant::now();
    loop {
        let sample = tokio::select! {
            biased;
            () = &mut stop => break,
            _ = ticks.tick() => sample(socket).await,
        };
        let at = began.elapsed();
        let findings = judge.judge(at, &sample);
        report.add(at, &sample, findings).iter().for_each(|finding| tell(at, finding));
        if at >= args.watch {
            break;
        }
    }
    report
}

async fn sample(socket: &Path) -> Sample {
    match fetch_unix(socket, "/snapshot").await {
        Ok(body) => Sample::read(&body),
        Err(error) => Sample::Missing(error.to_string()),
    }
}

fn tell(at: Duration, finding: &Finding) {
    let who = finding.container.as_deref().unwrap_or("engine");
    let (rule, figures) = (finding.rule.as_str(), &finding.figures);
    say(&format!("{:.1} s: {rule}: {who}: {figures}", at.as_secs_f64()));
}
