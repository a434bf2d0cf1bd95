//! Brightness, contrast, saturation and hue (mmaction2 `ColorJitter`).
//!
//! Between the four, numbers are `f32` and may lie outside of 0..=255; only hue needs bytes, and the end does.
//!
//! Differs from OpenTAD: the order of the four is drawn for every window, not once for a run, so that what a window
//! looks like is a function of the seed and its place alone.

use super::hsv;
use crate::random::Rng;

/// Weights of red, green and blue in grey.
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];

/// One of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adjustment {
    Brightness,
    Contrast,
    Saturation,
    Hue,
}

/// How far each may go. 0 leaves it alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) brightness: f64,
    pub(super) contrast: f64,
    pub(super) saturation: f64,
    pub(super) hue: f64,
}

/// What is done to the colours of a window; factors of 1 and a hue of 0 change nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Jitter {
    brightness: f64,
    contrast: f64,
    saturation: f64,
    /// In turns of the colour circle.
    hue: f64,
    order: [Adjustment; 4],
}

impl Jitter {
    pub(super) fn draw(spread: Spread, rng: &mut Rng) -> Self {
        let mut around = |centre: f64, spread: f64| match spread {
            spread if spread > 0.0 => rng.uniform(centre - spread, centre + spread),
            _ => centre,
        };
        let (brightness, contrast) = (around(1.0, spread.brightness), around(1.0, spread.contrast));
        let (saturation, hue) = (around(1.0, spread.saturation), around(0.0, spread.hue));
        let mut order = [Adjustment::Brightness, Adjustment::Contrast, Adjustment::Saturation, Adjustment::Hue];
        // Without these two the order does not matter, and nothing is drawn.
        if spread.saturation > 0.0 || spread.hue > 0.0 {
            rng.shuffle(&mut order);
        }
        Self { brightness, contrast, saturation, hue, order }
    }

    /// Changes an interleaved picture in place. `values` is only lent.
    pub(super) fn apply(&self, rgb: &mut [u8], values: &mut Vec<f32>) {
        let active = |adjustment: &Adjustment| match adjustment {
            Adjustment::Brightness => self.brightness != 1.0,
            Adjustment::Contrast => self.contrast != 1.0,
            Adjustment::Saturation => self.saturation != 1.0,
            Adjustment::Hue => self.hue != 0.0,
        };
        if rgb.is_empty() || !self.order.iter().any(active) {
            return;
        }
        values.clear();
        values.extend(rgb.iter().map(|&value| f32::from(value)));
        for adjustment in self.order.iter().filter(|adjustment| active(adjustment)) {
            match adjustment {
                Adjustment::Brightness => brighten(values, self.brightness as f32),
                Adjustment::Contrast => contrast(values, self.contrast),
                Adjustment::Saturation => saturate(values, self.saturation),
                Adjustment::Hue => {
                    to_bytes(values, rgb);
                    // Whole 255ths of a turn, in steps of which there are 180 to a turn: so in mmaction2.
                    hsv::turn(rgb, (self.hue * 255.0) as i32);
                    values.iter_mut().zip(&*rgb).for_each(|(value, &byte)| *value = f32::from(byte));
                }
            }
        }
        to_bytes(values, rgb);
    }
}

/// Cuts values to 0..=255 and to whole numbers.
fn to_bytes(values: &[f32], rgb: &mut [u8]) {
    for (byte, value) in rgb.iter_mut().zip(values) {
        *byte = *value as u8; // `as` saturates
    }
}

fn brighten(values: &mut [f32], factor: f32) {
    values.iter_mut().for_each(|value| *value *= factor);
}

/// Multiplies the distance from the mean grey of the picture.
fn contrast(values: &mut [f32], factor: f64) {
    let offset = ((1.0 - factor) * mean_grey(values)) as f32;
    let factor = factor as f32;
    values.iter_mut().for_each(|value| *value = factor * *value + offset);
}

/// Multiplies the distance of each pixel from its own grey.
fn saturate(values: &mut [f32], factor: f64) {
    let (colour, grey) = (factor as f32, (1.0 - factor) as f32);
    for pixel in values.as_chunks_mut::<3>().0 {
        let own = grey * (GREY[0] * pixel[0] + GREY[1] * pixel[1] + GREY[2] * pixel[2]);
        *pixel = pixel.map(|value| colour * value + own);
    }
}

fn mean_grey(values: &[f32]) -> f64 {
    // Twelve sums side by side: whole pixels and whole vectors. They stay short so that nothing is lost in f32.
    let mut sums = [0.0; 3];
    for stretch in values.chunks(12 * 64) {
        let (twelves, rest) = stretch.as_chunks::<12>();
        let mut short = [0.0f32; 12];
        for twelve in twelves {
            short.iter_mut().zip(twelve).for_each(|(sum, value)| *sum += value);
        }
        short.iter_mut().zip(rest).for_each(|(sum, value)| *sum += value);
        short.iter().enumerate().for_each(|(at, sum)| sums[at % 3] += f64::from(*sum));
    }
    let weighted: f64 = sums.iter().zip(GREY).map(|(sum, weight)| sum * f64::from(weight)).sum();
    weighted / (values.len() / 3) as f64
}

#[cfg(test)]
mod tests {
    use super::Adjustment::{Brightness, Contrast, Hue, Saturation};
    use super::*;
    use crate::random::Stream;
    use crate::transform::tests::{digest, picture};

    const ALL: Spread = Spread { brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.1 };

    fn jittered(rgb: &[u8], order: [Adjustment; 4], [brightness, contrast, saturation, hue]: [f64; 4]) -> Vec<u8> {
        let mut rgb = rgb.to_vec();
        Jitter { brightness, contrast, saturation, hue, order }.apply(&mut rgb, &mut vec![7.0; 5]);
        rgb
    }

    #[test]
    fn colours_are_those_of_mmaction() {
        let usual = [Brightness, Contrast, Saturation, Hue];
        // Made with the formulas of its `ColorJitter` in NumPy 1.23 and OpenCV 4.8: pixels (100, 20) and (30, 150), and all.
        for (order, factors, pixels, all) in [
            (usual, [1.25, 1.0, 1.0, 0.0], [[137, 255, 148], [255, 31, 81]], 0x559c_2ea6_64c8_7450),
            (usual, [1.0, 0.6, 1.0, 0.0], [[116, 191, 122], [186, 65, 89]], 0xc517_e485_6677_f2bc),
            (usual, [1.0, 1.0, 1.4, 0.0], [[80, 255, 92], [255, 0, 55]], 0x20d2_b227_b343_d3bf),
            (usual, [1.0, 1.0, 1.0, 0.08], [[109, 235, 201], [226, 118, 24]], 0x1f3b_7600_b0ca_d471),
            (usual, [1.25, 0.75, 1.375, 0.0625], [[115, 255, 199], [255, 97, 39]], 0x3bdd_1c4f_97e6_c6e3),
            (
                [Hue, Saturation, Contrast, Brightness],
                [0.75, 1.375, 0.625, -0.09],
                [[168, 195, 114], [150, 20, 141]],
                0x8cd7_eff1_5c50_1724,
            ),
            (
                [Saturation, Hue, Brightness, Contrast],
                [1.4375, 1.4, 0.5, 0.05],
                [[221, 255, 255], [243, 82, 42]],
                0xaf4e_9410_c310_b1b6,
            ),
            (
                [Contrast, Hue, Saturation, Brightness],
                [0.55, 0.625, 1.5, -0.03],
                [[60, 114, 49], [126, 22, 66]],
                0x257b_5fb1_ace6_38f7,
            ),
        ] {
            let found = jittered(&picture(160, 160), order, factors);
            let at = |x: usize, y: usize| &found[(y * 160 + x) * 3..][..3];
            assert_eq!([at(100, 20), at(30, 150)], [&pixels[0][..], &pixels[1][..]], "{order:?} {factors:?}");
            assert_eq!(digest(&found), all, "{order:?} {factors:?}");
        }
    }

    #[test]
    fn contrast_is_about_the_mean_grey_and_values_are_cut() {
        let usual = [Brightness, Contrast, Saturation, Hue];
        let contrast = |rgb: &[u8], contrast| jittered(rgb, usual, [1.0, contrast, 1.0, 0.0]);
        assert_eq!(jittered(&[0, 100, 200], usual, [1.5, 1.0, 1.0, 0.0]), [0, 150, 255]);
        assert_eq!(contrast(&[100, 0, 0, 100, 0, 0], 0.0), [29; 6], "no contrast leaves the grey");
        assert_eq!(contrast(&[50, 50, 50, 150, 150, 150], 2.0), [0, 0, 0, 200, 200, 200], "200.01 is cut");
        assert_eq!(contrast(&[1, 2, 3], 1.0), [1, 2, 3]);
        assert!(contrast(&[], 0.5).is_empty());
    }

    #[test]
    fn factors_and_orders_differ_from_window_to_window_and_keep_to_their_spreads() {
        let drawn: Vec<_> =
            (0..200).map(|index| Jitter::draw(ALL, &mut Rng::new(1, Stream::Augment, 0, index))).collect();
        for jitter in &drawn {
            for factor in [jitter.brightness, jitter.contrast, jitter.saturation] {
                assert!((0.5..1.5).contains(&factor), "{jitter:?}");
            }
            assert!((-0.1..0.1).contains(&jitter.hue), "{jitter:?}");
        }
        for adjustment in [Brightness, Contrast, Saturation, Hue] {
            for place in 0..4 {
                let there = drawn.iter().filter(|jitter| jitter.order[place] == adjustment).count();
                assert!((25..75).contains(&there), "{adjustment:?} at {place} in {there} of 200");
            }
        }
    }

    #[test]
    fn what_is_off_draws_nothing() {
        let off = Spread { brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };
        let (mut rng, mut untouched) = (Rng::new(1, Stream::Augment, 0, 0), Rng::new(1, Stream::Augment, 0, 0));
        let jitter = Jitter::draw(off, &mut rng);
        assert_eq!(rng.bits(), untouched.bits());
        let mut rgb = picture(8, 8);
        jitter.apply(&mut rgb, &mut Vec::new());
        assert_eq!(rgb, picture(8, 8));
    }
}
