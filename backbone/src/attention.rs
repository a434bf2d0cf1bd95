//! Multi-head self-attention over the tokens of one clip.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::module::{attention, linear};
use burn::tensor::{Device, Tensor, assert_shape};
use rand_core::Rng;

use crate::{Precision, VitConfig, init};

/// Full attention within a clip. Queries and values have a bias, keys have none: the bias of the joint projection is
/// `(q, 0, v)`, as VideoMAE stores it.
#[derive(Module, Debug)]
pub struct Attention {
    /// Joint projection to queries, keys and values, `[c, 3c]`, without bias.
    pub qkv: Linear,
    /// Bias of the queries, `[c]`.
    pub q_bias: Param<Tensor<1>>,
    /// Bias of the values, `[c]`.
    pub v_bias: Param<Tensor<1>>,
    /// Projection of the joined heads.
    pub proj: Linear,
    heads: usize,
    #[module(skip)]
    precision: Precision,
}

impl Attention {
    /// Draws the initial weights.
    pub fn init(config: &VitConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let c = config.width;
        Self {
            qkv: Linear { bias: None, ..init::linear([c, 3 * c], 1.0, rng, device) },
            q_bias: init::constant([c], 0.0, device),
            v_bias: init::constant([c], 0.0, device),
            proj: init::linear([c, c], 1.0, rng, device),
            heads: config.heads,
            precision: Precision::F32,
        }
    }

    /// All weights 0.
    pub fn blank(config: &VitConfig, device: &Device) -> Self {
        let c = config.width;
        Self {
            qkv: Linear { bias: None, ..init::blank_linear([c, 3 * c], device) },
            q_bias: init::zeros([c], device),
            v_bias: init::zeros([c], device),
            proj: init::blank_linear([c, c], device),
            heads: config.heads,
            precision: Precision::F32,
        }
    }

    /// With its products in numbers of this kind.
    pub(crate) fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// What its products are computed in.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// Number of heads.
    pub(crate) fn heads(&self) -> usize {
        self.heads
    }

    /// # Shapes
    ///
    /// - `x`: `[n, tokens, c]`
    /// - returns: `[n, tokens, c]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.output(self.attend(self.project(x)))
    }

    /// Queries, keys and values of every token: `[n, tokens, c] -> [n, tokens, 3c]`.
    pub(crate) fn project(&self, x: Tensor<3>) -> Tensor<3> {
        let [q_bias, v_bias] = [&self.q_bias, &self.v_bias].map(|bias| self.precision.of(bias.val()));
        let bias = Tensor::cat(vec![q_bias.clone(), q_bias.zeros_like(), v_bias], 0); // [3c]
        linear(self.precision.of(x), self.precision.of(self.qkv.weight.val()), Some(bias))
    }

    /// The projection of what the heads said: `[.., c] -> [.., c]`.
    pub(crate) fn output(&self, joined: Tensor<3>) -> Tensor<3> {
        self.precision.linear(&self.proj, joined)
    }

    /// What the heads say, joined: `[n, tokens, 3c] -> [n, tokens, c]`.
    pub(crate) fn attend(&self, qkv: Tensor<3>) -> Tensor<3> {
        let [n, tokens, c] = [qkv.dims()[0], qkv.dims()[1], qkv.dims()[2] / 3];
        let [q, k, v] = self.split(qkv);
        let joined = attention(q, k, v, None, None, Default::default())
            .permute([0, 2, 1, 3]) // [n, tokens, heads, head]
            .reshape([n, tokens, c]);
        assert_shape!(joined, [n, tokens, c]);
        joined
    }

    /// Queries, keys and values of each head: `[n, tokens, 3c] -> 3 x [n, heads, tokens, head]`.
    pub(crate) fn split(&self, qkv: Tensor<3>) -> [Tensor<4>; 3] {
        let [n, tokens, c] = [qkv.dims()[0], qkv.dims()[1], qkv.dims()[2] / 3];
        let qkv = qkv.reshape([n, tokens, 3, self.heads, c / self.heads]).permute([2, 0, 3, 1, 4]);
        [0, 1, 2].map(|i| qkv.clone().narrow(0, i, 1).squeeze_dim(0))
    }
}
