"""Order, retry and fallback over candidates; it knows no concrete provider."""
