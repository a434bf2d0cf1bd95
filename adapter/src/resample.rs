//! Linear resampling along time, as one fixed matrix product: the same on every backend, and its gradient too.

use burn::tensor::{Tensor, TensorData};

/// The matrix `[to, from]` of PyTorch's linear interpolation without corner alignment: the source of output `i` is
/// `(i + 0.5) * from / to - 0.5`, not below 0, and its upper neighbour stays within the input.
pub fn linear_matrix(from: usize, to: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; to * from];
    for (i, row) in matrix.chunks_mut(from).enumerate() {
        let source = ((i as f32 + 0.5) * (from as f32 / to as f32) - 0.5).max(0.0);
        let low = (source as usize).min(from - 1);
        let fraction = source - low as f32;
        row[low] += 1.0 - fraction;
        row[(low + 1).min(from - 1)] += fraction;
    }
    matrix
}

/// Resamples time to `to` steps; the identity when it has that length already.
///
/// # Shapes
///
/// - `x`: `[b, t, c]`
/// - returns: `[b, to, c]`
pub fn resample(x: Tensor<3>, to: usize) -> Tensor<3> {
    let [_, from, _] = x.dims();
    if from == to {
        return x;
    }
    let matrix = TensorData::new(linear_matrix(from, to), [1, to, from]);
    Tensor::<3>::from_data(matrix, &x.device()).matmul(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_has_the_reference_values() {
        let apply = |input: &[f32], to: usize| -> Vec<f32> {
            let matrix = linear_matrix(input.len(), to);
            matrix.chunks(input.len()).map(|row| row.iter().zip(input).map(|(w, x)| w * x).sum()).collect()
        };
        assert_eq!(apply(&[0., 1., 2., 3.], 8), [0., 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.]);
        assert_eq!(apply(&[0., 1., 2., 3., 4., 5., 6., 7.], 4), [0.5, 2.5, 4.5, 6.5]);
        let sixteen: Vec<f32> = (0..16).map(|i| i as f32).collect();
        assert_eq!(apply(&sixteen, 4), [1.5, 5.5, 9.5, 13.5]);
    }
}
