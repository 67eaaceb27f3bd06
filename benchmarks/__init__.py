"""Programs that measure hwgen; run from the checkout, not installed."""
