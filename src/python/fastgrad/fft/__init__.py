"""Fourier transforms, by NumPy's names: real tensors or complex pairs in, pairs or real tensors out.

The numbers are NumPy's own. Each transform is linear, so gradients are transforms, too.
"""

from fastgrad._complex_tensor import ComplexTensor, as_complex
from fastgrad.fft.one_axis import fft, ifft, irfft, rfft
from fastgrad.fft.several_axes import (
    fft2,
    fftfreq,
    fftn,
    fftshift,
    ifft2,
    ifftn,
    ifftshift,
    irfft2,
    irfftn,
    rfft2,
    rfftfreq,
    rfftn,
)

__all__ = [
    "ComplexTensor",
    "as_complex",
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
