//! Feeds arbitrary bytes to `store::check`.
#![no_main]

/// The paths that the store's files expect.
mod model {
    pub(crate) use logcap_tui::model::*;
}

#[path = "../store.rs"]
mod store;

libfuzzer_sys::fuzz_target!(|data: &[u8]| store::check(data));
