//! Files with bits flipped at random: read or refused, never a panic, never for long.

use std::time::{Duration, Instant};

use super::super::WeightFile;
use super::make::{Draws, fixture, opened};

fn read_all(file: &WeightFile) {
    for state in file.state_dicts() {
        for (_, tensor) in state.tensors {
            file.read_f32(tensor).ok();
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    for (name, head) in [
        // Half of the flips go into the part that holds more than numbers.
        ("tensor_forms.pth", 2000),
        ("tensor_forms_legacy.pth", 2300),
        ("tensor_forms.expect.safetensors", 1400),
        ("mmaction_pretrain_legacy.pth", 6000),
        ("mmaction_pretrain.pth", 6000),
    ] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for seed in 0..400u64 {
            let mut draws = Draws(seed);
            let mut bytes = whole.clone();
            for _ in 0..=draws.below(4) {
                let place = match draws.below(4) {
                    0 => draws.below(bytes.len()),
                    1 => bytes.len() - 1 - draws.below(2000),
                    _ => draws.below(head),
                };
                bytes[place] ^= 1 << draws.below(8);
            }
            let begin = Instant::now();
            if let Ok(file) = opened(&bytes) {
                read_all(&file);
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "{name}, seed {seed}: {:?}", begin.elapsed());
        }
    }
}

#[test]
fn random_opcodes_never_panic() {
    const OPCODES: &[u8] =
        b".NJKMGUXCB(012]}){ltdaesuhjqrcRQb\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x8e\x8f\x90\x91\x92\x93\x94\x95";
    for seed in 0..3000u64 {
        let mut draws = Draws(seed);
        let body: Vec<u8> = (0..draws.below(200))
            .map(|_| if draws.below(3) == 0 { draws.below(6) as u8 } else { OPCODES[draws.below(OPCODES.len())] })
            .collect();
        let body = [b"\x80\x04ctorch._utils\n_rebuild_tensor_v2\n", &body[..], b"."].concat();
        if let Ok(file) = opened(&super::make::pth(&body, &[&[0; 64]])) {
            read_all(&file);
        }
    }
}
