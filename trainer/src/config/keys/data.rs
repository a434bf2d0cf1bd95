//! Keys about data and windows.

use adatad_data::transform::Operation;

use super::Kind::{Flag, NamesOrPath, Path, Text, Texts, Word};
use super::Range::{AboveZero, Percent, Share, ShareAboveZero, ShareBelowOne, UpToHalf, Whole};
use super::{Key, Kind, MOST, flag, key, number, whole};

const VIDEOS: &str = "runs on videos";
const PIECES: &str = "windows that are pieces of a video";

pub(super) const KEYS: &[Key] = &[
    key(
        "seed",
        Kind::Whole,
        "Decides every random draw: initial weights, order, windows, augmentation, stochastic depth.",
    )
    .within(Whole(0, i64::MAX)),
    key("data.annotations", Path, "Labels of all videos, in the ActivityNet layout."),
    key("data.videos", Path, "Folder of the videos.").required_if(VIDEOS),
    key("data.video-prefix", Text, "What a video's file is called before its name: `v_` in ActivityNet.").or("\"\""),
    key("data.training-subset", Text, "Subset to learn from."),
    key("data.validation-subset", Text, "Subset watched while training."),
    key("data.test-subset", Text, "Subset the final figures are measured on."),
    key("data.class-list", Path, "The classes in the order of their indices, one label a line.")
        .absent("every label of the annotations, sorted"),
    flag(
        "data.class-agnostic",
        "Whether the detector learns where actions are and not which; classes come from outside.",
    )
    .or("false"),
    key("data.ignored-labels", Texts, "Labels that mark what is no class: neither taught nor counted.").or("[]"),
    key("data.blocked-videos", NamesOrPath, "Videos that are left out of all subsets.").or("[]"),
    key("data.time-conversion", Word(&["by-share", "by-rate", "exact"]), TIME).or("\"exact\""),
    flag("data.filter-gt", "Whether actions without length, or outside their video, are left out of training.")
        .or("true"),
    number("data.fps", AboveZero, "Frames a second of all videos, where they were brought to one rate.")
        .unit("1/s")
        .absent("as each video's annotation and file say"),
    key("data.shuffle-frames", Flag, "Control: the frames of every second in random order, in all subsets.")
        .required_if(VIDEOS),
    whole("data.short-side", 1, "The shorter side every training frame is resized to.")
        .unit("pixels")
        .within(Whole(1, 16_384))
        .required_if(VIDEOS),
    whole("data.crop", 1, "The square that the model sees: central in evaluation.")
        .unit("pixels")
        .within(Whole(1, 16_384))
        .required_if(VIDEOS),
    whole("data.cache-mib", 0, "Memory for decoded frames; videos that do not fit are decoded again for every window.")
        .unit("MiB")
        .within(Whole(0, MOST * 1024))
        .required_if(VIDEOS),
    number("data.damage-limit", Percent, "Damaged frames of a video above which it is not used.").unit("%").or("1.0"),
    key("data.augment.crop", Word(&["centre", "random", "resized"]), "Which square of a frame is seen in training.")
        .required_if(VIDEOS),
    number("data.augment.flip", Share, "Probability of swapping left and right.").required_if(VIDEOS),
    number("data.augment.brightness", Share, "Brightness is multiplied by up to 1 +- this.").required_if(VIDEOS),
    number("data.augment.contrast", Share, "Contrast is multiplied by up to 1 +- this.").required_if(VIDEOS),
    number("data.augment.saturation", Share, "Saturation is multiplied by up to 1 +- this.").or("0"),
    number("data.augment.hue", UpToHalf, "Hues are turned by up to +- this.").unit("turns").or("0"),
    whole("data.augment.image-operations", 0, "How many of OpenTAD's 15 image operations are done to a window.")
        .within(Whole(0, Operation::KINDS as i64))
        .or("0"),
    whole("data.synth.training", 0, "Generated training videos."),
    whole("data.synth.validation", 0, "Generated validation videos."),
    whole("data.synth.test", 0, "Generated test videos."),
    key("data.synth.seconds", Kind::Numbers, "Shortest and longest generated video.").unit("s").within(AboveZero),
    key("data.features.folder", Path, "Folder of the stored features, one .npy file for each video."),
    whole("data.features.channels", 1, "Channels of a file."),
    whole("data.features.offset-frames", 0, "Frames from the start of a grid step to its centre.").unit("frames"),
    whole("data.features.signal-window", 1, "Rows of a raw signal that make one grid step.")
        .unit("rows")
        .absent("a row of a file is a grid step"),
    flag("data.features.standardise", "Brings every channel to mean 0 and deviation 1 over the training subset."),
    number("data.features.fps", AboveZero, "Frames a second.").unit("1/s").absent("as the annotations say"),
    whole("data.features.cache-mib", 0, "Memory for features; files that do not fit are read again for every window.")
        .unit("MiB")
        .within(Whole(0, MOST * 1024)),
    whole("window.size", 1, "Length of a window.").unit("grid steps"),
    whole("window.padded-size", 1, "Length to which the detector pads a window.")
        .unit("grid steps")
        .absent("window.size"),
    flag("window.resize", "Whether a window is the whole video, its frames spread evenly over it.").or("false"),
    whole("window.feature-stride", 1, "Frames of the video per grid step.").unit("frames").required_if(PIECES),
    whole("window.scale-factor", 1, "Frames shown per grid step.").unit("frames").or("1"),
    key("window.representation", Word(&["frames", "snippets"]), REPRESENTATION).or("\"frames\""),
    whole("window.snippet-interval", 1, "Frames from one frame of a snippet to the next.").unit("frames").or("1"),
    number("window.truncation-threshold", ShareAboveZero, TRUNCATION).required_if(PIECES),
    number("window.overlap", ShareBelowOne, "Share of a window that the next one sees again, in detection.")
        .absent("a window is the whole recording (stored features) or the whole video (window.resize)"),
    flag("window.cover-tail", "Whether windows cover the end of every video, and none comes twice, in evaluation.")
        .or("true"),
];

const TIME: &str = "How seconds become frames: as they are, or cut to whole frames of the share of the video (THUMOS-14, \
                    Ego4D) or of the rate (EPIC-Kitchens, Charades).";
const REPRESENTATION: &str = "Whether a window is cut into adjacent clips, or each grid step has a clip of its own.";
const TRUNCATION: &str = "Share of an action that must lie in a training window for it to be taught.";
