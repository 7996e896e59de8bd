"""Token sets, and how training windows are drawn from them."""
