//! The transformer: patch embedding, positions, pre-norm blocks. No final norm: the detector reads the raw residual
//! stream (OpenTAD asks for the feature map, so VideoMAE's classification norm is never applied).
//!
//! Axis names: `n` clips, `t` tubelets of one clip (8), `h`/`w` patch grid, `c` channels, tokens = `t * h * w`.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData, activation, assert_shape};
use rand_core::Rng;

use crate::{Attention, PatchEmbed, VitConfig, bicubic_matrix, init, sinusoid};

/// Initial weights of the MLP, in units of PyTorch's default. At the default a block hardly changes what passes through
/// it, and the mean over space then keeps little more than a blurred picture: a backbone without a checkpoint would have
/// to learn to see before the detector can learn anything. A checkpoint overwrites them.
const FC1_GAIN: f64 = 3.0;
/// See [`FC1_GAIN`].
const FC2_GAIN: f64 = 5.0;

/// Stochastic depth of a block. A rate of 0 draws nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropRate(pub f64);

impl DropRate {
    /// Drops whole rows of a residual branch and scales the others up: `branch / keep * floor(keep + U[0, 1))`, one
    /// draw per row (here a row is a clip).
    ///
    /// # Shapes
    ///
    /// - `branch`: `[n, tokens, c]`
    /// - returns: the same
    pub fn apply(self, branch: Tensor<3>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let Some(rng) = rng.filter(|_| self.0 > 0.0) else { return branch };
        let [n, _, _] = branch.dims();
        let keep = (1.0 - self.0) as f32;
        let scale: Vec<f32> = (0..n).map(|_| (keep + uniform(rng)).floor() / keep).collect();
        branch.clone() * Tensor::from_data(TensorData::new(scale, [n, 1, 1]), &branch.device())
    }
}

/// Uniform in `[0, 1)` with the 24 bits that `f32` holds.
fn uniform(rng: &mut dyn Rng) -> f32 {
    (rng.next_u64() >> 40) as f32 / (1u64 << 24) as f32
}

/// Two linear layers with an exact (erf) GELU between them.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `c` to the hidden width.
    pub fc1: Linear,
    /// The hidden width to `c`.
    pub fc2: Linear,
}

impl Mlp {
    /// `[.., c] -> [.., c]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.fc2.forward(activation::gelu(self.fc1.forward(x)))
    }
}

/// One pre-norm transformer block.
#[derive(Module, Debug)]
pub struct Block {
    /// Before attention.
    pub norm1: LayerNorm,
    /// Attention within the clip.
    pub attn: Attention,
    /// Before the MLP.
    pub norm2: LayerNorm,
    /// The MLP.
    pub mlp: Mlp,
    #[module(skip)]
    drop: DropRate,
}

impl Block {
    /// Draws the initial weights of block `index`.
    pub fn init(config: &VitConfig, index: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let mlp = |rng: &mut dyn Rng| Mlp {
            fc1: init::linear([config.width, config.mlp], FC1_GAIN, rng, device),
            fc2: init::linear([config.mlp, config.width], FC2_GAIN, rng, device),
        };
        let attn = Attention::init(config, rng, device);
        Self::of(config, index, attn, mlp(rng), device)
    }

    /// Block `index` with all weights 0.
    pub fn blank(config: &VitConfig, index: usize, device: &Device) -> Self {
        let mlp = Mlp {
            fc1: init::blank_linear([config.width, config.mlp], device),
            fc2: init::blank_linear([config.mlp, config.width], device),
        };
        Self::of(config, index, Attention::blank(config, device), mlp, device)
    }

    fn of(config: &VitConfig, index: usize, attn: Attention, mlp: Mlp, device: &Device) -> Self {
        let norm = || LayerNormConfig::new(config.width).with_epsilon(config.norm_epsilon).init(device);
        Self { norm1: norm(), attn, norm2: norm(), mlp, drop: DropRate(config.drop_rate(index)) }
    }

    /// `u = x + attn(norm1(x))`, `u + mlp(norm2(u))`; with `rng`, each branch of each clip may be dropped.
    ///
    /// # Shapes
    ///
    /// - `x`: `[n, tokens, c]`, any number of clips
    /// - returns: the same
    pub fn forward(&self, x: Tensor<3>, mut rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let attended = self.attn.forward(self.norm1.forward(x.clone()));
        let x = x + self.drop.apply(attended, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        let mixed = self.mlp.forward(self.norm2.forward(x.clone()));
        x + self.drop.apply(mixed, rng)
    }
}

/// The backbone.
#[derive(Module, Debug)]
pub struct Vit {
    /// Frames to tokens.
    pub patch_embed: PatchEmbed,
    /// The fixed position table, `[1, 8 * grid * grid, c]`. A parameter only so that checkpoints can hold it; it never
    /// learns.
    pub pos_embed: Param<Tensor<3>>,
    /// The blocks, first to last.
    pub blocks: Vec<Block>,
    position_grid: usize,
}

impl Vit {
    /// Draws the initial weights.
    pub fn init(config: &VitConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let patch_embed = PatchEmbed::init(config, rng, device);
        let blocks = (0..config.depth).map(|i| Block::init(config, i, rng, device)).collect();
        Self::of(config, patch_embed, blocks, device)
    }

    /// A transformer with all weights 0, to be filled from a file. Memory that is 0 from the start is not touched, so
    /// that this takes no time, and loading takes no memory twice.
    pub fn blank(config: &VitConfig, device: &Device) -> Self {
        let blocks = (0..config.depth).map(|i| Block::blank(config, i, device)).collect();
        Self::of(config, PatchEmbed::blank(config, device), blocks, device)
    }

    fn of(config: &VitConfig, patch_embed: PatchEmbed, blocks: Vec<Block>, device: &Device) -> Self {
        let tokens = VitConfig::CLIP_TOKENS * config.position_grid * config.position_grid;
        let positions = TensorData::new(sinusoid(tokens, config.width), [1, tokens, config.width]);
        let pos_embed = Param::from_data(positions, device).set_require_grad(false);
        Self { patch_embed, pos_embed, blocks, position_grid: config.position_grid }
    }

    /// Channels of a token.
    pub fn width(&self) -> usize {
        self.patch_embed.projection.bias.dims()[0]
    }

    /// Rows and columns of patches in frames of this size, in pixels.
    pub fn grid(&self, height: usize, width: usize) -> [usize; 2] {
        let [_, _, _, p, _] = self.patch_embed.projection.weight.dims();
        [height / p, width / p]
    }

    /// Tokens with their positions: what the first block reads.
    ///
    /// # Shapes
    ///
    /// - `clips`: `[n, 3, 16, height, width]`, normalised
    /// - returns: `[n, tokens, c]`
    pub fn embed(&self, clips: Tensor<5>) -> Tensor<3> {
        let [n, _, frames, height, width] = clips.dims();
        assert_shape!(clips, [n, 3, VitConfig::CLIP_FRAMES, height, width]);
        debug_assert_eq!(frames, VitConfig::CLIP_FRAMES);
        let positions = self.positions(self.grid(height, width));
        self.patch_embed.forward(clips) + positions
    }

    /// The position table for a grid of `h x w` patches: `[1, 8 * h * w, c]`.
    pub fn positions(&self, grid: [usize; 2]) -> Tensor<3> {
        resize_positions(self.pos_embed.val(), self.position_grid, grid)
    }
}

/// Resizes a position table bicubically, time slice by time slice.
///
/// # Shapes
///
/// - `table`: `[1, t * grid * grid, c]`
/// - returns: `[1, t * h * w, c]`
pub fn resize_positions(table: Tensor<3>, grid: usize, [h, w]: [usize; 2]) -> Tensor<3> {
    if [h, w] == [grid, grid] {
        return table;
    }
    let [_, tokens, c] = table.dims();
    let t = tokens / (grid * grid);
    let device = table.device();
    let resize = |to| Tensor::<2>::from_data(TensorData::new(bicubic_matrix(grid, to), [to, grid]), &device);
    let rows = resize(h).unsqueeze::<3>().matmul(table.reshape([t, grid, grid * c])); // [t, h, grid*c]
    let both = resize(w).unsqueeze::<3>().matmul(rows.reshape([t * h, grid, c])); // [t*h, w, c]
    both.reshape([1, t * h * w, c])
}
