//! From predictions to results: decoding, suppression, seconds, rounding.

use adatad_data::window::Timing;
use adatad_detector::decode::DecodeConfig;
use adatad_detector::merge::settle;
use adatad_detector::segment::{Detection, Segment};
use adatad_detector::suppression::{Method, Suppression};
use adatad_detector::{Detector, Predictions};
use serde_json::Value;

use super::describe::{number, size};
use super::fixture::{Fixture, numbers};
use super::score::Score;
use super::unusable::Unusable;

/// Times in results have two decimals, scores four: an error below can move the last one by one.
const TIME_STEP: f64 = 0.01;
const SCORE_STEP: f64 = 1e-4;
/// Relative error of a suppressed score or voted time: a few roundings of 32 bits.
const SUPPRESSED: f64 = 1e-6;

/// Compares every setting of post-processing that the sidecar lists.
pub(super) fn check(
    detector: &Detector,
    predictions: &Predictions,
    fixture: &Fixture,
    score: &mut Score,
) -> Result<(), Unusable> {
    let empty = Vec::new();
    let metas = fixture.sidecar["metas"].as_array().unwrap_or(&empty);
    for (c, setting) in fixture.sidecar["post"].as_array().unwrap_or(&empty).iter().enumerate() {
        let post = &setting["post_cfg"];
        let decoded = detector.decode(predictions, &decoding(detector, post));
        for (video, (meta, decoded)) in metas.iter().zip(decoded).enumerate() {
            let name = format!("post{c}.{video}");
            let kept = if post["sliding_window"] == true || post["nms"].is_null() {
                decoded
            } else {
                let (before, after) = (rows(fixture, &name, "before")?, rows(fixture, &name, "after")?);
                same(score, &format!("{name}/before"), &decoded, &before, &Tolerance::predicted(fixture)?);
                // What the reference handed over, so that only suppression is compared.
                let found = suppression(&post["nms"])?.apply(&before);
                same(score, &format!("{name}/after"), &found, &after, &Tolerance::suppressed(&before));
                after
            };
            let found = settled(&kept, meta)?;
            let results = &setting["results"][meta["video_name"].as_str().unwrap_or_default()];
            let expected = results_of(results, &fixture.sidecar["class_names"])?;
            let tolerance = Tolerance { time: 1.001 * TIME_STEP, score: 1.001 * SCORE_STEP };
            same(score, &format!("{name}/results"), &found, &expected, &tolerance);
        }
    }
    Ok(())
}

/// The reference's thresholds; its TriDet does not read them from the settings.
fn decoding(detector: &Detector, post: &Value) -> DecodeConfig {
    let fixed = DecodeConfig { pre_nms_threshold: 0.001, pre_nms_top_k: 2000 };
    match detector {
        Detector::TriDet(_) => fixed,
        Detector::ActionFormer(_) | Detector::Gtad(_) => DecodeConfig {
            pre_nms_threshold: post["pre_nms_thresh"].as_f64().unwrap_or(fixed.pre_nms_threshold),
            pre_nms_top_k: post["pre_nms_topk"].as_u64().map_or(fixed.pre_nms_top_k, |top| top as usize),
        },
    }
}

/// The reference's arguments of suppression, in our words.
fn suppression(nms: &Value) -> Result<Suppression, Unusable> {
    let or_zero = |key: &str| nms[key].as_f64().unwrap_or(0.0);
    let (overlap, sigma) = (or_zero("iou_threshold"), or_zero("sigma"));
    let method = match (nms["use_soft_nms"] == true, nms["method"].as_u64()) {
        (false, _) => Method::Hard { overlap },
        (true, Some(0)) => Method::Zero { overlap },
        (true, Some(1)) => Method::Linear { overlap },
        (true, None | Some(2)) => Method::Gaussian { sigma },
        (true, Some(3)) => Method::SparingGaussian { sigma, base: or_zero("t1"), slope: or_zero("t2") },
        (true, Some(other)) => return Err(Unusable(format!("suppression of method {other} is not known"))),
    };
    Ok(Suppression {
        method,
        max_segments: size(nms, "max_seg_num")?,
        min_score: or_zero("min_score"),
        class_agnostic: nms["multiclass"] == false,
        voting_threshold: nms["voting_thresh"].as_f64().filter(|&threshold| threshold > 0.0),
    })
}

fn rows(fixture: &Fixture, name: &str, when: &str) -> Result<Vec<Segment>, Unusable> {
    let column = |part: &str| fixture.io.numbers(&format!("{name}/{when}.{part}"));
    let (times, scores, labels) = (column("segments")?, column("scores")?, column("labels")?);
    let rows = times.chunks_exact(2).zip(scores).zip(labels);
    let segment = |((time, score), label): ((&[f64], f64), f64)| Segment {
        start: time[0] as f32,
        end: time[1] as f32,
        label: label as usize,
        score: score as f32,
    };
    Ok(rows.map(segment).collect())
}

fn settled(segments: &[Segment], meta: &Value) -> Result<Vec<Segment>, Unusable> {
    let timing = Timing::Stretch {
        fps: number(meta, "fps")?,
        duration: number(meta, "duration")?,
        snippet_stride: size(meta, "snippet_stride")?,
        offset_frames: size(meta, "offset_frames")?,
        window_start_frame: meta["window_start_frame"].as_u64().unwrap_or(0) as usize,
    };
    let seconds = |grid: f32| timing.seconds(f64::from(grid)) as f32;
    let segments: Vec<Segment> =
        segments.iter().map(|s| Segment { start: seconds(s.start), end: seconds(s.end), ..*s }).collect();
    let narrow = |Detection { start, end, label, score }: Detection| Segment {
        start: start as f32,
        end: end as f32,
        label,
        score: score as f32,
    };
    Ok(settle(&segments, timing.duration()).into_iter().map(narrow).collect())
}

fn results_of(results: &Value, class_names: &Value) -> Result<Vec<Segment>, Unusable> {
    let classes: Vec<&str> = class_names.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let segment = |result: &Value| -> Result<Segment, Unusable> {
        let label = classes.iter().position(|class| result["label"] == **class);
        let label = label.ok_or_else(|| Unusable(format!("`class_names` lacks {}", result["label"])))?;
        let time = |at: usize| result["segment"][at].as_f64().ok_or_else(|| Unusable("a result has no segment".into()));
        let (start, end) = (time(0)? as f32, time(1)? as f32);
        Ok(Segment { start, end, label, score: number(result, "score")? as f32 })
    };
    results.as_array().into_iter().flatten().map(segment).collect()
}

struct Tolerance {
    time: f64,
    score: f64,
}

impl Tolerance {
    /// Of what is predicted at the points.
    fn predicted(fixture: &Fixture) -> Result<Self, Unusable> {
        let of = |start: &str| -> f64 {
            let names = fixture.io.under("pred/").filter(|name| name.starts_with(start));
            names.filter_map(|name| fixture.tolerance(&format!("pred/{name}")).ok()).fold(0.0, f64::max)
        };
        // Distances are in strides, segments in steps of the grid.
        let points = fixture.io.get("targets/points").map(numbers).unwrap_or_default();
        let stride = points.chunks_exact(4).map(|point| point[3]).fold(1.0, f64::max);
        Ok(Self { time: of("proposals").max(stride * of("offsets")), score: of("scores") })
    }

    /// Of suppression and voting among these.
    fn suppressed(segments: &[Segment]) -> Self {
        let longest = segments.iter().map(|s| f64::from(s.start.abs().max(s.end.abs()))).fold(1.0, f64::max);
        Self { time: SUPPRESSED * longest, score: SUPPRESSED }
    }
}

/// The same segments, whatever the order of those whose scores are as good as equal: the scores agree from the best to
/// the worst, and each segment expected has one of its own that was found.
fn same(score: &mut Score, what: &str, found: &[Segment], expected: &[Segment], tolerance: &Tolerance) {
    let scores = |segments: &[Segment]| -> Vec<f64> {
        let mut scores: Vec<f64> = segments.iter().map(|segment| f64::from(segment.score)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores
    };
    score.compare(&format!("{what}.scores"), &scores(found), &scores(expected), tolerance.score);
    let mut left: Vec<&Segment> = found.iter().collect();
    let error = |a: &Segment, b: &Segment| -> f64 {
        let off = |a: f32, b: f32| (f64::from(a) - f64::from(b)).abs();
        let time = off(a.start, b.start).max(off(a.end, b.end));
        (time / tolerance.time).max(off(a.score, b.score) / tolerance.score)
    };
    let mut ratios = Vec::with_capacity(expected.len());
    for wanted in expected {
        let candidates = left.iter().enumerate().filter(|(_, segment)| segment.label == wanted.label);
        let best = candidates.map(|(at, segment)| (at, error(segment, wanted))).min_by(|a, b| a.1.total_cmp(&b.1));
        ratios.push(best.map_or(f64::INFINITY, |(_, error)| error));
        if let Some((at, _)) = best {
            left.swap_remove(at);
        }
    }
    score.compare(&format!("{what}.segments, errors over tolerance"), &ratios, &vec![0.0; ratios.len()], 1.0);
}
