//! Event files that TensorBoard reads: scalars over steps.
//!
//! A file is a row of records: length, its checksum, an `Event` message in Protocol Buffers, its checksum (TFRecord).
//! Only the few fields that scalars need are written. Sources: `tensorflow/core/util/event.proto`, `summary.proto`,
//! `tensorflow/core/lib/io/record_writer`.

use std::io;
use std::path::Path;

use serde_json::Value;

/// Writes the scalars of a run's log as one event file: a line of the log is a step.
///
/// `seconds` is the time of day that is told for all of them, since 1970: the log has none, so that it is the same for the
/// same run.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(log: &str, path: &Path, seconds: f64) -> io::Result<usize> {
    let mut count = 0;
    adatad_data::atomic::write(path, |out| {
        out.write_all(&record(&event(seconds, 0, Payload::Version)))?;
        for line in log.lines() {
            // A cut last line is of a run that is still going on.
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            let step = line["step"].as_i64().unwrap_or(0);
            for (key, tag) in TAGS {
                if let Some(value) = line[key].as_f64() {
                    out.write_all(&record(&event(seconds, step, Payload::Scalar(tag, value as f32))))?;
                    count += 1;
                }
            }
        }
        Ok(())
    })?;
    Ok(count)
}

/// Keys of the log and what TensorBoard calls them.
const TAGS: [(&str, &str); 8] = [
    ("loss", "loss/total"),
    ("cls_loss", "loss/classification"),
    ("reg_loss", "loss/regression"),
    ("frame_loss", "loss/frame"),
    ("rate", "learning_rate"),
    ("grad_norm", "gradient_norm"),
    ("loss_scale", "loss_scale"),
    ("average_map", "validation/average_mAP"),
];

/// What an event holds besides its time and step.
enum Payload<'a> {
    /// The first event of a file says which layout the others have.
    Version,
    /// A number under a name.
    Scalar(&'a str, f32),
}

/// An `Event`: wall_time = 1 (double), step = 2 (int64), file_version = 3 (string), summary = 5 (message).
fn event(seconds: f64, step: i64, payload: Payload<'_>) -> Vec<u8> {
    let mut bytes = vec![1 << 3 | 1];
    bytes.extend(seconds.to_le_bytes());
    bytes.push(2 << 3);
    varint(&mut bytes, step as u64);
    match payload {
        Payload::Version => field(&mut bytes, 3, b"brain.Event:2"),
        Payload::Scalar(tag, value) => {
            // Summary.Value: tag = 1 (string), simple_value = 2 (float); Summary: value = 1.
            let mut scalar = Vec::new();
            field(&mut scalar, 1, tag.as_bytes());
            scalar.push(2 << 3 | 5);
            scalar.extend(value.to_le_bytes());
            let mut summary = Vec::new();
            field(&mut summary, 1, &scalar);
            field(&mut bytes, 5, &summary);
        }
    }
    bytes
}

/// A field of bytes.
fn field(bytes: &mut Vec<u8>, number: u8, content: &[u8]) {
    bytes.push(number << 3 | 2);
    varint(bytes, content.len() as u64);
    bytes.extend(content);
}

/// Seven bits a byte, lowest first.
fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A record of a TFRecord file.
fn record(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut bytes = length.to_vec();
    bytes.extend(masked(crc32c(&length)).to_le_bytes());
    bytes.extend(content);
    bytes.extend(masked(crc32c(content)).to_le_bytes());
    bytes
}

/// Checksums are stored turned and shifted, so that a file of records inside a record still differs.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: a log has some thousand lines.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn every_number_of_the_log_is_an_event_behind_the_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.out.tfevents.1.adatad");
        let log = "{\"kind\":\"step\",\"step\":300,\"loss\":0.5,\"rate\":0.25}\n\
                   {\"kind\":\"evaluation\",\"step\":300,\"average_map\":0.75}\n{\"cut";
        assert_eq!(write(log, &path, 1.5).unwrap(), 3);
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked(crc32c(&rest[..8])).to_le_bytes());
            let content = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked(crc32c(content)).to_le_bytes());
            events.push(content.to_vec());
            rest = &rest[16 + length..];
        }
        let version = [&[0x09][..], &1.5_f64.to_le_bytes(), &[0x10, 0, 0x1a, 13], b"brain.Event:2"].concat();
        assert_eq!(events[0], version);
        let scalar = [&[0x0a, 10][..], b"loss/total", &[0x15], &0.5_f32.to_le_bytes()].concat();
        let summary = [&[0x0a, scalar.len() as u8][..], &scalar].concat();
        // 300 is 0xac 0x02 in sevens of bits.
        let loss = [&[0x09][..], &1.5_f64.to_le_bytes(), &[0x10, 0xac, 0x02, 0x2a, summary.len() as u8], &summary];
        assert_eq!(events[1], loss.concat());
        assert_eq!(events.len(), 4);
    }
}
