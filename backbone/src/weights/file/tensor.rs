//! What a file says about one tensor: its numbers' type, its shape, and where in the file they lie.

use half::{bf16, f16};

use super::error::Problem;

/// Most dimensions of a tensor. Weights have 5 at most; the cap bounds what a small file can make us hold.
pub const MAX_DIMENSIONS: usize = 16;

/// Most elements of a tensor.
pub const MAX_ELEMENTS: u64 = 1 << 40;

/// An expanded tensor (stride 0) may be this many times larger than its storage in the file.
pub const MAX_EXPANSION: u64 = 16;

/// An expanded tensor up to this many bytes is read however small its storage is.
pub const SMALL_EXPANSION: u64 = 64 << 20;

/// The type of a tensor's numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum DType {
    F64,
    F32,
    F16,
    BF16,
    /// 8 bits: sign, 4 of exponent, 3 of mantissa; finite but for NaN.
    F8E4M3,
    /// 8 bits: sign, 5 of exponent, 2 of mantissa.
    F8E5M2,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
    /// Two 32-bit floats.
    Complex64,
    /// Two 64-bit floats.
    Complex128,
}

impl DType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::Complex128 => 16,
            DType::F64 | DType::I64 | DType::U64 | DType::Complex64 => 8,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::F16 | DType::BF16 | DType::I16 | DType::U16 => 2,
            DType::F8E4M3 | DType::F8E5M2 | DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }

    /// PyTorch's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            DType::F64 => "float64",
            DType::F32 => "float32",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F8E4M3 => "float8_e4m3fn",
            DType::F8E5M2 => "float8_e5m2",
            DType::I64 => "int64",
            DType::I32 => "int32",
            DType::I16 => "int16",
            DType::I8 => "int8",
            DType::U64 => "uint64",
            DType::U32 => "uint32",
            DType::U16 => "uint16",
            DType::U8 => "uint8",
            DType::Bool => "bool",
            DType::Complex64 => "complex64",
            DType::Complex128 => "complex128",
        }
    }

    const ALL: [DType; 17] = [
        DType::F64,
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::F8E4M3,
        DType::F8E5M2,
        DType::I64,
        DType::I32,
        DType::I16,
        DType::I8,
        DType::U64,
        DType::U32,
        DType::U16,
        DType::U8,
        DType::Bool,
        DType::Complex64,
        DType::Complex128,
    ];

    /// The type with this name in PyTorch.
    pub(super) fn of_torch(name: &str) -> Option<DType> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// The type of the elements of a PyTorch storage class; bytes for a storage without a type.
    pub(super) fn of_storage(class: &str) -> Option<DType> {
        Some(match class.strip_suffix("Storage")? {
            "Double" => DType::F64,
            "Float" => DType::F32,
            "Half" => DType::F16,
            "BFloat16" => DType::BF16,
            "Float8_e4m3fn" => DType::F8E4M3,
            "Float8_e5m2" => DType::F8E5M2,
            "Long" => DType::I64,
            "Int" => DType::I32,
            "Short" => DType::I16,
            "Char" => DType::I8,
            "UInt64" => DType::U64,
            "UInt32" => DType::U32,
            "UInt16" => DType::U16,
            "Byte" | "Untyped" | "_Untyped" => DType::U8,
            "Bool" => DType::Bool,
            "ComplexFloat" => DType::Complex64,
            "ComplexDouble" => DType::Complex128,
            _ => return None,
        })
    }

    /// The type with this name in a safetensors header.
    pub(super) fn of_safetensors(name: &str) -> Option<DType> {
        Some(match name {
            "F64" => DType::F64,
            "F32" => DType::F32,
            "F16" => DType::F16,
            "BF16" => DType::BF16,
            "F8_E4M3" => DType::F8E4M3,
            "F8_E5M2" => DType::F8E5M2,
            "I64" => DType::I64,
            "I32" => DType::I32,
            "I16" => DType::I16,
            "I8" => DType::I8,
            "U64" => DType::U64,
            "U32" => DType::U32,
            "U16" => DType::U16,
            "U8" => DType::U8,
            "BOOL" => DType::Bool,
            "C64" => DType::Complex64,
            _ => return None,
        })
    }

    /// Converts the leading elements of `bytes` to the nearest 32-bit floats, as many as there are of `out`.
    pub(super) fn decode(self, bytes: &[u8], out: &mut [f32]) -> Result<(), Problem> {
        match self {
            DType::F64 => each(bytes, out, |word| f64::from_le_bytes(word) as f32),
            DType::F32 => each(bytes, out, f32::from_le_bytes),
            DType::F16 => each(bytes, out, |word| f16::from_le_bytes(word).to_f32()),
            DType::BF16 => each(bytes, out, |word| bf16::from_le_bytes(word).to_f32()),
            DType::F8E4M3 => each(bytes, out, |[byte]| e4m3(byte)),
            // The upper half of a 16-bit float.
            DType::F8E5M2 => each(bytes, out, |[byte]| f16::from_le_bytes([0, byte]).to_f32()),
            DType::I64 => each(bytes, out, |word| i64::from_le_bytes(word) as f32),
            DType::I32 => each(bytes, out, |word| i32::from_le_bytes(word) as f32),
            DType::I16 => each(bytes, out, |word| i16::from_le_bytes(word).into()),
            DType::I8 => each(bytes, out, |word| i8::from_le_bytes(word).into()),
            DType::U64 => each(bytes, out, |word| u64::from_le_bytes(word) as f32),
            DType::U32 => each(bytes, out, |word| u32::from_le_bytes(word) as f32),
            DType::U16 => each(bytes, out, |word| u16::from_le_bytes(word).into()),
            DType::U8 => each(bytes, out, |[byte]| byte.into()),
            DType::Bool => each(bytes, out, |[byte]| u8::from(byte != 0).into()),
            DType::Complex64 | DType::Complex128 => return Err(Problem::NotReal(self.name())),
        }
        Ok(())
    }
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f32], value: impl Fn([u8; N]) -> f32) {
    for (out, &word) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *out = value(word);
    }
}

fn e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let size = match (exponent, byte & 7) {
        (15, 7) => f32::NAN,
        (0, _) => mantissa / 512.0, // subnormal: mantissa / 8 * 2^-6
        _ => (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7),
    };
    if byte & 0x80 == 0 { size } else { -size }
}

/// Bytes of the file that hold the numbers of one or more tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Offset in the file.
    pub(super) start: u64,
    pub(super) len: u64,
}

/// One tensor of a file: enough to read its numbers, none of which it holds. Its place was checked against the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<usize>,
    start: u64,
}

impl TensorInfo {
    /// A tensor with these steps, in elements, through a storage. Numbers come as the file claims them.
    pub(super) fn new(
        dtype: DType,
        shape: &[i64],
        strides: &[i64],
        offset: i64,
        storage: Span,
    ) -> Result<Self, Problem> {
        if shape.len() > MAX_DIMENSIONS {
            return Err(Problem::tensor(format!("{} dimensions, above the limit of {MAX_DIMENSIONS}", shape.len())));
        }
        if strides.len() != shape.len() {
            return Err(Problem::tensor(format!("{} strides for {} dimensions", strides.len(), shape.len())));
        }
        let [Some(sizes), Some(steps), Some(first)] = [shape, strides, &[offset]].map(natural) else {
            return Err(Problem::tensor("a negative or oversized dimension, stride or offset"));
        };
        let count = if sizes.contains(&0) {
            0
        } else {
            // All factors are at least 1, so a product above the limit can stop there without hiding a zero.
            let count = sizes.iter().try_fold(1u64, |count, &size| count.checked_mul(size as u64));
            count.filter(|&count| count <= MAX_ELEMENTS).ok_or_else(|| {
                Problem::tensor(format!("shape {shape:?} has more elements than the limit of {MAX_ELEMENTS}"))
            })?
        };
        let size = dtype.size() as u64;
        let held = storage.len / size;
        let last = sizes.iter().zip(&steps).try_fold(first[0] as u64, |last, (&size, &step)| {
            last.checked_add((step as u64).checked_mul((size as u64).saturating_sub(1))?)
        });
        if count > 0 && last.is_none_or(|last| last >= held) {
            return Err(Problem::tensor(format!(
                "shape {shape:?} with strides {strides:?} from {offset} does not fit its storage of {held} elements"
            )));
        }
        let bytes = count * size;
        if bytes > SMALL_EXPANSION.max(storage.len.saturating_mul(MAX_EXPANSION)) {
            return Err(Problem::tensor(format!(
                "{bytes} bytes spread from a storage of {}, above the limit of {MAX_EXPANSION} times",
                storage.len
            )));
        }
        // An empty tensor may claim any offset; it reads nothing.
        let start = if count == 0 { storage.start } else { storage.start + first[0] as u64 * size };
        Ok(Self { dtype, shape: sizes, strides: steps, start })
    }

    /// A tensor that fills its storage row by row.
    pub(super) fn whole(dtype: DType, shape: &[i64], storage: Span) -> Result<Self, Problem> {
        let mut strides = vec![1i64; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
        }
        Self::new(dtype, shape, &strides, 0, storage)
    }

    /// The type of its numbers in the file.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its size along each axis, the slowest first; empty for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its step along each axis in the file, in elements.
    pub fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// How many numbers it has.
    pub fn elements(&self) -> usize {
        // Beside a 0, the other sizes may be too large to multiply.
        if self.shape.contains(&0) { 0 } else { self.shape.iter().product() }
    }

    /// Where in the file its first number lies.
    pub fn start(&self) -> u64 {
        self.start
    }
}

fn natural(numbers: &[i64]) -> Option<Vec<usize>> {
    numbers.iter().map(|&number| usize::try_from(number).ok()).collect()
}
