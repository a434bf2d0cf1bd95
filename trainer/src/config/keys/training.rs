//! Keys about optimiser, schedule, inference and evaluation.

use super::Kind::{NamesOrPath, Numbers, Path, Wholes, Word};
use super::Range::{AboveZero, FromZero, Share, ShareAboveZero, ShareBelowOne, Whole};
use super::{Key, MOST, flag, key, number, whole};

pub(super) const KEYS: &[Key] = &[
    key("optimizer.rule", Word(&["adamw", "adam", "sgd"]), "How parameters move.").or("\"adamw\""),
    number("optimizer.learning-rate", FromZero, "Base rate of the detector."),
    number("optimizer.adapter-learning-rate", FromZero, "Base rate of the adapters.").absent("there are none"),
    number("optimizer.backbone-learning-rate", FromZero, "Base rate of the backbone.").absent("it does not learn"),
    number(
        "optimizer.weight-decay",
        FromZero,
        "Weight decay of backbone, adapters, and the detector's matrices and kernels.",
    ),
    flag("optimizer.decay-all", "Whether the detector's biases, norms and scales decay, too.").or("false"),
    number("optimizer.clip-norm", AboveZero, "Largest norm of the gradient of all parameters together."),
    whole("schedule.epochs", 1, "Passes over the training videos."),
    whole("schedule.warmup-epochs", 0, "Passes during which the rate rises from 0."),
    whole("schedule.cosine-epochs", 1, "Passes after which the cosine would end; training may stop before.")
        .absent("schedule.epochs"),
    whole("schedule.windows-per-video", 1, "Windows drawn from each video in one pass."),
    whole("schedule.batch", 1, "Windows per step."),
    number("schedule.final-rate", FromZero, "The rate that the cosine ends in."),
    key(
        "schedule.falls.epochs",
        Wholes,
        "Epochs at whose beginning the rate falls, from 0, instead of along a cosine.",
    )
    .within(Whole(0, MOST)),
    number("schedule.falls.factor", ShareAboveZero, "What is left of the rate each time."),
    number(
        "schedule.average-decay",
        ShareBelowOne,
        "Decay per step of the weight average that is evaluated; 0: no average.",
    ),
    number("schedule.frame-loss", FromZero, "Weight of the frame loss; 0 in every published recipe."),
    whole("schedule.checkpoint-every", 1, "Epochs from one checkpoint to the next.").or("1"),
    whole("schedule.evaluate-every", 0, "Epochs from one evaluation on the validation subset to the next; 0: none.")
        .or("0"),
    whole("schedule.evaluate-from", 0, "Epochs before the first of them.").or("0"),
    whole("schedule.skip-steps", 0, "Steps in a row without a usable gradient that are left out before the run ends.")
        .or("0"),
    number("schedule.skip-limit", Share, "Share of the windows that may be unreadable before the run ends.").or("0.01"),
    number("inference.pre-nms-threshold", FromZero, "Scores must be larger than this."),
    whole("inference.pre-nms-top-k", 1, "At most this many segments per window."),
    number("inference.min-duration", FromZero, "Segments shorter than this are left out.").unit("s").or("0.0"),
    key("inference.suppression.method.kind", Word(METHODS), "What a kept segment does to those that overlap it."),
    number("inference.suppression.method.overlap", ShareAboveZero, "From this overlap on.")
        .required_if("hard, zero, linear"),
    number("inference.suppression.method.sigma", AboveZero, "The larger, the milder.")
        .required_if("gaussian, sparing-gaussian"),
    number("inference.suppression.method.base", FromZero, "Overlap that is always spared.")
        .required_if("sparing-gaussian"),
    number("inference.suppression.method.slope", FromZero, "More of it per unit of the kept segment's length.")
        .required_if("sparing-gaussian"),
    whole("inference.suppression.max-segments", 1, "At most this many segments come out, per class and in all."),
    number("inference.suppression.min-score", FromZero, "Segments whose score falls below this are dropped."),
    flag("inference.suppression.class-agnostic", "Whether all classes compete with each other."),
    number("inference.suppression.voting-threshold", ShareAboveZero, VOTING).absent("no voting"),
    flag("inference.suppression.class-voting", "Whether segments vote within their class, too.").or("false"),
    key("inference.classifier.scores", Path, "Class scores of whole videos, made elsewhere (JSON or .npy)."),
    whole("inference.classifier.fusion.top-k", 1, "Classes per video, the likeliest."),
    flag("inference.classifier.fusion.softmax", "Whether the scores are logits, and become probabilities first."),
    key(
        "inference.classifier.fusion.fusion",
        Word(&["product", "double-product", "root"]),
        "How two scores become one.",
    ),
    key("evaluation.tiou", Numbers, "Overlaps with the truth that count as found.").within(ShareAboveZero),
    key(
        "evaluation.top-k",
        Wholes,
        "Recall of the best k * x detections of each class in a video, x being its actions.",
    )
    .within(Whole(1, MOST))
    .or("[]"),
    key("evaluation.blocked-videos", NamesOrPath, "Videos that are not counted.").or("[]"),
];

const METHODS: &[&str] = &["hard", "zero", "linear", "gaussian", "sparing-gaussian"];
const VOTING: &str =
    "Moves every kept segment to the weighted mean of the proposals that overlap it at least this much.";
