"""Weights and pictures that both sides of a comparison compute from the same formula, as in tests/engine/torchvision.rs."""
import math
import zlib

import numpy as np


def hashed(name, count):
    """Values in [-1, 1) from a hash of the tensor's name and the index, exact in f32."""
    x = np.arange(count, dtype=np.uint64) * 2654435761 + zlib.crc32(name.encode())
    x = (x ^ (x >> np.uint64(15))) * np.uint64(2246822519) & np.uint64(0xFFFFFFFF)
    x = (x ^ (x >> np.uint64(13))) * np.uint64(3266489917) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return ((x >> np.uint64(8)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)).astype(np.float32)


def weights(name, shape):
    u = hashed(name, math.prod(shape)).reshape(shape)
    if name.endswith("running_var"):
        return np.float32(1) + np.float32(0.5) * u
    if len(shape) >= 2:
        return u * np.float32(math.sqrt(6 / math.prod(shape[1:])))
    # Scales of batch normalisation stay near 1, shifts and means near 0.
    return np.float32(1 if name.endswith(".weight") else 0) + np.float32(0.25) * u
