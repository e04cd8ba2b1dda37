"""What is known of models, as data: rows of rules per family, and what they mean for a request's parameters."""
