//! What kind of file something is, by its first bytes: names lie, and a program that guesses can be led astray.

use super::error::Problem;

/// Bytes that tell all known kinds apart: five packets of a transport stream.
pub(super) const HEAD: usize = 4 * 192 + 5;

/// A kind of file of video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// MP4, MOV and their kin; also whatever is of no known kind, which then has no index.
    Mp4,
    /// A kind that ffmpeg reads.
    Other(OtherContainer),
}

/// A kind that ffmpeg reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherContainer {
    /// As people know it.
    pub(super) name: &'static str,
    /// As ffmpeg knows it, which is told so that it need not guess: among what it could guess are lists of other files.
    pub(super) demuxer: &'static str,
    /// Times start anywhere, as in recordings of broadcasts.
    pub(super) starts_anywhere: bool,
}

/// MP4 and MOV when this crate cannot read what is in them.
pub(super) const MP4: OtherContainer = other("MP4", "mov");

/// First bytes, and what they are of.
const KNOWN: [(&[u8], OtherContainer); 14] = [
    (b"\x1a\x45\xdf\xa3", other("Matroska (.mkv) and WebM", "matroska")),
    (b"FLV\x01", other("Flash Video", "flv")),
    (b"OggS", other("Ogg", "ogg")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", other("Windows Media (.wmv, .asf)", "asf")),
    (b"\x00\x00\x01\xba", broadcast("MPEG program stream (.mpg, .vob)", "mpeg")),
    (b"\x00\x00\x01\xb3", broadcast("MPEG video (.mpg)", "mpegvideo")),
    (b"\x06\x0e\x2b\x34", other("MXF", "mxf")),
    (b".RMF", other("RealMedia", "rm")),
    (b"DKIF", other("IVF", "ivf")),
    (b"YUV4MPEG2 ", other("YUV4MPEG", "yuv4mpegpipe")),
    (b"GIF87a", other("GIF", "gif")),
    (b"GIF89a", other("GIF", "gif")),
    (b"nut/multimedia container\0", other("NUT", "nut")),
    (b"\x00\x00\x00\x01\x67", other("raw H.264", "h264")),
];

const fn other(name: &'static str, demuxer: &'static str) -> OtherContainer {
    OtherContainer { name, demuxer, starts_anywhere: false }
}

const fn broadcast(name: &'static str, demuxer: &'static str) -> OtherContainer {
    OtherContainer { name, demuxer, starts_anywhere: true }
}

impl Container {
    /// The kind of a file that begins with up to [`HEAD`] bytes.
    ///
    /// # Errors
    ///
    /// A single picture, or sound.
    pub(super) fn of(head: &[u8]) -> Result<Container, Problem> {
        let at = |start: usize, bytes: &[u8]| head.get(start..).is_some_and(|rest| rest.starts_with(bytes));
        if at(0, b"\xff\xd8\xff") {
            return Err(Problem::SinglePicture("JPEG"));
        }
        if at(0, b"\x89PNG") {
            return Err(Problem::SinglePicture("PNG"));
        }
        if at(0, b"RIFF") && at(8, b"AVI ") {
            return Ok(Container::Other(other("AVI", "avi")));
        }
        if at(0, b"RIFF") && at(8, b"WAVE") {
            return Err(Problem::NoVideo);
        }
        // Transport streams have no name but a beat: every 188 bytes, or 192 with a time before each packet.
        let beats = |first: usize, step: usize| (0..4).all(|n| at(first + n * step, b"\x47"));
        if beats(0, 188) || beats(4, 192) {
            return Ok(Container::Other(broadcast("MPEG transport stream (.ts, .m2ts)", "mpegts")));
        }
        let known = KNOWN.iter().find(|(start, _)| at(0, start));
        Ok(known.map_or(Container::Mp4, |&(_, other)| Container::Other(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demuxer(head: &[u8]) -> &'static str {
        match Container::of(head) {
            Ok(Container::Other(other)) => other.demuxer,
            Ok(Container::Mp4) => "ours",
            Err(_) => "none",
        }
    }

    #[test]
    fn kinds_are_known_by_their_first_bytes() {
        assert_eq!(demuxer(b"RIFF\0\0\0\0AVI LIST"), "avi");
        assert_eq!(demuxer(b"RIFF\0\0\0\0WAVEfmt "), "none");
        assert_eq!(demuxer(b"\x1a\x45\xdf\xa3\x01"), "matroska");
        assert_eq!(demuxer(b"\xff\xd8\xff\xe0"), "none");
        assert_eq!(demuxer(b"\0\0\0\x14ftypisom"), "ours");
        let packet = [&b"\x47"[..], &[0; 187]].concat();
        assert_eq!(demuxer(&packet.repeat(5)[..HEAD]), "mpegts");
        assert_eq!(demuxer(&packet.repeat(3)), "ours");
    }

    /// ffmpeg would follow each of these to other files, or run on them for long.
    #[test]
    fn lists_of_other_files_and_texts_are_not_handed_to_ffmpeg() {
        for text in ["#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "ffconcat version 1.0\nfile /etc/passwd\n", "<MPD>", ""] {
            assert_eq!(demuxer(text.as_bytes()), "ours");
        }
    }
}
