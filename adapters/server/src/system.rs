//! What the system allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sees to it that so many files can be open, if the system lets us; says how many can be.
pub(crate) fn descriptors(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    match current {
        Some(current) if current < most => {
            let raised = Rlimit { current: Some(most), maximum };
            if setrlimit(Resource::Nofile, raised).is_ok() { most } else { current }
        }
        Some(current) => current,
        None => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_rise_and_never_fall() {
        let before = descriptors(0);
        let raised = descriptors(before + 1);
        assert!(raised == before || raised == before + 1);
        assert!(descriptors(0) >= before);
    }
}
