//! What stands between a program's write and a record: the daemon's copier, or Podman's conmon.
//! Pure.
//!
//! Docker reads an output line by line. What has no newline yet is no record before it fills the
//! buffer or the run ends, and all pieces of a line carry the time of the first. Podman's conmon
//! stamps whatever one read of at most 8,192 bytes brought: every line in it, and the rest as a piece,
//! so that a line has as many timestamps as it took reads, and is visible before it ends.

use bytes::Bytes;

use crate::model::Timestamp;

use super::profile::Profile;
use super::record::{CHUNK, PODMAN_CHUNK};

/// A record to be: its bytes, whether it ends its line, its time.
pub(super) type Piece = (Bytes, bool, Timestamp);

/// One output of a container between two writes.
#[derive(Debug, Default)]
pub(super) struct Copier {
    open: Vec<u8>,
    /// The time of the line's pieces so far, if there are any.
    stamp: Option<Timestamp>,
}

impl Copier {
    /// The records that this write completes. `now` is asked once for every time that is stamped.
    pub(super) fn copy(
        &mut self,
        bytes: &[u8],
        profile: Profile,
        mut now: impl FnMut() -> Timestamp,
    ) -> Vec<Piece> {
        if profile.is_podman() {
            return bytes.chunks(PODMAN_CHUNK).flat_map(|read| as_read(read, now())).collect();
        }
        let mut pieces = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                let stamp = self.stamp.take().unwrap_or_else(&mut now);
                pieces.push((std::mem::take(&mut self.open).into(), true, stamp));
                continue;
            }
            self.open.push(*byte);
            if self.open.len() == CHUNK {
                let stamp = *self.stamp.get_or_insert_with(&mut now);
                pieces.push((std::mem::take(&mut self.open).into(), false, stamp));
            }
        }
        pieces
    }

    /// What is left when the output closes.
    pub(super) fn close(&mut self, now: Timestamp) -> Option<Piece> {
        let stamp = self.stamp.take().unwrap_or(now);
        let rest = std::mem::take(&mut self.open);
        (!rest.is_empty()).then(|| (rest.into(), false, stamp))
    }
}

/// The lines and the unfinished rest of one read.
fn as_read(read: &[u8], stamp: Timestamp) -> impl Iterator<Item = Piece> {
    read.split_inclusive(|byte| *byte == b'\n').map(move |part| {
        let line = part.strip_suffix(b"\n");
        (Bytes::copy_from_slice(line.unwrap_or(part)), line.is_some(), stamp)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(profile: Profile, writes: &[&[u8]]) -> Vec<(usize, bool, i64)> {
        let (mut copier, mut clock) = (Copier::default(), 0);
        let mut now = || {
            clock += 1;
            Timestamp(clock)
        };
        let mut pieces: Vec<_> =
            writes.iter().flat_map(|write| copier.copy(write, profile, &mut now)).collect();
        pieces.extend(copier.close(Timestamp(99)));
        pieces.iter().map(|(bytes, newline, ts)| (bytes.len(), *newline, ts.0)).collect()
    }

    #[test]
    fn docker_waits_for_the_newline_and_stamps_a_line_once() {
        let long = vec![b'x'; 20_000];
        let got = shapes(Profile::Moby29, &[b"ab", b"c\nd", &long, b"e\n", b"rest"]);
        assert_eq!(got, [(3, true, 1), (CHUNK, false, 2), (3_618, true, 2), (4, false, 99)]);
        let exact = [&long[..CHUNK], b"\n"];
        assert_eq!(shapes(Profile::Moby29, &exact), [(CHUNK, false, 1), (0, true, 1)]);
    }

    #[test]
    fn podman_stamps_what_one_read_brought() {
        let got = shapes(Profile::Podman4, &[b"a\nb\nrest", &[b'x'; 10_000]]);
        let expected =
            [(1, true, 1), (1, true, 1), (4, false, 1), (8_192, false, 2), (1_808, false, 3)];
        assert_eq!(got, expected);
    }
}
