//! One pre-norm transformer block, and its backward pass on plain tensors.
//!
//! Axis names: `n` clips, tokens of one clip, `c` channels, rows = clips x tokens.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor};
use rand_core::Rng;

use crate::drop_path::{BlockDraw, DropRate, scale_clips};
use crate::gradients::Gradients;
use crate::norm::layer_norm_backward;
use crate::{Attention, Gelu, Numbers, Precision, VitConfig, init};

/// Initial weights of the MLP, in units of PyTorch's default. At the default a block hardly changes what passes through
/// it, and the mean over space then keeps little more than a blurred picture: a backbone without a checkpoint would have
/// to learn to see before the detector can learn anything. A checkpoint overwrites them.
const FC1_GAIN: f64 = 3.0;
/// See [`FC1_GAIN`].
const FC2_GAIN: f64 = 5.0;

/// Two linear layers with an exact (erf) GELU between them.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `c` to the hidden width.
    pub fc1: Linear,
    /// The hidden width to `c`.
    pub fc2: Linear,
    #[module(skip)]
    gelu: Gelu,
    #[module(skip)]
    precision: Precision,
}

impl Mlp {
    /// `[.., c] -> [.., c]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.output(self.hidden(x))
    }

    /// Takes the form of GELU that suits a device.
    pub fn suit(&mut self, gelu: Gelu) {
        self.gelu = gelu;
    }

    /// What the GELU reads.
    fn hidden<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.precision.linear(&self.fc1, x)
    }

    /// What is said of that.
    fn output<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        self.precision.linear(&self.fc2, self.gelu.forward(hidden))
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
    norm_epsilon: f64,
}

impl Block {
    /// Draws the initial weights of block `index`.
    pub fn init(config: &VitConfig, index: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let mlp = |rng: &mut dyn Rng| Mlp {
            fc1: init::linear([config.width, config.mlp], FC1_GAIN, rng, device),
            fc2: init::linear([config.mlp, config.width], FC2_GAIN, rng, device),
            gelu: Gelu::on(device),
            precision: Precision::F32,
        };
        let attn = Attention::init(config, rng, device);
        Self::of(config, index, attn, mlp(rng), device)
    }

    /// Block `index` with all weights 0.
    pub fn blank(config: &VitConfig, index: usize, device: &Device) -> Self {
        let mlp = Mlp {
            fc1: init::blank_linear([config.width, config.mlp], device),
            fc2: init::blank_linear([config.mlp, config.width], device),
            gelu: Gelu::on(device),
            precision: Precision::F32,
        };
        Self::of(config, index, Attention::blank(config, device), mlp, device)
    }

    fn of(config: &VitConfig, index: usize, attn: Attention, mlp: Mlp, device: &Device) -> Self {
        let norm = || LayerNormConfig::new(config.width).with_epsilon(config.norm_epsilon).init(device);
        Self {
            norm1: norm(),
            attn,
            norm2: norm(),
            mlp,
            drop: DropRate(config.drop_rate(index)),
            norm_epsilon: config.norm_epsilon,
        }
    }

    /// The block with its products, and their weights, in these numbers.
    pub(crate) fn in_numbers(self, Numbers { products, weights }: Numbers) -> Self {
        let attn = weights.held(self.attn.in_precision(products));
        let mlp = weights.held(Mlp { precision: products, ..self.mlp });
        Self { attn, mlp, ..self }
    }

    /// What stochastic depth does to `n` clips.
    pub fn draw(&self, n: usize, rng: &mut dyn Rng) -> BlockDraw {
        BlockDraw { attention: self.drop.draw(n, rng), mlp: self.drop.draw(n, rng) }
    }

    /// `u = x + attn(norm1(x))`, `u + mlp(norm2(u))`; each branch of each clip times its factor in `draw`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[n, tokens, c]`, any number of clips
    /// - returns: the same
    pub fn forward(&self, x: Tensor<3>, draw: &BlockDraw) -> Tensor<3> {
        let attended = self.attn.forward(self.norm1.forward(x.clone()));
        let x = x + scale_clips(attended, draw.attention.as_ref());
        let mixed = self.mlp.forward(self.norm2.forward(x.clone()));
        x + scale_clips(mixed, draw.mlp.as_ref())
    }

    /// As [`forward`](Self::forward), and what a backward pass needs of it.
    pub fn forward_traced(&self, x: Tensor<3>, draw: &BlockDraw) -> (Tensor<3>, BlockTrace) {
        let trace = self.trace(x, draw);
        (self.output(&trace, draw), trace)
    }

    /// What the block says, from its trace: the last third of a forward pass.
    ///
    /// # Shapes
    ///
    /// - returns: `[n, tokens, c]`
    pub fn output(&self, trace: &BlockTrace, draw: &BlockDraw) -> Tensor<3> {
        let mixed = self.mlp.output(trace.hidden.clone());
        trace.middle.clone() + scale_clips(mixed, draw.mlp.as_ref())
    }

    /// What a backward pass needs, without what the block says in the end: two thirds of a forward pass.
    ///
    /// # Shapes
    ///
    /// - `x`: `[n, tokens, c]`
    pub fn trace(&self, x: Tensor<3>, draw: &BlockDraw) -> BlockTrace {
        let qkv = self.attn.project(self.norm1.forward(x.clone()));
        let joined = self.attn.attend(qkv.clone());
        let middle = x + scale_clips(self.attn.output(joined.clone()), draw.attention.as_ref());
        let hidden = self.mlp.hidden(self.norm2.forward(middle.clone()));
        BlockTrace { qkv, joined, middle, hidden }
    }

    /// The gradient of what the block read, from that of what it said. With `learning`, also the gradients of the block's
    /// own weights.
    ///
    /// # Shapes
    ///
    /// - `x`, `grad`: `[n, tokens, c]`
    /// - returns: the same
    pub fn backward(
        &self,
        x: Tensor<3>,
        trace: BlockTrace,
        grad: Tensor<3>,
        draw: &BlockDraw,
        mut learning: Option<&mut Gradients>,
    ) -> Tensor<3> {
        let shape = grad.dims();
        let BlockTrace { qkv, joined, middle, hidden } = trace;
        let of_branch = scale_clips(grad.clone(), draw.mlp.as_ref());
        let grad = grad + self.mlp_backward(middle, hidden, of_branch, learning.as_deref_mut());

        let precision = self.attn.precision();
        let of_branch = precision.of(rows(scale_clips(grad.clone(), draw.attention.as_ref())));
        if let Some(gradients) = learning.as_deref_mut() {
            gradients.add_linear(&self.attn.proj, rows(joined.clone()), of_branch.clone());
        }
        let of_joined = precision.linear_backward(&self.attn.proj, of_branch).reshape(shape);
        let of_qkv = rows(self.attn.heads_backward(qkv, joined, of_joined));
        let normed = || rows(self.norm1.forward(x.clone()));
        let of_normed = self.attn.project_backward(normed, of_qkv, learning.as_deref_mut());
        let of_x = layer_norm_backward(&self.norm1, self.norm_epsilon, rows(x), of_normed, learning);
        grad + of_x.reshape(shape)
    }

    /// The gradient of what the second branch read.
    fn mlp_backward(
        &self,
        middle: Tensor<3>,
        hidden: Tensor<3>,
        grad: Tensor<3>,
        mut learning: Option<&mut Gradients>,
    ) -> Tensor<3> {
        let shape = grad.dims();
        let Mlp { fc1, fc2, gelu, precision } = &self.mlp;
        let (grad, hidden) = (precision.of(rows(grad)), rows(hidden));
        if let Some(gradients) = learning.as_deref_mut() {
            gradients.add_linear(fc2, gelu.forward(hidden.clone()), grad.clone());
        }
        let of_hidden = gelu.backward(hidden, precision.linear_backward(fc2, grad));
        if let Some(gradients) = learning.as_deref_mut() {
            gradients.add_linear(fc1, rows(self.norm2.forward(middle.clone())), of_hidden.clone());
        }
        let of_normed = precision.linear_backward(fc1, of_hidden);
        layer_norm_backward(&self.norm2, self.norm_epsilon, rows(middle), of_normed, learning).reshape(shape)
    }
}

/// What the backward pass of a block needs of its forward pass, of some clips: nine times as much as the block reads.
pub struct BlockTrace {
    /// Queries, keys, values: `[n, tokens, 3c]`.
    qkv: Tensor<3>,
    /// What the heads said: `[n, tokens, c]`.
    joined: Tensor<3>,
    /// After the first branch: `[n, tokens, c]`.
    middle: Tensor<3>,
    /// What the GELU reads: `[n, tokens, mlp]`.
    hidden: Tensor<3>,
}

/// `[n, tokens, c] -> [n * tokens, c]`.
fn rows(x: Tensor<3>) -> Tensor<2> {
    x.flatten(0, 1)
}
