//! Services around the shop: JSON, logfmt, an edge cache, a crash loop, a job.

use super::{Said, err, out};
use crate::sim::demo::dice::Dice;

/// One line of a JSON logger; `more` begins with a comma, if it is not empty.
pub(super) fn json(level: &str, message: &str, more: &str) -> Said {
    out(format!("{{\"level\":\"{level}\",\"msg\":\"{message}\",\"app\":\"collector\"{more}}}"))
}

pub(super) fn collector(dice: &mut Dice) -> Vec<Said> {
    let target = dice.pick(&["web-1:8000", "web-2:8000", "db:9187", "edge:8080", "auth:9000"]);
    let (took, series) = (dice.between(3, 90), dice.between(120, 9_000));
    let trace = dice.hex(16);
    vec![match dice.between(0, 29) {
        0 => json(
            "error",
            "scrape failed",
            &format!(",\"target\":\"{target}\",\"error\":\"dial tcp: i/o timeout\""),
        ),
        1..=2 => json("warn", "sample is too old, dropped", &format!(",\"target\":\"{target}\"")),
        3..=5 => json("debug", "wal segment closed", &format!(",\"trace_id\":\"{trace}\"")),
        _ => json(
            "info",
            "scraped",
            &format!(",\"target\":\"{target}\",\"took_ms\":{took},\"series\":{series}"),
        ),
    }]
}

pub(super) fn vault_hello() -> Vec<Said> {
    vec![
        out("==> Vault server configuration: Storage: file, Cgo: disabled, sealed: false"),
        out("==> Vault server started! Nothing more will be said until something happens."),
    ]
}

pub(super) fn auth_hello() -> Vec<Said> {
    vec![out("level=info msg=\"auth listens\" addr=:9000 keys=3 issuer=https://auth.example.net")]
}

pub(super) fn auth(dice: &mut Dice) -> Vec<Said> {
    let user = dice.pick(&["amara", "björn", "chloé", "дарья", "emre", "福田"]);
    let id = dice.hex(8);
    vec![match dice.between(0, 24) {
        0 => err(format!("level=error msg=\"token signature is invalid\" user={user} id={id}")),
        1..=2 => err(format!("level=warn msg=\"wrong password\" user={user} attempt=3 id={id}")),
        3..=6 => out(format!("level=debug msg=\"cache hit\" key=session:{id}")),
        _ => out(format!("level=info msg=\"token issued\" user={user} ttl=3600 id={id}")),
    }]
}

pub(super) fn edge(dice: &mut Dice) -> Vec<Said> {
    let hit = dice.pick(&["HIT", "HIT", "HIT", "HIT", "MISS", "STALE"]);
    let asset = dice.pick(&["app.9f2c.js", "app.css", "kanne-640.webp", "räder.avif", "logo.svg"]);
    let bytes = dice.between(900, 240_000);
    if dice.chance(1) {
        return vec![err(format!("edge: WARN origin is slow: {asset} in {} ms", bytes / 90))];
    }
    let (millis, id) = (dice.between(0, 9), dice.hex(12));
    vec![out(format!("{hit:<5} 200 {bytes:>7} /static/{asset} {millis}ms ray={id}"))]
}

pub(super) fn webhook_hello(run: u64) -> Vec<Said> {
    vec![
        out(format!("webhook 0.3.1: start {run}, reading /etc/webhook.toml")),
        out("webhook: connecting to amqp://queue.example.net:5672"),
    ]
}

pub(super) fn webhook(dice: &mut Dice, turn: u64) -> Vec<Said> {
    let millis = dice.between(180, 960);
    vec![err(format!("webhook: WARN attempt {} refused after {millis} ms", turn + 1))]
}

pub(super) fn webhook_goodbye(dice: &mut Dice) -> Vec<Said> {
    vec![
        err("thread 'main' panicked at src/queue.rs:57:18:"),
        err("FATAL the queue does not answer: Connection refused (os error 111)"),
        err(format!("note: core dumped to /tmp/core.{}", dice.between(20, 99))),
    ]
}

pub(super) fn migration_hello(dice: &mut Dice) -> Vec<Said> {
    vec![out(format!("migrate: plan {} with 18 steps, lock taken", dice.hex(6)))]
}

pub(super) fn migration(dice: &mut Dice, turn: u64) -> Vec<Said> {
    let (step, rows) = (turn + 1, dice.between(20, 90_000));
    let bar = "█".repeat(usize::try_from(step.min(18)).unwrap_or(0));
    vec![out(format!("migrate: step {step:>2}/18 {bar:░<18} {rows} rows"))]
}
