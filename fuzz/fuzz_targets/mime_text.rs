#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| posthaste_tests::fuzz::mime_content::text(octets));
