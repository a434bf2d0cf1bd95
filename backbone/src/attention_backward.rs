//! The backward pass of attention, a few heads at a time.

use burn::tensor::{Tensor, activation};

use crate::gradients::Gradients;
use crate::{Attention, wide};

/// Scores held at once, of all heads together, in each of a handful of matrices. One head is the least: its matrix is
/// needed whole.
const SCORES_AT_ONCE: usize = 1 << 20;

/// Heads whose scores the backward pass holds at once, of `clips` clips with `tokens` tokens each.
pub fn heads_at_once(clips: usize, tokens: usize, heads: usize) -> usize {
    (SCORES_AT_ONCE / (clips * tokens * tokens)).clamp(1, heads)
}

impl Attention {
    /// The gradient of the queries, keys and values.
    ///
    /// # Shapes
    ///
    /// - `qkv`: `[n, tokens, 3c]`, the joint projection
    /// - `joined`: `[n, tokens, c]`, what the heads said
    /// - `grad`: `[n, tokens, c]`, its gradient
    /// - returns: `[n, tokens, 3c]`
    pub(crate) fn heads_backward(&self, qkv: Tensor<3>, joined: Tensor<3>, grad: Tensor<3>) -> Tensor<3> {
        let [n, tokens, c] = joined.dims();
        let (heads, head) = (self.heads(), c / self.heads());
        let scale = 1.0 / (head as f64).sqrt();
        let (precision, grad) = (self.precision(), self.precision().of(grad));
        // Views: a product takes its operands in any layout.
        let split = |x: Tensor<3>| x.reshape([n, tokens, heads, head]).permute([0, 2, 1, 3]);
        let [queries, keys, values] = self.split(qkv);
        // What a row's softmax takes away from all its scores' gradients.
        let level =
            (wide(joined) * wide(grad.clone())).reshape([n, tokens, heads, head]).sum_dim(3).permute([0, 2, 1, 3]);
        let grad = split(grad);
        let at_once = heads_at_once(n, tokens, heads);
        let parts: Vec<Tensor<5>> = (0..heads)
            .step_by(at_once)
            .map(|first| {
                let some = |x: &Tensor<4>| x.clone().narrow(1, first, at_once.min(heads - first));
                let (q, k, v, go) = (some(&queries) * scale, some(&keys), some(&values), some(&grad));
                let shares = activation::softmax(wide(q.clone().matmul(k.clone().transpose())), 3);
                let gv = precision.of(shares.clone()).transpose().matmul(go.clone());
                let gs = precision.of((wide(go.matmul(v.transpose())) - some(&level)) * shares); // of the scores
                let gq = gs.clone().matmul(k) * scale;
                let gk = gs.transpose().matmul(q);
                Tensor::stack::<5>(vec![gq, gk, gv], 0) // [3, n, some heads, tokens, head]
            })
            .collect();
        let all = if parts.len() == 1 { parts.into_iter().next() } else { Some(Tensor::cat(parts, 2)) };
        let Some(all) = all else { unreachable!("there is at least one head") };
        all.permute([1, 3, 0, 2, 4]).reshape([n, tokens, 3 * c])
    }

    /// The gradient of what the joint projection read.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, c]`, what it read; only looked at where its weights learn
    /// - `grad`: `[rows, 3c]`
    /// - returns: `[rows, c]`
    pub(crate) fn project_backward(
        &self,
        x: impl FnOnce() -> Tensor<2>,
        grad: Tensor<2>,
        learning: Option<&mut Gradients>,
    ) -> Tensor<2> {
        if let Some(gradients) = learning {
            let [_, c] = [0, grad.dims()[1] / 3];
            let bias: Tensor<1> = wide(grad.clone()).sum_dim(0).squeeze_dim(0);
            gradients.add(&self.q_bias, bias.clone().narrow(0, 0, c));
            gradients.add(&self.v_bias, bias.narrow(0, 2 * c, c));
            gradients.add_linear(&self.qkv, x(), grad.clone());
        }
        self.precision().linear_backward(&self.qkv, grad)
    }
}
