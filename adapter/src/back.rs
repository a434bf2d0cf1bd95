//! The backward pass through blocks and adapters, from what the forward pass kept.
//!
//! Axis names as in [`schedule`](crate::schedule).

use std::ops::Range;

use adatad_backbone::{Block, BlockDraw, BlockTrace, Gradients};
use burn::tensor::Tensor;

use crate::Tia;
use crate::adapted::AdaptedBackbone;
use crate::clips::Clips;
use crate::keep::Keep;
use crate::kept::KeptBlock;
use crate::store::{Pieces, SpillError, Stored, rounded};

/// A backward pass through the blocks.
pub(crate) struct Back<'a> {
    pub(crate) model: &'a AdaptedBackbone,
    pub(crate) clips: &'a Clips,
    pub(crate) keep: &'a Keep,
    pub(crate) draws: &'a [BlockDraw],
}

/// A block whose backward pass can begin.
struct Ready {
    input: Stored,
    trace: Option<Vec<BlockTrace>>,
    down: Option<Tensor<3>>,
}

impl Back<'_> {
    /// From the gradient of what the last block said, down to the lowest that learns.
    pub(crate) fn run(
        &self,
        mut blocks: Vec<KeptBlock>,
        mut grad: Pieces,
        gradients: &mut Gradients,
    ) -> Result<(), SpillError> {
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
                let down = self.clips.down(adapter, &v);
                (self.clips.add(adapter, v, down.clone()), Some(down))
            }
            None => (v, None),
        };
        (said.into_iter().map(|x| rounded(x, self.keep)).collect(), down)
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
