#!/usr/bin/env python3
"""Writes a small VideoMAE of random weights as ONNX, with an input and what Torch makes of it, into `model/`.

    pip install torch transformers onnx onnxscript
    python export_videomae.py
"""

import pathlib

import torch
import transformers
from safetensors.torch import save_file

OPSET = 23  # has attention and GELU as one operator each
CLIPS, SIDE = 2, 48


class Stream(torch.nn.Module):
    """What AdaTAD reads: the residual stream behind the last block, before any final norm."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.embeddings, self.layers = model.embeddings, model.encoder.layer

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.embeddings(pixels, None)
        for layer in self.layers:
            out = layer(x)
            x = out[0] if isinstance(out, tuple) else out  # a tuple up to transformers 4
        return x


def main() -> None:
    torch.manual_seed(0)
    config = transformers.VideoMAEConfig(
        hidden_size=60, num_attention_heads=5, num_hidden_layers=3, intermediate_size=100, image_size=SIDE, num_frames=16,
        use_mean_pooling=True,  # no final norm
    )
    model = Stream(transformers.VideoMAEModel(config)).eval()
    for parameter in model.parameters():  # fresh biases are all zero, which would hide a mix-up
        torch.nn.init.normal_(parameter, std=0.2)
    pixels = torch.randn(CLIPS, 16, 3, SIDE, SIDE)
    with torch.no_grad():
        features, exact = model(pixels), model.double()(pixels.double())

    folder = pathlib.Path(__file__).resolve().parent / "model"
    folder.mkdir(exist_ok=True)
    error = (features.double() - exact).abs().max()
    # Tolerated is ten times what Torch's own float32 is off.
    expected = {"pixels": pixels, "features": exact.float(), "tolerance": 10 * error.float().reshape(1)}
    save_file(expected, folder / "expected.safetensors")
    traced = torch.cat([pixels, pixels])  # other clips than are compared: their number is free
    torch.onnx.export(
        model.float(), (traced,), folder / "videomae.onnx", dynamo=True, opset_version=OPSET, verbose=False,
        input_names=["pixels"], output_names=["features"], dynamic_shapes={"pixels": {0: "clips"}},
    )
    largest = exact.abs().max()
    print(f"{folder}: features {list(features.shape)}, up to {largest:.1f}; Torch's float32 is off by {error:.1e}")


if __name__ == "__main__":
    main()
