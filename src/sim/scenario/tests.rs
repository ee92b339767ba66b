//! What a scenario file may say, what it may not, and what the message then is.

use std::time::Duration;

use super::*;

const HEAD: &str = "title = \"t\"\ndaemon = \"moby24\"\ncontainers = [{ name = \"web\" }]\n";

fn with(steps: &str, expect: &str) -> Result<Scenario, String> {
    let text = format!("{HEAD}steps = [\n{steps}\n]\nexpect = [{expect}]\n");
    Scenario::parse("x.toml", &text).map_err(|error| error.to_string())
}

const COMPLETE: &str = "{ of = \"web\", log = \"complete\" }";

#[test]
fn a_wrong_word_is_named_with_its_step_and_line() {
    let error = with("\"heal\",\n{ wirte = { to = \"web\" } },", COMPLETE).unwrap_err();
    assert!(error.starts_with("x.toml: step 2 (line 6): "), "{error}");
    assert!(error.contains("wirte") && error.contains("`write`"), "{error}");
}

#[test]
fn unknown_keys_values_and_containers_are_refused_with_what_is_right() {
    for (step, says) in [
        ("{ write = { to = \"web\", lnes = 5 } }", "lnes"),
        ("{ write = { to = \"db\" } }", "no container \"db\" here; name one of: all, web"),
        ("{ pass = \"5 bananas\" }", "write it as \"250ms\""),
        ("{ cut = { of = \"web\", at = \"dawn\" } }", "mid-frame"),
        ("{ restart-daemon = { as = \"moby99\" } }", "moby20_10"),
        ("{ heal = \"web\", garbage = \"web\" }", "step 1"),
        ("7", "step 1"),
    ] {
        let error = with(step, COMPLETE).unwrap_err();
        assert!(error.contains(says), "{step}: {error}");
    }
    let error = Scenario::parse("x.toml", &format!("{HEAD}stps = []")).unwrap_err().to_string();
    assert!(error.contains("x.toml") && error.contains("stps"), "{error}");
    let error = Scenario::read(Path::new("/nowhere/x.toml")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/x.toml") && error.contains("give the path"), "{error}");
}

#[test]
fn every_container_must_be_judged() {
    let error = with("\"heal\"", "").unwrap_err();
    assert!(error.contains("nothing is expected of \"web\""), "{error}");
    let late = "{ run = { name = \"late\" } }";
    let error = with(late, COMPLETE).unwrap_err();
    assert!(error.contains("nothing is expected of \"late\""), "{error}");
    assert!(with(late, "{ of = \"all\", log = \"complete\" }").is_ok());
    let error = with("\"heal\"", "{ of = \"db\", log = \"complete\" }").unwrap_err();
    assert!(error.contains("expectation 1"), "{error}");
}

#[test]
fn containers_are_what_their_options_say() {
    let text = "title = \"t\"\ndaemon = \"podman4\"\nseed = 7\nhazard = 35\n\
        containers = [{ name = \"a\", copies = 2, max-size = \"10k\", max-file = 3, \
        compress = true, driver = \"local\", tty = true, rm = true, image = \"i\" }]\n\
        steps = []\nexpect = [{ of = \"a\", log = \"gaps\" }]";
    let scenario = Scenario::parse("x.toml", text).unwrap();
    assert_eq!((scenario.seed, scenario.hazard), (7, Some(35)));
    let specs: Vec<_> = scenario.containers[0].specs().collect();
    let one = ContainerSpec::named("a-1").driver("local").image("i").tty().auto_remove();
    assert_eq!(specs[0], one.rotating("10k", 3).option("compress", "true"));
    assert_eq!(specs[1].name, "a-2");
}

#[tokio::test]
async fn a_scenario_is_played_in_order_and_asks_for_what_it_cannot_do() {
    let steps = r#"
        { write = { to = "web", lines = 2 } },
        "start-capture",
        { write = { to = "web", bytes = "ff 41", output = "stderr", newline = false } },
        { write = { to = "web", length = 20000 } },
        { race = { to = "web", lines = 1 } },
        { tie = { to = "web", lines = 2 } },
        { until = { of = "web", is = "live", stored = 8 } },
        { recreate = "web" },
        { write = { to = "web" } },
    "#;
    let scenario = with(steps, COMPLETE).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let sim = scenario.start(&dir.path().join("s")).unwrap();
    let mut player = Player::new(sim.clone(), scenario);
    let mut wanted = Vec::new();
    while let Some(played) = player.next().await.unwrap() {
        wanted.extend(played.ask.map(|ask| (played.number, played.text, ask)));
    }
    let ids = player.ids("web");
    assert_eq!(ids.len(), 2, "both of that name");
    let until = Until { of: vec![ids[0].clone()], is: Some("live".to_owned()), stored: Some(8) };
    assert_eq!(wanted[0], (2, "start-capture".to_owned(), Ask::StartCapture));
    assert_eq!((wanted[1].0, wanted[1].2.clone(), wanted.len()), (7, Ask::Until(until), 2));
    assert_eq!(wanted[1].1, r#"until = { of = "web", is = "live", stored = 8 }"#);
    let records = sim.records(&ids[0]);
    let texts: Vec<_> = records.iter().map(|r| String::from_utf8_lossy(&r.bytes)).collect();
    assert_eq!(texts[..3], ["line 0", "line 1", "\u{fffd}A"]);
    assert_eq!((texts[3].len(), texts[4].len(), records.len()), (16_384, 3_616, 9));
    assert!(!records[2].newline && records[5].ts > records[6].ts && records[7] == records[8]);
    assert_eq!(sim.records(&ids[1]).len(), 1, "a verb for a removed container does nothing");
}

#[tokio::test]
async fn writers_in_the_background_write_until_told() {
    let script = "{ keep-writing = { to = \"web\", every = \"10ms\", lines = 3 } },\n\
        { until-rotated = { of = \"web\", times = 2 } },\n\"stop-writing\"";
    let scenario = with(script, COMPLETE).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let sim = scenario.start(&dir.path().join("s")).unwrap();
    let mut scenario = scenario;
    scenario.containers[0] =
        Containers { max_size: Some("500b".to_owned()), ..scenario.containers[0].clone() };
    let mut player = Player::new(sim.clone(), scenario).speed(10.0);
    let id = player.ids("web").remove(0);
    let all = async { while player.next().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("rotations");
    let written = sim.records(&id).len();
    assert!(written > 0 && written.is_multiple_of(3) && sim.rotations(&id) >= 2);
}
