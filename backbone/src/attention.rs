//! Multi-head self-attention over the tokens of one clip.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::module::{attention, linear};
use burn::tensor::{Device, Tensor, assert_shape};
use rand_core::Rng;

use crate::VitConfig;
use crate::init;

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
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[n, tokens, c]`
    /// - returns: `[n, tokens, c]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [n, tokens, c] = x.dims();
        let head = c / self.heads;
        let (q_bias, v_bias) = (self.q_bias.val(), self.v_bias.val());
        let bias = Tensor::cat(vec![q_bias.clone(), q_bias.zeros_like(), v_bias], 0); // [3c]
        let qkv = linear(x, self.qkv.weight.val(), Some(bias))
            .reshape([n, tokens, 3, self.heads, head])
            .permute([2, 0, 3, 1, 4]); // [3, n, heads, tokens, head]
        let part = |i: usize| qkv.clone().narrow(0, i, 1).squeeze_dim::<4>(0);
        let joined = attention(part(0), part(1), part(2), None, None, Default::default())
            .permute([0, 2, 1, 3]) // [n, tokens, heads, head]
            .reshape([n, tokens, c]);
        let out = self.proj.forward(joined);
        assert_shape!(out, [n, tokens, c]);
        out
    }
}
