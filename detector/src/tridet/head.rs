//! Trident head: a class at every point, and its distances from where the class is seen to start and end nearby.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData, activation, assert_shape};
use rand_core::Rng;

use super::config::TriDetConfig;
use crate::conv::{Bias, ConvModule, TemporalConv};
use crate::levels::{BranchSize, Joined, Scale, prior_bias};
use crate::losses::select;
use crate::mask::Mask;

/// Heads for classes, distances, starts and ends (OpenTAD `TriDetHead`).
#[derive(Module, Debug)]
pub struct Head {
    /// Before the class output.
    pub cls_convs: Vec<ConvModule>,
    /// Before the distance output.
    pub reg_convs: Vec<ConvModule>,
    /// Logits per class.
    pub cls_head: TemporalConv,
    /// A number for every distance to start and end, before scale and ReLU.
    pub reg_head: TemporalConv,
    /// Before the start output.
    pub cls_start_convs: Vec<ConvModule>,
    /// Before the end output.
    pub cls_end_convs: Vec<ConvModule>,
    /// How much a class starts here.
    pub cls_start_head: TemporalConv,
    /// How much a class ends here.
    pub cls_end_head: TemporalConv,
    /// One per level.
    pub scale: Vec<Scale>,
    kernel: usize,
    bins: usize,
}

/// What the heads say, finest level first.
#[derive(Debug, Clone)]
pub struct HeadOutput {
    /// `[b, points, classes]`.
    pub logits: Tensor<3>,
    /// What distances follow from.
    pub boundaries: Boundaries,
}

/// Where boundaries are seen, from each point and from the sequence itself.
#[derive(Debug, Clone)]
pub struct Boundaries {
    /// A number for every distance to start, then to end: `[b, points, 2 * (bins + 1)]`.
    pub centre: Tensor<3>,
    /// Logits of a start per step and class, `bins` rows of zeros before every level: `[b, points + levels * bins, classes]`.
    start: Tensor<3>,
    /// Logits of an end, with the zeros after every level.
    end: Tensor<3>,
    /// For every point the first row of `start` and `end` that it sees.
    first: Vec<usize>,
    bins: usize,
}

impl Head {
    /// Draws the initial weights.
    pub fn init(config: &TriDetConfig, classes: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let (inputs, channels, convs) = (config.channels, config.head_channels(), config.head_convs);
        let head = BranchSize { channels, convs, kernel: config.head_kernel };
        let boundary = BranchSize { channels, convs, kernel: config.boundary_kernel };
        Self {
            cls_convs: head.convs(inputs, rng, device),
            reg_convs: head.convs(inputs, rng, device),
            cls_head: head.output(classes, prior_bias(config.class_prior), rng, device),
            reg_head: head.output(2 * (config.bins + 1), Bias::Default, rng, device),
            cls_start_convs: boundary.convs(inputs, rng, device),
            cls_end_convs: boundary.convs(inputs, rng, device),
            cls_start_head: boundary.output(classes, Bias::Default, rng, device),
            cls_end_head: boundary.output(classes, Bias::Default, rng, device),
            scale: Scale::each(config.levels(), device),
            kernel: config.head_kernel.max(config.boundary_kernel),
            bins: config.bins,
        }
    }

    /// Starts and ends learn without changing what they are read from.
    ///
    /// # Shapes
    ///
    /// - `levels`: per level `[b, t / 2^level, c]`
    pub fn forward(&self, levels: Vec<Tensor<3>>, masks: &[Mask]) -> HeadOutput {
        let [logits, raw, start, end] = self.raw(levels, masks);
        let centre = self.scale.iter().zip(raw).map(|(scale, x)| scale.distance(x));
        HeadOutput {
            logits: Tensor::cat(logits, 1),
            boundaries: Boundaries::new(Tensor::cat(centre.collect(), 1), start, end, self.bins),
        }
    }

    /// Class logits, what is said of each distance before scale and ReLU, logits of a start and of an end: each per level
    /// `[b, t / 2^level, _]`.
    pub fn raw(&self, levels: Vec<Tensor<3>>, masks: &[Mask]) -> [Vec<Tensor<3>>; 4] {
        let joined = Joined::new(levels, masks, self.kernel);
        let (x, apart) = (&joined.x, &joined.x.clone().detach());
        let run = |x: &Tensor<3>, convs, output| joined.split(&joined.run(x.clone(), convs, output));
        [
            run(x, &self.cls_convs, &self.cls_head),
            run(x, &self.reg_convs, &self.reg_head),
            run(apart, &self.cls_start_convs, &self.cls_start_head),
            run(apart, &self.cls_end_convs, &self.cls_end_head),
        ]
    }
}

impl Boundaries {
    fn new(centre: Tensor<3>, start: Vec<Tensor<3>>, end: Vec<Tensor<3>>, bins: usize) -> Self {
        let device = centre.device();
        let [b, _, classes] = start[0].dims();
        let zeros = Tensor::zeros([b, bins, classes], &device);
        let lengths = start.iter().map(|level| level.dims()[1]);
        let firsts = lengths.scan(0, |at, length| {
            let first = *at;
            *at += length + bins;
            Some(first..first + length)
        });
        let first = firsts.flatten().collect();
        let start = start.into_iter().flat_map(|level| [zeros.clone(), level]).collect();
        let end = end.into_iter().flat_map(|level| [level, zeros.clone()]).collect();
        Self { centre, start: Tensor::cat(start, 1), end: Tensor::cat(end, 1), first, bins }
    }

    /// Expected distances to start and end of some `(row, class)`, in strides, where a row is `video * points + point`.
    ///
    /// A point sees `bins` steps to the left of it, and itself, as places of the start, and as many to the right as places
    /// of the end; what it says itself about each place is added, and the softmax over places gives the expectation.
    ///
    /// # Shapes
    ///
    /// - returns: `[pairs, 2]`
    pub fn distances(&self, pairs: &[(usize, usize)]) -> Tensor<2> {
        let (device, places) = (self.centre.device(), self.bins + 1);
        let [b, rows, classes] = self.start.dims();
        let n = pairs.len();
        let seen = |&(row, class): &(usize, usize)| {
            let (video, point) = (row / self.first.len(), row % self.first.len());
            let first = video * rows + self.first[point];
            (first..first + places).map(move |row| (row * classes + class) as i32)
        };
        let seen: Vec<i32> = pairs.iter().flat_map(seen).collect();
        let seen = Tensor::<1, Int>::from_data(TensorData::new(seen, [n * places]), &device);
        let window = |logits: &Tensor<3>| -> Tensor<2> {
            logits.clone().reshape([b * rows * classes]).select(0, seen.clone()).reshape([n, places])
        };
        let rows: Vec<usize> = pairs.iter().map(|&(row, _)| row).collect();
        let centre = select(self.centre.clone(), &rows);
        let left = activation::softmax(window(&self.start) + centre.clone().narrow(1, 0, places), 1);
        let right = activation::softmax(window(&self.end) + centre.narrow(1, places, places), 1);
        // As in the reference, the right side alone decides what counts as no number.
        let unknown = right.clone().is_nan();
        let places: Vec<f32> = (0..places).map(|place| place as f32).collect();
        let to_right = Tensor::<1>::from_data(places.as_slice(), &device).reshape([1, -1]);
        let to_left = to_right.clone().flip([1]);
        let expected = |side: Tensor<2>, places: Tensor<2>| (side.mask_fill(unknown.clone(), 0.0) * places).sum_dim(1);
        let distances = Tensor::cat(vec![expected(left, to_left), expected(right, to_right)], 1);
        assert_shape!(distances, [n, 2]);
        distances
    }
}
