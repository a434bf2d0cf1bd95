//! The adapter in parts, and its backward pass on plain tensors.
//!
//! All that joins the clips of a window happens at the bottleneck's width; what is as wide as the backbone is taken some
//! clips at a time. Axis names as in [`tia`](crate::Tia); `n` clips of all windows, tokens of one clip.

use std::ops::Range;

use adatad_backbone::{Gradients, wide};
use burn::tensor::Tensor;

use crate::{Temporal, Tia};

/// Numbers of one bottleneck tensor that are worked on at once: places of the picture do not see each other there, so
/// that the dozen tensors of a backward pass need not all be as large as the window.
pub(crate) const NUMBERS_AT_ONCE: usize = 1 << 19;

/// How the tokens of all clips lie in time and space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Stretches of time whose clips see each other (`b`).
    pub(crate) windows: usize,
    /// Patches of a tubelet (`s`).
    pub(crate) places: usize,
}

impl Tia {
    /// What the depthwise and pointwise convolutions leave of the bottleneck: what `up_proj` reads.
    ///
    /// # Shapes
    ///
    /// - `down`: `[n, tokens, r]`, what `down_proj` said of all clips
    /// - returns: the same
    pub(crate) fn bottleneck(&self, down: Tensor<3>, layout: Layout) -> Tensor<3> {
        let gelu = self.gelu;
        let Some(temporal) = &self.temporal else { return gelu.forward(down) };
        by_places(down.dims(), layout, |places| {
            let z = gelu.forward(layout.some(&down, places));
            z.clone() + temporal.forward(z)
        })
    }

    /// What the adapter adds to some clips `[m, tokens, c]`, from what `up_proj` reads of all clips.
    pub(crate) fn added(&self, sum: &Tensor<3>, clips: &Range<usize>) -> Tensor<3> {
        let some = sum.clone().narrow(0, clips.start, clips.len());
        wide(self.precision.linear(&self.up_proj, some)) * self.gamma.val().reshape([1, 1, 1])
    }

    /// The gradient of what `down_proj` said, and those of all weights above it. At the bottleneck, all is in the numbers of
    /// the products.
    ///
    /// # Shapes
    ///
    /// - `down`, `sum`: `[n, tokens, r]`, as in [`bottleneck`](Self::bottleneck)
    /// - `grads`: pieces of `[n, tokens, c]`, of what the adapter added
    /// - returns: `[n, tokens, r]`
    pub(crate) fn bottleneck_backward(
        &self,
        down: Tensor<3>,
        sum: Tensor<3>,
        grads: &[Tensor<3>],
        layout: Layout,
        gradients: &mut Gradients,
    ) -> Tensor<3> {
        let shape = sum.dims();
        let of_sum = self.up_backward(sum, grads, gradients);
        let gelu = self.gelu;
        let Some(temporal) = &self.temporal else { return gelu.backward(down, of_sum) };
        by_places(shape, layout, |places| {
            let (down, of_sum) = (layout.some(&down, places.clone()), layout.some(&of_sum, places));
            let z = gelu.forward(down.clone());
            let of_mixed = temporal.pointwise_backward(temporal.depthwise(z.clone()), of_sum.clone(), gradients);
            let of_z = of_sum + temporal.depthwise_backward(z, of_mixed, gradients);
            gelu.backward(down, of_z)
        })
    }

    /// The gradient of what `up_proj` read: pieces of `[n, tokens, c] -> [n, tokens, r]`.
    fn up_backward(&self, sum: Tensor<3>, grads: &[Tensor<3>], gradients: &mut Gradients) -> Tensor<3> {
        let Some(bias) = &self.up_proj.bias else { unreachable!("up_proj has a bias") };
        let (gamma, precision) = (self.gamma.val(), self.precision);
        let mut first = 0;
        let mut of_gamma = Tensor::zeros([1], &sum.device());
        let piece = |grad: &Tensor<3>| {
            let [m, tokens, c] = grad.dims();
            let some: Tensor<2> = sum.clone().narrow(0, first, m).flatten(0, 1);
            first += m;
            let grad = grad.clone().reshape([m * tokens, c]);
            // gamma stands behind the projection: the gradients of both follow from those without it.
            let all: Tensor<1> = grad.clone().sum_dim(0).squeeze_dim(0);
            let grad = precision.of(grad);
            let of_some = wide(precision.linear_backward(&self.up_proj, grad.clone()));
            let product = (of_some.clone() * wide(some.clone())).sum();
            of_gamma = of_gamma.clone() + product + (all.clone() * bias.val()).sum();
            gradients.add(bias, all * gamma.clone());
            gradients.add(&self.up_proj.weight, wide(some.transpose().matmul(grad)) * gamma.clone().unsqueeze::<2>());
            let of_some = precision.of(of_some * gamma.clone().unsqueeze::<2>());
            of_some.reshape([m as i32, tokens as i32, -1])
        };
        let of_sum = Tensor::cat(grads.iter().map(piece).collect(), 0);
        gradients.add(&self.gamma, of_gamma);
        of_sum
    }

    /// The gradients of `down_proj`, from some clips: `x` `[m, tokens, c]` is what it read, `grad` `[m, tokens, r]`.
    pub(crate) fn down_backward(&self, x: Tensor<3>, grad: Tensor<3>, gradients: &mut Gradients) {
        gradients.add_linear(&self.down_proj, x.flatten(0, 1), grad.flatten(0, 1));
    }

    /// What the bottleneck's gradient `[m, tokens, r]` means for what the adapter read: `[m, tokens, c]`, in 32 bits.
    pub(crate) fn through_down(&self, grad: Tensor<3>) -> Tensor<3> {
        let [m, tokens, _] = grad.dims();
        wide(self.precision.linear_backward(&self.down_proj, grad.flatten::<2>(0, 1))).reshape([
            m as i32,
            tokens as i32,
            -1,
        ])
    }
}

impl Temporal {
    fn pointwise_backward(&self, mixed: Tensor<4>, grad: Tensor<4>, gradients: &mut Gradients) -> Tensor<4> {
        let [b, t, s, r] = grad.dims();
        let rows = |x: Tensor<4>| x.reshape([b * t * s, r]);
        let (mixed, grad) = (rows(mixed), rows(grad));
        let weight = self.precision.of(self.conv.weight.val()).reshape([r, r]); // [out, in]
        gradients.add(&self.conv.bias, wide(grad.clone()).sum_dim(0).squeeze_dim(0));
        gradients.add(&self.conv.weight, grad.clone().transpose().matmul(mixed).reshape([r, r, 1]));
        grad.matmul(weight).reshape([b, t, s, r])
    }

    fn depthwise_backward(&self, z: Tensor<4>, grad: Tensor<4>, gradients: &mut Gradients) -> Tensor<4> {
        let [b, t, s, r] = grad.dims();
        let (numbers, z, grad) = (grad.dtype(), wide(z), wide(grad));
        let weight = self.dwconv.weight.val(); // [r, 1, kernel]
        let over_all = |x: Tensor<4>| x.reshape([b * t * s, r]).sum_dim(0).reshape([r]);
        gradients.add(&self.dwconv.bias, over_all(grad.clone()));
        let of_taps = self.shifted(z).map(|z| over_all(z * grad.clone()).reshape([r, 1, 1])).collect();
        gradients.add(&self.dwconv.weight, Tensor::cat(of_taps, 2));
        // What a tap carries from one place to another, its gradient carries back.
        let taps = weight.dims()[2];
        let tap = |k: usize| weight.clone().narrow(2, taps - 1 - k, 1).reshape([1, 1, 1, r]);
        let all = self.shifted(grad).enumerate().map(|(k, grad)| grad * tap(k)).reduce(|sum, term| sum + term);
        let Some(all) = all else { unreachable!("a kernel has at least one tap") };
        all.cast(numbers)
    }
}

impl Layout {
    /// Some places of `[n, tokens, r]`, over the time of each window: `[b, t, places, r]`. Clips stand one after another
    /// in time, so that no data moves but what is cut out.
    fn some(self, x: &Tensor<3>, places: Range<usize>) -> Tensor<4> {
        let [n, tokens, r] = x.dims();
        let t = n / self.windows * (tokens / self.places);
        x.clone().reshape([self.windows, t, self.places, r]).narrow(2, places.start, places.len())
    }
}

/// Puts `[n, tokens, r]` together from some places `[b, t, places, r]` after others.
fn by_places([n, tokens, r]: [usize; 3], layout: Layout, mut some: impl FnMut(Range<usize>) -> Tensor<4>) -> Tensor<3> {
    let at_once = (NUMBERS_AT_ONCE * layout.places).div_ceil(n * tokens * r).clamp(1, layout.places);
    let starts = (0..layout.places).step_by(at_once);
    let mut parts: Vec<_> = starts.map(|start| some(start..(start + at_once).min(layout.places))).collect();
    let all = match parts.len() {
        1 => parts.remove(0),
        _ => Tensor::cat(parts, 2),
    };
    all.reshape([n, tokens, r])
}
