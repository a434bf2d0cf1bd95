//! What is drawn in training: stochastic depth, dropout, noise. Every draw comes from a generator that is handed in.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand_core::Rng;

/// First value of a branch's scale (OpenTAD `AffineDropPath`): blocks begin near the identity.
const INITIAL_SCALE: f32 = 1e-4;

/// A learned scale per channel, and stochastic depth per video in training.
#[derive(Module, Debug)]
pub struct AffineDropPath {
    /// `[1, c, 1]`, as checkpoints have it.
    pub scale: Param<Tensor<3>>,
    rate: f64,
}

impl AffineDropPath {
    /// None when `rate` is 0: the reference then has no scale either.
    pub fn init(channels: usize, rate: f64, device: &Device) -> Option<Self> {
        let scale = || Param::from_data(TensorData::full([1, channels, 1], INITIAL_SCALE), device);
        (rate > 0.0).then(|| Self { scale: scale(), rate })
    }

    /// `scale * branch / keep * floor(keep + U[0, 1))`; without `rng`, `scale * branch`. `[b, t, c] -> [b, t, c]`.
    pub fn forward(&self, branch: Tensor<3>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let [b, _, c] = branch.dims();
        let scale = self.scale.val().reshape([1, 1, c]);
        let Some(rng) = rng else { return branch * scale };
        let keep = 1.0 - self.rate;
        let kept: Vec<f32> = (0..b).map(|_| ((keep + uniform(rng)).floor() / keep) as f32).collect();
        let device = branch.device();
        branch * (scale * Tensor::from_data(TensorData::new(kept, [b, 1, 1]), &device))
    }
}

/// A residual branch with its scale, where it has one.
pub(crate) fn branch(drop: &Option<AffineDropPath>, x: Tensor<3>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
    match drop {
        Some(drop) => drop.forward(x, rng),
        None => x,
    }
}

/// Uniform in `[0, 1)`.
pub(crate) fn uniform(rng: &mut dyn Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Drops single numbers in training (PyTorch `Dropout`).
pub(crate) fn drop_elements<const D: usize>(x: Tensor<D>, rate: f64, rng: Option<&mut dyn Rng>) -> Tensor<D> {
    let Some(rng) = rng.filter(|_| rate > 0.0) else { return x };
    let (shape, device) = (x.dims(), x.device());
    x * kept(shape, rate, rng, &device)
}

/// Drops whole channels per video in training (PyTorch `Dropout1d`). `[b, t, c] -> [b, t, c]`.
pub(crate) fn drop_channels(x: Tensor<3>, rate: f64, rng: Option<&mut dyn Rng>) -> Tensor<3> {
    let Some(rng) = rng.filter(|_| rate > 0.0) else { return x };
    let ([b, _, c], device) = (x.dims(), x.device());
    x * kept([b, 1, c], rate, rng, &device)
}

/// 0 with probability `rate`, and else what keeps the mean.
fn kept<const D: usize>(shape: [usize; D], rate: f64, rng: &mut dyn Rng, device: &Device) -> Tensor<D> {
    let value = (1.0 / (1.0 - rate)) as f32;
    let draw = |_| if uniform(rng) < rate { 0.0 } else { value };
    let kept: Vec<f32> = (0..shape.iter().product()).map(draw).collect();
    Tensor::from_data(TensorData::new(kept, shape), device)
}

/// Adds normal noise in training.
pub(crate) fn add_noise(x: Tensor<3>, deviation: f64, rng: Option<&mut dyn Rng>) -> Tensor<3> {
    let Some(mut rng) = rng.filter(|_| deviation > 0.0) else { return x };
    let noise = TensorData::random::<f32, _, _>(x.dims(), Distribution::Normal(0.0, deviation), &mut rng);
    let device = x.device();
    x + Tensor::from_data(noise, &device)
}
