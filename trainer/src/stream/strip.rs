//! The last frames of a stream, and the windows that they make.

use std::collections::VecDeque;

use adatad_data::transform::{Resampler, Transform, to_planes};
use adatad_data::video::Picture;
use adatad_data::window::{Arriving, Grid, Sliding, Timeline, Window};

use crate::source::{Sample, Shown};

/// The frames that windows still to come may show: a window and a stride of them at most, whatever the length of the
/// stream.
pub(super) struct Strip {
    sliding: Sliding,
    arriving: Arriving,
    transform: Transform,
    timeline: Timeline,
    /// Frames made ready, `[size, size, 3]` each.
    kept: VecDeque<Vec<u8>>,
    /// Place of the first of them among the frames that windows can show.
    first: usize,
    resampler: Resampler,
    spare: Vec<Vec<u8>>,
}

impl Strip {
    /// From the beginning, or after the window whose first cell is `last`. In `timeline`, frames count that have arrived.
    pub(super) fn new(sliding: Sliding, transform: Transform, timeline: Timeline, last: Option<usize>) -> Self {
        let arriving = Arriving::new(&sliding, last);
        let first = arriving.needed() * sliding.grid().scale_factor;
        let (kept, spare) = (VecDeque::new(), Vec::new());
        Self { sliding, arriving, transform, timeline, kept, first, resampler: Resampler::default(), spare }
    }

    fn grid(&self) -> &Grid {
        self.sliding.grid()
    }

    /// Number of the first frame that is needed.
    pub(super) fn first_frame(&self) -> usize {
        self.first * self.grid().frame_stride()
    }

    /// Frames from one that windows can show to the next.
    pub(super) fn frame_stride(&self) -> usize {
        self.grid().frame_stride()
    }

    /// Takes the next of the frames that windows can show. The window that it completes, if any: its first cell, and what
    /// the model takes.
    pub(super) fn push(&mut self, picture: &Picture) -> Option<(usize, Sample)> {
        let drawn = self.transform.draw(picture.width, picture.height, &mut unused());
        let mut ready = self.spare.pop().unwrap_or_else(|| vec![0; self.transform.size * self.transform.size * 3]);
        drawn.apply(&picture.rgb, &mut self.resampler, &mut ready);
        self.kept.push_back(ready);
        let arrived = self.first + self.kept.len();
        let stride = self.grid().frame_stride();
        self.timeline.decoded = self.timeline.decoded.max((arrived - 1) * stride + 1);
        let (first, last) = self.arriving.complete(arrived / self.grid().scale_factor)?;
        let sample = self.sample(first, last);
        let needed = self.arriving.needed() * self.grid().scale_factor;
        while self.first < needed && !self.kept.is_empty() {
            self.spare.extend(self.kept.pop_front());
            self.first += 1;
        }
        self.spare.truncate(1);
        sample.map(|sample| (first, sample))
    }

    /// The window of the end, after `frames` frames in all, unless it has been there.
    pub(super) fn end(&mut self, frames: usize) -> Option<(usize, Sample)> {
        let (first, last) = self.arriving.tail(self.grid().cells(frames))?;
        self.timeline.decoded = frames;
        self.sample(first, last).map(|sample| (first, sample))
    }

    fn sample(&self, first: usize, last: usize) -> Option<Sample> {
        let window: Window = self.sliding.window(&self.timeline, first, last)?;
        let (size, count, stride) = (self.transform.size, window.frames.len(), self.grid().frame_stride());
        let mut planes = vec![0; size * size * 3 * count];
        for (place, index) in window.frames.indices().enumerate() {
            to_planes(&self.kept[index / stride - self.first], &mut planes, place, count);
        }
        Some(Sample { shown: Shown::Frames(planes), window })
    }
}

/// Nothing is drawn in testing.
fn unused() -> adatad_data::random::Rng {
    adatad_data::random::Rng::new(0, adatad_data::random::Stream::Augment, 0, 0)
}
