//! The order in which blocks and adapters run, forward and backward, without a graph.
//!
//! A frozen block is run on some clips at a time, forward and backward, by its own written backward pass; an adapter joins
//! the clips of a window and is run on all of them, at its bottleneck's width. So the schedule goes block by block.
//!
//! Axis names: `n` clips of all windows, `m` some of them, tokens of one clip, `c` channels, `r` bottleneck.

use std::ops::Range;

use adatad_backbone::{Block, BlockDraw, BlockTrace, Gradients, VitConfig, normalise};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Int, Tensor};
use rand_core::Rng;

use crate::adapted::{AdaptedBackbone, clips};
use crate::keep::{Keep, Role};
use crate::store::{Pieces, SpillError, Stored};
use crate::tia_backward::Layout;
use crate::{Tia, TuningMode};

/// What a forward pass left for its backward pass.
pub struct Kept {
    pub(crate) clips: Clips,
    pub(crate) keep: Keep,
    pub(crate) of: KeptOf,
}

/// By what stands around the backbone.
pub(crate) enum KeptOf {
    /// Nothing learns.
    Nothing,
    /// Adapters between the blocks, or blocks that learn.
    Blocks { draws: Vec<BlockDraw>, blocks: Vec<KeptBlock> },
    /// Adapters beside them: for each rung what `down_proj` said, and what it read.
    Rungs { downs: Vec<Tensor<3>>, inputs: Vec<Option<Stored>> },
}

/// What is kept of one block and its adapter.
#[derive(Default)]
pub(crate) struct KeptBlock {
    /// What the block read; of the first one that learns in a frozen backbone, what its adapter read.
    input: Option<Stored>,
    trace: Option<Vec<BlockTrace>>,
    /// `[n, tokens, r]`: what the adapter's `down_proj` said.
    down: Option<Tensor<3>>,
}

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

    fn count(&self) -> usize {
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
}

impl AdaptedBackbone {
    /// Averages over space of what the last block says, for each tubelet, and what a backward pass needs: with
    /// [`backward`](Self::backward), the same as [`tubelets`](Self::tubelets) and its graph. Of a model without autodiff.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[b, 3, f, height, width]`, bytes
    /// - returns: `[b, f / 2, c]`
    ///
    /// # Errors
    ///
    /// A temporary file cannot be written.
    pub fn run(
        &self,
        frames: Tensor<5, Int>,
        rng: Option<&mut dyn Rng>,
        keep: &Keep,
    ) -> Result<(Tensor<3>, Kept), SpillError> {
        let [b, ..] = frames.dims();
        let clips = self.clips(frames, keep.clips_at_once);
        let (pooled, of) = match self.mode {
            TuningMode::Ladder => self.climb_pieces(&clips, Some(keep))?,
            _ => {
                let draws = self.vit.draw(clips.count(), rng);
                self.through_pieces(&clips, draws, self.first_learning().map(|_| keep))?
            }
        };
        Ok((joined(pooled, b), Kept { clips, keep: keep.clone(), of }))
    }

    /// As [`run`](Self::run), with nothing kept and nothing drawn: for detection.
    pub fn infer(&self, frames: Tensor<5, Int>, clips_at_once: usize) -> Tensor<3> {
        let [b, ..] = frames.dims();
        let clips = self.clips(frames, clips_at_once);
        let pooled = match self.mode {
            TuningMode::Ladder => self.climb_pieces(&clips, None),
            _ => self.through_pieces(&clips, self.vit.draw(clips.count(), None), None),
        };
        match pooled {
            Ok((pooled, _)) => joined(pooled, b),
            Err(error) => unreachable!("nothing is written where nothing is kept: {error}"),
        }
    }

    /// The gradients of all that learns.
    ///
    /// # Shapes
    ///
    /// - `grad`: `[b, f / 2, c]`, of what [`run`](Self::run) returned
    ///
    /// # Errors
    ///
    /// A temporary file cannot be read or written.
    pub fn backward(&self, kept: Kept, grad: Tensor<3>) -> Result<GradientsParams, SpillError> {
        let Kept { clips, keep, of } = kept;
        let [b, t, c] = grad.dims();
        let grad = grad.reshape([clips.count(), b * t / clips.count(), c]);
        let mut gradients = Gradients::default();
        match of {
            KeptOf::Nothing => {}
            KeptOf::Blocks { draws, blocks } => {
                let back = Back { model: self, clips: &clips, keep: &keep, draws: &draws };
                back.run(blocks, clips.spread(grad), &mut gradients)?;
            }
            KeptOf::Rungs { downs, inputs } => {
                self.climb_backward(&clips, &keep, downs, inputs, clips.spread(grad), &mut gradients)?;
            }
        }
        Ok(gradients.into_params())
    }

    /// The first block at whose end something learns, or the first of all where blocks learn. None if nothing does.
    fn first_learning(&self) -> Option<usize> {
        match self.backbone_learns {
            true => Some(0),
            false => self.adapters.iter().position(Option::is_some),
        }
    }

    fn adapter(&self, block: usize) -> Option<&Tia> {
        self.adapters.get(block).and_then(Option::as_ref)
    }

    /// Every block, each followed by its adapter where it carries one. Averages over space `[n, 8, c]`.
    fn through_pieces(
        &self,
        clips: &Clips,
        draws: Vec<BlockDraw>,
        keep: Option<&Keep>,
    ) -> Result<(Tensor<3>, KeptOf), SpillError> {
        let (depth, first) = (self.vit.blocks.len(), self.first_learning().unwrap_or(usize::MAX));
        let roles = keep.map_or_else(|| vec![Role::Idle; depth], |keep| keep.roles(first, depth));
        let mut x: Pieces = clips.pieces.iter().map(|piece| self.vit.embed(clips.some(piece))).collect();
        let mut blocks = Vec::new();
        for (i, block) in self.vit.blocks.iter().enumerate() {
            let mut kept = KeptBlock::default();
            let below_is_idle = i == first && !self.backbone_learns;
            if let Some(keep) = keep
                && i >= first
                && !below_is_idle
            {
                if keep.half {
                    x = x.into_iter().map(|x| x.cast(DType::BF16).cast(DType::F32)).collect();
                }
                if matches!(roles[i], Role::Head | Role::Traced) {
                    kept.input = Some(Stored::put(x.clone(), keep)?);
                }
            }
            let traces = roles[i] == Role::Traced && !below_is_idle;
            let mut trace = Vec::new();
            let pass = |(x, piece): (Tensor<3>, &Range<usize>)| {
                let draw = draws[i].of(piece.clone());
                if !traces {
                    return block.forward(x, &draw);
                }
                let (x, kept) = block.forward_traced(x, &draw);
                trace.push(kept);
                x
            };
            x = x.into_iter().zip(&clips.pieces).map(pass).collect();
            kept.trace = traces.then_some(trace);
            if let Some(keep) = keep
                && below_is_idle
            {
                kept.input = Some(Stored::put(x.clone(), keep)?);
                if keep.half {
                    x = x.into_iter().map(|x| x.cast(DType::BF16).cast(DType::F32)).collect();
                }
            }
            if let Some(adapter) = self.adapter(i) {
                let down = down(adapter, &x);
                // Below a block whose input is kept nothing is computed again, so that this would not come by itself.
                let last_of_segment = roles[i] != Role::Idle && roles.get(i + 1) != Some(&Role::Between);
                kept.down = last_of_segment.then(|| down.clone());
                x = add(adapter, x, down, clips);
            }
            blocks.push(kept);
        }
        let pooled = x.into_iter().map(|x| clips.pool(x)).collect();
        let of = if keep.is_some() { KeptOf::Blocks { draws, blocks } } else { KeptOf::Nothing };
        Ok((Tensor::cat(pooled, 0), of))
    }
}

/// What `down_proj` says of all clips: pieces of `[n, tokens, c] -> [n, tokens, r]`.
pub(crate) fn down(adapter: &Tia, x: &[Tensor<3>]) -> Tensor<3> {
    Tensor::cat(x.iter().map(|x| adapter.down_proj.forward(x.clone())).collect(), 0)
}

/// What an adapter read and what it adds to it.
fn add(adapter: &Tia, x: Pieces, down: Tensor<3>, clips: &Clips) -> Pieces {
    let sum = adapter.bottleneck(down, clips.layout);
    x.into_iter().zip(&clips.pieces).map(|(x, piece)| x + adapter.added(&sum, piece)).collect()
}

/// `[n, 8, c] -> [b, f / 2, c]`.
fn joined(pooled: Tensor<3>, b: usize) -> Tensor<3> {
    let [n, t, c] = pooled.dims();
    debug_assert_eq!(t, VitConfig::CLIP_TOKENS);
    pooled.reshape([b, n / b * t, c])
}

/// A backward pass through the blocks.
struct Back<'a> {
    model: &'a AdaptedBackbone,
    clips: &'a Clips,
    keep: &'a Keep,
    draws: &'a [BlockDraw],
}

/// A block whose backward pass can begin.
struct Ready {
    input: Stored,
    trace: Option<Vec<BlockTrace>>,
    down: Option<Tensor<3>>,
}

impl Back<'_> {
    /// From the gradient of what the last block said, down to the lowest that learns.
    fn run(&self, mut blocks: Vec<KeptBlock>, mut grad: Pieces, gradients: &mut Gradients) -> Result<(), SpillError> {
        let Some(first) = self.model.first_learning() else { return Ok(()) };
        let mut above = None;
        while blocks.len() > first {
            let Some(head) = blocks.iter().rposition(|block| block.input.is_some()) else {
                unreachable!("the lowest block that learns is kept")
            };
            if blocks.len() - head > 1 {
                // Its memory is needed more by what is about to be computed again.
                above = None;
            }
            (grad, above) = self.stretch(head, blocks.split_off(head), above, grad, gradients)?;
        }
        if self.model.backbone_learns {
            let embed = &self.model.vit.patch_embed;
            let pieces = self.clips.pieces.iter().zip(grad);
            pieces.for_each(|(piece, grad)| embed.backward(self.clips.some(piece), grad, gradients));
        }
        Ok(())
    }

    /// Whether this is the lowest block that learns, of a frozen backbone: only its adapter needs a backward pass, and
    /// what was kept is what that read.
    fn below_is_idle(&self, block: usize) -> bool {
        !self.model.backbone_learns && self.model.first_learning() == Some(block)
    }

    /// Backward through blocks from `head` on, of which the first one's input is kept. Returns what [`block`](Self::block)
    /// does.
    fn stretch(
        &self,
        head: usize,
        mut kept: Vec<KeptBlock>,
        mut above: Option<Pieces>,
        mut grad: Pieces,
        gradients: &mut Gradients,
    ) -> Result<(Pieces, Option<Pieces>), SpillError> {
        let held = self.keep.held.max(1);
        if kept.len() > held {
            let lower = kept.len() - held.min(kept.len().div_ceil(2));
            let mut upper = kept.split_off(lower);
            let (input, down) = self.pass(head, &kept)?;
            if let (Some(first), Some(last)) = (upper.first_mut(), kept.last_mut()) {
                (first.input, last.down) = (Some(Stored::Memory(input)), down);
            }
            (grad, _) = self.stretch(head + lower, upper, above, grad, gradients)?;
            return self.stretch(head, kept, None, grad, gradients);
        }
        for (at, ready) in self.refill(head, kept)?.into_iter().enumerate().rev() {
            (grad, above) = self.block(head + at, ready, above, grad, gradients)?;
        }
        Ok((grad, above))
    }

    /// What the block above these reads, and what `down_proj` of the last of them says.
    fn pass(&self, head: usize, kept: &[KeptBlock]) -> Result<(Pieces, Option<Tensor<3>>), SpillError> {
        let Some(input) = kept.first().and_then(|block| block.input.as_ref()) else {
            unreachable!("the first of a stretch is kept")
        };
        let (mut x, mut down) = (input.load()?, None);
        for i in head..head + kept.len() {
            (x, down) = self.again(i, x);
        }
        Ok((x, down))
    }

    /// Block `i` and its adapter, from what the block read: what the one above reads, and what `down_proj` says.
    fn again(&self, i: usize, input: Pieces) -> (Pieces, Option<Tensor<3>>) {
        let v = if self.below_is_idle(i) { input } else { self.forward(i, input) };
        let (said, down) = match self.model.adapter(i) {
            Some(adapter) => {
                let down = down(adapter, &v);
                (add(adapter, v, down.clone(), self.clips), Some(down))
            }
            None => (v, None),
        };
        match self.keep.half {
            true => (said.into_iter().map(|x| x.cast(DType::BF16).cast(DType::F32)).collect(), down),
            false => (said, down),
        }
    }

    /// Computes again what was not kept of blocks from `head` on.
    fn refill(&self, head: usize, kept: Vec<KeptBlock>) -> Result<Vec<Ready>, SpillError> {
        let count = kept.len();
        let mut ready: Vec<Ready> = Vec::with_capacity(count);
        let mut next: Option<Stored> = None;
        for (at, KeptBlock { input, trace, mut down }) in kept.into_iter().enumerate() {
            let i = head + at;
            let Some(input) = input.or(next.take()) else {
                unreachable!("a block is computed again from the one below it")
            };
            if at + 1 < count {
                let (said, again) = self.again(i, input.load()?);
                (next, down) = (Some(Stored::put(said, self.keep)?), again);
            }
            ready.push(Ready { input, trace, down });
        }
        Ok(ready)
    }

    fn forward(&self, i: usize, input: Pieces) -> Pieces {
        let block = &self.model.vit.blocks[i];
        let pieces = input.into_iter().zip(&self.clips.pieces);
        pieces.map(|(x, piece)| block.forward(x, &self.draws[i].of(piece.clone()))).collect()
    }

    /// Through block `i` and its adapter. `above` is what the block above read, where it is known to the last digit.
    /// Returns the gradient of what the block read, and that itself.
    fn block(
        &self,
        i: usize,
        ready: Ready,
        above: Option<Pieces>,
        grad: Pieces,
        gradients: &mut Gradients,
    ) -> Result<(Pieces, Option<Pieces>), SpillError> {
        let Ready { input, trace, down } = ready;
        let input = input.load()?;
        let adapter = self.model.adapter(i).zip(down).map(|(adapter, down)| {
            let sum = adapter.bottleneck(down.clone(), self.clips.layout);
            let grad = adapter.bottleneck_backward(down, sum.clone(), &grad, self.clips.layout, gradients);
            Passed { adapter, sum, grad }
        });
        let mut traces = trace.into_iter().flatten();
        let mut piece = |(at, grad): (usize, Tensor<3>)| {
            let (x, clips) = (input[at].clone(), &self.clips.pieces[at]);
            if self.below_is_idle(i) {
                if let Some(passed) = &adapter {
                    adapter_backward(passed, x, clips, gradients);
                }
                return None;
            }
            let above = above.as_ref().map(|above| above[at].clone());
            let (block, draw) = (&self.model.vit.blocks[i], self.draws[i].of(clips.clone()));
            Some(self.piece(block, x, traces.next(), above, grad, &draw, clips, adapter.as_ref(), gradients))
        };
        let grad = grad.into_iter().enumerate().filter_map(&mut piece).collect();
        // What was rounded is not what the block below said, and what is in files is not to stay in memory.
        Ok((grad, Stored::is_plain(self.keep).then_some(input)))
    }

    /// Some clips through a block and its adapter.
    #[expect(clippy::too_many_arguments, reason = "all that a block's backward pass reads")]
    fn piece(
        &self,
        block: &Block,
        x: Tensor<3>,
        trace: Option<BlockTrace>,
        above: Option<Tensor<3>>,
        grad: Tensor<3>,
        draw: &BlockDraw,
        clips: &Range<usize>,
        adapter: Option<&Passed<'_>>,
        gradients: &mut Gradients,
    ) -> Tensor<3> {
        let trace = trace.unwrap_or_else(|| block.trace(x.clone(), draw));
        let grad = match adapter {
            Some(passed) => {
                // What the adapter read: what the block above read, less what the adapter added to it.
                let read = match above {
                    Some(above) => above - passed.adapter.added(&passed.sum, clips),
                    None => block.output(&trace, draw),
                };
                grad + adapter_backward(passed, read, clips, gradients)
            }
            None => grad,
        };
        let learning = self.model.backbone_learns.then_some(gradients);
        block.backward(x, trace, grad, draw, learning)
    }
}

/// An adapter whose part at the bottleneck has been passed backward.
struct Passed<'a> {
    adapter: &'a Tia,
    /// `[n, tokens, r]`: what `up_proj` read.
    sum: Tensor<3>,
    /// `[n, tokens, r]`: the gradient of what `down_proj` said.
    grad: Tensor<3>,
}

/// The gradient of what the adapter read of some clips, without that of its residual.
fn adapter_backward(
    passed: &Passed<'_>,
    read: Tensor<3>,
    clips: &Range<usize>,
    gradients: &mut Gradients,
) -> Tensor<3> {
    let grad = passed.grad.clone().narrow(0, clips.start, clips.len());
    passed.adapter.down_backward(read, grad.clone(), gradients);
    passed.adapter.through_down(grad)
}
