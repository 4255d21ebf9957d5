"""Makes rows keep rules beyond their schema's: one by one, among siblings, with other tables."""
