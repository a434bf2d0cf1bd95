//! Points of the pyramid: where predictions sit and which lengths they answer for.

/// One prediction's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Position, in grid steps.
    pub position: f32,
    /// Smallest distance to a segment's farther end that this point answers for, in grid steps.
    pub low: f32,
    /// Largest such distance, included.
    pub high: f32,
    /// Distance to the next point of its level, in grid steps.
    pub stride: f32,
}

impl Point {
    /// The segment with these distances to start and end, in strides.
    pub fn segment(&self, [left, right]: [f32; 2]) -> [f32; 2] {
        [self.position - left * self.stride, self.position + right * self.stride]
    }
}

/// Points of all levels, finest first; level `l` has `lengths[l]` points `2^l` grid steps apart, the first at 0, or half a
/// step later where they are `centred` (OpenTAD `PointGenerator`, `use_offset`).
pub fn pyramid_points(lengths: &[usize], ranges: &[[f64; 2]], centred: bool) -> Vec<Point> {
    assert_eq!(lengths.len(), ranges.len(), "one range per level");
    let level = |(l, (&length, &[low, high])): (usize, (&usize, &[f64; 2]))| {
        let stride = (1usize << l) as f32;
        let first = if centred { 0.5 * stride } else { 0.0 };
        let position = move |i| i as f32 * stride + first;
        (0..length).map(move |i| Point { position: position(i), low: low as f32, high: high as f32, stride })
    };
    lengths.iter().zip(ranges).enumerate().flat_map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumos_pyramid_has_1512_points() {
        let lengths: Vec<usize> = (0..6).map(|l| 768 >> l).collect();
        let ranges = [[0., 4.], [4., 8.], [8., 16.], [16., 32.], [32., 64.], [64., 10_000.]];
        let points = pyramid_points(&lengths, &ranges, false);
        assert_eq!(points.len(), 1512);
        assert_eq!(points[769], Point { position: 2.0, low: 4.0, high: 8.0, stride: 2.0 });
        assert_eq!(pyramid_points(&lengths, &ranges, true)[769].position, 3.0);
    }
}
