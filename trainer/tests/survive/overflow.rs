//! Gradients beyond f16: the loss is scaled by less, and a run that is stopped in between has not forgotten it.

use adatad::config::RunConfig;
use serde_json::Value;

use super::process::{Place, assert_same, content};
use super::tiny::TINY;

/// Twelve steps on frames in f16. The frame loss weighs so much that the first factor on the loss is far too large.
fn config() -> RunConfig {
    let sets = [
        "data.synth.training=2",
        "data.synth.validation=1",
        "data.synth.test=1",
        "data.synth.seconds=[10, 12]",
        "schedule.epochs=6",
        "schedule.warmup-epochs=1",
        "schedule.windows-per-video=2",
        "schedule.evaluate-every=3",
        "schedule.frame-loss=500.0",
        "adapter.precision=f16",
    ];
    RunConfig::demonstration(&TINY.iter().chain(&sets).map(|set| (*set).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_gradient_beyond_f16_halves_the_loss_scale_and_the_checkpoint_knows() {
    let place = Place::new(&config(), |_| {});
    let ended = place.end(place.train("whole", &[]));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("beyond f16"), "{}", ended.said);
    let whole = content(&place.out("whole"));
    let text = |name: &str| {
        let (_, bytes) = whole.iter().find(|(file, _)| file.ends_with(name)).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let log = lines(&text("metrics.jsonl"));
    let left_out: Vec<u64> =
        log.iter().filter(|line| line["kind"] == "skipped-step").map(|line| line["step"].as_u64().unwrap()).collect();
    let state: Value = serde_json::from_str(&text("state.json")).unwrap();
    let scale = &state["loss_scale"];
    assert!((2..10).contains(&left_out.len()), "{left_out:?}");
    assert_eq!(scale["overflows"], left_out.len());
    assert_eq!(scale["factor"].as_f64().unwrap(), 65_536.0 / f64::from(1 << left_out.len()));
    let count = |name: &str| state[name].as_u64().unwrap() as usize;
    assert_eq!(count("optimizer_steps"), count("step") - left_out.len(), "a step that is left out moves nothing");
    assert_eq!(count("skipped_steps"), 0, "and is none of those that end a run");

    // Stopped after each of the first steps, in the middle of it all.
    for stop in 1..=4 {
        let name = format!("stopped-{stop}");
        let log = place.out(&name).join("metrics.jsonl");
        let mut started = place.start(place.train(&name, &[]));
        started.until(|| std::fs::read_to_string(&log).is_ok_and(|log| log.lines().count() >= stop));
        started.signal("TERM");
        let ended = started.wait();
        assert!(matches!(ended.code, Some(0 | 143)), "{}", ended.said);
        let ended = place.end(place.train(&name, &["--resume"]));
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert_same(&content(&place.out(&name)), &whole);
    }
}
