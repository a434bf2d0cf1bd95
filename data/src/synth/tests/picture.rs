//! What the pictures show, and what they must not give away.

use std::collections::BTreeMap;

use super::*;

fn short(seed: u64) -> SynthOptions {
    SynthOptions { seconds: (20.0, 20.0), ..seeded(seed) }
}

fn draw(renderer: &mut Renderer, frame: usize) -> Vec<u8> {
    let mut rgb = vec![0; 128 * 96 * 3];
    renderer.frame(frame, &mut rgb);
    rgb
}

#[test]
fn a_frame_needs_no_other_frame() {
    let mut alone = Renderer::new(&short(5), Subset::Training, 1);
    let mut after = Renderer::new(&short(5), Subset::Training, 1);
    for frame in [3, 400, 4, 250, 77] {
        draw(&mut after, frame);
    }
    assert_eq!(draw(&mut alone, 77), draw(&mut after, 77));
}

#[test]
fn the_same_seed_draws_the_same_and_another_seed_another_video() {
    let draw = |seed, subset, index| {
        let mut renderer = Renderer::new(&short(seed), subset, index);
        (renderer.scene().script.clone(), draw(&mut renderer, 100))
    };
    let one = draw(1, Subset::Training, 0);
    assert_eq!(one, draw(1, Subset::Training, 0));
    for other in [draw(2, Subset::Training, 0), draw(1, Subset::Test, 0), draw(1, Subset::Training, 1)] {
        assert_ne!(one.0, other.0);
        assert_ne!(one.1, other.1);
    }
}

#[test]
fn more_training_videos_leave_the_others_as_they_were() {
    let more = SynthOptions { training: 99, ..short(1) };
    assert_eq!(Script::new(&short(1), Subset::Test, 2), Script::new(&more, Subset::Test, 2));
}

#[test]
fn a_larger_picture_shows_the_same_scene() {
    let (small, large) = (short(4), SynthOptions { width: 256, height: 192, ..short(4) });
    assert_eq!(Scene::new(&small, Subset::Test, 0).at(250), Scene::new(&large, Subset::Test, 0).at(250));
    let mut rgb = vec![0; 256 * 192 * 3];
    Renderer::new(&large, Subset::Test, 0).frame(250, &mut rgb);
    assert!(rgb.iter().any(|&value| value != rgb[0]));
}

#[test]
fn brightness_tells_no_class_from_another() {
    // Against the mean of the same video, since videos differ in brightness and a model could learn neither from
    // the other.
    let mut sums: BTreeMap<Action, (f64, f64)> = BTreeMap::new();
    for seed in 0..40 {
        let mut renderer = Renderer::new(&SynthOptions { seconds: (60.0, 60.0), ..seeded(seed) }, Subset::Training, 0);
        let means: Vec<(f64, f64)> = (0..renderer.scene().script.frames)
            .step_by(50)
            .map(|frame| {
                let sum: u64 = draw(&mut renderer, frame).iter().map(|&value| u64::from(value)).sum();
                (frame as f64 / 25.0, sum as f64 / (128.0 * 96.0 * 3.0))
            })
            .collect();
        let mean = means.iter().map(|(_, value)| value).sum::<f64>() / means.len() as f64;
        for (action, start, end) in renderer.scene().script.actions() {
            let (sum, count) = sums.entry(action).or_default();
            for (_, value) in means.iter().filter(|(time, _)| (start..end).contains(time)) {
                *sum += value - mean;
                *count += 1.0;
            }
        }
    }
    let differences: Vec<f64> = sums.values().map(|(sum, count)| sum / count).collect();
    assert_eq!(differences.len(), Action::ALL.len());
    assert!(differences.iter().all(|difference| difference.abs() < 2.5), "{differences:?}");
}
