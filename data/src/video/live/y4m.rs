//! Uncompressed video as programs pipe it to each other: YUV4MPEG2, `.y4m`.
//!
//! A line of text describes the stream (`YUV4MPEG2 W640 H360 F30:1 ...`); then, for each frame, a line that begins with
//! `FRAME` and the planes one after another. Format: the `yuv4mpeg(5)` page of mjpegtools.

use std::io::{self, BufRead, Read};

use crate::video::colour::{Colour, Matrix, ToRgb, Yuv};
use crate::video::error::Problem;
use crate::video::{MAX_PIXELS, MAX_SIDE, Picture};

/// How every stream begins.
pub(super) const SIGNATURE: &[u8] = b"YUV4MPEG2 ";

/// Longest line of a header.
const MAX_LINE: u64 = 4096;

/// What the header says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Frames a second.
    pub(super) fps: f64,
    /// Columns and rows that share a sample of chroma; none without chroma.
    shared: Option<(usize, usize)>,
    colour: Colour,
}

/// A stream of frames.
pub(super) struct Y4m<R> {
    from: R,
    pub(super) header: Header,
    to_rgb: ToRgb,
    planes: Vec<u8>,
}

impl<R: BufRead> Y4m<R> {
    /// Reads the header.
    pub(super) fn new(mut from: R) -> Result<Self, Problem> {
        let line = line(&mut from)?.ok_or(Problem::Empty)?;
        let header = Header::parse(&line)?;
        let planes = vec![0; header.bytes()];
        Ok(Self { from, to_rgb: ToRgb::new(header.colour), header, planes })
    }

    /// The next frame into `picture`; false at the end. A last frame that is not whole is the end, too: the source may
    /// have been stopped at any time.
    pub(super) fn next(&mut self, picture: &mut Picture) -> Result<bool, Problem> {
        let Some(line) = line(&mut self.from)? else { return Ok(false) };
        if !line.starts_with(b"FRAME") {
            return Err(Problem::Request("the stream is damaged: a frame does not begin with FRAME".into()));
        }
        match self.from.read_exact(&mut self.planes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        let Header { width, height, shared, .. } = self.header;
        let yuv = Yuv::planar(&self.planes, (width, height), shared);
        self.to_rgb.convert(&yuv, &mut picture.rgb);
        (picture.width, picture.height) = (width, height);
        Ok(true)
    }
}

impl Header {
    fn parse(line: &[u8]) -> Result<Self, Problem> {
        let wrong = |what: String| Problem::Request(format!("the header of the stream is damaged: {what}"));
        let text = str::from_utf8(line).map_err(|error| wrong(error.to_string()))?;
        let fields = text.strip_prefix("YUV4MPEG2").ok_or_else(|| wrong("it does not begin with YUV4MPEG2".into()))?;
        let (mut width, mut height, mut fps, mut kind, mut full_range) = (0, 0, 0.0, "420jpeg", false);
        for field in fields.split_whitespace() {
            let (name, value) = field.split_at_checked(1).unwrap_or((field, ""));
            let number = || value.parse::<usize>().map_err(|_not| wrong(format!("`{field}` is no size")));
            match name {
                "W" => width = number()?,
                "H" => height = number()?,
                "F" => fps = rate(value).ok_or_else(|| wrong(format!("`{field}` is no rate")))?,
                "C" => kind = value,
                "X" if value == "COLORRANGE=FULL" => full_range = true,
                _ => {} // interlacing, aspect, comments
            }
        }
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) || width * height > MAX_PIXELS {
            return Err(Problem::Limit(format!("a picture of {width}x{height}"), format!("{MAX_SIDE} on a side")));
        }
        if fps <= 0.0 {
            return Err(wrong("it tells no frame rate (F30:1)".into()));
        }
        let shared = match kind {
            "420" | "420jpeg" | "420mpeg2" | "420paldv" => Some((2, 2)),
            "422" => Some((2, 1)),
            "444" => Some((1, 1)),
            "411" => Some((4, 1)),
            "mono" => None,
            other => return Err(Problem::Feature(format!("a stream of kind C{other} (8 bits are)"))),
        };
        let colour = Colour { matrix: Matrix::usual(height), full_range };
        Ok(Self { width, height, fps, shared, colour })
    }

    fn bytes(&self) -> usize {
        let chroma = self.shared.map_or(0, |(columns, rows)| self.width.div_ceil(columns) * self.height.div_ceil(rows));
        self.width * self.height + 2 * chroma
    }
}

/// `30:1` and the like.
fn rate(text: &str) -> Option<f64> {
    let (frames, seconds) = text.split_once(':')?;
    let rate = frames.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// A line without its end; none when nothing comes any more.
fn line(from: &mut impl BufRead) -> Result<Option<Vec<u8>>, Problem> {
    let mut line = Vec::new();
    from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        // Cut in the middle: the source was stopped.
        Some(_) if (line.len() as u64) < MAX_LINE - 1 => Ok(None),
        Some(_) => Err(Problem::Request("the stream is damaged: a line without an end".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(header: &str, frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = format!("YUV4MPEG2 {header}\n").into_bytes();
        frames.iter().for_each(|frame| bytes.extend([b"FRAME\n", *frame].concat()));
        bytes
    }

    #[test]
    fn frames_come_one_after_another_until_the_end_or_a_cut() {
        let grey = |value: u8| [vec![value; 8], vec![128; 4]].concat();
        let (dark, light) = (grey(16), grey(235));
        let bytes = stream("W4 H2 F25:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED", &[&dark, &light, &dark]);
        let mut y4m = Y4m::new(&bytes[..bytes.len() - 3]).unwrap();
        assert_eq!((y4m.header.width, y4m.header.height, y4m.header.fps), (4, 2, 25.0));
        let mut picture = Picture::default();
        assert!(y4m.next(&mut picture).unwrap());
        assert_eq!((picture.width, picture.height, &picture.rgb), (4, 2, &vec![0; 24]));
        assert!(y4m.next(&mut picture).unwrap());
        assert_eq!(picture.rgb, vec![255; 24]);
        assert!(!y4m.next(&mut picture).unwrap(), "the last frame is cut");
    }

    #[test]
    fn kinds_differ_in_their_chroma() {
        for (kind, bytes) in [("420", 12 + 2 * 4), ("422", 12 + 2 * 8), ("444", 12 + 2 * 12), ("mono", 12)] {
            let header = Header::parse(format!("YUV4MPEG2 W3 H4 F30000:1001 C{kind}").as_bytes()).unwrap();
            let expected = if kind == "422" { 12 + 2 * 2 * 4 } else { bytes };
            assert_eq!(header.bytes(), expected, "{kind}");
        }
    }

    #[test]
    fn a_damaged_header_is_an_error_and_nothing_large_is_made() {
        for header in
            ["W4 F25:1", "W4 Hx F25:1", "W4 H4", "W4 H4 F0:0", "W99999 H99999 F1:1", "W4 H4 F1:1 C420p10", "é"]
        {
            let Err(error) = Y4m::new(&stream(header, &[])[..]) else { panic!("{header}") };
            assert!(!error.to_string().is_empty());
        }
        let endless = vec![b'x'; 100_000];
        assert!(Y4m::new(&endless[..]).is_err());
        let bytes = stream("W2 H2 F1:1 Cmono", &[b"1234", b"5678"]);
        let mut y4m = Y4m::new(&bytes[..]).unwrap();
        y4m.planes.push(0); // as if a frame were longer than it is
        assert!(y4m.next(&mut Picture::default()).is_ok());
        assert!(y4m.next(&mut Picture::default()).is_err());
    }
}
