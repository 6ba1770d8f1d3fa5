#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| iapeer_lifecycle::fuzzing::run("journal", bytes));
