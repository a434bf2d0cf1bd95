//! What ffmpeg says while it decodes: when each frame is shown, and which ones are damaged.
//!
//! The filter `showinfo` says a line for each frame (ffmpeg 4.0 to 8), after one with the unit of its times:
//!
//! ```text
//! [Parsed_showinfo_0 @ 0x5581] [info] config in time_base: 1/1000, frame_rate: 25/1
//! [Parsed_showinfo_0 @ 0x5581] [info] n:   0 pts:     40 pts_time:0.04 ... s:320x180 i:P iskey:1 type:I
//! ```

use super::child::Line;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Said {
    /// A frame comes.
    Frame(Told),
    /// The frame decoded last was damaged.
    Damaged,
}

/// What is told of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    /// When it is shown, in seconds of the file.
    pub(super) time: Option<f64>,
    /// Width and height in pixels.
    pub(super) size: Option<(usize, usize)>,
}

/// Reads lines in turn.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Seconds in a unit of time.
    unit: f64,
}

impl Log {
    pub(super) fn line(&mut self, line: &str) -> Line<Said> {
        if let Some((_, told)) = line.split_once("Parsed_showinfo") {
            if let Some((_, base)) = told.split_once("config in time_base:") {
                self.unit = fraction(base).unwrap_or(0.0);
            } else if told.contains(" n:") && told.contains(" pts:") {
                let time = field(told, " pts:").and_then(|ticks| ticks.parse::<i64>().ok());
                let size = field(told, " s:").and_then(|size| {
                    let (width, height) = size.split_once('x')?;
                    Some((width.parse().ok()?, height.parse().ok()?))
                });
                return Line::Item(Said::Frame(Told { time: time.map(|ticks| ticks as f64 * self.unit), size }));
            }
            return Line::Nothing;
        }
        if line.contains("corrupt decoded frame") {
            return Line::Item(Said::Damaged);
        }
        if ["[error]", "[fatal]", "[panic]", "Unrecognized option"].iter().any(|level| line.contains(level)) {
            Line::Words
        } else {
            Line::Nothing
        }
    }
}

/// The word after a name; ffmpeg fills up with spaces before it.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(name)?.1.split_ascii_whitespace().next()
}

fn fraction(text: &str) -> Option<f64> {
    let (above, rest) = text.trim_start().split_once('/')?;
    let below = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(above.parse::<f64>().ok()? / below.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_told_with_its_time_and_size() {
        let mut log = Log::default();
        let head = "[Parsed_showinfo_0 @ 0x5581] [info]";
        log.line(&format!("{head} config in time_base: 1/90000, frame_rate: 25/1"));
        let line = format!("{head} n:   7 pts:  45000 pts_time:0.5     pos: 1 fmt:yuv420p sar:1/1 s:320x180 i:P");
        let Line::Item(Said::Frame(told)) = log.line(&line) else { panic!("{line}") };
        assert_eq!(told, Told { time: Some(0.5), size: Some((320, 180)) });
        let Line::Item(Said::Frame(told)) = log.line(&format!("{head} n:   7 pts:  NOPTS pts_time:NOPTS s:2x2")) else {
            panic!()
        };
        assert_eq!(told, Told { time: None, size: Some((2, 2)) });
    }

    #[test]
    fn damage_counts_and_errors_are_kept() {
        let mut log = Log::default();
        assert!(matches!(log.line("[warning] x.mkv: corrupt decoded frame in stream 0"), Line::Item(Said::Damaged)));
        assert!(matches!(log.line("[h264 @ 0x1] [error] error while decoding MB 1 2"), Line::Words));
        assert!(matches!(log.line("[info] Press q"), Line::Nothing));
    }
}
