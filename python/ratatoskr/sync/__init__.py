"""The blocking gateway and what runs its coroutines."""
