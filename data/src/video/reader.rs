//! What every reader of video does, and what all of them need for it.

use std::ops::ControlFlow;

use super::error::Problem;
use super::{Picture, ReadReport, VideoInfo};

/// Takes wanted frames: position in the list of the wanted, and the picture. It may stop the read.
pub type Each<'a> = dyn FnMut(usize, &Picture) -> ControlFlow<()> + 'a;

/// Something that frames are read from, in the order of showing and forward only.
///
/// Nothing here asks for the end of a video but the number of its frames, so that a reader of a video which is still
/// growing would know those it has.
pub trait Reader {
    /// What it says about itself.
    fn info(&self) -> &VideoInfo;

    /// When each frame is shown, in seconds, ascending.
    fn times(&self) -> &[f64];

    /// Hands out wanted frames in order: `wanted` is ascending, may repeat itself, and holds no frame beyond the last.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or too many of its frames are damaged.
    fn read(&self, wanted: &[usize], each: &mut Each) -> Result<ReadReport, Problem>;
}

/// Refuses what [`Reader::read`] need not understand.
pub(super) fn check_request(wanted: &[usize], frames: usize) -> Result<(), Problem> {
    if !wanted.is_sorted() {
        return Err(Problem::Request("frames must be asked for in ascending order".into()));
    }
    match wanted.last() {
        Some(&last) if last >= frames => {
            Err(Problem::Request(format!("frame {last} does not exist: the video has {frames} frames, from 0")))
        }
        _ => Ok(()),
    }
}

/// The frame nearest to a time in seconds; the earlier one of two as near. `times` are ascending and not empty.
pub(super) fn nearest(times: &[f64], seconds: f64) -> usize {
    let after = times.partition_point(|&time| time < seconds).min(times.len() - 1);
    let before = after.saturating_sub(1);
    if seconds - times[before] <= times[after] - seconds { before } else { after }
}

/// Whether so many damaged frames are too many.
pub(super) fn beyond(limit: f64, report: ReadReport) -> bool {
    let ReadReport { decoded, damaged, .. } = report;
    damaged as f64 * 100.0 > (decoded + damaged) as f64 * limit
}

/// Hands out wanted frames as they come, and what is known of a lost one: the wanted frame before it.
pub(super) struct Handout<'a, 'b> {
    wanted: &'a [usize],
    each: &'a mut Each<'b>,
    limit: f64,
    /// The place in `wanted` that is next.
    at: usize,
    last: Option<Picture>,
    stopped: bool,
    report: ReadReport,
    /// Why the first damaged frame is.
    reason: String,
}

impl<'a, 'b> Handout<'a, 'b> {
    pub(super) fn new(wanted: &'a [usize], limit: f64, each: &'a mut Each<'b>) -> Self {
        let report = ReadReport::default();
        Self { wanted, each, limit, at: 0, last: None, stopped: false, report, reason: String::new() }
    }

    /// The wanted frame that is next; none when all have been handed out, or no more may be.
    pub(super) fn next(&self) -> Option<usize> {
        self.wanted.get(self.at).copied().filter(|_| !self.stopped)
    }

    /// A frame has been decoded, whether wanted or not; a damaged one may still be better than the one before it.
    pub(super) fn came(&mut self, sound: bool, reason: impl FnOnce() -> String) {
        if sound {
            self.report.decoded += 1;
        } else {
            self.damage(reason);
        }
    }

    /// Frame [`Self::next`] is this. Gives back a picture whose memory can be used again.
    pub(super) fn give(&mut self, picture: Picture) -> Picture {
        let spare = self.last.replace(picture).unwrap_or_default();
        self.hand_out();
        spare
    }

    /// Frame [`Self::next`] is lost: the one before it is handed out again, and that is counted.
    pub(super) fn lose(&mut self, reason: impl FnOnce() -> String) -> Result<(), Problem> {
        self.damage(reason);
        if self.last.is_none() {
            return Err(self.too_damaged());
        }
        self.report.filled += 1;
        self.hand_out();
        Ok(())
    }

    fn damage(&mut self, reason: impl FnOnce() -> String) {
        if self.report.damaged == 0 {
            self.reason = reason();
        }
        self.report.damaged += 1;
    }

    fn hand_out(&mut self) {
        let (Some(frame), Some(picture)) = (self.next(), &self.last) else { return };
        while self.next() == Some(frame) {
            self.stopped = (self.each)(self.at, picture).is_break();
            self.at += 1;
        }
    }

    /// The report, if not too many frames were damaged.
    pub(super) fn finish(self) -> Result<ReadReport, Problem> {
        if beyond(self.limit, self.report) { Err(self.too_damaged()) } else { Ok(self.report) }
    }

    fn too_damaged(&self) -> Problem {
        let ReadReport { decoded, damaged, .. } = self.report;
        Problem::Damaged { damaged, read: decoded + damaged, reason: self.reason.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_frame_is_filled_and_counted_once_however_often_it_is_wanted() {
        let mut seen = Vec::new();
        let mut each = |position: usize, picture: &Picture| {
            seen.push((position, picture.width));
            ControlFlow::Continue(())
        };
        let mut handout = Handout::new(&[3, 3, 5, 5, 9], 50.0, &mut each);
        handout.came(true, String::new);
        handout.came(true, String::new);
        handout.give(Picture { width: 3, ..Picture::default() });
        handout.lose(|| "gone".into()).unwrap();
        handout.give(Picture { width: 9, ..Picture::default() });
        assert_eq!(handout.next(), None);
        assert_eq!(handout.finish().unwrap(), ReadReport { decoded: 2, damaged: 1, filled: 1 });
        assert_eq!(seen, [(0, 3), (1, 3), (2, 3), (3, 3), (4, 9)]);
    }

    #[test]
    fn a_share_at_the_limit_is_borne_and_one_beyond_is_not() {
        let report = |damaged, decoded| ReadReport { decoded, damaged, filled: 0 };
        assert!(!beyond(1.0, report(1, 99)));
        assert!(beyond(1.0, report(1, 98)));
        assert!(beyond(0.0, report(1, 1_000_000)));
        assert!(!beyond(100.0, report(5, 0)));
    }

    #[test]
    fn the_nearest_time_is_the_earlier_of_two_as_near() {
        assert_eq!([-1.0, 0.5, 0.6, 9.0].map(|time| nearest(&[0.0, 1.0, 2.0], time)), [0, 0, 1, 2]);
    }
}
