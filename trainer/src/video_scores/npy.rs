//! Tables of floats from `.npy` files.

/// How such a file begins.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// Why a file is no table of floats.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum NpyError {
    /// Its header ends too early or says too little.
    #[error("the .npy header is damaged")]
    Header,
    /// Other numbers than f32 and f64, or in another order.
    #[error("must hold f32 or f64 numbers (`<f4` or `<f8`) in C order")]
    Kind,
    /// Not two dimensions.
    #[error("must have two dimensions, has the shape ({0})")]
    Shape(String),
    /// Too few bytes.
    #[error("is cut off: {wanted} bytes of numbers are announced, {found} are there")]
    Short {
        /// By the header.
        wanted: usize,
        /// In the file.
        found: usize,
    },
}

/// The rows of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Vec<f64>>, NpyError> {
    let version = *bytes.get(6).ok_or(NpyError::Header)?;
    let size = |from: usize, count: usize| {
        let bytes = bytes.get(from..from + count)?;
        Some(bytes.iter().rev().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte)))
    };
    let (length, begin) = if version == 1 { (size(8, 2), 10) } else { (size(8, 4), 12) };
    let end = begin + length.ok_or(NpyError::Header)?;
    let header = bytes.get(begin..end).and_then(|header| std::str::from_utf8(header).ok()).ok_or(NpyError::Header)?;
    let after = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches([' ', ':', '\'', '"']));
    let kind = after("'descr'").ok_or(NpyError::Header)?;
    let width = match () {
        () if kind.starts_with("<f4") => 4,
        () if kind.starts_with("<f8") => 8,
        () => return Err(NpyError::Kind),
    };
    if !after("'fortran_order'").ok_or(NpyError::Header)?.starts_with("False") {
        return Err(NpyError::Kind);
    }
    let shape = after("'shape'").and_then(|rest| rest.strip_prefix('(')?.split_once(')')).ok_or(NpyError::Header)?.0;
    let sides: Option<Vec<usize>> =
        shape.split(',').map(str::trim).filter(|side| !side.is_empty()).map(|side| side.parse().ok()).collect();
    let columns = match sides.as_deref() {
        Some(&[_, columns]) if columns > 0 => columns,
        _ => return Err(NpyError::Shape(shape.to_owned())),
    };
    let wanted = sides.iter().flatten().try_fold(width, |all: usize, &side| all.checked_mul(side));
    let wanted = wanted.unwrap_or(usize::MAX);
    let numbers = &bytes[end..];
    let numbers = numbers.get(..wanted).ok_or(NpyError::Short { wanted, found: numbers.len() })?;
    let number = |bytes: &[u8]| match *bytes {
        [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => f64::NAN,
    };
    let numbers: Vec<f64> = numbers.chunks_exact(width).map(number).collect();
    Ok(numbers.chunks_exact(columns).map(<[f64]>::to_vec).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file of f32 numbers that says of itself what it is told to.
    pub(in super::super) fn file(kind: &str, shape: &str, values: &[f32]) -> Vec<u8> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        bytes
    }

    #[test]
    fn rows_are_read() {
        assert_eq!(read(&file("<f4", "(2, 2)", &[1.0, 2.0, 3.0, 4.5])), Ok(vec![vec![1.0, 2.0], vec![3.0, 4.5]]));
    }

    #[test]
    fn no_damage_is_read_as_numbers() {
        let whole = file("<f4", "(2, 2)", &[1.0, 2.0, 3.0, 4.5]);
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(read(&file("<i4", "(1, 1)", &[1.0])), Err(NpyError::Kind));
        assert_eq!(read(&file("<f4", "(4,)", &[1.0; 4])), Err(NpyError::Shape("4,".into())));
        assert_eq!(read(&file("<f4", "(1, 0)", &[])), Err(NpyError::Shape("1, 0".into())));
        let huge = read(&file("<f4", "(9999999999999, 9999999999999)", &[1.0]));
        assert_eq!(huge, Err(NpyError::Short { wanted: usize::MAX, found: 4 }));
    }
}
