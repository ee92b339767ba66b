//! Rust source reduced to what the architecture rules look at: comments, string contents and test
//! modules are blanked, line breaks stay, so that line numbers remain true.
//!
//! This is a scanner for literals and comments, not a parser: it needs to be right about where a
//! string ends and to tell a lifetime from a character, and about nothing else.

/// The text without comments and test modules, with the contents of strings blanked.
pub(crate) fn code(text: &str) -> String {
    without_tests(&blank(text, true))
}

/// The same with strings left as they are.
pub(crate) fn code_with_strings(text: &str) -> String {
    let code = without_tests(&blank(text, true));
    let with_strings = blank(text, false);
    // Test modules were found by braces outside strings; what is blank there goes here too.
    let end = code.trim_end().chars().count();
    with_strings.chars().take(end).collect()
}

/// Replaces everything from the first `#[cfg(test)] mod` on; such modules stand last in a file.
fn without_tests(code: &str) -> String {
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]").map(|at| at + from) {
        let rest = code[at + "#[cfg(test)]".len()..].trim_start();
        if rest.starts_with("mod ") || rest.starts_with("#[") {
            return code[..at].to_owned();
        }
        from = at + 1;
    }
    code.to_owned()
}

fn blank(text: &str, strings: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out: Vec<char> = chars.clone();
    let mut i = 0;
    while i < chars.len() {
        let end = match (chars[i], chars.get(i + 1)) {
            ('/', Some('/')) => wipe(&mut out, i, find(&chars, i, |c| c == '\n')),
            ('/', Some('*')) => {
                let end = block_comment_end(&chars, i);
                wipe(&mut out, i, end)
            }
            ('"', _) => {
                let end = string_end(&chars, i + 1);
                if strings {
                    wipe(&mut out, i + 1, end.saturating_sub(1));
                }
                end
            }
            ('r', _) if raw_string(&chars, i).is_some() && !word_before(&chars, i) => {
                let (start, end) = raw_string(&chars, i).unwrap_or((i, i + 1));
                if strings {
                    wipe(&mut out, start, end);
                }
                end
            }
            ('\'', Some(next)) => char_end(&chars, i, *next),
            _ => i + 1,
        };
        i = end.max(i + 1);
    }
    out.into_iter().collect()
}

fn wipe(out: &mut [char], from: usize, to: usize) -> usize {
    for c in out.iter_mut().take(to).skip(from).filter(|c| **c != '\n') {
        *c = ' ';
    }
    to
}

fn find(chars: &[char], from: usize, is: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|i| is(chars[*i])).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], mut i: usize) -> usize {
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// Whether a raw string begins at `r`: where its content begins and where the literal ends.
fn raw_string(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let quote = find(chars, at + 1, |c| c != '#');
    let hashes = quote - at - 1;
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let ends = |i: &usize| {
        chars[*i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    let end = (quote + 1..chars.len()).find(ends)?;
    Some((quote + 1, end + 1 + hashes))
}

fn word_before(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| chars.get(i));
    before.is_some_and(|c| (c.is_alphanumeric() && *c != 'b') || *c == '_')
}

fn char_end(chars: &[char], at: usize, next: char) -> usize {
    if next == '\\' {
        return find(chars, at + 3, |c| c == '\'') + 1;
    }
    // `'a'` is a character, `'a` a lifetime.
    if chars.get(at + 2) == Some(&'\'') { at + 3 } else { at + 1 }
}

#[test]
fn comments_and_strings_are_blank_and_lines_stay() {
    let text = "let a = \"tokio::spawn \\\" x\"; // tokio::spawn\n/* b /* c */ d */ let l: &'a str = r#\"e\"#;\nlet q = '\"'; let s = \"f\";";
    let code = code(text);
    assert_eq!(code.lines().count(), 3);
    assert!(!code.contains("spawn") && !code.contains(['b', 'c', 'd', 'f']), "{code}");
    assert!(code.contains("&'a str") && code.contains("let q = '\"'; let s = \" \";"), "{code}");
}

#[test]
fn test_modules_are_cut_and_strings_can_be_kept() {
    let text =
        "fn a() { \"POST\" }\n#[cfg(test)]\nfn helper() {}\n#[cfg(test)]\nmod tests { fn b() {} }";
    assert!(code(text).contains("helper") && !code(text).contains("fn b"));
    assert!(code_with_strings(text).contains("\"POST\""));
    assert!(!code_with_strings(text).contains("fn b"));
}
