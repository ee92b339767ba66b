//! Ground truth: the records that the daemon itself has on disk, read past its API. Needs root and
//! the json-file driver.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use logcap_tui::model::{Fd, Timestamp};
use serde::Deserialize;

use super::oracle::OracleLine;

/// One record as the daemon stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TruthRecord {
    /// Which output.
    pub(crate) fd: Fd,
    /// The daemon's stamp.
    pub(crate) ts: Timestamp,
    /// The bytes without the final newline.
    pub(crate) text: Vec<u8>,
    /// Whether it ended a line; a chunk of a longer line does not.
    pub(crate) newline: bool,
}

#[derive(Deserialize)]
struct JsonRecord {
    log: String,
    stream: String,
    time: String,
}

/// The folder of a container.
pub(crate) fn folder(root: &Path, id: &str) -> PathBuf {
    root.join("containers").join(id)
}

/// All records of a container, oldest first, over all rotated files. A file that is rotated while
/// this reads can be seen twice or not at all, so read the truth when the container is quiet.
pub(crate) fn read(root: &Path, id: &str) -> Vec<TruthRecord> {
    let current = folder(root, id).join(format!("{id}-json.log"));
    let rotated = |n: u32| {
        let plain = PathBuf::from(format!("{}.{n}", current.display()));
        let packed = PathBuf::from(format!("{}.{n}.gz", current.display()));
        [plain, packed].into_iter().find(|p| p.exists())
    };
    let mut files: Vec<_> = (1..).map_while(rotated).collect();
    files.reverse();
    files.push(current);
    files.iter().flat_map(|file| records(&contents(file))).collect()
}

/// The last records of one file; the first of them may be a part of a line.
pub(crate) fn tail(file: &Path) -> Vec<TruthRecord> {
    const BYTES: u64 = 1 << 20;
    let mut open = std::fs::File::open(file).unwrap();
    let from = open.metadata().unwrap().len().saturating_sub(BYTES);
    open.seek(SeekFrom::Start(from)).unwrap();
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).unwrap();
    records(&bytes)
}

/// Whole lines of a container with a terminal, which ends them by `\r\n`: neither byte is content.
pub(crate) fn terminal_lines(records: &[TruthRecord]) -> Vec<OracleLine> {
    let mut lines = lines(records);
    for line in &mut lines {
        if line.text.last() == Some(&b'\r') {
            line.text.pop();
        }
    }
    lines
}

/// Whole lines: the chunks of a long line joined by output and stamp, as a reader shows them.
pub(crate) fn lines(records: &[TruthRecord]) -> Vec<OracleLine> {
    let mut lines: Vec<OracleLine> = Vec::new();
    let mut open: [Option<usize>; 2] = [None, None];
    for record in records {
        let slot = &mut open[record.fd as usize];
        if let Some(at) = slot.filter(|at| lines[*at].ts == record.ts) {
            lines[at].text.extend_from_slice(&record.text);
        } else {
            *slot = Some(lines.len());
            lines.push(OracleLine { fd: record.fd, ts: record.ts, text: record.text.clone() });
        }
        if record.newline {
            *slot = None;
        }
    }
    lines
}

fn contents(file: &Path) -> Vec<u8> {
    if file.extension().is_some_and(|e| e == "gz") {
        let unpack = Command::new("gzip").arg("-dc").arg(file).stdout(Stdio::piped()).spawn();
        let mut bytes = Vec::new();
        let mut unpack = unpack.unwrap();
        unpack.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
        unpack.wait().unwrap();
        return bytes;
    }
    std::fs::read(file).unwrap_or_default()
}

/// Decodes what is decodable: the last line may be half written, and tests corrupt files.
pub(crate) fn records(bytes: &[u8]) -> Vec<TruthRecord> {
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let decoded = lines.filter_map(|line| serde_json::from_slice::<JsonRecord>(line).ok());
    decoded
        .map(|r| TruthRecord {
            fd: if r.stream == "stderr" { Fd::Stderr } else { Fd::Stdout },
            ts: timestamp(&r.time),
            newline: r.log.ends_with('\n'),
            text: r.log.strip_suffix('\n').unwrap_or(&r.log).as_bytes().to_vec(),
        })
        .collect()
}

/// RFC 3339 to nanoseconds.
pub(crate) fn timestamp(text: &str) -> Timestamp {
    let time: jiff::Timestamp = text.parse().expect("RFC 3339");
    Timestamp(i64::try_from(time.as_nanosecond()).unwrap())
}

#[test]
fn chunks_of_one_line_are_joined_and_streams_kept_apart() {
    let json = r#"{"log":"aa","stream":"stdout","time":"2026-01-02T03:04:05.1Z"}
{"log":"err\n","stream":"stderr","time":"2026-01-02T03:04:05.1Z"}
{"log":"bb\n","stream":"stdout","time":"2026-01-02T03:04:05.1Z"}
{"log":"half"#;
    let records = records(json.as_bytes());
    assert_eq!(records.len(), 3);
    let lines = lines(&records);
    assert_eq!(lines.iter().map(|l| &l.text[..]).collect::<Vec<_>>(), [&b"aabb"[..], b"err"]);
}
