//! Colours that stay apart for colour-blind readers, on white and on black, for any number of classes.

/// Okabe and Ito (2008) without black and with an olive in place of their yellow, which is lost on white; the eighth is
/// the purple of Tol (2021).
const BASE: [[u8; 3]; 8] = [
    [0x1f, 0x7a, 0xc0],
    [0xe6, 0x9f, 0x00],
    [0x00, 0x9e, 0x73],
    [0xd5, 0x5e, 0x00],
    [0x56, 0xb4, 0xe9],
    [0xcc, 0x79, 0xa7],
    [0x99, 0x99, 0x33],
    [0xaa, 0x44, 0x99],
];

/// The colour of a class or a curve, as `#rrggbb`.
///
/// After the eighth the same hues come back lighter or darker, each round in a shade of its own.
pub(super) fn colour(index: usize) -> String {
    let (round, base) = (index / BASE.len(), BASE[index % BASE.len()]);
    let shade = if round == 0 { 0.0 } else { 0.9 * (spread(round) - 0.5) }; // -0.45..0.45
    let [r, g, b] = base.map(|channel| {
        let towards = if shade < 0.0 { 0.0 } else { 255.0 };
        (f64::from(channel) + (towards - f64::from(channel)) * shade.abs()).round() as u8
    });
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Numbers in `[0, 1)` that fill the range evenly however many are taken (van der Corput, 1935, base 3: 1/3, 2/3, 1/9 ..).
fn spread(mut round: usize) -> f64 {
    let (mut value, mut weight) = (0.0, 1.0 / 3.0);
    while round > 0 {
        value += (round % 3) as f64 * weight;
        weight /= 3.0;
        round /= 3;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_classes_have_two_hundred_colours() {
        let all: Vec<_> = (0..200).map(colour).collect();
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "{one} comes twice");
        }
    }
}
