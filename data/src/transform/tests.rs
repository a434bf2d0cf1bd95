//! Transforms against their definitions in f64 and against OpenCV, and what must hold for every draw.

use proptest::prelude::*;

use super::*;
use crate::random::{Rng, Stream};

fn rng(index: u64) -> Rng {
    Rng::new(3, Stream::Augment, 0, index)
}

fn noise(width: usize, height: usize, seed: u64) -> Vec<u8> {
    let mut rng = rng(seed);
    (0..width * height * 3).map(|_| rng.bits() as u8).collect()
}

/// A picture with smooth parts, edges and colours, which can be made elsewhere by the same formula.
pub(super) fn picture(width: usize, height: usize) -> Vec<u8> {
    let value = |x: usize, y: usize, channel: usize| (x * x + 3 * y * y + (channel + 1) * x * y) / 16 % 241 + 8;
    let pixel = |x, y| (0..3).map(move |channel| value(x, y, channel) as u8);
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

/// Stands for all bytes of a picture (FNV-1a).
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Bilinear interpolation as it is defined: centres of pixels, edges repeated. `rect` is a part of the `scaled` picture.
fn reference(rgb: &[u8], from: (usize, usize), scaled: (usize, usize), rect: Rect) -> Vec<f64> {
    let along = |place: usize, from: usize, to: usize| {
        let centre = ((place as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        let low = centre.floor() as usize;
        (low, (low + 1).min(from - 1), centre - low as f64)
    };
    let mut out = Vec::new();
    for y in rect.top..rect.top + rect.height {
        let (y0, y1, fy) = along(y, from.1, scaled.1);
        for x in rect.left..rect.left + rect.width {
            let (x0, x1, fx) = along(x, from.0, scaled.0);
            for channel in 0..3 {
                let at = |x: usize, y: usize| f64::from(rgb[(y * from.0 + x) * 3 + channel]);
                let upper = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
                let lower = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
                out.push(upper * (1.0 - fy) + lower * fy);
            }
        }
    }
    out
}

fn whole(size: (usize, usize)) -> Rect {
    Rect { left: 0, top: 0, width: size.0, height: size.1 }
}

#[test]
fn the_short_side_gets_its_length_and_the_other_keeps_the_shape() {
    assert_eq!(short_side(320, 180, 160), (284, 160));
    assert_eq!(short_side(180, 320, 182), (182, 324));
    assert_eq!(short_side(128, 96, 64), (85, 64));
    assert_eq!(short_side(64, 64, 64), (64, 64));
}

#[test]
fn a_picture_of_the_right_size_passes_untouched() {
    let picture = noise(64, 64, 0);
    let mut out = vec![0; 64 * 64 * 3];
    Transform::testing(64).draw(64, 64, &mut rng(0)).apply(&picture, &mut Resampler::default(), &mut out);
    assert_eq!(out, picture);
}

#[test]
fn resized_pictures_are_those_of_opencv_to_the_last_bit() {
    // Made with `cv2.resize` and `INTER_LINEAR` of OpenCV 4.8 (4.14 gives the same).
    for (from, to, all) in [
        ((320, 240), (243, 182), 0xd6ba_804d_16f6_3d3e),
        ((340, 256), (213, 160), 0xac32_07ba_9a5e_a9de),
        ((324, 182), (284, 160), 0xc0e3_52e7_2262_7746),
        ((90, 120), (160, 160), 0x038f_8d8e_767e_3ee2),
        ((640, 360), (324, 182), 0xcb9c_1d98_0f67_b59f),
        ((7, 5), (3, 11), 0x595a_5cc4_ae79_d331),
        ((1, 9), (4, 4), 0x5c84_73f5_477f_5bd1),
        ((320, 240), (160, 120), 0x062d_8d8c_ef59_e38e),
    ] {
        let mut out = vec![0; to.0 * to.1 * 3];
        Resampler::default().resize(&picture(from.0, from.1), from, &mut out, to);
        assert_eq!(digest(&out), all, "{from:?} to {to:?}");
    }
    let mut small = [0; 4 * 3 * 3];
    Resampler::default().resize(&picture(7, 5), (7, 5), &mut small, (3, 4));
    let rows = [[8, 8, 8, 8, 8, 8, 9, 9, 9], [8, 8, 8, 8, 9, 9, 10, 10, 11]];
    assert_eq!(small[..18], rows.concat());
    assert_eq!(small[18..], [9, 9, 9, 10, 11, 11, 11, 12, 13, 11, 11, 11, 12, 13, 13, 13, 15, 16]);
}

#[test]
fn a_part_of_a_resized_picture_is_what_it_would_be_in_the_whole() {
    let (from, scaled) = ((120, 70), (93, 61));
    let rect = Rect { left: 13, top: 9, width: 40, height: 50 };
    let (mut all, mut part) = (vec![0; scaled.0 * scaled.1 * 3], vec![0; rect.width * rect.height * 3]);
    let mut resampler = Resampler::default();
    resampler.resize(&noise(from.0, from.1, 4), from, &mut all, scaled);
    resampler.scale_and_crop(&noise(from.0, from.1, 4), from, scaled, rect, &mut part);
    for (row, found) in part.chunks_exact(rect.width * 3).enumerate() {
        assert_eq!(found, &all[((rect.top + row) * scaled.0 + rect.left) * 3..][..rect.width * 3]);
    }
}

#[test]
fn the_transform_of_the_reference_is_its_steps_one_after_the_other() {
    let transform = Transform::reference(64);
    for index in 0..40 {
        let drawn = transform.draw(100, 80, &mut rng(index));
        let (mut resampler, mut whole) = (Resampler::default(), vec![0; 64 * 64 * 3]);
        drawn.apply(&picture(100, 80), &mut resampler, &mut whole);

        let (scaled, rect) = (drawn.scaled, drawn.rect);
        let (mut small, mut cropped) = (vec![0; scaled.0 * scaled.1 * 3], vec![0; rect.width * rect.height * 3]);
        resampler.resize(&picture(100, 80), (100, 80), &mut small, scaled);
        resampler.scale_and_crop(&small, scaled, scaled, rect, &mut cropped);
        let mut steps = vec![0; 64 * 64 * 3];
        resampler.resize(&cropped, (rect.width, rect.height), &mut steps, (64, 64));
        if drawn.flip {
            flip(&mut steps, 64);
        }
        assert_eq!(drawn.operations.len(), 2);
        for operation in &drawn.operations {
            operation.apply(&mut steps, (64, 64), &mut Vec::new());
        }
        drawn.jitter.apply(&mut steps, &mut Vec::new());
        assert!(whole == steps, "{drawn:?}");
    }
}

#[test]
fn testing_sees_the_square_in_the_middle() {
    // 101 x 64 to a square of 64: floor((101 - 64) / 2) = 18 columns are cut on the left.
    let picture: Vec<u8> = (0..64).flat_map(|_| (0..101u8).flat_map(|x| [x, x, x])).collect();
    let mut out = vec![0; 64 * 64 * 3];
    Transform::testing(64).draw(101, 64, &mut rng(0)).apply(&picture, &mut Resampler::default(), &mut out);
    assert_eq!((out[0], out[63 * 3]), (18, 81));
}

#[test]
fn one_draw_treats_all_frames_of_a_window_alike() {
    let transform = Transform { image_operations: 4, ..Transform::reference(32) };
    let picture = noise(60, 40, 1);
    let drawn = transform.draw(60, 40, &mut rng(5));
    let mut resampler = Resampler::default();
    let outs: Vec<_> = (0..3)
        .map(|_| {
            let mut out = vec![0; drawn.size() * drawn.size() * 3];
            drawn.apply(&picture, &mut resampler, &mut out);
            drawn.apply(&noise(60, 40, 2), &mut resampler, &mut vec![0; 32 * 32 * 3]);
            out
        })
        .collect();
    assert!(outs.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(drawn, transform.draw(60, 40, &mut rng(5)), "the same seed draws the same");
    assert_ne!(drawn, transform.draw(60, 40, &mut rng(6)));
}

#[test]
fn flips_come_as_often_as_asked() {
    let flips = |flip| {
        let transform = Transform { flip, ..Transform::training(32) };
        (0..400).filter(|&index| transform.draw(60, 40, &mut rng(index)).flip).count()
    };
    assert_eq!((flips(0.0), flips(1.0)), (0, 400));
    assert!((150..250).contains(&flips(0.5)));
}

#[test]
fn a_flip_swaps_pixels_and_not_colours() {
    let mut picture = vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    flip(&mut picture, 2);
    assert_eq!(picture, [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
}

#[test]
fn planes_hold_one_colour_of_one_frame_each() {
    let mut window = vec![0; 3 * 2 * 2];
    to_planes(&[1, 2, 3, 4, 5, 6], &mut window, 1, 2);
    assert_eq!(window, [0, 0, 1, 4, 0, 0, 2, 5, 0, 0, 3, 6]);
}

#[test]
fn random_rectangles_keep_to_their_areas_and_shapes() {
    for index in 0..500 {
        let rect = resized_crop(324, 182, &mut rng(index));
        let share = (rect.width * rect.height) as f64 / (324.0 * 182.0);
        let aspect = rect.width as f64 / rect.height as f64;
        assert!((AREA.0 - 0.01..=1.0).contains(&share), "{rect:?}");
        assert!((ASPECT.0 - 0.02..=ASPECT.1 + 0.02).contains(&aspect), "{rect:?}");
    }
    // No rectangle of these shapes covers 8 % of a strip.
    assert_eq!(resized_crop(1000, 10, &mut rng(0)), Rect { left: 495, top: 0, width: 10, height: 10 });
}

#[test]
#[should_panic(expected = "12 bytes are not 3 x 2 pixels")]
fn a_picture_of_the_wrong_length_is_a_mistake_of_the_program() {
    Resampler::default().resize(&[0; 12], (3, 2), &mut [0; 3], (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn resizing_is_bilinear_to_the_last_bit_of_a_byte(
        from in (1usize..40, 1usize..40), to in (1usize..40, 1usize..40), seed in 0u64..1000,
    ) {
        let picture = noise(from.0, from.1, seed);
        let mut out = vec![0; to.0 * to.1 * 3];
        Resampler::default().resize(&picture, from, &mut out, to);
        for (&found, expected) in out.iter().zip(reference(&picture, from, to, whole(to))) {
            prop_assert!((f64::from(found) - expected).abs() <= 1.01, "found {found}, expected {expected}");
        }
    }

    #[test]
    fn every_transform_gives_the_part_of_the_picture_it_drew(
        from in (1usize..60, 1usize..60), size in 1usize..24, kind in 0usize..3, seed in 0u64..1000,
    ) {
        let crop = [Crop::Centre, Crop::Random, Crop::Resized][kind];
        let transform = Transform { crop, short_side: size + size / 7, ..Transform::testing(size) };
        let picture = noise(from.0, from.1, seed);
        let drawn = transform.draw(from.0, from.1, &mut rng(seed));
        let mut out = vec![0; size * size * 3];
        drawn.apply(&picture, &mut Resampler::default(), &mut out);
        let rect = drawn.rect;
        prop_assert!(rect.left + rect.width <= drawn.scaled.0 && rect.top + rect.height <= drawn.scaled.1);
        let cropped = reference(&picture, from, drawn.scaled, rect);
        let rounded: Vec<u8> = cropped.iter().map(|value| value.round() as u8).collect();
        let expected = reference(&rounded, (rect.width, rect.height), (size, size), whole((size, size)));
        for (&found, expected) in out.iter().zip(expected) {
            // one unit for each of two roundings, and again when two resizes follow each other
            prop_assert!((f64::from(found) - expected).abs() <= 2.52, "found {found}, expected {expected}");
        }
    }
}
