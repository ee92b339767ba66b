//! LEB128 varints and zigzag: small numbers in few bytes. Nothing else.

/// Appends `n`.
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push((n & 0x7f) as u8);
}

/// Takes a number from the front; `None` when it is cut short or longer than ten bytes.
pub(crate) fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut n = 0_u64;
    for shift in (0..70).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        n |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

/// Maps small negative numbers to small positive ones.
pub(crate) fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}
