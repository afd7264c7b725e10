"""The sample corpus: readable sources, hand labels, and the landing zone that is built from them."""
