"""What rules say: their texts, the language of these, and the steps that keep them."""
