"""Training of the small geometry network that Sharpstream ships; apart from the product in both directions."""
