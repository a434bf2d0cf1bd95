//! The operations against imgaug, and what must hold for every draw of them.

use super::*;
use crate::random::Stream;
use crate::transform::tests::{digest, picture};

fn applied(operation: Operation, rgb: &[u8], size: (usize, usize)) -> Vec<u8> {
    let mut rgb = rgb.to_vec();
    operation.apply(&mut rgb, size, &mut vec![9; 4]);
    rgb
}

#[test]
fn every_operation_is_that_of_imgaug_to_the_last_bit() {
    // Made with imgaug 0.4.0, OpenCV 4.8, Pillow 9.5 and scikit-image 0.21: pixels (100, 20) and (30, 150), and all.
    for (operation, pixels, all) in [
        (Operation::ShearX { back: false }, [[141, 118, 109], [24, 126, 229]], 0x61ea_d93a_7ac2_8730),
        (Operation::ShearX { back: true }, [[112, 17, 162], [235, 92, 191]], 0xaf49_204d_080f_7347),
        (Operation::ShearY { back: false }, [[37, 127, 217], [0, 0, 0]], 0x4e37_3681_752a_e911),
        (Operation::ShearY { back: true }, [[194, 113, 33], [189, 203, 143]], 0xb81a_73bb_b69d_a901),
        (Operation::TranslateX { back: false }, [[202, 95, 184], [141, 152, 162]], 0x9ad0_d20d_1263_4a17),
        (Operation::TranslateX { back: true }, [[76, 237, 156], [174, 243, 71]], 0x552a_8a39_e383_94b8),
        (Operation::TranslateY { back: false }, [[0, 0, 0], [153, 139, 126]], 0xe3c6_7abe_6f1f_d626),
        (Operation::TranslateY { back: true }, [[180, 48, 66], [0, 0, 0]], 0x5ddb_37de_4a4c_ad90),
        (Operation::Rotate { back: false }, [[211, 46, 122], [0, 0, 0]], 0xaded_6019_2a66_506d),
        (Operation::Rotate { back: true }, [[54, 92, 130], [76, 101, 126]], 0x1d87_221e_9178_94ac),
        (Operation::Posterize, [[96, 224, 96], [224, 0, 64]], 0x9560_67f8_dd0f_4ce5),
        (Operation::Solarize, [[110, 20, 119], [226, 25, 65]], 0x1e69_cd11_2ec4_cdaa),
        (Operation::EnhanceColor, [[56, 255, 72], [255, 0, 47]], 0xfaaf_10eb_56cc_d234),
        (Operation::EnhanceContrast, [[97, 255, 113], [255, 0, 20]], 0x2f80_9d31_56d2_893d),
        (Operation::EnhanceBrightness, [[189, 255, 204], [255, 43, 111]], 0x9ff5_d6e6_3d71_b920),
        (Operation::EnhanceSharpness, [[110, 255, 119], [255, 0, 38]], 0x135b_ae5d_75e0_374f),
        (Operation::Autocontrast, [[108, 241, 117], [231, 18, 60]], 0xf099_b5b7_8ff8_4f28),
        (Operation::Equalize, [[110, 241, 119], [232, 18, 62]], 0x144c_7829_fbb2_2dae),
        (Operation::Invert, [[145, 20, 136], [29, 230, 190]], 0x45c6_035c_734a_fffe),
        (Operation::Cutout { middle: (0.5, 0.5) }, [[110, 235, 119], [226, 25, 65]], 0xb0ee_1348_f38b_400f),
        (Operation::Cutout { middle: (0.03, 0.97) }, [[110, 235, 119], [226, 25, 65]], 0xafec_7e06_40dc_271d),
        (Operation::Cutout { middle: (0.251, 0.333) }, [[110, 235, 119], [226, 25, 65]], 0xf777_2315_4db6_4447),
    ] {
        let found = applied(operation, &picture(160, 160), (160, 160));
        let at = |x: usize, y: usize| &found[(y * 160 + x) * 3..][..3];
        assert_eq!([at(100, 20), at(30, 150)], [&pixels[0][..], &pixels[1][..]], "{operation:?}");
        assert_eq!(digest(&found), all, "{operation:?}");
    }
}

#[test]
fn a_picture_of_one_value_has_nothing_to_stretch_or_to_even_out() {
    for operation in [Operation::Autocontrast, Operation::Equalize, Operation::EnhanceSharpness] {
        assert_eq!(applied(operation, &[77; 12 * 12 * 3], (12, 12)), [77; 12 * 12 * 3], "{operation:?}");
    }
}

#[test]
fn pictures_of_any_size_can_be_changed() {
    for size in [(1, 1), (1, 5), (2, 2), (5, 1), (3, 4)] {
        for place in 0..Operation::KINDS {
            let operation = Operation::at(place, &mut Rng::new(0, Stream::Augment, 0, 0));
            applied(operation, &picture(size.0, size.1), size);
        }
    }
}

#[test]
fn operations_are_drawn_without_repeating_and_done_in_the_order_of_the_list() {
    let kind = |operation: &Operation| {
        (0..Operation::KINDS)
            .find(|&place| {
                let there = Operation::at(place, &mut Rng::new(0, Stream::Augment, 0, 0));
                std::mem::discriminant(&there) == std::mem::discriminant(operation)
            })
            .unwrap()
    };
    let mut seen = [0; Operation::KINDS];
    for index in 0..600 {
        let drawn = Operation::draw(2, &mut Rng::new(4, Stream::Augment, 0, index));
        let places: Vec<usize> = drawn.iter().map(kind).collect();
        assert!(places.len() == 2 && places[0] < places[1], "{drawn:?}");
        places.iter().for_each(|&place| seen[place] += 1);
    }
    assert!(seen.iter().all(|times| (40..130).contains(times)), "each about 80 times: {seen:?}");
    let all = Operation::draw(Operation::KINDS, &mut Rng::new(4, Stream::Augment, 0, 0));
    assert_eq!(all.iter().map(kind).collect::<Vec<_>>(), (0..Operation::KINDS).collect::<Vec<_>>());
}

#[test]
fn both_directions_and_all_places_of_the_hole_occur() {
    let turns = (0..200).filter(|&index| {
        Operation::at(4, &mut Rng::new(5, Stream::Augment, 0, index)) == Operation::Rotate { back: true }
    });
    assert!((70..130).contains(&turns.count()));
    let middles: Vec<(f64, f64)> = (0..100)
        .map(|index| match Operation::at(14, &mut Rng::new(5, Stream::Augment, 0, index)) {
            Operation::Cutout { middle } => middle,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(middles.iter().any(|(x, y)| *x < 0.2 && *y > 0.5) && middles.iter().any(|(x, _)| *x > 0.8));
}
