#!/usr/bin/env python3
"""Compares this build with Hugging Face's VideoMAE, on models of random weights and odd sizes.

    pip install torch transformers
    python docs/compare_hugging_face.py

Each model is saved as Hugging Face saves it, with its input, the position table, every hidden state and its output beside
it; `cargo xtask parity` then reads the model and computes the same. Expected are Torch's numbers in float64. Tolerated is
ten times the largest difference between Torch's own float32 and those. Exit codes are those of `parity`: 0 all agree.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH, SAFETY = 2, 10
# Between epsilons of 1e-12 and 1e-6 the difference drowns in rounding; 1e-2 shows whether the model's own is used.
SIZES = {
    "usual": dict(hidden_size=48, num_attention_heads=3, num_hidden_layers=2, intermediate_size=192, image_size=32),
    "odd": dict(hidden_size=60, num_attention_heads=5, num_hidden_layers=3, intermediate_size=100, image_size=48),
    "eps1e-6": dict(
        hidden_size=88, num_attention_heads=11, num_hidden_layers=2, intermediate_size=77, image_size=48,
        layer_norm_eps=1e-6,
    ),
    "eps1e-2_patch14": dict(
        hidden_size=36, num_attention_heads=2, num_hidden_layers=4, intermediate_size=145, image_size=70, patch_size=14,
        layer_norm_eps=1e-2,
    ),
    "nobias_patch8": dict(
        hidden_size=70, num_attention_heads=7, num_hidden_layers=2, intermediate_size=51, image_size=40, patch_size=8,
        qkv_bias=False, qv_bias=False,  # 4.x and 5.x name it differently
    ),
}


def randomise(model: torch.nn.Module) -> None:
    """Moves every parameter: fresh biases are all zero and fresh norms all one, which would hide a mix-up."""
    for name, parameter in model.named_parameters():
        if name.endswith("weight") and parameter.dim() == 1:  # of a norm
            torch.nn.init.normal_(parameter, mean=1.0, std=0.2)
        elif parameter.dim() == 1:
            torch.nn.init.normal_(parameter, std=0.2)
        else:
            fan_in = parameter[0].numel()
            torch.nn.init.normal_(parameter, std=fan_in**-0.5)


def outputs(model: torch.nn.Module, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """The numbers compared, in the type of the model."""
    with torch.no_grad():
        result = model(pixels, output_hidden_states=True)
    found = {f"out/hidden_states.{i}": hidden for i, hidden in enumerate(result.hidden_states)}
    if hasattr(model, "classifier"):
        found["out/logits"] = result.logits
    else:
        found["out/last_hidden_state"] = result.last_hidden_state
    embeddings = getattr(model, "videomae", model).embeddings
    found["position_embeddings"] = embeddings.position_embeddings.to(pixels.dtype)
    return {name: tensor.contiguous() for name, tensor in found.items()}


def write(folder: pathlib.Path, size: dict, classifier: bool) -> None:
    """A model and what it computes."""
    config = transformers.VideoMAEConfig(**size, num_frames=16, num_labels=7, use_mean_pooling=classifier)
    kind = transformers.VideoMAEForVideoClassification if classifier else transformers.VideoMAEModel
    model = kind(config).eval()
    randomise(model)
    model.save_pretrained(folder)

    side = config.image_size
    pixels = torch.randn(BATCH, 16, 3, side, side)
    single, double = outputs(model, pixels), outputs(model.double(), pixels.double())
    error = max((single[name].double() - double[name]).abs().max().item() for name in double)
    save_file({"in/pixel_values": pixels, **double}, folder / "io.safetensors")
    (folder / "sidecar.json").write_text(json.dumps({"cls": kind.__name__, "atol": SAFETY * error}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, help="where models are written and stay [default: nowhere]")
    parser.add_argument("--adatad", help="a built `adatad` to compare [default: `cargo xtask` builds it]")
    parser.add_argument("--seed", type=int, default=0, help="of weights and inputs [default: 0]")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    transformers.utils.logging.disable_progress_bar()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or pathlib.Path(temporary)
        for name, size in SIZES.items():
            for classifier in (False, True):
                write(folder / f"{name}_{'classifier' if classifier else 'model'}", size, classifier)
        command = [args.adatad] if args.adatad else ["cargo", "xtask"]
        # `cargo xtask` is known inside the repository only.
        place = None if args.adatad else ROOT
        return subprocess.run([*command, "parity", str(folder.resolve())], cwd=place).returncode


if __name__ == "__main__":
    sys.exit(main())
