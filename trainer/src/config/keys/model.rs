//! Keys about backbone, adapters and detector.

use super::Kind::{Pairs, Path, Text, Texts, WholeOrWholes, Wholes, Word};
use super::Range::{AboveZero, Any, FromZero, Share, ShareBelowOne, Whole};
use super::{Key, MOST, flag, key, number, whole};

const VIDEOS: &str = "runs on videos";
const ACTIONFORMER: &[&str] = &["actionformer"];
const TRIDET: &[&str] = &["tridet"];
const GTAD: &[&str] = &["gtad"];
/// Those with a pyramid of points.
const PYRAMID: &[&str] = &["actionformer", "tridet"];
const HEADS: &[&str] = &["tridet", "gtad"];

pub(super) const KEYS: &[Key] = &[
    whole("backbone.width", 1, "Channels of a token.").required_if(VIDEOS),
    whole("backbone.depth", 1, "Number of blocks.").within(Whole(1, 1024)).required_if(VIDEOS),
    whole("backbone.heads", 1, "Attention heads; the width is a multiple of it.").required_if(VIDEOS),
    whole("backbone.mlp", 1, "Hidden channels of the MLP.").required_if(VIDEOS),
    whole("backbone.patch", 1, "Side of a patch.").unit("pixels").required_if(VIDEOS),
    whole("backbone.position-grid", 1, "Side of the grid that the position table is made for.")
        .unit("patches")
        .within(Whole(1, 1024))
        .required_if(VIDEOS),
    number(
        "backbone.drop-path",
        ShareBelowOne,
        "Stochastic depth of the last block, in training; from 0 at the first.",
    )
    .required_if(VIDEOS),
    number("backbone.norm-epsilon", AboveZero, "Epsilon of the layer norms.").or("1e-6"),
    key("weights.backbone", Path, "Pretrained weights: PyTorch, safetensors, or a folder from Hugging Face."),
    key("weights.state-dict", Text, "Which dict of tensors in the file.").absent("averaged weights before others"),
    key("weights.allow-missing", Texts, "Parameters that the file may lack: they keep random values.").or("[]"),
    key(
        "adapter.mode",
        Word(&["frozen", "adapter", "tia", "ladder", "full"]),
        "What the backbone carries, and what learns.",
    )
    .required_if(VIDEOS),
    key("adapter.blocks", Wholes, "Blocks that carry an adapter, from 0 on, ascending.")
        .within(Whole(0, MOST))
        .absent("every block"),
    whole("adapter.reduction", 1, "How many times narrower the bottleneck is than the backbone.").required_if(VIDEOS),
    whole("adapter.kernel", 1, "Temporal kernel; odd.").unit("tubelets").required_if(VIDEOS),
    whole("adapter.dilation", 1, "Distance of the kernel's taps.").unit("tubelets").or("1"),
    flag("adapter.train-backbone", "Whether the backbone's own weights learn too.").required_if(VIDEOS),
    flag("adapter.centre-features", "Whether each window's mean feature is subtracted.").required_if(VIDEOS),
    key(
        "adapter.precision",
        Word(&["auto", "f32", "f16", "bf16"]),
        "What products in backbone and adapters are computed in; 16 bits: mixed precision. auto: f16 on GPUs that know it.",
    )
    .or("\"f32\""),
    flag("adapter.half-inputs", "Whether block inputs are rounded to bf16 in training: half the memory.").or("false"),
    key("detector.kind", Word(&["actionformer", "tridet", "gtad"]), "Which detector."),
    whole("detector.channels", 1, "Channels of its features."),
    whole("detector.embed-convs", 1, "Convolutions before the pyramid.").of(PYRAMID),
    whole("detector.stem-blocks", 0, "Blocks at full length.").of(PYRAMID),
    whole("detector.heads", 1, "Attention heads; the channels are a multiple of it.").of(ACTIONFORMER),
    key("detector.attention-window", WholeOrWholes, "Steps that a query may look at; 0: the whole window.")
        .unit("grid steps")
        .within(Whole(0, MOST))
        .of(ACTIONFORMER)
        .absent("the whole window"),
    whole("detector.mlp", 1, "Hidden channels of the blocks' MLPs.").of(TRIDET),
    key("detector.kernel", WholeOrWholes, "Kernel of the blocks that make a level.").within(Whole(0, MOST)).of(TRIDET),
    number("detector.wide-factor", AboveZero, "How much wider a block's wide kernel is than its kernel.").of(TRIDET),
    number("detector.kernel-deviation", FromZero, "Deviation of the initial weights of the blocks' convolutions.")
        .of(TRIDET),
    key("detector.downsampling", Word(&["max", "average"]), "How a level halves time.").or("\"max\"").of(TRIDET),
    flag("detector.absolute-positions", "Whether a sinusoid over time is added after the first convolutions.")
        .of(PYRAMID),
    number("detector.input-dropout", ShareBelowOne, "Probability of dropping a channel of the input, in training.")
        .of(ACTIONFORMER),
    number("detector.input-noise", FromZero, "Deviation of the noise on the features, in training.").of(TRIDET),
    number("detector.path-dropout", ShareBelowOne, "Stochastic depth of each residual branch, in training.")
        .of(PYRAMID),
    number("detector.projection-dropout", ShareBelowOne, "Dropout of what attention and MLP hand on, in training.")
        .or("0.0")
        .of(ACTIONFORMER),
    number("detector.attention-dropout", ShareBelowOne, "Dropout of attention weights, in training.")
        .or("0.0")
        .of(ACTIONFORMER),
    whole("detector.head-convs", 0, "Convolutions of each head before its output."),
    whole("detector.head-channels", 1, "Channels inside the heads.")
        .absent("as many as the pyramid has; required by gtad"),
    whole("detector.head-kernel", 1, "Kernel of the heads.").of(HEADS),
    whole("detector.boundary-kernel", 1, "Kernel of the heads for starts and ends.").of(TRIDET),
    whole("detector.bins", 1, "How many strides before and after its point a boundary is looked for.").of(TRIDET),
    key("detector.regression-ranges", Pairs, "For each level, finest first: the lengths it answers for.")
        .unit("grid steps")
        .within(FromZero)
        .of(PYRAMID),
    number("detector.centre-radius", AboveZero, "Radius around a segment's centre within which points learn it.")
        .unit("strides")
        .of(PYRAMID)
        .absent("all points in it"),
    flag("detector.centred-points", "Whether points sit in the middle of their stride.").or("false").of(PYRAMID),
    number("detector.class-prior", ShareBelowOne, "Initial probability of every class at every point.").of(PYRAMID),
    number("detector.label-smoothing", ShareBelowOne, "Smoothing of the classification targets.").of(PYRAMID),
    number("detector.loss-weight", Any, "Weight of the regression loss; at 0 or below it follows the losses' ratio.")
        .of(PYRAMID),
    number("detector.overlap-power", FromZero, "A class counts as much as its segment overlaps, to this power.")
        .of(TRIDET),
    number(
        "detector.loss-normalizer",
        AboveZero,
        "First value of the running mean of positives that divides the losses.",
    )
    .of(PYRAMID),
    number("detector.loss-normalizer-momentum", ShareBelowOne, "Momentum of that mean.").of(PYRAMID),
    flag("detector.filter-similar", "Whether a point learns only the labels of segments as short as its shortest.")
        .of(ACTIONFORMER),
    whole("detector.projection-groups", 1, "Groups of the projection's convolution.").of(GTAD),
    whole("detector.neighbours", 1, "Time steps each step is connected to in feature space.").of(GTAD),
    whole("detector.graph-groups", 1, "Groups of the graph blocks' convolutions.").of(GTAD),
    whole("detector.durations", 1, "Durations that are proposed.").unit("grid steps").of(GTAD),
    whole("detector.roi-bins", 1, "Bins in which a proposal's features are pooled.").of(GTAD),
    whole("detector.context-bins", 1, "Bins in which the features of its neighbours are pooled.").of(GTAD),
    whole("detector.roi-channels", 1, "Channels of a proposal.").of(GTAD),
    number("detector.classification-threshold", Share, "Overlap above which a proposal counts as an action.").of(GTAD),
    number("detector.regression-high", Share, "Overlap above which a proposal is good.").of(GTAD),
    number("detector.regression-low", Share, "Overlap up to which a proposal is bad.").of(GTAD),
    number("detector.regression-weight", FromZero, "Weight of the regression loss.").of(GTAD),
    key("detector.score", Word(&["maps", "maps-and-boundaries"]), "What makes a proposal's score.").of(GTAD),
];
