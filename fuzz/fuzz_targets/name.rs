#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| careplan_protocol::standard::fuzzing::name(data));
