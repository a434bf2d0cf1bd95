//! A sinusoid over time that tells steps apart (OpenTAD `get_sinusoid_encoding`, divided by the root of the channels).

use burn::tensor::{Device, Tensor, TensorData};

/// The table of `max_seq_len` steps; for longer windows it is stretched linearly. `[1, t, c]`.
pub(crate) fn positions([t, c]: [usize; 2], max_seq_len: usize, device: &Device) -> Tensor<3> {
    let value = |n: usize, j: usize| {
        let angle = n as f64 * 10000f64.powf(-((j - j % 2) as f64) / c as f64);
        let wave = if j.is_multiple_of(2) { angle.sin() } else { angle.cos() };
        (wave as f32) / (c as f32).sqrt()
    };
    let stretched = |at: usize| {
        // PyTorch's linear resizing with align_corners=False.
        let place = ((at as f64 + 0.5) * max_seq_len as f64 / t as f64 - 0.5).max(0.0);
        let below = (place as usize).min(max_seq_len - 1);
        let (above, share) = ((below + 1).min(max_seq_len - 1), (place - below as f64) as f32);
        (0..c).map(move |j| value(below, j) * (1.0 - share) + value(above, j) * share).collect::<Vec<f32>>()
    };
    let row = |at: usize| match t <= max_seq_len {
        true => (0..c).map(|j| value(at, j)).collect(),
        false => stretched(at),
    };
    let table: Vec<f32> = (0..t).flat_map(row).collect();
    Tensor::from_data(TensorData::new(table, [1, t, c]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(table: Tensor<3>) -> Vec<f32> {
        table.into_data().iter::<f32>().collect()
    }

    #[test]
    fn shorter_windows_see_the_first_steps() {
        let device = Device::flex();
        let whole = numbers(positions([8, 4], 8, &device));
        assert_eq!(numbers(positions([5, 4], 8, &device)), whole[..20]);
    }

    #[test]
    fn longer_windows_see_a_stretched_table() {
        let device = Device::flex();
        let (table, twice) = (numbers(positions([4, 2], 4, &device)), numbers(positions([8, 2], 4, &device)));
        assert_eq!(twice[..2], table[..2], "before the middle of the first step nothing comes");
        let between = 0.75 * table[2] + 0.25 * table[4];
        assert!((twice[6] - between).abs() < 1e-6, "step 3 of 8 lies a quarter past step 1 of 4");
        assert_eq!(twice[14..], table[6..]);
    }
}
