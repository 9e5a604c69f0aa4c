//! Addresses that count: `user%d@example.test`.

use posthaste_core::grammar::address::Address;

/// Digits that a counter is filled up to at most.
const DIGITS: usize = 20;

/// One address, or as many as a counter has numbers.
///
/// `%d` stands for a number, `%05d` for one filled up with zeros to five digits, `%%` for a percent sign.
#[derive(Clone, Debug)]
enum Pattern {
    Counts { before: String, after: String, digits: usize },
    Fixed(Address),
}

/// Addresses taken in turn.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    patterns: Vec<Pattern>,
    first: u64,
    count: u64,
}

impl Addresses {
    /// The addresses of these patterns, whose counters run through `range` (both ends included) again and
    /// again.
    ///
    /// # Errors
    /// Which pattern makes no address, and why.
    pub(super) fn new(patterns: &[String], range: (u64, u64)) -> Result<Self, String> {
        let (first, last) = range;
        let patterns = patterns.iter().map(|text| pattern(text, last)).collect::<Result<_, _>>()?;
        Ok(Self { patterns, first, count: (last - first).saturating_add(1) })
    }

    /// The address with this number in the turn: each pattern once, then each with its next number.
    ///
    /// `None` only where there are no patterns.
    pub(super) fn get(&self, number: u64) -> Option<Address> {
        let turns = self.patterns.len() as u64;
        let pattern = self.patterns.get(usize::try_from(number.checked_rem(turns)?).ok()?)?;
        let counter = self.first + (number / turns) % self.count;
        match pattern {
            Pattern::Fixed(address) => Some(address.clone()),
            Pattern::Counts { before, after, digits } => {
                format!("{before}{counter:0digits$}{after}").parse().ok()
            }
        }
    }
}

fn pattern(text: &str, last: u64) -> Result<Pattern, String> {
    let mut parts = [String::new(), String::new()];
    let mut digits = None;
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        let part = &mut parts[usize::from(digits.is_some())];
        part.push_str(before);
        if let Some(behind) = behind.strip_prefix('%') {
            part.push('%');
            rest = behind;
            continue;
        }
        let unknown = || format!("{text:?}: expected `%d`, `%05d` or `%%`");
        let (width, behind) = behind.split_once('d').ok_or_else(unknown)?;
        let filled = width.is_empty() || width.starts_with('0');
        let width = if width.is_empty() { Some(0) } else { width.parse().ok() };
        let width = width.filter(|width| filled && *width <= DIGITS).ok_or_else(unknown)?;
        if digits.replace(width).is_some() {
            return Err(format!("{text:?} has more than one counter"));
        }
        rest = behind;
    }
    parts[usize::from(digits.is_some())].push_str(rest);
    let [before, after] = parts;
    let address = |text: String| -> Result<Address, String> {
        text.parse().map_err(|error| format!("{text:?} is not an address: {error}"))
    };
    let Some(digits) = digits else { return Ok(Pattern::Fixed(address(before)?)) };
    // The longest is the one that might not be one.
    address(format!("{before}{last:0digits$}{after}"))?;
    Ok(Pattern::Counts { before, after, digits })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(patterns: &[&str], range: (u64, u64), count: u64) -> Vec<String> {
        let patterns: Vec<_> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let addresses = Addresses::new(&patterns, range).unwrap();
        (0..count).map(|number| addresses.get(number).unwrap().to_string()).collect()
    }

    #[test]
    fn counters_turn_round() {
        let all = ["u3@x.test", "u4@x.test", "u5@x.test", "u3@x.test"];
        assert_eq!(turns(&["u%d@x.test"], (3, 5), 4), all);
        assert_eq!(turns(&["u%03d@x.test"], (9, 10), 2), ["u009@x.test", "u010@x.test"]);
        assert_eq!(turns(&["u@h%d.test"], (0, u64::MAX), 2), ["u@h0.test", "u@h1.test"]);
    }

    #[test]
    fn patterns_take_turns() {
        let all = ["a@x.test", "b0@x.test", "a@x.test", "b1@x.test", "a@x.test", "b0@x.test"];
        assert_eq!(turns(&["a@x.test", "b%d@x.test"], (0, 1), 6), all);
    }

    #[test]
    fn percent_signs() {
        assert_eq!(turns(&["a%%b@x.test"], (0, 9), 1), ["a%b@x.test"]);
        assert_eq!(turns(&["a%%%d%%@x.test"], (0, 9), 1), ["a%0%@x.test"]);
    }

    #[test]
    fn what_is_no_pattern() {
        for (wrong, why) in [
            ("a%x@x.test", "expected `%d`"),
            ("a%", "expected `%d`"),
            ("a%5d@x.test", "expected `%d`"),
            ("a%099d@x.test", "expected `%d`"),
            ("a%d%d@x.test", "more than one counter"),
            ("a b@x.test", "not an address"),
            ("%d", "not an address"),
            ("u@h%01d-.test", "not an address"),
        ] {
            let error = Addresses::new(&[wrong.to_owned()], (0, 9)).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
        assert!(Addresses::new(&[], (0, 9)).unwrap().get(0).is_none());
    }
}
