//! What must hold of the block codec for any bytes. The codec is private to the store, so its files
//! are compiled in here, below a `crate::model` that whoever includes this has to offer.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "only the codec is used")]

#[path = "../../src/store/codec.rs"]
mod codec;
#[path = "../../src/store/flags.rs"]
mod flags;
#[path = "../../src/store/varint.rs"]
mod varint;

use flags::Flags;

/// No panic on any body, and what decodes is what was encoded.
pub(crate) fn check(data: &[u8]) {
    decode(data);
    round_trip(data);
}

/// Any bytes with a checksum that fits: refused, or decoded to records that survive a round trip.
fn decode(body: &[u8]) {
    assert!(codec::open(body, crc32c::crc32c(body) ^ 1).is_err(), "a wrong checksum is refused");
    let Ok(opened) = codec::open(body, crc32c::crc32c(body)) else { return };
    let Ok(content) = opened.content() else { return };
    assert_eq!(content.ends.len(), content.times.len());
    assert_eq!(content.flags.len(), content.times.len());
    let lengths: usize = (0..content.len()).map(|index| content.bytes(index).len()).sum();
    assert_eq!(lengths + content.len().saturating_sub(1), content.text.len());
    let again = codec::Encoder::new().unwrap().encode(&content).unwrap();
    let back = codec::open(&again.bytes, again.checksum).unwrap().content().unwrap();
    assert_eq!((back.text, back.ends), (content.text, content.ends));
    assert_eq!((back.times, back.flags), (content.times, content.flags));
}

/// The bytes as records: a length, a flag byte and eight bytes of time before each.
fn round_trip(mut data: &[u8]) {
    let mut content = codec::Content::default();
    let mut records = Vec::new();
    while let Some((&[length, flags], rest)) = data.split_first_chunk::<2>() {
        let (time, rest) = rest.split_first_chunk::<8>().unwrap_or((&[0; 8], rest));
        let (bytes, rest) = rest.split_at(usize::from(length).min(rest.len()));
        content.push(bytes, i64::from_le_bytes(*time), Flags(flags));
        records.push(bytes);
        data = rest;
    }
    let body = codec::Encoder::new().unwrap().encode(&content).unwrap();
    let opened = codec::open(&body.bytes, body.checksum).unwrap();
    let back = opened.content().unwrap();
    assert_eq!(back, content);
    for (index, bytes) in records.iter().enumerate() {
        assert_eq!(back.bytes(index), *bytes);
    }
    let later = opened.later();
    assert_eq!(later.opened().times().unwrap(), content.times);
    assert_eq!(later.opened().ends(&content.text).unwrap(), content.ends);
}
