//! A screen without a terminal and without an engine: samples, a log source in memory, and a
//! driver that types keys, performs effects at once and shows the screen as text.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use logcap_tui::engine::snapshot::*;
use logcap_tui::engine::{CommandAnswer, EngineSnapshot};
use logcap_tui::model::*;
use logcap_tui::sim::DemoFault;
use logcap_tui::tui::keymap::KeyMap;
use logcap_tui::tui::message::{Effect, Message, Now};
use logcap_tui::tui::state::{TuiOptions, UiState};
use logcap_tui::tui::update::update;
use logcap_tui::tui::view::render;
use logcap_tui::tui::{
    FilterText, Highlighter, LogSource, Matches, Palette, PaletteEntry, StoredLog, Theme,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

pub const SECOND: i64 = 1_000_000_000;
/// 2026-03-01 12:00:00 UTC.
pub const NOON: i64 = 1_772_366_400 * SECOND;
/// The engine has run for 3 h 12 min.
pub const UPTIME: Duration = Duration::from_secs(11_520);

pub fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

fn ago(s: f64) -> Moment {
    Moment(secs(UPTIME.as_secs_f64() - s))
}

pub fn monitor(name: &str, log: i64, phase: Phase) -> MonitorRow {
    let live = State::Live { source: LiveSource::Bell };
    let (state, health) = match phase {
        Phase::Streaming | Phase::Quiet => (live, TaskHealth::Running),
        Phase::Stale => (live, TaskHealth::Failed),
        Phase::CatchingUp => (State::Reading { records: 40_000 }, TaskHealth::Running),
        Phase::Paused => (State::Waiting { why: Waiting::Paused }, TaskHealth::Paused),
        Phase::Backoff => {
            let why = Waiting::Backoff { attempt: 2, retry_at: ago(-4.0) };
            (State::Waiting { why }, TaskHealth::Backoff)
        }
        Phase::Quarantined => {
            let why = Waiting::Quarantined { retry_at: ago(-41.0) };
            (State::Waiting { why }, TaskHealth::Quarantined)
        }
        Phase::Unreadable => {
            let why = "configured logging driver does not support reading".to_owned();
            (State::Unreadable { why }, TaskHealth::Stopped)
        }
        Phase::EndedUnverified => {
            (State::Ended { proof: EndProof::Unverified }, TaskHealth::Stopped)
        }
        Phase::Ended => (State::Ended { proof: EndProof::Verified }, TaskHealth::Stopped),
        other => panic!("no sample for {other:?}"),
    };
    let reads = matches!(phase, Phase::Streaming | Phase::Quiet | Phase::CatchingUp | Phase::Stale);
    let beat = |s| BeatView { kind: BeatKind::Committed, at: ago(s) };
    let project = name.split_once('/').map(|(project, _)| project.to_owned());
    MonitorRow {
        id: ContainerId::new(format!("{log:064x}")).unwrap(),
        log: Some(LogId(log)),
        name: name.replace('/', "-"),
        service: project.clone(),
        project,
        image: "registry.example.com/shop/web:1.4.2".to_owned(),
        driver: "json-file".to_owned(),
        tty: false,
        guarantee: Guarantee::Exact,
        running: !matches!(phase, Phase::Ended | Phase::EndedUnverified),
        restarting: false,
        docker_restarts: 0,
        matched_by: "default: all containers".to_owned(),
        state,
        phase,
        health,
        state_since: ago(192.0),
        started: Timestamp(NOON - 11_520 * SECOND),
        beat: Some(beat(0.2)),
        beat_wall: Some(Timestamp(NOON)),
        deadline: reads.then(|| ago(-299.8)),
        stream: reads.then(|| StreamView { opened: ago(192.0), reopen_at: ago(-408.0) }),
        reopens: 41,
        reopens_by: vec![("planned".to_owned(), 39), ("end of stream".to_owned(), 2)],
        reads_by: vec![("bell".to_owned(), 8_123), ("probe".to_owned(), 212)],
        doubts_by: vec![],
        lines_per_s: 1_213.0,
        history: vec![3, 5, 8, 12, 18, 12, 9, 4],
        lag: Some(secs(0.1)),
        flow: Flow { received: 12_345, stored: 12_000, overlap: 300, discarded: 40, in_flight: 5 },
        stored_total: 12_100_000,
        lines: 12_000,
        bytes: 1_000_000,
        gaps_new: 0,
        restarts: 0,
        timeouts: 0,
        panics: 0,
        errors: 0,
        failure: None,
        gaps: 0,
        retry_at: None,
        next_seq: Some(Seq::ADOPTION.offset(12_000)),
        last_record: Some(Timestamp(NOON - SECOND)),
        last_read: Some(ReadCost { asked: Some(64), got: 64, took: secs(0.002) }),
        backfill: Backfill::None,
        fetched: None,
        transitions: vec![Transition {
            wall: Timestamp(NOON - 192 * SECOND),
            from: Phase::CatchingUp,
            to: Phase::Streaming,
            cause: "read caught up: 1,000 records".to_owned(),
        }],
    }
}

/// One of each: what a bad day looks like.
pub fn busy() -> EngineSnapshot {
    let failure =
        |cause: &str, attempt| Some(Failure { cause: cause.to_owned(), at: ago(72.0), attempt });
    let quiet = BeatView { kind: BeatKind::Verified, at: ago(12.0) };
    let old = BeatView { kind: BeatKind::Verified, at: ago(75.0) };
    let dead = BeatView { kind: BeatKind::Committed, at: ago(312.0) };
    let still = vec![0; 8];
    let rows = vec![
        monitor("shop/web-1", 1, Phase::Streaming),
        MonitorRow {
            beat: Some(quiet),
            deadline: Some(ago(-288.0)),
            stream: Some(StreamView { opened: ago(62.0), reopen_at: ago(-538.0) }),
            reopens: 12,
            lines_per_s: 0.0,
            history: still.clone(),
            lag: None,
            stored_total: 88_123,
            guarantee: Guarantee::LossyByConfiguration,
            ..monitor("shop/db-1", 2, Phase::Quiet)
        },
        MonitorRow {
            failure: failure("stream ended: connection reset by peer", 2),
            retry_at: Some(ago(-4.0)),
            beat: Some(old),
            reopens: 3,
            lag: None,
            history: vec![7, 5, 1],
            stored_total: 1_000_000,
            restarts: 2,
            errors: 2,
            ..monitor("shop/worker-3", 3, Phase::Backoff)
        },
        MonitorRow {
            stored_total: 4_123,
            reopens: 0,
            history: vec![],
            lag: None,
            ..monitor("batch/nightly-7", 4, Phase::Paused)
        },
        MonitorRow {
            beat: Some(dead),
            deadline: Some(ago(12.0)),
            lines_per_s: 0.0,
            history: still.clone(),
            timeouts: 1,
            fetched: Some("11,000 older records fetched".to_owned()),
            ..monitor("shop/payments-gateway-eu-central-1-replica-2", 5, Phase::Stale)
        },
        MonitorRow {
            failure: failure("inspect: 500 Internal Server Error: layer does not exist", 5),
            retry_at: Some(ago(-41.0)),
            errors: 5,
            restarts: 5,
            lag: None,
            history: vec![],
            stored_total: 77,
            ..monitor("legacy", 6, Phase::Quarantined)
        },
        MonitorRow {
            driver: "none".to_owned(),
            guarantee: Guarantee::Unreadable,
            beat: None,
            log: None,
            lag: None,
            history: vec![],
            stored_total: 0,
            reopens: 0,
            ..monitor("syslogger", 7, Phase::Unreadable)
        },
        MonitorRow {
            lag: None,
            history: vec![],
            stored_total: 2_500,
            guarantee: Guarantee::BestEffort,
            ..monitor("build-4711", 8, Phase::Ended)
        },
        MonitorRow {
            beat: Some(old),
            deadline: Some(ago(-225.0)),
            lines_per_s: 4.2,
            lag: Some(secs(3.4)),
            gaps: 2,
            backfill: Backfill::Running { taken: 40_000, target: Some(100_000) },
            stored_total: 990_000,
            ..monitor("größe-測試-contêiner", 9, Phase::CatchingUp)
        },
        MonitorRow {
            failure: failure("read: body stopped for 10 s", 1),
            lines_per_s: 17.3,
            restarts: 1,
            ..monitor("shop/cache-1", 10, Phase::Streaming)
        },
    ];
    EngineSnapshot { monitors: rows.into_iter().map(Arc::new).collect(), ..calm() }
}

/// A connected engine without containers.
pub fn calm() -> EngineSnapshot {
    let excluded = |n: u8, name: &str, why: &str| Excluded {
        id: ContainerId::new(format!("{n:064x}")).unwrap(),
        name: name.to_owned(),
        why: why.to_owned(),
    };
    EngineSnapshot {
        at: Moment(UPTIME),
        wall: Timestamp(NOON),
        started: Timestamp(NOON - 11_520 * SECOND),
        probe: secs(30.0),
        timeout: secs(300.0),
        ready: true,
        docker: DockerView {
            endpoint: "unix:///var/run/docker.sock".to_owned(),
            link: Link::Up {
                since: Moment::default(),
                version: "Docker 28.2.2".to_owned(),
                api: "1.50".to_owned(),
            },
            blind: None,
        },
        coverage: Coverage {
            running: 12,
            matched: 11,
            fresh: 9,
            excluded: vec![excluded(200, "test-runner", "exclude = \"test-*\"")],
            uncaptured: 0,
        },
        monitors: Vec::new(),
        tasks: TaskCounts {
            expected: 41,
            actual: 41,
            kinds: vec![
                ("supervisor".to_owned(), 1, 1),
                ("discovery".to_owned(), 1, 1),
                ("monitors".to_owned(), 39, 39),
            ],
            runtime: 52,
            slope: 0.0,
        },
        process: ProcessView {
            fds: Some(63),
            fd_limit: Some(1_024),
            rss: Some(38 << 20),
            fd_slope: 0.0,
            rss_slope: 0.0,
        },
        totals: Totals {
            lines_per_s: 4_123.0,
            flow: Flow {
                received: 48_210,
                stored: 48_000,
                overlap: 200,
                discarded: 10,
                in_flight: 0,
            },
            gaps: 2,
            gaps_new: 2,
            failures_5m: 3,
            timeouts: 1,
            restarts: 8,
            panics: 0,
        },
        failures: vec![
            RecentFailure {
                at: ago(160.0),
                who: "legacy".to_owned(),
                cause: "inspect: 500 Internal Server Error: layer does not exist".to_owned(),
            },
            RecentFailure {
                at: ago(72.0),
                who: "shop-worker-3".to_owned(),
                cause: "stream ended: connection reset by peer".to_owned(),
            },
        ],
        store: StoreView {
            path: "/home/ada/.local/share/logcap-tui".to_owned(),
            records: 48_200_113,
            raw_bytes: 13_000_000_000,
            disk_bytes: 1_288_490_188,
            wal_bytes: 4 << 20,
            oldest: Some(Timestamp(NOON - 40 * 86_400 * SECOND)),
            days_left: Some(61.2),
            commit_p50_ms: 1.2,
            commit_p99_ms: 4.8,
            queue: 0,
            queue_cap: 64,
            busy: 0.07,
            commits: 8_123,
            slow: None,
            blocked: None,
        },
        ..EngineSnapshot::default()
    }
}

/// `n` monitors that stream, for size.
pub fn many(n: i64) -> EngineSnapshot {
    let row =
        |i| Arc::new(monitor(&format!("project-{}/service-{i}", i % 40), i, Phase::Streaming));
    EngineSnapshot { monitors: (1..=n).map(row).collect(), ..calm() }
}

pub fn down() -> EngineSnapshot {
    let link = Link::Down {
        since: ago(34.0),
        error: "permission denied on /var/run/docker.sock".to_owned(),
        hint: "add yourself to the docker group (sudo usermod -aG docker $USER) and log in again"
            .to_owned(),
        tried: vec![
            "unix:///var/run/docker.sock (default): permission denied".to_owned(),
            "unix:///run/user/1000/docker.sock (rootless): no such file".to_owned(),
            "context \"desktop-linux\": connection refused".to_owned(),
        ],
        retry_at: ago(-6.0),
        attempts: 5,
    };
    let docker =
        DockerView { endpoint: "unix:///var/run/docker.sock".to_owned(), link, blind: None };
    EngineSnapshot { docker, ..calm() }
}

/// A line of a log, `ms` after noon.
pub fn line(log: i64, seq: i64, ms: i64, text: impl AsRef<[u8]>) -> Row {
    let text: Arc<[u8]> = text.as_ref().into();
    let ts = Timestamp(NOON + ms * 1_000_000);
    let words = String::from_utf8_lossy(&text).to_lowercase();
    let level = [("error", Level::Error), ("warn", Level::Warn), ("info", Level::Info)];
    Row::Line(Line {
        key: Key { eff_ts: ts, log: LogId(log), seq: Seq(seq) },
        last_seq: Seq(seq),
        ts,
        fd: if seq % 7 == 6 { Fd::Stderr } else { Fd::Stdout },
        level: level.into_iter().find(|(word, _)| words.contains(word)).map(|(_, level)| level),
        full_len: text.len() as u64,
        text,
    })
}

/// A seam before the record `seq`.
pub fn seam(
    log: i64,
    seq: i64,
    ms: i64,
    kind: SeamKind,
    lost: Option<Lost>,
    away: Option<Away>,
) -> Row {
    let ts = |ms: i64| Timestamp(NOON + ms * 1_000_000);
    let key = Key { eff_ts: ts(ms), log: LogId(log), seq: Seq(seq - 1) };
    let gap = kind == SeamKind::Gap;
    let what = NewSeam {
        kind,
        lost,
        away,
        t_low: gap.then(|| ts(ms - 7_000)),
        t_high: gap.then(|| ts(ms)),
        detail: String::new(),
    };
    Row::Seam(SeamRow {
        key,
        seam: Seam { after_seq: Seq(seq - 2), before_seq: Some(Seq(seq)), what },
    })
}

/// Logs in memory. Patterns are regular expressions; filters are words that must be inside.
#[derive(Default)]
pub struct Memory {
    pub rows: Mutex<BTreeMap<Key, Row>>,
    pub pages: Mutex<usize>,
}

impl Memory {
    pub fn add(&self, rows: impl IntoIterator<Item = Row>) {
        self.rows.lock().unwrap().extend(rows.into_iter().map(|row| (row.key(), row)));
    }

    pub fn evict_before(&self, key: Key) {
        self.rows.lock().unwrap().retain(|k, _| *k >= key);
    }
}

fn passes(row: &Row, filter: Option<&FilterText>) -> bool {
    let Some(filter) = filter else { return true };
    let Row::Line(line) = row else { return false };
    let text = String::from_utf8_lossy(&line.text);
    filter.0.split_whitespace().all(|word| match word {
        "level:error" => line.level >= Some(Level::Error),
        word => text.contains(word),
    })
}

impl LogSource for Memory {
    fn page(
        &self,
        logs: &[LogId],
        from: From,
        direction: Direction,
        rows: usize,
        filter: Option<&FilterText>,
    ) -> Result<Page, String> {
        if filter.is_some_and(|f| f.0.contains("level>=eror")) {
            return Err("there is no level \"eror\"; the nearest is \"error\"".to_owned());
        }
        *self.pages.lock().unwrap() += 1;
        let all = self.rows.lock().unwrap();
        let inside = |key: &Key| match (from, direction) {
            (From::Newest | From::Oldest, _) => true,
            (From::At(at), Direction::Older) => *key <= at,
            (From::At(at), Direction::Newer) => *key >= at,
            (From::Beyond(at), Direction::Older) => *key < at,
            (From::Beyond(at), Direction::Newer) => *key > at,
        };
        let wanted = all.values().filter(|row| {
            logs.contains(&row.key().log) && inside(&row.key()) && passes(row, filter)
        });
        let mut page: Vec<Row> = match direction {
            Direction::Older => wanted.rev().take(rows + 1).cloned().collect(),
            Direction::Newer => wanted.take(rows + 1).cloned().collect(),
        };
        let end = page.len() <= rows;
        page.truncate(rows);
        if direction == Direction::Older {
            page.reverse();
        }
        Ok(Page { rows: page, end })
    }

    fn matches(
        &self,
        logs: &[LogId],
        pattern: &str,
        cap: usize,
        _cancel: &AtomicBool,
    ) -> Result<Matches, String> {
        let find = self.check(pattern)?;
        let all = self.rows.lock().unwrap();
        let hit = |row: &&Row| match row {
            Row::Line(line) => logs.contains(&line.key.log) && !find(&line.text).is_empty(),
            Row::Seam(_) => false,
        };
        let keys: Vec<Key> = all.values().filter(hit).map(Row::key).collect();
        let total = keys.len() as u64;
        let keys = keys.into_iter().rev().take(cap).rev().collect();
        Ok(Matches { keys, total, capped: false })
    }

    fn logs(&self) -> Result<Vec<StoredLog>, String> {
        let all = self.rows.lock().unwrap();
        let logs: std::collections::BTreeSet<_> = all.keys().map(|key| key.log).collect();
        let stored = |log: LogId| StoredLog {
            log,
            name: format!("stored-{}", log.0),
            first_seen: Timestamp(NOON - log.0 * 3_600 * SECOND),
        };
        Ok(logs.into_iter().rev().map(stored).collect())
    }

    fn check(&self, pattern: &str) -> Result<Highlighter, String> {
        let regex = regex::bytes::Regex::new(pattern).map_err(|e| e.to_string())?;
        Ok(Arc::new(move |text| regex.find_iter(text).map(|m| m.range()).collect()))
    }
}

/// A screen that is driven by hand.
pub struct Screen {
    pub state: UiState,
    pub source: Arc<Memory>,
    pub theme: Theme,
    /// Effects that leave the screen: commands, copies, quit.
    pub out: Vec<Effect>,
}

impl Screen {
    pub fn new(columns: u16, rows: u16) -> Self {
        let mut state =
            UiState::new("logcap-tui 0.1.0".to_owned(), KeyMap::default(), TuiOptions::default());
        state.size = (columns, rows);
        let source = Arc::default();
        let mut screen = Self { state, source, theme: Theme::plain(), out: Vec::new() };
        screen.tick(0.0);
        screen
    }

    /// A screen that has seen a picture.
    pub fn with(columns: u16, rows: u16, snapshot: EngineSnapshot) -> Self {
        let mut screen = Self::new(columns, rows);
        screen.snapshot(snapshot);
        screen
    }

    pub fn now(&self, s: f64) -> Now {
        Now { mono: secs(s), wall: Timestamp(NOON + (s * 1e9) as i64) }
    }

    pub fn tick(&mut self, s: f64) {
        let now = self.now(s);
        self.send(Message::Tick(now));
    }

    pub fn snapshot(&mut self, snapshot: EngineSnapshot) {
        let now = self.state.now;
        self.send(Message::Snapshot(now, Arc::new(snapshot)));
    }

    /// Adds lines to the store and says so.
    pub fn commit(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.source.add(rows);
        self.send(Message::Committed);
    }

    /// Presses keys: words of the key map's syntax, or `'text` typed character by character.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for word in keys.split(' ').filter(|w| !w.is_empty()) {
            match word.strip_prefix('\'').filter(|rest| !rest.is_empty()) {
                Some(text) => text.chars().for_each(|c| self.press(&c.to_string())),
                None => self.press(word),
            }
        }
        self
    }

    fn press(&mut self, key: &str) {
        let (key, modifiers) = match key.split_once('-').filter(|(_, rest)| !rest.is_empty()) {
            Some(("ctrl", rest)) => (rest, KeyModifiers::CONTROL),
            Some(("shift", rest)) => (rest, KeyModifiers::SHIFT),
            _ => (key, KeyModifiers::NONE),
        };
        let code = match key {
            "space" => KeyCode::Char(' '),
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "tab" => KeyCode::Tab,
            "backspace" => KeyCode::Backspace,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            "pgup" => KeyCode::PageUp,
            "pgdn" => KeyCode::PageDown,
            other => KeyCode::Char(other.chars().next().unwrap()),
        };
        self.send(Message::Key(KeyEvent::new(code, modifiers)));
    }

    pub fn send(&mut self, message: Message) {
        let mut effects: std::collections::VecDeque<_> = update(&mut self.state, message).into();
        let mut steps = 0;
        while let Some(effect) = effects.pop_front() {
            steps += 1;
            assert!(steps < 200, "the screen asks for ever: {effect:?}");
            let source = &self.source;
            let answer = match effect {
                Effect::Page(r) => Message::Paged(
                    r.ticket,
                    source.page(&r.logs, r.from, r.direction, r.rows, r.filter.as_ref()),
                ),
                Effect::Check(ticket, pattern) => Message::Checked(ticket, source.check(&pattern)),
                Effect::Match(ticket, logs, pattern) => {
                    let never = AtomicBool::new(false);
                    Message::Matched(ticket, source.matches(&logs, &pattern, 1_000, &never))
                }
                Effect::Stored => Message::Stored(source.logs()),
                Effect::Command(command) => {
                    let verb = command.verb;
                    self.out.push(Effect::Command(command));
                    let answer = CommandAnswer { done: 1, ..CommandAnswer::default() };
                    Message::Answered(verb, Ok(answer))
                }
                other => {
                    self.out.push(other);
                    continue;
                }
            };
            effects.extend(update(&mut self.state, answer));
        }
    }

    /// The screen as cells.
    pub fn cells(&self) -> ratatui::buffer::Buffer {
        let (columns, rows) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| render(frame, &self.state, &self.theme)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        let (columns, rows) = self.state.size;
        let buffer = self.cells();
        let mut out = String::new();
        for y in 0..rows {
            let (mut text, mut skip) = (String::new(), 0);
            for x in 0..columns {
                let symbol = buffer[(x, y)].symbol();
                if skip == 0 {
                    text.push_str(symbol);
                    skip = logcap_tui::tui::text::width(symbol).saturating_sub(1);
                } else {
                    skip -= 1;
                }
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }

    /// The lines of the log pane's rows, trimmed.
    pub fn pane_text(&self) -> Vec<String> {
        let area = self.state.areas().pane_rows();
        let cut = |line: &str| -> String {
            let text: String = line.chars().skip(area.x.into()).take(area.width.into()).collect();
            text.trim_end().to_owned()
        };
        let text = self.text();
        text.lines().skip(area.y.into()).take(area.height.into()).map(cut).collect()
    }
}

/// A mixed log of two containers with colours, Unicode, a gap and a long line.
pub fn sample_lines() -> Vec<Row> {
    let mut rows = Vec::new();
    for i in 0..40 {
        let path = ["/cart", "/checkout", "/healthz", "/login?next=%2F"][i % 4];
        let text = format!("INFO  GET {path} 200 in {} ms request_id=7f3a{i:04x}", 3 + i * 7 % 90);
        rows.push(line(1, 100 + i as i64, i as i64 * 400, text));
    }
    rows.push(line(2, 7, 2_100, "WARN  slow query 2.1s: SELECT * FROM orders"));
    rows.push(line(
        1,
        200,
        16_100,
        "\x1b[1;31mERROR\x1b[0m upstream \x1b[33mtimeout\x1b[0m after 30s request_id=7f3a",
    ));
    rows.push(line(2, 8, 16_200, "checkpoint complete: größe 漢字 e\u{301} 👩‍👩‍👧 done"));
    rows.push(seam(1, 210, 24_000, SeamKind::Gap, Some(Lost::Rotated), Some(Away::Lagging)));
    rows.push(line(1, 210, 24_010, "\ttabbed\tcolumns\x07 and a bell, \x1b]0;owned\x07 a title"));
    rows.push(line(
        1,
        211,
        24_020,
        "INFO  the long one: ".to_owned() + &"lorem ipsum dolor ".repeat(16),
    ));
    rows.push(line(1, 212, 24_030, b"bytes \xff\xfe that are not UTF-8, timeout=30s"));
    rows
}

/// The palette of the demo.
pub fn sample_palette() -> Palette {
    let entry = |fault: DemoFault| PaletteEntry {
        title: fault.title().to_owned(),
        watch: fault.watch().to_owned(),
    };
    let entries = DemoFault::ALL.into_iter().map(entry).collect();
    Palette { label: "DEMO".to_owned(), entries, cursor: 0 }
}
