//! Shears, shifts and turns, as `warpAffine` of OpenCV with `INTER_LINEAR` does them: places are known to a 32nd of a
//! pixel, between four of which the value is interpolated; outside of the picture all is black.

/// Parts of a pixel in which places are counted while they are summed up.
const PLACES: f64 = 1024.0;

/// Bits of a place that are less than the 32nd of a pixel.
const FINER: i32 = 5;

/// Parts of a pixel that are told apart.
const PARTS: i32 = 32;

/// Where a pixel comes from: `x = a x' + b y' + c`, `y = d x' + e y' + f` for each pixel `(x', y')` that is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine([[f64; 3]; 2]);

impl Affine {
    /// What is below the middle goes to the left of where it was.
    pub(super) fn shear_x((_, height): (usize, usize), degrees: f64) -> Self {
        let slope = degrees.to_radians().tan();
        Self([[1.0, slope, -slope * middle(height)], [0.0, 1.0, 0.0]])
    }

    /// What is right of the middle goes down.
    pub(super) fn shear_y((width, _): (usize, usize), degrees: f64) -> Self {
        let slope = degrees.to_radians().tan();
        Self([[1.0, 0.0, 0.0], [-slope, 1.0, slope * middle(width)]])
    }

    /// Everything goes so many pixels to the right and down.
    pub(super) fn translate(right: f64, down: f64) -> Self {
        Self([[1.0, 0.0, -right], [0.0, 1.0, -down]])
    }

    /// Everything turns clockwise about the middle.
    pub(super) fn rotate((width, height): (usize, usize), degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (x, y) = (middle(width), middle(height));
        Self([[cos, sin, x - cos * x - sin * y], [-sin, cos, y + sin * x - cos * y]])
    }

    /// # Shapes
    ///
    /// - `rgb`, `out`: `[height, width, 3]`
    pub(super) fn warp(self, rgb: &[u8], (width, height): (usize, usize), out: &mut [u8]) {
        let [[a, b, c], [d, e, f]] = self.0;
        let fixed = |place: f64| (place * PLACES).round_ties_even() as i32;
        let steps: Vec<[i32; 2]> = (0..width).map(|x| [fixed(a * x as f64), fixed(d * x as f64)]).collect();
        let half = 1 << (FINER - 1);
        for (y, line) in out.chunks_exact_mut(width * 3).enumerate() {
            let start = [fixed(b * y as f64 + c) + half, fixed(e * y as f64 + f) + half];
            for (pixel, step) in line.as_chunks_mut::<3>().0.iter_mut().zip(&steps) {
                let (x, y) = ((start[0] + step[0]) >> FINER, (start[1] + step[1]) >> FINER);
                *pixel = between(rgb, (width, height), (x, y));
            }
        }
    }
}

/// The middle of a side, from the middle of its first pixel.
fn middle(length: usize) -> f64 {
    length as f64 / 2.0 - 0.5
}

/// The pixel at a place, in 32nds.
fn between(rgb: &[u8], (width, height): (usize, usize), (x, y): (i32, i32)) -> [u8; 3] {
    let (left, top) = (x.div_euclid(PARTS), y.div_euclid(PARTS));
    let (right, down) = (x.rem_euclid(PARTS), y.rem_euclid(PARTS));
    let inside = left >= 0 && top >= 0 && left < width as i32 - 1 && top < height as i32 - 1;
    let mixed = |upper: [&[u8]; 2], lower: [&[u8]; 2]| {
        std::array::from_fn(|channel| {
            let [a, b] = upper.map(|pixel| i32::from(pixel[channel]));
            let [c, d] = lower.map(|pixel| i32::from(pixel[channel]));
            let (upper, lower) = (a * (PARTS - right) + b * right, c * (PARTS - right) + d * right);
            ((upper * (PARTS - down) + lower * down + PARTS * PARTS / 2) / (PARTS * PARTS)) as u8
        })
    };
    if inside {
        let start = (top as usize * width + left as usize) * 3;
        let (upper, lower) = (&rgb[start..start + 6], &rgb[start + width * 3..][..6]);
        return mixed([&upper[..3], &upper[3..]], [&lower[..3], &lower[3..]]);
    }
    let at = |x: i32, y: i32| match (usize::try_from(x), usize::try_from(y)) {
        (Ok(x), Ok(y)) if x < width && y < height => &rgb[(y * width + x) * 3..][..3],
        _ => &[0; 3],
    };
    mixed([at(left, top), at(left + 1, top)], [at(left, top + 1), at(left + 1, top + 1)])
}
