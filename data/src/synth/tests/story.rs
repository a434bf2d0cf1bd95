//! The rules of the script, and of the scene that follows from it.

use super::*;

fn is_belt(happening: &Happening) -> bool {
    matches!(happening, Happening::Belt(..) | Happening::Jam(_))
}

fn is_arm(happening: &Happening) -> bool {
    matches!(happening, Happening::Pick(_) | Happening::Place(_) | Happening::Pass(_))
}

fn is_hand(happening: &Happening) -> bool {
    matches!(happening, Happening::Inspect(_) | Happening::Rest(_))
}

#[test]
fn every_action_lasts_as_long_as_its_class_allows() {
    for script in scripts() {
        for (action, start, end) in script.actions() {
            let (shortest, longest) = action.seconds();
            let length = end - start;
            assert!(length > shortest - 0.011 && length < longest + 0.011, "{action:?} of {length} s");
        }
    }
}

#[test]
fn nothing_starts_or_ends_within_a_second_of_the_ends_of_a_video() {
    for script in scripts() {
        for (_, start, end) in script.actions() {
            assert!(start >= 1.0 && end <= script.duration() - 1.0);
        }
    }
}

#[test]
fn one_arm_one_hand_and_one_belt_do_one_thing_at_a_time() {
    for script in scripts() {
        for track in [is_belt, is_arm, is_hand] {
            let events: Vec<_> = script.events.iter().filter(|event| track(&event.happening)).collect();
            assert!(events.windows(2).all(|pair| pair[0].end + 0.3 < pair[1].start));
        }
    }
}

#[test]
fn actions_of_different_tracks_overlap_some_of_the_time() {
    let overlapping = |script: &Script| {
        let actions: Vec<_> = script.actions().collect();
        let pairs = actions.windows(2).filter(|pair| pair[0].2 > pair[1].1).count();
        pairs as f64 / actions.len() as f64
    };
    let share = scripts().map(|script| overlapping(&script)).sum::<f64>() / 80.0;
    assert!((0.2..0.7).contains(&share), "{share}");
}

#[test]
fn every_class_is_in_every_training_split() {
    for seed in 0..5 {
        let options = SynthOptions { training: 2, ..seeded(seed) };
        let scripts: Vec<_> = (0..2).map(|index| Script::new(&options, Subset::Training, index)).collect();
        for class in Action::ALL {
            assert!(scripts.iter().any(|script| script.actions().any(|(action, ..)| action == class)));
        }
    }
}

#[test]
fn twelve_to_sixteen_actions_a_minute_leave_a_fifth_to_two_fifths_of_background() {
    let (mut backgrounds, mut densities) = (Vec::new(), Vec::new());
    for script in scripts() {
        densities.push(script.actions().count() as f64 / script.duration() * 60.0);
        let busy = |frame: usize| {
            let time = frame as f64 / 25.0;
            script.actions().any(|(_, start, end)| (start..end).contains(&time))
        };
        let samples = (0..script.frames).step_by(10);
        let free = samples.clone().filter(|&frame| !busy(frame)).count();
        backgrounds.push(free as f64 / samples.count() as f64);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!((12.0..16.0).contains(&mean(&densities)), "{}", mean(&densities));
    assert!(densities.iter().all(|density| (10.5..17.5).contains(density)), "{densities:?}");
    assert!((0.2..0.4).contains(&mean(&backgrounds)), "{}", mean(&backgrounds));
    assert!(backgrounds.iter().all(|share| (0.08..0.6).contains(share)), "{backgrounds:?}");
}

#[test]
fn a_pick_follows_a_pick_as_often_as_a_place() {
    let (mut same, mut pairs) = (0, 0);
    for script in scripts() {
        let arm: Vec<_> = script.actions().map(|(action, ..)| action).collect();
        let arm: Vec<_> = arm.into_iter().filter(|a| matches!(a, Action::Pick | Action::Place)).collect();
        same += arm.windows(2).filter(|pair| pair[0] == pair[1]).count();
        pairs += arm.len() - 1;
    }
    let share = same as f64 / pairs as f64;
    assert!((0.44..0.56).contains(&share), "{share}");
}

#[test]
fn the_arm_is_loaded_for_half_of_a_pick_and_half_of_a_place() {
    let mut loaded = [(0, 0); 2];
    for script in scripts() {
        for event in &script.events {
            for step in 0..20 {
                let phase = f64::from(step) / 20.0 + 0.025;
                let (class, arm) = match event.happening {
                    Happening::Pick(reach) => (0, reach.pick(phase)),
                    Happening::Place(reach) => (1, reach.place(phase)),
                    _ => continue,
                };
                loaded[class].0 += usize::from(arm.load.is_some());
                loaded[class].1 += 1;
            }
        }
    }
    for (with, all) in loaded {
        assert!((with as f64 / all as f64 - 0.5).abs() < 0.02, "{loaded:?}");
    }
}

#[test]
fn everything_labelled_happens_inside_the_central_square() {
    for script in scripts() {
        let middle = script.ground.width / 2.0;
        for event in &script.events {
            for step in 0..=40 {
                let phase = f64::from(step) / 40.0;
                // Half the width of the thing.
                let (x, half) = match event.happening {
                    Happening::Pick(reach) | Happening::Place(reach) if (0.3..0.7).contains(&phase) => {
                        (reach.pick(phase).x, 13.0)
                    }
                    Happening::Inspect(hand) if (0.3..0.7).contains(&phase) => (hand.pose(phase).x, 9.0),
                    Happening::Jam(jam) => (jam.x, 12.0),
                    _ => continue,
                };
                assert!((x - middle).abs() + half <= 48.0, "{event:?}");
            }
        }
    }
}

#[test]
fn a_picked_part_is_where_the_gripper_meets_it_and_a_placed_one_where_it_is_left() {
    let scene = Scene::new(&seeded(3), Subset::Training, 0);
    let mut meetings = 0;
    for event in &scene.script.events {
        let (reach, grip, on_belt) = match event.happening {
            Happening::Pick(reach) => (reach, reach.grip, -1.0),
            Happening::Place(reach) => (reach, 1.0 - reach.grip, 1.0),
            _ => continue,
        };
        let frame = (event.start + grip * (event.end - event.start)) * 25.0;
        let is_there = |frame: f64| {
            let moment = scene.at(frame.round() as usize);
            moment.parts.iter().any(|part| {
                part.look == reach.part && (part.x - reach.x).abs() < 3.0 && (part.y - reach.y).abs() < 1e-9
            })
        };
        assert!(is_there(frame + on_belt) && !is_there(frame - on_belt), "{event:?}");
        meetings += 1;
    }
    assert!(meetings > 5);
}

#[test]
fn a_jammed_part_trembles_in_place_while_the_belt_runs_on() {
    let scene = Scene::new(&seeded(1), Subset::Training, 0);
    let jams: Vec<_> = scene.script.events.iter().filter(|e| matches!(e.happening, Happening::Jam(_))).collect();
    for event in &jams {
        let Happening::Jam(jam) = event.happening else { continue };
        let frames = (event.start * 25.0).ceil() as usize..(event.end * 25.0) as usize;
        let stuck = |frame| {
            let moment = scene.at(frame);
            let part = *moment.parts.iter().find(|part| part.look == jam.part).unwrap();
            (part.x - jam.x).hypot(part.y - jam.y)
        };
        let furthest = frames.clone().map(stuck).fold(0.0, f64::max);
        assert!((4.0..11.0).contains(&furthest), "{furthest}");
        let run = scene.belt.at(event.end) - scene.belt.at(event.start);
        assert!(run > 18.0 * (event.end - event.start));
    }
    assert!(!jams.is_empty());
}

#[test]
fn parts_move_smoothly_unless_jammed_and_by_less_than_six_pixels_a_sample() {
    let scene = Scene::new(&seeded(2), Subset::Test, 0);
    for frame in (0..scene.script.frames - 4).step_by(4) {
        let moved = scene.at(frame + 4).belt - scene.at(frame).belt;
        assert!(moved.abs() < 6.0, "{moved}");
    }
}

#[test]
fn a_short_video_has_fewer_events_and_no_fault() {
    for seed in 0..40 {
        let options = SynthOptions { seconds: (6.0, 7.0), ..seeded(seed) };
        let scene = Scene::new(&options, Subset::Training, 0);
        assert!(scene.script.actions().all(|(_, start, end)| start >= 1.0 && end <= scene.script.duration() - 1.0));
    }
}
