//! Log answers taken apart by hand, for tests in which the bytes themselves matter: HTTP chunks and
//! stdcopy frames. Written apart from the program's own decoder, so that both can be wrong only
//! independently.

/// The chunks of a chunked answer, and whether the final chunk came.
pub(crate) fn chunks(raw: &[u8]) -> (Vec<&[u8]>, bool) {
    let head = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let (mut rest, mut chunks) = (&raw[head..], Vec::new());
    while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (chunks, true);
        }
        let Some(chunk) = rest.get(line + 2..line + 2 + size) else { break };
        chunks.push(chunk);
        rest = &rest[line + 2 + size + 2..];
    }
    (chunks, false)
}

/// stdcopy frames as (kind, payload), and what is left over.
pub(crate) fn frames(mut bytes: &[u8]) -> (Vec<(u8, String)>, usize) {
    let mut frames = Vec::new();
    while let [kind, 0, 0, 0, a, b, c, d, rest @ ..] = bytes {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let Some((payload, after)) = rest.split_at_checked(length) else { break };
        frames.push((*kind, String::from_utf8_lossy(payload).into_owned()));
        bytes = after;
    }
    (frames, bytes.len())
}

/// The payloads of frames without timestamps.
pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    frames(bytes).0.into_iter().map(|(_, line)| line.trim_end().to_owned()).collect()
}
