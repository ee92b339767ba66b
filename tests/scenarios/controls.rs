//! Negative controls: a scenario whose expectation is wrong fails, and says why.

use logcap_tui::sim::Scenario;

use crate::stage;

async fn wrong_with(containers: &str, steps: &str, expect: &str) -> String {
    let text = format!(
        "title = \"a control\"\ndaemon = \"moby24\"\ncontainers = [{containers}]\n\
         steps = [{steps}]\nexpect = [{expect}]"
    );
    let scenario = Scenario::parse("control", &text).unwrap_or_else(|error| panic!("{error}"));
    match stage::perform(scenario).await {
        Ok(report) => format!("passed: {report}"),
        Err(wrong) => wrong.join("; "),
    }
}

const WEB: &str = r#"{ name = "web" }"#;
const SMALL: &str = r#"{ name = "web", max-size = "5k", max-file = 2 }"#;
const WRITTEN: &str = r#""start-capture", { write = { to = "web", lines = 20 } }, "rest","#;
const LOSES: &str = r#"
    "start-capture", { write = { to = "web", lines = 20 } }, "rest",
    { pause = "web" }, { until = { of = "web", is = "paused" } },
    { write = { to = "web", lines = 1000 } }, { resume = "web" }, "rest","#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_scenario_is_told_what_is_wrong() {
    let hidden = r#"{ hide-next = "web" }, { write = { to = "web", lines = 2 } }, "rest""#;
    let hidden = format!("{WRITTEN}{hidden}");
    let muted = format!("{WRITTEN}{}", r#"{ stall-follows = "all" }, { stall-reads = "all" }"#);
    let cases = [
        (WEB, &*hidden, r#"log = "complete""#, "1 lost without a gap"),
        (WEB, WRITTEN, r#"log = "gaps""#, "the log is not Gaps"),
        (WEB, WRITTEN, r#"log = "complete", gaps = 1"#, "gaps: expected 1, found 0"),
        (WEB, WRITTEN, r#"log = "complete", state = "paused""#, "state: expected paused"),
        (WEB, WRITTEN, r#"log = "complete", class = "unreadable""#, "class: expected unreadable"),
        (WEB, WRITTEN, r#"log = "unread""#, "the log is not Unread"),
        (SMALL, LOSES, r#"log = "complete""#, "the log is not Complete"),
        (SMALL, LOSES, r#"log = "gaps", lost = "truncated""#, "lost: expected truncated, found ro"),
        (SMALL, LOSES, r#"log = "gaps", away = "none""#, "away: expected none, found paused"),
        (SMALL, LOSES, r#"log = "gaps", missing = 1"#, "records missing in gaps: expected 1"),
        (SMALL, LOSES, r#"log = "gaps""#, "passed: 1 containers, 1021 records"),
        (WEB, WRITTEN, r#"log = "complete""#, "passed: 1 containers, 21 records, 0 missing"),
        (WEB, &*muted, r#"log = "complete""#, "no fresh line of web within"),
    ];
    let cases = cases.map(async |(containers, steps, expect, says)| {
        let found = wrong_with(containers, steps, &format!("{{ of = \"web\", {expect} }}")).await;
        assert!(found.contains(says), "{expect}: {found}");
    });
    futures_util::future::join_all(cases).await;
}
