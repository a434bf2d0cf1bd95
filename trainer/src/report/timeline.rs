//! The timeline of a video: thumbnails, an axis in seconds or minutes, and for each class the labels above the
//! detections.

use super::axis::Axis;
use super::matching::{Outcome, Tally, by_score};
use super::numbers::{clipped, clock, count, tenth};
use super::palette::colour;
use super::strip::Layout;
use super::{Report, Span, VideoTimeline};

/// Score from which a detection is drawn.
pub(super) const DRAWN_FROM: f64 = 0.1;

/// Width of a timeline, in units of its view box.
const WIDTH: f64 = 1000.0;
/// Room for the names of the classes.
const GUTTER: f64 = 150.0;
/// Width of the time axis; what is left stands for half a label at the right end.
const PLOT: f64 = 826.0;
/// Distance of the rows of two classes, height of a bar, distance of its two bars.
const PITCH: f64 = 36.0;
const BAR: f64 = 12.0;
const PAIR: f64 = 14.0;
/// The thinnest bar that can be seen.
const THINNEST: f64 = 2.5;
/// Characters of a class name that fit the gutter.
const NAME: usize = 21;

/// A timeline ready to be drawn.
pub(super) struct TimelineView<'a> {
    pub(super) name: &'a str,
    /// Place in the report, for links.
    pub(super) place: usize,
    pub(super) duration: String,
    pub(super) tally: Tally,
    /// What is not drawn, in words.
    pub(super) remarks: Vec<String>,
    pub(super) layout: Option<Layout>,
    /// The picture of the thumbnails (a data URI), once it is known how fine it may be.
    pub(super) strip: Option<String>,
    /// Place of a line across the rows, and its label.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) rows: Vec<RowView<'a>>,
}

/// The bars of a class.
pub(super) struct RowView<'a> {
    pub(super) class: &'a str,
    pub(super) label: String,
    pub(super) colour: String,
    /// Top of the row below that of the first.
    pub(super) top: f64,
    pub(super) truths: Vec<BarView>,
    /// The surest last, so that it lies on top.
    pub(super) predictions: Vec<BarView>,
}

/// A bar.
pub(super) struct BarView {
    pub(super) x: f64,
    pub(super) width: f64,
    /// From 0 to 1, how much of the colour of the class it has; a label has all.
    pub(super) opacity: f64,
    /// A missed label or a false detection.
    pub(super) outlined: bool,
    /// Said when the pointer rests on the bar.
    pub(super) words: String,
}

impl<'a> TimelineView<'a> {
    pub(super) const WIDTH: f64 = WIDTH;
    pub(super) const GUTTER: f64 = GUTTER;
    pub(super) const PLOT: f64 = PLOT;
    pub(super) const BAR: f64 = BAR;
    pub(super) const PAIR: f64 = PAIR;

    /// With at most `per_class` detections of a class.
    pub(super) fn of(report: &'a Report, place: usize, outcome: &Outcome, per_class: usize) -> Self {
        let video = &report.videos[place];
        let duration = length(video);
        let layout = Layout::of(video, duration, PLOT);
        let (chosen, remarks) = choose(report.classes.len(), video, outcome, per_class);
        let axis = Axis::time(duration);
        let place_of = |seconds: f64| tenth(GUTTER + axis.place(seconds) * PLOT);
        let bar = |span: Span, opacity, outlined, words| {
            let (from, to) = (place_of(span.start), place_of(span.end));
            let width = tenth((to - from).max(THINNEST));
            BarView { x: from.min(tenth(GUTTER + PLOT - width)), width, opacity, outlined, words }
        };

        let mut rows = Vec::new();
        for (class, predictions) in chosen.iter().enumerate() {
            let name = report.classes[class].as_str();
            let truths = video.truth.iter().zip(&outcome.missed).filter(|(t, _)| t.class == class && t.is_usable());
            let truths = truths.map(|(truth, &missed)| {
                let end = if missed { ", missed" } else { "" };
                let words = format!("{name}: true {} to {}{end}", clock(truth.start), clock(truth.end));
                bar(*truth, 1.0, missed, words)
            });
            let predictions = predictions.iter().rev().map(|&i| {
                let (said, wrong) = (&video.predictions[i], outcome.wrong[i]);
                let end = if wrong { ", false" } else { "" };
                let (start, stop) = (clock(said.start), clock(said.end));
                let words = format!("{name}: predicted {start} to {stop}, score {:.2}{end}", said.score);
                bar(Span { start: said.start, end: said.end, class }, opacity(said.score), wrong, words)
            });
            let (truths, predictions): (Vec<_>, Vec<_>) = (truths.collect(), predictions.collect());
            if !(truths.is_empty() && predictions.is_empty()) {
                let (label, colour) = (clipped(name, NAME), colour(class));
                rows.push(RowView { class: name, label, colour, top: 0.0, truths, predictions });
            }
        }
        rows.sort_by_key(|row| row.truths.is_empty());
        for (i, row) in rows.iter_mut().enumerate() {
            row.top = i as f64 * PITCH;
        }
        Self {
            name: &video.name,
            place,
            duration: clock(duration),
            tally: outcome.tally,
            remarks,
            layout,
            strip: None,
            ticks: axis.ticks.iter().map(|(seconds, label)| (place_of(*seconds), label.clone())).collect(),
            rows,
        }
    }

    /// Height of the thumbnails.
    pub(super) fn strip_height(&self) -> f64 {
        self.layout.as_ref().map_or(0.0, |layout| layout.height)
    }

    /// Top of the first row, below the thumbnails if there are any.
    pub(super) fn top(&self) -> f64 {
        if self.layout.is_some() { tenth(self.strip_height() + 14.0) } else { 8.0 }
    }

    /// Bottom of the last row, where the time axis is.
    pub(super) fn bottom(&self) -> f64 {
        let rows = self.rows.last().map_or(BAR, |row| row.top + PAIR + BAR);
        tenth(self.top() + rows + 8.0)
    }

    /// Height of the whole drawing, with the labels of the time axis.
    pub(super) fn height(&self) -> f64 {
        tenth(self.bottom() + 22.0)
    }
}

/// Seconds of the axis.
fn length(video: &VideoTimeline) -> f64 {
    if video.duration.is_finite() && video.duration > 0.0 {
        return video.duration;
    }
    let ends = video.truth.iter().map(|s| s.end).chain(video.predictions.iter().map(|s| s.end));
    let last = ends.filter(|end| end.is_finite()).fold(0.0, f64::max);
    if last > 0.0 { last } else { 1.0 }
}

/// The detections to draw, per class and the surest first, and what is not drawn.
fn choose(
    classes: usize,
    video: &VideoTimeline,
    outcome: &Outcome,
    per_class: usize,
) -> (Vec<Vec<usize>>, Vec<String>) {
    let mut chosen = vec![Vec::new(); classes];
    let (mut unsure, mut crowded) = (0, 0);
    for i in by_score(video) {
        let said = &video.predictions[i];
        if said.score < DRAWN_FROM {
            unsure += 1;
        } else if chosen[said.class].len() == per_class {
            crowded += 1;
        } else {
            chosen[said.class].push(i);
        }
    }
    let remark = |number: usize, what: String| (number > 0).then(|| format!("{} {what}", count(number)));
    let remarks = [
        remark(unsure, format!("scoring below {DRAWN_FROM} not drawn")),
        remark(crowded, format!("beyond {per_class} per class not drawn")),
        remark(outcome.unusable, "without usable times or score left out".into()),
    ];
    (chosen, remarks.into_iter().flatten().collect())
}

/// From 0.25 for a score of 0 to 1 for a score of 1.
fn opacity(score: f64) -> f64 {
    ((0.25 + 0.75 * score.clamp(0.0, 1.0)) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::super::ScoredSpan;
    use super::*;

    fn report(duration: f64, predictions: Vec<ScoredSpan>) -> Report {
        let video = VideoTimeline { duration, predictions, ..VideoTimeline::default() };
        Report { classes: vec!["cut".into(), "wash".into()], videos: vec![video], ..Report::default() }
    }

    fn view(report: &Report) -> TimelineView<'_> {
        TimelineView::of(report, 0, &Outcome::of(&report.videos[0]), 3)
    }

    fn said(class: usize, score: f64) -> ScoredSpan {
        ScoredSpan { start: 2.0, end: 4.0, class, score }
    }

    #[test]
    fn opacity_grows_with_score() {
        let report = report(10.0, [0.9, 0.1, 0.5].map(|score| said(0, score)).into());
        let opacities: Vec<_> = view(&report).rows[0].predictions.iter().map(|bar| bar.opacity).collect();
        assert_eq!(opacities, [0.33, 0.63, 0.93], "the surest is drawn last");
    }

    #[test]
    fn what_is_not_drawn_is_said() {
        let report = report(10.0, [0.05, 0.2, 0.3, 0.4, 0.5].map(|score| said(1, score)).into());
        let view = view(&report);
        assert_eq!(view.rows[0].predictions.len(), 3);
        assert_eq!(view.remarks, ["1 scoring below 0.1 not drawn", "1 beyond 3 per class not drawn"]);
    }

    #[test]
    fn a_video_of_unknown_length_ends_with_its_last_span() {
        let report = report(f64::NAN, vec![said(0, 0.5)]);
        let bar = &view(&report).rows[0].predictions[0];
        assert_eq!((bar.x, bar.width), (GUTTER + PLOT / 2.0, PLOT / 2.0));
    }

    #[test]
    fn a_span_beyond_the_end_stays_on_the_axis() {
        let report = report(1.0, vec![said(0, 0.5)]);
        let bar = &view(&report).rows[0].predictions[0];
        assert!(bar.width >= THINNEST && bar.x + bar.width <= GUTTER + PLOT + 0.1);
    }
}
