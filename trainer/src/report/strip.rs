//! The thumbnails of a video as one picture, each over its moment on the time axis.
//!
//! One JPEG instead of many: its tables alone weigh as much as a small thumbnail. The page covers the room between the
//! thumbnails with its own colour, which is not the same by day and by night.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::numbers::tenth;
use super::{ReportError, Thumbnail, VideoTimeline};

/// Most pictures of a strip.
const MOST: usize = 12;

/// Highest strip and room between pictures, in units of the timeline.
const HIGHEST: f64 = 80.0;
const GAP: f64 = 2.0;

/// Between and beside the pictures, under the cover.
const FILM: Rgb<u8> = Rgb([0x80, 0x80, 0x80]);

/// How finely thumbnails are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fineness {
    /// The longer side of a thumbnail, at most, in pixels.
    pub(super) side: u32,
    /// Of the JPEG, 1 to 100.
    pub(super) quality: u8,
}

/// Where the thumbnails of a video stand.
#[derive(Debug)]
pub(super) struct Layout {
    /// Height of the strip, in units of the timeline.
    pub(super) height: f64,
    /// Width of the strip, in the same.
    width: f64,
    /// Width of a thumbnail, in the same.
    cell: f64,
    /// Thumbnail and its left edge, in order of time.
    cells: Vec<(usize, f64)>,
}

impl Layout {
    /// None if there is nothing to show.
    pub(super) fn of(video: &VideoTimeline, duration: f64, width: f64) -> Option<Self> {
        let pictures = &video.thumbnails;
        let mut order: Vec<_> = (0..pictures.len()).collect();
        order.sort_by(|&a, &b| pictures[a].seconds.total_cmp(&pictures[b].seconds));
        let shown = order.len().min(MOST);
        let order: Vec<_> = (0..shown).map(|i| order[(2 * i + 1) * order.len() / (2 * shown)]).collect();
        let first: &Thumbnail = &pictures[*order.first()?];
        let aspect = (f64::from(first.width) / f64::from(first.height)).clamp(0.2, 5.0);
        let cell = (width / shown as f64 - GAP).min(HIGHEST * aspect);
        let mut cells: Vec<_> = order
            .into_iter()
            .map(|i| (i, (pictures[i].seconds / duration).clamp(0.0, 1.0) * width - cell / 2.0))
            .collect();
        // Those that would cover their neighbours move to the right, then those that would leave the strip to the left.
        let mut free = 0.0;
        for (_, left) in &mut cells {
            *left = left.max(free);
            free = *left + cell + GAP;
        }
        let mut free = width;
        for (_, left) in cells.iter_mut().rev() {
            *left = left.min(free - cell);
            free = *left - GAP;
        }
        Some(Self { height: tenth(cell / aspect), width, cell, cells })
    }

    /// The room that no thumbnail fills: left edge and width of each gap.
    pub(super) fn gaps(&self) -> Vec<(f64, f64)> {
        let ends = std::iter::once(0.0).chain(self.cells.iter().map(|(_, left)| left + self.cell));
        let starts = self.cells.iter().map(|(_, left)| *left).chain([self.width]);
        ends.zip(starts)
            .filter(|(from, to)| to - from > 0.1)
            .map(|(from, to)| (tenth(from), tenth(to - from)))
            .collect()
    }

    /// The strip as a data URI. Pictures are never enlarged.
    pub(super) fn draw(&self, video: &VideoTimeline, fineness: Fineness) -> Result<String, ReportError> {
        let sources = self.cells.iter().map(|(i, _)| &video.thumbnails[*i]);
        let widest = sources.map(|t| t.width).max().unwrap_or(1);
        let side = f64::from(fineness.side) / (self.height / self.cell).max(1.0);
        let scale = side.min(f64::from(widest)) / self.cell; // pixels per unit
        let pixels = |units: f64| ((units * scale).round() as u32).max(1);
        let (width, height) = (pixels(self.cell), pixels(self.height));
        let mut strip = RgbImage::from_pixel(pixels(self.width).max(width), height, FILM);
        for &(i, left) in &self.cells {
            let Thumbnail { width: w, height: h, ref rgb, .. } = video.thumbnails[i];
            let Some(picture) = image::ImageBuffer::<Rgb<u8>, &[u8]>::from_raw(w, h, rgb) else { continue };
            let resized = imageops::resize(&picture, width, height, FilterType::Triangle);
            imageops::replace(&mut strip, &resized, (left * scale).round() as i64, 0);
        }
        let mut jpeg = Vec::new();
        strip
            .write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, fineness.quality))
            .map_err(|source| ReportError::Compress { video: video.name.clone(), source })?;
        Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(moments: &[f64]) -> VideoTimeline {
        let thumbnail = |&seconds| Thumbnail { seconds, width: 16, height: 12, rgb: vec![128; 16 * 12 * 3] };
        VideoTimeline { thumbnails: moments.iter().map(thumbnail).collect(), ..VideoTimeline::default() }
    }

    #[test]
    fn thumbnails_stand_in_order_apart_and_inside() {
        for moments in [&[9.0, 9.0, 9.1, 0.0][..], &[0.0, 0.1, 0.2], &[-5.0, 99.0], &[5.0; 40]] {
            let layout = Layout::of(&video(moments), 10.0, 800.0).expect("a strip");
            let lefts: Vec<_> = layout.cells.iter().map(|cell| cell.1).collect();
            assert!(lefts.len() <= MOST);
            assert!(lefts[0] >= -1e-9 && lefts[lefts.len() - 1] + layout.cell <= 800.0 + 1e-9, "{lefts:?}");
            assert!(lefts.windows(2).all(|pair| pair[1] - pair[0] >= layout.cell), "{lefts:?}");
        }
    }

    #[test]
    fn a_coarser_strip_is_smaller() {
        let video = video(&[1.0, 5.0, 9.0]);
        let layout = Layout::of(&video, 10.0, 800.0).expect("a strip");
        let size = |side, quality| layout.draw(&video, Fineness { side, quality }).expect("drawn").len();
        assert!(size(8, 40) < size(16, 70));
    }
}
