//! Keeps the page small enough to send: draws less and coarser until it fits.
//!
//! First come the bars (fewer detections per class, then fewer videos), because they are what the page is for; the
//! thumbnails share what is left, as fine as there is room.

use super::matching::Outcome;
use super::page::Page;
use super::strip::Fineness;
use super::timeline::TimelineView;
use super::{MOST_BYTES, Report, ReportError};

/// Detections of a class in one video, from the most to the least.
const PER_CLASS: [usize; 4] = [50, 20, 10, 5];

/// Bytes of everything but thumbnails.
const TEXT_BYTES: usize = MOST_BYTES / 2;

/// Bytes kept back for the markup around the thumbnails and for a sentence about them.
const SPARE: usize = 2_000;
const SPARE_PER_STRIP: usize = 120;

/// Strips that tell how large all of them will be.
const SAMPLE: usize = 16;

/// From the best to the least that can still be recognised.
const FINENESSES: [Fineness; 6] = [
    Fineness { side: 192, quality: 72 },
    Fineness { side: 128, quality: 70 },
    Fineness { side: 96, quality: 65 },
    Fineness { side: 72, quality: 60 },
    Fineness { side: 48, quality: 55 },
    Fineness { side: 36, quality: 45 },
];

/// The page of the report, of at most [`MOST_BYTES`] if its fixed parts allow it.
pub(super) fn fit(report: &Report) -> Result<String, ReportError> {
    let outcomes: Vec<_> = report.videos.iter().map(Outcome::of).collect();
    let (mut page, bytes) = with_bars(report, &outcomes)?;
    if page.timelines.iter().all(|timeline| timeline.layout.is_none()) {
        return page.html();
    }
    let room = MOST_BYTES.saturating_sub(bytes + SPARE + SPARE_PER_STRIP * page.timelines.len());
    for fineness in FINENESSES {
        if let Some(strips) = strips(report, &page, fineness, room)? {
            for (timeline, strip) in page.timelines.iter_mut().zip(strips) {
                timeline.strip = strip;
            }
            return page.html();
        }
    }
    page.timelines.iter_mut().for_each(|timeline| timeline.layout = None);
    page.economies.push("Thumbnails are left out, to keep this page small.".into());
    page.html()
}

/// The page without thumbnails, and its size.
fn with_bars<'a>(report: &'a Report, outcomes: &[Outcome]) -> Result<(Page<'a>, usize), ReportError> {
    let (mut videos, mut step) = (outcomes.len(), 0);
    loop {
        let page = Page::of(report, outcomes, videos, PER_CLASS[step]);
        let bytes = page.html()?.len();
        if bytes <= TEXT_BYTES || videos == 0 {
            return Ok((page, bytes));
        }
        if step + 1 < PER_CLASS.len() {
            step += 1;
        } else {
            videos = (videos * TEXT_BYTES / bytes).min(videos - 1);
        }
    }
}

/// The strips of all timelines, or none if they are larger than `room` together.
fn strips(
    report: &Report,
    page: &Page,
    fineness: Fineness,
    room: usize,
) -> Result<Option<Vec<Option<String>>>, ReportError> {
    let draw = |timeline: &TimelineView| {
        let layout = timeline.layout.as_ref();
        layout.map(|layout| layout.draw(&report.videos[timeline.place], fineness)).transpose()
    };
    let bytes = |strips: &[Option<String>]| strips.iter().flatten().map(String::len).sum::<usize>();

    // A look at some of them spares drawing all of them in vain.
    let every = page.timelines.len().div_ceil(SAMPLE).max(1);
    let sample = page.timelines.iter().step_by(every).map(draw).collect::<Result<Vec<_>, _>>()?;
    if bytes(&sample) * page.timelines.len() > room * sample.len() {
        return Ok(None);
    }
    let all = page.timelines.iter().map(draw).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(all).filter(|all| bytes(all) <= room))
}
