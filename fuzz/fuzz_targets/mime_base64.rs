#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| posthaste_tests::fuzz::transfer::base64(octets));
