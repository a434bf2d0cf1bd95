//! Run files: what they may say, and what is said of those that may not.

use super::*;

const SBHAR: &str = include_str!("../../presets/sbhar_actionformer.toml");

fn parse(text: &str, overrides: &[&str]) -> Result<RunConfig, String> {
    let overrides: Vec<String> = overrides.iter().map(|given| (*given).to_owned()).collect();
    RunConfig::parse(text, Path::new("run.toml"), &overrides).map_err(|error| error.to_string())
}

#[test]
fn a_run_file_that_is_written_is_the_one_that_was_read() {
    for text in [DEMONSTRATION, SBHAR] {
        let config = parse(text, &[]).unwrap();
        assert_eq!(parse(&config.to_toml(), &[]).unwrap(), config);
    }
}

#[test]
fn a_run_learns_from_videos_or_from_features() {
    let input = |text| parse(text, &[]).unwrap().input;
    assert!(matches!(input(DEMONSTRATION), Input::Videos(_)));
    assert!(matches!(input(SBHAR), Input::Features(FeatureInput { channels: 6, signal_window: Some(50), .. })));
}

#[test]
fn what_belongs_to_videos_is_refused_beside_features() {
    let error = parse(&SBHAR.replace("\n[data.features]", "crop = 48\n[data.features]"), &[]).unwrap_err();
    assert_eq!(
        error,
        "run.toml, line 19: `data.crop` belongs to runs on videos; with [data.features] leave it out, or leave [data.features] out"
    );
    let backbone = DEMONSTRATION.split("\n[").find(|section| section.starts_with("backbone]")).unwrap();
    let error = parse(&format!("{SBHAR}\n[{backbone}"), &[]).unwrap_err();
    assert!(error.contains("`backbone` belongs to runs on videos"), "{error}");
}

#[test]
fn what_videos_need_is_named_when_it_is_missing() {
    let error = parse(&DEMONSTRATION.replace("crop = 48\n", ""), &[]).unwrap_err();
    let expected =
        "run.toml: `data.crop` is missing; runs on videos need it, runs on stored features have [data.features]";
    assert_eq!(error, expected);
    let error = parse(&DEMONSTRATION.replace("overlap = 0.5\n", ""), &[]).unwrap_err();
    assert!(error.contains("`window.overlap` is missing"), "{error}");
    let error = parse(&DEMONSTRATION.replace("adapter-learning-rate = 2e-3\n", ""), &[]).unwrap_err();
    assert!(error.contains("adapter-learning-rate is 0 or missing"), "{error}");
}

#[test]
fn a_slip_in_a_key_of_features_is_told_with_its_line_and_the_nearest_key() {
    let error = parse(&SBHAR.replace("signal-window", "signal-windows"), &[]).unwrap_err();
    assert!(error.contains(", line ") && error.ends_with("the nearest is `signal-window`"), "{error}");
    let error = parse(SBHAR, &["data.features.chanels=3"]).unwrap_err();
    assert!(error.ends_with("the nearest is `data.features.channels`"), "{error}");
}

#[test]
fn numbers_that_make_no_run_on_features_are_refused() {
    for (given, said) in [
        ("data.features.channels=0", "data.features.channels is 0; it must be at least 1"),
        ("data.features.signal-window=0", "data.features.signal-window is 0; it must be at least 1"),
        ("data.features.fps=nan", "data.features.fps is NaN; it must be a number above 0"),
        ("window.feature-stride=0", "window.feature-stride is 0; it must be at least 1"),
        ("window.scale-factor=2", "window.scale-factor is 2; with [data.features] it must be 1 or absent"),
        ("window.size=1290", "the nearest are 1280 and 1312"),
        ("inference.min-duration=-1", "inference.min-duration is -1; it must be a number from 0 up"),
    ] {
        let error = parse(SBHAR, &[given]).unwrap_err();
        assert!(error.ends_with(said), "{given}: {error}");
    }
}

/// The demonstration with one line changed, and the line's number.
fn changed(line: &str, to: &str) -> (String, usize) {
    let at = DEMONSTRATION.lines().position(|found| found == line).unwrap();
    (DEMONSTRATION.replace(&format!("\n{line}\n"), &format!("\n{to}\n")), at + 1)
}

#[test]
fn a_wrong_value_is_told_with_its_line_its_key_and_the_nearest_right_one() {
    for (line, to, said) in [
        ("batch = 2", "batch = 0", "schedule.batch is 0; it must be at least 1"),
        (
            "batch = 2",
            "batch = 4611686018427387904",
            "schedule.batch is 4611686018427387904; it must be at most 1048576",
        ),
        (
            "batch = 2",
            "batch = -2",
            "`schedule.batch`: invalid value: integer `-2`, expected usize; it is a whole number from 1 up",
        ),
        (
            "batch = 2",
            "batch = \"two\"",
            "`schedule.batch`: invalid type: string \"two\", expected usize; it is a whole number from 1 up",
        ),
        (
            "batch = 2",
            "batch = 2.5",
            "`schedule.batch`: invalid type: floating point `2.5`, expected usize; it is a whole number from 1 up",
        ),
        (
            "learning-rate = 2e-3",
            "learning-rate = -1.0",
            "optimizer.learning-rate is -1; it must be a number from 0 up",
        ),
        (
            "learning-rate = 2e-3",
            "learning-rate = nan",
            "optimizer.learning-rate is NaN; it must be a number from 0 up",
        ),
        (
            "learning-rate = 2e-3",
            "learning-rate = inf",
            "optimizer.learning-rate is inf; it must be a number from 0 up",
        ),
        ("mode = \"tia\"", "mode = \"tai\"", "the nearest is `tia`; it is one of frozen, adapter, tia, ladder, full"),
        ("crop = 48", "crop = 64", "data.crop is 64, larger than data.short-side = 54"),
        (
            "heads = 2",
            "heads = 3",
            "backbone.width is 64, not a multiple of backbone.heads = 3; the nearest are 63 and 66",
        ),
        ("size = 256", "size = 0", "window.size is 0; it must be at least 1"),
        ("overlap = 0.5", "overlap = 1.0", "window.overlap is 1; it must be a number from 0 to 1, 1 left out"),
        (
            "tiou = [0.3, 0.4, 0.5, 0.6, 0.7]",
            "tiou = [0.3, 1.4]",
            "evaluation.tiou is 1.4; it must be a number from 0 to 1, 0 left out",
        ),
        ("clip-norm = 1.0", "clip-nrom = 1.0", "the nearest is `clip-norm`"),
        (
            "head-convs = 2",
            "head-convs = \"two\"",
            "`detector.head-convs`: invalid type: string \"two\", expected usize; it is a whole number from 0 up",
        ),
        ("head-convs = 2", "head-cons = 2", "the nearest is `head-convs`"),
        ("max-segments = 200", "max-segment = 200", "the nearest is `max-segments`"),
    ] {
        let (text, number) = changed(line, to);
        let error = parse(&text, &[]).unwrap_err();
        // What two keys say together is told where the first of them stands.
        let place = if to.starts_with("heads") { "line " } else { &*format!("run.toml, line {number}: ") };
        assert!(error.contains(place) && error.ends_with(said), "{to}: {error}");
    }
}

#[test]
fn a_window_that_cannot_be_halved_names_the_nearest_that_can() {
    let (text, number) = changed("size = 256", "size = 770");
    let error = parse(&text, &[]).unwrap_err();
    assert!(
        error.starts_with(&format!("run.toml, line {number}: window.size is 770: a window of 770 grid steps")),
        "{error}"
    );
    assert!(error.ends_with("the nearest are 768 and 800"), "{error}");
}

#[test]
fn a_number_that_is_none_is_told_with_its_line() {
    for to in ["learning-rate = 1e400", "learning-rate = 99999999999999999999", "learning-rate = 0x"] {
        let (text, number) = changed("learning-rate = 2e-3", to);
        let error = parse(&text, &[]).unwrap_err();
        assert!(error.contains(&format!("line {number}: ")), "{to}: {error}");
    }
    let (text, number) = changed("seed = 0", "seed = 18446744073709551616");
    assert!(parse(&text, &[]).unwrap_err().contains(&format!("line {number}: ")));
}

#[test]
fn a_damaged_file_is_told_with_its_line_and_not_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        RunConfig::load(&path, &[]).map_err(|error| error.to_string())
    };
    let crlf = DEMONSTRATION.replace('\n', "\r\n");
    for good in [DEMONSTRATION, &crlf, &format!("\u{feff}{DEMONSTRATION}"), &format!("\u{feff}{crlf}")] {
        assert!(load(good.as_bytes()).is_ok());
    }
    let (text, number) = changed("batch = 2", "batch = 2\0");
    assert!(load(text.as_bytes()).unwrap_err().contains(&format!("line {number}: ")));
    let mut bytes = DEMONSTRATION.as_bytes().to_vec();
    let at = DEMONSTRATION.find("batch = 2").unwrap();
    bytes[at] = 0xff;
    assert!(load(&bytes).unwrap_err().contains(&format!("line {number}: not UTF-8 text")));
    let twice = format!("{DEMONSTRATION}\n[window]\nsize = 64\n");
    let error = load(twice.as_bytes()).unwrap_err();
    assert!(error.contains(", line ") && error.contains("window"), "{error}");
    let error = load(&vec![b'#'; 10 << 20]).unwrap_err();
    assert!(error.contains("larger than 4 MiB"), "{error}");
    let nested = format!("{DEMONSTRATION}\n[deep]\na = {}", "[".repeat(100_000));
    assert!(load(nested.as_bytes()).is_err());
}

#[test]
fn what_is_missing_is_told_with_its_meaning() {
    let error = parse(&DEMONSTRATION.replace("clip-norm = 1.0\n", ""), &[]).unwrap_err();
    assert!(error.contains("`optimizer.clip-norm` is missing: Largest norm"), "{error}");
}

#[test]
fn an_override_may_add_a_key_and_take_one_away() {
    let config = parse(DEMONSTRATION, &["data.fps=25", "window.padded-size=512", "data.synth=absent"]).unwrap();
    let videos = config.input.videos().unwrap();
    assert_eq!((videos.fps, config.window.padded_size, &videos.synth), (Some(25.0), Some(512), &None));
    let plain = parse(DEMONSTRATION, &[]).unwrap();
    let differences = plain.differences(&config);
    assert!(differences.contains(&"data.fps: absent -> 25.0".to_owned()), "{differences:?}");
    assert!(differences.contains(&"data.synth.test: 8 -> absent".to_owned()), "{differences:?}");
    assert!(plain.differences(&plain).is_empty());
    let error = parse(DEMONSTRATION, &["schedule.batch=absent"]).unwrap_err();
    assert!(error.starts_with("--set schedule.batch=absent: "), "{error}");
    let error = parse(DEMONSTRATION, &["schedule.batch=two"]).unwrap_err();
    assert!(error.contains("`schedule.batch`: invalid type") && error.ends_with("from 1 up"), "{error}");
    let error = parse(DEMONSTRATION, &["optimizer.weight-decay=-1"]).unwrap_err();
    assert_eq!(error, "run.toml: optimizer.weight-decay is -1; it must be a number from 0 up");
}

#[test]
fn a_resized_window_has_no_stride_and_a_class_agnostic_detector_takes_classes_from_outside() {
    let preset = |name: &str| presets::RunPreset::find(name).unwrap().text;
    let whole = preset("activitynet_adatad_s");
    for (given, said) in [
        ("window.overlap=0.5", "window.overlap is about pieces of a video; with window.resize = true leave it out"),
        (
            "window.feature-stride=4",
            "window.feature-stride is about pieces of a video; with window.resize = true leave it out",
        ),
        ("window.resize=false", "`window.feature-stride` is missing; 4 is usual"),
        ("data.class-agnostic=false", "leave it out, or set data.class-agnostic = true"),
        ("window.representation=snippets", "with window.resize = true it must be `frames`"),
        (
            "schedule.cosine-epochs=3",
            "schedule.cosine-epochs is 3, less than schedule.epochs = 15; it must be at least 15",
        ),
    ] {
        let error = parse(whole, &[given]).unwrap_err();
        assert!(error.ends_with(said), "{given}: {error}");
    }
    let error = parse(preset("ego4d_adatad_l"), &["window.padded-size=1024"]).unwrap_err();
    assert!(error.ends_with("window.padded-size is 1024, less than window.size = 1800"), "{error}");
    let error = parse(preset("ego4d_adatad_l"), &["window.padded-size=absent"]).unwrap_err();
    assert!(error.contains("window.size is 1800: ") && error.ends_with("the nearest are 1536 and 2048"), "{error}");
}

#[test]
fn the_augmentation_of_the_reference_can_be_asked_for_and_is_off_otherwise() {
    let augment = |text: &str| match parse(text, &[]).unwrap().input {
        Input::Videos(videos) => videos.augment,
        Input::Features(_) => panic!("the demonstration learns from videos"),
    };
    let off = augment(DEMONSTRATION);
    assert_eq!((off.saturation, off.hue, off.image_operations), (0.0, 0.0, 0));
    let (given, _) = changed("contrast = 0.2", "contrast = 0.5\nsaturation = 0.5\nhue = 0.1\nimage-operations = 2");
    let on = augment(&given);
    assert_eq!((on.saturation, on.hue, on.image_operations), (0.5, 0.1, 2));
    assert_eq!(augment(&parse(&given, &[]).unwrap().to_toml()), on);
}

#[test]
fn augmentation_beyond_what_there_is_is_refused() {
    for (line, said) in [
        ("contrast = 1.5", "data.augment.contrast is 1.5; it must be a number from 0 to 1"),
        ("contrast = 0\nsaturation = -0.5", "data.augment.saturation is -0.5; it must be a number from 0 to 1"),
        ("contrast = 0\nhue = 0.6", "data.augment.hue is 0.6; it must be a number from 0 to 0.5"),
        ("contrast = 0\nimage-operations = 16", "data.augment.image-operations is 16; it must be at most 15"),
    ] {
        let error = parse(&changed("contrast = 0.2", line).0, &[]).unwrap_err();
        assert!(error.ends_with(said), "{error}");
    }
}
