"""What callers use: the public methods, the Protocols they satisfy, streams, batches and the tool loop."""
