//! Frames of many videos, decoded once where memory allows.
//!
//! Windows of one video overlap, and epochs repeat them; decoding costs more than everything else done to a frame. So
//! the frames that windows can show (every `stride`-th) are kept, resized but not cropped, as bytes. Videos beyond the
//! memory given are decoded again for every window, from the key frame before it on.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::random::{Rng, Stream};
use crate::transform::{Resampler, Transform, short_side, to_planes};
use crate::video::{OpenOptions, ReadReport, Video, VideoError};
use crate::window::FramePlan;

/// How frames are read and kept.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How videos are opened.
    pub open: OpenOptions,
    /// Frames from one that windows can show to the next.
    pub stride: usize,
    /// Short side of the kept frames, in pixels.
    pub short_side: usize,
    /// Memory for kept frames, in bytes.
    pub memory: usize,
    /// Shows the frames of every second in random order, drawn from this seed.
    pub shuffle: Option<u64>,
}

/// A file or folder of video, and what is known of it from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoFile {
    /// Where it is.
    pub path: PathBuf,
    /// Frames a second, for folders of pictures that do not say it themselves; before [`OpenOptions::fps`].
    pub fps: Option<f64>,
    /// Length in seconds, for the same where no rate is known.
    pub duration: Option<f64>,
}

impl From<PathBuf> for VideoFile {
    fn from(path: PathBuf) -> Self {
        Self { path, fps: None, duration: None }
    }
}

/// Frames of a list of videos.
#[derive(Debug)]
pub struct FrameStore {
    options: StoreOptions,
    videos: Vec<Source>,
    damaged: AtomicUsize,
    filled: AtomicUsize,
}

#[derive(Debug)]
struct Source {
    video: Video,
    index: usize,
    size: (usize, usize),
    kept: Option<Vec<u8>>,
}

/// What reading did so far, over all videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreReport {
    /// Videos whose frames are kept.
    pub kept: usize,
    /// Frames that were damaged, each time they were read: those of a video that is not kept, once for every window.
    pub damaged: usize,
    /// Wanted frames in whose place the one before was taken.
    pub filled: usize,
}

impl FrameStore {
    /// Opens the videos' indices; nothing is decoded yet.
    ///
    /// # Errors
    ///
    /// The first file that is no readable video.
    pub fn open(files: &[VideoFile], options: StoreOptions) -> Result<Self, VideoError> {
        let open = |(index, file): (usize, &VideoFile)| {
            let known = options.open.clone();
            let open = OpenOptions { fps: file.fps.or(known.fps), duration: file.duration.or(known.duration), ..known };
            let video = Video::open_with(&file.path, &open)?;
            let size = short_side(video.info().width, video.info().height, options.short_side);
            Ok(Source { video, index, size, kept: None })
        };
        let videos = files.par_iter().enumerate().map(open).collect::<Result<_, VideoError>>()?;
        Ok(Self { options, videos, damaged: AtomicUsize::new(0), filled: AtomicUsize::new(0) })
    }

    /// One opened video, by its place in the list.
    pub fn video(&self, index: usize) -> &Video {
        &self.videos[index].video
    }

    /// Decodes and keeps as many videos as fit, first to last, in parallel; `progress(done, total)` counts videos.
    ///
    /// # Errors
    ///
    /// A video is too damaged to use.
    pub fn fill(&mut self, progress: impl Fn(usize, usize) + Sync) -> Result<StoreReport, VideoError> {
        let mut left = self.options.memory;
        let fitting = self.videos.iter().take_while(|source| {
            let bytes = source.candidates(self.options.stride) * source.frame_bytes();
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        });
        let (total, done) = (fitting.count(), AtomicUsize::new(0));
        let Self { options, videos, damaged, filled } = self;
        videos[..total].par_iter_mut().try_for_each(|source| {
            let candidates: Vec<usize> = (0..source.candidates(options.stride)).map(|i| i * options.stride).collect();
            let (frames, report) = source.decode(&candidates, options)?;
            source.kept = Some(frames);
            damaged.fetch_add(report.damaged, Ordering::Relaxed);
            filled.fetch_add(report.filled, Ordering::Relaxed);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            Ok(())
        })?;
        Ok(self.report())
    }

    /// What reading did so far, for windows of videos that are not kept, too.
    pub fn report(&self) -> StoreReport {
        StoreReport {
            kept: self.videos.iter().filter(|source| source.kept.is_some()).count(),
            damaged: self.damaged.load(Ordering::Relaxed),
            filled: self.filled.load(Ordering::Relaxed),
        }
    }

    /// The frames of a window, made ready for the model.
    ///
    /// # Shapes
    ///
    /// - returns: `[3, frames, size, size]`
    ///
    /// # Errors
    ///
    /// The video is not kept and cannot be decoded.
    pub fn window(
        &self,
        video: usize,
        plan: &FramePlan,
        transform: &Transform,
        rng: &mut Rng,
    ) -> Result<Vec<u8>, VideoError> {
        let source = &self.videos[video];
        let wanted: Vec<usize> = plan.indices().collect();
        let bytes = source.frame_bytes();
        let decoded;
        let pictures: Vec<&[u8]> = match &source.kept {
            Some(kept) => {
                let stride = self.options.stride;
                wanted.iter().map(|frame| &kept[frame / stride * bytes..][..bytes]).collect()
            }
            None => {
                let report;
                (decoded, report) = source.decode(&wanted, &self.options)?;
                self.damaged.fetch_add(report.damaged, Ordering::Relaxed);
                self.filled.fetch_add(report.filled, Ordering::Relaxed);
                decoded.chunks_exact(bytes).collect()
            }
        };
        let (width, height) = source.size;
        let drawn = transform.draw(width, height, rng);
        let mut resampler = Resampler::default();
        let (size, count) = (drawn.size(), pictures.len());
        let mut ready = vec![0; size * size * 3];
        let mut planes = vec![0; ready.len() * count];
        for (frame, picture) in pictures.into_iter().enumerate() {
            drawn.apply(picture, &mut resampler, &mut ready);
            to_planes(&ready, &mut planes, frame, count);
        }
        Ok(planes)
    }
}

impl Source {
    fn frame_bytes(&self) -> usize {
        self.size.0 * self.size.1 * 3
    }

    /// How many frames windows can show.
    fn candidates(&self, stride: usize) -> usize {
        self.video.info().frames.div_ceil(stride)
    }

    /// Frames at these places of the video, in this order, resized; and what reading did. `[n, height, width, 3]`.
    fn decode(&self, places: &[usize], options: &StoreOptions) -> Result<(Vec<u8>, ReadReport), VideoError> {
        let shown: Vec<usize> = match options.shuffle {
            None => places.to_vec(),
            Some(seed) => {
                let order = shuffled_seconds(self.video.info().frames, self.video.info().fps, seed, self.index);
                places.iter().map(|&place| order[place]).collect()
            }
        };
        // The reader goes forward only: read in order of time, put in order of places.
        let mut by_time: Vec<usize> = (0..shown.len()).collect();
        by_time.sort_by_key(|&i| shown[i]);
        let wanted: Vec<usize> = by_time.iter().map(|&i| shown[i]).collect();

        let bytes = self.frame_bytes();
        let mut frames = vec![0; places.len() * bytes];
        let mut resampler = Resampler::default();
        let report = self.video.read(&wanted, |position, picture| {
            let out = &mut frames[by_time[position] * bytes..][..bytes];
            resampler.resize(&picture.rgb, (picture.width, picture.height), out, self.size);
            ControlFlow::Continue(())
        })?;
        Ok((frames, report))
    }
}

/// Which frame is shown at each place when the frames of every second stand in random order.
fn shuffled_seconds(frames: usize, fps: f64, seed: u64, video: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..frames).collect();
    let second = (fps.round() as usize).max(1);
    let mut rng = Rng::new(seed, Stream::Shuffle, 0, video as u64);
    order.chunks_mut(second).for_each(|frames| rng.shuffle(frames));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_moves_frames_within_their_second_only() {
        let order = shuffled_seconds(60, 25.0, 3, 0);
        assert_ne!(order, (0..60).collect::<Vec<_>>());
        for (place, frame) in order.iter().enumerate() {
            assert_eq!(place / 25, frame / 25);
        }
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..60).collect::<Vec<_>>());
        assert_ne!(order, shuffled_seconds(60, 25.0, 3, 1), "videos are shuffled each in their own way");
    }
}
