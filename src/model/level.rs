//! Guesses the severity of a line from its text, fast enough to run on every line at ingest.
//!
//! It looks at the first two hundred bytes and takes the first hit: an upper-case word (`ERROR`),
//! a word in a mark (`[error]`, `error:`), the value of a level key (`level=warn`,
//! `"severity":"ERROR"`, pino's `"level":50`) or a klog head (`E0105 `). A word inside prose
//! ("no error occurred") says nothing about the line, so lower-case words need such a mark.

use super::line::Level;

const LOOK_AT: usize = 200;

/// Words, matched without regard to case; longer forms stand before their beginnings.
const WORDS: [(&[u8], Level); 20] = [
    (b"information", Level::Info),
    (b"emergency", Level::Fatal),
    (b"critical", Level::Fatal),
    (b"warning", Level::Warn),
    (b"notice", Level::Info),
    (b"severe", Level::Error),
    (b"trace", Level::Trace),
    (b"debug", Level::Debug),
    (b"error", Level::Error),
    (b"fatal", Level::Fatal),
    (b"alert", Level::Fatal),
    (b"emerg", Level::Fatal),
    (b"panic", Level::Fatal),
    (b"info", Level::Info),
    (b"warn", Level::Warn),
    (b"crit", Level::Fatal),
    (b"dbg", Level::Debug),
    (b"inf", Level::Info),
    (b"wrn", Level::Warn),
    (b"err", Level::Error),
];

/// The severity that a line names, if it does.
pub fn guess(line: &[u8]) -> Option<Level> {
    let line = line.get(..LOOK_AT).unwrap_or(line);
    if let Some(level) = klog(line) {
        return Some(level);
    }
    let mut at = 0;
    let mut before = b' ';
    while let Some(&byte) = line.get(at) {
        if byte == 0x1b {
            at += escape_len(line.get(at..).unwrap_or_default());
            before = b' ';
            continue;
        }
        if byte.is_ascii_alphabetic() && !is_word(before) {
            let rest = line.get(at..).unwrap_or_default();
            if can_begin(byte)
                && let Some(level) = word_at(line, at, rest)
            {
                return Some(level);
            }
            at += rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len());
            before = b'x';
            continue;
        }
        before = byte;
        at += 1;
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn can_begin(byte: u8) -> bool {
    matches!(byte | 0x20, b'i' | b'e' | b'c' | b'w' | b'n' | b's' | b't' | b'd' | b'f' | b'a')
        || matches!(byte | 0x20, b'p' | b'l')
}

/// `I0105 12:00:00...`, as klog and glog write it.
fn klog(line: &[u8]) -> Option<Level> {
    let (first, rest) = line.split_first()?;
    let level = match first {
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    };
    let (digits, rest) = rest.split_at_checked(4)?;
    (digits.iter().all(u8::is_ascii_digit) && rest.first() == Some(&b' ')).then_some(level)
}

/// Length of the escape sequence at the front: `ESC [ parameters letter`.
fn escape_len(text: &[u8]) -> usize {
    if text.get(1) != Some(&b'[') {
        return 1;
    }
    let body = text.get(2..).unwrap_or_default();
    body.iter().position(|b| (0x40..=0x7e).contains(b)).map_or(text.len(), |end| end + 3)
}

fn word_at(line: &[u8], at: usize, rest: &[u8]) -> Option<Level> {
    if rest.first().is_some_and(|b| b | 0x20 == b'l') {
        return numeric(rest);
    }
    let initial = rest.first()? | 0x20;
    let hit = |word: &[u8]| {
        word.first() == Some(&initial)
            && rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
            && !rest.get(word.len()).is_some_and(|next| is_word(*next))
    };
    let (word, level) = WORDS.iter().find(|(word, _)| hit(word))?;
    let text = rest.get(..word.len())?;
    let before = line.get(..at).unwrap_or_default();
    let after = rest.get(word.len()..).unwrap_or_default();
    (is_loud(text, after) || is_marked(before, after) || is_value(before)).then_some(*level)
}

/// Upper case, and not the name of a field (`ERROR=3`).
fn is_loud(word: &[u8], after: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_uppercase) && !matches!(after.first(), Some(b'=' | b'"'))
}

/// `[error]`, `<warn>`, `error:` at the begin of the line.
fn is_marked(before: &[u8], after: &[u8]) -> bool {
    matches!(
        (before.last(), after.first()),
        (Some(b'['), Some(b']' | b':' | b' '))
            | (Some(b'<'), Some(b'>'))
            | (Some(b'('), Some(b')'))
            | (Some(b'|'), Some(b'|'))
            | (None, Some(b':'))
    )
}

/// Whether what stands before is a level key: `level=`, `"lvl":"`, `severity: `.
fn is_value(before: &[u8]) -> bool {
    let is_filler = |b: &u8| matches!(b, b'"' | b'\'' | b':' | b'=' | b' ');
    let end = before.iter().rposition(|b| !is_filler(b)).map_or(0, |at| at + 1);
    let (key, filler) = before.split_at(end);
    let keys: [&[u8]; 3] = [b"level", b"lvl", b"severity"];
    let ends = |key: &[u8], word: &[u8]| {
        key.len() >= word.len()
            && key.get(key.len() - word.len()..).is_some_and(|k| k.eq_ignore_ascii_case(word))
    };
    filler.iter().any(|b| matches!(b, b':' | b'=')) && keys.iter().any(|word| ends(key, word))
}

/// pino and bunyan write `"level":30`.
fn numeric(rest: &[u8]) -> Option<Level> {
    let digits = rest.strip_prefix(b"level\":")?;
    match (digits.first()?, digits.get(1)?) {
        (b'1', b'0') => Some(Level::Trace),
        (b'2', b'0') => Some(Level::Debug),
        (b'3', b'0') => Some(Level::Info),
        (b'4', b'0') => Some(Level::Warn),
        (b'5', b'0') => Some(Level::Error),
        (b'6', b'0') => Some(Level::Fatal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_are_found_where_programs_write_them() {
        let cases: [(&[u8], Option<Level>); 22] = [
            (b"ERROR something", Some(Level::Error)),
            (b"2026-01-02T03:04:05Z WARN  pool", Some(Level::Warn)),
            (b"time=x level=warn msg=\"an error\"", Some(Level::Warn)),
            (b"{\"ts\":1,\"level\":\"warning\",\"msg\":\"x\"}", Some(Level::Warn)),
            (b"{\"severity\": \"ERROR\"}", Some(Level::Error)),
            (b"{\"level\":50,\"time\":1}", Some(Level::Error)),
            (b"[error] 1#1: bind() failed", Some(Level::Error)),
            (b"2026/01/02 03:04:05 [notice] 1#1: start", Some(Level::Info)),
            (b"\x1b[31mERROR\x1b[0m boom", Some(Level::Error)),
            (b"\x1b[2m2026\x1b[0m \x1b[32m INFO\x1b[0m x", Some(Level::Info)),
            (b"E0105 12:00:00.1 main.go:1] x", Some(Level::Error)),
            (b"error: could not compile", Some(Level::Error)),
            (b"postgres FATAL:  password", Some(Level::Fatal)),
            (b"[WRN] slow", Some(Level::Warn)),
            (b"<warn> x", Some(Level::Warn)),
            (b"no error occurred", None),
            (b"INFORMATIONAL", None),
            (b"terror MYERROR ERRORS", None),
            (b"{\"error\":null}", None),
            (b"GET /debug 200", None),
            (b"", None),
            (b"\x1b[", None),
        ];
        for (line, level) in cases {
            assert_eq!(guess(line), level, "{}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = guess(&line);
        }
    }
}
