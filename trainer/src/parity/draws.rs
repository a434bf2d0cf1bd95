//! Uniform numbers that were drawn elsewhere.

use super::fixture::Fixture;
use super::unusable::Unusable;

/// The words that give them; 0 after the last.
#[derive(Debug, Default)]
pub(super) struct Draws(std::vec::IntoIter<f64>);

impl Draws {
    /// These numbers, in `[0, 1)` with at most 24 bits, one after another.
    pub(super) fn of(numbers: Vec<f64>) -> Self {
        Self(numbers.into_iter())
    }

    /// The numbers `rand/WHEN.0`, `rand/WHEN.1` and so on: none for a model that draws nothing.
    pub(super) fn recorded(fixture: &Fixture, when: &str) -> Result<Self, Unusable> {
        let mut numbers = Vec::new();
        for name in (0..).map(|at| format!("rand/{when}.{at}")).take_while(|name| fixture.has(name)) {
            numbers.extend(fixture.io.numbers(&name)?);
        }
        Ok(Self::of(numbers))
    }
}

impl rand_core::TryRng for Draws {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(((self.0.next().unwrap_or(0.0) * f64::from(1 << 24)) as u64) << 40)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(0);
        Ok(())
    }
}
