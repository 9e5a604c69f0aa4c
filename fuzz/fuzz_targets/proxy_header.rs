#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| posthaste_tests::fuzz::proxy::header(octets));
