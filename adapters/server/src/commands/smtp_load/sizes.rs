//! How large messages are: all alike, or as a distribution has it.

use std::str::FromStr;

use crate::config::units::{SIZE_FORM, parse_size};
use crate::random::Random;

/// Octets of a message at most, whatever is asked for.
const MOST: u64 = 1 << 32;

/// What `--size` understands, for messages.
const FORM: &str =
    "expected a size (10 KiB), a range (1 KiB-100 KiB), lognormal:MEDIAN,SIGMA or mail";

/// The mix called `mail`: of so many in a hundred, the median and the deviation of the logarithm. Notes and
/// replies; newsletters; mail with attachments.
const MAIL: [(f64, f64, f64); 3] =
    [(0.72, 5_000.0, 0.9), (0.20, 45_000.0, 0.8), (0.08, 350_000.0, 1.3)];
/// Octets of a message of the mix at most: where most servers end.
const MAIL_MOST: f64 = 25e6;

/// How large messages are, header and all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sizes {
    /// All alike.
    Fixed(u64),
    /// As lengths of texts are: the logarithm is normally distributed.
    LogNormal {
        /// Half are smaller.
        median: f64,
        /// The deviation of the natural logarithm.
        sigma: f64,
    },
    /// A mix like that of real mail: most are small, and a few carry most octets.
    Mail,
    /// Anything between, both ends included.
    Uniform(u64, u64),
}

impl Sizes {
    /// The next message's.
    pub(super) fn pick(self, random: &mut Random) -> u64 {
        match self {
            Self::Fixed(size) => size,
            Self::LogNormal { median, sigma } => log_normal(median, sigma, MOST as f64, random),
            Self::Mail => {
                let mut place = random.fraction();
                let part = MAIL.iter().find(|(share, ..)| {
                    place -= share;
                    place < 0.0
                });
                let (_, median, sigma) = part.unwrap_or(&MAIL[0]);
                log_normal(*median, *sigma, MAIL_MOST, random)
            }
            Self::Uniform(least, most) => least + random.up_to(most - least),
        }
    }

    /// Whether large ones are to carry an attachment.
    pub(super) const fn is_mail(self) -> bool {
        matches!(self, Self::Mail)
    }
}

fn log_normal(median: f64, sigma: f64, most: f64, random: &mut Random) -> u64 {
    // A cast of what is too large, or no number, stops at the ends.
    (median * (sigma * random.normal()).exp()).min(most) as u64
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = |text: &str| parse_size(text).filter(|size| *size <= MOST);
        let read = || {
            if text == "mail" {
                return Some(Self::Mail);
            }
            if let Some(rest) = text.strip_prefix("lognormal:") {
                let (median, sigma) = rest.split_once(',')?;
                let sigma = sigma.trim().parse().ok().filter(|sigma| (0.0..=10.0).contains(sigma));
                return Some(Self::LogNormal { median: size(median)? as f64, sigma: sigma? });
            }
            if let Some((least, most)) = text.split_once('-') {
                let (least, most) = (size(least)?, size(most)?);
                return (least <= most).then_some(Self::Uniform(least, most));
            }
            size(text).map(Self::Fixed)
        };
        read().ok_or_else(|| format!("{FORM}; a size is {SIZE_FORM}, up to 4 GiB"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, sizes) in [
            ("10 KiB", Sizes::Fixed(10_240)),
            ("0", Sizes::Fixed(0)),
            ("1KiB-1MiB", Sizes::Uniform(1024, 1 << 20)),
            ("5-5", Sizes::Uniform(5, 5)),
            ("lognormal:4 KiB,1.2", Sizes::LogNormal { median: 4096.0, sigma: 1.2 }),
            ("mail", Sizes::Mail),
        ] {
            assert_eq!(text.parse(), Ok(sizes), "{text}");
        }
        for wrong in
            ["", "big", "5 GiB", "2-1", "1-", "lognormal:4 KiB", "lognormal:x,1", "lognormal:1,-1"]
        {
            let error = wrong.parse::<Sizes>().unwrap_err();
            assert!(error.contains("lognormal:MEDIAN,SIGMA"), "{wrong}: {error}");
        }
    }

    fn picked(sizes: Sizes) -> Vec<u64> {
        let mut random = Random::new(2);
        let mut picked: Vec<_> = (0..20_000).map(|_| sizes.pick(&mut random)).collect();
        picked.sort_unstable();
        picked
    }

    #[test]
    fn distributions() {
        assert!(picked(Sizes::Fixed(7)).iter().all(|size| *size == 7));
        let uniform = picked(Sizes::Uniform(10, 20));
        assert_eq!((uniform[0], uniform[10_000], uniform[19_999]), (10, 15, 20));
        let normal = picked(Sizes::LogNormal { median: 4_000.0, sigma: 1.0 });
        // The median, and where the distribution has its 16th and 84th percent: at median / e and * e.
        for (place, wanted) in [(3_173, 1_471.5), (10_000, 4_000.0), (16_827, 10_873.0)] {
            let got = normal[place] as f64;
            assert!((got / wanted - 1.0).abs() < 0.05, "{got} for {wanted}");
        }
    }

    /// Most messages are small, and most octets are in a few.
    #[test]
    fn the_mix_is_like_mail() {
        let mail = picked(Sizes::Mail);
        let octets = |part: &[u64]| part.iter().sum::<u64>() as f64;
        assert!((5_000..12_000).contains(&mail[10_000]), "{}", mail[10_000]);
        assert!(*mail.last().unwrap() <= 25_000_000);
        assert!(octets(&mail[18_000..]) > 0.7 * octets(&mail));
        let mean = octets(&mail) / 20_000.0;
        assert!((50_000.0..130_000.0).contains(&mean), "{mean}");
    }
}
