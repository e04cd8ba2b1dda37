"""The APIs that classify texts, a module for each form: Hugging Face's tasks, and decisions."""
