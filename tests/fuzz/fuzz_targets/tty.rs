//! Feeds arbitrary bytes to `checks::tty`.
#![no_main]

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::tty(data));
