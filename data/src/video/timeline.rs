//! Which samples are shown, in which order, and when.

use super::error::Problem;
use super::mp4::Index;
use super::track::Sample;

/// Shown frames in the order of showing.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    /// The sample of each frame.
    samples: Vec<u32>,
    /// The frame of each sample; `HIDDEN` for those an edit list leaves out.
    frames: Vec<u32>,
    /// When each frame is shown, in seconds.
    times: Vec<f64>,
    /// When the last frame has been shown, in seconds.
    end: f64,
    /// Mean rate per second.
    rate: f64,
    /// Samples from which decoding can start, ascending.
    sync: Vec<u32>,
}

const HIDDEN: u32 = u32::MAX;

/// How many pictures H.264 may decode ahead of the one shown (16), with room for writers that count loosely.
pub(crate) const MAX_AHEAD: usize = 32;

/// The part of the media that is shown: leading empty edits, then the first media edit.
struct Window {
    /// Seconds before the first frame.
    delay: f64,
    /// In ticks of the media.
    start: Option<i64>,
    /// In ticks of the movie; 0 means "to the end".
    duration: u64,
}

impl Window {
    fn of(index: &Index) -> Result<Window, Problem> {
        let mut window = Window { delay: 0.0, start: None, duration: 0 };
        for edit in &index.track.edits {
            match edit.start {
                // Parts may repeat, overlap and change places: what plays such things is ffmpeg.
                _ if window.start.is_some() => {
                    return Err(Problem::Feature("an edit list of several parts".into()));
                }
                None => window.delay += edit.duration as f64 / f64::from(index.movie_timescale.max(1)),
                Some(start) => (window.start, window.duration) = (Some(start), edit.duration),
            }
        }
        Ok(window)
    }

    fn shows(&self, sample: &Sample, timescale: u32, movie_timescale: u32) -> bool {
        let Some(start) = self.start else { return true };
        // 128 bits: both sides are products of a time and a time scale.
        let into = i128::from(sample.presented) - i128::from(start);
        let to_the_end = self.duration == 0 || movie_timescale == 0;
        into >= 0
            && (to_the_end || into * i128::from(movie_timescale) < i128::from(self.duration) * i128::from(timescale))
    }
}

impl Timeline {
    pub(crate) fn new(index: &Index) -> Result<Timeline, Problem> {
        let samples = &index.track.samples;
        let timescale = index.track.timescale;
        let window = Window::of(index)?;
        let start = window.start.unwrap_or(0);

        let mut shown: Vec<u32> = (0..samples.len() as u32)
            .filter(|&sample| window.shows(&samples[sample as usize], timescale, index.movie_timescale))
            .collect();
        shown.sort_by_key(|&sample| samples[sample as usize].presented);
        let Some(&last) = shown.last() else { return Err(Problem::NoFrames) };

        let seconds = |ticks: i64| window.delay + ticks.saturating_sub(start) as f64 / f64::from(timescale);
        let times: Vec<f64> = shown.iter().map(|&sample| seconds(samples[sample as usize].presented)).collect();
        let last = samples[last as usize];
        let end_ticks = last.presented.saturating_add(last.duration.into());
        let first = samples[shown[0] as usize].presented;
        // From ticks, so that a constant rate comes out exact.
        let per_second = |frames: usize, ticks: i64| frames as f64 * f64::from(timescale) / ticks as f64;
        let rate = match last.presented.saturating_sub(first) {
            0 => per_second(shown.len(), end_ticks.saturating_sub(first)),
            span => per_second(shown.len() - 1, span),
        };

        let mut frames = vec![HIDDEN; samples.len()];
        for (frame, &sample) in shown.iter().enumerate() {
            frames[sample as usize] = frame as u32;
        }
        let sync = (0..samples.len() as u32).filter(|&sample| samples[sample as usize].sync).collect();
        let rate = if rate.is_finite() { rate } else { 0.0 };
        Ok(Timeline { samples: shown, frames, times, end: seconds(end_ticks), rate, sync })
    }

    pub(crate) fn times(&self) -> &[f64] {
        &self.times
    }

    /// When the last frame has been shown, in seconds.
    pub(crate) fn end(&self) -> f64 {
        self.end
    }

    /// Mean rate of the frames per second; 0 when they have neither times nor durations.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Number of samples from which decoding can start.
    pub(crate) fn sync_count(&self) -> usize {
        self.sync.len()
    }

    /// The sample that holds a frame.
    pub(crate) fn sample_of(&self, frame: usize) -> usize {
        self.samples[frame] as usize
    }

    /// The frame that a sample holds, if it is shown.
    pub(crate) fn frame_of(&self, sample: usize) -> Option<usize> {
        let frame = self.frames[sample];
        (frame != HIDDEN).then_some(frame as usize)
    }

    /// The last sample from which decoding gives this frame and all that are shown after it.
    ///
    /// A key frame may be decoded before pictures that are shown before it (an open group of pictures): those
    /// refer to what came before the key frame, so they need an earlier start.
    pub(crate) fn start_for(&self, frame: usize, samples: &[Sample]) -> Result<usize, Problem> {
        let sample = self.sample_of(frame);
        let before = self.sync.partition_point(|&sync| sync as usize <= sample);
        let candidates = self.sync[..before].iter().rev().map(|&sync| sync as usize);
        for (tried, start) in candidates.enumerate() {
            if samples[start].presented <= samples[sample].presented {
                return Ok(start);
            }
            if tried == MAX_AHEAD {
                return Err(disorder());
            }
        }
        Ok(0)
    }
}

/// No H.264 stream reorders its pictures this far.
pub(crate) fn disorder() -> Problem {
    Problem::index("frames are shown in an order far from the order they are stored in")
}

#[cfg(test)]
mod tests {
    use super::super::track::{Edit, Track};
    use super::*;

    /// Frames of 10 ticks, 100 ticks per second, in the order I P B B, P B B of a movie of 1000 ticks per second.
    fn index(edits: Vec<Edit>) -> Index {
        let presented = [0, 30, 10, 20, 60, 40, 50];
        let samples = presented.iter().enumerate().map(|(at, &presented)| Sample {
            offset: 0,
            size: 1,
            duration: 10,
            presented,
            sync: at == 0 || at == 4,
        });
        let samples = samples.collect();
        Index { track: Track { timescale: 100, edits, samples, ..Track::default() }, movie_timescale: 1000 }
    }

    #[test]
    fn frames_are_in_the_order_of_showing() {
        let timeline = Timeline::new(&index(Vec::new())).unwrap();
        assert_eq!(timeline.times(), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(timeline.samples, [0, 2, 3, 1, 5, 6, 4]);
        assert!((0..7).all(|frame| timeline.frame_of(timeline.sample_of(frame)) == Some(frame)));
        assert_eq!((timeline.end(), timeline.rate(), timeline.sync_count()), (0.7, 10.0, 2));
    }

    #[test]
    fn an_edit_list_delays_and_trims() {
        let delay = Edit { duration: 700, start: None };
        let trim = Edit { duration: 300, start: Some(20) };
        let timeline = Timeline::new(&index(vec![delay, trim])).unwrap();
        assert_eq!(timeline.times(), [0.7, 0.7 + 0.1, 0.7 + 0.2]);
        assert_eq!(timeline.samples, [3, 1, 5]);
        assert_eq!(timeline.frame_of(0), None);
    }

    #[test]
    fn an_edit_without_a_duration_lasts_to_the_end() {
        let timeline = Timeline::new(&index(vec![Edit { duration: 0, start: Some(20) }])).unwrap();
        assert_eq!(timeline.times().len(), 5);
    }

    #[test]
    fn parts_in_a_row_are_left_to_others() {
        let part = |start| Edit { duration: 100, start: Some(start) };
        assert!(matches!(Timeline::new(&index(vec![part(0), part(40)])), Err(Problem::Feature(_))));
    }

    #[test]
    fn an_edit_that_shows_nothing_is_an_error() {
        let beyond = Edit { duration: 0, start: Some(1000) };
        assert!(matches!(Timeline::new(&index(vec![beyond])), Err(Problem::NoFrames)));
    }

    #[test]
    fn frames_shown_before_a_key_frame_but_stored_after_it_need_the_one_before() {
        let index = index(Vec::new());
        let timeline = Timeline::new(&index).unwrap();
        let starts: Vec<_> = (0..7).map(|frame| timeline.start_for(frame, &index.track.samples).unwrap()).collect();
        assert_eq!(starts, [0, 0, 0, 0, 0, 0, 4]);
    }
}
