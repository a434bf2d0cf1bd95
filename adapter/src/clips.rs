//! Frames that are taken as clips, some at a time.
//!
//! Axis names: `b` videos, `f` frames of each, `n` clips of all of them, `m` some of them, tokens of one clip, `c` channels.

use std::ops::Range;

use adatad_backbone::{VitConfig, normalise};
use burn::tensor::{Int, Tensor};

use crate::Tia;
use crate::store::Pieces;
use crate::tia_backward::Layout;

/// Frames that are taken as clips, and where in time and space their tokens lie.
pub(crate) struct Clips {
    /// `[b, 3, f, height, width]`, bytes.
    frames: Tensor<5, Int>,
    pub(crate) layout: Layout,
    /// Clips that are taken at once; all of one video.
    pub(crate) pieces: Vec<Range<usize>>,
}

impl Clips {
    pub(crate) fn new(frames: Tensor<5, Int>, layout: Layout, at_once: usize) -> Self {
        let [b, _, f, ..] = frames.dims();
        let k = f / VitConfig::CLIP_FRAMES;
        let of_video = |video: usize| {
            let starts = (video * k..(video + 1) * k).step_by(at_once);
            starts.map(move |start| start..(start + at_once).min((video + 1) * k))
        };
        Self { pieces: (0..b).flat_map(of_video).collect(), frames, layout }
    }

    pub(crate) fn count(&self) -> usize {
        let [b, _, f, ..] = self.frames.dims();
        b * f / VitConfig::CLIP_FRAMES
    }

    /// Some clips, normalised: `[m, 3, 16, height, width]`.
    pub(crate) fn some(&self, some: &Range<usize>) -> Tensor<5> {
        let [_, _, f, ..] = self.frames.dims();
        let k = f / VitConfig::CLIP_FRAMES;
        let (first, count) = (some.start % k * VitConfig::CLIP_FRAMES, some.len() * VitConfig::CLIP_FRAMES);
        normalise(clips(self.frames.clone().narrow(0, some.start / k, 1).narrow(2, first, count)))
    }

    /// Averages over space: `[m, tokens, c] -> [m, 8, c]`.
    pub(crate) fn pool(&self, x: Tensor<3>) -> Tensor<3> {
        let [m, tokens, c] = x.dims();
        let t = tokens / self.layout.places;
        x.reshape([m, t, self.layout.places, c]).mean_dim(2).reshape([m, t, c])
    }

    /// The gradient of all tokens, in pieces, from that of their averages `[n, 8, c]`.
    pub(crate) fn spread(&self, grad: Tensor<3>) -> Pieces {
        let [_, t, c] = grad.dims();
        let places = self.layout.places;
        let grad = grad / places as f64;
        let piece = |clips: &Range<usize>| {
            let some = grad.clone().narrow(0, clips.start, clips.len()).unsqueeze_dim::<4>(2);
            some.repeat_dim(2, places).reshape([clips.len(), t * places, c])
        };
        self.pieces.iter().map(piece).collect()
    }

    /// What `down_proj` says of all clips: pieces of `[n, tokens, c] -> [n, tokens, r]`.
    pub(crate) fn down(&self, adapter: &Tia, x: &[Tensor<3>]) -> Tensor<3> {
        debug_assert_eq!(x.len(), self.pieces.len());
        Tensor::cat(x.iter().map(|x| adapter.down(x.clone())).collect(), 0)
    }

    /// What an adapter read and what it adds to it.
    pub(crate) fn add(&self, adapter: &Tia, x: Pieces, down: Tensor<3>) -> Pieces {
        let sum = adapter.bottleneck(down, self.layout);
        x.into_iter().zip(&self.pieces).map(|(x, piece)| x + adapter.added(&sum, piece)).collect()
    }
}

/// Cuts windows into clips: clip `k` of window `b` becomes row `b * clips + k`.
///
/// # Shapes
///
/// - `frames`: `[b, 3, f, height, width]`, `f` a multiple of 16
/// - returns: `[n, 3, 16, height, width]`
pub fn clips(frames: Tensor<5, Int>) -> Tensor<5, Int> {
    let [b, _, f, height, width] = frames.dims();
    let k = f / VitConfig::CLIP_FRAMES;
    frames.reshape([b, 3, k, VitConfig::CLIP_FRAMES, height, width]).permute([0, 2, 1, 3, 4, 5]).reshape([
        b * k,
        3,
        VitConfig::CLIP_FRAMES,
        height,
        width,
    ])
}
