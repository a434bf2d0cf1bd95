//! Fixed positions: a sinusoid over the flattened token index, resized per time slice to other grids.
//!
//! The table spans time and space in one index, so its spatial phases depend on the time slice; it is resized
//! bicubically slice by slice and never along time.

/// The sinusoid `[tokens, width]`, row-major, in `f32`; computed in `f64`.
///
/// Channel `j` of token `n` is `sin` (even `j`) or `cos` (odd `j`) of `n / 10000^(2 * (j / 2) / width)`
/// (VideoMAE, `get_sinusoid_encoding_table`).
pub fn sinusoid(tokens: usize, width: usize) -> Vec<f32> {
    let frequency: Vec<f64> = (0..width).map(|j| 10000f64.powf(-((j - j % 2) as f64) / width as f64)).collect();
    let mut table = Vec::with_capacity(tokens * width);
    for n in 0..tokens {
        for (j, omega) in frequency.iter().enumerate() {
            let angle = n as f64 * omega;
            table.push(if j % 2 == 0 { angle.sin() } else { angle.cos() } as f32);
        }
    }
    table
}

/// The matrix `[to, from]` that resizes one axis bicubically, as PyTorch's `interpolate(mode="bicubic")` without
/// corner alignment or antialiasing does: `a = -0.75`, border taps repeated.
pub fn bicubic_matrix(from: usize, to: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; to * from];
    for (i, row) in matrix.chunks_mut(from).enumerate() {
        let source = (i as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
        let fraction = source - source.floor();
        for (tap, weight) in cubic_taps(fraction).into_iter().enumerate() {
            let at = (source.floor() as isize - 1 + tap as isize).clamp(0, from as isize - 1);
            row[at as usize] += weight;
        }
    }
    matrix
}

/// Weights of the samples at -1, 0, 1, 2 for a point `fraction` after sample 0.
fn cubic_taps(fraction: f32) -> [f32; 4] {
    const A: f32 = -0.75; // PyTorch's cubic coefficient; OpenCV's too, but not the textbook's -0.5
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    [far(fraction + 1.0), near(fraction), near(1.0 - fraction), far(2.0 - fraction)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sinusoid_has_the_reference_values() {
        let small = sinusoid(1568, 384);
        let at = |n: usize, j: usize| small[n * 384 + j];
        for ((n, j), expected) in [
            ((1, 0), 0.841_470_96),
            ((1, 1), 0.540_302_3),
            ((1, 2), 0.815_250_64),
            ((100, 10), -0.134_158_69),
            ((783, 101), -0.435_948_07),
            ((1567, 383), 0.986_516_7),
        ] {
            assert!((at(n, j) - expected).abs() < 1e-7, "({n}, {j}): {} is not {expected}", at(n, j));
        }
    }

    #[test]
    fn bicubic_taps_are_those_of_pytorch() {
        let row = |from, to, i: usize| bicubic_matrix(from, to)[i * from..(i + 1) * from].to_vec();
        // The border tap -1 falls on sample 0 in the first output.
        assert_close(&row(14, 10, 0)[..3], &[-0.096 + 0.920, 0.200, -0.024]);
        assert_close(&row(14, 10, 1)[..4], &[-0.072, 0.460, 0.720, -0.108]);
        assert_close(&row(14, 12, 0)[..3], &[-0.052_517 + 0.985_098, 0.072_193, -0.004_774]);
        assert_close(&row(16, 11, 0)[..3], &[-0.101_780 + 0.898_455, 0.233_260, -0.029_935]);
    }

    #[test]
    fn resizing_to_the_same_grid_changes_nothing() {
        let identity = bicubic_matrix(5, 5);
        let expected: Vec<f32> = (0..25).map(|i| if i % 6 == 0 { 1.0 } else { 0.0 }).collect();
        assert_close(&identity, &expected);
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 2e-6, "{found:?} is not {expected:?}");
        }
    }
}
