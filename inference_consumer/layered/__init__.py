"""``layered``: a photo to Gaussians in two layers, by a geometry network and the building of a scene from it.

`geometry` is the interface of the networks: depth, sky, focal length from a picture. `scene` builds the
Gaussians from their answer; it must not know networks. `model` joins both behind `inference_consumer.models`.
"""
