import pytest

# The group `training` is not part of the tests' environment everywhere.
for package in ("torch", "numba", "skimage"):
    pytest.importorskip(package, reason="needs the dependency group `training`")
