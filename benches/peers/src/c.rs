//! The parsers written in C, where they were there to be linked.

/// What Dovecot's parser is asked for.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum Asked {
    Structure,
    Fetched,
    Full,
}

#[cfg(gmime)]
pub fn gmime(full: bool) -> Option<Box<dyn FnMut(&[u8]) -> usize>> {
    unsafe extern "C" {
        fn peers_gmime(bytes: *const u8, size: usize, full: i32) -> usize;
    }
    // SAFETY: it reads these octets and keeps nothing of them.
    Some(Box::new(move |bytes| unsafe { peers_gmime(bytes.as_ptr(), bytes.len(), full.into()) }))
}

#[cfg(not(gmime))]
pub fn gmime(_: bool) -> Option<Box<dyn FnMut(&[u8]) -> usize>> {
    None
}

#[cfg(dovecot)]
pub fn dovecot(asked: Asked) -> Option<Box<dyn FnMut(&[u8]) -> usize>> {
    unsafe extern "C" {
        fn peers_dovecot(bytes: *const u8, size: usize, what: i32) -> usize;
    }
    // SAFETY: it reads these octets and keeps nothing of them.
    Some(Box::new(move |bytes| unsafe { peers_dovecot(bytes.as_ptr(), bytes.len(), asked as i32) }))
}

#[cfg(not(dovecot))]
pub fn dovecot(_: Asked) -> Option<Box<dyn FnMut(&[u8]) -> usize>> {
    None
}
