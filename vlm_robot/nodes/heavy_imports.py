"""
Imports what takes a node with a model longest, torch and transformers, without the garbage collector in the way.

They make 480,000 objects that stay, and the collector looks at all of them again and again: with what else a detector
imports 4.9 s, and so 4.1 s (2 cores). To be imported before anything else that needs them. See also ``heap.settle``.
"""

from __future__ import annotations

import gc

is_enabled = gc.isenabled()
gc.disable()
try:
    import torch  # noqa: F401
    import torchvision.transforms.v2  # noqa: F401
    import transformers.modeling_utils  # noqa: F401
finally:
    if is_enabled:
        gc.enable()
    gc.freeze()
