"""Accounts that limits and budgets count in: in memory, in a file, or wherever a `Ledger` keeps them."""
