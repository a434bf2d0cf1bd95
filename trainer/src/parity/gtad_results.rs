//! From G-TAD's predictions to results in seconds.

use adatad_data::window::Timing;
use adatad_detector::gtad::{Predictions, ProposalScore, decode};
use adatad_detector::merge::settle;
use adatad_detector::segment::Segment;
use serde_json::Value;

use super::describe::{number, size};
use super::fixture::Fixture;
use super::post::suppression;
use super::score::Score;
use super::unusable::Unusable;

/// Suppression works in 32 bits on both sides; a vote is a sum over many.
const TOLERANCE: f64 = 2e-6;

/// Every post-processing setting of the fixture, for every window: proposals, what suppression leaves of them, results.
pub(super) fn check(
    predictions: &Predictions,
    fixture: &Fixture,
    usual: ProposalScore,
    score: &mut Score,
) -> Result<(), Unusable> {
    let settings = fixture.sidecar["post"].as_array().ok_or_else(|| Unusable("`post` is no list".into()))?;
    for (at, setting) in settings.iter().enumerate() {
        let post = &setting["post_cfg"];
        let how = match post["score_type"].as_str() {
            None => usual,
            Some("iou") => ProposalScore::Maps,
            Some("iou*s*e") => ProposalScore::MapsAndBoundaries,
            Some(other) => return Err(Unusable(format!("scores of the kind `{other}` are not known"))),
        };
        let suppression = suppression(&post["nms"])?;
        for (window, found) in decode(predictions, how).iter().enumerate() {
            let name = format!("post{at}.{window}");
            // A sigmoid's slope is a quarter at most, and up to four of them are multiplied.
            let tolerance = fixture.tolerance("pred/map_logits")? + fixture.tolerance("pred/tem_logits")?;
            let before = rows(fixture, &format!("{name}/before"))?;
            same(score, &format!("{name}/before"), found, &before, tolerance);
            // From the reference's proposals on, so that their rounding decides nothing.
            let kept = suppression.apply(&before);
            same(score, &format!("{name}/after"), &kept, &rows(fixture, &format!("{name}/after"))?, TOLERANCE);
            results(&kept, window, setting, fixture, &name, score)?;
        }
    }
    Ok(())
}

/// Rounded to hundredths of a second and ten thousandths of a score.
fn results(
    kept: &[Segment],
    window: usize,
    setting: &Value,
    fixture: &Fixture,
    name: &str,
    score: &mut Score,
) -> Result<(), Unusable> {
    let meta = &fixture.sidecar["metas"][window];
    let duration = number(meta, "duration")?;
    let timing = Timing::Stretch {
        fps: number(meta, "fps")?,
        duration,
        snippet_stride: size(meta, "snippet_stride")?,
        offset_frames: size(meta, "offset_frames")?,
        window_start_frame: size(meta, "window_start_frame")?,
    };
    let seconds = |step: f32| timing.seconds(f64::from(step)) as f32;
    let in_seconds: Vec<Segment> =
        kept.iter().map(|s| Segment { start: seconds(s.start), end: seconds(s.end), ..*s }).collect();
    let found: Vec<f64> = settle(&in_seconds, duration).iter().flat_map(|d| [d.start, d.end, d.score]).collect();
    let video = meta["video_name"].as_str().unwrap_or_default();
    let expected = setting["results"][video].as_array().ok_or_else(|| Unusable(format!("{name}: no results")))?;
    let row = |result: &Value| {
        Some([result["segment"][0].as_f64()?, result["segment"][1].as_f64()?, result["score"].as_f64()?])
    };
    let expected: Option<Vec<[f64; 3]>> = expected.iter().map(row).collect();
    let expected = expected.ok_or_else(|| Unusable(format!("{name}: a result without segment or score")))?;
    score.compare(&format!("{name}: results"), &found, expected.as_flattened(), 1e-9);
    Ok(())
}

fn rows(fixture: &Fixture, name: &str) -> Result<Vec<Segment>, Unusable> {
    let (segments, scores) =
        (fixture.io.numbers(&format!("{name}.segments"))?, fixture.io.numbers(&format!("{name}.scores"))?);
    let pairs = segments.chunks_exact(2).zip(scores);
    Ok(pairs
        .map(|(s, score)| Segment { start: s[0] as f32, end: s[1] as f32, label: 0, score: score as f32 })
        .collect())
}

fn same(score: &mut Score, name: &str, found: &[Segment], expected: &[Segment], tolerance: f64) {
    let places = |rows: &[Segment]| rows.iter().flat_map(|s| [s.start, s.end]).map(f64::from).collect::<Vec<_>>();
    let scores = |rows: &[Segment]| rows.iter().map(|s| f64::from(s.score)).collect::<Vec<_>>();
    let expected_places = places(expected);
    let bound = |value: f64| TOLERANCE * value.abs().max(1.0);
    score.relative(&format!("{name}.segments"), &places(found), &expected_places, bound);
    score.compare(&format!("{name}.scores"), &scores(found), &scores(expected), tolerance);
}
