"""Training of the small geometry network that Sharpstream ships; independent of the product."""
