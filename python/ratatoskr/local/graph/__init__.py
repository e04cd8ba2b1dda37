"""From a model's weights to an ONNX graph made for speed."""
