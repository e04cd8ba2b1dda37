"""Order, retry and fallback over candidates, independent of concrete providers."""
