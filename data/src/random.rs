//! Randomness as a function of (seed, stream, epoch, index): no generator outlives the value it is asked for.
//!
//! Two samples never share a generator, so workers may finish in any order and a resumed run draws what the
//! uninterrupted one would have drawn.

/// What a draw is for. Streams never share numbers, even for the same epoch and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Order of the samples of an epoch.
    Order,
    /// Where a training window starts.
    Window,
    /// Image augmentation of a sample.
    Augment,
    /// Initial weights.
    Init,
    /// Stochastic depth and dropout of a step.
    Drop,
    /// Content of the generated demonstration.
    Synth,
    /// Frame order of the shuffled control.
    Shuffle,
    /// Which proposals a balanced loss sees.
    Balance,
}

impl Stream {
    /// Written into the digest, so the names may change but these may not.
    fn tag(self) -> &'static str {
        match self {
            Stream::Order => "order",
            Stream::Window => "window",
            Stream::Augment => "augment",
            Stream::Init => "init",
            Stream::Drop => "drop",
            Stream::Synth => "synth",
            Stream::Shuffle => "shuffle",
            Stream::Balance => "balance",
        }
    }
}

/// A number that belongs to one (seed, stream, epoch, index).
pub fn derive(seed: u64, stream: Stream, epoch: u64, index: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in [seed, epoch, index] {
        hasher.update(&part.to_le_bytes());
    }
    hasher.update(stream.tag().as_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// SplitMix64: small, fast, and the same on every machine.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The generator of one (seed, stream, epoch, index).
    pub fn new(seed: u64, stream: Stream, epoch: u64, index: u64) -> Self {
        Self { state: derive(seed, stream, epoch, index) }
    }

    /// The next 64 bits (Steele, Lea and Flood, 2014).
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number from `low` to `high`, both included.
    pub fn integer(&mut self, low: usize, high: usize) -> usize {
        assert!(low <= high, "empty range {low}..={high}");
        low + ((self.bits() as u128 * (high - low + 1) as u128) >> 64) as usize
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Normal with mean 0 and standard deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.integer(0, last));
        }
    }
}

/// So that whoever draws through the `rand` traits (tensors, for one) can draw from here.
impl rand_core::TryRng for Rng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.bits() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_by_stream_epoch_and_index() {
        let all = [
            derive(0, Stream::Order, 0, 0),
            derive(1, Stream::Order, 0, 0),
            derive(0, Stream::Window, 0, 0),
            derive(0, Stream::Order, 1, 0),
            derive(0, Stream::Order, 0, 1),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
    }

    #[test]
    fn the_same_place_draws_the_same_numbers() {
        let draw = || {
            let mut rng = Rng::new(7, Stream::Window, 3, 11);
            (rng.bits(), rng.integer(2, 9), rng.unit(), rng.normal())
        };
        assert_eq!(draw(), draw());
    }

    #[test]
    fn a_range_includes_both_ends_and_nothing_else() {
        let mut rng = Rng::new(0, Stream::Synth, 0, 0);
        let drawn: Vec<_> = (0..200).map(|_| rng.integer(3, 5)).collect();
        assert!((3..=5).all(|n| drawn.contains(&n)));
        assert!(drawn.iter().all(|n| (3..=5).contains(n)));
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<_> = (0..50).collect();
        Rng::new(0, Stream::Order, 0, 0).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
