//! The page as a whole.

use super::*;

const EVIL: &str = r#"<script>alert("1")</script>&'"#;

/// Always the same numbers, in `[0, 1)`.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as f64 / (1u64 << 31) as f64
}

fn thumbnail(grain: f64, state: &mut u64) -> Thumbnail {
    let (width, height) = (128, 96);
    let (hue, bright) = (noise(state), noise(state));
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for i in 0..width * height {
        let (x, y) = (f64::from(i % width) / f64::from(width), f64::from(i / width) / f64::from(height));
        for channel in 0..3 {
            let scene = 0.5 + 0.25 * (9.0 * x + 7.0 * hue + f64::from(channel)).sin() + 0.2 * (11.0 * y * bright).cos();
            rgb.push((255.0 * (scene + grain * (noise(state) - 0.5)).clamp(0.0, 1.0)) as u8);
        }
    }
    Thumbnail { seconds: 0.0, width, height, rgb }
}

/// THUMOS-like: 20 classes, minutes of video, many detections.
fn report(videos: usize, thumbnails: usize, grain: f64) -> Report {
    let mut state = 7;
    let mut report = Report {
        title: "Demonstration".into(),
        facts: vec![("Seed".into(), "42".into())],
        classes: (0..20).map(|i| format!("Class{i}")).collect(),
        config: "[train]\nepochs = 3\n".into(),
        ..Report::default()
    };
    let pictures: Vec<_> = (0..16).map(|_| thumbnail(grain, &mut state)).collect();
    for i in 0..videos {
        let duration = 60.0 + 240.0 * noise(&mut state);
        let mut video = VideoTimeline { name: format!("video_test_{i:07}"), duration, ..VideoTimeline::default() };
        for _ in 0..16 {
            let (start, length) = (duration * noise(&mut state), 1.0 + 6.0 * noise(&mut state));
            let class = (i + usize::from(noise(&mut state) > 0.8)) % 20;
            video.truth.push(Span { start, end: start + length, class });
            for _ in 0..10 {
                let (shift, score) = (noise(&mut state), noise(&mut state).powi(3));
                video.predictions.push(ScoredSpan { start: start + shift, end: start + shift + length, class, score });
            }
        }
        video.thumbnails = (0..thumbnails)
            .map(|k| Thumbnail {
                seconds: (k as f64 + 0.5) * duration / thumbnails as f64,
                ..pictures[(5 * i + k) % pictures.len()].clone()
            })
            .collect();
        report.videos.push(video);
    }
    report
}

#[test]
fn names_are_shown_and_never_run() {
    let mut evil = report(1, 1, 0.0);
    let name = || EVIL.to_owned();
    evil.title = name();
    evil.facts.push((name(), name()));
    evil.notes.push(name());
    evil.config = name();
    evil.classes = vec![name(); 20];
    evil.videos[0].name = name();
    evil.curves = [vec![(0.0, 1.0), (1.0, 2.0)], vec![(0.0, 1.0)]]
        .map(|points| Chart { title: name(), x_label: name(), series: vec![Series { name: name(), points }] })
        .into();
    evil.scores = Some(ScoreTable {
        thresholds: vec![0.5],
        classes: vec![ClassScore { name: name(), ..ClassScore::default() }],
        ..ScoreTable::default()
    });
    let html = evil.to_html().expect("a page");
    assert!(!html.contains("<script") && !html.contains("alert(\""));
    assert!(html.matches("&#60;script&#62;").count() > 15);
}

#[test]
fn an_empty_report_is_a_page() {
    let html = Report::default().to_html().expect("a page");
    assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"));
    assert!(!html.contains("<h2>"));
}

#[test]
fn empty_parts_are_parts_of_a_page() {
    let empty = Report {
        curves: vec![Chart::default()],
        scores: Some(ScoreTable { average: f64::NAN, ..ScoreTable::default() }),
        videos: vec![VideoTimeline::default()],
        ..Report::default()
    };
    let html = empty.to_html().expect("a page");
    assert!(html.contains("no points yet") && html.contains("nothing labelled") && !html.contains("NaN"));
}

#[test]
fn without_predictions_every_label_is_missed() {
    let mut silent = report(1, 0, 0.0);
    silent.videos[0].predictions.clear();
    let html = silent.to_html().expect("a page");
    assert!(html.contains("16 true · 0 found · 16 missed · 0 false"));
    assert_eq!(html.matches(r#" class="missed"><title>"#).count(), 16);
}

#[test]
fn a_page_of_213_videos_with_pictures_is_under_3_mb() {
    let html = report(213, 8, 0.1).to_html().expect("a page");
    assert!(html.len() <= MOST_BYTES, "{} bytes", html.len());
    assert_eq!(html.matches("data:image/jpeg").count(), 213);
}

#[test]
fn pictures_that_cannot_be_compressed_give_way() {
    let html = report(213, 8, 3.0).to_html().expect("a page");
    assert!(html.len() <= MOST_BYTES, "{} bytes", html.len());
}

#[test]
fn thousands_of_videos_are_cut_and_the_cut_is_said() {
    let html = report(2000, 0, 0.0).to_html().expect("a page");
    assert!(html.len() <= MOST_BYTES, "{} bytes", html.len());
    assert!(html.contains("of 2,000 videos are drawn"));
}

#[test]
fn points_that_are_no_numbers_do_not_reach_the_page() {
    let points = vec![(0.0, f64::NAN), (1.0, 0.5), (f64::NAN, 1.0), (2.0, f64::INFINITY), (3.0, 0.25)];
    let chart = Chart { series: vec![Series { name: "loss".into(), points }], ..Chart::default() };
    let html = Report { curves: vec![chart], ..Report::default() }.to_html().expect("a page");
    assert!(html.contains("3 points that are no finite numbers are left out."));
    assert!(!html.contains("NaN") && !html.contains("inf"));
}

#[test]
fn the_same_report_is_the_same_bytes() {
    assert_eq!(report(3, 8, 0.1).to_html().expect("a page"), report(3, 8, 0.1).to_html().expect("a page"));
}

#[test]
fn a_class_without_a_name_is_refused() {
    let mut wrong = report(1, 0, 0.0);
    wrong.classes.truncate(1);
    wrong.videos[0].truth[0].class = 5;
    assert!(matches!(wrong.to_html(), Err(ReportError::UnknownClass { known: 1, .. })));
}

#[test]
fn a_thumbnail_that_lacks_pixels_is_refused() {
    let mut wrong = report(1, 1, 0.0);
    wrong.videos[0].thumbnails[0].rgb.pop();
    let error = wrong.to_html().expect_err("refused");
    assert!(error.to_string().contains("128x96"), "{error}");
}
