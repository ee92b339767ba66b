//! The query language: what matches, what is refused and where, and that no input breaks it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly, in their helpers too"
)]

use logcap_tui::search::{Query, QueryError};
use proptest::prelude::*;

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|e| panic!("{}", e.with_caret(text)))
}

fn error(text: &str) -> QueryError {
    Query::parse(text).expect_err(text)
}

#[test]
fn words_are_literal_and_all_must_occur() {
    for (text, line, expected) in [
        ("timeout db", "db: Timeout after 30s", true),
        ("timeout db", "timeout after 30s", false),
        ("[error] a.b(c)", "x [ERROR] in a.b(c)", true),
        ("a.b", "aXb", false),
        ("Timeout", "timeout", false),
        ("Timeout", "a Timeout", true),
        ("\"after 30\"", "timeout after 30s", true),
        ("\"after 30\"", "after  30", false),
        ("C:\\dir", "in C:\\dir", true),
        ("\"say \\\"hi\\\"\"", "they say \"hi\"", true),
        ("größe", "GRÖSSE GRÖßE", true),
        ("", "anything", true),
        ("  ", "", true),
        ("café", "CAFÉ", true),
        ("12:03", "at 12:03", true),
    ] {
        assert_eq!(query(text).is_match(line.as_bytes()), expected, "{text:?} in {line:?}");
    }
}

#[test]
fn exclusion_takes_either_sign_and_any_pattern() {
    for (text, line, expected) in [
        ("-debug", "DEBUG x", false),
        ("-debug", "info x", true),
        ("!debug x", "info x", true),
        ("error -\"health check\"", "error in health check", false),
        ("error -/health.?check/", "error in healthcheck", false),
        ("error !/health.?check/c", "error in HealthCheck", true),
        ("a-b", "a-b", true),
        ("--flag", "x -flag", false),
    ] {
        assert_eq!(query(text).is_match(line.as_bytes()), expected, "{text:?} in {line:?}");
    }
}

#[test]
fn regexes_have_smart_case_and_two_flags() {
    for (text, line, expected) in [
        ("/time(d )?out/", "TIMED OUT", true),
        ("/Time/", "time", false),
        ("/Time/i", "time", true),
        ("/time/c", "TIME", false),
        ("/\\W+x\\S/", "..XY", true),
        ("/^\\d{3}$/", "123", true),
        ("/^\\d{3}$/", "1234", false),
        ("/\\Aa\\z/", "a", true),
        ("/a b/", "a b", true),
        ("/a\\/b/", "a/b", true),
        ("/[A-Z]{2}\\d/", "ab1", false),
        ("/x*/", "none", true),
        ("/a\\nb/", "a\nb", false),
    ] {
        assert_eq!(query(text).is_match(line.as_bytes()), expected, "{text:?} in {line:?}");
    }
}

#[test]
fn every_fault_has_a_place_and_a_reason() {
    for (text, at, word) in [
        ("a \"b c", 2, "not closed"),
        ("x /ab", 2, "\"/ab\""),
        ("x /a(b/", 4, "unclosed group"),
        ("/a/x", 3, "only i"),
        ("/api/users", 5, "quote a path"),
        ("a - b", 2, "nothing follows"),
        ("!", 0, "nothing follows"),
        ("\"\"", 0, "empty"),
        ("//", 0, "empty"),
        ("\"a\"b", 3, "space"),
        ("/\\p{Nope}/", 1, "Unicode"),
        ("/(\\w{500}){500}/", 1, "too big"),
        ("-\"x", 1, "not closed"),
    ] {
        let error = error(text);
        assert_eq!(error.at, at, "{text:?}: {error:?}");
        assert!(error.reason.contains(word), "{text:?}: {error:?}");
        assert!(!error.reason.contains('\n'), "{text:?}: {error:?}");
    }
    let text = "größe /a(b/";
    let shown = error(text).with_caret(text);
    assert_eq!(shown.lines().nth(1), Some("        ^"), "{shown}");
}

#[test]
fn colour_does_not_hide_a_match_and_ranges_are_raw() {
    let line = b"\x1b[31mti\x1b[1mmeout\x1b[0m in db";
    let q = query("timeout db");
    assert!(q.is_match(line));
    let found: Vec<&[u8]> = q.ranges(line).into_iter().map(|r| &line[r]).collect();
    assert_eq!(found, [&b"ti\x1b[1mmeout"[..], b"db"]);
    assert!(!query("31m").is_match(line));
}

#[test]
fn ranges_are_merged_and_leave_out_exclusions() {
    let q = query("abc bcd -zzz /x*/");
    assert_eq!(q.ranges(b"abcd abc xx"), [0..4, 5..8, 9..11]);
    assert!(query("").ranges(b"abc").is_empty());
}

#[test]
fn bytes_that_are_not_text_are_searched_all_the_same() {
    let line = b"\xff\xfe needle \x00\xff";
    assert!(query("needle").is_match(line));
    assert!(query("/need.e/").is_match(line));
    assert!(query("Needle -x").is_match(b"\xffNeedle"));
}

fn typed() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("/".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("-".to_owned()),
        Just("!".to_owned()),
        Just(" ".to_owned()),
        Just("(".to_owned()),
        Just("[a-Z]".to_owned()),
        Just("{3,}".to_owned()),
        Just("\x1b[1m".to_owned()),
        "[a-cA-C.*?^$|é]{1,3}",
        ".{0,3}",
    ];
    proptest::collection::vec(pieces, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_input_breaks_it_and_what_is_shown_parses_to_the_same(
        text in typed(), line in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        match Query::parse(&text) {
            Ok(query) => {
                let again = Query::parse(&query.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&query), "shown as {}", query);
                let matches = query.is_match(&line);
                prop_assert_eq!(again.unwrap().is_match(&line), matches);
                for range in query.ranges(&line) {
                    prop_assert!(range.start < range.end && range.end <= line.len());
                }
            }
            Err(error) => {
                prop_assert!(text.get(error.at..error.at + error.len).is_some(), "{:?}", error);
                error.with_caret(&text);
            }
        }
    }

    #[test]
    fn a_quoted_phrase_finds_itself(phrase in "[ -~]{1,20}") {
        let escaped = phrase.replace('\\', "\\\\").replace('"', "\\\"");
        let query = Query::parse(&format!("\"{escaped}\"")).unwrap();
        let line = format!("<{phrase}>");
        prop_assert!(query.is_match(line.as_bytes()));
    }
}

#[test]
fn a_level_takes_its_lines_and_all_worse_ones() {
    let query = Query::parse("level:warn -noise").unwrap();
    assert!(query.is_match(b"WARN disk is nearly full"));
    assert!(query.is_match(b"level=error msg=\"disk is full\""));
    assert!(!query.is_match(b"INFO all is well"));
    assert!(!query.is_match(b"ERROR noise"));
    assert!(query.ranges(b"WARN disk").is_empty(), "a level is no text to highlight");
    assert_eq!(query.to_string(), "level:warn -noise");
    let error = Query::parse("level:loud").unwrap_err();
    assert_eq!((error.at, error.len), (6, 4));
    assert_eq!(Query::parse("\"level:x\"").unwrap().to_string(), "\"level:x\"");
}
