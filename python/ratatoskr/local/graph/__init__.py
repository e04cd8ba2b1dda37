"""ONNX graphs built from a model's weights, in a cache on disk."""
