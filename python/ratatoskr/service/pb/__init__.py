"""Code that `protoc` has generated from `proto/ratatoskr/v1/ratatoskr.proto`."""
