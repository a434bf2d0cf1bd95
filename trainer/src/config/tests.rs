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
        "run.toml: `data.crop` belongs to runs on videos; with [data.features] leave it out, or leave [data.features] out"
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
