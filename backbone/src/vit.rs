//! The transformer: patch embedding, positions, pre-norm blocks. No final norm: the detector reads the raw residual
//! stream (OpenTAD asks for the feature map, so VideoMAE's classification norm is never applied).
//!
//! Axis names: `n` clips, `t` tubelets of one clip (8), `h`/`w` patch grid, `c` channels, tokens = `t * h * w`.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, assert_shape};
use rand_core::Rng;

use crate::{Block, BlockDraw, Numbers, PatchEmbed, VitConfig, bicubic_matrix, sinusoid};

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
        Self::init_in(Numbers::default(), config, rng, device)
    }

    /// The same [in these numbers](Self::in_numbers), block by block: weights of 16 bits are never all there in 32.
    pub fn init_in(numbers: Numbers, config: &VitConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let patch_embed = PatchEmbed::init(config, rng, device).in_numbers(numbers);
        let block = |i| Block::init(config, i, rng, device).in_numbers(numbers);
        Self::of(config, patch_embed, (0..config.depth).map(block).collect(), device)
    }

    /// A transformer with all weights 0, to be filled from a file: nothing is drawn, and what is loaded takes the place of
    /// what is there, one tensor after another.
    pub fn blank(config: &VitConfig, device: &Device) -> Self {
        Self::blank_in(Numbers::default(), config, device)
    }

    /// The same [in these numbers](Self::in_numbers), block by block: what is read from a file afterwards is taken as it is
    /// held.
    pub fn blank_in(numbers: Numbers, config: &VitConfig, device: &Device) -> Self {
        let patch_embed = PatchEmbed::blank(config, device).in_numbers(numbers);
        let block = |i| Block::blank(config, i, device).in_numbers(numbers);
        Self::of(config, patch_embed, (0..config.depth).map(block).collect(), device)
    }

    fn of(config: &VitConfig, patch_embed: PatchEmbed, blocks: Vec<Block>, device: &Device) -> Self {
        let tokens = VitConfig::CLIP_TOKENS * config.position_grid * config.position_grid;
        let positions = TensorData::new(sinusoid(tokens, config.width), [1, tokens, config.width]);
        let pos_embed = Param::from_data(positions, device).set_require_grad(false);
        Self { patch_embed, pos_embed, blocks, position_grid: config.position_grid }
    }

    /// The transformer with its products, and their weights, in these numbers; norms and positions stay in 32 bits. What is
    /// read from a file afterwards is taken as it is held.
    pub fn in_numbers(self, numbers: Numbers) -> Self {
        let patch_embed = self.patch_embed.in_numbers(numbers);
        let blocks = self.blocks.into_iter().map(|block| block.in_numbers(numbers)).collect();
        Self { patch_embed, blocks, ..self }
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

    /// What stochastic depth does to `n` clips in every block. `None` draws nothing, and nothing is dropped.
    pub fn draw(&self, n: usize, mut rng: Option<&mut dyn Rng>) -> Vec<BlockDraw> {
        let each = |block: &Block| rng.as_deref_mut().map_or_else(BlockDraw::default, |rng| block.draw(n, rng));
        self.blocks.iter().map(each).collect()
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
