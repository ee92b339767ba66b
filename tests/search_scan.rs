//! Search and pager against blocks in memory, compared with an oracle that joins all lines, sorts
//! them and asks the query one by one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    reason = "tests may fail loudly, in their helpers too"
)]

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use logcap_tui::model::{
    Direction, Fd, From as PageFrom, Key, LogId, NewSeam, Page, Row, Seam, SeamKind, SeamRow, Seq,
    Timestamp,
};
use logcap_tui::search::source::{BlockText, Limit, LogInfo, Piece, Record, SourceError};
use logcap_tui::search::{
    Glob, Outcome, PageRequest, Pager, Query, Report, Search, SearchHit, SearchRequest, Source,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Rec {
    ts: i64,
    fd: Fd,
    newline: bool,
    text: Vec<u8>,
}

fn rec(ts: i64, text: &str) -> Rec {
    Rec { ts, fd: Fd::Stdout, newline: true, text: text.into() }
}

fn chunk(ts: i64, text: &str) -> Rec {
    Rec { newline: false, ..rec(ts, text) }
}

#[derive(Debug, Clone)]
struct Block {
    log: LogId,
    first: i64,
    eff: Vec<i64>,
    text: Vec<u8>,
    ends: Vec<usize>,
    recs: Vec<Rec>,
    continues: Vec<bool>,
}

impl BlockText for Block {
    fn text(&self) -> &[u8] {
        &self.text
    }
    fn count(&self) -> usize {
        self.recs.len()
    }
    fn has_parts(&self) -> bool {
        self.continues.contains(&true) || self.recs.iter().any(|r| !r.newline)
    }
    fn record_at(&self, offset: usize) -> Option<usize> {
        Some(self.ends.partition_point(|end| *end < offset)).filter(|i| *i < self.ends.len())
    }
    fn record(&self, index: usize) -> Option<Record<'_>> {
        let rec = self.recs.get(index)?;
        Some(Record {
            seq: Seq(self.first + index as i64),
            ts: Timestamp(rec.ts),
            fd: rec.fd,
            newline: rec.newline,
            continues: self.continues[index],
            level: None,
            bytes: &rec.text,
        })
    }
}

impl Block {
    fn piece(&self) -> Piece {
        let ts = || self.recs.iter().map(|r| r.ts);
        Piece {
            log: self.log,
            first_seq: Seq(self.first),
            last_seq: Seq(self.first + self.recs.len() as i64 - 1),
            eff_first: Timestamp(self.eff[0]),
            eff_last: Timestamp(*self.eff.last().unwrap()),
            min_ts: Timestamp(ts().min().unwrap()),
            max_ts: Timestamp(ts().max().unwrap()),
            raw: self.text.len() as u64,
        }
    }
}

/// Blocks in memory; once `vanished`, only the merged ones.
#[derive(Clone, Default)]
struct Memory {
    blocks: Arc<Vec<Block>>,
    merged: Arc<Vec<Block>>,
    vanished: Arc<AtomicBool>,
    damaged: Option<Seq>,
    gaps: Vec<SeamRow>,
}

impl Memory {
    /// One log per list of records, cut into blocks of `size` records.
    fn new(logs: &[Vec<Rec>], size: usize) -> Self {
        let cut = |size: usize| {
            let mut blocks = Vec::new();
            for (log, recs) in logs.iter().enumerate() {
                let (mut eff, mut first) = (i64::MIN, 100);
                let mut open = [None; 2];
                for recs in recs.chunks(size) {
                    let mut block = Block {
                        log: LogId(log as i64 + 1),
                        first,
                        eff: vec![],
                        text: vec![],
                        ends: vec![],
                        recs: recs.to_vec(),
                        continues: vec![],
                    };
                    for r in recs {
                        eff = eff.max(r.ts);
                        let open = &mut open[usize::from(r.fd == Fd::Stderr)];
                        block.continues.push(*open == Some(r.ts));
                        *open = (!r.newline).then_some(r.ts);
                        block.eff.push(eff);
                        block.text.extend(&r.text);
                        block.ends.push(block.text.len());
                        block.text.push(b'\n');
                    }
                    block.text.pop();
                    first += recs.len() as i64;
                    blocks.push(block);
                }
            }
            Arc::new(blocks)
        };
        Self { blocks: cut(size), merged: cut(size * 3), ..Self::default() }
    }

    fn now(&self) -> &[Block] {
        if self.vanished.load(Ordering::SeqCst) { &self.merged } else { &self.blocks }
    }

    /// Every line, joined: key, last seq, ts, text.
    fn lines(&self) -> Vec<(Key, i64, i64, Vec<u8>)> {
        let mut lines: Vec<(Key, i64, i64, Vec<u8>)> = Vec::new();
        let mut open: [Option<(LogId, i64, usize)>; 2] = [None, None];
        for block in self.blocks.iter() {
            for (i, r) in block.recs.iter().enumerate() {
                let seq = block.first + i as i64;
                let slot = &mut open[usize::from(r.fd == Fd::Stderr)];
                let at = match *slot {
                    Some((log, ts, at)) if log == block.log && ts == r.ts => {
                        lines[at].3.extend(&r.text);
                        lines[at].1 = seq;
                        at
                    }
                    _ => {
                        let eff_ts = Timestamp(block.eff[i]);
                        let key = Key { eff_ts, log: block.log, seq: Seq(seq) };
                        lines.push((key, seq, r.ts, r.text.clone()));
                        lines.len() - 1
                    }
                };
                *slot = (!r.newline).then_some((block.log, r.ts, at));
            }
        }
        lines.sort();
        lines
    }
}

impl Source for Memory {
    type Block = Block;
    fn logs(&self) -> Result<Vec<LogInfo>, SourceError> {
        let mut ids: Vec<LogId> = self.blocks.iter().map(|b| b.log).collect();
        ids.dedup();
        let info = |log: LogId| LogInfo {
            log,
            container_id: format!("{:064x}", log.0).into(),
            name: format!("web-{}", log.0).into(),
            project: None,
            service: Some(if log.0 == 1 { "front" } else { "back" }.into()),
            first_seen: Timestamp(0),
            ended: log.0 == 2,
        };
        Ok(ids.into_iter().map(info).collect())
    }
    fn pieces(&self, logs: Option<&[LogId]>) -> Result<Vec<Piece>, SourceError> {
        let wanted = |b: &&Block| logs.is_none_or(|logs| logs.contains(&b.log));
        Ok(self.now().iter().filter(wanted).map(Block::piece).collect())
    }
    fn decode(&self, piece: &Piece) -> Result<Block, SourceError> {
        if self.damaged.is_some_and(|seq| (piece.first_seq..=piece.last_seq).contains(&seq)) {
            return Err(SourceError::Damaged("checksum".into()));
        }
        let found = self.now().iter().find(|block| block.piece() == *piece);
        found.cloned().ok_or(SourceError::Gone)
    }
    fn gaps(&self, _: &[LogId]) -> Result<Vec<SeamRow>, SourceError> {
        Ok(self.gaps.clone())
    }
    fn page(&self, _: &[LogId], _: PageFrom, _: Direction, _: Limit) -> Result<Page, SourceError> {
        Err(SourceError::Failed("unfiltered pages are the store's own".into()))
    }
}

fn request(query: &str) -> SearchRequest {
    SearchRequest {
        query: Arc::new(Query::parse(query).unwrap()),
        containers: vec![],
        since: None,
        until: None,
        limit: usize::MAX,
        stop_at_limit: false,
    }
}

fn threads(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn find(memory: &Memory, request: &SearchRequest, n: usize) -> (Vec<(Key, SearchHit)>, Outcome) {
    let mut hits = Vec::new();
    let search = Search::new(memory.clone(), threads(n));
    let outcome = search.run(request, &AtomicBool::new(false), &mut |report| {
        if let Report::Hit { key, hit } = report {
            hits.push((key, hit));
        }
        ControlFlow::Continue(())
    });
    (hits, outcome.unwrap())
}

fn texts(hits: &[(Key, SearchHit)]) -> Vec<String> {
    hits.iter().map(|(_, hit)| String::from_utf8_lossy(&hit.line).into_owned()).collect()
}

fn page_request(query: &str, from: PageFrom, direction: Direction, rows: usize) -> PageRequest {
    let filter = Some(Arc::new(Query::parse(query).unwrap()));
    let logs = vec![LogId(1), LogId(2), LogId(3)];
    PageRequest { logs, from, direction, rows, bytes: usize::MAX, filter }
}

#[test]
fn newest_first_over_all_logs_and_long_gone_containers() {
    let logs =
        [vec![rec(1, "a x"), rec(5, "b x")], vec![rec(2, "c x"), rec(9, "d y"), rec(4, "e x")]];
    let (hits, outcome) = find(&Memory::new(&logs, 1), &request("x"), 2);
    // `e` is late: it stands behind `d` in its file and so in the order, with its own time.
    assert_eq!(texts(&hits), ["e x", "b x", "c x", "a x"]);
    assert_eq!((outcome.total, outcome.delivered, outcome.complete), (4, 4, true));
    assert_eq!(hits[0].1.ts, Timestamp(4));
    assert_eq!(&*hits[0].1.container, "web-2");
}

#[test]
fn a_match_across_a_chunk_boundary_is_found_once_in_and_across_blocks() {
    let recs = vec![
        rec(1, "plain"),
        chunk(2, "x nee"),
        Rec { fd: Fd::Stderr, ..rec(2, "needle on stderr") },
        rec(2, "dle and needle"),
        rec(3, "needle"),
        chunk(4, "cut nee"),
        rec(5, "dle"),
    ];
    for size in 1..8 {
        let memory = Memory::new(std::slice::from_ref(&recs), size);
        let (hits, outcome) = find(&memory, &request("needle"), 2);
        let expected = ["needle", "needle on stderr", "x needle and needle"];
        assert_eq!(texts(&hits), expected, "blocks of {size}");
        assert_eq!(outcome.total, 3, "blocks of {size}");
    }
}

#[test]
fn times_and_containers_narrow_the_search() {
    let logs = [vec![rec(1, "a"), rec(2, "b"), rec(3, "c")], vec![rec(2, "d")]];
    let memory = Memory::new(&logs, 2);
    let (since, until) = (Some(Timestamp(2)), Some(Timestamp(3)));
    let between = SearchRequest { since, until, ..request("") };
    assert_eq!(texts(&find(&memory, &between, 1).0), ["d", "b"]);
    for (glob, expected) in [
        ("web-1", vec!["c", "b", "a"]),
        ("ba*", vec!["d"]),
        ("zzz", vec![]),
        ("*", vec!["c", "d", "b", "a"]),
    ] {
        let only = SearchRequest { containers: vec![Glob::new(glob).unwrap()], ..request("") };
        assert_eq!(texts(&find(&memory, &only, 2).0), expected, "{glob}");
    }
    assert!(Glob::new("[").is_err());
}

#[test]
fn a_limit_caps_the_list_and_not_the_count() {
    let recs: Vec<Rec> = (0..500).map(|i| rec(i, "x")).collect();
    let memory = Memory::new(&[recs], 7);
    let ten = SearchRequest { limit: 10, ..request("x") };
    let (hits, outcome) = find(&memory, &ten, 2);
    assert_eq!(
        hits.iter().map(|(_, h)| h.ts.0).collect::<Vec<_>>(),
        (490..500).rev().collect::<Vec<_>>()
    );
    assert_eq!((outcome.total, outcome.delivered, outcome.complete), (500, 10, true));
    let first = SearchRequest { stop_at_limit: true, ..ten.clone() };
    assert_eq!(find(&memory, &first, 2).0, hits);
    let search = Search::new(memory, threads(2));
    assert_eq!(search.count(&ten, &AtomicBool::new(false)).unwrap().total, 500);
}

#[test]
fn a_damaged_block_is_named_and_a_merged_one_is_found_again() {
    let recs: Vec<Rec> = (0..40).map(|i| rec(i, "x")).collect();
    let mut memory = Memory::new(&[recs], 5);
    assert_eq!(find(&memory, &request("x"), 2).1.total, 40);
    let vanishing = Vanishing::of(&memory);
    let search = Search::new(vanishing, threads(2));
    assert_eq!(search.count(&request("x"), &AtomicBool::new(false)).unwrap().total, 40);
    memory.damaged = Some(Seq(112));
    let (hits, outcome) = find(&memory, &request("x"), 2);
    assert_eq!(hits.len(), 35);
    assert_eq!(outcome.damaged, [(LogId(1), Seq(110), Seq(114))]);
}

/// Lists small blocks once; from the first decode on, only the merged ones exist.
#[derive(Clone)]
struct Vanishing(Memory);

impl Vanishing {
    fn of(memory: &Memory) -> Self {
        Self(Memory { vanished: Arc::default(), ..memory.clone() })
    }
}

impl Source for Vanishing {
    type Block = Block;
    fn logs(&self) -> Result<Vec<LogInfo>, SourceError> {
        self.0.logs()
    }
    fn pieces(&self, logs: Option<&[LogId]>) -> Result<Vec<Piece>, SourceError> {
        self.0.pieces(logs)
    }
    fn decode(&self, piece: &Piece) -> Result<Block, SourceError> {
        self.0.vanished.store(true, Ordering::SeqCst);
        self.0.decode(piece)
    }
    fn gaps(&self, logs: &[LogId]) -> Result<Vec<SeamRow>, SourceError> {
        self.0.gaps(logs)
    }
    fn page(&self, l: &[LogId], f: PageFrom, d: Direction, x: Limit) -> Result<Page, SourceError> {
        self.0.page(l, f, d, x)
    }
}

#[test]
fn a_search_can_be_broken_off_and_cancelled() {
    let recs: Vec<Rec> = (0..20_000).map(|i| rec(i, "some text that is not there")).collect();
    let memory = Memory::new(&[recs], 10);
    let search = Search::new(memory, threads(2));
    let mut hits = 0;
    let outcome =
        search.run(&request("text"), &AtomicBool::new(false), &mut |report| match report {
            Report::Hit { .. } if hits == 3 => ControlFlow::Break(()),
            Report::Hit { .. } => {
                hits += 1;
                ControlFlow::Continue(())
            }
            Report::Progress(_) => ControlFlow::Continue(()),
        });
    assert!(!outcome.unwrap().complete);
    let cancel = AtomicBool::new(false);
    let mut at = None;
    let outcome = search.run(&request("text"), &cancel, &mut |_| {
        cancel.store(true, Ordering::Relaxed);
        at.get_or_insert_with(Instant::now);
        ControlFlow::Continue(())
    });
    let outcome = outcome.unwrap();
    assert!(outcome.cancelled && !outcome.complete);
    assert!(at.unwrap().elapsed() < Duration::from_secs(1));
}

#[test]
fn matches_are_the_newest_ascending_with_the_exact_total() {
    let logs = [
        (0..50).map(|i| rec(i * 2, "x")).collect(),
        (0..50).map(|i| rec(i * 2 + 1, "x")).collect(),
    ];
    let memory = Memory::new(&logs, 9);
    let pager = Pager::new(memory, threads(2));
    let query = Arc::new(Query::parse("x").unwrap());
    let off = AtomicBool::new(false);
    let found = pager.matches(&[LogId(1), LogId(2)], &query, 5, &off).unwrap();
    let times: Vec<i64> = found.keys.iter().map(|key| key.eff_ts.0).collect();
    assert_eq!((times, found.total, found.capped), (vec![95, 96, 97, 98, 99], 100, true));
    let found = pager.matches(&[LogId(2)], &query, 500, &off).unwrap();
    assert_eq!((found.keys.len(), found.total, found.capped), (50, 50, false));
}

#[test]
fn a_filter_does_not_hide_a_gap() {
    let mut memory = Memory::new(&[vec![rec(1, "x"), rec(2, "y"), rec(3, "x"), rec(4, "x")]], 2);
    let what = NewSeam {
        kind: SeamKind::Gap,
        lost: None,
        away: None,
        t_low: None,
        t_high: None,
        detail: String::new(),
    };
    let key = Key { eff_ts: Timestamp(2), log: LogId(1), seq: Seq(101) };
    let seam = Seam { after_seq: Seq(100), before_seq: Some(Seq(101)), what };
    memory.gaps = vec![SeamRow { key, seam }];
    let pager = Pager::new(memory, threads(1));
    let is_gap =
        |page: &Page| page.rows.iter().map(|r| matches!(r, Row::Seam(_))).collect::<Vec<_>>();
    let page = pager.page(&page_request("x", PageFrom::Newest, Direction::Older, 9)).unwrap();
    assert_eq!((is_gap(&page), page.end), (vec![false, true, false, false], true));
    let page = pager.page(&page_request("x", PageFrom::Newest, Direction::Older, 2)).unwrap();
    assert_eq!((is_gap(&page), page.end), (vec![false, false], false));
    let next = PageFrom::Beyond(page.rows[0].key());
    let page = pager.page(&page_request("x", next, Direction::Older, 2)).unwrap();
    assert_eq!((is_gap(&page), page.end), (vec![false, true], true));
}

fn records() -> impl Strategy<Value = Vec<Rec>> {
    let text = prop_oneof![
        "[ab ]{0,4}",
        Just("a\x1b[1mb\x1b[0m".to_owned()),
        Just("needle".to_owned()),
        Just("ne".to_owned()),
        Just("edle".to_owned()),
    ];
    let one = (0i64..4, any::<bool>(), 0..4, text).prop_map(|(step, err, end, text)| {
        let fd = if err { Fd::Stderr } else { Fd::Stdout };
        Rec { ts: step, fd, newline: end > 0, text: text.into() }
    });
    proptest::collection::vec(one, 1..40).prop_map(|mut recs| {
        let mut now = 10;
        for r in &mut recs {
            // Mostly forward, sometimes equal, sometimes one back.
            now += [0, 0, 1, -1][usize::try_from(r.ts).unwrap()];
            r.ts = now;
        }
        recs
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn search_and_pages_agree_with_the_oracle(
        logs in proptest::collection::vec(records(), 1..4),
        size in 1usize..12,
        n in 1usize..4,
        rows in 1usize..9,
        text in prop_oneof![
            Just("needle"), Just("ab"), Just("a -needle"), Just("-a"), Just("/^a|b$/"), Just("/x*/"),
            Just("\"b a\""), Just(""), Just("A"),
        ],
    ) {
        let memory = Memory::new(&logs, size);
        let query = Query::parse(text).unwrap();
        let lines = memory.lines();
        let mut expected: Vec<_> = lines.iter().filter(|l| query.is_match(&l.3)).collect();
        let ascending: Vec<Key> = expected.iter().map(|l| l.0).collect();
        expected.reverse();
        let (hits, outcome) = find(&memory, &request(text), n);
        let got: Vec<_> = hits.iter().map(|(key, hit)| (*key, hit.line.to_vec())).collect();
        let want: Vec<_> = expected.iter().map(|l| (l.0, l.3.clone())).collect();
        prop_assert_eq!(got, want);
        prop_assert_eq!(outcome.total, expected.len() as u64);

        if !query.is_empty() {
            let pager = Pager::new(memory, threads(n));
            for (start, direction) in
                [(PageFrom::Newest, Direction::Older), (PageFrom::Oldest, Direction::Newer)]
            {
                let (mut from, mut walked) = (start, Vec::<Key>::new());
                loop {
                    let page = pager.page(&page_request(text, from, direction, rows)).unwrap();
                    prop_assert!(page.rows.len() <= rows);
                    let mut keys: Vec<Key> = page.rows.iter().map(Row::key).collect();
                    if direction == Direction::Older {
                        keys.reverse();
                    }
                    walked.extend(&keys);
                    match keys.last() {
                        Some(last) if !page.end => from = PageFrom::Beyond(*last),
                        _ => break,
                    }
                }
                if direction == Direction::Older {
                    walked.reverse();
                }
                prop_assert_eq!(&walked, &ascending);
            }
        }
    }
}
