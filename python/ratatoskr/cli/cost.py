"""Amounts of money as the command line shows them."""

from __future__ import annotations

from decimal import Decimal


def format_amount(amount: Decimal, currency: str = "USD") -> str:
    """Return an amount with its currency; a small one with as many digits as it needs."""
    text = f"{amount:.6f}" if abs(amount) < 1 else f"{amount:,.2f}"
    return f"{text} {currency}"
