//! Files of detections, scored: real ones against the numbers of the reference's evaluators, small ones by hand.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use adatad::score::{Predictions, ProblemKind, ScoreError, ScoreSettings, Scored, Sizes, Thresholds, Truth, score};
use adatad_detector::diagnosis::Outcome;
use adatad_detector::metrics::Counting;
use serde_json::{Value, json};

const TOLERANCE: f64 = 1e-9;

fn settings(thresholds: &str) -> ScoreSettings {
    ScoreSettings {
        subset: None,
        thresholds: thresholds.parse::<Thresholds>().unwrap().into_vec(),
        counting: Counting::Every,
        blocked: BTreeSet::new(),
        recall: None,
        proposals: None,
        diagnose: None,
    }
}

/// The collection of real data, where it is.
fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !shared.is_dir() {
        eprintln!("skipped: ../shared is not here");
        return None;
    }
    Some(shared)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_close(ours: &[f64], theirs: &[f64], what: &str) {
    let close = ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= TOLERANCE);
    assert!(close, "{what}: {ours:?} for {theirs:?}");
}

const THUMOS: &str = "predictions/actionformer_thumos14_i3d_results.json";

fn thumos(shared: &Path, truth: &str, settings: &ScoreSettings) -> Scored {
    let predictions = Predictions::load(shared.join(THUMOS)).unwrap();
    score(&predictions, &Truth::load(shared.join(truth)).unwrap(), settings).unwrap()
}

#[test]
fn real_thumos_detections_score_what_the_reference_says() {
    let Some(shared) = shared() else { return };
    let expected = std::fs::read(shared.join("predictions/actionformer_thumos14_expected_metrics.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let settings = ScoreSettings { recall: Some(vec![1, 5]), ..settings("0.3:0.7:0.1") };

    let theirs = &expected["actionformer_evaluator_212_videos"];
    let scored = thumos(&shared, "thumos14/thumos14_actionformer.json", &settings);
    assert_eq!((scored.subset.as_deref(), scored.map.videos, scored.map.detections), (Some("Test"), 212, 42_400));
    assert_close(&scored.map.thresholds, &numbers(&theirs["tiou"]), "thresholds");
    assert_close(&scored.map.values, &numbers(&theirs["mAP"]), "mAP");
    assert_close(&[scored.map.average], &[theirs["avg"].as_f64().unwrap()], "average");
    assert_eq!(scored.map.per_class.len(), 20);
    for class in &scored.map.per_class {
        assert_close(&class.values, &numbers(&theirs["AP_per_class"][&class.name]), &class.name);
    }
    let recall = scored.recall.unwrap().values;
    for (k, name) in ["recall@1x", "recall@5x"].into_iter().enumerate() {
        assert_close(&recall.iter().map(|row| row[k]).collect::<Vec<_>>(), &numbers(&theirs[name]), name);
    }
    assert_eq!(scored.problems, []);

    // Here the truth lacks a video and the detections do not: those count as wrong, and the file is told to be faulty.
    let theirs = &expected["opentad_evaluator_211_videos (video_test_0000270 removed from GT only)"];
    let scored = thumos(&shared, "thumos14/thumos_14_anno_opentad_layout_derived.json", &settings);
    assert_close(&scored.map.values, &numbers(&theirs["mAP"]), "211 videos");
    let [problem] = &scored.problems[..] else { panic!("{:?}", scored.problems) };
    assert_eq!((problem.kind, problem.count), (ProblemKind::VideoWithoutTruth, 1));
    assert_eq!(problem.names, ["video_test_0000270"]);
}

/// Numbers of a plain computation by the definitions of the ActivityNet toolkit (recall) and of DETAD.
#[test]
fn recall_of_proposals_and_diagnosis_of_real_detections_are_those_of_their_definitions() {
    let Some(shared) = shared() else { return };
    let settings = ScoreSettings { proposals: Some(100), ..settings("0.5:0.95:0.05") };
    let proposals = thumos(&shared, "thumos14/thumos14_actionformer.json", &settings).proposals.unwrap();
    let at = [1, 5, 10, 100].map(|n| proposals.at(n).unwrap());
    let wanted = [0.0353186420488386, 0.14249553305539012, 0.23966646813579512, 0.6033650982727814];
    assert_close(&at, &wanted, "average recall");
    assert_close(&[proposals.auc], &[0.4679292733770103], "area");

    let settings = ScoreSettings { diagnose: Some(Sizes::Thumos), ..self::settings("0.5") };
    let diagnosis = thumos(&shared, "thumos14/thumos14_actionformer.json", &settings).diagnosis.unwrap();
    assert_close(&[diagnosis.map, diagnosis.normalised_map], &[0.7095366728025381, 0.7504908768501345], "mAP");
    for (group, detections, wanted) in
        [(0, 3358, [2611, 20, 130, 339, 16, 242]), (9, 1624, [5, 67, 410, 192, 289, 661])]
    {
        let group = &diagnosis.profile[group];
        assert_eq!(group.detections, detections);
        let shares = [Outcome::TruePositive].into_iter().chain(Outcome::ERRORS).map(|o| group.shares.of(o));
        let wanted = wanted.map(|count| f64::from(count) / detections as f64);
        assert_close(&shares.collect::<Vec<_>>(), &wanted, "profile");
    }
    let gains: Vec<f64> = diagnosis.gains.iter().map(|gain| gain.normalised_map).collect();
    let wanted =
        [0.0040386798683224034, 0.014492585123283552, 0.05775425898365816, 0.0024524526505578237, 0.03789873110927522];
    assert_close(&gains, &wanted, "gains, normalised");
    let gains: Vec<f64> = diagnosis.gains.iter().map(|gain| gain.map).collect();
    let wanted =
        [0.004258296970030884, 0.01565438020293486, 0.06249945213473995, 0.0022862906008236372, 0.04590206417130738];
    assert_close(&gains, &wanted, "gains");
    let sizes: Vec<f64> = diagnosis.length.iter().map(|bin| bin.normalised_map.unwrap()).collect();
    let wanted = [0.6491978427251739, 0.7815216385962003, 0.7761240549703416, 0.7285449021658269, 0.5903132197590591];
    assert_close(&sizes, &wanted, "by length");
    let missed = [(1626, 148.0), (851, 25.0), (730, 25.0), (114, 4.0), (37, 5.0)];
    for (bin, (truths, missed)) in diagnosis.length.iter().zip(missed) {
        assert_eq!(bin.truths, truths);
        assert_close(&[bin.false_negative_rate.unwrap()], &[missed / truths as f64], "missed");
    }
    assert!(diagnosis.coverage.len() == 5 && diagnosis.count.len() == 4);
}

#[test]
fn the_sample_of_the_official_toolkit_scores_what_the_toolkit_says() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("activitynet");
    let predictions = Predictions::load(folder.join("sample_detection_prediction.json")).unwrap();
    let mut truth = Truth::load(folder.join("anet_anno_action.json")).unwrap();
    let settings = ScoreSettings { subset: Some("validation".into()), ..settings("0.5:0.95:0.05") };
    assert!(matches!(score(&predictions, &truth, &settings), Err(ScoreError::NoSubsets { .. })));
    truth.with_video_info(&truth.video_info_beside().unwrap()).unwrap();
    let scored = score(&predictions, &truth, &settings).unwrap();
    assert_close(&scored.map.values, &[0.971_975_805_139_481_1; 10], "mAP");
    assert_eq!((scored.map.videos, scored.map.truths, scored.map.detections), (4728, 7293, 7654));
    let [problem] = &scored.problems[..] else { panic!("{:?}", scored.problems) };
    assert_eq!((problem.kind, problem.count), (ProblemKind::VideoWithoutTruth, 198));
    // OpenTAD leaves out what is repeated (19) and empty (3).
    let scored = score(&predictions, &truth, &ScoreSettings { counting: Counting::Distinct, ..settings }).unwrap();
    assert_eq!((scored.map.truths, scored.map.skipped_truths), (7271, 22));
}

#[test]
fn layouts_of_other_projects_are_read() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("predictions/mmaction2_eval_localization");
    let predictions = Predictions::load(folder.join("result.json")).unwrap();
    let scored = score(&predictions, &Truth::load(folder.join("gt.json")).unwrap(), &settings("0.5:0.95:0.05"));
    let scored = scored.unwrap();
    assert_eq!((scored.map.videos, scored.map.detections, scored.problems.len()), (2, 14, 0));
    // What mmaction2's own test asks of these files.
    let wanted =
        [5.0 / 7.0, 5.0 / 7.0, 5.0 / 7.0, 0.6875, 0.6875, 43.0 / 72.0, 25.0 / 48.0, 25.0 / 48.0, 25.0 / 48.0, 0.5];
    assert_close(&scored.map.values, &wanted, "mmaction2");

    let scored = thumos(&shared, "thumos14/thumos_gt_gtad_210test.json", &settings("0.5"));
    assert_eq!((scored.subset.as_deref(), scored.map.videos, scored.map.truths), (Some("test"), 210, 3311));
    assert!(scored.map.average > 0.69 && scored.problems.iter().all(|p| p.kind == ProblemKind::VideoWithoutTruth));

    for (file, videos, truths) in [
        ("other_tad/multithumos_tridetplus.json", 412, 38_668),
        ("other_tad/charades_superevents.json", 9848, 66_500),
        ("other_tad/pku_mmd_val.json", 111, usize::MAX),
        ("sbhar/sbhar_anno.json", 61, 1214),
        ("thumos14/afsd_test_Annotation_ours.csv", 212, usize::MAX),
        ("epic100/EPIC_100_validation.csv", 138, 9668),
    ] {
        let truth = Truth::load(shared.join(file)).unwrap();
        let rows: usize = truth.videos.iter().map(|video| video.rows.rows.len()).sum();
        let incomplete: usize = truth.videos.iter().map(|video| video.rows.incomplete).sum();
        assert!(truth.videos.len() == videos && incomplete == 0, "{file}: {} videos", truth.videos.len());
        assert!(rows == truths || (truths == usize::MAX && rows > 1000), "{file}: {rows} actions");
    }
}

#[test]
fn the_truth_of_epic_kitchens_scores_one_in_all_three_tasks() {
    let Some(shared) = shared() else { return };
    let truth = Truth::load(shared.join("epic100/EPIC_100_validation.csv")).unwrap();
    let mut results = serde_json::Map::new();
    for video in &truth.videos {
        let row = |row: &adatad::score::Row| {
            let [verb, noun, ..] = truth.labels[row.label as usize].epic.unwrap();
            json!({
                "verb": verb, "noun": noun, "action": format!("{verb},{noun}"), "score": 1.0,
                "segment": [row.start, row.end],
            })
        };
        results.insert(video.name.clone(), video.rows.rows.iter().map(row).collect());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.json");
    let text = json!({"version": "0.2", "challenge": "action_detection", "sls_pt": 1, "results": results});
    std::fs::write(&path, text.to_string()).unwrap();
    let scored = score(&Predictions::load(&path).unwrap(), &truth, &settings("0.1:0.5:0.1")).unwrap();
    let epic = scored.epic.unwrap();
    assert_eq!((epic.verb.average, epic.noun.average, epic.action.average), (1.0, 1.0, 1.0));
    assert_eq!((scored.map.truths, scored.map.videos), (9668, 138));
    assert_eq!((epic.verb.per_class.len(), epic.noun.per_class.len()), (78, 211));
    // The truth in frames has no times in seconds.
    let frames = Truth::load(shared.join("epic100/c2_validation.csv")).unwrap_err();
    assert!(matches!(frames, ScoreError::NoColumn { .. }), "{frames}");
}

/// Scores small files, given as JSON texts.
fn small(predictions: &str, truth: &str, settings: &ScoreSettings) -> Result<Scored, ScoreError> {
    let folder = tempfile::tempdir().unwrap();
    let [found, annotated] = ["found.json", "truth.json"].map(|name| folder.path().join(name));
    std::fs::write(&found, predictions).unwrap();
    std::fs::write(&annotated, truth).unwrap();
    score(&Predictions::load(&found)?, &Truth::load(&annotated)?, settings)
}

const TRUTH: &str = r#"{"database": {
    "a": {"subset": "test", "duration": 60, "annotations": [
        {"segment": [0, 10], "label": "run"}, {"segment": ["20", "30"], "label": "hop"}]},
    "b": {"subset": "test", "duration": 60.0, "annotations": [{"segment": [5, 15], "label": "run"}]},
    "c": {"subset": "training", "duration": 60.0, "annotations": [{"segment": [5, 15], "label": "swim"}]}}}"#;

fn kinds(scored: &Scored) -> Vec<(ProblemKind, usize)> {
    scored.problems.iter().map(|problem| (problem.kind, problem.count)).collect()
}

#[test]
fn what_is_wrong_with_detections_is_counted_and_named() {
    let found = r#"{"results": {
        "a": [{"segment": [0, 10], "label": "run", "score": 0.9}, {"segment": [NaN, 10], "label": "run", "score": 0.8},
              {"segment": [0, 10], "label": "run", "score": Infinity}, {"segment": [9, 8], "label": "run", "score": 0.5},
              {"segment": [0, 10], "label": "runn", "score": 0.4}, {"segment": [1, 2], "label": "swim", "score": 0.4},
              {"segment": [0, 10], "score": 0.4}, {"label": "run", "score": 0.4}, {"segment": [0, 1], "label": "run"}],
        "x": [{"segment": [0, 10], "label": "run", "score": 0.1}],
        "c": []}}"#;
    let settings = ScoreSettings { subset: Some("test".into()), ..settings("0.5") };
    let scored = small(found, TRUTH, &settings).unwrap();
    let wanted = [
        (ProblemKind::NotFinite, 2),
        (ProblemKind::EndBeforeStart, 1),
        (ProblemKind::MissingField, 3),
        (ProblemKind::VideoWithoutTruth, 2),
        (ProblemKind::UnknownLabel, 1),
    ];
    assert_eq!(kinds(&scored), wanted);
    assert_eq!(scored.subset.as_deref(), Some("test"));
    let by_kind = |kind| scored.problems.iter().find(|problem| problem.kind == kind).unwrap();
    assert_eq!(by_kind(ProblemKind::NotFinite).names, ["a"]);
    assert_eq!(by_kind(ProblemKind::VideoWithoutTruth).names, ["x", "c"]);
    assert!(by_kind(ProblemKind::VideoWithoutTruth).message.contains("training"));
    let unknown = by_kind(ProblemKind::UnknownLabel);
    assert!(unknown.names == ["runn"] && unknown.message.contains("`run`"), "{unknown:?}");
    assert!(scored.notes.iter().any(|note| note.starts_with("1 detections of classes without")), "{:?}", scored.notes);
}

#[test]
fn what_is_wrong_with_annotations_is_counted_and_left_out() {
    let truth = r#"{"a": {"duration_second": 50, "annotations": [{"segment": [0, 10], "label": 3},
        {"segment": [NaN, 10], "label": 3}, {"segment": [8, 2], "label": 3}, {"segment": [1, 2]}]}, "version": 1,
        "a": {"annotations": []}}"#;
    let found = r#"{"a": [{"segment": [0, 10], "label": "3", "score": "0.5"}], "version": "1"}"#;
    let scored = small(found, truth, &settings("0.5")).unwrap();
    let wanted = [
        (ProblemKind::NotFinite, 1),
        (ProblemKind::EndBeforeStart, 1),
        (ProblemKind::MissingField, 1),
        (ProblemKind::DuplicateVideo, 1),
    ];
    assert_eq!(kinds(&scored), wanted);
    assert_eq!((scored.map.average, scored.map.truths, scored.map.skipped_truths), (1.0, 1, 2));
}

#[test]
fn frames_in_place_of_seconds_are_noticed() {
    let found = |first: f64, second: f64| {
        let row = |start: f64| json!({"segment": [start, start + first], "label": "run", "score": 0.5});
        json!({"results": {"a": [row(second)], "b": [row(second)]}}).to_string()
    };
    let scored = small(&found(300.0, 150.0), TRUTH, &settings("0.5")).unwrap();
    assert_eq!(kinds(&scored), [(ProblemKind::FramesForSeconds, 2)]);
    assert_eq!(scored.problems[0].names, ["a", "b"]);
    assert_eq!(kinds(&small(&found(10.0, 5.0), TRUTH, &settings("0.5")).unwrap()), []);
    let fractions = small(&found(0.2, 0.3), TRUTH, &settings("0.5")).unwrap();
    assert_eq!(kinds(&fractions), [(ProblemKind::FramesForSeconds, 2)]);

    let without_durations = TRUTH.replace("\"duration\": 60", "\"fps\": 30");
    let scored = small(&found(300.0, 150.0), &without_durations, &settings("0.5")).unwrap();
    assert_eq!(kinds(&scored), [(ProblemKind::FramesForSeconds, 2)]);

    let frames = TRUTH.replace("[5, 15]", "[150, 450]").replace("[0, 10]", "[0, 300]");
    let scored = small(&found(10.0, 5.0), &frames, &settings("0.5")).unwrap();
    let truth = scored.problems.iter().find(|problem| problem.file == adatad::score::File::Truth).unwrap();
    assert_eq!((truth.kind, truth.count), (ProblemKind::FramesForSeconds, 2));
}

#[test]
fn a_subset_is_that_of_most_predicted_videos_or_must_be_told() {
    let found = |videos: &[&str]| {
        let results: serde_json::Map<_, _> = videos.iter().map(|name| ((*name).to_owned(), json!([]))).collect();
        json!({"results": results}).to_string()
    };
    let subset = |videos: &[&str]| small(&found(videos), TRUTH, &settings("0.5")).map(|scored| scored.subset);
    assert_eq!(subset(&["a", "b", "c"]).unwrap().as_deref(), Some("test"));
    assert_eq!(subset(&["c"]).unwrap().as_deref(), Some("training"));
    assert!(matches!(subset(&["a", "c"]), Err(ScoreError::WhichSubset { .. })));
    assert!(matches!(subset(&[]), Err(ScoreError::WhichSubset { .. })));
    let wrong = ScoreSettings { subset: Some("trainig".into()), ..settings("0.5") };
    let error = small(&found(&["a"]), TRUTH, &wrong).unwrap_err().to_string();
    assert!(error.contains("did you mean `training`?"), "{error}");
}

#[test]
fn nothing_of_a_blocked_video_counts() {
    let found = r#"{"results": {"a": [{"segment": [5, 3], "label": "fly", "score": 1}],
        "b": [{"segment": [5, 15], "label": "run", "score": 1}], "x": []}}"#;
    let blocked = ["a", "x"].map(str::to_owned).into();
    let settings = ScoreSettings { blocked, subset: Some("test".into()), ..settings("0.5") };
    let scored = small(found, TRUTH, &settings).unwrap();
    assert_eq!((scored.map.average, scored.map.videos, scored.map.detections), (1.0, 1, 1));
    assert_eq!(kinds(&scored), []);
}

#[test]
fn files_of_the_wrong_kind_are_refused_with_their_place() {
    let refusal = |found: &str, truth: &str| small(found, truth, &settings("0.5")).unwrap_err().to_string();
    assert!(refusal("{\"results\": {", TRUTH).contains("found.json: EOF"));
    assert!(
        refusal("{\"result\": {}}", TRUTH).contains("no `results` and no list of detections; its keys are [result]")
    );
    assert!(refusal("{\"results\": {}}", "{}").contains("no video with `annotations`"));
    assert!(refusal("{\"results\": {}}", "a,b\n1,2\n").contains("no column for the video"));
    assert!(refusal("{\"results\": {\"a\": [{\"segment\": [1]}]}}", TRUTH).contains("line 1 column"));
    let deep = "[".repeat(100_000);
    assert!(refusal(&deep, TRUTH).contains("found.json"));
    assert!(refusal("{\"results\": {}}", &deep).contains("truth.json"));
    let epic = r#"{"results": {"a": [{"verb": 1, "noun": 2, "segment": [0, 1], "score": 1}]}}"#;
    assert!(refusal(epic, TRUTH).contains("in different ways"));
}

#[test]
fn as_many_detections_as_there_are_can_be_scored() {
    for count in [0, 1, 2000] {
        let row = |at: usize| json!({"segment": [at % 50, at % 50 + 10], "label": "run", "score": 0.5});
        let rows: Vec<Value> = (0..count).map(row).collect();
        let scored = small(&json!({"results": {"a": rows}}).to_string(), TRUTH, &settings("0.5")).unwrap();
        assert_eq!(scored.map.detections, count);
        assert!((0.0..=1.0).contains(&scored.map.average));
    }
}
