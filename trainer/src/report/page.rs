//! The page: what the template needs, in the order in which it stands there.

use askama::Template;

use super::charts::{ChartView, HEIGHT, WIDTH};
use super::matching::{COUNTED_FROM, ENOUGH, Outcome, Tally};
use super::numbers::{count, signed_percent};
use super::scores::ScoresView;
use super::timeline::{DRAWN_FROM, TimelineView};
use super::{Report, ReportError};

/// `templates/report.html`, filled in. Every text goes through the escaping of the template.
#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
pub(super) struct Page<'a> {
    report: &'a Report,
    charts: Vec<ChartView<'a>>,
    analysis: Vec<ChartView<'a>>,
    scores: Option<ScoresView<'a>>,
    pub(super) timelines: Vec<TimelineView<'a>>,
    /// Over all videos, drawn or not.
    tally: Tally,
    /// Most detections of a class in one video.
    per_class: usize,
    /// What had to be left out for the size of the page.
    pub(super) economies: Vec<String>,
}

impl<'a> Page<'a> {
    /// With the first `videos` videos, and at most `per_class` detections of a class in each.
    pub(super) fn of(report: &'a Report, outcomes: &[Outcome], videos: usize, per_class: usize) -> Self {
        let timeline = |(place, outcome)| TimelineView::of(report, place, outcome, per_class);
        let mut economies = Vec::new();
        if videos < report.videos.len() {
            let (shown, all) = (count(videos), count(report.videos.len()));
            economies.push(format!("Only the first {shown} of {all} videos are drawn, to keep this page small."));
        }
        Self {
            report,
            charts: report.curves.iter().map(ChartView::of).collect(),
            analysis: report.analysis.iter().map(ChartView::of).collect(),
            scores: report.scores.as_ref().map(ScoresView::of),
            timelines: outcomes.iter().take(videos).enumerate().map(timeline).collect(),
            tally: outcomes.iter().fold(Tally::default(), |sum, outcome| sum.add(outcome.tally)),
            per_class,
            economies,
        }
    }

    /// The page as it is.
    pub(super) fn html(&self) -> Result<String, ReportError> {
        Ok(self.render()?)
    }

    /// Labels that were found, in percent of all.
    fn found_share(&self) -> String {
        signed_percent(self.tally.found as f64 / self.tally.truths as f64)
    }

    /// Detections that count: each found a label or is false.
    fn said(&self) -> usize {
        self.tally.found + self.tally.wrong
    }

    /// Detections that found a label, in percent of those that count.
    fn right_share(&self) -> String {
        signed_percent(self.tally.found as f64 / self.said() as f64)
    }
}
