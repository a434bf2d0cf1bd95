//! Processes that are killed at any moment, again and again, come to the same bytes as one that is left in peace.

use std::path::Path;
use std::time::Instant;

use adatad_data::random::{Rng, Stream};

use super::process::{Place, assert_same, content};
use super::small::{tiny, write_data};

/// Kills of each test; four of them make the two hundred.
const KILLS: usize = 50;

/// Whether a checkpoint is being written at this moment.
fn saving(out: &Path) -> bool {
    let entries = std::fs::read_dir(out.join("checkpoints")).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|extension| extension == "tmp"))
}

fn kill_again_and_again(seed: u64, while_saving: bool) {
    let config = tiny(&["schedule.epochs=10", "schedule.evaluate-every=4"]);
    let place = Place::new(&config, write_data);
    let begun = Instant::now();
    let ended = place.end(place.train("whole", &[]));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (whole, took) = (content(&place.out("whole")), begun.elapsed());

    let mut rng = Rng::new(seed, Stream::Synth, 0, 0);
    let (mut kills, mut runs, mut words) = (0, 0, 0);
    while kills < KILLS {
        let name = format!("run-{runs}");
        let out = place.out(&name);
        runs += 1;
        loop {
            let last = kills >= KILLS;
            // Before the run file is in the folder there is nothing to go on with.
            let how = if out.join("config.toml").exists() { "--resume" } else { "--force" };
            let mut started = place.start(place.train(&name, &[how]));
            if !last {
                let wait = took.mul_f64(rng.uniform(0.0, 0.8));
                let until = Instant::now() + wait;
                started.until(|| Instant::now() >= until);
                if while_saving {
                    started.until(|| saving(&out));
                }
                started.child.kill().unwrap();
            }
            let ended = started.wait();
            words += usize::from(ended.said.contains("ended without a stop record"));
            match ended.code {
                Some(0) => break,
                Some(code) => panic!("exit code {code} after {kills} kills: {}", ended.said),
                None => kills += 1, // by a signal
            }
        }
        assert_same(&content(&out), &whole);
        let torn = std::fs::read_dir(out.join("checkpoints")).unwrap().flatten();
        let torn: Vec<_> = torn.filter(|entry| entry.path().extension().is_some()).collect();
        assert!(torn.is_empty(), "{torn:?}");
    }
    assert!(words > 0, "the next start tells of a process that died without a word");
}

#[test]
fn killed_at_random_moments_the_run_comes_to_the_same() {
    kill_again_and_again(0, false);
}

#[test]
fn killed_at_other_random_moments_the_run_comes_to_the_same() {
    kill_again_and_again(1, false);
}

#[test]
fn killed_while_it_saves_the_run_comes_to_the_same() {
    kill_again_and_again(2, true);
}

#[test]
fn killed_while_it_saves_at_other_times_the_run_comes_to_the_same() {
    kill_again_and_again(3, true);
}
