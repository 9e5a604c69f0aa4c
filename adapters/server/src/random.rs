//! Random numbers for load and for sinks: fast, repeatable from a seed, and no secret to anybody.

/// The generator xoshiro256++ by David Blackman and Sebastiano Vigna, seeded by SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random([u64; 4]);

impl Random {
    /// The numbers of this seed.
    pub(crate) fn new(mut seed: u64) -> Self {
        Self(std::array::from_fn(|_| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = seed;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ (word >> 31)
        }))
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let number = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        number
    }

    /// A number from 0 to `most`, each as likely but for what 128 bits cannot divide.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        let range = u128::from(most) + 1;
        // The upper half of the product is below the range.
        ((u128::from(self.next()) * range) >> 64) as u64
    }

    /// A number from 0 to 1, without 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Yes, with this likelihood.
    pub(crate) fn chance(&mut self, likelihood: f64) -> bool {
        self.fraction() < likelihood
    }

    /// A number of the exponential distribution with mean 1: what parts events that do not know of each
    /// other.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.fraction()).ln()
    }

    /// A number of the normal distribution around 0 with deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.fraction()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [(); 8].map(|()| random.next())
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn means_are_what_they_should_be() {
        let mut random = Random::new(1);
        let mut mean = |of: &mut dyn FnMut(&mut Random) -> f64| {
            (0..100_000).map(|_| of(&mut random)).sum::<f64>() / 100_000.0
        };
        // Ten deviations of the mean of so many.
        assert!((mean(&mut Random::fraction) - 0.5).abs() < 0.01);
        assert!((mean(&mut Random::exponential) - 1.0).abs() < 0.04);
        assert!(mean(&mut Random::normal).abs() < 0.04);
        assert!((mean(&mut |random| random.normal().powi(2)) - 1.0).abs() < 0.06);
        assert!((mean(&mut |random| f64::from(random.chance(0.05))) - 0.05).abs() < 0.008);
        assert!((mean(&mut |random| random.up_to(9) as f64) - 4.5).abs() < 0.1);
    }

    #[test]
    fn ranges_are_kept() {
        let mut random = Random::new(3);
        let mut seen = [false; 4];
        (0..1_000).for_each(|_| seen[random.up_to(3) as usize] = true);
        assert_eq!(seen, [true; 4]);
        assert_eq!(random.up_to(0), 0);
        assert!(!random.chance(0.0) && random.chance(1.0));
    }
}
