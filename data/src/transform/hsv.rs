//! Turning hues, in the arithmetic of OpenCV's `COLOR_RGB2HSV` and `COLOR_HSV2RGB` on bytes.
//!
//! A hue is one of 180 steps around the colour circle; there and back again is not quite the same colour.

/// Steps of hue to a turn.
const TURN: i32 = 180;

/// Bits after the point in the tables.
const SHIFT: u32 = 12;

/// `255 / i` and `30 / i` (of a sixth of a turn) with [`SHIFT`] bits after the point; 0 for 0.
const SATURATION: [i32; 256] = quotients(255);
const HUE: [i32; 256] = quotients(TURN / 6);

const fn quotients(numerator: i32) -> [i32; 256] {
    let mut table = [0; 256];
    let mut divisor = 1;
    while divisor < 256 {
        let (quotient, rest) = ((numerator << SHIFT) / divisor, (numerator << SHIFT) % divisor);
        // Rounded; a half to its even neighbour.
        let up = 2 * rest > divisor || (2 * rest == divisor && quotient % 2 == 1);
        table[divisor as usize] = quotient + up as i32;
        divisor += 1;
    }
    table
}

/// Turns the hue of every pixel by so many steps.
///
/// Differs from OpenTAD: a turn of 77 steps or more ends where it should; there it passes 255 in a byte first.
pub(super) fn turn(rgb: &mut [u8], steps: i32) {
    // By hue: which sixth of the circle it lies in, and how far from the end where its middle value is largest.
    let sixths: [(u8, f32); TURN as usize] = std::array::from_fn(|hue| {
        let turned = (hue as i32 + steps).rem_euclid(TURN) as f32 * (6.0 / TURN as f32);
        let (sixth, share) = (turned as u8, turned - turned.floor());
        (sixth, if sixth.is_multiple_of(2) { 1.0 - share } else { share })
    });
    for pixel in rgb.as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = to_hsv(*pixel);
        let (sixth, share) = sixths[hue];
        *pixel = to_rgb(sixth, share, saturation as u8, value as u8);
    }
}

fn to_hsv(rgb: [u8; 3]) -> [usize; 3] {
    let [r, g, b] = rgb.map(i32::from);
    let value = r.max(g).max(b);
    let range = value - r.min(g).min(b);
    let saturation = (range * SATURATION[value as usize] + (1 << (SHIFT - 1))) >> SHIFT;
    let place = if value == r {
        g - b
    } else if value == g {
        b - r + 2 * range
    } else {
        r - g + 4 * range
    };
    let hue = (place * HUE[range as usize] + (1 << (SHIFT - 1))) >> SHIFT;
    let hue = if hue < 0 { hue + TURN } else { hue };
    [hue as usize, saturation as usize, value as usize]
}

/// Cut to whole numbers, not rounded, and with one rounding fewer in the middle value: so does OpenCV where it computes
/// many pixels at once. (The last few of a picture whose area is no multiple of 32 it rounds.)
fn to_rgb(sixth: u8, share: f32, saturation: u8, value: u8) -> [u8; 3] {
    let (s, v) = (f32::from(saturation) * (1.0 / 255.0), f32::from(value) * (1.0 / 255.0));
    let middle = (1.0 - f64::from(s) * f64::from(share)) as f32;
    let [low, middle] = [1.0 - s, middle].map(|part| (v * part * 255.0) as u8);
    match sixth {
        0 => [value, middle, low],
        1 => [middle, value, low],
        2 => [low, value, middle],
        3 => [low, middle, value],
        4 => [middle, low, value],
        _ => [value, low, middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::tests::digest;

    #[test]
    fn turned_hues_are_those_of_opencv() {
        let levels = || (0..32u8).map(|level| level * 8 + 3);
        let colours: Vec<u8> =
            levels().flat_map(|r| levels().flat_map(move |g| levels().flat_map(move |b| [r, g, b]))).collect();
        // Made with OpenCV 4.8 (4.14 gives the same): colours 777 and 20000, and all.
        for (steps, pixels, all) in [
            (0, [[3, 195, 73], [155, 139, 3]], 0xf6ae_5048_705f_7083),
            (-25, [[92, 195, 3], [155, 13, 3]], 0x64ba_d46e_b3bb_7254),
            (7, [[3, 195, 118], [134, 155, 3]], 0xff02_3b5e_9485_9e39),
            (25, [[3, 156, 195], [43, 155, 3]], 0xf171_d15f_678a_d852),
            (60, [[73, 3, 195], [3, 155, 139]], 0x0a98_6076_0b6a_9d11),
        ] {
            let mut turned = colours.clone();
            turn(&mut turned, steps);
            let found = [777, 20_000].map(|at| turned[at * 3..][..3].to_vec());
            assert_eq!(found, pixels, "{steps} steps");
            assert_eq!(digest(&turned), all, "{steps} steps");
        }
    }

    #[test]
    fn grey_has_no_hue_to_turn_and_a_whole_turn_changes_no_more_than_none() {
        let mut grey: Vec<u8> = (0..=255).flat_map(|value| [value; 3]).collect();
        let before = grey.clone();
        turn(&mut grey, 40);
        assert!(grey.iter().zip(&before).all(|(found, before)| before.abs_diff(*found) <= 1));
        let (mut none, mut whole) = ([200, 30, 77], [200, 30, 77]);
        turn(&mut none, 0);
        turn(&mut whole, TURN);
        assert_eq!(none, whole);
    }
}
