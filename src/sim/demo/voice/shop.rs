//! The web shop: front, database, worker, scheduler.

use super::{Said, err, out};
use crate::sim::demo::dice::Dice;

const PATHS: &[&str] = &[
    "/",
    "/cart",
    "/checkout",
    "/product/4711",
    "/product/räucherlachs",
    "/search?q=tee+kanne",
    "/api/v2/stock",
    "/static/app.9f2c.js",
    "/login?next=%2Fcart",
    "/healthz",
    "/favicon.ico",
];
const CITIES: &[&str] = &["Zürich", "København", "São Paulo", "大阪", "Kraków", "Nairobi"];

/// An address of the ranges reserved for documentation.
fn address(dice: &mut Dice) -> String {
    let net = dice.pick(&["192.0.2", "198.51.100", "203.0.113"]);
    format!("{net}.{}", dice.between(1, 254))
}

pub(super) fn web_hello(dice: &mut Dice, run: u64) -> Vec<Said> {
    let build = dice.hex(7);
    vec![
        out(format!("shop-web build {build} starting (run {run})")),
        out("connected to db in 12 ms, 14 migrations applied"),
        out("\x1b[32mready\x1b[0m on :8000 with 4 workers"),
    ]
}

pub(super) fn web(dice: &mut Dice) -> Vec<Said> {
    let path = dice.pick(PATHS);
    let (status, colour) = match dice.between(0, 99) {
        0..=1 => (500, 31),
        2..=5 => (404, 33),
        6..=12 => (302, 36),
        _ => (200, 32),
    };
    let verb = if path == "/checkout" { "POST" } else { "GET" };
    let took = if dice.chance(4) { dice.between(400, 2_900) } else { dice.between(2, 90) };
    let id = dice.hex(8);
    let client = address(dice);
    let mut said = vec![out(format!(
        "{client} {verb} {path} \x1b[{colour}m{status}\x1b[0m {took}ms request_id={id}"
    ))];
    if status == 500 {
        said.extend([
            err(format!(
                "\x1b[1;31mERROR\x1b[0m upstream payment timeout after 30s request_id={id}"
            )),
            err("Traceback (most recent call last):"),
            err("  File \"/app/shop/checkout.py\", line 214, in pay"),
            err("    receipt = gateway.charge(order, timeout=30)"),
            err("shop.errors.GatewayTimeout: no answer from payments.example.net:443"),
        ]);
    } else if took > 400 {
        said.push(err(format!("\x1b[33mWARN\x1b[0m slow request: {path} took {took} ms")));
    } else if verb == "POST" {
        let city = dice.pick(CITIES);
        let (order, euros) = (dice.between(10_000, 99_999), dice.between(9, 480));
        said.push(out(format!("INFO order {order} paid: {euros}.90 € to {city}")));
    }
    said
}

pub(super) fn database_hello() -> Vec<Said> {
    vec![
        err("LOG:  starting PostgreSQL 16.4 on x86_64-pc-linux-musl, 64-bit"),
        err("LOG:  listening on IPv4 address \"0.0.0.0\", port 5432"),
        err("LOG:  database system is ready to accept connections"),
    ]
}

pub(super) fn database(dice: &mut Dice) -> Vec<Said> {
    match dice.between(0, 9) {
        0 => {
            let (buffers, percent) = (dice.between(40, 900), dice.between(1, 6));
            vec![err(format!(
                "LOG:  checkpoint complete: wrote {buffers} buffers ({percent}.2%); sync=0.004 s"
            ))]
        }
        1 => vec![
            err("ERROR:  duplicate key value violates unique constraint \"orders_pkey\""),
            err(format!("DETAIL:  Key (id)=({}) already exists.", dice.between(10_000, 99_999))),
            err("STATEMENT:  INSERT INTO orders (id, placed, total) VALUES ($1, now(), $2)"),
        ],
        2 => vec![err("WARNING:  there is no transaction in progress")],
        3..=5 => {
            let took = dice.between(1_000, 4_200);
            let table = dice.pick(&["orders", "stock", "customers", "größen"]);
            vec![err(format!(
                "LOG:  duration: {took}.318 ms  statement: SELECT * FROM {table} WHERE id = $1"
            ))]
        }
        _ => {
            let pid = dice.between(100, 900);
            let user = dice.pick(&["shop", "worker", "report"]);
            vec![err(format!("LOG:  connection authorized: user={user} database=shop pid={pid}"))]
        }
    }
}

pub(super) fn worker_hello(dice: &mut Dice) -> Vec<Said> {
    vec![
        out(format!("[INFO] worker-{} online, queues: mail, thumbnails, invoices", dice.hex(4))),
        out("[INFO] prefetch 8, concurrency 2"),
    ]
}

pub(super) fn worker(dice: &mut Dice) -> Vec<Said> {
    let job = dice.hex(8);
    let task = dice.pick(&["mail.send", "thumbnails.render", "invoices.pdf", "stock.sync"]);
    match dice.between(0, 19) {
        0 => vec![
            err(format!("[ERROR] task {task}[{job}] failed, attempt 3 of 3: giving up")),
            err("Traceback (most recent call last):"),
            err("  File \"/srv/worker/tasks.py\", line 88, in run"),
            err("    return self.handler(**payload)"),
            err("  File \"/srv/worker/mail.py\", line 31, in send"),
            err("    raise SMTPServerDisconnected('Connection unexpectedly closed')"),
            err("smtplib.SMTPServerDisconnected: Connection unexpectedly closed"),
        ],
        1..=2 => vec![err(format!("[WARNING] task {task}[{job}] is retried in 20 s"))],
        3..=9 => vec![out(format!("[INFO] task {task}[{job}] received"))],
        _ => {
            let took = dice.between(8, 1_900);
            vec![out(format!("[INFO] task {task}[{job}] succeeded in {took} ms"))]
        }
    }
}

pub(super) fn cron(dice: &mut Dice) -> Vec<Said> {
    let job = dice.pick(&["backup.sh", "prune-sessions", "sitemap", "currency-rates"]);
    let seconds = dice.between(1, 40);
    let mut said = vec![out(format!("crond: USER root pid {} cmd {job}", dice.between(200, 999)))];
    match job {
        "backup.sh" => {
            let size = dice.between(120, 180);
            said.push(out(format!("backup: shop.dump.zst {size} MiB, uploaded in {seconds} s")));
        }
        "currency-rates" if dice.chance(30) => {
            said.push(err("rates: WARN 503 Service Unavailable, keeping yesterday's"));
        }
        _ => said.push(out(format!("{job}: {} entries in {seconds} s", dice.between(3, 4_000)))),
    }
    said.push(out("crond: exit status 0"));
    said
}
