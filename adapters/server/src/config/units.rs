//! Sizes and durations as people write them: `"50 MiB"`, `"10 KB"`, `"30s"`, `"14d"`.

use std::time::Duration;

const SIZES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
    ("", 1),
];

const DURATIONS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What [`parse_size`] understands, for messages.
pub(crate) const SIZE_FORM: &str = "a size such as \"50 MiB\", \"10 KB\" or 4096";
/// What [`parse_duration`] understands, for messages.
pub(crate) const DURATION_FORM: &str = "a duration such as \"30s\", \"5m\", \"4h\" or \"14d\"";

/// Octets. The unit's case does not matter; without one the number counts octets.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, octets) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*octets)
}

/// A duration always has a unit: a bare number would be a guess.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, millis) = DURATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*millis).map(Duration::from_millis)
}

/// The shortest exact form.
pub(crate) fn show_size(octets: u64) -> String {
    let (unit, each) = SIZES[..3]
        .iter()
        .find(|(_, each)| octets >= *each && octets.is_multiple_of(*each))
        .unwrap_or(&("B", 1));
    format!("{} {unit}", octets / each)
}

/// The shortest exact form.
pub(crate) fn show_duration(wait: Duration) -> String {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let (unit, each) = DURATIONS
        .iter()
        .find(|(_, each)| millis >= *each && millis.is_multiple_of(*each))
        .unwrap_or(&("ms", 1));
    format!("{}{unit}", millis / each)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("50 MiB"), Some(50 << 20));
        assert_eq!(parse_size("10 KB"), Some(10_000));
        assert_eq!(parse_size("10kib"), Some(10_240));
        assert_eq!(parse_size("4096"), Some(4096));
        for wrong in
            ["", "MiB", "5 apples", "-1", "1.5 MiB", "99999999999999999999", "999999999999 GiB"]
        {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
        assert_eq!(show_size(50 << 20), "50 MiB");
        assert_eq!(show_size(10_000), "10000 B");
        assert_eq!(show_size(0), "0 B");
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("14 d"), Some(Duration::from_secs(14 * 86_400)));
        assert_eq!(parse_duration("50ms"), Some(Duration::from_millis(50)));
        for wrong in ["", "30", "s", "1y"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        assert_eq!(show_duration(Duration::from_secs(300)), "5m");
        assert_eq!(show_duration(Duration::from_millis(1500)), "1500ms");
    }

    /// What is shown can be written back.
    #[test]
    fn shown_and_read_again() {
        for octets in [0, 1, 1000, 1024, 10_240, 1 << 30, (1 << 30) + 1] {
            assert_eq!(parse_size(&show_size(octets)), Some(octets));
        }
        for millis in [0, 1, 999, 1000, 60_000, 90_000, 86_400_000] {
            let wait = Duration::from_millis(millis);
            assert_eq!(parse_duration(&show_duration(wait)), Some(wait));
        }
    }
}
