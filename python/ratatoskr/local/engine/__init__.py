"""The engine: sessions of ONNX Runtime, batches, worker threads, and the pool of loaded models.

It knows no capability. What is specific to one, such as the pooling of embeddings, is a `Head`.
"""
