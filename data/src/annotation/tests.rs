//! Annotation files: sound ones round-trip, every fault of the others is told with its place.

use proptest::prelude::*;

use super::*;

/// The path of a file with this text, and the folder that lives as long as it.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.json");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn load(text: &str) -> Result<Annotations, AnnotationError> {
    let (_folder, path) = file(text);
    Annotations::load(path)
}

/// A file of one video "v" of 10 s with these annotations.
fn one(annotations: &str) -> String {
    format!(r#"{{"database": {{"v": {{"subset": "training", "duration": 10, "annotations": [{annotations}]}}}}}}"#)
}

fn faults(text: &str) -> Vec<Fault> {
    match load(text) {
        Err(AnnotationError::Invalid { problems, total, .. }) => {
            assert_eq!(total, problems.len());
            problems.into_iter().map(|problem| problem.fault).collect()
        }
        other => panic!("expected an invalid file, found {other:?}"),
    }
}

fn message(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

fn entry(name: &str, subset: &str, actions: &[(&str, f64, f64)]) -> VideoEntry {
    let actions = actions.iter().map(|&(label, start, end)| Action { label: label.to_string(), start, end }).collect();
    VideoEntry { name: name.into(), subset: subset.into(), duration: 10.0, frames: Some(250), fps: None, actions }
}

#[test]
fn a_file_is_read_with_its_videos_sorted_by_name() {
    let text = r#"{"version": "x", "taxonomy": [{"a": [1, {}]}], "database": {
        "b": {"subset": "testing", "duration": 3},
        "a": {"url": "u", "annotations": [{"segment": [1, 2.5], "label": "Dive", "id": 7}],
              "duration": 12.5, "subset": "training", "frame": 300, "fps": 24.0}}}"#;
    let found = load(text).unwrap();
    assert_eq!(found.videos().iter().map(|video| video.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let a = found.video("a").unwrap();
    assert_eq!((a.duration, a.frames, a.fps), (12.5, Some(300), Some(24.0)));
    assert_eq!(a.actions, [Action { label: "Dive".into(), start: 1.0, end: 2.5 }]);
    assert_eq!(found.video("b").unwrap().actions, []);
    assert!(found.video("c").is_none());
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert!(load(&format!("\u{feff}{}", one(""))).is_ok());
}

#[test]
fn what_is_no_json_is_reported_by_line_and_column() {
    let error = load("{\"database\":\n  {\"v\" 3}}").unwrap_err();
    assert!(matches!(error, AnnotationError::Json { line: 2, column: 8, .. }), "{error}");
    assert!(error.to_string().ends_with("labels.json: line 2, column 8: expected `:`"), "{error}");
    for text in ["", "null", "[]", "{\"database\": []}", "{\"database\": {\"v\": 3}}", "{\"database\": {}} x"] {
        assert!(matches!(load(text), Err(AnnotationError::Json { .. })), "{text}");
    }
}

#[test]
fn the_nan_of_python_is_called_by_its_name() {
    for number in ["NaN", "Infinity", "-Infinity"] {
        let message = message(&one(&format!(r#"{{"label": "a", "segment": [0, {number}]}}"#)));
        assert!(message.contains("NaN and Infinity are not JSON"), "{message}");
    }
    assert!(message(&one(r#"{"label": "a", "segment": [0, 1e400]}"#)).contains("number out of range"));
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    let deep = "[".repeat(10_000);
    assert!(matches!(load(&one(&deep)), Err(AnnotationError::Json { .. })));
    assert!(load(&format!("{{\"x\": {deep}")).is_err());
}

#[test]
fn a_file_without_database_names_what_it_has_instead() {
    let message = message(r#"{"version": 1, "Databse": {}}"#);
    assert!(message.ends_with("which holds [version, Databse]; did you mean `Databse`?"), "{message}");
}

#[test]
fn every_fault_of_a_file_is_reported_with_its_place() {
    let error = load(
        r#"{"database": {
            "v": {"subset": "training", "duration": 10, "frame": 2.5, "annotations": [
                {"segment": [0, 1], "label": "ok"},
                {"segment": [3, 2], "label": "turned"},
                {"segment": [-1, 2], "label": "early"},
                {"segment": [1, 11], "label": "late"},
                {"segment": [1, 2], "label": " "},
                {"segment": [1, 2, 3], "label": "three"},
                {"segment": ["1", "2"], "label": "texts"},
                {"segment": [1, 2], "label": 5},
                {"segments": [1, 2], "label": "slip"},
                7]},
            "w": {"subset": "training", "Duration": 3},
            "x": {"subset": "training", "duration": 0, "fps": -1, "frame": 0},
            "y": {"duration": null},
            "v": {"subset": "training", "duration": 10}}}"#,
    )
    .unwrap_err();
    let AnnotationError::Invalid { problems, total, .. } = &error else { panic!("{error}") };
    let mut kinds: Vec<_> = problems.iter().map(|problem| (problem.place(), problem.fault.kind())).collect();
    kinds.sort();
    let place = |index: usize| format!("video \"v\", annotations[{index}]");
    let mut expected = vec![
        ("video \"v\"".into(), "duplicate-video"),
        ("video \"v\"".into(), "wrong-type"),
        (place(1), "end-before-start"),
        (place(2), "negative-time"),
        (place(3), "past-end"),
        (place(4), "empty-label"),
        (place(5), "wrong-type"),
        (place(6), "wrong-type"),
        (place(7), "wrong-type"),
        (place(8), "missing-field"),
        (place(9), "wrong-type"),
        ("video \"w\"".into(), "missing-field"),
        ("video \"x\"".into(), "not-positive"),
        ("video \"x\"".into(), "not-positive"),
        ("video \"x\"".into(), "not-positive"),
        ("video \"y\"".into(), "missing-field"),
        ("video \"y\"".into(), "wrong-type"),
    ];
    expected.sort();
    assert_eq!(kinds, expected);
    assert_eq!(*total, expected.len());
    let text = error.to_string();
    for part in [
        "labels.json: 17 problems\n",
        "\n  video \"v\", annotations[1]: segment [3, 2] ends before it starts; turned round it would be [2, 3]",
        "\n  video \"v\", annotations[3]: segment [1, 11] ends after the video, which is 10 s long",
        "\n  video \"v\", annotations[8]: no `segment`; did you mean `segments`?",
        "\n  video \"w\": no `duration`; did you mean `Duration`?",
        "\n  video \"v\": this name stands more than once",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn keys_that_stand_twice_are_noticed() {
    let twice = r#"{"database": {"v": {"subset": "a", "subset": "b", "duration": 1}}, "database": {}}"#;
    let kinds: Vec<_> = faults(twice).iter().map(Fault::kind).collect();
    assert_eq!(kinds, ["duplicate-field", "duplicate-field"]);
}

#[test]
fn an_end_a_little_past_the_video_is_rounding() {
    assert!(load(&one(r#"{"segment": [1, 10.49], "label": "a"}"#)).is_ok());
    assert_eq!(end_slack(1000.0), 10.0);
}

#[test]
fn times_in_frames_are_recognised() {
    let text = message(&one(r#"{"segment": [25, 50], "label": "a"}, {"segment": [75, 200], "label": "b"}"#));
    assert!(text.contains("2 of 2 actions end after their videos; are their times frames"), "{text}");
}

#[test]
fn a_message_shows_twenty_of_a_million_faults_and_counts_all() {
    let many = vec![r#"{"segment": [2, 1], "label": "a"}"#; 5000].join(",");
    let error = load(&one(&many)).unwrap_err();
    let AnnotationError::Invalid { problems, total, .. } = &error else { panic!("{error}") };
    assert_eq!((problems.len(), *total), (MOST_KEPT, 5000));
    let text = error.to_string();
    assert!(text.contains("5000 problems (the first 20 of them)"), "{text}");
    assert_eq!(text.lines().count(), 1 + MOST_SHOWN);
}

#[test]
fn salvage_keeps_what_is_sound() {
    let (_folder, path) = file(&one(r#"{"segment": [2, 1], "label": "a"}, {"segment": [2, 2], "label": "b"}"#));
    let found = Annotations::salvage(&path).unwrap();
    assert_eq!(found.total, 1);
    assert_eq!(found.annotations.labels(), ["b"]);
}

#[test]
fn what_training_leaves_out_is_noted_but_kept() {
    let video = entry("v", "training", &[("a", 1.0, 1.0), ("b", 2.0, 3.0), ("b", 2.0, 3.0)]);
    let found = Annotations::new(vec![video]).unwrap();
    assert_eq!(found.videos()[0].actions.len(), 3);
    let notes: Vec<_> = found.notes().into_iter().map(|note| (note.annotation, note.fault)).collect();
    assert_eq!(notes, [(Some(0), Fault::ZeroLength { at: 1.0 }), (Some(2), Fault::Repeated { first: 1 })]);
}

#[test]
fn annotations_made_in_memory_meet_the_same_rules() {
    let bad = entry("v", "training", &[("a", f64::NAN, 1.0)]);
    let error = Annotations::new(vec![bad]).unwrap_err();
    assert_eq!(error.to_string(), "1 problem\n  video \"v\", annotations[0]: segment [NaN, 1] is not finite");
}

#[test]
fn an_unknown_subset_names_the_nearest_and_all_that_exist() {
    let found = Annotations::new(vec![entry("a", "training", &[]), entry("b", "validation", &[])]).unwrap();
    assert_eq!(found.subset("training").unwrap()[0].name, "a");
    let error = found.subset("train").unwrap_err().to_string();
    assert_eq!(error, "no video of subset `train`, only of [training, validation]; did you mean `training`?");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Annotations::load("/nowhere/labels.json").unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nowhere/labels.json");
}

prop_compose! {
    fn any_entry()(
        name in ".{1,12}",
        subset in ".{0,8}",
        duration in 0.001f64..1e6,
        frames in proptest::option::of(1usize..1_000_000),
        fps in proptest::option::of(0.1f64..240.0),
        spans in proptest::collection::vec(("[^ ].{0,8}", 0.0f64..=1.0, 0.0f64..=1.0), 0..5),
    ) -> VideoEntry {
        let actions = spans.into_iter().filter(|(label, ..)| !label.trim().is_empty());
        let actions = actions.map(|(label, a, b)| Action { label, start: a.min(b) * duration, end: a.max(b) * duration });
        VideoEntry { name, subset, duration, frames, fps, actions: actions.collect() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn what_is_saved_is_loaded_again(videos in proptest::collection::vec(any_entry(), 0..5)) {
        let mut videos = videos;
        videos.sort_by(|a, b| a.name.cmp(&b.name));
        videos.dedup_by(|a, b| a.name == b.name);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved.json");
        let saved = Annotations::new(videos).unwrap();
        saved.save(&path).unwrap();
        let loaded = Annotations::load(&path).unwrap();
        prop_assert_eq!(loaded.videos(), saved.videos());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}", cut in 0usize..400) {
        let (_folder, path) = file(&text);
        let _error = Annotations::load(path);
        let whole = one(r#"{"segment": [1, 2.5], "label": "é\u00e9"}"#);
        let cut = (0..=cut.min(whole.len())).rev().find(|&at| whole.is_char_boundary(at)).unwrap();
        let (_folder, path) = file(&whole[..cut]);
        prop_assert!(Annotations::load(path).is_ok() == (cut == whole.len()));
    }
}
